"""A take's plan as document data on its Action: phrases and words that the animator edits, beside what was performed.

The group is ``Action.cospeech_plan``: in Blender 4.5 a group named ``cospeech`` would overwrite the take's own custom
property of that name. Times are scene frames and may be fractions; the plan's seconds are ``(frame - start) / fps``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import bpy

from ..scene import jumps_to_plan, plan_of
from .lexemes import BEAT_LABEL, fitting_hands, label_of, lexeme_of, lexemes
from .markers import move_marker, rename_marker

HANDS = (
    ("left", "Left", "Left hand"),
    ("right", "Right", "Right hand"),
    ("both", "Both", "Both hands"),
)
# Less is single precision.
SAME_FRAME = 1e-3  # frames
SAME_AMPLITUDE = 1e-4  # times the class's size
SAME_EMPHASIS = 1e-4  # -1..1
AMPLITUDE = (0.2, 2.0)  # times the class's size, the range that the engine takes
REST, PARTIAL, NEXT = "rest", "partial", "next"
BEAT_IDS = "BEAT_"
FIRST_APEX, LAST_APEX = 0.11, 0.15  # s from the ends of the take, by eye


def _search_gestures(_: CospeechPhrase, __: bpy.types.Context, text: str) -> Iterator[str]:
    """The names of the gestures whose id or name holds the text."""
    wanted = text.lower().replace("_", " ")
    if wanted in BEAT_LABEL.lower():
        yield BEAT_LABEL
    for entry in lexemes().values():
        if wanted in f"{entry.id.replace('_', ' ')} {entry.label}".lower():
            yield entry.label


def _gesture(self: CospeechPhrase) -> str:
    return label_of(self.lexeme)


def _set_gesture(self: CospeechPhrase, text: str) -> None:
    named = lexeme_of(text)
    if named is None or named == self.lexeme:
        return
    self.lexeme = named
    if not bpy.app.background and bpy.context.window is not None:
        bpy.ops.ed.undo_push(message="Gesture")  # a field with a search pushes none, as every other field does


def owner_of(item: bpy.types.PropertyGroup) -> bpy.types.Action:
    """The Action on which a plan lies, or a part of one."""
    return item.id_data  # type: ignore[return-value]  # an ID, but only Actions have plans


def _is_filled(item: bpy.types.PropertyGroup) -> bool:
    """Whether an edit is the animator's, not one of the many of filling in a plan."""
    return bool(plan_of(owner_of(item)).synced)


def _touched(self: CospeechPhrase, _: bpy.types.Context) -> None:
    if _is_filled(self):
        self.refresh()


def _moved(self: CospeechPhrase, _: bpy.types.Context) -> None:
    if not _is_filled(self):
        return
    inside = plan_of(owner_of(self)).inside(self.apex)
    if abs(inside - self.apex) > SAME_FRAME:
        self.apex = inside  # comes back here
        return
    self.refresh()
    move_marker(owner_of(self), self)


def _renamed(self: CospeechPhrase, _: bpy.types.Context) -> None:
    if _is_filled(self):
        rename_marker(owner_of(self), self)
        fitting = fitting_hands(self.lexeme, self.hands)
        if fitting != self.hands:
            self.hands = fitting
        self.refresh()


def _word_touched(self: CospeechWord, _: bpy.types.Context) -> None:
    if not _is_filled(self):
        return
    moved = abs(self.start - self.made_start) > SAME_FRAME or abs(self.end - self.made_end) > SAME_FRAME
    self.changed = moved


def _jump_to_word(self: CospeechPlan, context: bpy.types.Context) -> None:
    if self.synced and jumps_to_plan(context.scene) and 0 <= self.active_word < len(self.words):
        context.scene.frame_current = round(self.words[self.active_word].start)


def _jump(self: CospeechPlan, context: bpy.types.Context) -> None:
    if self.synced and jumps_to_plan(context.scene) and 0 <= self.active < len(self.phrases):
        context.scene.frame_current = round(self.phrases[self.active].apex)


def _frame(name: str, description: str, update: Callable[..., None]) -> Any:
    """A scene frame that the animator may change, in tenths."""
    return bpy.props.FloatProperty(
        name=name, description=description, precision=1, step=100, update=update, options=set()
    )


