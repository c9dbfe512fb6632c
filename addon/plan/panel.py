"""Sub-panel: the plan, one row a gesture, and the chosen one below."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import bpy

from ..scene import plan_of, settings_of
from ..setup.engine import SESSION
from ..setup.progress import draw_progress
from ..ui import RowList, SubPanel, draw_sentence
from .emphasis import words_blocker
from .lexemes import label_of
from .markers import moved_markers
from .ops import shown_word
from .props import NEXT, PARTIAL
from .stale import maker, stale_reasons, stale_text
from .target import NOT_EDITED, chosen_phrase, is_edited, move_blocker, plan_action, plan_blocker

ROWS = 5  # of the list, by eye
LOOKS_A_SECOND = 2  # for moved markers, by eye
MARKERS = "An Action Editor shows words and apexes with Marker > Show Pose Markers"
NUDGES = ((-5, "-5"), (-1, "-1"), (1, "+1"), (5, "+5"))  # frames, by eye


class COSPEECH_UL_plan(RowList, bpy.types.UIList):
    """Word, gesture, frame of the apex"""

    def draw_row(self, _context: bpy.types.Context, layout: bpy.types.UILayout, item: Any) -> None:
        """One row; what was edited says so in words, too."""
        row = layout.row(align=True)
        row.active = not item.deleted
        split = row.split(factor=0.32, align=True)
        split.label(text=item.text or "-")
        split = split.split(factor=0.68, align=True)
        gesture = "deleted" if item.deleted else label_of(item.lexeme)
        split.label(text=f"new: {gesture}" if item.added else gesture)
        split.label(text=f"{item.apex:.0f}{' *' if item.changed else ''}")

    def filter_items(self, _context: bpy.types.Context, data: Any, name: str) -> tuple[list[int], list[int]]:
        """Rows whose word or gesture holds the searched text, in the order of their apexes."""
        helper = bpy.types.UI_UL_list
        phrases = getattr(data, name)
        flags: list[int] = []
        if self.filter_name:
            flags = helper.filter_items_by_name(f"*{self.filter_name}*", self.bitflag_filter_item, phrases, "name")
        apexes = [(index, phrase.apex) for index, phrase in enumerate(phrases)]
        return flags, helper.sort_items_helper(apexes, lambda pair: pair[1])


class COSPEECH_PT_plan(SubPanel, bpy.types.Panel):
    """Which word gets which gesture, and when"""

    bl_label = "Plan"
    bl_order = 25

    def draw(self, context: bpy.types.Context) -> None:
        """Draw list, gesture, word, and the button that performs the changes."""
        layout = self.layout
        reason = plan_blocker(context)
        if reason:
            draw_sentence(layout, reason, "INFO")
            return
        action = plan_action(context)
        group = plan_of(action)
        if not group.synced:
            layout.operator("cospeech.plan_read", icon="FILE_REFRESH")
            return
        _draw_list(layout, action)
        row = layout.row(align=True)
        row.operator("cospeech.plan_add", icon="ADD")
        row.prop(context.scene, "cospeech_plan_jump", toggle=True)
        _draw_phrase(layout, context)
        if len(group.words):
            _draw_word(layout, group.words[shown_word(context)], words_blocker(context))
        _draw_changes(layout, context, action)
        _draw_markers(layout, context)


def _draw_list(layout: bpy.types.UILayout, action: bpy.types.Action) -> None:
    group = plan_of(action)
    if not len(group.phrases):
        by = SESSION.generators.get(maker(action))
        if by is not None and not by.plans:
            draw_sentence(layout, f"{by.label} follows no plan: this take has no planned gestures", "INFO")
            return
        draw_sentence(layout, "The plan of this take has no gestures", "INFO")
    layout.template_list("COSPEECH_UL_plan", "", group, "phrases", group, "active", rows=ROWS)


def _draw_phrase(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    phrase = chosen_phrase(context)
    if phrase is None:
        return
    box = layout.box()
    column = box.column()
    column.enabled = not phrase.deleted
    column.prop(phrase, "gesture", text="", icon="VIEW_PAN")
    row = column.row(align=True)
    row.prop(phrase, "hands", expand=True)
    column.prop(phrase, "amplitude", slider=True)
    row = column.row()
    row.enabled = not phrase.added
    row.prop(phrase, "apex")
    row = column.row(align=True)
    for frames, text in NUDGES:
        row.operator("cospeech.plan_nudge", text=text).frames = frames
    if phrase.deleted:
        draw_sentence(box, "Deleted; restore it to edit it", "INFO")
    elif phrase.added:
        draw_sentence(box, move_blocker(context), "INFO")
    else:
        shift = phrase.apex - phrase.made_apex
        draw_sentence(column, f"Onset {phrase.onset + shift:.0f}, {ending_text(phrase, shift)}", "NONE")
    row = box.row(align=True)
    row.operator(
        "cospeech.plan_delete",
        text="Restore" if phrase.deleted else "Delete",
        icon="LOOP_BACK" if phrase.deleted else "TRASH",
    )
    row.operator("cospeech.plan_reset", text="Reset")


def ending_text(phrase: Any, shift: float = 0.0) -> str:
    """What the hands do after the apex, in scene frames moved by ``shift``."""
    hold, back = round(phrase.hold_end + shift), round(phrase.retract_end + shift)
    if phrase.join == NEXT:
        return f"held to {hold}, then goes on into the next gesture"
    if phrase.join == PARTIAL:
        return f"held to {hold}, half lowered by {back}, ready for the next gesture"
    return f"held to {hold}, back at rest {back}"


def _draw_word(layout: bpy.types.UILayout, word: Any, deaf: str) -> None:
    box = layout.box()
    box.label(text=f"Word '{word.name}'{' *' if word.changed or word.emphasis_changed else ''}")
    row = box.row(align=True)
    row.prop(word, "start")
    row.prop(word, "end")
    row = box.row(align=True)
    row.operator("cospeech.plan_word", text="Starts Here").edge = "START"
    row.operator("cospeech.plan_word", text="Ends Here").edge = "END"
    row = box.row()
    row.enabled = not deaf
    row.prop(word, "emphasis", slider=True)


def _draw_changes(layout: bpy.types.UILayout, context: bpy.types.Context, action: bpy.types.Action) -> None:
    if moves := _moves(action.session_uid, int(time.monotonic() * LOOKS_A_SECOND)):
        text = f"Take {moves} Marker Move{'s' if moves > 1 else ''}"
        layout.operator("cospeech.plan_markers", text=text, icon="MARKER_HLT")
    reasons = stale_reasons(context, settings_of(context.scene).character)
    if reasons:
        draw_sentence(layout, stale_text(reasons), "INFO")
    if draw_progress(layout):
        return
    edited = is_edited(context)
    column = layout.column(align=True)
    row = column.row(align=True)
    row.enabled = edited
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("cospeech.regenerate", text="Regenerate Changes", icon="FILE_REFRESH").range = "AUTO"
    column.operator("cospeech.plan_reset_all", icon="LOOP_BACK")
    if not edited:
        draw_sentence(layout, NOT_EDITED, "INFO")


def _draw_markers(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Words and apexes are pose markers, which only an Action Editor shows, and only where it is told to."""
    areas = context.screen.areas if context.screen is not None else ()
    spaces = [area.spaces.active for area in areas if area.type == "DOPESHEET_EDITOR"]
    editors = [
        space for space in spaces if isinstance(space, bpy.types.SpaceDopeSheetEditor) and space.mode == "ACTION"
    ]
    for space in editors:
        layout.prop(space, "show_pose_markers", text="Words and Apexes as Markers")
    if not editors:
        draw_sentence(layout, MARKERS, "INFO")


@lru_cache(maxsize=4)
def _moves(uid: int, _: int) -> int:
    """How many markers were moved; a long line has thousands, so it is not asked at every redraw."""
    action = next((action for action in bpy.data.actions if action.session_uid == uid), None)
    return len(moved_markers(action)) if action is not None else 0


CLASSES = (COSPEECH_UL_plan, COSPEECH_PT_plan)
