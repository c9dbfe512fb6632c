"""Which take, which channels and which frames a pin operator means, and why it can't run."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from .. import compat
from ..rig.character import face_meshes
from ..scene import NO_CHARACTER, find_character
from ..takes.apply import is_take
from ..takes.span import SpanError, TakeSpan, take_span
from ..takes.stack import shown_reason
from .items import KEY_EDITORS, Item, item_curves, selected_frames, selected_items, shown_items
from .write import PinError


@dataclass(frozen=True, eq=False)
class Place:
    """Items with the scene frames that are meant of each; ``by_keys``: the keys there are meant, as they are."""

    armature: bpy.types.Object
    span: TakeSpan
    items: tuple[tuple[Item, tuple[float, ...]], ...]
    by_keys: bool = False

    @property
    def action(self) -> bpy.types.Action:
        """The take's Action."""
        return self.span.action


def take_blocker(context: bpy.types.Context) -> str:
    """Why there is no take to pin; empty where there is one. Cheap: for poll."""
    armature = find_character(context)
    if armature is None:
        return NO_CHARACTER
    reason = shown_reason(armature)
    if reason:
        return reason
    data = armature.animation_data
    if data is None or not is_take(data.action):
        return f"The active Action of '{armature.name}' is not a Cospeech take; generate or choose a take first"
    if data.use_tweak_mode:
        return f"An NLA strip of '{armature.name}' is being tweaked; leave Tweak Mode (Tab) first"
    if not data.action.is_editable:
        return f"'{data.action.name}' is linked from another file and can't be changed; make it local first"
    return ""


def bones_blocker(context: bpy.types.Context) -> str:
    """As :func:`take_blocker`, and why no bone is meant."""
    reason = take_blocker(context)
    if reason:
        return reason
    armature = find_character(context)
    if armature.mode != "POSE" or not compat.selected_bones(armature):
        return f"Select bones of '{armature.name}' in Pose Mode"
    return ""


def keys_or_bones_blocker(context: bpy.types.Context) -> str:
    """As :func:`bones_blocker`; in the Dope Sheet and Graph Editor the selected keys are meant instead, and a script
    may mean either.
    """
    return take_blocker(context) if context.area is None or in_key_editor(context) else bones_blocker(context)


def in_key_editor(context: bpy.types.Context) -> bool:
    """Whether the operator is called in an editor where keys are selected."""
    return context.area is not None and context.area.type in KEY_EDITORS


def active_take(context: bpy.types.Context) -> tuple[bpy.types.Object, TakeSpan]:
    """The character and its take; PinError where there is none."""
    reason = take_blocker(context)
    if reason:
        raise PinError(reason)
    armature = find_character(context)
    try:
        return armature, take_span(context.scene, armature)
    except SpanError as error:
        raise PinError(str(error)) from error


def find_place(context: bpy.types.Context, source: str) -> Place:
    """What is meant: "KEYS" the selected keys of what the Dope Sheet shows, "FRAME" the selected bones on the current
    frame, "AUTO" the keys in the editors of keys, elsewhere the bones. PinError where there is nothing.
    """
    armature, span = active_take(context)
    if source == "KEYS" or (source == "AUTO" and in_key_editor(context)):
        found = [
            (item, tuple(selected_frames(item_curves(item, span.action).values())))
            for item in shown_items(context, armature)
        ]
        chosen = tuple((item, frames) for item, frames in found if frames)
        if not chosen:
            raise PinError("No key of the character is selected; select keys in the Dope Sheet")
        return Place(armature, span, chosen, by_keys=True)
    items = selected_items(armature)
    if not items:
        raise PinError(bones_blocker(context) or f"Select bones of '{armature.name}' that a take moves")
    frame = current_frame(context, span)
    return Place(armature, span, tuple((item, (frame,)) for item in items))


def current_frame(context: bpy.types.Context, span: TakeSpan) -> float:
    """The current frame; PinError where it lies outside the take."""
    frame = int(context.scene.frame_current)
    if not span.start <= frame < span.end:
        raise PinError(
            f"Frame {frame} lies outside the take, which has frames {span.start}-{span.end - 1}; go to one of those"
        )
    return float(frame)


def active_shape(context: bpy.types.Context, armature: bpy.types.Object) -> str:
    """Name of the active shape key: of the active object if it is a mesh of the character, else of any of them."""
    meshes = face_meshes(armature)
    for mesh in sorted(meshes, key=lambda mesh: mesh != context.active_object):
        key = mesh.data.shape_keys
        block = mesh.active_shape_key
        if key is not None and block is not None and block != key.reference_key:
            return str(block.name)
    return ""
