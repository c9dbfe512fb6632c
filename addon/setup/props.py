"""Preferences: what belongs to the machine, not to the shot."""

from __future__ import annotations

import bpy

from ..client.generators import declared
from .engine import BASE_PACKAGE, SESSION, user_folder
from .panel import draw_buttons, draw_state
from .progress import draw_note, draw_progress
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


class CospeechPreferences(bpy.types.AddonPreferences):
    """The engine's set-up, Python and device."""

    bl_idname = BASE_PACKAGE

    runtime_source: bpy.props.EnumProperty(
        name="Set Up From", description="Where the engine's packages come from", items=SOURCES, default="ARCHIVE"
    )
    runtime_archive: bpy.props.StringProperty(
        name="Archive",
        description="Runtime archive for this system: cospeech-runtime-<version>-<system>-py311.zip",
        subtype="FILE_PATH",
    )
    base_python: bpy.props.StringProperty(
        name="Base Python",
        description="Python that the engine's environment is made from; empty tries Blender's own, then those on PATH",
        subtype="FILE_PATH",
    )
    engine_python: bpy.props.StringProperty(
        name="Engine's Python",
        description="A Python of your own with the engine's packages, used instead of the one set up here",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(
        name="Device", description="What the engine computes on", items=DEVICES, default="auto"
    )
    published: bpy.props.EnumProperty(
        name="Weights of",
        description="The published system whose folder is shown",
        items=[generator.item for generator in declared().values() if generator.needs_weights],
    )
    emage_weights: bpy.props.StringProperty(
        name="EMAGE Weights",
        description="Folder H-Liu1997/emage_audio as published, with its folder emage_vq",
        subtype="DIR_PATH",
    )
    semtalk_weights: bpy.props.StringProperty(
        name="SemTalk Weights",
        description="Folder with SemTalk's released checkpoints, its vocabulary, HuBERT and CLIP",
        subtype="DIR_PATH",
    )
    semges_weights: bpy.props.StringProperty(
        name="SemGes Weights",
        description="Folder with SemGes' released checkpoints, its vocabulary and HuBERT",
        subtype="DIR_PATH",
    )

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_state(layout)
        layout.prop(self, "device")
        layout.row().prop(self, "runtime_source", expand=True)
        if self.runtime_source == "ARCHIVE":
            layout.prop(self, "runtime_archive")
        layout.prop(self, "base_python")
        layout.prop(self, "engine_python")
        draw_weights(layout, self)
        draw_progress(layout)
        draw_buttons(layout)
        if SESSION.note and not (is_found() and SESSION.note == FINDING.text):  # else it stands there already
            draw_note(layout)
        layout.label(text=f"Files: {user_folder()}", icon="FILE_FOLDER")


CLASSES = (CospeechPreferences,)


def detach() -> None:
    """End the engine."""
    SESSION.close()
