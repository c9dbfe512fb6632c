"""Write new motion into a window of a take; what the animator fixed and what lies outside stays to the bit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from .. import compat
from ..client.take_file import arkit_names
from ..rig.character import face_shapes, keyable_faces
from ..rig.convert import Array, Flags, Frames, axis_angle_to_quaternion, turn_axes
from ..rig.rig_map import RigMap
from ..rig.skeleton import PELVIS
from .continuity import continue_euler, continue_quaternions, continue_turns
from .curves import WIDTHS, guarded_channels, key_places, live_curves, rotation_channel, sample
from .keys import FACE_GROUP, bone_path, shape_path
from .rows import KeyRows, replace_keys
from .slots import owner_channels
from .span import TakeSpan

ARMATURE = "ARMATURE"
Kept = Mapping[tuple[str, str, int], Collection[float]]


@dataclass(frozen=True, eq=False)
class Window:
    """New motion for the scene frames ``first``..``first + n - 1``: ``poses`` (n, 55, 3) local axis-angle, ``trans``
    (n, 3), ``blendshapes`` (n, 52) or None.
    """

    first: int
    poses: Array
    trans: Array
    blendshapes: Array | None

    @property
    def end(self) -> int:
        """The scene frame after the last one."""
        return self.first + len(self.poses)

    @property
    def frames(self) -> Frames:
        """Its scene frames (n,)."""
        return np.arange(self.first, self.end)


@dataclass(frozen=True, eq=False)
class Free:
    """Which channels may change: ``joints`` (55,) bool, the pelvis' place, the face's shapes."""

    joints: Flags
    trans: bool = True
    face: bool = True


def write_window(
    armature: bpy.types.Object, rig: RigMap, span: TakeSpan, window: Window, free: Free, kept: Kept
) -> int:
    """Replace the keys of the free channels on the window's frames; returns how many curves changed.

    Keys on ``kept`` frames -- (owner, data path, index) -> scene frames; the owner is "ARMATURE" or the name of the
    shape-key data -- and all keys outside keep every field; each other frame of the window gets one GENERATED, LINEAR
    key. A channel without a curve gets one. Where a curve has no key on each frame beside the window, its values there
    are keyed as they were, so that the motion outside stays. Channels that are driven, muted, locked or changed by
    modifiers are left alone.
    """
    changed = 0
    channels = owner_channels(armature, span.action)
    if channels is not None:
        writer = _Writer(armature, ARMATURE, channels, span, window, kept)
        for joint in np.flatnonzero(free.joints):
            if rig.bones[joint]:
                changed += _write_rotation(writer, armature.pose.bones[rig.bones[joint]], rig, int(joint))
        if free.trans:
            changed += _write_place(writer, armature.pose.bones[rig.bones[PELVIS]], rig)
    if free.face and window.blendshapes is not None:
        names = face_shapes(armature)
        changed += sum(_write_face(key, names[key], span, window, kept) for key in keyable_faces(armature))
    span.action.update_tag()
    return changed


class _Writer:
    """One owner's channels while a window is written."""

    def __init__(
        self,
        owner: compat.Owner,
        owner_name: str,
        channels: compat.Channels,
        span: TakeSpan,
        window: Window,
        kept: Kept,
    ) -> None:
        self.window, self._name, self._channels, self._span, self._kept = window, owner_name, channels, span, kept
        self._curves = live_curves(owner, channels)
        self._places = {name: key_places(curve) for name, curve in self._curves.items()}
        self._guarded = guarded_channels(owner, channels)
        self._beside = np.arange(window.first - 1, window.end + 1)

    def fixed(self, path: str, width: int) -> Flags:
        """Which frames of the window (n,) one of these channels holds fixed."""
        held = np.zeros(len(self.window.poses), np.bool_)
        for index in range(width):
            frames = self._kept.get((self._name, path, index))
            if frames is not None and len(frames):
                rows = np.round(np.fromiter(frames, np.float64)).astype(int) - self.window.first
                held[rows[(rows >= 0) & (rows < len(held))]] = True
        return held

    def old(self, path: str, present: Sequence[float]) -> Array:
        """Values (n + 2, width) of a channel as they stand, one frame more on either side of the window."""
        values = np.empty((len(self._beside), len(present)))
        for index, value in enumerate(present):
            curve = self._curves.get((path, index))
            places = self._places.get((path, index))
            values[:, index] = value if curve is None else sample(curve, self._beside, places)
        return values

    def write(self, path: str, group: str, old: Array, new: Array, fixed: Flags) -> int:
        """Put values (n, width) onto the window, those of ``fixed`` frames as they are in ``old`` (n + 2, width);
        returns how many curves changed.
        """
        values = np.where(fixed[:, None], old[1:-1], new).astype(np.float32)
        changed = 0
        for index in range(values.shape[1]):
            if (path, index) in self._guarded:
                continue
            rows = KeyRows(self.window.frames, np.ascontiguousarray(values[:, index]), fixed)
            curve = self._curves.get((path, index))
            if curve is not None:
                places = self._places[path, index]
                changed += rows.onto(curve, places, self._span.start, self._span.end)
            elif not np.array_equal(rows.values, old[1:-1, index].astype(np.float32)):
                self._add(path, index, group, rows, old[:, index])
                changed += 1
        return changed

    def _add(self, path: str, index: int, group: str, rows: KeyRows, old: Array) -> None:
        """A new curve, with the present value just outside the window, as far as the take goes there."""
        frames, values = rows.frames, rows.values
        if self.window.first > self._span.start:
            frames, values = np.insert(frames, 0, self.window.first - 1), np.insert(values, 0, old[0])
        if self.window.end < self._span.end:
            frames, values = np.append(frames, self.window.end), np.append(values, old[-1])
        curve = compat.new_curve(self._channels, path, index, group)
        replace_keys(curve, frames, values)


