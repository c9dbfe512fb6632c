"""Sub-panel: the engine."""

from __future__ import annotations

import bpy

from ..client.process import EngineError
from .engine import engine_python


class COSPEECH_PT_engine(bpy.types.Panel):
    """Which Python runs the engine, and its test"""

    bl_label = "Engine"
    bl_parent_id = "COSPEECH_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Cospeech"
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


def draw_sentence(layout: bpy.types.UILayout, text: str, icon: str, width: int = 42) -> None:
    """A sentence over several lines, since labels do not wrap."""
    lines: list[str] = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) + 1 > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    column = layout.column(align=True)
    for number, line in enumerate(lines):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


CLASSES = (COSPEECH_PT_engine,)


def register() -> None:
    """Register the panel."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo :func:`register`."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
