"""The plan around pins: a stroke that a pin contradicts moves, ends sooner, or is dropped; a pose pinned near a word
becomes the apex of its gesture; rests and head events leave pins their room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from engine.plan.candidates import HOLD_MIN, LATE_MAX, LEAD_MAX, STRETCH
from engine.plan.links import CLOSEST, class_times, in_order, linked, placed
from engine.plan.types import Event, GesturePhrase, GesturePlan

AGREES = 0.12  # m, by eye: a pinned wrist this near to the gesture's own way is a correction, not a contradiction
RAISED = 0.18  # m from rest, by eye: from here a pinned pose is a stroke's, nearer it is a rest's
JOINED = 0.35  # s, by eye: pins of one hand closer than this are one stretch
LONG = 0.4  # s, by eye: a stretch longer than this is the animator's own movement
NEAREST = 0.5  # s, by eye: how far an apex may go to meet a pin
REACHED = 1.2  # s from a pin within which a neighbour may be in the way, by eye
MARGIN = 0.06  # s between a stretch of pins and a gesture, about two frames, by eye
HEAD_MARGIN = 0.15  # s between a pin and a movement of the head, by eye


@dataclass(frozen=True)
class ArmPin:
    """A pinned wrist: ``time`` seconds, ``side`` left or right, metres ``off`` the generated way and from rest
    (``raised``), measured against the chest."""

    time: float
    side: str
    off: float
    raised: float


@dataclass(frozen=True)
class _Stretch:
    """Pins of one hand that follow each other closely."""

    start: float
    end: float
    off: float
    raised: float
    side: str


def plan_around(
    plan: GesturePlan,
    arms: Sequence[ArmPin],
    heads: Sequence[float],
    window: tuple[int, int],
    fps: float,
    fixed: frozenset[int] = frozenset(),
) -> GesturePlan:
    """The plan that leaves pins their room. Only phrases wholly inside the window (frames; first, end) move or go, and
    none of ``fixed``; what nothing contradicts stays as it is. ``heads`` are seconds at which the head is pinned."""
    span = window[0] / fps, window[1] / fps
    free = {
        phrase.id
        for phrase in plan.phrases
        if phrase.onset >= span[0] and phrase.retract_end <= span[1] and phrase.id not in fixed
    }
    phrases = {phrase.id: phrase for phrase in plan.phrases}
    met: set[int] = set()
    for stretch in _stretches(arms):
        _make_room(phrases, free & phrases.keys(), stretch, met, max(span[0], 0.0))
    kept = tuple(phrases.values())
    if kept != plan.phrases:
        before = {phrase.id: phrase for phrase in plan.phrases}
        closed = frozenset(p.id for p in kept if p.join == "rest" and p != before[p.id] and p.id not in met)
        plan = linked(plan, _apart(kept, before, free, met), closed)
    return replace(plan, head=_clear_of(plan.head, heads, span), gaze=_clear_of(plan.gaze, heads, span))


def _stretches(pins: Sequence[ArmPin]) -> list[_Stretch]:
    found: list[_Stretch] = []
    for side in ("left", "right"):
        own = [pin for pin in pins if pin.side == side]
        groups: list[list[ArmPin]] = [own[:1]] if own else []
        for before, pin in pairwise(own):
            if pin.time - before.time < JOINED:
                groups[-1].append(pin)
            else:
                groups.append([pin])
        for group in groups:
            off, raised = max(pin.off for pin in group), max(pin.raised for pin in group)
            found.append(_Stretch(group[0].time, group[-1].time, off, raised, side))
    # Poses that gestures may meet come first: what has met one is not dropped for the other hand's rest.
    return sorted(found, key=lambda stretch: (stretch.raised < RAISED, stretch.start, stretch.side))


def _make_room(
    phrases: dict[int, GesturePhrase], free: set[int], stretch: _Stretch, met: set[int], start: float
) -> None:
    """Let the phrases in the way of one stretch of pins give way to it, or meet it."""
    if stretch.off < AGREES:
        return
    single = stretch.end - stretch.start <= LONG
    if single and stretch.raised >= RAISED and _meet(phrases, free, stretch, met, start):
        return
    for number in sorted(free):
        phrase = phrases[number]
        uses = phrase.hands in (stretch.side, "both")
        gone = phrase.hold_end if stretch.raised >= RAISED else phrase.retract_end  # a rest is met at rest
        if not uses or gone + MARGIN < stretch.start or phrase.onset - MARGIN > stretch.end:
            continue
        other = "right" if stretch.side == "left" else "left"
        if phrase.hands == "both" and stretch.raised < RAISED and _may_use(phrase, other):
            phrases[number] = replace(phrase, hands=other)
        elif number not in met:
            given = _give_way(phrase, stretch)
            if given is None:
                del phrases[number]
            else:
                phrases[number] = given


def _meet(phrases: dict[int, GesturePhrase], free: set[int], stretch: _Stretch, met: set[int], start: float) -> bool:
    """Put the apex of a near gesture on the pin, where one has the time for it; with both hands where both are pinned.

    The one that costs no other gesture is chosen, and of several the nearest.
    """
    time = 0.5 * (stretch.start + stretch.end)
    for number in sorted(met):
        both = abs(phrases[number].apex - time) < MARGIN and phrases[number].hands not in (stretch.side, "both")
        if both and class_times(phrases[number].gclass).both:
            phrases[number] = replace(phrases[number], hands="both")
        if abs(phrases[number].apex - time) < MARGIN:
            return True
    near = [phrases[number] for number in sorted(free - met) if abs(phrases[number].apex - time) <= NEAREST]
    near = [p for p in near if p.hands in (stretch.side, "both") or _may_use(p, stretch.side) or _may_use(p, "both")]
    meetings = [meeting for phrase in near if (meeting := _meeting(phrases, free - met, phrase, time, start))]
    if not meetings:
        return False

    def cost(meeting: _Meeting) -> tuple[bool, bool, float, int]:
        old = phrases[meeting.phrase.id]
        return meeting.lost is not None, old.hands not in (stretch.side, "both"), abs(old.apex - time), old.id

    chosen = min(meetings, key=cost)
    moved = chosen.phrase
    if moved.hands not in (stretch.side, "both"):
        moved = replace(moved, hands=stretch.side if _may_use(moved, stretch.side) else "both")
    phrases[moved.id] = moved
    met.add(moved.id)
    if chosen.lost is not None:
        del phrases[chosen.lost]
    return True


@dataclass(frozen=True)
class _Meeting:
    """A gesture that meets a pin, and the neighbour that has to go for it."""

    phrase: GesturePhrase
    lost: int | None


def _meeting(
    phrases: dict[int, GesturePhrase], free: set[int], phrase: GesturePhrase, time: float, start: float
) -> _Meeting | None:
    """The phrase with its apex at ``time`` and onset not before ``start``, seconds, with its natural preparation and
    its follower's; None where they have no room though one free neighbour is left out."""
    others = [other for other in in_order(phrases.values()) if other.id != phrase.id]
    least = _least(phrase)
    for lost in [None, *(other.id for other in others if other.id in free and abs(other.apex - time) < REACHED)]:
        left = [other for other in others if other.id != lost]
        before = next((other for other in reversed(left) if other.apex <= time), None)
        after = next((other for other in left if other.apex > time), None)
        earliest = start if before is None else max(start, before.apex + HOLD_MIN)
        moved = placed(phrase, time, min(earliest, time - least))
        if moved.onset < earliest - 1e-3:
            continue
        if (before is None or _roomy(before, moved, phrases)) and (after is None or _roomy(moved, after, phrases)):
            return _Meeting(moved, lost)
    return None


