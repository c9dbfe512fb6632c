"""The main panel: one primary button for the present state. The closed sub-panels are each feature's own."""

from __future__ import annotations

import bpy

from .generate.ops import generate_blocker
from .plan.stale import stale_reasons, stale_text
from .regenerate.blocker import regenerate_blocker
from .regenerate.panel import draw_summary
from .scene import settings_of
from .setup.engine import SESSION
from .setup.panel import draw_first_step, engine_problem
from .setup.progress import draw_note, draw_progress
from .takes.fit_range import draw_range
from .takes.line import is_of_line
from .takes.span import SpanError, glanced_span
from .ui import CospeechPanel, draw_sentence

PRIMARY = 1.4  # times a row's height, by eye


def has_take(context: bpy.types.Context) -> bool:
    """Whether the character's active Action is a take of the line that is chosen."""
    armature = settings_of(context.scene).character
    try:
        return armature is not None and is_of_line(context.scene, glanced_span(context.scene, armature).action)
    except SpanError:
        return False


class COSPEECH_PT_main(CospeechPanel, bpy.types.Panel):
    """Generate gestures from speech"""

    bl_label = "Cospeech"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the state's one button, and what it needs."""
        layout = self.layout
        settings = settings_of(context.scene)
        if draw_progress(layout, PRIMARY):
            return
        problem = engine_problem()
        if problem:
            draw_first_step(layout, problem, PRIMARY)
        if settings.character is None:
            row = layout.row()
            row.scale_y = PRIMARY
            row.operator("cospeech.add_character", icon="ARMATURE_DATA")
        column = layout.column()
        column.prop(settings, "character")
        column.prop(settings, "audio")
        again = has_take(context)
        if settings.character is not None:
            _draw_primary(layout, again)
        reason = regenerate_blocker(context) if again else generate_blocker(context)
        if reason:
            draw_sentence(layout, reason, "INFO")
            return
        if again:
            draw_summary(layout, context)
            stale = stale_reasons(context, settings.character)
            if stale:
                draw_sentence(layout, stale_text(stale), "FILE_REFRESH")
        draw_note(layout)
        if again and SESSION.done:  # just made; of older takes the artist knows it
            draw_range(layout, context, settings.character)


def _draw_primary(layout: bpy.types.UILayout, again: bool) -> None:
    row = layout.row(align=True)
    row.scale_y = PRIMARY
    row.operator_context = "INVOKE_DEFAULT"
    if again:
        row.operator("cospeech.regenerate", icon="FILE_REFRESH")
        row.operator("cospeech.generate", text="New Take", icon="PLAY")
    else:
        row.operator("cospeech.generate", icon="PLAY")


CLASSES = (COSPEECH_PT_main,)
