"""Small curve tools that the face modules share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk
from engine.plan.types import Event

Array = NDArray[np.float64]


def envelope(times: Array, start: float, apex: float, release: float, end: float) -> Array:
    """0 before ``start``, 1 from ``apex`` to ``release``, 0 after ``end``, minimum-jerk flanks; times in seconds."""
    rise = minimum_jerk((times - start) / max(apex - start, 1e-3))
    fall = minimum_jerk((times - release) / max(end - release, 1e-3))
    return rise * (1.0 - fall)


def add_event(out: Array, times: Array, event: Event, amount: float) -> None:
    """Add an event's envelope times ``amount`` into ``out`` (T,), touching only the frames it spans."""
    release = min(max(event.apex + event.hold, event.apex), max(event.end, event.apex))
    first, last = np.searchsorted(times, (event.start, max(event.end, event.apex)))
    part = slice(max(int(first) - 1, 0), int(last) + 1)
    out[part] += amount * envelope(times[part], event.start, event.apex, release, event.end)


def of_kind(events: Iterable[Event], *kinds: str) -> list[Event]:
    """The events of these kinds."""
    return [event for event in events if event.kind in kinds]


def drift(times: Array, rng: np.random.Generator, slowest: float, fastest: float, waves: int = 5) -> Array:
    """Smooth unit-variance wandering (T,): a sum of sines between two frequencies in Hz, the same at any frame rate."""
    rates = np.exp(rng.uniform(np.log(slowest), np.log(fastest), waves))
    phases = rng.uniform(0.0, 2.0 * np.pi, waves)
    weights = rng.uniform(0.6, 1.0, waves)
    total = sum(w * np.sin(2.0 * np.pi * r * times + p) for w, r, p in zip(weights, rates, phases, strict=True))
    return np.asarray(total / np.sqrt(0.5 * np.sum(weights**2)), dtype=np.float64)
