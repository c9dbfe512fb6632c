"""How far two performances are apart, as one sees it, and which joints are to blame. numpy only, no bpy.

What is compared: the places of wrists, fingertips, ankles, toes and head in metres, and the turn of every joint in
radians, both in model space, that is with all joints above them; and shape values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..rig.convert import Array, Flags, quaternion_to_matrix
from ..rig.skeleton import JOINTS, LEFT_EYE, PARENTS, RIGHT_EYE

COUNT = len(JOINTS)
TOE_LENGTH = 0.07  # m from the toe base on, by eye: the skeleton has no joint at the tip
CROWN = 0.2  # m from the head's joint to its top, by eye
CONTACT_SPEED = 0.03  # m/s, by eye: a foot that is slower stands
CONTACT_HEIGHT = 0.03  # m above the lowest place of the foot, by eye
BLAME = 0.5  # by eye: joints that move a place at least this much as the one that moves it most are made better with it
TRUNK = 4  # the last of the five branches


@dataclass(frozen=True, eq=False)
class Bounds:
    """How far what is seen may be off: ``place`` metres, ``turn`` radians, ``shape`` of a shape's weight."""

    place: float
    turn: float
    shape: float


@dataclass(frozen=True, eq=False)
class Pose:
    """A performance on T frames: places (T, E, 3) of what is watched, orientations (T, 55, 3, 3) of all joints, and
    their own rotations (T, 55, 3, 3), the pelvis' place (T, 3).
    """

    places: Array
    turns: Array
    local: Array
    trans: Array


class Body:
    """The skeleton of a character, ``rest`` (55, 3) metres, and what is watched on it."""

    def __init__(self, rest: Array) -> None:
        self.rest = rest
        joints, offsets = _watched(rest)
        self.joints, self.offsets = np.array(joints), np.array(offsets)
        above = _ancestors()
        points = rest[self.joints] + self.offsets
        reach = np.linalg.norm(points[None] - rest[:, None], axis=-1) * above[:, self.joints]
        self.reach = np.concatenate([reach, above.astype(np.float64)], axis=1)
        """(55, E + 55): how far a turn of one radian of a joint moves a place, or turns a joint."""
        self.branch = np.array([_branch(joint) for joint in (*joints, *range(COUNT))])

    @cached_property
    def farthest(self) -> Array:
        """Distance (55,) from each joint to the farthest place that it moves."""
        out: Array = self.reach[:, : len(self.joints)].max(axis=1)
        return out

    def pose(self, quaternions: Array, trans: Array) -> Pose:
        """Forward kinematics of local rotations (T, 55, 4), any length, and the pelvis' place (T, 3)."""
        local = quaternion_to_matrix(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True))
        turns, points = np.empty_like(local), np.empty((len(local), COUNT, 3))
        turns[:, 0], points[:, 0] = local[:, 0], self.rest[0] + trans
        for level in _levels():
            parents = [PARENTS[joint] for joint in level]
            turns[:, level] = turns[:, parents] @ local[:, level]
            arm = (self.rest[level] - self.rest[parents])[None, :, :, None]
            points[:, level] = points[:, parents] + (turns[:, parents] @ arm)[..., 0]
        places = points[:, self.joints] + (turns[:, self.joints] @ self.offsets[None, :, :, None])[..., 0]
        return Pose(places, turns, local, trans)

    def planted(self, pose: Pose, fps: float) -> Flags:
        """Which watched places (T, E) are those of a foot that stands still on a frame."""
        feet = np.isin(self.joints, (7, 8, 10, 11))
        speed = np.linalg.norm(np.gradient(pose.places, axis=0), axis=-1) * fps if len(pose.places) > 1 else 0.0
        height = pose.places[..., 1] - pose.places[..., 1].min(axis=0)
        out: Flags = feet & (speed < CONTACT_SPEED) & (height < CONTACT_HEIGHT)
        return out


