"""The speech as a sound strip in the scene's sequencer."""

from __future__ import annotations

from pathlib import Path

import bpy

CHANNELS = 128  # Blender's own limit


def place_speech(scene: bpy.types.Scene, audio: Path, frame: int) -> bpy.types.Strip | None:
    """Put the audio at ``frame`` unless it lies there already; None where this Blender can't read or place it.

    Takes the lowest channel that is free from there on; nothing that lies there is moved.
    """
    if not audio.is_file():
        return None
    strips = (scene.sequence_editor or scene.sequence_editor_create()).strips
    for strip in strips:
        if isinstance(strip, bpy.types.SoundStrip) and int(strip.frame_start) == frame and _is_of(strip.sound, audio):
            return strip
    taken = {strip.channel for strip in strips if strip.frame_final_end > frame}
    channel = next((number for number in range(1, CHANNELS + 1) if number not in taken), None)
    if channel is None:
        return None
    try:
        return strips.new_sound(audio.stem, str(audio), channel, frame)
    except RuntimeError:  # a Blender without audio, or a format that it lacks: the take itself is complete
        return None


def _is_of(sound: bpy.types.Sound, audio: Path) -> bool:
    """Whether a sound is this file: saving the .blend may have turned its path into one with dots."""
    path = Path(bpy.path.abspath(sound.filepath, library=sound.library))
    return path.is_file() and path.samefile(audio)
