"""The speech as a sound strip in the scene's sequencer."""

from __future__ import annotations

from pathlib import Path

import bpy


def place_speech(scene: bpy.types.Scene, audio: Path, frame: int) -> bpy.types.Strip | None:
    """Put the audio at ``frame`` unless it lies there already; None where this Blender can't read it.

    Takes the lowest channel that is free over the strip's length; nothing that lies there is moved.
    """
    if not audio.is_file():
        return None
    strips = (scene.sequence_editor or scene.sequence_editor_create()).strips
    for strip in strips:
        same = strip.type == "SOUND" and Path(bpy.path.abspath(strip.sound.filepath)) == audio
        if same and int(strip.frame_start) == frame:
            return strip
    channel = 1 + max((strip.channel for strip in strips if strip.frame_final_end > frame), default=0)
    try:
        return strips.new_sound(audio.stem, str(audio), channel, frame)
    except RuntimeError:  # a Blender without audio, or a format that it lacks: the take itself is complete
        return None
