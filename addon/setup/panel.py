"""Sub-panel: the engine."""

from __future__ import annotations

import bpy

from ..client.process import EngineError
from ..paths import version
from ..ui import SubPanel, draw_path, draw_sentence
from . import runtimes
from .engine import BASE_PACKAGE, engine_python, preferences, runtimes_folder
from .runtime_ops import repair_blocker, setup_blocker


def draw_state(layout: bpy.types.UILayout) -> None:
    """Which Python runs the engine."""
    try:
        python = engine_python()
    except EngineError as error:
        draw_sentence(layout, str(error), "ERROR")
        return
    runtime = runtimes.current(runtimes_folder(), version())
    if runtime is None or runtime.python != python:
        layout.label(text=f"Engine: own Python, {python.name}", icon="CONSOLE")
        draw_path(layout, python, "BLANK1")
    elif runtime.version == version():
        layout.label(text=f"Engine: set up, {runtime.version}", icon="CHECKMARK")
    else:
        draw_sentence(layout, f"Set up for {runtime.version}; set it up again for {version()}", "ERROR")


def has_python() -> bool:
    """Whether the engine's Python is there, whichever it is."""
    try:
        return engine_python().is_file()
    except EngineError:
        return False


def draw_buttons(layout: bpy.types.UILayout) -> None:
    """The engine's buttons; a grey one says why below it."""
    column = layout.column(align=True)
    column.operator_context = "INVOKE_DEFAULT"
    column.operator("cospeech.test_engine", icon="CHECKMARK")
    column.operator("cospeech.set_up_engine", icon="IMPORT")
    reasons = [setup_blocker()]
    if runtimes.current(runtimes_folder(), version()) is not None:
        column.operator("cospeech.repair_engine", icon="TOOL_SETTINGS")
        reasons.append(repair_blocker())
    remarks = layout.column()
    remarks.active = not has_python()  # where an engine is there already, it is only a remark
    for reason in dict.fromkeys(filter(None, reasons)):
        draw_sentence(remarks, reason, "INFO" if remarks.active else "NONE")
    row = layout.row(align=True)
    row.operator("cospeech.open_log", icon="TEXT")
    row.operator("cospeech.copy_diagnostics", text="Diagnostics", icon="COPYDOWN")


class COSPEECH_PT_engine(SubPanel, bpy.types.Panel):
    """Which Python runs the engine, its set-up and its test"""

    bl_label = "Engine"
    bl_order = 90

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the panel."""
        draw_state(self.layout)
        draw_buttons(self.layout)
        if preferences() is not None:
            self.layout.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES").module = BASE_PACKAGE


CLASSES = (COSPEECH_PT_engine,)
