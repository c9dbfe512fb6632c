"""Sub-panel: the engine."""

from __future__ import annotations

import bpy

from ..client.process import EngineError
from ..ui import CospeechPanel, draw_sentence
from .engine import engine_python


class COSPEECH_PT_engine(CospeechPanel, bpy.types.Panel):
    """Which Python runs the engine, and its test"""

    bl_label = "Engine"
    bl_parent_id = "COSPEECH_PT_main"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 90

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the panel."""
        column = self.layout.column()
        try:
            column.label(text=str(engine_python()), icon="CONSOLE")
        except EngineError as error:
            draw_sentence(column, str(error), "ERROR")
        column.operator("cospeech.test_engine", icon="CHECKMARK")
        column.operator("cospeech.open_log", icon="TEXT")


CLASSES = (COSPEECH_PT_engine,)
