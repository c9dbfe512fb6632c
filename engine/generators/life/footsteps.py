"""Feet of a standing body: the stance drawn for it, and its small steps.

With a shift of the weight the freed foot may be lifted and set down anew. Steps follow from the plan's shifts, its
style and the seeds, so that a window which is made anew has the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk_terms
from engine.body.joints import ANKLES, TOES
from engine.body.kinematics import rotation_x, rotation_y
from engine.body.legs import Feet
from engine.body.skeleton import ASSETS, Skeleton
from engine.generators.life.noise import seeded
from engine.plan.types import Event

Array = NDArray[np.float64]

# By eye.
FREED = 0.5  # share of a shift's time: the other leg carries more than half
SECONDS = (0.44, 0.62)  # of a step
LEAST, MOST = 0.025, 0.075  # m of a step; a foot that would go less, or more, stays
NARROWEST = 0.185  # m from ankle to ankle, sideways
LIFT, PEEL = (0.012, 0.022), float(np.radians(13.0))  # m; rad by which the heel comes up first
GOES = (0.14, 0.78)  # shares of a step's time: when the foot begins to travel, and how long
_PEAK = (3.0 / 7.0) ** 3 * (4.0 / 7.0) ** 4  # no unit, the highest value of PEEL's curve


@cache
def _stances() -> list[dict[str, Any]]:
    data = json.loads((ASSETS / "postures" / "stances.json").read_text(encoding="utf-8"))
    return list(data["stances"])


def choose_feet(skeleton: Skeleton, *keys: object) -> Feet:
    """Planted feet of a seeded stance: soles flat, toe bases ``skeleton.toe_height`` above the floor."""
    rng = seeded("stance", *keys)
    stance = _stances()[int(rng.integers(len(_stances())))]
    mirrored = bool(rng.integers(2))
    ankles, orientations = np.zeros((2, 3)), np.zeros((2, 3, 3))
    for side, sign in ((0, 1.0), (1, -1.0)):
        foot = stance["left" if (side == 0) != mirrored else "right"]
        toe = skeleton.rest[TOES[side]] - skeleton.rest[ANKLES[side]]
        jitter = rng.normal(0.0, [0.005, 0.006, 1.2])
        ankles[side] = (
            sign * (foot["x"] + jitter[0]),
            skeleton.toe_height - toe[1],
            skeleton.rest[0, 2] + foot["z"] + jitter[1],
        )
        orientations[side] = rotation_y(np.radians(sign * (foot["out"] + jitter[2])))
    return Feet(ankles, orientations)


@dataclass(frozen=True, eq=False)
class Footstep:
    """One foot (0 left, 1 right) is moved by ``way`` (3,) metres and turned by ``turn`` radians about the vertical;
    ``lever`` (2,) metres from ankle to toe base, down and ahead."""

    side: int
    start: float
    seconds: float
    way: Array
    turn: float
    lift: float
    lever: tuple[float, float]

    def scaled(self, scale: float, skeleton: Skeleton) -> Footstep:
        """The step of another body, so many times as large."""
        return replace(self, way=scale * self.way, lift=scale * self.lift, lever=_lever(skeleton, self.side))

    def turned(self, turn: Array) -> Footstep:
        """The step of a body that is turned by ``turn`` (3, 3)."""
        return replace(self, way=turn @ self.way)


def _lever(skeleton: Skeleton, side: int) -> tuple[float, float]:
    toe = skeleton.rest[TOES[side]] - skeleton.rest[ANKLES[side]]
    return float(-toe[1]), float(toe[2])


def walked(feet: Feet, taken: Sequence[Footstep], times: Array) -> Feet:
    """The feet at (T,) seconds: (2, 3) where no step was taken, else (T, 2, 3)."""
    if not taken:
        return feet
    ankles = np.repeat(feet.ankles[None], len(times), axis=0)
    turns, peels = np.zeros((len(times), 2)), np.zeros((len(times), 2))
    for step in taken:
        phase = np.clip((times - step.start) / step.seconds, 0.0, 1.0)
        gone = minimum_jerk_terms((phase - GOES[0]) / GOES[1])
        peel = PEEL * phase**3 * (1.0 - phase) ** 4 / _PEAK
        down, ahead = step.lever
        ankles[:, step.side] += gone[:, None] * step.way
        ankles[:, step.side, 1] += 16.0 * step.lift * (gone * (1.0 - gone)) ** 2
        turns[:, step.side] += gone * step.turn
        peels[:, step.side] += peel
        # The heel comes up about the ball of the foot, which stays where it is.
        ahead_of = (rotation_y(turns[:, step.side]) @ feet.orientations[step.side])[..., 2]
        ankles[:, step.side, 1] += ahead * np.sin(peel) - down * (1.0 - np.cos(peel))
        ankles[:, step.side] += (ahead * (1.0 - np.cos(peel)) + down * np.sin(peel))[:, None] * ahead_of
    return Feet(ankles, rotation_y(turns) @ feet.orientations @ rotation_x(peels), peels)


def footsteps(
    skeleton: Skeleton, feet: Feet, shifts: Sequence[Event], share: float, *keys: object
) -> tuple[Footstep, ...]:
    """The steps that go with ``shifts`` (in order of time) from planted ``feet``: with a ``share`` of them."""
    taken: list[Footstep] = []
    ankles, orientations = feet.ankles.copy(), feet.orientations.copy()
    for event in shifts:
        rng = seeded("footstep", *keys, round(event.start, 3))
        side = 1 if event.amount > 0.0 else 0
        start = event.start + FREED * (event.apex - event.start)
        late = taken and start < taken[-1].start + taken[-1].seconds + 0.3
        if rng.random() >= share or late:
            continue
        new = choose_feet(skeleton, *keys, "footstep", round(event.start, 3))
        way = new.ankles[side] - ankles[side]
        far = max(float(np.linalg.norm(way)), 1e-6)
        way = way * (np.clip(far, LEAST, MOST) / far)
        outward = 1.0 if side == 0 else -1.0
        way[0] += outward * max(NARROWEST - outward * (ankles[side] + way - ankles[1 - side])[0], 0.0)
        if not LEAST - 1e-6 <= float(np.linalg.norm(way)) <= MOST + 1e-6:
            continue
        turn = _heading(new.orientations[side]) - _heading(orientations[side])
        seconds, lift = float(rng.uniform(*SECONDS)), float(rng.uniform(*LIFT))
        taken.append(Footstep(side, start, seconds, way, turn, lift, _lever(skeleton, side)))
        ankles[side] += way
        orientations[side] = rotation_y(np.array(turn)) @ orientations[side]
    return tuple(taken)


def _heading(sole: Array) -> float:
    return float(np.arctan2(sole[0, 2], sole[2, 2]))
