"""Arms and legs as the exact pass moves them: forward kinematics of a chain, and the two-bone move of a limb's end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.body.joints import ANKLES, ARMS, HIPS, KNEES
from engine.body.kinematics import normalized, steady_arctan2, two_bone_delta
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import Skeleton

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Limb:
    """A two-bone chain ``upper``, ``lower``, ``end`` (joint indices); its hinge in the middle flexes about ``axis``."""

    upper: int
    lower: int
    end: int
    axis: tuple[float, float, float]

    @property
    def joints(self) -> tuple[int, int, int]:
        """The three joints, from the root on."""
        return (self.upper, self.lower, self.end)


LIMBS = {
    limb.end: limb
    for limb in (
        *(Limb(*leg, (1.0, 0.0, 0.0)) for leg in zip(HIPS, KNEES, ANKLES, strict=True)),
        Limb(*ARMS[0], (0.0, -1.0, 0.0)),
        Limb(*ARMS[1], (0.0, 1.0, 0.0)),
    )
}


@dataclass(frozen=True, eq=False)
class Posed:
    """World ``points`` (F, 3) and ``turns`` (F, 3, 3) by joint, of the joints asked for and their ancestors."""

    points: dict[int, Array]
    turns: dict[int, Array]


def pose_joints(skeleton: Skeleton, poses: Array, trans: Array, joints: tuple[int, ...]) -> Posed:
    """Forward kinematics of ``joints`` and their ancestors only, from poses (F, 55, 3) and trans (F, 3)."""
    needed: set[int] = set()
    for joint in joints:
        while joint >= 0 and joint not in needed:
            needed.add(joint)
            joint = skeleton.parents[joint] if joint > 0 else -1  # noqa: PLW2901
    order = sorted(needed)
    local = axis_angle_to_matrix(poses[:, order])
    offsets = skeleton.offsets
    posed = Posed({0: offsets[0] + trans}, {0: local[:, 0]})
    for place, joint in enumerate(order[1:], start=1):
        parent = skeleton.parents[joint]
        posed.turns[joint] = posed.turns[parent] @ local[:, place]
        posed.points[joint] = posed.points[parent] + posed.turns[parent] @ offsets[joint]
    return posed


def minimal_turn(start: Array, goal: Array) -> Array:
    """The smallest rotations (F, 3, 3) that take directions ``start`` (F, 3) to ``goal`` (F, 3)."""
    one, other = normalized(start), normalized(goal)
    axis = np.cross(one, other)
    sine, cosine = np.linalg.norm(axis, axis=-1), np.sum(one * other, axis=-1)
    back = (sine < 1e-9) & (cosine < 0.0)
    if back.any():  # straight behind: about any axis across
        axis[back] = np.cross(one[back], np.eye(3)[np.argmin(np.abs(one[back]), axis=-1)])
    angle = steady_arctan2(sine, cosine)
    return np.asarray(Rotation.from_rotvec(normalized(axis) * angle[:, None]).as_matrix())


@dataclass(frozen=True, eq=False)
class LimbMove:
    """World rotations (F, 3, 3) of a limb's upper and lower bone after a move."""

    upper: Array
    lower: Array


def move_end(posed: Posed, limb: Limb, target: Array, soft: float) -> LimbMove:
    """The limb with its end at ``target`` (F, 3), or softly ``soft`` metres short of straight towards it.

    The limb is first turned as a whole towards the target, so that its swivel is kept whichever way the target lies,
    then bent in its own plane.
    """
    root, middle, end = (posed.points[joint] for joint in limb.joints)
    swing = minimal_turn(end - root, target - root)
    middle, end = root + _rotate(swing, middle - root), root + _rotate(swing, end - root)
    hinge = _rotate(swing @ posed.turns[limb.upper], np.broadcast_to(np.array(limb.axis), root.shape))
    pole = root + np.cross(normalized(end - root), _bend_normal(middle - root, end - middle, hinge))
    delta = two_bone_delta(root, middle, end, target, pole, hinge, soft)
    return LimbMove(delta.upper @ swing @ posed.turns[limb.upper], delta.lower @ swing @ posed.turns[limb.lower])


def _rotate(turns: Array, vectors: Array) -> Array:
    return np.asarray((turns @ vectors[..., None])[..., 0])


def _bend_normal(first: Array, second: Array, hinge: Array) -> Array:
    """Normal of the limb's plane, turning into the hinge as the limb gets straight (below about 3 degrees)."""
    normal = np.cross(normalized(first), normalized(second))
    weight = np.clip(np.linalg.norm(normal, axis=-1, keepdims=True) / 0.05, 0.0, 1.0)
    return normalized(normalized(normal) * weight + normalized(hinge) * (1.0 - weight))
