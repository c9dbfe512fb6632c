"""From SmartBody's characters (joints named ``Jt...``) to our SMPL-X skeleton.

World rotations are carried over, never local ones, so that bind poses and twist bones do not matter. Limbs and
fingers: a frame of bone direction and flexion hinge at the source joint against the same frame of our rest pose, so
bones point where the source's point. Trunk, head, eyes and feet: the rotation since the bind pose (both stand upright,
facing +Z). Twist between elbow and hand is one angle, shared by elbow and wrist. Legs: two-bone limbs to the source's
ankles, scaled by leg length. The rules are those of the gesture corpus' own README.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.body.kinematics import hinge_limb, look_frame, rotation_y, steady_arctan2, swing_twist
from engine.body.rotations import matrix_to_axis_angle
from engine.body.skeleton import JOINT_COUNT, Skeleton
from engine.training.smartbody import Rig

Array = NDArray[np.float64]

TWIST_TO_ELBOW = 0.5  # share of a forearm's twist, by eye; the wrist has the rest
# Forearms turn further outwards (supination) than inwards: the middle of their range, rad, left arm negative; by eye.
TWIST_MIDDLE = np.radians(60.0)
FINGER_NAMES = ("Index", "Middle", "Little", "Ring", "Thumb")
# Flexion axes, no unit: of the left thumb in our rest pose, by eye (the right one's is its mirror image); of our knees;
# of hinges in SmartBody's rigs.
THUMB_HINGE = np.array([0.47, 0.88, -0.02])
BEND = np.array([1.0, 0.0, 0.0])
SOURCE_BEND = np.array([0.0, 0.0, 1.0])
TURNS = {
    0: ("JtRoot",),
    3: ("JtSpineA",),
    6: ("JtSpineB",),
    9: ("JtSpineC",),
    12: ("JtNeckA", "JtNeckB"),
    15: ("JtSkullA",),
    13: ("JtClavicleLf",),
    14: ("JtClavicleRt",),
    7: ("JtAnkleLf",),
    8: ("JtAnkleRt",),
    23: ("JtEyeLf",),
    24: ("JtEyeRt",),
}
FINGER_BONES = (("A", "B"), ("B", "C"), ("C", "D"))
LOWEST = 5.0  # percent of a clip's frames whose lower foot may be below the floor, by eye
CENTIMETRES = 5.0  # a leg longer than this is not in metres


@dataclass(frozen=True)
class Side:
    """Joint numbers of one side of our skeleton; ``sign`` of its flexion axes in the rest pose (left: -1)."""

    name: str
    hip: int
    knee: int
    ankle: int
    toes: int
    shoulder: int
    elbow: int
    wrist: int
    fingers: int
    sign: float

    def of(self, joint: str) -> str:
        """The source's name of a joint on this side."""
        return f"Jt{joint}{self.name}"


# SMPL-X joints of a side, and its sign.
BODY_SIDES = (Side("Lf", 1, 4, 7, 10, 16, 18, 20, 25, -1.0), Side("Rt", 2, 5, 8, 11, 17, 19, 21, 40, 1.0))


