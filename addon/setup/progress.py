"""What panels say of the job that runs now, and of the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..ui import draw_sentence
from .engine import SESSION
from .interpreters import BUILT_IN, NETWORKS
from .ops import stage_text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems


def draw_progress(layout: bpy.types.UILayout, scale: float = 1.0) -> bool:
    """How far the running job is, and Cancel; False where none runs. A panel shows it in place of its own job's button,
    since the sidebar's top may be out of sight.
    """
    job = SESSION.job
    if job is None:
        return False
    layout.progress(factor=job.fraction, text=stage_text(job))
    row = layout.row()
    row.scale_y = scale
    row.operator("cospeech.cancel", icon="CANCEL")
    return True


def draw_note(layout: bpy.types.UILayout) -> None:
    """The sentence of the last job, if any, and the button that it names."""
    if not SESSION.note:
        return
    draw_sentence(layout, SESSION.note, note_icon())
    if SESSION.failed and SESSION.used is not None and SESSION.used.remedy in SESSION.note:
        row = layout.row()
        row.operator_context = "INVOKE_DEFAULT"
        if SESSION.used.kind in (BUILT_IN, NETWORKS):
            row.operator("cospeech.repair_engine", icon="TOOL_SETTINGS").networks = SESSION.used.kind == NETWORKS


def note_icon() -> IconItems:
    """The icon of the last job's sentence: what was cancelled is neither done nor wrong."""
    if SESSION.failed:
        return "ERROR"
    return "CHECKMARK" if SESSION.done else "INFO"
