"""A take and the layer above it in the NLA: where they are, shown together or the layer muted and the take active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy

from .. import compat
from ..rig.character import keyable_faces

LAYER_KEY = "cospeech_layer"  # on the layer's Action: the take's Action


@dataclass(frozen=True, eq=False)
class Stack:
    """A take's Action ``base``, the Action ``layer`` of the offsets, and whether the layer is ``shown``: both lie in
    NLA tracks then, and no Action is active. Else the take is the active Action, and the layer's track is muted.
    """

    base: bpy.types.Action
    layer: bpy.types.Action
    shown: bool


def find_stack(armature: bpy.types.Object) -> Stack | None:
    """The layer of the character's take: of the active one, or the one that is shown. Cheap: for poll."""
    data = armature.animation_data
    if data is None:
        return None
    for track in reversed(data.nla_tracks):
        for strip in track.strips:
            base = base_of(strip.action)
            if base is None:
                continue
            if data.action == base:
                return Stack(base, strip.action, False)
            if data.action is None or data.use_tweak_mode:
                return Stack(base, strip.action, True)
    return None


def visible_take(armature: bpy.types.Object) -> bpy.types.Action | None:
    """The Action of what the character is seen to do: the take under a layer that is shown, else the active one."""
    stack = find_stack(armature)
    if stack is not None and stack.shown:
        return stack.base
    return armature.animation_data.action if armature.animation_data is not None else None


def base_of(action: bpy.types.Action | None) -> bpy.types.Action | None:
    """The take above which an Action is a layer; None where it is none."""
    base = action.get(LAYER_KEY) if action is not None else None
    return base if isinstance(base, bpy.types.Action) else None


def shown_reason(armature: bpy.types.Object) -> str:
    """Why nothing can be done to the take itself, where its layer is shown; else empty. Cheap: for poll."""
    stack = find_stack(armature)
    if stack is None or not stack.shown:
        return ""
    return f"Your edits of '{stack.base.name}' lie in a layer above it; mute the layer, or merge it, in the panel Keys"


def owners(armature: bpy.types.Object) -> list[compat.Owner]:
    """The armature and the face's shape keys."""
    return [armature, *keyable_faces(armature)]


def strips_of(owner: compat.Owner, action: bpy.types.Action) -> Iterator[tuple[Any, Any]]:
    """Tracks and strips in which an Action lies."""
    data = owner.animation_data
    for track in data.nla_tracks if data is not None else ():
        for strip in track.strips:
            if strip.action == action:
                yield track, strip


def new_strip(data: bpy.types.AnimData, action: bpy.types.Action, slot: Any) -> tuple[Any, Any]:
    """A track above all others, and in it a strip of an Action."""
    track = data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, int(action.frame_range[0]), action)
    strip.action_slot = slot
    strip.name = action.name
    return track, strip


def add_strip(owner: compat.Owner, action: bpy.types.Action, slot: Any, blend: str) -> None:
    """Put an Action into an NLA track of its own above all others; one that it had before is removed."""
    data = owner.animation_data or owner.animation_data_create()
    for track in [track for track, _ in strips_of(owner, action) if len(track.strips) == 1]:
        data.nla_tracks.remove(track)
    _, strip = new_strip(data, action, slot)
    strip.blend_type = blend
    strip.extrapolation = "HOLD"


def show(armature: bpy.types.Object, stack: Stack) -> None:
    """Let the layer act upon the take."""
    for owner in owners(armature):
        if any(strips_of(owner, stack.layer)):
            _mute(owner, stack.base, False)
            _mute(owner, stack.layer, False)
            compat.assign(owner, None, None)


def hide(armature: bpy.types.Object, stack: Stack) -> None:
    """Mute the layer, and make the take the active Action again."""
    for owner in owners(armature):
        for _, strip in list(strips_of(owner, stack.base)):
            slot = strip.action_slot
            _mute(owner, stack.base, True)
            compat.assign(owner, stack.base, slot)
            break
        _mute(owner, stack.layer, True)


def _mute(owner: compat.Owner, action: bpy.types.Action, muted: bool) -> None:
    for track, _ in strips_of(owner, action):
        track.mute = muted


def remove_layer(armature: bpy.types.Object, stack: Stack) -> None:
    """Mute the layer, and take it away with its tracks."""
    hide(armature, stack)
    for owner in owners(armature):
        for track, strip in list(strips_of(owner, stack.layer)):
            if len(track.strips) == 1:
                owner.animation_data.nla_tracks.remove(track)
            else:
                track.strips.remove(strip)
    layer = stack.layer
    del layer[LAYER_KEY]
    layer.use_fake_user = False
    if not layer.users:
        bpy.data.actions.remove(layer)
