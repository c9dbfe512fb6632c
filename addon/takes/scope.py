"""What Regenerate may change: which frames, which joints, and how the panel says it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..rig.character import face_meshes, keyable_faces
from ..rig.rig_map import RigMap
from ..rig.skeleton import JAW, LEFT_EYE, PELVIS, RIGHT_EYE
from ..scene import PARTS
from .curves import WIDTHS, guarded_channels, rotation_channel
from .keys import bone_path, part_joints
from .slots import owner_channels
from .span import TakeSpan
from .window import Free

LOOKS_A_SECOND = 2  # by eye: how often the panel looks for selected keys, at most
FACE_BONES = (JAW, LEFT_EYE, RIGHT_EYE)
PART_NAMES = {part[0]: part[1] for part in PARTS}


class ScopeError(Exception):
    """Nothing can be regenerated as it is asked for; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class Range:
    """Scene frames ``first``..``last``, both included, and where they come from: an item of RANGES, or "PLAN": the
    engine chooses the frames that the edits of the plan concern.
    """

    first: int
    last: int
    source: str

    @property
    def text(self) -> str:
        """As the panel says it."""
        if self.source == "PLAN":
            return "Frames of the edited gestures"
        return f"Frame {self.first}" if self.first == self.last else f"Frames {self.first}-{self.last}"


def find_range(context: bpy.types.Context, armature: bpy.types.Object, span: TakeSpan, asked: Any) -> Range:
    """The frames to regenerate. ``asked`` has range, first, last and edited, whether the plan waits for edits to be
    performed. ScopeError where there are none in the take.
    """
    found = _asked_range(context, armature, span, asked)
    first, last = max(found.first, span.start), min(found.last, span.end - 1)
    if found.last < found.first:
        raise ScopeError(f"The range {found.first}-{found.last} is empty; put the last frame after the first")
    if first > last:
        raise ScopeError(
            f"Frames {found.first}-{found.last} lie outside the take, which has frames {span.start}-{span.end - 1}"
        )
    return Range(first, last, found.source)


def _asked_range(context: bpy.types.Context, armature: bpy.types.Object, span: TakeSpan, asked: Any) -> Range:
    scene, kind = context.scene, asked.range
    if kind == "CUSTOM":
        return Range(asked.first, asked.last, kind)
    if kind == "AUTO" and asked.edited:
        return Range(span.start, span.end - 1, "PLAN")
    if kind in {"AUTO", "SELECTED"}:
        selected = selected_frames(context, armature, span.action)
        if selected is not None and (kind == "SELECTED" or selected[0] < selected[1]):
            return Range(*selected, "SELECTED")
        if kind == "SELECTED":
            raise ScopeError("No key of the character is selected; select the first and the last in the Dope Sheet")
    if kind in {"AUTO", "PREVIEW"} and scene.use_preview_range:
        return Range(scene.frame_preview_start, scene.frame_preview_end, "PREVIEW")
    if kind == "PREVIEW":
        raise ScopeError("The scene has no preview range; set one with P in the Timeline")
    return Range(span.start, span.end - 1, "TAKE")


def selected_frames(
    context: bpy.types.Context, armature: bpy.types.Object, action: bpy.types.Action
) -> tuple[int, int] | None:
    """First and last frame with a selected key of the character, in the channels that the Dope Sheet shows."""
    low, high = np.inf, -np.inf
    for curve in _shown_curves(context, armature, action):
        points = curve.keyframe_points
        chosen = np.empty(len(points), np.bool_)
        points.foreach_get("select_control_point", chosen)
        rows = np.flatnonzero(chosen)
        if len(rows):
            low, high = min(low, points[int(rows[0])].co[0]), max(high, points[int(rows[-1])].co[0])
    return (int(np.floor(low)), int(np.ceil(high))) if low <= high else None


def _shown_curves(context: bpy.types.Context, armature: bpy.types.Object, action: bpy.types.Action) -> Iterator[Any]:
    sheet = getattr(context.space_data, "dopesheet", None)
    everything = sheet is not None and not sheet.show_only_selected
    bones = compat.selected_bones(armature) if armature.mode == "POSE" and not everything else set()
    body = owner_channels(armature, action)
    for curve in body.fcurves if body is not None else ():
        if not bones or not curve.data_path.startswith("pose.bones[") or _bone_of(curve.data_path) in bones:
            yield curve
    picked = {mesh.data.shape_keys for mesh in face_meshes(armature) if mesh.select_get()}
    for key in keyable_faces(armature):
        face = owner_channels(key, action)
        if face is not None and (not bones or key in picked):
            yield from face.fcurves


