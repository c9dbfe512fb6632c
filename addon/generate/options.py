"""What the engine is told of the scene's settings: a new option of a job is one line here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from ..face.emotion import emotion_options
from ..gaze.place import look_options
from ..scene import scene_rate, settings_of
from ..setup.engine import device
from ..speakers.choice import Choice
from ..takes.line import Line


def scene_options(scene: bpy.types.Scene) -> dict[str, Any]:
    """What every job is told."""
    settings = settings_of(scene)
    return {
        "style": settings.style,
        "energy": round(float(settings.energy), 4),
        "fps": scene_rate(scene),
        "seed": settings.seed,
        "device": device(),
        **emotion_options(settings),
    }


def line_options(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    line: Line,
    start: int,
    parts: Iterable[str],
    choice: Choice,
) -> dict[str, Any]:
    """What a job is told that performs a line from the scene frame ``start`` on, by that choice of a generator.

    RigError where the armature can't perform.
    """
    return {
        **scene_options(context.scene),
        "audio": str(line.audio or ""),
        "transcript": str(line.transcript or ""),
        "role": line.role,
        "parts": sorted(parts),
        "in_place": settings_of(context.scene).in_place,
        **choice.options(),
        **look_options(context, armature, start, choice, line.role),
    }


def place_of(scene: bpy.types.Scene, armature: bpy.types.Object, line: Line, start: int) -> dict[str, Any]:
    """What Apply Generated Take needs to find its place, although the scene may change while the engine works."""
    return {
        "character": str(armature.session_uid),
        "scene": str(scene.session_uid),
        "start_frame": start,
        "audio": str(line.audio),
        "parts": set(settings_of(scene).parts),
        "seed": settings_of(scene).seed,
    }
