"""From phones to smooth mouth channels by dominance functions.

Every phone pulls each channel group towards its target with a dominance that is full in the phone's middle and falls
off exponentially around it, with different time constants before and after; a channel is the dominance-weighted mean
(Cohen and Massaro 1993, "Modeling coarticulation in synthetic visual speech"). Short phones undershoot, because their
neighbours still pull; hard phones (sibilants, rounded glides) give way less. Contacts are not left to this: see
contacts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from engine.body.curves import minimum_jerk
from engine.face.visemes import Group, VisemeTable, viseme_table
from engine.speech.types import PROSODY_HOP, SILENCE, Phone, Prosody

Array = NDArray[np.float64]

# By eye, where no source is named; seconds where no unit is.
GRID_HOP = 0.01  # the continuous part lives on this grid, so that it is the same at every frame rate
NEIGHBOURS = 8  # phones on either side that still pull; eight of the shortest reach 0.24 s
CORE = 0.35  # share of a phone at each end that is not yet its plateau
FULL_LENGTH = 0.085  # below this duration soft phones lose dominance
SMOOTHING = 0.015  # sigma of the zero-phase low-pass: half power at 8.8 Hz
LOUD_RANGE_DB = 24.0  # below the line's loud level, over which jaws open wider
HOLE = 0.03  # holes between phones shorter than this are no silence
PAUSE_MIN = 0.10  # silences longer than this start to close the mouth
PAUSE_FULL = 0.30  # and from here on close it fully
CLOSE_TIME = 0.16  # how long the mouth takes to close after the last sound
OPEN_TIME = 0.13  # how long before the first sound it starts to open
STRESSED = 1.15  # times a jaw's opening, as REDUCED (docs/sources/lipsync.md, section 2)
REDUCED = 0.70  # times a jaw's opening in short vowels without stress
UNSTRESSED = 0.88  # and in other vowels without stress


@dataclass(frozen=True, eq=False)
class Segments:
    """The phones as viseme segments, sorted: start and end (N,) s, viseme index (N,), scale of jaw and lips (N,)."""

    start: Array
    end: Array
    viseme: NDArray[np.int64]
    jaw_scale: Array
    lip_scale: Array


def covered(phones: Sequence[Phone], seconds: float) -> list[Phone]:
    """The phones in time order with silence put wherever nothing is said, from -1 s to ``seconds`` + 1 s."""
    out: list[Phone] = []
    cursor = -1.0
    for phone in sorted(phones, key=lambda entry: (entry.start, entry.end)):
        start = max(phone.start, cursor)
        if phone.end <= start:
            continue
        if out and out[-1].label != SILENCE and start - cursor < HOLE:
            start = cursor
        if start > cursor + 1e-6:
            out.append(Phone(SILENCE, cursor, start))
        if out and out[-1].label == SILENCE and phone.label == SILENCE:
            out[-1] = Phone(SILENCE, out[-1].start, phone.end)
        else:
            out.append(Phone(phone.label, start, phone.end, phone.stress))
        cursor = phone.end
    end = max(seconds, cursor) + 1.0
    if out and out[-1].label == SILENCE:
        out[-1] = Phone(SILENCE, out[-1].start, end)
    else:
        out.append(Phone(SILENCE, cursor, end))
    return out


def loudness(prosody: Prosody, starts: Array, ends: Array) -> Array:
    """Mean loudness 0..1 of spans (N,): 0 at 24 dB or more below the line's loud frames, 1 at them."""
    if len(prosody.energy) == 0:
        return np.full(len(starts), 0.6)
    level = np.clip(np.nan_to_num(prosody.energy.astype(np.float64), nan=-99.0) / LOUD_RANGE_DB + 1.0, 0.0, 1.0)
    total = np.concatenate([[0.0], np.cumsum(level)])
    first = np.clip(np.floor(starts / PROSODY_HOP).astype(np.int64), 0, len(level) - 1)
    last = np.clip(np.ceil(ends / PROSODY_HOP).astype(np.int64), first + 1, len(level))
    return np.asarray((total[last] - total[first]) / (last - first), dtype=np.float64)


def segments(phones: Sequence[Phone], prosody: Prosody, jaw: float, lips: float) -> Segments:
    """Viseme segments of ``covered`` phones; ``jaw`` and ``lips`` scale every opening and lip shape."""
    table = viseme_table()
    rows = [(phone, viseme, share, before) for phone in phones for viseme, share, before in _parts(table, phone)]
    start = np.array([p.start + before * (p.end - p.start) for p, _, _, before in rows])
    end = np.array([p.start + (before + share) * (p.end - p.start) for p, _, share, before in rows])
    vowel = np.array([phone.is_vowel for phone, *_ in rows])
    stress = np.array([_stress(phone) for phone, *_ in rows])
    loud = loudness(prosody, start, end)
    return Segments(
        start=start,
        end=end,
        viseme=np.array([viseme for _, viseme, _, _ in rows], dtype=np.int64),
        jaw_scale=jaw * np.where(vowel, (0.6 + 0.8 * loud) * stress, 0.85 + 0.3 * loud),
        lip_scale=lips * np.where(vowel, (0.85 + 0.25 * loud) * np.sqrt(stress), 1.0),
    )


