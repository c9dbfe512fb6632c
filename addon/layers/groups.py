"""Which bones and shapes have their keys on common frames, and which frames are liked for keys. No bpy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..client.take_file import arkit_names
from ..rig.convert import Flags
from ..rig.skeleton import JAW, JOINTS, LEFT_EYE, LEFT_HAND, RIGHT_EYE, RIGHT_HAND

GROUPINGS = (
    ("BONE", "Bones", "Each bone, and each shape, has its own key frames: the fewest keys"),
    (
        "LIMB",
        "Limbs",
        "The bones of an arm, a hand, a leg, the trunk, and the shapes of mouth, eyes and brows share them",
    ),
    ("POSE", "Whole Body", "All bones are keyed on the same frames, as poses; so is the face"),
)
# SMPL-X joints.
LIMBS = (
    (0, 3, 6, 9),
    (12, 15),
    (13, 16, 18, 20),
    (14, 17, 19, 21),
    tuple(LEFT_HAND),
    tuple(RIGHT_HAND),
    (1, 4, 7, 10),
    (2, 5, 8, 11),
    (LEFT_EYE, RIGHT_EYE),
    (JAW,),
)
FACE_PARTS = ("eye", "brow")  # how the names of shapes begin; the rest is the mouth's
ARMS = {"left": (16, 18, 20), "right": (17, 19, 21)}  # SMPL-X joints


def joint_groups(grouping: str) -> NDArray[np.int_]:
    """Group number (55,) of each joint."""
    out = np.arange(len(JOINTS))
    if grouping == "POSE":
        out = np.zeros(len(JOINTS), np.int_)
        out[[LEFT_EYE, RIGHT_EYE]], out[JAW] = 1, 2
    elif grouping == "LIMB":
        for number, limb in enumerate(LIMBS):
            out[list(limb)] = number
    return out


def shape_groups(grouping: str) -> NDArray[np.int_]:
    """Group number (52,) of each ARKit shape."""
    names = arkit_names()
    if grouping == "BONE":
        return np.arange(len(names))
    if grouping == "POSE":
        return np.zeros(len(names), np.int_)
    kinds = [next((n for n, part in enumerate(FACE_PARTS, 1) if name.startswith(part)), 0) for name in names]
    return np.array(kinds, np.int_)


def apex_frames(plan: dict[str, Any], fps: float, first: int, count: int, groups: NDArray[np.int_]) -> Flags:
    """Frames (groups, count), of those from take frame ``first`` on, where a gesture of a group's arm has its apex."""
    out = np.zeros((int(groups.max()) + 1, count), np.bool_)
    for phrase in plan.get("phrases", ()):
        frame = round(float(phrase["apex"]) * fps) - first
        if 0 <= frame < count:
            for side in _sides(str(phrase.get("hands", "both"))):
                out[groups[list(ARMS[side])], frame] = True
    return out


def _sides(hands: str) -> Iterable[str]:
    return (hands,) if hands in ARMS else ARMS
