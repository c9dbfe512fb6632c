"""A plan made anew inside a window: the new seed's gestures there, the old ones outside and across its borders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.plan.candidates import HOLD_MIN, STRETCH
from engine.plan.links import CLOSEST, USER, class_times, in_order, linked
from engine.plan.types import Event, GesturePhrase, GesturePlan

IDS_OF_A_SEED = 10_000  # no unit, chosen: more gestures than a line of any length has
SEEDS_TOLD_APART = 200_000  # so that every id fits 31 bits
HEAD, FACE = ("head", "gaze"), ("brows", "blinks", "smiles")


@dataclass(frozen=True)
class Parts:
    """Which parts of the body the window may change: the arms ("left", "right"), head and eyes, face."""

    arms: frozenset[str] = frozenset(["left", "right"])
    head: bool = True
    face: bool = True


def first_id(seed: int, home: int) -> int:
    """From where the ids of phrases planned for ``seed`` count in a plan whose own seed is ``home``.

    The realiser draws a performance from a phrase's id, so another seed's phrases need ids of their own.
    """
    if seed == home:
        return 0
    digest = hashlib.blake2b(str(seed).encode(), digest_size=4).digest()
    return IDS_OF_A_SEED * (1 + int.from_bytes(digest, "little") % SEEDS_TOLD_APART)


def planned_with(plan: GesturePlan, span: tuple[float, float], seed: int) -> bool:
    """Whether the gestures inside ``span`` seconds are this seed's already, or a person's."""
    low = first_id(seed, plan.seed)
    inside = [phrase for phrase in plan.phrases if phrase.onset >= span[0] and phrase.retract_end <= span[1]]
    own = [low <= phrase.id < low + IDS_OF_A_SEED or phrase.rule == USER for phrase in inside]
    return all(own) if inside else seed == plan.seed


def planned_anew(old: GesturePlan, new: GesturePlan, span: tuple[float, float], seed: int, parts: Parts) -> GesturePlan:
    """``old`` with ``new``'s gestures and events inside ``span`` seconds, for the parts that may change.

    Phrases across a border and those that a person made or changed stay; new ones give way to them.
    """
    plan = old
    if parts.arms:
        kept = [p for p in old.phrases if p.rule == USER or not _may_go(p, span, parts.arms)]
        low = first_id(seed, old.seed)
        taken = {phrase.id for phrase in kept}
        fresh = [replace(phrase, id=_free_id(low + phrase.id, taken)) for phrase in new.phrases]
        if len(parts.arms) == 1:  # the other hand goes on with what it does
            fresh = [replace(phrase, hands=min(parts.arms)) for phrase in fresh]
        inside = [phrase for phrase in fresh if phrase.onset >= span[0] and phrase.apex + HOLD_MIN <= span[1]]
        plan = linked(plan, _fitting(kept, inside, span[1]))
    names = (HEAD if parts.head else ()) + (FACE if parts.face else ())
    groups: dict[str, Any] = {name: _merged(getattr(old, name), getattr(new, name), span) for name in names}
    return replace(plan, **groups)


def _may_go(phrase: GesturePhrase, span: tuple[float, float], arms: frozenset[str]) -> bool:
    """Whether a phrase lies inside the span and moves only arms that may change."""
    used = {"left", "right"} if phrase.hands == "both" else {phrase.hands}
    return phrase.onset >= span[0] and phrase.retract_end <= span[1] and used <= arms


def _free_id(number: int, taken: set[int]) -> int:
    while number in taken:
        number += IDS_OF_A_SEED // 2
    return number


def _fitting(kept: Sequence[GesturePhrase], fresh: Iterable[GesturePhrase], end: float) -> list[GesturePhrase]:
    """The kept phrases and those of the new ones that have room between them and before the window's end."""
    out = in_order(kept)
    for phrase in in_order(fresh):
        before = [other for other in out if other.apex <= phrase.apex]
        after = [other for other in out if other.apex > phrase.apex]
        ready = max((other.apex + HOLD_MIN for other in before), default=-1.0)
        if any(abs(other.apex - phrase.apex) < CLOSEST for other in out) or ready > phrase.onset + 0.02:
            continue
        if any(other.onset < phrase.apex + HOLD_MIN for other in after):
            continue
        back = phrase.apex + HOLD_MIN + (1.0 - STRETCH) * class_times(phrase.gclass).retract
        if back > end and not any(other.onset < end + 1.0 for other in after):
            continue
        out = in_order([*out, phrase])
    return out


def _merged(old: Sequence[Event], new: Sequence[Event], span: tuple[float, float]) -> tuple[Event, ...]:
    """Old events that reach out of the span, new ones inside that don't overlap them, in order of start."""
    kept = [event for event in old if event.start < span[0] or event.end > span[1]]
    inside = [event for event in new if event.start >= span[0] and event.end <= span[1]]
    free = [event for event in inside if all(event.end <= k.start or event.start >= k.end for k in kept)]
    return tuple(sorted([*kept, *free], key=lambda event: (event.start, event.kind)))
