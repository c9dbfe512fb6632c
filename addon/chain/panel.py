"""Sub-panel: several takes, and several characters."""

from __future__ import annotations

import bpy

from ..scene import find_character
from ..ui import SubPanel, draw_sentence
from .listen import listen_blocker, other_characters
from .ops import chain_blocker


class COSPEECH_PT_dialogue(SubPanel, bpy.types.Panel):
    """Several lines on one time line, and who else is there"""

    bl_label = "Dialogue"
    bl_order = 45

    def draw(self, context: bpy.types.Context) -> None:
        """Draw chaining, ends, and the other characters."""
        layout = self.layout
        column = layout.column(align=True)
        column.operator("cospeech.chain_dialog", text="Chain Takes...", icon="LINKED")
        column.operator("cospeech.pin_ends", text="Pin Ends...", icon="PINNED")
        reason = chain_blocker(context)
        if reason:
            draw_sentence(layout, reason, "INFO")
            return
        speaker = find_character(context)
        others = other_characters(context)
        column = layout.column(align=True)
        column.label(text=f"{speaker.name} speaks", icon="SPEAKER")
        for armature in others:
            split = column.split(factor=0.45, align=True)
            split.label(text=armature.name)
            row = split.row(align=True)
            row.operator_context = "INVOKE_DEFAULT"
            row.operator("cospeech.listen").listener = armature.name
            row.operator("cospeech.use_character", text="Use").armature = armature.name
        if others:
            reason = listen_blocker(context)
            if reason:
                draw_sentence(layout, reason, "INFO")


CLASSES = (COSPEECH_PT_dialogue,)