def _parts(table: VisemeTable, phone: Phone) -> list[tuple[int, float, float]]:
    parts, before = [], 0.0
    for viseme, share in table.of(phone.label):
        parts.append((viseme, share, before))
        before += share
    return parts


def _stress(phone: Phone) -> float:
    if phone.stress == 1:
        return STRESSED
    if phone.stress == 0:
        return REDUCED if phone.label in ("AH", "IH", "ER", "UH") else UNSTRESSED
    return 1.0


def blend(parts: Segments, grid: Array) -> Array:
    """Mouth channels (len(grid), C) of the viseme table at grid times in seconds; linear in the length of the grid."""
    table = viseme_table()
    out = np.empty((len(grid), len(table.channels)))
    scale = np.repeat(parts.lip_scale[:, None], len(table.channels), axis=1)
    scale[:, table.column("jawOpen")] = parts.jaw_scale
    scale[:, table.column("lipClose")] = 1.0
    targets = table.targets[parts.viseme] * scale
    strength = _strength(parts, table)
    for first in range(0, len(grid), 4096):
        chunk = slice(first, first + 4096)
        times = grid[chunk]
        for index, group in enumerate(table.groups):
            near = _near(parts, times + group.lead)
            weight = strength[near, index] * _dominance(parts, group, near, times)
            weight /= weight.sum(axis=1, keepdims=True)
            out[chunk, group.columns] = np.einsum("tn,tnc->tc", weight, targets[near, group.columns])
    out *= activity(parts, grid)[:, None]
    return np.asarray(gaussian_filter1d(out, SMOOTHING / GRID_HOP, axis=0, mode="nearest"), dtype=np.float64)


def _near(parts: Segments, times: Array) -> NDArray[np.int64]:
    """(T, 2 K + 1) segment numbers around each time."""
    here = np.clip(np.searchsorted(parts.start, times, side="right") - 1, 0, len(parts.start) - 1)
    window = here[:, None] + np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    return np.asarray(np.clip(window, 0, len(parts.start) - 1), dtype=np.int64)


def _strength(parts: Segments, table: VisemeTable) -> Array:
    """(N, G) dominance at the plateau: less for short phones, by their softness."""
    length = np.clip((parts.end - parts.start) / FULL_LENGTH, 0.15, 1.0)
    hard = table.hardness[parts.viseme]
    return np.asarray(table.dominance[parts.viseme] * (length + (1.0 - length) * hard)[:, None], dtype=np.float64)


def _dominance(parts: Segments, group: Group, near: NDArray[np.int64], times: Array) -> Array:
    """(T, 2 K + 1) fall-off of each neighbour at each time. A repeated edge segment only repeats its own pull."""
    start, end = parts.start[near] - group.lead, parts.end[near] - group.lead
    core = CORE * np.minimum(end - start, 0.2)
    ahead = np.maximum(start + core - times[:, None], 0.0)
    behind = np.maximum(times[:, None] - (end - core), 0.0)
    return np.asarray(np.exp(-ahead / group.before - behind / group.after) + 1e-12, dtype=np.float64)


def activity(parts: Segments, grid: Array) -> Array:
    """(T,) 1 while speaking, exactly 0 inside pauses, so that the resting mouth is still; soft flanks."""
    silent = np.flatnonzero(parts.viseme == viseme_table().of(SILENCE)[0][0])
    start, end = parts.start[silent], parts.end[silent]
    length = end - start
    depth = minimum_jerk((length - PAUSE_MIN) / (PAUSE_FULL - PAUSE_MIN))
    here = np.clip(np.searchsorted(start, grid, side="right") - 1, 0, len(silent) - 1)
    room = length[here]
    closing = minimum_jerk((grid - start[here]) / np.minimum(CLOSE_TIME, 0.5 * room))
    opening = minimum_jerk((end[here] - grid) / np.minimum(OPEN_TIME, 0.5 * room))
    return np.asarray(1.0 - depth[here] * closing * opening, dtype=np.float64)


def sample(values: Array, times: Array, first: int = 0) -> Array:
    """Grid curves (N, C), from grid point ``first`` on, at ``times`` (T,) by Catmull-Rom interpolation, in 0..1."""
    position = np.clip(times / GRID_HOP - first, 0.0, len(values) - 1.0)
    index = np.minimum(position.astype(np.int64), max(len(values) - 2, 0))
    u = (position - index)[:, None]
    last = len(values) - 1
    p0, p1 = values[np.maximum(index - 1, 0)], values[index]
    p2, p3 = values[np.minimum(index + 1, last)], values[np.minimum(index + 2, last)]
    curve = p1 + 0.5 * u * (p2 - p0 + u * (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3 + u * (3.0 * (p1 - p2) + p3 - p0)))
    return np.asarray(np.clip(curve, 0.0, 1.0), dtype=np.float64)
