"""The takes of a character as lines of a chain: read from their Actions, active or put aside, and given a place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat
from ..client.take_file import arkit_names
from ..rig.character import face_shapes
from ..rig.convert import Array, Frames
from ..rig.rig_map import RigMap
from ..rig.skeleton import PELVIS
from ..scene import scene_rate
from ..takes.apply import take_meta
from ..takes.curves import as_quaternions, bone_values, key_places, live_curves, rotation_channel, sample
from ..takes.keys import bone_path, shape_path
from ..takes.reference import edited_keys, load
from ..takes.shelf import owner_channels, takes_of
from ..takes.span import whole_span
from .merge import ChainError, Line

OWN, TURN = "OWN", "TURN"


def find_takes(armature: bpy.types.Object, names: Sequence[str]) -> list[bpy.types.Action]:
    """The character's takes of these names; ChainError names what is missing."""
    known = {action.name: action for action in takes_of(armature)}
    missing = [name for name in names if name not in known]
    if missing:
        raise ChainError(f"'{armature.name}' has no take '{missing[0]}'; choose takes from the Takes panel")
    return [known[name] for name in names]


def fitting_takes(takes: Sequence[bpy.types.Action], active: bpy.types.Action | None) -> list[bpy.types.Action]:
    """Those of the takes, newest first, that a chain can hold at their own frames: the active one, then whatever does
    not overlap what was taken before it. No chain among them, for that would chain its lines twice.
    """
    chosen: list[bpy.types.Action] = []
    for action in sorted(takes, key=lambda action: action != active):
        if take_meta(action).lines:
            continue
        if all(action.frame_end < other.frame_start or other.frame_end < action.frame_start for other in chosen):
            chosen.append(action)
    return chosen


def read_line(scene: bpy.types.Scene, armature: bpy.types.Object, rig: RigMap, action: bpy.types.Action) -> Line:
    """A take as it stands in its Action, with the animator's keys. ChainError where it can't be read at this rate."""
    meta = take_meta(action)
    if meta.start is None:
        raise ChainError(f"'{action.name}' does not say where it begins; load or generate that take again")
    span = whole_span(action, meta, scene_rate(scene))
    if not span.fits(scene):
        raise ChainError(
            f"'{action.name}' was made at {span.fps:g} frames per second and the scene runs at {scene_rate(scene):g}; "
            "generate it again at the scene's rate"
        )
    frames = np.arange(span.start, span.end)
    channels = owner_channels(armature, action)
    if channels is None:
        raise ChainError(f"'{action.name}' has no keys for '{armature.name}'; choose another take")
    curves = live_curves(armature, channels)
    rotations = np.zeros((len(frames), len(rig.bones), 4))
    rotations[..., 0] = 1.0
    for joint in rig.present:
        bone = armature.pose.bones[rig.bones[joint]]
        values = bone_values(bone, curves, rotation_channel(bone.rotation_mode), frames)
        rotations[:, joint] = as_quaternions(bone.rotation_mode, values)
    place = bone_values(armature.pose.bones[rig.bones[PELVIS]], curves, "location", frames)
    return Line(
        name=action.name,
        start=span.start,
        poses=rig.poses_from_bones(rotations).astype(np.float32),
        trans=rig.trans_from_location(place).astype(np.float32),
        blendshapes=_face(armature, action, frames),
        meta=meta,
    )


def _face(armature: bpy.types.Object, action: bpy.types.Action, frames: Frames) -> Array | None:
    out: Array | None = None
    for key, names in reversed(face_shapes(armature).items()):
        channels = owner_channels(key, action)
        if channels is None:
            continue
        curves = live_curves(key, channels)
        out = np.zeros((len(frames), len(arkit_names())), np.float32) if out is None else out
        for column, name in enumerate(arkit_names()):
            curve = curves.get((shape_path(names[name]), 0)) if name in names else None
            if curve is not None:
                out[:, column] = sample(curve, frames)
    return out


def place_lines(lines: Sequence[Line], mode: str, gap: int) -> list[Line]:
    """Lines in time order: at their own frames, or each ``gap`` frames after the end of the one before."""
    if mode == OWN:
        return sorted(lines, key=lambda line: line.start)
    placed: list[Line] = []
    for line in lines:
        start = placed[-1].end + gap if placed else line.start
        placed.append(replace(line, start=start))
    return placed


def mark_pins(owner: compat.Owner, chained: bpy.types.Action, lines: Sequence[tuple[bpy.types.Action, int]]) -> int:
    """Make keys of the chained take EXTREME where its lines have pins or keys that were edited; returns how many.

    ``lines`` are their Actions, each with how many frames it was moved.
    """
    target = owner_channels(owner, chained)
    curves = {(curve.data_path, curve.array_index): curve for curve in target.fcurves} if target is not None else {}
    extreme = compat.key_type("EXTREME")
    count = 0
    for action, shift in lines:
        source = owner_channels(owner, action)
        for keys in edited_keys(source, load(action)) if source is not None else ():
            frames = np.round(keys.frames[keys.pinned | keys.edited]) + shift
            found = curves.get((keys.curve.data_path, keys.curve.array_index)) if len(frames) else None
            if found is None:
                continue
            types = key_types(found)
            types[np.isin(np.round(key_places(found)[:, 0]), frames)] = extreme
            found.keyframe_points.foreach_set("type", types)
            count += len(frames)
    return count


def key_types(curve: bpy.types.FCurve) -> NDArray[np.int32]:
    """The type (keys,) int32 of every key."""
    types = np.empty(len(curve.keyframe_points), np.int32)
    curve.keyframe_points.foreach_get("type", types)
    return types


def pose_at(
    armature: bpy.types.Object, rig: RigMap, action: bpy.types.Action, frame: float
) -> dict[tuple[str, int], float]:
    """Rotation of every joint and place of the pelvis in a take at a scene frame, by channel path and index."""
    channels = owner_channels(armature, action)
    curves = live_curves(armature, channels) if channels is not None else {}
    at = np.array([frame])
    return _channels(armature, rig, lambda bone, channel: bone_values(bone, curves, channel, at)[0])


def pose_now(armature: bpy.types.Object, rig: RigMap) -> dict[tuple[str, int], float]:
    """The same channels as the character stands now, keyed or not."""
    return _channels(armature, rig, lambda bone, channel: np.array(getattr(bone, channel)))


Values = Callable[[bpy.types.PoseBone, str], Array]


def _channels(armature: bpy.types.Object, rig: RigMap, values_of: Values) -> dict[tuple[str, int], float]:
    out = {}
    for joint in rig.present:
        bone = armature.pose.bones[rig.bones[joint]]
        names = [rotation_channel(bone.rotation_mode)] + (["location"] if joint == PELVIS else [])
        for channel in names:
            for index, value in enumerate(values_of(bone, channel)):
                out[bone_path(bone.name, channel), index] = float(value)
    return out
