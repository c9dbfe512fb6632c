"""The emotion that lies over the face: the scene's setting, as the engine is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from ..generate.props import CospeechScene

NEUTRAL = "neutral"
EMOTIONS = (  # as in assets/emotions.json
    (NEUTRAL, "Neutral", "The face only speaks"),
    ("happy", "Happy", "Raised corners of the mouth, cheeks and narrowed eyes"),
    ("sad", "Sad", "Inner brows up, corners of the mouth down, heavy lids, a smaller mouth"),
    ("angry", "Angry", "Brows down, narrowed eyes, tense lips"),
    ("surprised", "Surprised", "Brows up, wide eyes, a mouth that stays a little open"),
)
SAME_STRENGTH = 1e-3  # 0..1, by eye: less nobody sees


def emotion_options(settings: CospeechScene) -> dict[str, Any]:
    """As options of the engine; none for a neutral face."""
    if settings.emotion == NEUTRAL:
        return {}
    return {"emotion": settings.emotion, "emotion_strength": round(float(settings.emotion_strength), 4)}


def emotion_differs(settings: CospeechScene, made: dict[str, Any]) -> bool:
    """Whether a take made with the options ``made`` shows another emotion than the scene's."""
    if settings.emotion != made.get("emotion", NEUTRAL):
        return True
    strength = float(made.get("emotion_strength", 1.0))
    return settings.emotion != NEUTRAL and abs(settings.emotion_strength - strength) > SAME_STRENGTH


def draw_emotion(layout: bpy.types.UILayout, settings: CospeechScene) -> None:
    """The emotion, and how much of it where there is one."""
    layout.prop(settings, "emotion")
    if settings.emotion != NEUTRAL:
        layout.prop(settings, "emotion_strength", text="Strength")
