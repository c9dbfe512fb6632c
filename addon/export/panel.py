"""Sub-panel: export."""

from __future__ import annotations

import bpy

from .presets import PRESETS

LABELS = {"UNREAL": "FBX for Unreal", "UNITY": "FBX for Unity", "GENERIC": "Generic FBX"}


class COSPEECH_PT_export(bpy.types.Panel):
    """Take the performance elsewhere"""

    bl_label = "Export"
    bl_parent_id = "COSPEECH_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Cospeech"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 50

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the panel: one button a preset."""
        column = self.layout.column()
        column.operator_context = "INVOKE_DEFAULT"
        for preset in PRESETS:
            column.operator("cospeech.export_fbx", text=LABELS[preset], icon="EXPORT").preset = preset


CLASSES = (COSPEECH_PT_export,)


def register() -> None:
    """Register the panel."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo :func:`register`."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
