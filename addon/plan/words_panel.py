"""Sub-panel of the plan: the words, how much meaning shows on each, and its emphasis."""

from __future__ import annotations

from typing import Any

import bpy

from ..scene import plan_of
from ..ui import CospeechPanel, RowList, draw_sentence
from .emphasis import words_blocker
from .emphasis_ops import STEP
from .target import plan_action, plan_blocker

ROWS = 6  # of the list, by eye
ASKING = "Ask for more (to 1) or less (to -1), then Regenerate Changes"
NAMES_SHARE, SCORES_SHARE = 0.37, 0.42  # of the width, and of the rest of it, by eye


class COSPEECH_UL_words(RowList, bpy.types.UIList):
    """Word, meaning, emphasis"""

    def draw_row(self, context: bpy.types.Context, layout: bpy.types.UILayout, item: Any) -> None:
        """One row; what was changed says so with a star."""
        name, score, slider = _columns(layout)
        name.label(text=f"{item.name}{' *' if item.emphasis_changed or item.changed else ''}")
        score.label(text=score_text(item.score))
        slider.enabled = not words_blocker(context)
        slider.prop(item, "emphasis", text="", slider=True)


def _columns(layout: bpy.types.UILayout) -> tuple[Any, Any, Any]:
    split = layout.split(factor=NAMES_SHARE, align=True)
    name = split.row()
    split = split.split(factor=SCORES_SHARE, align=True)
    return name, split.row(), split.row()


def score_text(score: float) -> str:
    """The meaning of a word as the list says it; a dash where nothing is known."""
    return f"{score:.1f}" if score >= 0.0 else "-"


class COSPEECH_PT_plan_words(CospeechPanel, bpy.types.Panel):
    """How much meaning shows on which word, and how much shall"""

    bl_label = "Words and Emphasis"
    bl_parent_id = "COSPEECH_PT_plan"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where a take has words."""
        action = plan_action(context)
        return not plan_blocker(context) and bool(plan_of(action).synced and len(plan_of(action).words))

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and the buttons that change emphasis."""
        layout = self.layout
        group = plan_of(plan_action(context))
        for column, text in zip(_columns(layout), ("Word", "Meaning", "Emphasis"), strict=True):
            column.label(text=text)
        layout.template_list("COSPEECH_UL_words", "", group, "words", group, "active_word", rows=ROWS)
        for words, label in (("WORD", "Word"), ("PHRASE", "Phrase")):
            row = layout.row(align=True)
            for by, more in ((-STEP, False), (STEP, True)):
                text = f"{label} More" if more else f"{label} Less"
                button = row.operator("cospeech.plan_emphasise", text=text, icon="ADD" if more else "REMOVE")
                button.by, button.words = by, words
        layout.operator("cospeech.plan_reset_emphasis", icon="LOOP_BACK")
        draw_sentence(layout, words_blocker(context) or ASKING, "INFO")


CLASSES = (COSPEECH_UL_words, COSPEECH_PT_plan_words)
