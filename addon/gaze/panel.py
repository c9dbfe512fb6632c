"""Look At in Performance."""

from __future__ import annotations

import bpy

from ..scene import settings_of
from ..ui import draw_sentence
from .place import look_note


def draw_look(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """The object, a button for each quick choice, and what is wrong with it."""
    layout.prop(settings_of(scene), "look_at")
    row = layout.row(align=True)
    row.operator("cospeech.look_at_new", text="New Empty", icon="EMPTY_AXIS")
    row.operator("cospeech.look_at_camera", text="Camera", icon="CAMERA_DATA")
    note = look_note(scene)
    if note:
        draw_sentence(layout, note, "INFO")
