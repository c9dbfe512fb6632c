"""Preferences: what belongs to the machine, not to the shot."""

from __future__ import annotations

import bpy

from .engine import BASE_PACKAGE, SESSION

DEVICES = (
    ("auto", "Automatic", "CUDA where it works, else the CPU"),
    ("cpu", "CPU", "Always works"),
    ("cuda", "CUDA", "NVIDIA graphics card"),
)


class CospeechPreferences(bpy.types.AddonPreferences):
    """The engine's Python and device."""

    bl_idname = BASE_PACKAGE

    engine_python: bpy.props.StringProperty(
        name="Engine's Python",
        description="Python 3.11+ with Cospeech's engine packages, for instance the checkout's .venv/bin/python",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(name="Device", items=DEVICES, default="auto")

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the preferences."""
        column = self.layout.column()
        column.prop(self, "engine_python")
        column.prop(self, "device")
        column.operator("cospeech.test_engine", icon="CHECKMARK")
        if SESSION.note:
            column.label(text=SESSION.note, icon="ERROR" if SESSION.failed else "INFO")


CLASSES = (CospeechPreferences,)


def detach() -> None:
    """End the engine."""
    SESSION.close()
