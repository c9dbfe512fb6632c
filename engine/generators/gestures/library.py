"""The reference behind the gesture network's interface: corpus clips themselves, played by their own time.

For debugging and as the figure to beat; it needs the corpus folder, so it never ships.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.models.phase_gesture import ClipInfo, Landmarks, Recipe, orthonormal_rows
from engine.training.corpus import Clip, read_corpus

Array = NDArray[np.float64]


class CorpusLibrary:
    """A GestureSource that plays clip ``recipe.first`` and ignores mixing and noise."""

    def __init__(self, clips: tuple[Clip, ...]) -> None:
        self._clips = clips
        self.clips: tuple[ClipInfo, ...] = tuple(clip.info for clip in clips)

    @staticmethod
    def load(folder: str | Path) -> CorpusLibrary:
        """Read the corpus folder; CospeechError where it isn't one."""
        return CorpusLibrary(read_corpus(Path(folder)))

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The clip's own landmarks."""
        return self.clips[recipe.first].landmarks

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        return orthonormal_rows(self._clips[recipe.first].at(seconds))
