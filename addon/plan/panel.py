"""Sub-panel: the plan, one row a gesture, and the chosen one below."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import bpy

from ..generators.choice import DEFAULT, NAMES
from ..ui import CospeechPanel, draw_sentence
from .lexemes import label_of
from .markers import moved_markers
from .ops import shown_word
from .stale import count_changed, maker, stale_reasons
from .target import chosen_phrase, plan_action, plan_blocker

ROWS = 5
LOOKS_A_SECOND = 2  # for moved markers
NUDGES = ((-5, "-5"), (-1, "-1"), (1, "+1"), (5, "+5"))


class COSPEECH_UL_plan(bpy.types.UIList):
    """Word, gesture, frame of the apex"""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
    ) -> None:
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
        flags = []
        if self.filter_name:
            flags = helper.filter_items_by_name(f"*{self.filter_name}*", self.bitflag_filter_item, phrases, "name")
        apexes = [(index, phrase.apex) for index, phrase in enumerate(phrases)]
        return flags, helper.sort_items_helper(apexes, lambda pair: pair[1])


class COSPEECH_PT_plan(CospeechPanel, bpy.types.Panel):
    """Which word gets which gesture, and when"""

    bl_label = "Plan"
    bl_parent_id = "COSPEECH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 25

    def draw(self, context: bpy.types.Context) -> None:
        """Draw list, gesture, word, and the button that performs the changes."""
        layout = self.layout
        reason = plan_blocker(context)
        if reason:
            draw_sentence(layout, reason, "INFO")
            return
        action = plan_action(context)
        group = action.cospeech_plan
        if not group.synced:
            layout.operator("cospeech.plan_read", icon="FILE_REFRESH")
            return
        _draw_list(layout, action)
        row = layout.row(align=True)
        row.operator("cospeech.plan_add", icon="ADD")
        row.prop(context.scene, "cospeech_plan_jump", toggle=True)
        _draw_phrase(layout, chosen_phrase(context))
        if len(group.words):
            _draw_word(layout, group.words[shown_word(context)])
        _draw_changes(layout, context, action)


def _draw_list(layout: bpy.types.UILayout, action: bpy.types.Action) -> None:
    group = action.cospeech_plan
    if not len(group.phrases):
        by = maker(action)
        if by not in {"", DEFAULT}:
            draw_sentence(layout, f"{NAMES[by]} follows no plan: this take has no planned gestures", "INFO")
            return
        draw_sentence(layout, "The plan of this take has no gestures", "INFO")
    layout.template_list("COSPEECH_UL_plan", "", group, "phrases", group, "active", rows=ROWS)


def _draw_phrase(layout: bpy.types.UILayout, phrase: Any) -> None:
    if phrase is None:
        return
    box = layout.box()
    column = box.column()
    column.enabled = not phrase.deleted
    column.prop(phrase, "lexeme", text="", icon="VIEW_PAN")
    row = column.row(align=True)
    row.prop(phrase, "hands", expand=True)
    column.prop(phrase, "amplitude", slider=True)
    row = column.row()
    row.enabled = not phrase.added
    row.prop(phrase, "apex")
    row = column.row(align=True)
    for frames, text in NUDGES:
        row.operator("cospeech.plan_nudge", text=text).frames = frames
    if not phrase.added:
        shift = phrase.apex - phrase.made_apex
        column.label(text=f"Onset {phrase.onset + shift:.0f}, hold to {phrase.hold_end + shift:.0f}")
        column.label(text=f"Back at rest {phrase.retract_end + shift:.0f}")
    row = box.row(align=True)
    row.operator(
        "cospeech.plan_delete",
        text="Restore" if phrase.deleted else "Delete",
        icon="LOOP_BACK" if phrase.deleted else "TRASH",
    )
    sub = row.row(align=True)
    sub.enabled = phrase.changed and not phrase.added
    sub.operator("cospeech.plan_reset", text="Reset").scope = "GESTURE"


def _draw_word(layout: bpy.types.UILayout, word: Any) -> None:
    box = layout.box()
    box.label(text=f"Word '{word.name}'{' *' if word.changed else ''}")
    row = box.row(align=True)
    row.prop(word, "start")
    row.prop(word, "end")
    row = box.row(align=True)
    row.operator("cospeech.plan_word", text="Starts Here").edge = "START"
    row.operator("cospeech.plan_word", text="Ends Here").edge = "END"


def _draw_changes(layout: bpy.types.UILayout, context: bpy.types.Context, action: bpy.types.Action) -> None:
    if moves := _moves(action.session_uid, int(time.monotonic() * LOOKS_A_SECOND)):
        text = f"Take {moves} Marker Move{'s' if moves > 1 else ''}"
        layout.operator("cospeech.plan_markers", text=text, icon="MARKER_HLT")
    reasons = stale_reasons(context, context.scene.cospeech.character)
    if reasons:
        draw_sentence(layout, f"Out of date: {'; '.join(reasons)}", "INFO")
    group = action.cospeech_plan
    edited = count_changed(group.phrases) + count_changed(group.words) > 0
    column = layout.column(align=True)
    column.enabled = edited
    column.operator_context = "INVOKE_DEFAULT"
    column.operator("cospeech.regenerate", text="Regenerate Changes", icon="FILE_REFRESH").range = "AUTO"
    column.operator("cospeech.plan_reset", text="Reset All", icon="LOOP_BACK").scope = "ALL"


@lru_cache(maxsize=4)
def _moves(uid: int, _: int) -> int:
    """How many markers were moved; a long line has thousands, so it is not asked at every redraw."""
    action = next((action for action in bpy.data.actions if action.session_uid == uid), None)
    return len(moved_markers(action)) if action is not None else 0


CLASSES = (COSPEECH_UL_plan, COSPEECH_PT_plan)
