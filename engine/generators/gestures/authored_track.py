"""Curves of authored gestures over their own time: overlapping minimum-jerk moves, arcs, circles and oscillations.

Moves are added up, as sub-movements of a reach are (Flash and Henis 1991), so that a hand which goes on before it has
arrived rounds the corner. Everything is a closed form of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk_terms

Array = NDArray[np.float64]

SKEW = 0.14  # no unit: moves peak at 45 % of their time (docs/sources/semantics.md, section 2)
RAMP = 0.3  # share of a round path spent getting up to speed, and the same to slow down; by eye


def eased(phase: Array) -> Array:
    """0 to 1 for phase 0 to 1: minimum jerk with its peak a little before the middle."""
    s = np.clip(phase, 0.0, 1.0)
    return minimum_jerk_terms(s * (1.0 + SKEW * (1.0 - s)))


def even(phase: Array) -> Array:
    """0 to 1 for phase 0 to 1: up to speed within RAMP, steady, and down again; C2."""
    p = np.clip(phase, 0.0, 1.0)

    def rising(x: Array) -> Array:
        return np.asarray(0.5 * (x - RAMP / np.pi * np.sin(np.pi * x / RAMP)))

    middle = p - 0.5 * RAMP
    out = np.where(p < RAMP, rising(np.minimum(p, RAMP)), middle)
    late = 1.0 - RAMP - rising(np.minimum(1.0 - p, RAMP))
    return np.asarray(np.where(p > 1.0 - RAMP, late, out) / (1.0 - RAMP), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Wave:
    """An oscillation of some channels: ``size`` (C,), from ``start`` on ``count`` cycles of ``every`` seconds; no two
    cycles are of one size. ``lifted``: between 0 and 1 instead of around 0."""

    size: Array
    start: float
    count: float
    every: float
    uneven: float
    lifted: bool = False

    def __call__(self, times: Array) -> Array:
        """(n, C) at (n,) seconds."""
        end = self.start + self.count * self.every
        gate = minimum_jerk_terms((times - self.start) / (0.4 * self.every)) * minimum_jerk_terms(
            (end - times) / (0.5 * self.every)
        )
        turn = 2.0 * np.pi * (times - self.start) / self.every
        swing = 0.5 - 0.5 * np.cos(turn) if self.lifted else np.sin(turn)
        unlike = 1.0 + 0.13 * np.sin(0.61 * turn + self.uneven)
        return np.asarray((gate * swing * unlike)[:, None] * self.size)


@dataclass(frozen=True, eq=False)
class Loop:
    """A round path: ``turns`` about ``centre`` (C,) from where it starts, ``aside`` (C,) the other half axis."""

    centre: Array
    aside: Array
    start: float
    seconds: float
    turns: float

    def __call__(self, times: Array) -> Array:
        """(n, C) at (n,) seconds."""
        angle = 2.0 * np.pi * self.turns * even((times - self.start) / self.seconds)
        return np.asarray(np.multiply.outer(1.0 - np.cos(angle), self.centre) + np.outer(np.sin(angle), self.aside))


@dataclass(frozen=True, eq=False)
class Move:
    """A way from one value to another: ``delta`` (C,) more after ``start`` + ``seconds``; ``bow`` (C,) at its
    middle."""

    start: float
    seconds: float
    delta: Array
    bow: Array


@dataclass(frozen=True, eq=False)
class Track:
    """``first`` (C,) and what is added to it."""

    first: Array
    moves: Sequence[Move]
    paths: Sequence[Wave | Loop] = ()

    def __call__(self, times: Array) -> Array:
        """(n, C) at (n,) seconds."""
        out = np.empty((len(times), len(self.first)))
        out[:] = self.first
        for move in self.moves:
            part = eased((times - move.start) / move.seconds)
            out += part[:, None] * move.delta
            if move.bow.any():
                out += (4.0 * part * (1.0 - part))[:, None] * move.bow
        for path in self.paths:
            out += path(times)
        return out
