"""The published weights in the preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..ui import draw_sentence
from .engine import SESSION, weights_folder
from .weights_ops import FINDING, published, weights_blocker

if TYPE_CHECKING:
    from .props import CospeechPreferences


def draw_weights(layout: bpy.types.UILayout, preferences: CospeechPreferences) -> None:
    """Which system, its folder, test, and under it what the test said of this folder, or why it is grey."""
    layout.row().prop(preferences, "published", expand=True)
    layout.prop(preferences, f"{preferences.published}_weights")
    row = layout.row()
    row.operator_context = "INVOKE_DEFAULT"
    row.operator("cospeech.test_weights", icon="CHECKMARK")
    reason = weights_blocker() if SESSION.job is None else ""
    if reason:
        draw_sentence(layout, reason, "INFO")
    elif is_found():
        draw_sentence(layout, FINDING.text, "ERROR" if FINDING.failed else "CHECKMARK")


def is_found() -> bool:
    """Whether the folder that is set was tested since Blender started."""
    return bool(FINDING.text) and FINDING.folder == weights_folder(published())