def _may_use(phrase: GesturePhrase, hands: str) -> bool:
    """Whether a class can be made with these hands; nobody points to one side with the other hand alone."""
    own = {"indicate_left": "left", "indicate_right": "right"}.get(phrase.gclass, hands)
    times = class_times(phrase.gclass)
    return times.both > 0 if hands == "both" else times.one > 0 and hands == own


def _least(phrase: GesturePhrase) -> float:
    """The shortest preparation, seconds, that a gesture may be given: within 25 % of its class's, or what it has."""
    natural = (1.0 - STRETCH) * class_times(phrase.gclass).prep
    return min(natural, phrase.apex - phrase.onset) - 1e-3


def _roomy(first: GesturePhrase, second: GesturePhrase, old: Mapping[int, GesturePhrase]) -> bool:
    """Whether the second gesture has the time for its way from the first: its natural one, or what it had (``old``)."""
    gap, before = second.apex - first.apex, old.get(first.id)
    if before is not None and second.id in old and 0.0 < old[second.id].apex - before.apex <= gap + 1e-3:
        return True
    way = HOLD_MIN + (1.0 + STRETCH) * class_times(second.gclass).prep
    ready = max(second.onset, first.apex + HOLD_MIN)
    return gap >= max(CLOSEST, way) and second.apex - ready >= _least(second)


