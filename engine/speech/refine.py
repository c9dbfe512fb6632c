"""Moves the aligner's word edges to where sound begins and ends.

Two known faults of the acoustic model are mended. It lets the first and last sound of a word reach into a short pause;
those edges are trimmed to where the sound stands out from the pause. And its 25 ms analysis window hears a sound
before it begins; what remains of that after trimming was measured on synthetic speech with known times
(tests/bench/speech_bench.py) and is taken off by class of sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.speech.decoder import TokenTimes
from engine.speech.energy import recorded, runs
from engine.speech.types import SAMPLE_RATE, VOWELS, Floats, Phone

Bools = NDArray[np.bool_]

# By eye, where no source is named.
_STEP = 80  # samples: 5 ms
_PEAK_RANGE = 50.0  # dB below a word's loudest moment at which a sound counts as gone
_FLOOR_MARGIN = 6.0  # dB over the recording's noise at which a sound counts as there
_MIN_RANGE = 18.0  # dB below a word's loudest moment, at least
_MIN_TRIM = 0.03  # s, three frames of the aligner: less is left as it is
_DIP = 12  # steps of quiet inside a sound that make it begin behind them
_CLOSURE = 0.045  # s; a plosive's closure belongs to it, as far as it is known to be one
_LONG_CLOSURE = 0.11  # s; one that is longer began as a pause
_KEEP = 0.03  # s of its first and last sound that a word keeps
_JOINED = 0.03  # s; a smaller gap between tokens is no silence
_PLOSIVES = frozenset(["P", "T", "K", "B", "D", "G", "CH", "JH"])
_FAINT = {"F": 0.11, "TH": 0.1, "HH": 0.08, "DH": 0.04, "V": 0.05}  # s, usual lengths of what may be fainter than noise
_GLIDES = frozenset(["L", "R", "W", "Y"])
# Seconds, measured on synthetic speech with known times (tests/bench/speech_bench.py).
_AFTER_SILENCE = {"vowel": -0.005, "plosive": 0.0, "glide": -0.005, "other": -0.005}
_IN_SPEECH = 0.003


def refine_boundaries(waveform: Floats, placed: Sequence[TokenTimes | None], seconds: float) -> list[TokenTimes | None]:
    """The tokens in order with refined starts and ends (seconds); None stays None."""
    floor = _noise_floor(waveform)
    found: list[TokenTimes | None] = []
    previous_end = 0.0
    joined = False
    for number, times in enumerate(placed):
        if times is None:
            found.append(None)
            joined = False
            continue
        following = placed[number + 1] if number + 1 < len(placed) else None
        level, start = _levels(waveform, times)
        loudest = float(level.max())
        loud = level > np.clip(floor + _FLOOR_MARGIN, loudest - _PEAK_RANGE, loudest - _MIN_RANGE)
        begin = _begin(times, loud, start)
        trimmed = begin - times.start > _MIN_TRIM
        if joined and not trimmed:
            begin = times.start + _IN_SPEECH
        else:
            begin += _AFTER_SILENCE[_kind(times.phones[0])]
        end = _end(times, loud, start)
        joined = following is not None and following.start - end < _JOINED
        moved = _with_edges(times, max(previous_end, begin, 0.0), min(end, seconds))
        if not trimmed and found and found[-1] is not None and abs(found[-1].end - times.start) < _JOINED:
            found[-1] = _with_edges(found[-1], found[-1].start, moved.start)
        found.append(moved)
        previous_end = min(moved.end, seconds) - (_IN_SPEECH if joined else 0.0)
    return found


def _noise_floor(waveform: Floats) -> float:
    """The 5th percentile of 5 ms levels in dB, looked at in every seventh step."""
    count = len(waveform) // _STEP
    steps = waveform[: count * _STEP].reshape(count, _STEP)[::7]
    return float(np.quantile(recorded(10 * np.log10(np.mean(np.square(steps), axis=1) + 1e-10)), 0.05))


def _levels(waveform: Floats, times: TokenTimes) -> tuple[Floats, float]:
    """Levels in dB in 5 ms steps over a token, and the time of the first step."""
    first = max(0, round(times.start * SAMPLE_RATE / _STEP))
    last = max(first + 1, min(len(waveform) // _STEP, round(times.end * SAMPLE_RATE / _STEP)))
    piece = waveform[first * _STEP : last * _STEP]
    piece = np.pad(piece, (0, max(0, _STEP - len(piece))))
    power = np.mean(np.square(piece[: len(piece) // _STEP * _STEP].reshape(-1, _STEP)), axis=1)
    return np.asarray(10 * np.log10(power + 1e-10), np.float32), first * _STEP / SAMPLE_RATE


def _begin(times: TokenTimes, loud: Bools, start: float) -> float:
    """Where the first phone's sound begins: behind the last quiet stretch in it that is no mere dip."""
    first = times.phones[0]
    inside = max(1, round((first.end - start) * SAMPLE_RATE / _STEP))
    onset = times.start
    for begin, end in runs(~loud[:inside]):
        if end - begin >= (_DIP if begin > 1 else 1):
            onset = start + end * _STEP / SAMPLE_RATE
    if first.label in _PLOSIVES:
        onset = onset - _CLOSURE if onset - times.start > _LONG_CLOSURE else times.start
    onset = min(onset, first.end - _FAINT.get(first.label, 0.0))
    return float(np.clip(onset, times.start, max(times.start, first.end - _KEEP)))


def _end(times: TokenTimes, loud: Bools, start: float) -> float:
    last = times.phones[-1]
    inside = min(len(loud) - 1, max(0, round((last.start - start) * SAMPLE_RATE / _STEP)))
    sounding = np.flatnonzero(loud[inside:])
    offset = start + (inside + int(sounding[-1]) + 1) * _STEP / SAMPLE_RATE if len(sounding) else last.start
    if times.end - offset < _MIN_TRIM:
        return times.end
    return float(np.clip(offset, min(times.end, last.start + _KEEP), times.end))


def _kind(phone: Phone) -> str:
    if phone.label in VOWELS:
        return "vowel"
    if phone.label in _PLOSIVES:
        return "plosive"
    return "glide" if phone.label in _GLIDES else "other"


def _with_edges(times: TokenTimes, start: float, end: float) -> TokenTimes:
    """The token with another start and end; its first and last phones give or take, none gets shorter than 10 ms."""
    phones = list(times.phones)
    end = max(end, start + 0.01 * len(phones))
    phones[0] = replace(phones[0], start=start)
    phones[-1] = replace(phones[-1], end=end)
    for number in range(1, len(phones)):
        low, high = start + 0.01 * number, end - 0.01 * (len(phones) - number)
        border = float(np.clip(phones[number].start, low, high))
        phones[number - 1] = replace(phones[number - 1], end=border)
        phones[number] = replace(phones[number], start=border)
    return replace(times, start=start, end=end, phones=tuple(phones))
