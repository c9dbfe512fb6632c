"""Which slot of a take animates which owner: the armature, or the face's shape keys."""

from __future__ import annotations

from typing import Any

import bpy

from .. import compat


def owner_channels(owner: compat.Owner, action: bpy.types.Action) -> compat.Channels | None:
    """The owner's F-curves in a take of its own, active or put aside; None where the take has none for it."""
    return compat.slot_channels(action, slot_in(owner, action))


def slot_in(owner: compat.Owner, action: bpy.types.Action) -> Any:
    """The slot through which a take animates the owner, or None."""
    data = owner.animation_data
    if data is not None and data.action == action and data.action_slot is not None:
        return data.action_slot
    for track in data.nla_tracks if data else ():
        for strip in track.strips:
            if strip.action == action and strip.action_slot is not None:
                return strip.action_slot
    return compat.slot_for(action, owner)
