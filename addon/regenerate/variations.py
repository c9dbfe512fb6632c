"""Variations of a window: takes that differ only there, compared by switching the active take in place."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ..takes.apply import set_meta, take_meta
from ..takes.shelf import takes_of, use_take
from ..takes.stack import owners

OF_KEY = "cospeech_variation_of"  # the take that it is a variation of; a pointer, so that renaming is no matter
GROUP_KEY = "cospeech_variation"  # the job that made it


def mark_variation(copy: bpy.types.Action, original: bpy.types.Action, group: str) -> None:
    """Note that a take is one of the variations of another."""
    copy[OF_KEY] = original
    copy[GROUP_KEY] = group


def variations_of(armature: bpy.types.Object) -> list[bpy.types.Action]:
    """The take from which variations were made, and they, in the order of their making; empty where the active take
    is not among any.
    """
    data = armature.animation_data
    active = data.action if data is not None else None
    if active is None:
        return []
    takes = list(reversed(takes_of(armature)))  # the oldest first
    own = [take for take in takes if take.get(OF_KEY) == active]
    group = own[-1].get(GROUP_KEY) if own else active.get(GROUP_KEY)
    if not group:
        return []
    members = sorted((take for take in takes if take.get(GROUP_KEY) == group), key=_order)
    original = active if own else active.get(OF_KEY)
    return [*([original] if original in takes else []), *members]


def _order(action: bpy.types.Action) -> tuple[int, str]:
    seeds = take_meta(action).seeds
    return (seeds[-1] if seeds else -1, action.name)


def place_among(armature: bpy.types.Object) -> tuple[int, int]:
    """Number of the active take among its variations, 0 for the one they were made from, and how many there are."""
    found = variations_of(armature)
    if not found:
        return 0, 0
    has_original = found[0].get(GROUP_KEY) is None or found[0] == found[-1].get(OF_KEY)
    number = found.index(armature.animation_data.action)
    return (number, len(found) - 1) if has_original else (number + 1, len(found))


def step_variation(armature: bpy.types.Object, by: int) -> bpy.types.Action:
    """Make the next (or an earlier) variation active; they go round."""
    found = variations_of(armature)
    action = found[(found.index(armature.animation_data.action) + by) % len(found)]
    use_take(armature, action)
    return action


def keep_variation(armature: bpy.types.Object) -> int:
    """Let the active take be the one: its variations, or those beside it, are removed; returns how many.

    The take from which they were made stays, in its muted track.
    """
    active = armature.animation_data.action
    found = variations_of(armature)
    group = found[-1].get(GROUP_KEY)
    others = [action for action in found if action != active and action.get(GROUP_KEY) == group]
    remove_takes(armature, others)
    if active.get(GROUP_KEY) == group:
        for key in (OF_KEY, GROUP_KEY):
            active.pop(key, None)
    return len(others)


def remove_takes(armature: bpy.types.Object, actions: Sequence[bpy.types.Action]) -> None:
    """Take Actions out of the character's NLA tracks, and delete those that nothing else uses."""
    for owner in owners(armature):
        data = owner.animation_data
        for track in list(data.nla_tracks) if data is not None else ():
            for strip in [strip for strip in track.strips if strip.action in actions]:
                track.strips.remove(strip)
            if not len(track.strips):
                data.nla_tracks.remove(track)
    for action in actions:
        if action.users <= int(action.use_fake_user) + _pointers(action):
            bpy.data.actions.remove(action)


def _pointers(action: bpy.types.Action) -> int:
    """How many variations point at a take as that from which they were made."""
    return sum(other.get(OF_KEY) == action for other in bpy.data.actions)


__all__ = ["keep_variation", "mark_variation", "place_among", "remove_takes", "set_meta", "step_variation"]
