"""Training of SemTalk on BEAT2: the codecs, then the base and the sparse network on them (docs/sources/semtalk.md,
sections 3.1 and 8).

HuBERT and CLIP are frozen, as released: their features are computed once, before training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.body.smplx_model import BodyModel
from engine.generators.published.semtalk_hearing import SLOWED_RATE, Hearing, beat_features, on_frames
from engine.generators.published.semtalk_words import window_text
from engine.models.codecs import MotionCodec
from engine.models.emage_motion import PART_JOINTS, split_parts
from engine.models.rvq import RATIO, Rvq, RvqSize
from engine.models.semtalk import SemTalkBase, SemTalkSparse
from engine.models.semtalk_body import PARTS, SemTalkSize
from engine.models.semtalk_motion import SemTalkCodecs
from engine.models.vocabulary import Vocabulary, collected
from engine.speech.librosa_once import librosa
from engine.training.beat2 import FPS, RATE, WINDOW
from engine.training.beat2_text import semantic_scores, word_intervals
from engine.training.emage_data import EmageData, cut
from engine.training.emage_vq import EXPRESSION, CodecLosses, geodesic, mesh_losses, moving, rotations_of
from engine.training.loop import Batch, RunOptions
from engine.training.semtalk_losses import SemTalkBatch, base_losses, sparse_losses

# SemTalk's release (docs/sources/semtalk.md, sections 3.1, 4.6 and 8).
BETAS = (0.5, 0.999)  # Adam's
CLIP = 0.99  # norm of a gradient
EPOCHS = 200.0  # of a training
SHARE_START, SHARE_RISE, SHARE_EPOCHS, SHARE_UNTIL = 0.05, 0.95, 400.0, 130.0  # of channels that are hidden, and epochs
LEAST_SCORE = 0.1  # 0..1; at or below it a stretch has no meaning
BASE, SPARSE = "semtalk-base", "semtalk-sparse"
Floats = NDArray[np.float32]
Sentences = Callable[[list[str]], Tensor]


def hidden_share(epoch: float) -> float:
    """The share of channels that the random passes hide: from 5 % on, growing until epoch 130, 36 % from there on."""
    return SHARE_START + SHARE_RISE * min(epoch, SHARE_UNTIL) / SHARE_EPOCHS


class RvqLosses(CodecLosses):
    """The losses of one part's codec on windows ``x`` (B, T, C), and ``betas`` (B, 300) with a mesh.

    The release takes differences of the mesh over neighbouring vertices by mistake; here they are over time.
    """

    def __init__(self, part: str, codec: Rvq, body: BodyModel | None = None) -> None:
        super().__init__(part, cast(MotionCodec, codec), body)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses; their sum is trained on."""
        wanted = batch["x"]
        rebuilt, quantized = cast(Rvq, self.codec)(wanted)
        found = rebuilt.float()
        joints = len(PART_JOINTS[self.part])
        turned, target = rotations_of(found, joints), rotations_of(wanted, joints)
        losses = {
            "rotation": geodesic(turned, target),
            "motion": moving(turned, target),
            "commitment": quantized.commitment,
        }
        if self.part == "face":
            losses["expression"] = functional.mse_loss(found[..., EXPRESSION], wanted[..., EXPRESSION])
            losses["expression_motion"] = moving(found[..., EXPRESSION], wanted[..., EXPRESSION])
        if self.part == "lower":
            return losses | self._feet(found, wanted, turned, target, batch)
        if self._body is None:
            return losses
        shapes = [values[..., EXPRESSION] if self.part == "face" else None for values in (found, wanted)]
        betas = batch["betas"]
        made, goal = self._body.vertices(turned, betas, shapes[0]), self._body.vertices(target, betas, shapes[1])
        return losses | mesh_losses(made, goal, squared=False)


class RvqTask:
    """Training of the codec of one part."""

    def __init__(self, data: EmageData, part: str, size: RvqSize, body: BodyModel | None = None) -> None:
        codec = Rvq(size)
        self.kind = f"semtalk-rvq-{part}"
        self.sizes: dict[str, Any] = asdict(size)
        self.trained: nn.Module = codec
        self.losses: nn.Module = RvqLosses(part, codec, body)
        self.items = len(data.pieces)
        self._data, self._part, self._mesh = data, part, body is not None

    def prepare(self, step: int, options: RunOptions) -> None:
        """Nothing: the codebooks follow their latents by themselves."""

    def batch(self, items: NDArray[np.int64], step: int) -> Batch:
        """The part's channels of these windows."""
        del step
        found = {"x": self._data.parts(items)[self._part]}
        return {**found, "betas": self._data.betas(items)} if self._mesh else found


@dataclass(frozen=True, eq=False)
class SemTalkData:
    """What the networks need of every clip beside motion: ``hubert`` (T, D), ``beat`` (T, 3), ``words`` (T,),
    ``scores`` (T,); of every window its ``sentences`` (windows, D) where they are wanted; and the vocabulary of all."""

    hubert: list[Tensor]
    beat: list[Tensor]
    words: list[Tensor]
    scores: list[Tensor]
    sentences: Tensor | None
    vocabulary: Vocabulary