def _give_way(phrase: GesturePhrase, stretch: _Stretch) -> GesturePhrase | None:
    """The phrase off the stretch: held less long, or moved as little as its word allows; None where it can't be."""
    if stretch.start - MARGIN > phrase.apex + HOLD_MIN and stretch.raised >= RAISED:
        return phrase  # from one raised pose to another
    retract = 0.75 * class_times(phrase.gclass).retract
    if stretch.start - MARGIN - retract >= phrase.apex + HOLD_MIN:  # back at rest in time
        back = stretch.start - MARGIN
        hold_end = min(phrase.hold_end, back - retract)
        return replace(phrase, hold_end=round(hold_end, 4), retract_end=round(back, 4), join="rest")
    later = stretch.end + MARGIN - phrase.onset
    if 0.0 < later <= LATE_MAX:
        return placed(phrase, phrase.apex + later, stretch.end + MARGIN)
    sooner = phrase.apex + HOLD_MIN + retract + MARGIN - stretch.start
    if phrase.semantic and 0.0 < sooner <= LEAD_MAX and phrase.onset - sooner >= 0.0:
        moved = placed(phrase, phrase.apex - sooner, phrase.onset - sooner)
        back = stretch.start - MARGIN
        return replace(moved, hold_end=round(back - retract, 4), retract_end=round(back, 4), join="rest")
    return None


def _apart(
    phrases: Sequence[GesturePhrase], old: Mapping[int, GesturePhrase], free: set[int], met: set[int]
) -> list[GesturePhrase]:
    """The phrases with room for each other: of two that a move brought too near, one that met no pin falls out."""
    out: list[GesturePhrase] = []
    for phrase in in_order(phrases):
        while out and not _roomy(out[-1], phrase, old) and out[-1].id in free - met and phrase.id not in free - met:
            out.pop()
        if out and not _roomy(out[-1], phrase, old) and phrase.id in free - met:
            continue
        ready = out[-1].apex + HOLD_MIN if out else 0.0
        late = phrase.onset < ready
        out.append(replace(phrase, onset=round(min(ready, phrase.apex - 0.05), 4)) if late else phrase)
    return out


def _clear_of(events: tuple[Event, ...], pins: Sequence[float], span: tuple[float, float]) -> tuple[Event, ...]:
    """The events without those inside the window that play over a pinned frame."""

    def stays(event: Event) -> bool:
        inside = event.start >= span[0] and event.end <= span[1]
        hit = any(event.start - HEAD_MARGIN < time < event.end + HEAD_MARGIN for time in pins)
        return not (inside and hit)

    return tuple(event for event in events if stays(event)) if pins else events
