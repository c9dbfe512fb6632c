"""Hard contacts on output frames: lips closed for p b m, lower lip on the upper teeth for f v.

A contact is a span of time with soft flanks. Where no output frame falls inside it (a 40 ms closure at 24 fps) the span
is stretched to the nearest frame, so that at least one frame shows the full contact. Bilabials win over labiodentals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk
from engine.face.visemes import viseme_table
from engine.speech.types import Phone

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BILABIAL = "bilabial"
LABIODENTAL = "labiodental"

# The part (shares) of the phone's interval in which the contact holds, by eye: a stop lets go before its burst and
# aspiration.
HOLD = {"M": (0.05, 0.90), "B": (0.02, 0.78), "P": (0.02, 0.66), "F": (0.12, 0.85), "V": (0.15, 0.82)}
FLANK_IN = 0.060  # s, the lips' closing and opening times and the shortest of both, by eye
FLANK_OUT = 0.070
FLANK_MIN = 0.004
JOIN = 0.010  # s, by eye: contacts of one kind closer than this are one


@dataclass(frozen=True, eq=False)
class Contacts:
    """Contact weights 0..1 at the frames: ``closed`` (T,) lips together, ``bitten`` (T,) lower lip on upper teeth."""

    closed: Array
    bitten: Array


def contacts(phones: Sequence[Phone], times: Array) -> Contacts:
    """Contact weights at frame ``times`` (T,), ascending seconds; every contact phone in range gets a full frame."""
    lips = _spans(phones, BILABIAL)
    lip_spans = _snapped(lips, times, None, _spans(phones, LABIODENTAL))
    claimed = _inside(lip_spans, times)
    teeth = _spans(phones, LABIODENTAL)
    teeth_spans = _snapped(teeth, times, claimed, None)
    both = np.concatenate([lip_spans, teeth_spans])
    closed = _weight(lip_spans, both, times)
    bitten = _weight(teeth_spans, both, times)
    # A frame can't show both: a full contact clears the other's flank, and the closure has the better right.
    bitten = np.where(closed >= 1.0, 0.0, bitten)
    return Contacts(np.where(bitten >= 1.0, 0.0, closed), bitten)


@dataclass(frozen=True, eq=False)
class _Wanted:
    """Contact phones: phone start and end, contact start and end; all (N,) s, sorted."""

    start: Array
    end: Array
    hold_start: Array
    hold_end: Array


def _spans(phones: Sequence[Phone], kind: str) -> _Wanted:
    kinds = viseme_table().contacts
    found = sorted((p.start, p.end, p.label) for p in phones if kinds.get(p.label) == kind and p.end > p.start)
    start = np.array([entry[0] for entry in found], dtype=np.float64)
    end = np.array([entry[1] for entry in found], dtype=np.float64)
    shares = np.array([HOLD[entry[2]] for entry in found], dtype=np.float64).reshape(-1, 2)
    hold_start, hold_end = start + shares[:, 0] * (end - start), start + shares[:, 1] * (end - start)
    joined = start[1:] - end[:-1] < JOIN  # "lamp post": the lips stay together
    hold_end[:-1] = np.where(joined, end[:-1], hold_end[:-1])
    hold_start[1:] = np.where(joined, end[:-1], hold_start[1:])
    return _Wanted(start, end, hold_start, hold_end)


def _snapped(wanted: _Wanted, times: Array, claimed: Mask | None, avoid: _Wanted | None) -> Array:
    """(M, 2) spans, each holding at least one frame that nobody ``claimed``; those without such a frame fall out."""
    if len(wanted.start) == 0 or len(times) == 0:
        return np.zeros((0, 2))
    free = np.arange(len(times)) if claimed is None else np.flatnonzero(~claimed)
    if len(free) == 0:
        return np.zeros((0, 2))
    at = times[free]
    spans = np.stack([wanted.hold_start, wanted.hold_end], axis=1)
    empty = np.searchsorted(at, spans[:, 0], "left") >= np.searchsorted(at, spans[:, 1], "right")
    frame = _nearest(wanted, times, at, avoid)
    keep = ~empty | np.isfinite(frame)
    spans[:, 0] = np.where(empty, np.fmin(spans[:, 0], frame), spans[:, 0])
    spans[:, 1] = np.where(empty, np.fmax(spans[:, 1], frame), spans[:, 1])
    return _merged(spans[keep])


def _merged(spans: Array) -> Array:
    """The spans sorted, overlapping and touching ones made one."""
    if len(spans) == 0:
        return spans
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    first = np.flatnonzero(np.concatenate([[True], spans[1:, 0] > reach[:-1] + 1e-6]))
    last = np.concatenate([first[1:] - 1, [len(spans) - 1]])
    return np.stack([spans[first, 0], reach[last]], axis=1)


def _nearest(wanted: _Wanted, times: Array, at: Array, avoid: _Wanted | None) -> Array:
    """(N,) the frame to take for a contact without one: inside the phone if any, else the nearest within one frame.

    NaN where none is near (the phone lies outside of the frames asked for).
    """
    middle = 0.5 * (wanted.hold_start + wanted.hold_end)
    phone_middle = 0.5 * (wanted.start + wanted.end)
    spacing = float(np.median(np.diff(times))) if len(times) > 1 else np.inf
    right = np.searchsorted(at, middle)
    candidates = at[np.clip(np.stack([right - 1, right], axis=1), 0, len(at) - 1)]
    inside = (candidates >= wanted.start[:, None]) & (candidates <= wanted.end[:, None])
    distance = np.where(inside, 0.0, np.abs(candidates - phone_middle[:, None]))
    cost = distance + 1e-3 * np.abs(candidates - middle[:, None])
    if avoid is not None and len(avoid.start):
        before = np.clip(np.searchsorted(avoid.start, candidates, "right") - 1, 0, None)
        taken = (candidates >= avoid.start[before]) & (candidates <= avoid.end[before])
        cost += np.where(taken, 0.2 * min(spacing, 1.0), 0.0)
    best = np.take_along_axis(candidates, cost.argmin(axis=1)[:, None], axis=1)[:, 0]
    near = np.abs(best - phone_middle) <= np.maximum(0.5 * (wanted.end - wanted.start), 0.75 * spacing) + 1e-9
    return np.asarray(np.where(near, best, np.nan), dtype=np.float64)


def _inside(spans: Array, times: Array) -> Mask:
    """(T,) frames inside any of the spans."""
    inside = np.zeros(len(times), dtype=np.bool_)
    if len(spans):
        steps = np.zeros(len(times) + 1, dtype=np.int64)
        np.add.at(steps, np.searchsorted(times, spans[:, 0], "left"), 1)
        np.add.at(steps, np.searchsorted(times, spans[:, 1], "right"), -1)
        inside[:] = np.cumsum(steps[:-1]) > 0
    return inside


def _weight(spans: Array, others: Array, times: Array) -> Array:
    """(T,) 1 inside the spans, with flanks that leave at least half the way to the next contact of any kind open."""
    weight = np.zeros(len(times))
    if len(spans) == 0:
        return weight
    start, end = spans[:, 0], spans[:, 1]
    ends = np.sort(others[:, 1])
    starts = np.sort(others[:, 0])
    earlier = np.searchsorted(ends, start + 1e-9) - 1
    later = np.searchsorted(starts, end - 1e-9)
    room_in = np.where(earlier >= 0, start - ends[np.maximum(earlier, 0)], np.inf)
    room_out = np.where(later < len(starts), starts[np.minimum(later, len(starts) - 1)] - end, np.inf)
    rise = np.clip(0.5 * room_in, FLANK_MIN, FLANK_IN)
    fall = np.clip(0.5 * room_out, FLANK_MIN, FLANK_OUT)
    following = np.minimum(np.searchsorted(start, times, "left"), len(start) - 1)
    previous = np.maximum(np.searchsorted(start, times, "right") - 1, 0)
    rising = 1.0 - minimum_jerk((start[following] - times) / rise[following])
    falling = 1.0 - minimum_jerk((times - end[previous]) / fall[previous])
    rising = np.where(times <= end[following], rising, 0.0)
    falling = np.where(times >= start[previous], falling, 0.0)
    return np.asarray(np.maximum(rising, falling), dtype=np.float64)
