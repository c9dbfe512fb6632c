"""Choose few key frames such that cubic curves through them stay within bounds on every frame. numpy only, no bpy.

Channels are keyed in groups: those of a group have their keys on the same frames. Keys are added where a group brings
what is seen too far from where it was, until nothing is too far; then those that turn out needless are taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..rig.convert import Array, Flags
from .fit import fit

Needs = Callable[[Array], Array]  # curves (C, T) -> how many times too far (groups, T) each group brings things

STILL = 1e-6  # of a channel's unit, by eye: one that varies by less is keyed at its ends only
PRUNINGS = 3  # by eye: every third key is tried at a time
NEAR = 2  # frames, by eye: a preferred frame that is nearer to the worst one is taken instead
WORTH = 0.5  # if there it is at least this much as bad, by eye


@dataclass(frozen=True, eq=False)
class Channels:
    """``values`` (C, T) of channels, the ``group`` (C,) of each, frames (C, T) on which it has a key in any case, the
    first and the last among them.
    """

    values: Array
    group: NDArray[np.int_]
    forced: Flags


@dataclass(frozen=True, eq=False)
class Keys:
    """The choice: frames (G, T) of each group's keys, and what follows: keys (C, T), curves and slopes (C, T)."""

    groups: Flags
    marks: Flags
    curves: Array
    slopes: Array

    @property
    def count(self) -> int:
        """How many keys there are."""
        return int(self.marks.sum())


@dataclass(eq=False)
class Thinning:
    """A search for keys. ``needs`` says what is too far; groups have keys on the frames ``locked`` (G, T) in any case,
    and where they need others, rather on ``liked`` (G, T) ones. Channels that vary by less than ``still`` stay out.
    """

    channels: Channels
    needs: Needs
    locked: Flags
    liked: Flags
    still: float = STILL
    _still: Flags = field(init=False)
    _marks: Flags = field(init=False)
    _curves: Array = field(init=False)
    _slopes: Array = field(init=False)

    def __post_init__(self) -> None:
        values = self.channels.values
        self._still = np.ptp(values, axis=1) < self.still
        self._marks = np.zeros(values.shape, np.bool_)
        self._curves, self._slopes = np.empty_like(values), np.zeros_like(values)

    def choose(self) -> Keys:
        """The keys; those of all channels on all frames would always do, so there is an end to it."""
        groups = self.refine(self.locked)
        for third in range(PRUNINGS):
            groups = self._pruned(groups, third)
        return self.keys(groups)

    def keys(self, groups: Flags) -> Keys:
        """What follows from the groups' key frames."""
        marks = self.channels.forced | (groups[self.channels.group] & ~self._still[:, None])
        changed = np.flatnonzero((marks != self._marks).any(axis=1))
        if len(changed):
            self._curves[changed], self._slopes[changed] = fit(self.channels.values[changed], marks[changed])
            self._marks = marks
        return Keys(groups, marks, self._curves, self._slopes)

    def refine(self, groups: Flags) -> Flags:
        """Add key frames until nothing is too far."""
        while True:
            more = self.split(groups, self.needs(self.keys(groups).curves))
            if not (more & ~groups).any():
                return groups
            before = self.keys(groups).count
            groups = more
            if self.keys(groups).count == before:  # only channels that hardly move are to blame
                self._still[:] = False

    def split(self, groups: Flags, need: Array) -> Flags:
        """One more key frame wherever a group is too far between two."""
        more = groups.copy()
        for group in np.flatnonzero((need > 1.0).any(axis=1)):
            places = np.flatnonzero(groups[group])
            row, liked = need[group], self.liked[group]
            worst = np.maximum.reduceat(row, places[:-1]) if len(places) > 1 else np.zeros(0)
            for index in np.flatnonzero(worst > 1.0):
                first, end = int(places[index]) + 1, int(places[index + 1])
                if first < end:
                    more[group, _place(row[first:end], liked[first:end]) + first] = True
        return more

    def _pruned(self, groups: Flags, third: int) -> Flags:
        """Without those of every third key that are not needed."""
        tried = groups.copy()
        removed: list[tuple[int, int, int, int]] = []
        for group in range(len(groups)):
            places = np.flatnonzero(groups[group])
            for index in range(1 + third, len(places) - 1, PRUNINGS):
                if not self.locked[group, places[index]]:
                    tried[group, places[index]] = False
                    removed.append((group, int(places[index]), int(places[index - 1]), int(places[index + 1])))
        need = self.needs(self.keys(tried).curves)
        for group, place, before, after in removed:
            if need[group, before : after + 1].max() > 1.0:
                tried[group, place] = True
        tried = self.refine(tried)
        return tried if self.keys(tried).count < self.keys(groups).count else groups


def _place(need: Array, liked: Flags) -> int:
    """Where to put a key: the worst frame, or a liked one near it."""
    worst = int(np.argmax(need))
    first = max(worst - NEAR, 0)
    near = first + np.flatnonzero(liked[first : worst + NEAR + 1])
    near = near[need[near] >= WORTH * need[worst]]
    return int(near[np.argmax(need[near])]) if len(near) else worst