def _write_rotation(writer: _Writer, bone: bpy.types.PoseBone, rig: RigMap, joint: int) -> int:
    channel = rotation_channel(bone.rotation_mode)
    path = bone_path(bone.name, channel)
    fixed = writer.fixed(path, WIDTHS[channel])
    old = writer.old(path, getattr(bone, channel))
    quats = turn_axes(rig.turn[joint : joint + 1], axis_angle_to_quaternion(writer.window.poses[:, joint : joint + 1]))
    return writer.write(path, bone.name, old, _continued(bone.rotation_mode, quats[:, 0], old, fixed), fixed)


def _continued(mode: str, quats: Array, old: Array, fixed: Flags) -> Array:
    if mode == "QUATERNION":
        return continue_quaternions(quats, old, fixed)
    if mode == "AXIS_ANGLE":
        return continue_turns(quats, old, fixed)
    return continue_euler(quats, old, fixed, mode)


def _write_place(writer: _Writer, bone: bpy.types.PoseBone, rig: RigMap) -> int:
    path = bone_path(bone.name, "location")
    old = writer.old(path, bone.location[:])
    return writer.write(path, bone.name, old, rig.pelvis_location(writer.window.trans), writer.fixed(path, 3))


def _write_face(key: bpy.types.Key, names: Mapping[str, str], span: TakeSpan, window: Window, kept: Kept) -> int:
    channels = owner_channels(key, span.action)
    if channels is None or window.blendshapes is None:
        return 0
    writer = _Writer(key, key.name, channels, span, window, kept)
    changed = 0
    for column, name in enumerate(arkit_names()):
        block: bpy.types.ShapeKey | None = key.key_blocks.get(names.get(name, ""))
        if block is not None:
            path = shape_path(block.name)
            old, new = writer.old(path, (block.value,)), window.blendshapes[:, column : column + 1]
            changed += writer.write(path, FACE_GROUP, old, new, writer.fixed(path, 1))
    return changed
