"""Steady noise taken off a recording before the aligner hears it (spectral subtraction; never heard by anybody).

The acoustic model was trained on fairly clean speech: at 10 dB of broadband noise, this halves its timing errors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.speech.types import Floats

_WINDOW, _HOP = 512, 128  # samples at 16 kHz (32 and 8 ms), by eye
_LOOK = 3000  # frames looked at, spread over the recording, for the noise; by eye
_QUIET = 0.15  # by eye: this quantile of a band's power is noise, of which the mean is a little higher
_MEAN_OVER_QUANTILE = 1.3  # no unit, mean power of noise over that quantile, by eye
# No unit, by eye: half as much again as the noise is taken off, a fifth of the amplitude always stays.
_OVER, _GAIN_FLOOR = 1.5, 0.2
_CLEAN_DB = 38.0  # loud frames over quiet frames, by eye: above it there is nothing to take off
_NOTHING = 1e-4  # of full scale, by eye: an editor's silence around a line, which is not the recording's noise
_SHAPE = np.hanning(_WINDOW + 1)[:-1]
_OVERLAP_GAIN = 1.5  # no unit, sum of squared windows at this hop


class NoiseReducer:
    """The noise of one recording, and :meth:`clean` for parts of it."""

    def __init__(self, waveform: Floats) -> None:
        step = max(_HOP, (len(waveform) - _WINDOW) // _LOOK)
        frames = np.lib.stride_tricks.sliding_window_view(waveform, _WINDOW)[::step]
        audible = np.abs(frames).max(axis=1) > _NOTHING
        frames = frames[audible] if audible.any() else frames
        power = np.abs(np.fft.rfft(frames * _SHAPE, axis=1)) ** 2
        loudness = 10 * np.log10(power.sum(axis=1) + 1e-9)
        self.snr = float(np.quantile(loudness, 0.9) - np.quantile(loudness, 0.05))
        self._noise = np.quantile(power, _QUIET, axis=0) * _MEAN_OVER_QUANTILE

    def clean(self, piece: Floats) -> Floats:
        """``piece`` (N,) without the noise; unchanged when the recording is clean."""
        if self.snr > _CLEAN_DB or len(piece) < _WINDOW:
            return piece
        padded = np.pad(piece, (_WINDOW, 2 * _WINDOW))
        spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * _SHAPE, axis=1)
        power = _smoothed(np.asarray(np.abs(spectra) ** 2, np.float64))
        gain = np.sqrt(np.maximum(1.0 - _OVER * self._noise / (power + 1e-12), _GAIN_FLOOR**2))
        frames = np.fft.irfft(spectra * gain, axis=1) * _SHAPE
        result = np.zeros(len(frames) * _HOP + _WINDOW)
        for part in range(_WINDOW // _HOP):  # frames part, part + 4, ... lie end to end
            rows = frames[part :: _WINDOW // _HOP].ravel()
            result[part * _HOP : part * _HOP + len(rows)] += rows
        return np.asarray(result[_WINDOW : _WINDOW + len(piece)] / _OVERLAP_GAIN, np.float32)


def _smoothed(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over five frames in time."""
    sums = np.cumsum(np.pad(power, ((3, 2), (0, 0)), mode="edge"), axis=0)
    smooth: NDArray[np.float64] = (sums[5:] - sums[:-5]) / 5.0
    return smooth
