"""The main panel: one primary button for the present state, then closed sub-panels."""

from __future__ import annotations

import bpy

from ..setup.engine import SESSION
from ..setup.ops import stage_text
from ..ui import CospeechPanel, draw_sentence
from .ops import generate_blocker


class COSPEECH_PT_main(CospeechPanel, bpy.types.Panel):
    """Generate gestures from speech"""

    bl_label = "Cospeech"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the state's one button, and what it needs."""
        layout = self.layout
        settings = context.scene.cospeech
        job = SESSION.job
        if job is not None:
            layout.progress(factor=job.fraction, text=stage_text(job))
            row = layout.row()
            row.scale_y = 1.4
            row.operator("cospeech.cancel", icon="CANCEL")
            return
        if settings.character is None:
            row = layout.row()
            row.scale_y = 1.4
            row.operator("cospeech.add_character", icon="ARMATURE_DATA")
        column = layout.column()
        column.prop(settings, "character")
        column.prop(settings, "audio")
        if settings.character is not None:
            row = layout.row()
            row.scale_y = 1.4
            row.operator_context = "INVOKE_DEFAULT"
            row.operator("cospeech.generate", icon="PLAY")
        reason = generate_blocker(context)
        if reason:
            draw_sentence(layout, reason, "INFO")
        elif SESSION.note:
            draw_sentence(layout, SESSION.note, "ERROR" if SESSION.failed else "CHECKMARK")


class COSPEECH_PT_performance(CospeechPanel, bpy.types.Panel):
    """How the line is performed"""

    bl_label = "Performance"
    bl_parent_id = "COSPEECH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings."""
        settings = context.scene.cospeech
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "style")
        layout.prop(settings, "energy")
        layout.prop(settings, "seed")
        layout.prop(settings, "in_place")
        column = layout.column(heading="Body Parts")
        column.prop(settings, "parts")
        layout.prop(settings, "use_current_frame")
        row = layout.row()
        row.enabled = not settings.use_current_frame
        row.prop(settings, "start_frame")


CLASSES = (COSPEECH_PT_main, COSPEECH_PT_performance)
