"""Windows of BEAT2 as EMAGE's networks take them: body part channels for the codecs, speech and codes for the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.body.smplx_model import BodyModel
from engine.errors import CospeechError
from engine.models.emage_motion import split_parts, whole_body
from engine.training.beat2 import SAMPLES, WINDOW, Clip, Piece, read_clip, read_list, windows
from engine.training.mesh import model_places

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class EmageData:
    """Clips of one split, held in memory, and the windows over them.

    ``channels`` (T, 337) and ``expressions`` (T, 100) of every clip; ``waves`` (N,) int16.
    """

    clips: list[Clip]
    channels: list[Tensor]
    expressions: list[Tensor]
    waves: list[NDArray[np.int16]]
    pieces: list[Piece]

    @property
    def speakers(self) -> int:
        """How many rows a table of speakers needs."""
        return 1 + max(clip.entry.speaker for clip in self.clips)

    def motion(self, items: NDArray[np.int64], length: int = WINDOW) -> tuple[Tensor, Tensor]:
        """Whole-body channels (B, T, 337) and expressions (B, T, 100) of windows."""
        pieces = [self.pieces[item] for item in items]
        return cut(self.channels, pieces, length), cut(self.expressions, pieces, length)

    def parts(self, items: NDArray[np.int64]) -> dict[str, Tensor]:
        """The codecs' inputs of windows."""
        return split_parts(*self.motion(items))

    def clip_parts(self) -> Iterator[dict[str, Tensor]]:
        """The codecs' inputs (1, T, C) of every clip."""
        for channels, expressions in zip(self.channels, self.expressions, strict=True):
            yield split_parts(channels[None], expressions[None])

    def betas(self, items: NDArray[np.int64]) -> Tensor:
        """Body shapes (B, 300) of windows' speakers."""
        return torch.from_numpy(np.stack([self.clips[self.pieces[item].clip].betas for item in items]))

    def speech(self, items: NDArray[np.int64], length: int = WINDOW) -> tuple[Tensor, Tensor]:
        """Waveforms (B, samples) in -1..1 and speakers (B,) of windows."""
        waves, pieces = [], [self.pieces[item] for item in items]
        for piece in pieces:
            first = piece.start * SAMPLES
            waves.append(self.waves[piece.clip][first : first + length * SAMPLES].astype(np.float32) / 32767.0)
        return torch.from_numpy(np.stack(waves)), self.speakers_of(pieces)

    def speakers_of(self, pieces: Sequence[Piece]) -> Tensor:
        """(B,) numbers of windows' speakers."""
        return torch.tensor([self.clips[piece.clip].entry.speaker for piece in pieces])


def cut(rows: Sequence[Tensor], pieces: Sequence[Piece], frames: int) -> Tensor:
    """(B, frames, ...) windows of the clips' rows (T, ...)."""
    return torch.stack([rows[piece.clip][piece.start : piece.start + frames] for piece in pieces])


def read_data(
    folder: Path,
    split: str,
    speakers: tuple[int, ...] = (),
    progress: Progress = lambda *_: None,
    body: BodyModel | None = None,
) -> EmageData:
    """All takes of a split (of these speakers, or of all); CospeechError where there is none.

    Contacts that the folder does not hold are worked out on ``body``, else on our own skeleton.
    """
    entries = [e for e in read_list(folder) if e.split == split and (not speakers or e.speaker in speakers)]
    if not entries:
        raise CospeechError(f"{folder} lists no take of the split '{split}' for these speakers; choose others")
    clips, places = [], None if body is None else model_places(body)
    for index, entry in enumerate(entries):
        progress("read", index / len(entries))
        clips.append(read_clip(folder, entry, places))
    channels = [clip_channels(clip) for clip in clips]
    expressions = [torch.from_numpy(clip.expressions) for clip in clips]
    return EmageData(clips, channels, expressions, [clip.wave for clip in clips], windows(clips))


def clip_channels(clip: Clip) -> Tensor:
    """(T, 337) of a clip."""
    poses, trans, contacts = (torch.from_numpy(values)[None] for values in (clip.poses, clip.trans, clip.contacts))
    return whole_body(poses, trans, contacts)[0]
