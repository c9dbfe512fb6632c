"""Sub-panel: transcript of the line."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..scene import settings_of
from ..ui import SubPanel, draw_sentence
from .transcript import find_transcript


class COSPEECH_PT_speech(SubPanel, bpy.types.Panel):
    """What is said, and when"""

    bl_label = "Transcript"
    bl_order = 10

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        settings = settings_of(context.scene)
        layout = self.layout
        layout.prop(settings, "transcript", text="")
        if not settings.audio or settings.transcript:
            return
        found = find_transcript(Path(bpy.path.abspath(settings.audio)), "")
        if found:
            draw_sentence(layout, f"Takes {found.name} beside the audio", "FILE_TEXT")
        else:
            draw_sentence(layout, "No transcript: gestures follow the voice alone, and the mouth is rough", "INFO")


CLASSES = (COSPEECH_PT_speech,)
