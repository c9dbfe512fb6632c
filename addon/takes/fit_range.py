"""Fit Range: the scene's frames include the whole take. Only on a click; nothing else of ours changes them."""

from __future__ import annotations

import bpy

from ..scene import NO_CHARACTER, find_character
from ..ui import UndoOperator, draw_sentence
from .span import SpanError, TakeSpan, glanced_span


def beyond(scene: bpy.types.Scene, span: TakeSpan) -> str:
    """Why playback leaves out a part of the take; empty where the scene's frames include it.

    A preview range was set by hand in order to see less.
    """
    if scene.use_preview_range:
        return ""
    last = span.end - 1
    if last > scene.frame_end:
        return f"The scene ends at {scene.frame_end}, the take at {last}"
    if max(span.start, 0) < scene.frame_start:  # a scene begins at 0 at the earliest
        return f"The scene begins at {scene.frame_start}, the take at {span.start}"
    return ""


def draw_range(layout: bpy.types.UILayout, context: bpy.types.Context, armature: bpy.types.Object) -> None:
    """What playback leaves out, and the button that changes it; nothing where it leaves out nothing."""
    try:
        text = beyond(context.scene, glanced_span(context.scene, armature))
    except SpanError:
        return
    if text:
        draw_sentence(layout, text, "INFO")
        layout.operator("cospeech.fit_range", icon="ARROW_LEFTRIGHT")


def fit_blocker(context: bpy.types.Context) -> str:
    """Why there is nothing to fit; empty where there is."""
    armature = find_character(context)
    if armature is None:
        return NO_CHARACTER
    try:
        span = glanced_span(context.scene, armature)
    except SpanError as error:
        return str(error)
    if beyond(context.scene, span):
        return ""
    if context.scene.use_preview_range:
        return "A preview range is set, and playback keeps to it; clear it first"
    return "The scene's range includes the whole take"


class COSPEECH_OT_fit_range(UndoOperator, bpy.types.Operator):
    """Extend the scene's frame range until it includes the character's whole take"""

    bl_idname = "cospeech.fit_range"
    bl_label = "Fit Range"

    blocker = staticmethod(fit_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Extend it; it never becomes shorter, for other characters' takes may need it."""
        scene = context.scene
        span = glanced_span(scene, find_character(context))
        scene.frame_start = min(scene.frame_start, max(span.start, 0))
        scene.frame_end = max(scene.frame_end, span.end - 1)
        return f"The scene's range is {scene.frame_start}-{scene.frame_end}"


CLASSES = (COSPEECH_OT_fit_range,)
