"""Seeded, continuous-time building blocks of body life: the same instant gives the same value at any frame rate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.body.curves import minimum_jerk_terms

Array = NDArray[np.float64]


def seeded(*keys: object) -> np.random.Generator:
    """A generator that depends on the keys alone, equal on every machine and in every process."""
    digest = hashlib.blake2b("|".join(str(key) for key in keys).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


@dataclass(frozen=True, eq=False)
class Wander:
    """Band-limited 1/f noise as a sum of seeded sinusoids: frequencies Hz, phases and amplitudes, all (channels, n)."""

    frequencies: Array
    phases: Array
    amplitudes: Array

    def __call__(self, times: Array) -> Array:
        """(T,) seconds -> (T, channels)."""
        out = np.empty((len(times), len(self.frequencies)))
        for channel, (freq, phase, amp) in enumerate(zip(self.frequencies, self.phases, self.amplitudes, strict=True)):
            out[:, channel] = np.sin(np.multiply.outer(times, 2.0 * np.pi * freq) + phase) @ amp
        return out


def wander(rng: np.random.Generator, std: ArrayLike, low: float, high: float, count: int = 10) -> Wander:
    """1/f noise between ``low`` and ``high`` Hz with standard deviation ``std`` (channels,).

    Log-spaced frequencies of equal amplitude have power falling as 1/f; each is jittered within its slot, so that no
    two channels and no two seeds share a period.
    """
    spread = np.atleast_1d(np.asarray(std, dtype=np.float64))
    slots = (np.arange(count) + rng.uniform(0.1, 0.9, (len(spread), count))) / count
    frequencies = low * (high / low) ** slots
    amplitudes = np.repeat(spread[:, None] * np.sqrt(2.0 / count), count, axis=1)
    return Wander(frequencies, rng.uniform(0.0, 2.0 * np.pi, frequencies.shape), amplitudes)


@dataclass(frozen=True, eq=False)
class Steps:
    """A value that moves from target to target by minimum-jerk steps, which may overlap.

    ``first`` (C,) before the first step; step i starts at ``starts[i]``, lasts ``durations[i]`` s and adds
    ``deltas[i]`` (n, C). Starts ascend.
    """

    first: Array
    starts: Array
    durations: Array
    deltas: Array

    def __call__(self, times: Array) -> Array:
        """(T,) seconds -> (T, C)."""
        out = np.empty((len(times), len(self.first)))
        out[:] = self.first
        if not len(times) or not len(self.starts):
            return out
        begin, end = float(times.min()), float(times.max())
        done = self.starts + self.durations <= begin
        out += self.deltas[done].sum(axis=0)
        for index in np.flatnonzero(~done & (self.starts < end)):
            part = minimum_jerk_terms((times - self.starts[index]) / self.durations[index])
            out += part[:, None] * self.deltas[index]
        return out


@dataclass(frozen=True, eq=False)
class Blend:
    """From one track to another and back: ``weight`` (1 channel, 0..1) is how much of ``second`` shows."""

    first: Steps
    second: Steps
    weight: Steps

    def __call__(self, times: Array) -> Array:
        """(T,) seconds -> (T, C)."""
        share = self.weight(times)
        before = self.first(times)
        return np.asarray(before + share * (self.second(times) - before), dtype=np.float64)


def steps(first: ArrayLike, moves: Sequence[tuple[float, float, ArrayLike]]) -> Steps:
    """Steps from ``first`` (C,) through moves of (start s, duration s, new target (C,)), sorted by start."""
    origin = np.atleast_1d(np.asarray(first, dtype=np.float64))
    ordered = sorted(moves, key=lambda move: move[0])
    targets = np.array([np.atleast_1d(np.asarray(move[2], dtype=np.float64)) for move in ordered])
    targets = targets.reshape(len(ordered), len(origin))
    deltas = np.diff(np.concatenate([origin[None], targets]), axis=0)
    return Steps(origin, np.array([m[0] for m in ordered]), np.array([m[1] for m in ordered]), deltas)


def rise_and_fall(times: Array, start: float, apex: float, hold: float, end: float) -> Array:
    """0 -> 1 over start..apex, held, back to 0 at ``end``, minimum jerk both ways; (T,) -> (T,)."""
    up = minimum_jerk_terms((times - start) / max(apex - start, 0.05))
    fall = min(apex + hold, end - 0.05)
    down = minimum_jerk_terms((times - fall) / max(end - fall, 0.05))
    return up - down
