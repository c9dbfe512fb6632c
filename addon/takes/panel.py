"""Sub-panel: takes."""

from __future__ import annotations

import bpy

from ..scene import find_character
from ..ui import SubPanel
from .shelf import takes_of
from .stack import visible_take


class COSPEECH_PT_takes(SubPanel, bpy.types.Panel):
    """The character's takes"""

    bl_label = "Takes"
    bl_order = 40

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel: every take with a button, the active one marked."""
        layout = self.layout
        armature = find_character(context)
        takes = takes_of(armature) if armature is not None else []
        column = layout.column(align=True)
        for take in takes:
            active = take == visible_take(armature)
            button = column.operator(
                "cospeech.use_take", text=take.name, icon="RADIOBUT_ON" if active else "RADIOBUT_OFF", depress=active
            )
            button.action = take.name
        if not takes:
            column.label(text="No takes yet")
        row = layout.row(align=True)
        row.operator("cospeech.load_take", icon="IMPORT")
        row.operator("cospeech.save_take", icon="EXPORT")


CLASSES = (COSPEECH_PT_takes,)
