"""Preferences: what belongs to the machine, not to the shot."""

from __future__ import annotations

from typing import Any, Literal

import bpy

from ..client.generators import declared
from .engine import BASE_PACKAGE, SESSION, user_folder
from .panel import draw_buttons, draw_set_up_buttons, draw_state
from .progress import draw_note, draw_progress
from .runtime_ops import is_built_in
from .weights_ops import FINDING
from .weights_panel import draw_weights, is_found

DEVICES = (
    ("auto", "Automatic", "CUDA where it works, else the CPU"),
    ("cpu", "CPU", "Always works"),
    ("cuda", "CUDA", "NVIDIA graphics card"),
)
SOURCES = (
    ("ARCHIVE", "Archive", "Offline, from a runtime archive made for this system"),
    ("ONLINE", "Online", "Fetched by pip, with CUDA where pip's torch has it; needs online access"),
)


def _path(name: str, description: str, kind: Literal["FILE_PATH", "DIR_PATH"] = "FILE_PATH") -> Any:
    return bpy.props.StringProperty(name=name, description=description, subtype=kind)


class CospeechPreferences(bpy.types.AddonPreferences):
    """The engine's set-up, Python and device."""

    bl_idname = BASE_PACKAGE

    runtime_source: bpy.props.EnumProperty(
        name="Set Up From", description="Where the engine's packages come from", items=SOURCES, default="ARCHIVE"
    )
    runtime_archive: _path("Archive", "Runtime archive for this system: cospeech-runtime-<version>-<system>-py311.zip")
    base_python: _path(
        "Base Python",
        "Python that the engine's environment is made from; empty tries Blender's own, then those on PATH",
    )
    engine_python: _path(
        "Engine's Python", "A Python of your own with the engine's packages, used instead of the one set up here"
    )
    device: bpy.props.EnumProperty(
        name="Device", description="What the engine computes on", items=DEVICES, default="auto"
    )
    published: bpy.props.EnumProperty(
        name="Weights of",
        description="The published system whose folder is shown",
        items=[generator.item for generator in declared().values() if generator.needs_weights],
    )
    emage_weights: _path(
        "EMAGE Weights", "Folder H-Liu1997/emage_audio as published, with its folder emage_vq", "DIR_PATH"
    )
    semtalk_weights: _path(
        "SemTalk Weights", "Folder with SemTalk's released checkpoints, its vocabulary, HuBERT and CLIP", "DIR_PATH"
    )
    semges_weights: _path(
        "SemGes Weights", "Folder with SemGes' released checkpoints, its vocabulary and HuBERT", "DIR_PATH"
    )

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_state(layout)
        draw_progress(layout)
        draw_buttons(layout)
        if SESSION.note and not (is_found() and SESSION.note == FINDING.text):  # else it stands there already
            draw_note(layout)
        if not is_built_in():
            self._draw_source(layout)
        header, body = layout.panel("cospeech_research", default_closed=True)
        header.label(text="Research models")
        if body is not None:
            if is_built_in():
                self._draw_source(body)
            body.prop(self, "device")
            draw_weights(body, self)
        header, body = layout.panel("cospeech_own_python", default_closed=True)
        header.label(text="A Python of your own")
        if body is not None:
            body.prop(self, "engine_python")
            body.prop(self, "base_python")
        layout.label(text=f"Files: {user_folder()}", icon="FILE_FOLDER")

    def _draw_source(self, layout: bpy.types.UILayout) -> None:
        layout.row().prop(self, "runtime_source", expand=True)
        if self.runtime_source == "ARCHIVE":
            layout.prop(self, "runtime_archive")
        draw_set_up_buttons(layout)


CLASSES = (CospeechPreferences,)


def detach() -> None:
    """End the engine."""
    SESSION.close()
