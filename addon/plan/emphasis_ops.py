"""Raise, lower and reset the emphasis of words."""

from __future__ import annotations

import bpy

from ..scene import plan_of
from .emphasis import phrase_words, reset_emphasis_blocker, words_blocker
from .ops import PlanOperator, numbered_word
from .target import plan_action

STEP = 0.5  # of -1..1, by eye: two clicks are all of it


class COSPEECH_OT_plan_emphasise(PlanOperator, bpy.types.Operator):
    """Show more or less on the chosen word, or on all words said in one breath with it"""

    bl_idname = "cospeech.plan_emphasise"
    bl_label = "Change Emphasis"
    blocker = staticmethod(words_blocker)

    by: bpy.props.FloatProperty(
        name="By", description="How much is added; below zero is less", default=STEP, options={"SKIP_SAVE"}
    )
    words: bpy.props.EnumProperty(
        name="Words",
        items=(
            ("WORD", "Word", "The chosen word"),
            ("PHRASE", "Phrase", "All words from the pause before it to the pause after it"),
        ),
        options={"SKIP_SAVE"},
    )
    word: bpy.props.IntProperty(
        name="Number", description="Number of the word; -1 is the chosen one", default=-1, options={"SKIP_SAVE"}
    )

    def work(self, context: bpy.types.Context) -> str:
        """Change it, within -1 to 1."""
        group = plan_of(plan_action(context))
        index = numbered_word(group, self.word, group.active_word)
        meant = phrase_words(group, index) if self.words == "PHRASE" else [index]
        for number in meant:
            group.words[number].emphasis += self.by
        said = " ".join(group.words[number].name for number in meant)
        return f"{'More' if self.by > 0 else 'Less'} on '{said}'; regenerate to see it"


class COSPEECH_OT_plan_reset_emphasis(PlanOperator, bpy.types.Operator):
    """Every word again has the emphasis with which it was performed"""

    bl_idname = "cospeech.plan_reset_emphasis"
    bl_label = "Reset Emphasis"
    blocker = staticmethod(reset_emphasis_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Take the changes back."""
        for word in plan_of(plan_action(context)).words:
            if word.emphasis_changed:
                word.emphasis = word.made_emphasis
        return ""


CLASSES = (COSPEECH_OT_plan_emphasise, COSPEECH_OT_plan_reset_emphasis)