def _bone_of(path: str) -> str:
    return path[len('pose.bones["') : path.rfind('"]')].replace('\\"', '"').replace("\\\\", "\\")


def free_channels(
    armature: bpy.types.Object, rig: RigMap, action: bpy.types.Action, scope: str, parts: Collection[str]
) -> Free:
    """The channels that may change; ScopeError where there are none. Those that are guarded stay out."""
    if scope == "PARTS":
        if not parts:
            raise ScopeError("Choose at least one body part")
        joints, trans, face = set(part_joints(parts)), "root" in parts, "face" in parts
    else:
        bones = _scope_bones(armature, scope)
        joints = {joint for joint in rig.present if rig.bones[joint] in bones}
        trans, face = PELVIS in joints, bool(joints & set(FACE_BONES))
    guarded = guarded_channels(armature, owner_channels(armature, action))
    flags = np.zeros(len(rig.bones), np.bool_)
    for joint in joints & set(rig.present):
        flags[joint] = not _is_guarded(armature.pose.bones[rig.bones[joint]], guarded)
    pelvis = bone_path(rig.bones[PELVIS], "location")
    trans = trans and not any((pelvis, index) in guarded for index in range(3))
    if not (flags.any() or trans or face):
        raise ScopeError("All channels that Regenerate may change are locked, muted or driven; free some of them")
    return Free(flags, trans, face)


def _is_guarded(bone: bpy.types.PoseBone, guarded: set[tuple[str, int]]) -> bool:
    channel = rotation_channel(bone.rotation_mode)
    path = bone_path(bone.name, channel)
    return any((path, index) in guarded for index in range(WIDTHS[channel]))


def _scope_bones(armature: bpy.types.Object, scope: str) -> set[str]:
    if scope == "SELECTED_BONES":
        bones = compat.selected_bones(armature) if armature.mode == "POSE" else set()
        if not bones:
            raise ScopeError(f"No bone of '{armature.name}' is selected; select bones in Pose Mode")
        return bones
    data: Any = armature.data
    collections = [entry for entry in data.collections_all if _is_shown(data, entry)]
    bones = {bone.name for entry in collections for bone in entry.bones}
    if not bones:
        raise ScopeError(f"No bone collection of '{armature.name}' is shown; show the bones to regenerate")
    return bones


def _is_shown(data: bpy.types.Armature, entry: bpy.types.BoneCollection) -> bool:
    return bool(entry.is_solo) if data.collections.is_solo_active else bool(entry.is_visible_effectively)


def scope_text(armature: bpy.types.Object, scope: str, parts: Collection[str]) -> str:
    """What may change, as the panel says it."""
    if scope == "SELECTED_BONES":
        count = len(compat.selected_bones(armature)) if armature.mode == "POSE" else 0
        return f"{count} selected bone{'' if count == 1 else 's'}"
    if scope == "BONE_COLLECTIONS":
        return "shown bone collections"
    if set(parts) == set(PART_NAMES):
        return "whole body"
    return ", ".join(name.lower() for part, name in PART_NAMES.items() if part in parts) or "nothing"


def range_text(context: bpy.types.Context, armature: bpy.types.Object, span: TakeSpan, asked: Any) -> tuple[str, bool]:
    """Which frames, as the panel says it, and True; or why none, and False.

    Looks at the keys' selection only now and then.
    """
    playing = context.screen is not None and context.screen.is_animation_playing
    moment = 0 if playing else int(time.monotonic() * LOOKS_A_SECOND)
    preview = (context.scene.use_preview_range, context.scene.frame_preview_start, context.scene.frame_preview_end)
    looked = (moment, armature.session_uid, span.action.session_uid, preview)
    return _range_text(_Looked(looked, context, armature, span), asked)


@dataclass(frozen=True)
class _Looked:
    """Arguments of which only ``key`` says whether they are the same."""

    key: tuple[Any, ...]
    context: Any
    armature: Any
    span: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Looked) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=4)
def _range_text(looked: _Looked, asked: Any) -> tuple[str, bool]:
    try:
        return find_range(looked.context, looked.armature, looked.span, asked).text, True
    except ScopeError as error:
        return str(error), False
