"""Events that share a degree of freedom: the more important one stays, the other is dropped."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.plan.types import Event

SHORTEST = 0.05  # s of an event that was cut at the line's start, by eye


@dataclass(frozen=True)
class Wish:
    """An event with its importance; higher wins."""

    event: Event
    priority: float


def settle(wishes: Iterable[Wish], gap: float, seconds: float, refractory: float = 0.0) -> tuple[Event, ...]:
    """The events that fit one lane, inside 0..``seconds``, in order of start.

    They keep ``gap`` seconds from end to start, and ``refractory`` seconds from start to start.

    Greedy by priority, then time: O(n log n) but for list insertion.
    """
    starts: list[float] = []
    kept: list[Event] = []
    for wish in sorted(wishes, key=lambda entry: (-entry.priority, entry.event.start)):
        event = clip(wish.event, seconds)
        if event is None:
            continue
        at = bisect.bisect_left(starts, event.start)
        if at > 0 and max(kept[at - 1].end + gap, starts[at - 1] + refractory) > event.start:
            continue
        if at < len(kept) and max(event.end + gap, event.start + refractory) > starts[at]:
            continue
        starts.insert(at, event.start)
        kept.insert(at, event)
    return tuple(kept)


def clip(event: Event, seconds: float) -> Event | None:
    """The event inside 0..``seconds``, times rounded; None when too little of it would be left."""
    start = max(0.0, event.start)
    end = min(seconds, event.end)
    apex = min(max(event.apex, start), end)
    if end - start < SHORTEST or event.apex >= seconds or event.apex < 0.0:
        return None
    hold = max(0.0, min(event.hold, end - apex))
    return replace(
        event,
        start=round(start, 4),
        apex=round(apex, 4),
        end=round(end, 4),
        hold=round(hold, 4),
        amount=round(event.amount, 4),
        extra=round(event.extra, 4),
    )
