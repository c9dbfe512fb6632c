"""Figures of a mouth against phones whose times are known (docs/sources/lipsync.md, section 6). Numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d

from engine.speech.types import SAMPLE_RATE, SILENCE, Phone

Array = np.ndarray

MEETING = 11  # of the 13 columns from the middle to the corner: at the corner the lips always meet
LIPS_MEET = 0.0005  # m
ON_TEETH = 0.0005
OPEN = 0.0012
SETTLE = 0.22  # s after a silence begins, and before it ends, in which a mouth closes and gets ready
PREPARE = 0.20
LAGS_MS = np.arange(-200, 201)
LOUDNESS_SIGMA = 0.010  # s
LOUDNESS_DB = 30.0
EDGE = 0.02


@dataclass
class Tally:
    """What was counted over clips: hits and totals of each kind of contact, speeds in pauses, lags, openings."""

    closed: list[bool] = field(default_factory=list)
    bitten: list[bool] = field(default_factory=list)
    shut_vowels: list[bool] = field(default_factory=list)
    pause_mm_s: list[float] = field(default_factory=list)
    lag_ms: list[float] = field(default_factory=list)
    vowel_mm: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    match: Array = field(default_factory=lambda: np.zeros(len(LAGS_MS)))

    def pooled_lag_ms(self) -> float:
        """The lag at which all clips together match best: positive where the mouth is late."""
        return float(LAGS_MS[int(np.argmax(self.match))])


def near(phone: Phone, times: Array, fps: float) -> Array:
    """Frames (T,) on which a phone shows: inside it, or within half a frame of it."""
    slack = 0.5 / fps + 1e-9
    return np.asarray((times >= phone.start - slack) & (times <= phone.end + slack))


def wants_teeth(phones: Sequence[Phone], times: Array, fps: float) -> Array:
    """Frames (T,) of f and v."""
    wanted = np.zeros(len(times), np.bool_)
    for phone in phones:
        if phone.label in ("F", "V"):
            wanted |= near(phone, times, fps)
    return wanted


def count(
    tally: Tally, name: str, phones: Sequence[Phone], waveform: Array, fps: float, gap: Array, bite: Array, lips: Array
) -> None:
    """Add a clip: ``gap`` (T, 13), ``bite`` (T,) m, ``lips`` (T, n, 3) m of its T frames; ``phones`` the true ones."""
    times = np.arange(len(gap)) / fps
    meeting, middle = gap[:, :MEETING].max(axis=1), gap[:, 0]
    for phone in phones:
        frames = near(phone, times, fps)
        if not frames.any():
            continue
        if phone.label in ("M", "B", "P"):
            tally.closed.append(bool(meeting[frames].min() <= LIPS_MEET))
            if not tally.closed[-1]:
                tally.missed.append(_told(name, phone, meeting[frames].min(), fps))
        if phone.label in ("F", "V"):
            tally.bitten.append(bool(np.nanmin(bite[frames]) <= ON_TEETH))
            if not tally.bitten[-1]:
                tally.missed.append(_told(name, phone, float(np.nanmin(bite[frames])), fps))
        if phone.is_vowel:
            tally.shut_vowels.append(bool(middle[frames].max() < OPEN))
            tally.vowel_mm.append(1000.0 * float(middle[frames].max()))
    _pauses(tally, phones, times, fps, lips)
    _lag(tally, waveform, times, middle)


def _told(name: str, phone: Phone, distance: float, fps: float) -> str:
    return f"{name} {phone.label} {phone.start:.3f}-{phone.end:.3f} s at {fps:g} fps: {1000.0 * distance:.2f} mm"


def _pauses(tally: Tally, phones: Sequence[Phone], times: Array, fps: float, lips: Array) -> None:
    last = max(phone.end for phone in phones)
    for phone in phones:
        if phone.label != SILENCE:
            continue
        start = phone.start + (SETTLE if phone.start > EDGE else 0.0)
        end = phone.end - (PREPARE if phone.end < last - EDGE else 0.0)
        inside = np.flatnonzero((times >= start) & (times <= end))
        if len(inside) > 1:
            steps = np.linalg.norm(np.diff(lips[inside], axis=0), axis=2)
            tally.pause_mm_s.append(1000.0 * fps * float(steps.max()))


def _lag(tally: Tally, waveform: Array, times: Array, opening: Array) -> None:
    """Cross-correlation of the opening with the voice's level, each against its mean, at milliseconds."""
    power = gaussian_filter1d(np.asarray(waveform, np.float64) ** 2, LOUDNESS_SIGMA * SAMPLE_RATE)
    level = 10.0 * np.log10(power + 1e-10)[:: SAMPLE_RATE // 1000]
    level = np.clip(1.0 + (level - np.percentile(level, 98)) / LOUDNESS_DB, 0.0, 1.0)
    fine = np.arange(len(level)) / 1000.0
    mouth = np.interp(fine, times, opening)
    level, mouth = level - level.mean(), mouth - mouth.mean()
    reach = -int(LAGS_MS[0])
    inside = level[reach:-reach]
    match = np.array([inside @ mouth[reach + lag : len(mouth) - reach + lag] for lag in LAGS_MS])
    tally.lag_ms.append(float(LAGS_MS[int(np.argmax(match))]))
    tally.match += match / max(float(np.sqrt((level @ level) * (mouth @ mouth))), 1e-12)
