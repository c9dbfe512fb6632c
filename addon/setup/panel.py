"""Sub-panel: the engine."""

from __future__ import annotations

import bpy

from ..client.process import EngineError
from ..paths import version
from ..scene import settings_of
from ..ui import SubPanel, draw_path, draw_sentence
from . import runtimes
from .engine import BASE_PACKAGE, interpreter, needs_networks, preferences, runtimes_folder
from .interpreters import BUILT_IN
from .runtime_ops import archive, is_built_in, offline_reason, set_up_label


def engine_problem() -> str:
    """Why no take can be made now, for want of an engine; empty where one is there."""
    try:
        found = interpreter()
    except EngineError as error:
        return str(error)
    if found.python.is_file():
        return ""
    return f"There is no Python at {found.python}; clear Engine's Python in Cospeech's preferences, or choose another"


def draw_first_step(layout: bpy.types.UILayout, problem: str, scale: float) -> None:
    """What a user does first where no engine works: why, and the button that cures it here and now."""
    cause = problem.partition("; ")[0]
    draw_sentence(layout, f"Step 1 of 3: {cause}", "ERROR")
    row = layout.row()
    row.scale_y = scale
    row.operator_context = "INVOKE_DEFAULT"
    if "Repair" in problem:
        row.operator("cospeech.repair_engine", icon="TOOL_SETTINGS")
    elif "preferences" in problem and preferences() is not None:
        row.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES").module = BASE_PACKAGE
    else:
        draw_set_up(row)
    draw_sentence(layout, "Then step 2: Add Character, and step 3: choose the audio", "BLANK1")


def draw_set_up(layout: bpy.types.UILayout) -> None:
    """The button that sets up: at once where archive or network are there, else by way of a file browser."""
    asks = getattr(preferences(), "runtime_source", "") == "ARCHIVE" and archive() is None
    name = "cospeech.choose_archive" if asks else "cospeech.set_up_engine"
    layout.operator(name, text=set_up_label(), icon="IMPORT")


def draw_state(layout: bpy.types.UILayout) -> None:
    """What runs the engine, and the networks."""
    try:
        found = interpreter()
    except EngineError as error:
        draw_sentence(layout, str(error), "ERROR")
        return
    runtime = runtimes.current(runtimes_folder(), version())
    if found.kind == BUILT_IN:
        layout.label(text="Engine: built in, CPU", icon="CHECKMARK")
        text = f"set up, {runtime.version}" if runtime is not None else "not set up"
        layout.label(text=f"Networks (PyTorch): {text}", icon="CHECKMARK" if runtime is not None else "BLANK1")
    elif runtime is None or runtime.python != found.python:
        layout.label(text=f"Engine: own Python, {found.python.name}", icon="CONSOLE")
        draw_path(layout, found.python, "BLANK1")
    elif runtime.version == version():
        layout.label(text=f"Engine: set up, {runtime.version}", icon="CHECKMARK")
    if runtime is not None and runtime.version != version():
        draw_sentence(layout, f"Set up for {runtime.version}; set it up again for {version()}", "ERROR")


def draw_buttons(layout: bpy.types.UILayout) -> None:
    """Test and repair, log and diagnostics."""
    column = layout.column(align=True)
    column.operator_context = "INVOKE_DEFAULT"
    column.operator("cospeech.test_engine", icon="CHECKMARK")
    if is_built_in():
        column.operator("cospeech.repair_engine", icon="TOOL_SETTINGS")
    column.operator("cospeech.open_help", icon="HELP")
    row = layout.row(align=True)
    row.operator("cospeech.open_log", icon="TEXT")
    row.operator("cospeech.copy_diagnostics", text="Diagnostics", icon="COPYDOWN")


def draw_set_up_buttons(layout: bpy.types.UILayout) -> None:
    """Set up and repair what was set up; a grey button says why below it."""
    column = layout.column(align=True)
    column.operator_context = "INVOKE_DEFAULT"
    draw_set_up(column)
    if runtimes.current(runtimes_folder(), version()) is not None:
        text = "Repair Networks" if is_built_in() else "Repair"
        column.operator("cospeech.repair_engine", text=text, icon="TOOL_SETTINGS").networks = True
    reason = offline_reason() if getattr(preferences(), "runtime_source", "") == "ONLINE" else ""
    if reason:
        draw_sentence(layout, reason, "INFO")


class COSPEECH_PT_engine(SubPanel, bpy.types.Panel):
    """Which Python runs the engine, its set-up and its test"""

    bl_label = "Engine"
    bl_order = 90

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        draw_state(self.layout)
        draw_buttons(self.layout)
        if not is_built_in() or needs_networks(settings_of(context.scene).generator):
            draw_set_up_buttons(self.layout)
        if preferences() is not None:
            self.layout.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES").module = BASE_PACKAGE


CLASSES = (COSPEECH_PT_engine,)