def read_semtalk(
    folder: Path,
    data: EmageData,
    hear: Callable[[Floats], Floats],
    hearing: Hearing,
    encode: Sentences | None = None,
) -> SemTalkData:
    """Words, labels and features of the clips of ``data``, which lie in a folder of BEAT2.

    ``hear``: a wave -> HuBERT's features of every 320 samples; ``encode``: texts -> vectors. CospeechError names a file
    that is missing.
    """
    names = [clip.entry.name for clip in data.clips]
    intervals = [word_intervals(folder, name) for name in names]
    known = collected(mark for found in intervals for _, _, mark in found)
    frames = [clip.frames for clip in data.clips]
    waves = [clip.wave.astype(np.float32) / 32767.0 for clip in data.clips]
    scores = [semantic_scores(folder, name, count) for name, count in zip(names, frames, strict=True)]
    sentences = None
    if encode is not None:
        texts = [window_text(intervals[piece.clip], piece.start, WINDOW, hearing) for piece in data.pieces]
        sentences = torch.cat([encode(texts[first : first + 64]) for first in range(0, len(texts), 64)]).clone()
    return SemTalkData(
        [_hubert(wave, count, hear, hearing) for wave, count in zip(waves, frames, strict=True)],
        [_held(beat_features(wave, hearing), count) for wave, count in zip(waves, frames, strict=True)],
        [torch.from_numpy(known.frames(found, count, FPS)) for found, count in zip(intervals, frames, strict=True)],
        [torch.from_numpy(np.where(found > LEAST_SCORE, found, 0.0).astype(np.float32)) for found in scores],
        sentences,
        known,
    )


def _hubert(wave: Floats, frames: int, hear: Callable[[Floats], Floats], hearing: Hearing) -> Tensor:
    if hearing.slowed:
        wave = librosa().resample(wave, orig_sr=RATE, target_sr=SLOWED_RATE)
    return torch.from_numpy(on_frames(hear(wave), frames, hearing))


def _held(values: Floats, frames: int) -> Tensor:
    """The first frames, the last one held where there are too few."""
    return torch.from_numpy(values[np.minimum(np.arange(frames), len(values) - 1)])


class NetworkLosses(nn.Module):
    """The losses of one of the networks; the codecs are frozen and no part of what is trained."""

    def __init__(self, model: SemTalkBase | SemTalkSparse, codecs: SemTalkCodecs, published: bool) -> None:
        super().__init__()
        self.model, self._published = model, published
        self._codecs = [codecs.eval().requires_grad_(False)]  # in a list: not a sub-module

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses; their sum is trained on."""
        motion = batch["motion"]
        codecs = self._codecs[0].to(motion.device)
        with torch.no_grad():
            parts = split_parts(motion, batch["expressions"])
            codes = {part: codecs.codec(part).to_indices(parts[part]) for part in PARTS}
        found = SemTalkBatch(
            batch["hubert"],
            batch["beat"],
            batch["words"],
            batch["sentence"],
            batch["speaker"][:, None].expand(-1, WINDOW),
            motion,
            codes,
            torch.rand_like(motion) < batch["share"],
            batch["score"].unflatten(1, (-1, RATIO)).mean(-1),  # type: ignore[no-untyped-call]
        )
        if isinstance(self.model, SemTalkBase):
            return base_losses(self.model, codecs, found, self._published)
        return sparse_losses(self.model, codecs, found)


class NetworkTask:
    """The base or the sparse network on windows of a data set. ``published`` keeps the fault of the base's losses."""

    def __init__(
        self,
        model: SemTalkBase | SemTalkSparse,
        data: EmageData,
        speech: SemTalkData,
        codecs: SemTalkCodecs,
        batch: int,
        published: bool = False,
        epochs: float = EPOCHS,
    ) -> None:
        self.kind = BASE if isinstance(model, SemTalkBase) else SPARSE
        self.sizes: dict[str, Any] = asdict(model.size)
        self.trained: nn.Module = model
        self.losses: nn.Module = NetworkLosses(model, codecs, published)
        self.items = len(data.pieces)
        self._data, self._speech, self._epochs = data, speech, epochs
        self._steps_per_epoch = max(1, self.items // batch)

    def prepare(self, step: int, options: RunOptions) -> None:
        """Nothing but gradients."""

    def batch(self, items: NDArray[np.int64], step: int) -> Batch:
        """Motion, features, words, sentences, speakers and scores of these windows, and the share to hide."""
        motion, expressions = self._data.motion(items)
        pieces = [self._data.pieces[item] for item in items]

        sentences = self._speech.sentences
        epoch = step / self._steps_per_epoch * EPOCHS / self._epochs
        return {
            "motion": motion,
            "expressions": expressions,
            "hubert": cut(self._speech.hubert, pieces, WINDOW),
            "beat": cut(self._speech.beat, pieces, WINDOW),
            "words": cut(self._speech.words, pieces, WINDOW),
            "score": cut(self._speech.scores, pieces, WINDOW),
            "sentence": torch.zeros(len(pieces), 1) if sentences is None else sentences[torch.from_numpy(items)],
            "speaker": self._data.speakers_of(pieces),
            "share": torch.tensor(hidden_share(epoch)),
        }


def network_size(codecs: SemTalkCodecs, speech: SemTalkData, speakers: int, hidden: int, layers: int) -> SemTalkSize:
    """Sizes that fit the data and the codecs; ``hidden`` is the width of the large layers, 768 in the release."""
    codec = codecs.codec("face").size
    return SemTalkSize(
        hubert=speech.hubert[0].shape[1],
        width=codec.width,
        wide=hidden,
        codes=codec.codes,
        speakers=speakers,
        inner=2 * hidden,
        inner_small=2 * codec.width,
        face_layers=max(1, layers // 2),
        body_layers=layers,
        words=speech.vocabulary.size,
        sentence=SemTalkSize().sentence if speech.sentences is None else speech.sentences.shape[1],
    )
