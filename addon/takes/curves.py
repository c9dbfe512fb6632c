"""Read a take as it stands in the active Action, straight from its F-curves: no frame is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..client.take_file import arkit_names
from ..rig.character import face_shapes
from ..rig.convert import Array, Frames, euler_to_quaternion
from ..rig.rig_map import RigMap
from ..rig.skeleton import PELVIS
from .keys import bone_path, shape_path
from .span import TakeSpan

Curves = Mapping[tuple[str, int], Any]
# Curves of a channel: Blender's.
WIDTHS = {"rotation_quaternion": 4, "rotation_axis_angle": 4, "rotation_euler": 3, "location": 3}


@dataclass(frozen=True, eq=False)
class Performance:
    """What a character does on T frames: ``poses`` (T, 55, 3) local axis-angle, ``trans`` (T, 3) as SMPL-X ``transl``,
    ``blendshapes`` (T, 52) or None; float32, metres and radians.
    """

    poses: Array
    trans: Array
    blendshapes: Array | None


def read_curves(armature: bpy.types.Object, rig: RigMap, span: TakeSpan) -> Performance:
    """The take on its frames, from the curves that animate the character now.

    Channels without a curve have their present value; constraints, NLA and the object's own place are left out.
    """
    return read_frames(armature, rig, np.arange(span.start, span.end))


def read_frames(armature: bpy.types.Object, rig: RigMap, frames: Frames) -> Performance:
    """The same on rising whole scene frames (T,)."""
    curves = live_curves(armature)
    rotations = np.zeros((len(frames), len(rig.bones), 4))
    rotations[..., 0] = 1.0
    for joint in rig.present:
        bone = armature.pose.bones[rig.bones[joint]]
        channel = rotation_channel(bone.rotation_mode)
        rotations[:, joint] = as_quaternions(bone.rotation_mode, bone_values(bone, curves, channel, frames))
    place = bone_values(armature.pose.bones[rig.bones[PELVIS]], curves, "location", frames)
    return Performance(
        poses=rig.poses_from_bones(rotations).astype(np.float32),
        trans=rig.trans_from_location(place).astype(np.float32),
        blendshapes=_face(armature, frames),
    )


def live_curves(owner: compat.Owner, channels: compat.Channels | None = None) -> dict[tuple[str, int], Any]:
    """The curves that move the owner, of its active Action or of ``channels``: not muted, not overruled by a driver."""
    channels = channels or compat.current_channels(owner)
    if channels is None:
        return {}
    driven = driven_channels(owner)
    found = {}
    for curve in channels.fcurves:
        name = (curve.data_path, curve.array_index)
        if name not in driven and not _is_muted(curve):
            found[name] = curve
    return found


def guarded_channels(owner: compat.Owner, channels: compat.Channels | None) -> set[tuple[str, int]]:
    """Path and index of the channels that are not ours to write: driven, muted, locked, or changed by modifiers."""
    guarded = driven_channels(owner)
    for curve in channels.fcurves if channels is not None else ():
        if _is_muted(curve) or _is_locked(curve) or is_modified(curve):
            guarded.add((curve.data_path, curve.array_index))
    return guarded


def _is_muted(curve: bpy.types.FCurve) -> bool:
    return curve.mute or not curve.is_valid or (curve.group is not None and curve.group.mute)


def _is_locked(curve: bpy.types.FCurve) -> bool:
    return curve.lock or (curve.group is not None and curve.group.lock)


def driven_channels(owner: compat.Owner) -> set[tuple[str, int]]:
    """Path and index of the channels that a driver owns."""
    data = owner.animation_data
    return {(driver.data_path, driver.array_index) for driver in data.drivers} if data is not None else set()


def rotation_channel(mode: str) -> str:
    """The channel in which a bone of this rotation mode turns."""
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(mode, "rotation_euler")


def bone_values(bone: bpy.types.PoseBone, curves: Curves, channel: str, frames: Frames) -> Array:
    """Values (T, width) of a bone's channel on scene frames, as they stand in the curves."""
    path, present = bone_path(bone.name, channel), getattr(bone, channel)
    values = np.empty((len(frames), WIDTHS[channel]))
    for index in range(WIDTHS[channel]):
        curve = curves.get((path, index))
        values[:, index] = present[index] if curve is None else sample(curve, frames)
    return values


def as_quaternions(mode: str, values: Array) -> Array:
    """Channel values (T, width) of a rotation mode -> quaternions (T, 4)."""
    if mode == "QUATERNION":
        return values
    if mode == "AXIS_ANGLE":
        axis = values[:, 1:]
        length = np.linalg.norm(axis, axis=-1, keepdims=True)
        axis = np.where(length > 0.0, axis / np.where(length > 0.0, length, 1.0), (0.0, 1.0, 0.0))
        half = 0.5 * values[:, :1]
        return np.concatenate([np.cos(half), axis * np.sin(half)], axis=-1)
    return euler_to_quaternion(values, mode)


def sample(curve: bpy.types.FCurve, frames: Frames, places: Array | None = None) -> Array:
    """A curve's values (T,) on rising whole frames: keys as they are stored, the rest evaluated.

    ``places`` are its :func:`key_places`, where they were read before.
    """
    count = len(curve.keyframe_points)
    if not count or is_modified(curve):
        return np.array([curve.evaluate(frame) for frame in frames])
    keys = key_places(curve) if places is None else places
    if count == len(frames) and keys[0, 0] == frames[0] and np.array_equal(keys[:, 0], frames):
        return keys[:, 1]
    at = np.minimum(np.searchsorted(keys[:, 0], frames), count - 1)
    values = keys[at, 1].astype(np.float64)
    for row in np.flatnonzero(keys[at, 0] != frames):
        values[row] = curve.evaluate(frames[row])
    return values


def is_modified(curve: bpy.types.FCurve) -> bool:
    """Whether modifiers change what the keys say."""
    return len(curve.modifiers) > 0 and any(not modifier.mute for modifier in curve.modifiers)


def key_places(curve: bpy.types.FCurve) -> Array:
    """Frame and value (keys, 2) float32 of every key."""
    places = np.empty(len(curve.keyframe_points) * 2, np.float32)
    curve.keyframe_points.foreach_get("co", places)
    return places.reshape(-1, 2)


def _face(armature: bpy.types.Object, frames: Frames) -> Array | None:
    """Shape values (T, 52); where several meshes have a shape, the first one's counts."""
    out: Array | None = None
    for key, names in reversed(face_shapes(armature).items()):
        curves = live_curves(key)
        out = np.zeros((len(frames), len(arkit_names())), np.float32) if out is None else out
        for column, name in enumerate(arkit_names()):
            block: bpy.types.ShapeKey | None = key.key_blocks.get(names.get(name, ""))
            if block is not None:
                curve = curves.get((shape_path(block.name), 0))
                out[:, column] = block.value if curve is None else sample(curve, frames)
    return out
