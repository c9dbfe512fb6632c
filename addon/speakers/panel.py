"""The panel Speaker, and the menu of presets."""

from __future__ import annotations

import bpy

from ..scene import speaker_of
from ..ui import SubPanel, draw_sentence
from .choice import chosen_generator
from .ops import presets_folder
from .presets import DEFAULT, bundled, factors, own


def label(name: str) -> str:
    """A preset's name as people read it."""
    return name[:1].upper() + name[1:]


class COSPEECH_MT_speakers(bpy.types.Menu):
    """Speakers to choose from"""

    bl_idname = "COSPEECH_MT_speakers"
    bl_label = "Speaker"

    def draw(self, _: bpy.types.Context) -> None:
        """Bundled ones first, then the user's."""
        layout = self.layout
        for name in (DEFAULT, *bundled()):
            layout.operator("cospeech.choose_speaker", text=label(name)).preset = name
        mine = own(presets_folder())
        if mine:
            layout.separator()
        for name in mine:
            layout.operator("cospeech.choose_speaker", text=name, icon="USER").preset = name


class COSPEECH_PT_speaker(SubPanel, bpy.types.Panel):
    """Whose ways the character has"""

    bl_label = "Speaker"
    bl_order = 21

    def draw(self, context: bpy.types.Context) -> None:
        """The preset, what it is like, and its numbers."""
        layout = self.layout
        speaker = speaker_of(context.scene)
        generator = chosen_generator(context.scene)
        if generator.needs_weights:
            text = f"{generator.label} has speakers of its own: choose their number in Performance"
            draw_sentence(layout, text, "INFO")
        row = layout.row(align=True)
        row.operator_context = "INVOKE_DEFAULT"
        row.menu(COSPEECH_MT_speakers.bl_idname, text=label(speaker.preset), icon="USER")
        row.operator("cospeech.save_speaker", text="", icon="ADD")
        row.operator("cospeech.delete_speaker", text="", icon="REMOVE")
        if speaker.about:
            draw_sentence(layout, speaker.about, "NONE")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(speaker, "handedness")
        for factor in factors():
            column.prop(speaker, factor.id, slider=True)


CLASSES = (COSPEECH_MT_speakers, COSPEECH_PT_speaker)
