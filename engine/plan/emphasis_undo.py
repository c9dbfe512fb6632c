"""A plan without the emphasis that is in it: gestures and events as they were, as far as they are still the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from engine.plan.candidates import HOLD_MIN
from engine.plan.links import CLOSEST, USER, ended, in_order
from engine.plan.types import Emphasis, Event, GesturePhrase, GesturePlan, Marks

MEETS = 1e-3  # s, far below a frame: two gestures that hand over to each other do so at one moment
OVERLAP = 0.3  # s by which a return may reach into the next preparation, as the planner lets it

Chosen = Callable[[GesturePhrase | Event], bool]


def unemphasised(plan: GesturePlan) -> GesturePlan:
    """The plan as it was before emphasis was worked into it; the plan itself where there is none.

    Gestures that a person changed since stay, those that were made anew with a window too; where all else is as it was,
    the plan comes back to the last digit.
    """
    return replace(undone(plan, lambda _: True, lambda _: True), emphasis=None)


def undone(plan: GesturePlan, chosen: Chosen, gave_way: Chosen) -> GesturePlan:
    """The plan with the chosen gestures and events as they were; it keeps the record of the others. Those that only
    ``gave_way`` to others come back where they have room again."""
    if plan.emphasis is None:
        return plan
    were, now = plan.emphasis.were, plan.emphasis.now
    phrases, left = _phrases(plan, were.phrases, now.phrases, chosen, gave_way)
    head, head_left = _events(plan.head, were.head, now.head, chosen)
    brows, brows_left = _events(plan.brows, were.brows, now.brows, chosen)
    record = Emphasis(
        plan.emphasis.stretches,
        Marks(left[0], head_left[0], brows_left[0]),
        Marks(left[1], head_left[1], brows_left[1]),
    )
    return replace(plan, phrases=phrases, head=head, brows=brows, emphasis=record)


def fits_between(phrase: GesturePhrase, others: Iterable[GesturePhrase]) -> bool:
    """Whether a gesture has room between others: apexes apart, each way begun after the apex before it."""
    return all(
        abs(other.apex - phrase.apex) >= CLOSEST
        and (other.apex + HOLD_MIN <= phrase.onset + 0.02 or other.apex > phrase.apex)
        and (phrase.apex + HOLD_MIN <= other.onset + 0.02 or phrase.apex > other.apex)
        for other in others
    )


_Pair = tuple[tuple[GesturePhrase, ...], tuple[GesturePhrase, ...]]


def _phrases(
    plan: GesturePlan,
    were: Sequence[GesturePhrase],
    now: Sequence[GesturePhrase],
    chosen: Chosen,
    gave_way: Chosen,
) -> tuple[tuple[GesturePhrase, ...], _Pair]:
    """The phrases, and what of the record stays."""
    came, gone = {phrase.id: phrase for phrase in now}, {phrase.id: phrase for phrase in were}
    out: list[GesturePhrase] = []
    ends: dict[int, GesturePhrase] = {}  # gestures that only end otherwise than they did
    own = set[int]()  # those that a person changed since
    for phrase in plan.phrases:
        made, before = came.get(phrase.id), gone.get(phrase.id)
        if made is None or (phrase.rule == USER and phrase != made):
            out.append(phrase)
            own |= {phrase.id} if made is not None else set()
        elif before is None:
            out += [] if chosen(made) else [phrase]
        elif before.amplitude == made.amplitude and before.apex == made.apex:
            ends[phrase.id] = before if phrase == made else phrase
            out.append(phrase)
        else:
            same = before if phrase == made else replace(phrase, amplitude=before.amplitude)
            out.append(same if chosen(made) else phrase)
    there = {phrase.id for phrase in plan.phrases}
    lost = [phrase for phrase in were if phrase.id not in came and phrase.id not in there]
    out += [p for p in lost if (chosen(p) or gave_way(p)) and _has_room(p, [o for o in out if o not in lost])]
    phrases = _mended(plan, in_order(out), ends)
    known = {phrase.id: phrase for phrase in phrases if phrase.id not in own}
    kept_now = tuple(p for p in known.values() if p.id in came and gone.get(p.id) != p)
    kept_were = tuple(w for w in were if known.get(w.id, w if w.id in own else None) != w)
    return phrases, (kept_were, kept_now)


def _has_room(phrase: GesturePhrase, others: Sequence[GesturePhrase]) -> bool:
    """Whether what was left out has room again; looked at is what is near, as all the rest it stood beside before."""
    near = [o for o in others if o.onset < phrase.apex + CLOSEST and phrase.onset < o.apex + CLOSEST]
    return fits_between(phrase, near)


def _mended(
    plan: GesturePlan, ordered: Sequence[GesturePhrase], ends: dict[int, GesturePhrase]
) -> tuple[GesturePhrase, ...]:
    """The gestures, each ending as its follower allows: as it did before where it can, else as it does, else anew."""
    there = in_order(plan.phrases)
    followed = {
        phrase: None if follower is None else follower.onset
        for phrase, follower in zip(there, [*there[1:], None], strict=False)
    }
    out = []
    for phrase, follower in zip(ordered, [*ordered[1:], None], strict=False):
        if followed.get(phrase, -1.0) == (None if follower is None else follower.onset):
            out.append(phrase)
            continue
        options = [ends.get(phrase.id, phrase), phrase]
        fitting = [option for option in options if follower is None or _meets(option, follower)]
        out.append(fitting[0] if fitting else ended(options[0], follower, plan))
    return tuple(out)


def _meets(phrase: GesturePhrase, follower: GesturePhrase) -> bool:
    """Whether a gesture ends where the next one takes over."""
    if phrase.join == "rest":
        return phrase.retract_end <= follower.onset + OVERLAP
    return abs(phrase.retract_end - follower.onset) <= MEETS


def _events(
    there: Sequence[Event], were: Sequence[Event], now: Sequence[Event], chosen: Chosen
) -> tuple[tuple[Event, ...], tuple[tuple[Event, ...], tuple[Event, ...]]]:
    """The events, and what of the record stays. Those whose place is taken by now stay away."""
    kept = [event for event in there if not (event in now and chosen(event))]
    back = [event for event in were if chosen(event) and not any(_clash(event, other) for other in kept)]
    left = tuple(e for e in were if not chosen(e)), tuple(e for e in now if not chosen(e))
    return tuple(sorted([*kept, *back], key=lambda event: (event.start, event.kind))), left


def _clash(event: Event, other: Event) -> bool:
    """Whether two events of one lane have moments in common; tilts are a lane of their own."""
    return (event.kind == "tilt") == (other.kind == "tilt") and event.start < other.end and other.start < event.end
