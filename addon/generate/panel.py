"""Sub-panel: how the line is performed."""

from __future__ import annotations

import bpy

from ..face.emotion import draw_emotion
from ..gaze.panel import draw_look
from ..scene import settings_of
from ..setup.engine import networks_problem
from ..setup.panel import draw_set_up
from ..speakers.choice import chosen_generator
from ..ui import SubPanel, draw_sentence


class COSPEECH_PT_performance(SubPanel, bpy.types.Panel):
    """How the line is performed"""

    bl_label = "Performance"
    bl_order = 20

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings."""
        settings = settings_of(context.scene)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_choice(layout, context.scene)
        layout.prop(settings, "style")
        layout.prop(settings, "energy")
        draw_emotion(layout, settings)
        draw_look(layout, context.scene)
        layout.prop(settings, "seed")
        layout.prop(settings, "in_place")
        column = layout.column(heading="Body Parts")
        column.prop(settings, "parts")
        layout.prop(settings, "use_current_frame")
        row = layout.row()
        row.active = not settings.use_current_frame  # a frame typed here ends At Current Frame
        row.prop(settings, "start_frame")


def _draw_choice(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """The generator, and with a published one its speaker and what it makes of the settings below."""
    layout.prop(settings_of(scene), "generator")
    generator = chosen_generator(scene)
    if generator.needs_weights:
        layout.prop(settings_of(scene), "speaker")
        if networks_problem():
            row = layout.row()
            row.operator_context = "INVOKE_DEFAULT"
            draw_set_up(row)
    if not generator.styles:
        draw_sentence(layout, f"{generator.label} knows no styles: Style and Energy change only the face", "INFO")


CLASSES = (COSPEECH_PT_performance,)
