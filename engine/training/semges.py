"""Training of SemGes on BEAT2: a codec each of hands and body, then the second stage on them (docs/sources/semges.md,
sections 2 and 5).

Motion is SMPL-X's at 30 frames a second, hands and body as its two codebooks; speech is heard on the motion's times.
HuBERT is frozen, as released: its features of a take are computed once, before training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.semges import Semges, SemgesSize, features_at
from engine.models.semges_codec import CODES, WIDTH, SemgesCodec, SemgesCodecSize
from engine.models.semges_motion import SMPLX_CHANNELS, smplx_parts
from engine.models.semges_windows import SMPLX_WINDOW
from engine.models.vocabulary import Vocabulary, collected
from engine.training.beat2 import FPS, windows
from engine.training.beat2_text import semantic_scores, word_intervals
from engine.training.emage_data import EmageData, cut
from engine.training.loop import Batch, RunOptions
from engine.training.semges_losses import SemgesFaults, codec_losses, latent_losses

PARTS = ("hands", "body")
# SemGes' release (docs/sources/semges.md, sections 2 and 5), where it is not said otherwise.
CODEC_BETAS = NETWORK_BETAS = (0.5, 0.999)  # Adam's
CODEC_RATE, CODEC_RATE_BATCH = 3e-4, 128  # the rate is for a batch of 128, and grows with it
NETWORK_CLIP = 0.5  # norm of a gradient
CODEC_STRIDE, NETWORK_STRIDE = 20, 10  # frames from window to window, ours at 30 a second
Hear = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class _CodecLosses(nn.Module):
    """Losses of one codec on windows ``x`` (B, T, 6 J)."""

    def __init__(self, codec: SemgesCodec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses; their sum is trained on."""
        made, found = self.codec(batch["x"])
        losses = codec_losses(made.float(), batch["x"], found)
        return {
            "rotation": losses.matrices,
            "velocity": losses.velocity,
            "acceleration": losses.acceleration,
            "quantiser": losses.quantiser,
        }


class SemgesCodecTask:
    """Training of the codec of hands or body."""

    def __init__(self, data: EmageData, part: str, width: int = WIDTH, codes: int = CODES) -> None:
        size = SemgesCodecSize(SMPLX_CHANNELS[PARTS.index(part)], width, codes)
        codec = SemgesCodec(size)
        self.kind, self.sizes = f"semges-vq-{part}", asdict(size)
        self.trained: nn.Module = codec
        self.losses: nn.Module = _CodecLosses(codec)
        self._motion = parts_of(data)[PARTS.index(part)]
        self._pieces = windows(data.clips, SMPLX_WINDOW, CODEC_STRIDE)
        self.items = len(self._pieces)

    sizes: dict[str, Any]

    def prepare(self, step: int, options: RunOptions) -> None:
        """Nothing: the release neither revives codes nor schedules anything but its rate."""

    def batch(self, items: NDArray[np.int64], step: int) -> Batch:
        """The part's channels of these windows."""
        del step
        return {"x": cut(self._motion, [self._pieces[item] for item in items], SMPLX_WINDOW)}


def parts_of(data: EmageData) -> tuple[list[Tensor], list[Tensor]]:
    """6D channels of hands and of body of every clip."""
    both = [smplx_parts(torch.from_numpy(clip.poses)) for clip in data.clips]
    return [hands for hands, _ in both], [body for _, body in both]


@dataclass(frozen=True, eq=False)
class SemgesData:
    """What the second stage needs of every clip, beside motion: HuBERT's features (N, D) at 50 a second, word rows (T,)
    and semantic scores (T,); and the vocabulary of all."""

    features: list[Tensor]
    words: list[Tensor]
    scores: list[Tensor]
    vocabulary: Vocabulary


def read_semges(folder: Path, data: EmageData, hear: Hear, vocabulary: Vocabulary | None = None) -> SemgesData:
    """Words, labels and features of the clips of ``data`` in a folder of BEAT2.

    ``vocabulary`` None: all words of these clips. CospeechError names a file that is missing.
    """
    names = [clip.entry.name for clip in data.clips]
    intervals = [word_intervals(folder, name) for name in names]
    known = vocabulary or collected(mark for found in intervals for _, _, mark in found)
    frames = [clip.frames for clip in data.clips]
    return SemgesData(
        [torch.from_numpy(hear(clip.wave.astype(np.float32) / 32767.0)) for clip in data.clips],
        [torch.from_numpy(known.frames(found, count, FPS)) for found, count in zip(intervals, frames, strict=True)],
        [torch.from_numpy(semantic_scores(folder, name, count)) for name, count in zip(names, frames, strict=True)],
        known,
    )


class _NetworkLosses(nn.Module):
    """Losses of the second stage; the codecs are frozen and stay in evaluation."""

    def __init__(self, model: Semges, codecs: tuple[SemgesCodec, SemgesCodec], faults: SemgesFaults) -> None:
        super().__init__()
        self.model, self._faults = model, faults
        self.hands, self.body = (codec.requires_grad_(False) for codec in codecs)

    def train(self, mode: bool = True) -> _NetworkLosses:
        """Only the second stage trains."""
        super().train(mode)
        self.hands.eval()
        self.body.eval()
        return self

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses; their sum is trained on."""
        out = self.model(batch["audio"], batch["words"], batch["speaker"])
        losses = latent_losses(
            out, batch["hands"], batch["body"], batch["score"], (self.hands, self.body), self._faults
        )
        return {
            "quantised": losses.quantised_hands + losses.quantised_body,
            "coherence": losses.coherence_hands + losses.coherence_body,
            "relevance": losses.relevance,
        }


class SemgesTask:
    """Training of the second stage on frozen codecs."""

    def __init__(
        self,
        data: EmageData,
        speech: SemgesData,
        codecs: tuple[SemgesCodec, SemgesCodec],
        size: SemgesSize,
        faults: SemgesFaults,
    ) -> None:
        model = Semges(size)
        self.kind, self.sizes = "semges", {**asdict(size), **asdict(faults)}
        self.trained: nn.Module = model
        self.losses: nn.Module = _NetworkLosses(model, codecs, faults)
        self._data, self._speech = data, speech
        self._hands, self._body = parts_of(data)
        self._pieces = windows(data.clips, SMPLX_WINDOW, NETWORK_STRIDE)
        self.items = len(self._pieces)

    sizes: dict[str, Any]

    def prepare(self, step: int, options: RunOptions) -> None:
        """Nothing is scheduled."""

    def batch(self, items: NDArray[np.int64], step: int) -> Batch:
        """Speech, words, speaker, score and motion of these windows."""
        del step
        pieces = [self._pieces[item] for item in items]

        features = self._speech.features
        audio = [features_at(features[piece.clip][None], piece.start, SMPLX_WINDOW, FPS) for piece in pieces]
        return {
            "audio": torch.cat(audio),
            "words": cut(self._speech.words, pieces, SMPLX_WINDOW),
            "speaker": self._data.speakers_of(pieces),
            "score": cut(self._speech.scores, pieces, SMPLX_WINDOW),
            "hands": cut(self._hands, pieces, SMPLX_WINDOW),
            "body": cut(self._body, pieces, SMPLX_WINDOW),
        }
