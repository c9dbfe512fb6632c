"""Time warps between a planned gesture phrase and a learned performance, and what "apex" means on a moving wrist."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.generators.gestures.choice import anchor
from engine.models.phase_gesture import Landmarks
from engine.plan.types import GesturePhrase

Array = NDArray[np.float64]

# By eye, where no source is named.
LEAST_RATIO, MOST_RATIO = 0.9, 1.3  # times a preparation's own time
LEAST_HOLD = 0.6  # share of the clip's own hold
# From gesture to gesture: least pace, seconds kept after the apex before, least seconds to the next apex.
CHAIN_RATIO, SHORTEST_HOLD, SHORTEST_WAY = 1.0, 0.15, 0.3
ARRIVAL = 0.9  # share of the way: what an apex is (docs/sources/contracts.md, section 3)
# Where a hand waits for the next gesture: half-way, and deeper the longer it waits (seconds, share): no arm stays out.
READY, DEEPEST, SOON, LATE = 0.5, 0.62, 0.5, 1.6
# A layer outlives the apex of its follower by this much, while the follower still fades it out (seconds).
HANDOVER = 0.35
# A pose kept for a follower much longer than recorded (seconds more) sinks a little before it: nobody freezes.
LONG_HOLD, SINK, SINK_SECONDS = 0.2, 0.45, 0.8
# Up to these gaps to the next gesture of the same arm a pose is held, or waits at the ready height (seconds).
LONGEST_HOLD, LONGEST_READY = 1.5, 3.2


@dataclass(frozen=True)
class Slot:
    """When a phrase moves one part of the body, seconds: ``begin`` first movement, ``apex``, ``hold_end``, ``finish``
    back at rest (or at the ready height), ``until`` how long the layer lives (a follower takes over by then),
    ``entry`` clip time at ``begin``, ``anchor`` clip time at ``apex``, ``join`` rest, partial or next, ``fall`` the
    share of the way back that the hand goes (1 to rest, 0 none)."""

    begin: float
    apex: float
    hold_end: float
    finish: float
    until: float
    entry: float
    anchor: float
    join: str
    fall: float


def opening(phrase: GesturePhrase, marks: Landmarks, previous: Slot | None) -> tuple[float, float]:
    """(begin, entry): when the movement starts, and at which clip time.

    A plan's onset is the corpus' measured one (10 % of the way), so the first movement comes a little before it. The
    pace of the whole preparation follows the plan within LEAST_RATIO..MOST_RATIO of the clip's own. Out of a gesture
    not yet finished (``previous``) it enters its clip on the way.
    """
    ratio = (phrase.apex - phrase.onset) / (marks.apex0 - marks.onset)
    arrival = anchor(phrase.gclass, marks)
    begin = phrase.apex - float(np.clip(ratio, LEAST_RATIO, MOST_RATIO)) * (arrival - marks.start)
    if begin < 0.0:
        begin = max(begin, min(0.0, phrase.apex - 0.5 * (arrival - marks.start)))
    if previous is None or begin >= previous.until:
        return begin, marks.start
    begin = min(begin, phrase.apex - CHAIN_RATIO * (arrival - marks.start))
    begin = min(max(begin, previous.apex + SHORTEST_HOLD), phrase.apex - SHORTEST_WAY)
    return begin, max(marks.start, arrival - MOST_RATIO * (phrase.apex - begin))


def make_slot(
    phrase: GesturePhrase, marks: Landmarks, begin: float, entry: float, follower: GesturePhrase | None
) -> Slot:
    """Close a phrase for one part of the body, whose next phrase is ``follower``.

    Apex and hold are the plan's (a hold shorter than LEAST_HOLD of the clip's own is lengthened); the retraction keeps
    within LEAST_RATIO..MOST_RATIO of its natural pace, its last tenth comes after the planned return. A join needs a
    follower that comes soon.
    """
    arrival = anchor(phrase.gclass, marks)
    natural = max(departure(marks) - arrival, 0.0)
    hold_end = max(phrase.hold_end, phrase.apex + LEAST_HOLD * natural)
    join = phrase.join
    gap = follower.onset - hold_end if follower is not None else np.inf
    if gap > LONGEST_READY:
        join = "rest"
    elif gap > LONGEST_HOLD and join == "next":
        join = "partial"
    ready = READY + (DEEPEST - READY) * float(np.clip((gap - SOON) / (LATE - SOON), 0.0, 1.0))
    fall = {"rest": 1.0, "partial": ready, "next": 0.0}[join]
    if join == "next" and hold_end - phrase.apex > natural + LONG_HOLD:
        fall = SINK
        finish, hold_end = hold_end, max(phrase.apex + natural + 0.1, hold_end - SINK_SECONDS)
    else:
        ratio = (phrase.retract_end - phrase.hold_end) / (marks.back - departure(marks))
        ratio = float(np.clip(ratio if join == phrase.join else 1.0, LEAST_RATIO, MOST_RATIO))
        finish = hold_end + ratio * max(return_time(marks, fall) - departure(marks), 0.2)
    until = finish if join == "rest" or follower is None else max(finish, follower.apex + HANDOVER)
    return Slot(begin, phrase.apex, hold_end, finish, until, entry, arrival, join, fall)


def departure(marks: Landmarks) -> float:
    """Clip time of the planned end of the hold: a tenth of the way back, and after the quiet part."""
    return min(max(marks.apex1, marks.leave), marks.back - 0.1)


def warp(slot: Slot, marks: Landmarks) -> tuple[Array, Array]:
    """Knots (seconds, clip times) of the monotone C1 map through the landmarks.

    In a hold longer than the recorded one, arrival and departure run at the clip's own pace and only the quiet middle
    is stretched; a shorter one is compressed as a whole.
    """
    knots = [(slot.begin - 0.1, slot.entry)] if slot.entry > marks.start else []
    knots += [(slot.begin, slot.entry), (slot.apex, slot.anchor)]
    depart = max(departure(marks), slot.anchor + 0.06)
    leaving = slot.hold_end - (depart - marks.leave)
    settle = max(marks.settle, slot.anchor + 0.02)
    settled = slot.apex + settle - slot.anchor
    if slot.fall == 0.0:
        last = slot.apex, slot.anchor
        if settled < slot.until - 0.2 and settle < marks.leave:
            last = settled, settle
            knots.append(last)
        end = max(slot.until, last[0] + 0.1)
        knots.append((end, max(last[1], min(marks.leave, last[1] + 0.8 * (end - last[0])))))
    else:
        if settle < marks.leave - 0.02 and leaving - settled > marks.leave - settle:  # longer than recorded
            knots.append((settled, settle))
            if depart - marks.leave > 0.03:
                knots.append((leaving, marks.leave))
        hold_end = max(slot.hold_end, knots[-1][0] + 0.05)
        target = max(return_time(marks, slot.fall), depart + 0.05)
        finish = max(slot.finish, hold_end + 0.2)
        knots += [(hold_end, depart), (finish, target)]
        if slot.fall < 1.0:
            knots.append((max(slot.until, finish) + 0.3, target + 0.03))
    seconds, clip = np.array(knots).T
    return seconds, np.maximum.accumulate(clip)


def return_time(marks: Landmarks, fall: float) -> float:
    """Clip time at which the hand is ``fall`` of its way back: 1 is the end, READY where a hand waits half-way."""
    start = departure(marks)
    return marks.end if fall >= 1.0 else start + fall * (marks.back - start)


def clip_times(slot: Slot, marks: Landmarks, times: ArrayLike) -> Array:
    """Clip times at ``times`` (n,), held outside the slot."""
    return monotone_cubic(*warp(slot, marks), times)


def monotone_cubic(knots: Array, values: Array, times: ArrayLike) -> Array:
    """PCHIP (Fritsch and Butland 1984) of ascending ``values`` at ``knots``, held outside.

    SciPy's does the same in two milliseconds a curve; here a line has hundreds of curves of a few knots.
    """
    widths, rises = np.diff(knots), np.diff(values)
    slopes = rises / widths
    first, second = 2.0 * widths[1:] + widths[:-1], widths[1:] + 2.0 * widths[:-1]
    steady = (slopes[1:] > 1e-12) & (slopes[:-1] > 1e-12)
    safe = np.where(steady, slopes[:-1], 1.0), np.where(steady, slopes[1:], 1.0)
    inner = np.where(steady, (first + second) / (first / safe[0] + second / safe[1]), 0.0)
    rates = np.concatenate([[_edge_rate(widths, slopes)], inner, [_edge_rate(widths[::-1], slopes[::-1])]])
    moments = np.clip(np.asarray(times, dtype=np.float64), knots[0], knots[-1])
    place = np.clip(np.searchsorted(knots, moments, side="right") - 1, 0, len(widths) - 1)
    t = (moments - knots[place]) / widths[place]
    start, end = rates[place] * widths[place], rates[place + 1] * widths[place]
    bend = start + end - 2.0 * rises[place]
    return np.asarray(values[place] + t * (start + t * (rises[place] - start - bend + t * bend)))


def _edge_rate(widths: Array, slopes: Array) -> float:
    """One-sided three-point slope, kept monotone."""
    if len(widths) == 1:
        return float(slopes[0])
    rate = ((2.0 * widths[0] + widths[1]) * slopes[0] - widths[0] * slopes[1]) / (widths[0] + widths[1])
    return float(np.clip(rate, 0.0, 3.0 * slopes[0]))


def arrival_time(points: ArrayLike, times: ArrayLike, onset: float, hold_end: float) -> float:
    """When a hand first covers 90 % of its way: seconds, between frames by linear interpolation.

    ``points`` (n, 3) or (n, k, 3) wrist positions relative to the chest at ``times`` (n,); with several hands the one
    that is further counts. The way is measured from the place furthest from the apex pose between onset and apex
    (for a gesture from rest: its start).
    """
    moments = np.asarray(times, dtype=np.float64)
    window = (moments >= onset) & (moments <= hold_end)
    moments = moments[window]
    track = np.asarray(points, dtype=np.float64)[window]
    if track.ndim == 2:
        track = track[:, None]
    top = int(np.argmax(np.linalg.norm(track - track[0], axis=-1).max(axis=1)))
    origin = int(np.argmax(np.linalg.norm(track[: top + 1] - track[top], axis=-1).max(axis=1)))
    way = np.linalg.norm(track - track[origin], axis=-1).max(axis=1)[origin:]
    level = ARRIVAL * way.max()
    index = int(np.argmax(way >= level))
    if index == 0:
        return float(moments[origin])
    part = (level - way[index - 1]) / max(way[index] - way[index - 1], 1e-9)
    return float(moments[origin + index - 1] + part * (moments[origin + index] - moments[origin + index - 1]))


def reversal_time(points: ArrayLike, times: ArrayLike, expected: float) -> float:
    """When a beat's hand turns or stops, near ``expected``: seconds.

    The first moment after the fastest one at which the hand is slower than 30 % of its peak, else the slowest moment.
    """
    moments = np.asarray(times, dtype=np.float64)
    track = np.asarray(points, dtype=np.float64)
    if track.ndim == 2:
        track = track[:, None]
    speed = np.linalg.norm(np.gradient(track, moments, axis=0), axis=-1).max(axis=1)
    before = (moments >= expected - 0.3) & (moments <= expected + 0.1)
    if before.sum() < 2:
        return expected
    peak = int(np.flatnonzero(before)[np.argmax(speed[before])])
    tail = speed[peak : peak + int(np.searchsorted(moments[peak:], moments[peak] + 0.5))]
    calm = np.flatnonzero(tail < 0.3 * tail[0])
    if not len(calm):
        return float(moments[peak + int(np.argmin(tail))])
    index = peak + int(calm[0])
    part = (speed[index - 1] - 0.3 * tail[0]) / max(speed[index - 1] - speed[index], 1e-9)
    return float(moments[index - 1] + part * (moments[index] - moments[index - 1]))
