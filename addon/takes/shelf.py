"""The takes of a character: the active one and those put aside in NLA tracks."""

from __future__ import annotations

import bpy

from .. import compat
from .apply import is_take, put_aside
from .slots import owner_channels, slot_in
from .stack import find_stack, hide, owners


def takes_of(armature: bpy.types.Object) -> list[bpy.types.Action]:
    """The character's takes, newest first; the active Action is in its place among them."""
    data = armature.animation_data
    if data is None:
        return []
    found = [strip.action for track in data.nla_tracks for strip in track.strips if is_take(strip.action)]
    if is_take(data.action) and data.action not in found:
        found.append(data.action)
    return list(reversed(dict.fromkeys(found)))


def use_take(armature: bpy.types.Object, action: bpy.types.Action) -> None:
    """Make a take active again on the armature and its face; the active one is put aside."""
    stack = find_stack(armature)
    if stack is not None:
        hide(armature, stack)
    for owner in owners(armature):
        put_aside(owner)
        slot = slot_in(owner, action)
        compat.assign(owner, action if slot is not None else None, slot)


__all__ = ["owner_channels", "slot_in", "takes_of", "use_take"]