class CospeechPhrase(bpy.types.PropertyGroup):
    """One gesture of the plan. ``name`` is what the list is searched by: its word and its gesture."""

    phrase_id: bpy.props.IntProperty(description="Id in the plan; below zero for added ones")
    word: bpy.props.IntProperty(default=-1, description="Index of its word, or -1")
    text: bpy.props.StringProperty(description="Its word")
    lexeme: bpy.props.StringProperty(
        name="Gesture Id",
        description="Id of its gesture; empty is a beat of the planner's choice",
        update=_renamed,
        options=set(),
    )
    gesture: bpy.props.StringProperty(
        name="Gesture",
        description="Which gesture; Beat is a beat of the planner's choice",
        get=_gesture,
        set=_set_gesture,
        search=_search_gestures,
        search_options={"SORT"},
        options=set(),
    )
    hands: bpy.props.EnumProperty(
        name="Hands", description="Which hands perform it", items=HANDS, default="right", update=_touched, options=set()
    )
    apex: _frame("Apex", "Scene frame on which the gesture arrives", _moved)
    amplitude: bpy.props.FloatProperty(
        name="Amplitude",
        description="Size of the gesture; 1 is as it was recorded",
        min=AMPLITUDE[0],
        max=AMPLITUDE[1],
        default=1.0,
        step=5,
        update=_touched,
        options=set(),
    )
    onset: bpy.props.FloatProperty(name="Onset")
    hold_end: bpy.props.FloatProperty(name="Hold End")
    retract_end: bpy.props.FloatProperty(name="Return")
    join: bpy.props.StringProperty(description="How it ends: rest, partial or next", default=REST)
    semantic: bpy.props.BoolProperty()
    deleted: bpy.props.BoolProperty(update=_touched)
    added: bpy.props.BoolProperty()
    changed: bpy.props.BoolProperty(description="Differs from what was performed")
    title: bpy.props.StringProperty(description="Name of its pose marker")
    marker: bpy.props.IntProperty(description="Frame of its pose marker")
    made_lexeme: bpy.props.StringProperty()
    made_hands: bpy.props.StringProperty()
    made_apex: bpy.props.FloatProperty()
    made_amplitude: bpy.props.FloatProperty(default=1.0)

    def refresh(self) -> None:
        """Bring ``name`` and ``changed`` up to date."""
        self.name = f"{self.text} {label_of(self.lexeme)}".strip()
        self.changed = (
            self.added
            or self.deleted
            or self.is_moved
            or self.lexeme != self.made_lexeme
            or self.hands != self.made_hands
            or self.is_resized
        )

    @property
    def is_semantic(self) -> bool:
        """Whether it means something; a beat does not."""
        if self.lexeme == self.made_lexeme and not self.added:
            return bool(self.semantic)
        return bool(self.lexeme) and not self.lexeme.startswith(BEAT_IDS)

    @property
    def is_moved(self) -> bool:
        """Whether the apex was moved."""
        return abs(self.apex - self.made_apex) > SAME_FRAME

    @property
    def is_resized(self) -> bool:
        """Whether the amplitude was changed."""
        return abs(self.amplitude - self.made_amplitude) > SAME_AMPLITUDE

    def restore(self) -> None:
        """Back to what was performed; an added one stays, as it was added."""
        self.deleted = False
        self.lexeme, self.hands = self.made_lexeme, self.made_hands
        self.apex, self.amplitude = self.made_apex, self.made_amplitude


class CospeechWord(bpy.types.PropertyGroup):
    """One word of the line, ``name`` its text, and when it is said; correctable."""

    start: _frame("Start", "Scene frame on which the word begins", _word_touched)
    end: _frame("End", "Scene frame on which the word ends", _word_touched)
    emphasis: bpy.props.FloatProperty(
        name="Emphasis",
        description="How much more (1) or less (-1) shows on this word: likelier and larger gestures, nods and brows",
        min=-1.0,
        max=1.0,
        step=10,
        precision=2,
        options=set(),
    )
    score: bpy.props.FloatProperty(default=-1.0, description="How much meaning shows, 0..1; below 0 where none knows")
    made_start: bpy.props.FloatProperty()
    made_end: bpy.props.FloatProperty()
    made_emphasis: bpy.props.FloatProperty()
    changed: bpy.props.BoolProperty(description="Its times differ from what was performed")

    @property
    def emphasis_changed(self) -> bool:
        """Whether its emphasis differs from what was performed."""
        return abs(self.emphasis - self.made_emphasis) > SAME_EMPHASIS


class CospeechPlan(bpy.types.PropertyGroup):
    """The plan of ``action.cospeech_plan``. ``made`` is JSON: from what the take was made (:mod:`.made`)."""

    phrases: bpy.props.CollectionProperty(type=CospeechPhrase)
    words: bpy.props.CollectionProperty(type=CospeechWord)
    active: bpy.props.IntProperty(name="Gesture", update=_jump, options=set())
    active_word: bpy.props.IntProperty(name="Word", update=_jump_to_word, options=set())
    start_frame: bpy.props.IntProperty()
    frames: bpy.props.IntProperty()
    fps: bpy.props.FloatProperty(default=24.0)
    speaks: bpy.props.BoolProperty(default=True, description="Who performs says the words; a listener does not")
    synced: bpy.props.BoolProperty()
    made: bpy.props.StringProperty()

    def inside(self, frame: float) -> float:
        """The scene frame, or the nearest one at which the engine lets a gesture arrive."""
        first = self.start_frame + FIRST_APEX * self.fps
        last = self.start_frame + self.frames - 1 - LAST_APEX * self.fps
        return max(min(frame, last), first)


CLASSES = (CospeechPhrase, CospeechWord, CospeechPlan)
PROPERTIES = (
    (bpy.types.Action, "cospeech_plan", bpy.props.PointerProperty(type=CospeechPlan)),
    (
        bpy.types.Scene,
        "cospeech_plan_jump",
        bpy.props.BoolProperty(
            name="Go to Apex",
            description="Choosing a gesture in the list goes to the frame of its apex, a word to where it begins",
            default=True,
            options=set(),
        ),
    ),
)
