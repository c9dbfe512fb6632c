"""Edit the plan of the active take. Nothing regenerates by itself."""

from __future__ import annotations

import bpy

from ..scene import jumps_to_plan, plan_of
from ..ui import RefusedError, UndoOperator
from .changes import add_phrase, sync, word_at
from .lexemes import fitting_hands, label_of
from .markers import moved_markers, remove_marker
from .props import CospeechPlan, owner_of
from .target import (
    chosen_phrase,
    move_blocker,
    phrase_blocker,
    plan_action,
    plan_blocker,
    reset_all_blocker,
    reset_blocker,
)

LEAST_WORD_FRAMES = 0.5  # by eye


class PlanOperator(UndoOperator):
    """What the operators on the plan share: they need a take with one."""

    blocker = staticmethod(plan_blocker)


def numbered_word(group: CospeechPlan, number: int, otherwise: int) -> int:
    """The word of a number, below zero another one; RefusedError where the take has none of it."""
    index = number if number >= 0 else otherwise
    if not 0 <= index < len(group.words):
        raise RefusedError(f"The take has {len(group.words)} words; choose one of them")
    return index


class COSPEECH_OT_plan_nudge(PlanOperator, bpy.types.Operator):
    """Move the apex of the chosen gesture by some frames"""

    bl_idname = "cospeech.plan_nudge"
    bl_label = "Nudge Apex"
    blocker = staticmethod(move_blocker)

    frames: bpy.props.FloatProperty(name="Frames", description="Frames to move by; below zero is earlier", default=1.0)

    def work(self, context: bpy.types.Context) -> str:
        """Move it, inside the take."""
        phrase = chosen_phrase(context)
        phrase.apex += self.frames
        if jumps_to_plan(context.scene):
            context.scene.frame_current = round(phrase.apex)
        return ""


