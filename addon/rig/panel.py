"""Sub-panel: the character."""

from __future__ import annotations

import bpy


class COSPEECH_PT_character(bpy.types.Panel):
    """Who performs"""

    bl_label = "Character"
    bl_parent_id = "COSPEECH_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Cospeech"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 15

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the panel."""
        column = self.layout.column()
        column.operator("cospeech.add_character", icon="ARMATURE_DATA")
        column.operator("cospeech.use_character", icon="EYEDROPPER")


CLASSES = (COSPEECH_PT_character,)


def register() -> None:
    """Register the panel."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo :func:`register`."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
