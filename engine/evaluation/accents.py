"""Accents heard in the sound alone, to judge takes by: nothing here knows words, phones or what a planner chose.

Syllable nuclei are bumps of the speech band's loudness that have a voice under them; each is as prominent as it is
louder, higher, longer and brighter than its neighbours (after Mermelstein 1975 and Silipo and Greenberg 1999). The
planner's own accents come from aligned phones, stress and word classes, which this never sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, find_peaks, peak_widths, sosfiltfilt

from engine.speech.types import PROSODY_HOP, SAMPLE_RATE, Floats

Array = NDArray[np.float64]

# By eye, where no source is named.
RATE = round(1.0 / PROSODY_HOP)  # Hz of the frames
SPEECH_BAND, BRIGHT_BAND = (250.0, 3500.0), (1200.0, 5000.0)  # Hz
LEVEL_SMOOTHING = 0.03  # s, sigma, of the loudness in which nuclei are looked for
DIP_DB, NUCLEUS_GAP = 2.0, 0.09  # between two nuclei: how deep, how far apart in s
BELOW_LOUD_DB = 22.0  # a nucleus is no more than this below the loud ones
AROUND = 1.1  # s: the neighbours that a nucleus is compared with
WEIGHTS = (0.4, 0.3, 0.2, 0.1)  # no unit: louder, higher, longer, brighter
PROMINENT = -0.1  # standard deviations, from which a nucleus is an accent: read English has about 1.5 a second
ACCENT_GAP = 0.25  # s from accent to accent
QUIET_DB, QUIET_SECONDS = 26.0, 0.15  # below the loud frames, and for how long, is a pause
SILENT_DB = -75.0  # of full scale: nothing is heard


@dataclass(frozen=True, eq=False)
class SpeechSound:
    """What a line sounds like. Seconds: ``accents`` (n,) and their ``scores`` (n,), all ``nuclei`` (m,), ``pauses``
    (k, 2) with the silence before and after, ``voice`` first and last sound."""

    accents: Array
    scores: Array
    nuclei: Array
    pauses: Array
    voice: tuple[float, float]
    seconds: float

    @property
    def speech_seconds(self) -> float:
        """First to last voice, of pauses no more than their first second."""
        first, last = self.voice
        inside = np.clip(self.pauses, first, last)
        return float(max(0.0, last - first - np.maximum(np.diff(inside, axis=1) - 1.0, 0.0).sum()))


def hear_accents(waveform: Floats, f0: ArrayLike) -> SpeechSound:
    """Accents and pauses of a mono line at 16 kHz. ``f0`` (N // 160 + 1,) Hz every 10 ms, 0 where unvoiced."""
    wave = np.asarray(waveform, dtype=np.float64)
    tones = np.asarray(f0, dtype=np.float64)
    count = len(wave) // round(PROSODY_HOP * SAMPLE_RATE) + 1
    level = _level(wave, SPEECH_BAND, count)
    loud = float(np.quantile(level, 0.95))
    pauses, voice = _pauses(level, loud, len(wave) / SAMPLE_RATE)
    smooth = gaussian_filter1d(level, LEVEL_SMOOTHING * RATE)
    peaks, _ = find_peaks(
        smooth, height=loud - BELOW_LOUD_DB, prominence=DIP_DB, distance=max(1, round(NUCLEUS_GAP * RATE))
    )
    voiced = gaussian_filter1d((_fitted(tones, count) > 0.0).astype(np.float64), 2.0) > 0.3
    peaks = peaks[voiced[peaks]]
    scores = _prominence(wave, smooth, _fitted(tones, count), peaks, count)
    chosen = _separate(peaks / RATE, scores)
    times = peaks / RATE
    return SpeechSound(times[chosen], scores[chosen], times, pauses, voice, len(wave) / SAMPLE_RATE)


def _fitted(values: Array, count: int) -> Array:
    return np.pad(values[:count], (0, max(0, count - len(values))))


def _level(wave: Array, band: tuple[float, float], count: int) -> Array:
    """(count,) dB of a band every 10 ms, in windows of 30 ms."""
    if len(wave) < 64:
        return np.full(count, -100.0)
    sound = sosfiltfilt(butter(2, band, btype="bandpass", fs=SAMPLE_RATE, output="sos"), wave)
    sums = np.concatenate([[0.0], np.cumsum(sound * sound)])
    centres = np.arange(count) * round(PROSODY_HOP * SAMPLE_RATE)
    half = round(0.015 * SAMPLE_RATE)
    low, high = np.clip(centres - half, 0, len(wave)), np.clip(centres + half, 0, len(wave))
    return np.asarray(10.0 * np.log10((sums[high] - sums[low]) / np.maximum(high - low, 1) + 1e-10))


def _pauses(level: Array, loud: float, seconds: float) -> tuple[Array, tuple[float, float]]:
    quiet = level < max(loud - QUIET_DB, SILENT_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8))).reshape(-1, 2) / RATE
    edges = np.minimum(edges, seconds)
    at_ends = (edges[:, 0] <= 0.0) | (edges[:, 1] >= seconds - PROSODY_HOP)
    pauses = edges[(np.diff(edges, axis=1)[:, 0] >= QUIET_SECONDS) | at_ends]
    if quiet.all():
        return np.array([[0.0, seconds]]), (0.0, 0.0)
    sounding = np.flatnonzero(~quiet) / RATE
    return pauses, (float(sounding[0]), float(min(sounding[-1] + PROSODY_HOP, seconds)))


def _prominence(wave: Array, smooth: Array, tones: Array, peaks: NDArray[np.intp], count: int) -> Array:
    """(n,) how much each nucleus stands out from those around it, in standard deviations."""
    if not len(peaks):
        return np.zeros(0)
    semitones = np.where(tones > 0.0, 12.0 * np.log2(np.maximum(tones, 1.0) / 100.0), np.nan)
    height = np.full(len(peaks), np.nan)
    for place, peak in enumerate(peaks):
        near = semitones[max(0, peak - 7) : peak + 8]
        if np.isfinite(near).any():
            height[place] = np.nanmax(near)
    height = np.where(np.isfinite(height), height, np.nanmedian(height) if np.isfinite(height).any() else 0.0)
    length = np.log(np.maximum(peak_widths(smooth, peaks, rel_height=0.5)[0], 2.0))
    bright = _level(wave, BRIGHT_BAND, count)
    bright = gaussian_filter1d(bright, LEVEL_SMOOTHING * RATE)[peaks] - smooth[peaks]
    times = peaks / RATE
    total = np.zeros(len(peaks))
    for weight, values in zip(WEIGHTS, (smooth[peaks], height, length, bright), strict=True):
        local = np.array([np.median(values[np.abs(times - time) <= AROUND]) for time in times])
        away = values - local
        total += weight * np.clip(away / max(float(away.std()), 1e-6), -2.5, 2.5)
    return total


def _separate(times: Array, scores: Array) -> NDArray[np.intp]:
    """The prominent ones, of two that are too close the more prominent one; ascending."""
    taken: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if scores[index] < PROMINENT:
            break
        if all(abs(times[index] - times[other]) >= ACCENT_GAP for other in taken):
            taken.append(int(index))
    return np.array(sorted(taken), dtype=np.intp)
