"""Keys in bulk: a clip on scene frames into the F-curves of a slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.utils import escape_identifier

from ..compat import HANDLE_AUTO_CLAMPED, INTERPOLATION_LINEAR, Channels, key_type, new_curve
from ..rig.convert import Array, quaternion_to_axis_angle, quaternion_to_euler
from ..rig.rig_map import RigMap
from ..rig.skeleton import PART_JOINTS, PELVIS

FACE_GROUP = "Face"
ROTATION_PATHS = ("rotation_quaternion", "rotation_euler", "rotation_axis_angle")


@dataclass(frozen=True, eq=False)
class Curve:
    """One channel: RNA path, array index, the name of its group, a value a frame."""

    path: str
    index: int
    group: str
    values: Array


def part_joints(parts: Iterable[str]) -> tuple[int, ...]:
    """The joints of body parts, in joint order."""
    return tuple(sorted(joint for part in set(parts) for joint in PART_JOINTS[part]))


def bone_path(bone: str, channel: str) -> str:
    """RNA path of a pose bone's channel."""
    return f'pose.bones["{escape_identifier(bone)}"].{channel}'


def shape_path(name: str) -> str:
    """RNA path of a shape key's value."""
    return f'key_blocks["{escape_identifier(name)}"].value'


def armature_curves(
    armature: bpy.types.Object, rig: RigMap, quaternions: Array, trans: Array, joints: Iterable[int]
) -> Iterator[Curve]:
    """Channels of ``joints`` for SMPL-X rotations (T, 55, 4) and ``trans`` (T, 3), in each bone's rotation mode."""
    rotations = rig.bone_quaternions(quaternions)
    for joint in joints:
        bone = rig.bones[joint]
        if not bone:
            continue
        channel, values = _rotation_channel(armature.pose.bones[bone].rotation_mode, rotations[:, joint])
        for index, column in enumerate(values.T):
            yield Curve(bone_path(bone, channel), index, bone, column)
        if joint == PELVIS:
            for index, column in enumerate(rig.pelvis_location(trans).T):
                yield Curve(bone_path(bone, "location"), index, bone, column)


def _rotation_channel(mode: str, quaternions: Array) -> tuple[str, Array]:
    if mode == "QUATERNION":
        return "rotation_quaternion", quaternions
    if mode == "AXIS_ANGLE":
        vector = quaternion_to_axis_angle(quaternions)
        angle = np.linalg.norm(vector, axis=-1, keepdims=True)
        axis = np.where(angle > 1e-9, vector / np.maximum(angle, 1e-9), (0.0, 1.0, 0.0))
        return "rotation_axis_angle", np.concatenate([angle, axis], axis=-1)
    return "rotation_euler", quaternion_to_euler(quaternions, mode)


def owned_paths(rig: RigMap, parts: Iterable[str]) -> set[str]:
    """Every armature channel that a take of these parts replaces, whatever the rotation mode."""
    paths: set[str] = set()
    for joint in part_joints(parts):
        if bone := rig.bones[joint]:
            paths.update(bone_path(bone, channel) for channel in ROTATION_PATHS)
            if joint == PELVIS:
                paths.add(bone_path(bone, "location"))
    return paths


def write_curves(channels: Channels, curves: Iterable[Curve], first_frame: int, kind: str = "GENERATED") -> int:
    """Write each curve with a key on every frame from ``first_frame`` on; returns the number of curves."""
    written = 0
    frames = settings = None
    for curve in curves:
        if frames is None:
            count = len(curve.values)
            frames = np.empty((count, 2), np.float32)
            frames[:, 0] = np.arange(first_frame, first_frame + count)
            settings = {
                "interpolation": np.full(count, INTERPOLATION_LINEAR, np.int32),
                "handle_left_type": np.full(count, HANDLE_AUTO_CLAMPED, np.int32),
                "handle_right_type": np.full(count, HANDLE_AUTO_CLAMPED, np.int32),
                "type": np.full(count, key_type(kind), np.int32),
            }
        frames[:, 1] = curve.values
        fcurve = new_curve(channels, curve.path, curve.index, curve.group)
        points = fcurve.keyframe_points
        points.add(len(frames))
        points.foreach_set("co", frames.ravel())
        for name, values in settings.items():
            points.foreach_set(name, values)
        deselect(points, len(frames))
        fcurve.update()
        written += 1
    return written


def deselect(points: bpy.types.FCurveKeyframePoints, count: int) -> None:
    """New keys come selected, but a selection is the user's way to name a range."""
    nothing = np.zeros(count, np.bool_)
    for name in ("select_control_point", "select_left_handle", "select_right_handle"):
        points.foreach_set(name, nothing)