class Retarget:
    """Carries motions of one rig to a skeleton; CospeechError where the rig lacks a joint."""

    def __init__(self, rig: Rig, skeleton: Skeleton) -> None:
        _, points = rig.bind()
        leg = np.linalg.norm(points[rig.index("JtHipLf")] - points[rig.index("JtAnkleLf")])
        self.scale = 0.01 if leg > CENTIMETRES else 1.0
        self.rig, self.skeleton = rig.scaled(self.scale), skeleton
        self._turns, self._points = self.rig.bind()
        self._limbs: dict[int, tuple[int, Array]] = {}
        for side in BODY_SIDES:
            self._arm(side)
            self._hand(side)
            self._knee(side)
        lengths = [self._length(side) for side in BODY_SIDES]
        self._legs = sum(ours for _, ours in lengths) / sum(theirs for theirs, _ in lengths)

    def run(self, turns: Array, points: Array) -> tuple[Array, Array]:
        """World rotations (T, J, 3, 3) and places (T, J, 3) of the rig, in its file's unit -> poses (T, 55, 3)
        axis-angle and ``trans`` (T, 3), metres: the pelvis' way from its rest place above the ground, in the corpus'
        form (the lower toe base of the rest pose stands on y = 0). Facing +Z and over x = z = 0 at the first frame."""
        turns, points = self._facing(turns, points * self.scale)
        world = np.broadcast_to(np.eye(3), (len(turns), JOINT_COUNT, 3, 3)).copy()
        for joint, names in TURNS.items():
            world[:, joint] = self._since_bind(turns, names)
        world[:, 10], world[:, 11], world[:, 22] = world[:, 7], world[:, 8], world[:, 15]
        for joint, (source, shape) in self._limbs.items():
            world[:, joint] = turns[:, source] @ shape
        for side in BODY_SIDES:
            self._share_twist(world, side)
        trans = self._stand(world, points)
        local = world.copy()
        for joint in range(1, JOINT_COUNT):
            local[:, joint] = np.swapaxes(world[:, self.skeleton.parents[joint]], -1, -2) @ world[:, joint]
        return matrix_to_axis_angle(local), trans

    def _place(self, name: str) -> Array:
        return np.asarray(self._points[self.rig.index(name)])

    def _limb(self, joint: int, source: str, bone: Array, hinge: Array, own_bone: Array, own_hinge: Array) -> None:
        """``bone`` and ``hinge`` in the source joint's own frame, the other two in our rest pose."""
        shape = look_frame(bone, hinge) @ look_frame(own_bone, own_hinge).T
        self._limbs[joint] = (self.rig.index(source), shape)

    def _local(self, name: str, vector: Array) -> Array:
        return np.asarray(self._turns[self.rig.index(name)].T @ vector)

    def _arm(self, side: Side) -> None:
        rest = self.skeleton.rest
        upper, elbow, wrist = side.of("UpperArmTwistB"), side.of("Elbow"), side.of("Wrist")
        flexion = np.array([0.0, side.sign, 0.0])
        hinge = self._turns[self.rig.index(elbow)] @ SOURCE_BEND
        bone = self._place(elbow) - self._place(side.of("Shoulder"))
        own = rest[side.elbow] - rest[side.shoulder]
        self._limb(side.shoulder, upper, self._local(upper, bone), self._local(upper, hinge), own, flexion)
        bone = self._local(elbow, self._place(wrist) - self._place(elbow))
        self._limb(side.elbow, elbow, bone, SOURCE_BEND, rest[side.wrist] - rest[side.elbow], flexion)

    def _hand(self, side: Side) -> None:
        rest, wrist = self.skeleton.rest, side.of("Wrist")
        roots = {name: self._place(side.of(f"{name}A")) for name in FINGER_NAMES}
        index, middle, pinky = (rest[side.fingers + shift] for shift in (0, 3, 6))
        bone, across = roots["Middle"] - self._place(wrist), roots["Index"] - roots["Little"]
        own_bone, own_across = middle - rest[side.wrist], index - pinky
        self._limb(side.wrist, wrist, self._local(wrist, bone), self._local(wrist, across), own_bone, own_across)
        palm = np.cross(own_bone, own_across)
        palm = palm if palm[1] < 0.0 else -palm
        for place, name in enumerate(FINGER_NAMES):
            for number, (joint, tip) in enumerate(FINGER_BONES):
                ours = side.fingers + 3 * place + number
                own_bone = rest[ours + 1] - rest[ours] if number < 2 else rest[ours] - rest[ours - 1]
                mirrored = THUMB_HINGE * np.array([1.0, -side.sign, -side.sign])
                own_hinge = mirrored if name == "Thumb" else np.cross(own_bone, palm)
                source = side.of(name + joint)
                bone = self._local(source, self._place(side.of(name + tip)) - self._place(source))
                self._limb(ours, source, bone, SOURCE_BEND, own_bone, own_hinge)

    def _knee(self, side: Side) -> None:
        rest, knee = self.skeleton.rest, side.of("Knee")
        bone = self._local(knee, self._place(side.of("Ankle")) - self._place(knee))
        self._limb(side.knee, knee, bone, self._local(knee, BEND), rest[side.ankle] - rest[side.knee], BEND)

    def _length(self, side: Side) -> tuple[float, float]:
        """Leg lengths, the source's and ours."""
        rest = self.skeleton.rest
        hip, knee, ankle = (self._place(side.of(name)) for name in ("Hip", "Knee", "Ankle"))
        theirs = np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle)
        ours = np.linalg.norm(rest[side.hip] - rest[side.knee]) + np.linalg.norm(rest[side.knee] - rest[side.ankle])
        return float(theirs), float(ours)

    def _since_bind(self, turns: Array, names: tuple[str, ...]) -> Array:
        """(T, 3, 3) rotation since the bind pose; half way between two joints where two are named."""
        places = [self.rig.index(name) for name in names]
        found = [turns[:, place] @ self._turns[place].T for place in places]
        if len(found) == 1:
            return np.asarray(found[0])
        way = Rotation.from_matrix(np.swapaxes(found[0], -1, -2) @ found[1]).as_rotvec()
        return np.asarray(found[0] @ Rotation.from_rotvec(0.5 * way).as_matrix())

    def _facing(self, turns: Array, points: Array) -> tuple[Array, Array]:
        root = self.rig.index("JtRoot")
        ahead = turns[0, root] @ self._turns[root].T @ np.array([0.0, 0.0, 1.0])
        turn = rotation_y(-steady_arctan2(ahead[0], ahead[2])).reshape(3, 3)
        moved = points @ turn.T
        return np.asarray(turn @ turns), moved - moved[0, root] * np.array([1.0, 0.0, 1.0])

    def _share_twist(self, world: Array, side: Side) -> None:
        """Give the elbow its share of the turn between forearm and hand about the forearm, unwrapped over time."""
        rest = self.skeleton.rest
        axis = rest[side.wrist] - rest[side.elbow]
        axis = axis / np.linalg.norm(axis)
        twist = swing_twist(np.swapaxes(world[:, side.elbow], -1, -2) @ world[:, side.wrist], axis)[1]
        middle = side.sign * TWIST_MIDDLE
        twist = np.unwrap((twist - middle + np.pi) % (2.0 * np.pi) - np.pi) + middle
        share = Rotation.from_rotvec((TWIST_TO_ELBOW * twist)[:, None] * axis).as_matrix()
        world[:, side.elbow] = world[:, side.elbow] @ share

    def _stand(self, world: Array, points: Array) -> Array:
        """Write the legs into ``world`` and return ``trans``: scaled hips and ankles, the lower foot on the floor."""
        rest, offsets, rig = self.skeleton.rest, self.skeleton.offsets, self.rig
        ground = rest[[10, 11], 1].min()
        own_ankle = rest[[7, 8], 1].mean() - ground
        ankle = np.mean([self._place(side.of("Ankle"))[1] for side in BODY_SIDES])

        def scaled(places: Array) -> Array:
            out = places * self._legs
            out[:, 1] = own_ankle + self._legs * (places[:, 1] - ankle)
            return out

        hips = scaled(0.5 * (points[:, rig.index("JtHipLf")] + points[:, rig.index("JtHipRt")]))
        pelvis = hips - world[:, 0] @ (0.5 * (offsets[1] + offsets[2]))
        ankles = [scaled(points[:, rig.index(side.of("Ankle"))]) for side in BODY_SIDES]
        feet = [at + world[:, side.ankle] @ offsets[side.toes] for at, side in zip(ankles, BODY_SIDES, strict=True)]
        low = np.percentile(np.minimum(feet[0][:, 1], feet[1][:, 1]), LOWEST) * np.array([0.0, 1.0, 0.0])
        for at, side in zip(ankles, BODY_SIDES, strict=True):
            hip = pelvis - low + world[:, 0] @ offsets[side.hip]
            target = at - low
            bend = world[:, side.knee] @ BEND
            limb = hinge_limb(offsets[side.knee], offsets[side.ankle], BEND, hip, target, np.cross(target - hip, bend))
            world[:, side.hip] = limb.root
            world[:, side.knee] = limb.root @ Rotation.from_rotvec(limb.hinge[:, None] * BEND).as_matrix()
        return np.asarray(pelvis - low - np.array([0.0, rest[0, 1] - ground, 0.0]))
