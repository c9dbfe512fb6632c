"""What pins say to the plan: where a pinned hand is, against where the gestures would have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import CHEST, COLLARED_ARMS, HEAD, NECK, SIDES, WRISTS
from engine.body.rotations import axis_angle_to_matrix
from engine.generators.gestures.perform import wrists_at
from engine.hints.types import Hints
from engine.plan.around import ArmPin

Array = NDArray[np.float64]


def arm_pins(hints: Hints, start: int, local: Array, trans: Array, resting: Array) -> tuple[ArmPin, ...]:
    """The pinned wrists inside the window, in order of time.

    ``local`` (n, 55, 3, 3), ``trans`` (n, 3): the generated body from frame ``start`` on; ``resting`` (n, 55, 3, 3) the
    same without gestures. A joint of the arm that is not pinned is taken as generated.
    """
    found = []
    first, end = hints.window
    for side, name in enumerate(SIDES):
        pinned = hints.rotation_mask[first:end, list(COLLARED_ARMS[side][:3])].any(axis=1)
        for frame in first + np.flatnonzero(pinned):
            pose = local[frame - start].copy()
            given = np.flatnonzero(hints.rotation_mask[frame])
            pose[given] = axis_angle_to_matrix(hints.rotations[frame, given].astype(np.float64))
            found.append(_pin(hints, int(frame), name, wrists_at(pose)[side], local, resting, start))
    goals = [target for target in hints.targets if target.joint in WRISTS and first <= target.frame < end]
    for target in goals:
        name = SIDES[WRISTS.index(target.joint)]
        row = slice(target.frame - start, target.frame - start + 1)
        points, world = hints.skeleton.forward_matrices(local[row], trans[row])
        place = world[0, CHEST].T @ (np.array(target.xyz) - points[0, CHEST])
        found.append(_pin(hints, target.frame, name, place, local, resting, start))
    return tuple(sorted(found, key=lambda pin: (pin.time, pin.side)))


def _pin(hints: Hints, frame: int, side: str, place: Array, local: Array, resting: Array, start: int) -> ArmPin:
    row = SIDES.index(side)
    made, rest = wrists_at(local[frame - start])[row], wrists_at(resting[frame - start])[row]
    return ArmPin(
        time=frame / hints.fps,
        side=side,
        off=float(np.linalg.norm(place - made)),
        raised=float(np.linalg.norm(place - rest)),
    )


def head_pins(hints: Hints) -> tuple[float, ...]:
    """Seconds at which the head is fixed, by a pin or a target, inside the window."""
    first, end = hints.window
    frames = set((first + np.flatnonzero(hints.rotation_mask[first:end, [NECK, HEAD]].any(axis=1))).tolist())
    frames |= {target.frame for target in hints.targets if target.joint == HEAD and first <= target.frame < end}
    return tuple(frame / hints.fps for frame in sorted(frames))
