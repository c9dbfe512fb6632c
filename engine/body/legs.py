"""Standing on planted feet: legs solved so that ankles and soles stay where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import soft_over
from engine.body.joints import ANKLES, HIPS, KNEES
from engine.body.kinematics import hinge_limb
from engine.body.skeleton import Skeleton

Array = NDArray[np.float64]

# By eye.
SOFT_KNEE = float(np.radians(5.0))  # rad, of a standing person's knee
STRAIGHTEST_KNEE = float(np.radians(3.0))  # rad
_KNEE_ROOM = 0.001  # m, over which a pelvis is brought down softly
_FLEX_AXIS = np.array([1.0, 0.0, 0.0])  # no unit: a knee's hinge in the rest pose, as assets/skeleton.json stands
_BLEND_METRES = 0.003  # over which the lower of two heights is taken softly
_REACH_SOFT = 0.0003  # m, over which a leg gets straight


@dataclass(frozen=True, eq=False)
class Feet:
    """World ankle positions (2, 3) in metres and foot orientations (2, 3, 3), left then right, of planted feet.

    Feet that step have both for every instant, and ``peel`` (T, 2): by how many radians the heel is up.
    """

    ankles: Array
    orientations: Array
    peel: Array | None = None


def _leg_bones(skeleton: Skeleton, side: int) -> tuple[Array, Array]:
    rest = skeleton.rest
    return rest[KNEES[side]] - rest[HIPS[side]], rest[ANKLES[side]] - rest[KNEES[side]]


def leg_length(skeleton: Skeleton, side: int, flexion: float) -> float:
    """Distance hip to ankle in metres with the knee flexed by ``flexion`` radians from the rest shape."""
    a, b = _leg_bones(skeleton, side)
    c, s = np.cos(flexion), np.sin(flexion)
    bent = np.array([b[0], c * b[1] - s * b[2], s * b[1] + c * b[2]])
    return float(np.linalg.norm(a + bent))


def highest_pelvis(skeleton: Skeleton, pelvis: Array, orientation: Array, ankles: Array, flexion: float) -> Array:
    """Height (T,) at which neither knee is straighter than ``flexion``, a smooth minimum over both legs.

    ``pelvis`` (T, 3) world position (its y is not used), ``orientation`` (T, 3, 3), ``ankles`` (T, 2, 3) or (2, 3).
    """
    targets = np.broadcast_to(ankles, (len(pelvis), 2, 3))
    heights = []
    for side in (0, 1):
        offset = orientation @ (skeleton.rest[HIPS[side]] - skeleton.rest[0])
        flat = targets[:, side] - (pelvis + offset)
        length = leg_length(skeleton, side, flexion)
        across = np.minimum(flat[:, 0] ** 2 + flat[:, 2] ** 2, 0.9 * length**2)
        heights.append(targets[:, side, 1] + np.sqrt(length**2 - across) - offset[:, 1])
    lower = np.logaddexp(-heights[0] / _BLEND_METRES, -heights[1] / _BLEND_METRES)
    return np.asarray(-_BLEND_METRES * lower, dtype=np.float64)


def overstretch(skeleton: Skeleton, pelvis: Array, orientation: Array, ankles: Array) -> Array:
    """How much lower (T,) metres a pelvis must be for knees no straighter than ``STRAIGHTEST_KNEE``, C1 from zero on;
    ``pelvis`` (T, 3) world position, the others as of :func:`highest_pelvis`."""
    highest = highest_pelvis(skeleton, pelvis, orientation, ankles, STRAIGHTEST_KNEE)
    return soft_over(np.maximum(pelvis[:, 1] - (highest - _KNEE_ROOM), 0.0), _KNEE_ROOM)


def solve_legs(
    skeleton: Skeleton,
    pelvis: Array,
    orientation: Array,
    ankles: Array,
    soles: Array,
    poles: Array | None = None,
) -> tuple[Array, Array]:
    """Local rotations (T, 8, 3, 3) of hips, knees, ankles, toes (left, right each) with the ankles on their targets.

    ``pelvis`` (T, 3) world position, ``orientation`` (T, 3, 3); ``ankles`` (T, 2, 3) or (2, 3) metres; ``soles``
    (T, 2, 3, 3) or (2, 3, 3) world foot orientations. Knees are pure hinges that point along ``poles`` (T, 2, 3), else
    between pelvis and foot direction. Also returns the residual (T, 2) in metres, above 0 only where a target is out of
    reach.
    """
    frames = len(pelvis)
    targets = np.broadcast_to(ankles, (frames, 2, 3))
    feet = np.broadcast_to(soles, (frames, 2, 3, 3))
    local = np.empty((frames, 8, 3, 3))
    residual = np.empty((frames, 2))
    inverse = np.swapaxes(orientation, -1, -2)
    for side in (0, 1):
        a, b = _leg_bones(skeleton, side)
        hip = pelvis + orientation @ (skeleton.rest[HIPS[side]] - skeleton.rest[0])
        pole = feet[:, side, :, 2] + orientation[:, :, 2] if poles is None else poles[:, side]
        limb = hinge_limb(a, b, _FLEX_AXIS, hip, targets[:, side], pole, soft=_REACH_SOFT)
        knee = np.zeros((frames, 3, 3))
        cos, sin = np.cos(limb.hinge), np.sin(limb.hinge)
        knee[:, 0, 0] = 1.0
        knee[:, 1, 1] = knee[:, 2, 2] = cos
        knee[:, 1, 2], knee[:, 2, 1] = -sin, sin
        local[:, side] = inverse @ limb.root
        local[:, 2 + side] = knee
        local[:, 4 + side] = np.swapaxes(limb.root @ knee, -1, -2) @ feet[:, side]
        local[:, 6 + side] = np.eye(3)
        residual[:, side] = limb.residual
    return local, residual


def knee_poles(points: Array, world: Array) -> Array:
    """Where the knees of a posed body point, (T, 2, 3), for :func:`solve_legs`; from world joints and orientations."""
    sides = [
        np.cross(points[:, ANKLES[side]] - points[:, HIPS[side]], world[:, HIPS[side]] @ _FLEX_AXIS) for side in (0, 1)
    ]
    return np.stack(sides, axis=1)
