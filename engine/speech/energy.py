"""Loudness by 10 ms frames, where there is voice, and where a long recording is best cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.speech.types import PROSODY_HOP, SAMPLE_RATE, Floats

HOP = round(PROSODY_HOP * SAMPLE_RATE)
_FLOOR_DB = -100.0  # of full scale, just below a 16-bit recording's last bit (-96)
_DIGITAL_DB = -85.0  # of full scale, by eye: below it nothing was recorded, an editor's silence
_BLOCK = 4096  # frames at a time, by eye


def energy_db(waveform: Floats, width: int = 2) -> Floats:
    """RMS in dB of full scale; value i is centred on i x 10 ms and spans ``width`` x 10 ms. (N // 160 + 1,) float32."""
    count = len(waveform) // HOP + 1
    power = np.empty(count, np.float32)
    half = width * HOP // 2
    for first in range(0, count, _BLOCK):
        last = min(count, first + _BLOCK)
        low, high = first * HOP - half, (last - 1) * HOP + half
        piece = waveform[max(low, 0) : min(high, len(waveform))].astype(np.float64)
        sums = np.concatenate([[0.0], np.cumsum(piece * piece)])
        centres = np.arange(first, last) * HOP - max(low, 0)
        starts = np.clip(centres - half, 0, len(piece))
        ends = np.clip(centres + half, 0, len(piece))
        power[first:last] = (sums[ends] - sums[starts]) / np.maximum(ends - starts, 1)
    return np.asarray(np.maximum(10.0 * np.log10(power + 1e-12), _FLOOR_DB), np.float32)


def recorded(levels: Floats) -> Floats:
    """The levels (dB of full scale) at which something was recorded: the silence that an editor puts around a line says
    nothing of the recording's noise. All of them where there is nothing else."""
    found = levels[levels > _DIGITAL_DB]
    return found if len(found) else levels


def recorded_part(energy: Floats) -> tuple[float, float]:
    """(start, end) in seconds of what was recorded, without an editor's silence before and after it; of the frames of
    :func:`energy_db`. The whole where there is nothing else."""
    audible = np.flatnonzero(energy > _DIGITAL_DB)
    if not len(audible):
        return 0.0, len(energy) * PROSODY_HOP
    return float(audible[0]) * PROSODY_HOP, float(audible[-1] + 1) * PROSODY_HOP


def voice_threshold(energy: Floats) -> float:
    """The level in dB above which frames are taken for voice: between the noise floor and the loud frames."""
    floor, loud = np.quantile(recorded(energy), [0.05, 0.95])
    return float(max(loud - 35.0, min(floor + 10.0, loud - 12.0)))


def quietest(energy: Floats, start: float, end: float) -> float:
    """The time between ``start`` and ``end`` (seconds) at which 0.2 s of audio is quietest: where to cut."""
    first, last = round(start / PROSODY_HOP), round(end / PROSODY_HOP)
    piece = energy[first:last]
    if len(piece) < 21:
        return 0.5 * (start + end)
    smooth = np.convolve(piece, np.full(20, 0.05), "valid")
    return (first + int(np.argmin(smooth)) + 10) * PROSODY_HOP


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[first, last) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
