"""Which plan the panel and the operators work on."""

from __future__ import annotations

from typing import Any

import bpy

from ..scene import NO_CHARACTER, find_character, plan_of
from ..takes.apply import is_take
from ..takes.stack import shown_reason
from .stale import count_changed, count_emphasised

NOT_EDITED = "The plan has no edits"


def plan_action(context: bpy.types.Context) -> bpy.types.Action | None:
    """The Action of the character's active take, or None."""
    armature = find_character(context)
    data = armature.animation_data if armature is not None else None
    action = data.action if data is not None else None
    return action if is_take(action) else None


def plan_blocker(context: bpy.types.Context) -> str:
    """Why there is no plan to edit; empty where there is one."""
    if find_character(context) is None:
        return NO_CHARACTER
    action = plan_action(context)
    if action is None:
        return shown_reason(find_character(context)) or "The character has no take yet; generate one first"
    if not action.is_editable:
        return "The take is linked from another file; make it local to edit its plan"
    return ""


def phrase_blocker(context: bpy.types.Context) -> str:
    """Why no gesture can be edited; empty where one is chosen."""
    reason = plan_blocker(context)
    if not reason and chosen_phrase(context) is None:
        reason = "Choose a gesture in the list"
    return reason


def move_blocker(context: bpy.types.Context) -> str:
    """Why the chosen gesture can't be moved; empty where it can."""
    reason = phrase_blocker(context)
    if not reason and chosen_phrase(context).added:
        reason = "A new gesture arrives on its word's stress; regenerate first, then move it"
    return reason


def is_edited(context: bpy.types.Context) -> bool:
    """Whether any gesture or word of the plan differs from what was performed."""
    action = plan_action(context)
    if action is None:
        return False
    group = plan_of(action)
    return count_changed(group.phrases) + count_changed(group.words) + count_emphasised(group.words) > 0


def reset_blocker(context: bpy.types.Context) -> str:
    """Why the chosen gesture can't be reset; empty where it can."""
    reason = phrase_blocker(context)
    if reason:
        return reason
    phrase = chosen_phrase(context)
    if phrase.added:
        return "A new gesture was never performed; delete it instead"
    return "" if phrase.changed else "This gesture is as it was performed"


def reset_all_blocker(context: bpy.types.Context) -> str:
    """Why there is nothing to reset; empty where there is."""
    return plan_blocker(context) or ("" if is_edited(context) else NOT_EDITED)


def chosen_phrase(context: bpy.types.Context) -> Any:
    """The gesture chosen in the list, or None."""
    action = plan_action(context)
    if action is None:
        return None
    group = plan_of(action)
    return group.phrases[group.active] if 0 <= group.active < len(group.phrases) else None