class COSPEECH_OT_plan_delete(PlanOperator, bpy.types.Operator):
    """Leave the chosen gesture out, or take it in again"""

    bl_idname = "cospeech.plan_delete"
    bl_label = "Delete Gesture"
    blocker = staticmethod(phrase_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Mark it; one that was added and never performed goes at once."""
        group = plan_of(plan_action(context))
        phrase = chosen_phrase(context)
        if not phrase.added:
            phrase.deleted = not phrase.deleted
            return ""
        remove_marker(owner_of(group), phrase)
        group.phrases.remove(group.active)
        group.active = min(group.active, len(group.phrases) - 1)
        return ""


class COSPEECH_OT_plan_add(PlanOperator, bpy.types.Operator):
    """Plan a gesture on the word at the current frame"""

    bl_idname = "cospeech.plan_add"
    bl_label = "Add at Word"

    word: bpy.props.IntProperty(
        name="Word",
        description="Number of the word; -1 is the one at the current frame",
        default=-1,
        options={"SKIP_SAVE"},
    )
    lexeme: bpy.props.StringProperty(
        name="Gesture", description="Which gesture; empty is a beat", options={"SKIP_SAVE"}
    )

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Only where the take knows its words."""
        reason = plan_blocker(context)
        if not reason and not len(plan_of(plan_action(context)).words):
            reason = "This take has no words; give the line a transcript and generate again"
        return reason

    def work(self, context: bpy.types.Context) -> str:
        """Add it to the list, and choose it."""
        action = plan_action(context)
        group = plan_of(action)
        word = numbered_word(group, self.word, word_at(group, context.scene.frame_current))
        group.active = add_phrase(action, word, self.lexeme, fitting_hands(self.lexeme))
        return f"Planned {label_of(self.lexeme)} on '{group.words[word].name}'"


class COSPEECH_OT_plan_word(PlanOperator, bpy.types.Operator):
    """Correct when a word is said: it begins or ends at the current frame"""

    bl_idname = "cospeech.plan_word"
    bl_label = "Correct Word"

    edge: bpy.props.EnumProperty(
        name="Edge",
        items=(("START", "Start", "The word begins here"), ("END", "End", "The word ends here")),
        options={"SKIP_SAVE"},
    )
    word: bpy.props.IntProperty(
        name="Word", description="Number of the word; -1 is the chosen gesture's", default=-1, options={"SKIP_SAVE"}
    )
    blocker = COSPEECH_OT_plan_add.blocker

    def work(self, context: bpy.types.Context) -> str:
        """Set one edge; the other gives way, and so do the words beside it."""
        group = plan_of(plan_action(context))
        word = numbered_word(group, self.word, shown_word(context))
        set_edge(group, word, self.edge, float(context.scene.frame_current_final))
        said = group.words[word]
        return f"'{said.name}' is said on frames {said.start:.1f} to {said.end:.1f}"


def shown_word(context: bpy.types.Context) -> int:
    """The word that the panel shows: the chosen gesture's, else the one at the current frame."""
    group = plan_of(plan_action(context))
    phrase = chosen_phrase(context)
    if phrase is not None and 0 <= phrase.word < len(group.words):
        return int(phrase.word)
    return word_at(group, context.scene.frame_current)


def set_edge(group: CospeechPlan, index: int, edge: str, frame: float) -> None:
    """Start or end of a word at a frame: order and length stay sound, whatever is asked for."""
    words = group.words
    said = words[index]
    if edge == "START":
        said.start = max(frame, float(group.start_frame))
        said.end = max(said.end, said.start + LEAST_WORD_FRAMES)
    else:
        said.end = max(frame, group.start_frame + LEAST_WORD_FRAMES)
        said.start = min(said.start, said.end - LEAST_WORD_FRAMES)
    for before in reversed(words[:index]):
        if before.end <= said.start:
            break
        before.end = said.start
        before.start = min(before.start, before.end - LEAST_WORD_FRAMES)
        said = before
    said = words[index]
    for after in words[index + 1 :]:
        if after.start >= said.end:
            break
        after.start = said.end
        after.end = max(after.end, after.start + LEAST_WORD_FRAMES)
        said = after


class COSPEECH_OT_plan_reset(PlanOperator, bpy.types.Operator):
    """Take back the edits of the chosen gesture: it is again as it was performed"""

    bl_idname = "cospeech.plan_reset"
    bl_label = "Reset Gesture"
    blocker = staticmethod(reset_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Restore what was performed."""
        chosen_phrase(context).restore()
        return ""


class COSPEECH_OT_plan_reset_all(PlanOperator, bpy.types.Operator):
    """Take back all edits of the plan: every gesture and every word is again as it was performed"""

    bl_idname = "cospeech.plan_reset_all"
    bl_label = "Reset All"
    blocker = staticmethod(reset_all_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Restore what was performed."""
        restore_all(plan_action(context))
        return ""


def restore_all(action: bpy.types.Action) -> None:
    """Every gesture and word as performed; added gestures go. The markers follow."""
    group = plan_of(action)
    for index in reversed(range(len(group.phrases))):
        phrase = group.phrases[index]
        if phrase.added:
            remove_marker(action, phrase)
            group.phrases.remove(index)
        elif phrase.changed:
            phrase.restore()
    for word in group.words:
        if word.changed:
            word.start, word.end = word.made_start, word.made_end
        if word.emphasis_changed:
            word.emphasis = word.made_emphasis
    group.active = min(group.active, max(len(group.phrases) - 1, 0))


class COSPEECH_OT_plan_read(PlanOperator, bpy.types.Operator):
    """Fill the list from the plan that the take was performed by"""

    bl_idname = "cospeech.plan_read"
    bl_label = "Read Plan"

    def work(self, context: bpy.types.Context) -> str:
        """Fill it."""
        sync(plan_action(context))
        return ""


class COSPEECH_OT_plan_markers(PlanOperator, bpy.types.Operator):
    """Move gestures to where their markers were moved in the Dope Sheet"""

    bl_idname = "cospeech.plan_markers"
    bl_label = "Take Marker Moves"

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Only where markers were moved."""
        reason = plan_blocker(context)
        if not reason and not moved_markers(plan_action(context)):
            reason = "No marker of a gesture was moved"
        return reason

    def work(self, context: bpy.types.Context) -> str:
        """Take the moves over."""
        action = plan_action(context)
        moves = moved_markers(action)
        for index, frame in moves:
            phrase = plan_of(action).phrases[index]
            phrase.marker = frame  # first, so that the move of the apex finds the marker there
            phrase.apex = frame
        return f"Moved {len(moves)} gesture{'s' if len(moves) != 1 else ''}"


CLASSES = (
    COSPEECH_OT_plan_nudge,
    COSPEECH_OT_plan_delete,
    COSPEECH_OT_plan_add,
    COSPEECH_OT_plan_word,
    COSPEECH_OT_plan_reset,
    COSPEECH_OT_plan_reset_all,
    COSPEECH_OT_plan_read,
    COSPEECH_OT_plan_markers,
)
