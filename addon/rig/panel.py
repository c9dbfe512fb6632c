"""Sub-panel: the character."""

from __future__ import annotations

import bpy

from ..ui import SubPanel


class COSPEECH_PT_character(SubPanel, bpy.types.Panel):
    """Who performs"""

    bl_label = "Character"
    bl_order = 15

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the panel."""
        column = self.layout.column()
        column.operator("cospeech.add_character", icon="ARMATURE_DATA")
        column.operator("cospeech.use_character", icon="EYEDROPPER")


CLASSES = (COSPEECH_PT_character,)
