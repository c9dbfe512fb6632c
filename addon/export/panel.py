"""Sub-panel: export."""

from __future__ import annotations

import bpy

from ..ui import SubPanel
from .presets import PRESETS

LABELS = {"UNREAL": "FBX for Unreal", "UNITY": "FBX for Unity", "GENERIC": "Generic FBX"}


class COSPEECH_PT_export(SubPanel, bpy.types.Panel):
    """Take the performance elsewhere"""

    bl_label = "Export"
    bl_order = 50

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the panel: one button a preset."""
        column = self.layout.column()
        column.operator_context = "INVOKE_DEFAULT"
        for preset in PRESETS:
            column.operator("cospeech.export_fbx", text=LABELS[preset], icon="EXPORT").preset = preset


CLASSES = (COSPEECH_PT_export,)