@dataclass(frozen=True, eq=False)
class Distance:
    """How far apart: ``places`` (T, E) metres, ``turns`` (T, 55) radians, ``own`` (T, 55) radians by which the joints
    themselves differ, ``trans`` (T,) metres.
    """

    places: Array
    turns: Array
    own: Array
    trans: Array


def distance(now: Pose, was: Pose) -> Distance:
    """How far two performances are apart."""
    return Distance(
        np.linalg.norm(now.places - was.places, axis=-1),
        _angle(now.turns, was.turns),
        _angle(now.local, was.local),
        np.linalg.norm(now.trans - was.trans, axis=-1),
    )


def blame(body: Body, apart: Distance, allowed: Array, groups: NDArray[np.int_], count: int) -> Array:
    """How many times too far (T, count) each group of joints ``groups`` (55,) brings what is seen from where it was.

    ``allowed`` (T, E + 55) are the bounds. What is within them counts for nobody; else for the groups that did most.
    """
    ratio = np.concatenate([apart.places, apart.turns], axis=1) / allowed
    need = np.zeros((len(ratio), count))
    members = np.zeros((COUNT, count))
    members[np.arange(COUNT), groups] = 1.0
    for branch in range(TRUNK + 1):
        columns = np.flatnonzero(body.branch == branch)
        worst = columns[np.argmax(ratio[:, columns], axis=1)]
        rows = np.flatnonzero(ratio[np.arange(len(ratio)), worst] > 1.0)
        if not len(rows):
            continue
        worst = worst[rows]
        share = apart.own[rows] * body.reach[:, worst].T
        is_place = worst < len(body.joints)
        share[:, 0] += np.where(is_place, apart.trans[rows], 0.0)
        done = share @ members
        guilty = done >= BLAME * done.max(axis=1, keepdims=True)
        need[rows] = np.maximum(need[rows], np.where(guilty, ratio[rows, worst][:, None], 0.0))
    return need


def _angle(now: Array, was: Array) -> Array:
    """Angle between rotations (..., 3, 3), precise for small ones."""
    chord = np.sqrt(np.sum((now - was) ** 2, axis=(-2, -1)))
    out: Array = 2.0 * np.arcsin(np.clip(chord / np.sqrt(8.0), 0.0, 1.0))
    return out


def _watched(rest: Array) -> tuple[list[int], list[tuple[float, ...]]]:
    """Joints, and where on them: the joints themselves, and tips that have no joint."""
    joints = [JOINTS.index(name) for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "head")]
    joints += [JOINTS.index("left_foot"), JOINTS.index("right_foot"), LEFT_EYE, RIGHT_EYE]
    offsets: list[tuple[float, ...]] = [(0.0, 0.0, 0.0)] * len(joints)
    for tip in (joint for joint, name in enumerate(JOINTS) if name.endswith("3") and joint > RIGHT_EYE):
        joints.append(tip)
        offsets.append(tuple(rest[tip] - rest[PARENTS[tip]]))
    joints.append(JOINTS.index("head"))
    offsets.append((0.0, CROWN, 0.0))
    for foot in ("left_foot", "right_foot"):
        joints.append(JOINTS.index(foot))
        offsets.append((0.0, 0.0, TOE_LENGTH))
    return joints, offsets


def _ancestors() -> Flags:
    """(55, 55): whether the first joint moves the second, itself included."""
    above = np.eye(COUNT, dtype=np.bool_)
    for joint in range(1, COUNT):
        above[:, joint] |= above[:, PARENTS[joint]]
    return above


def _branch(joint: int) -> int:
    chain = {joint}
    while joint:
        joint = PARENTS[joint]
        chain.add(joint)
    return next((number for number, top in enumerate((1, 2, 13, 14)) if top in chain), TRUNK)


def _levels() -> list[list[int]]:
    depth = [0] * COUNT
    for joint in range(1, COUNT):
        depth[joint] = depth[PARENTS[joint]] + 1
    return [[joint for joint in range(COUNT) if depth[joint] == level] for level in range(1, max(depth) + 1)]
