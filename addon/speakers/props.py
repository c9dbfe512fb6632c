"""The scene's speaker: the values of a preset, which the animator may change before saving them as another."""

from __future__ import annotations

import json
from typing import Any

import bpy

from ..scene import speaker_of
from ..ui import scaling
from .presets import DEFAULT, WEIGHTS, factors, nobody

HANDS = (
    ("right", "Right", "The right hand gestures most"),
    ("left", "Left", "The left hand gestures most"),
)


class CospeechSpeaker(bpy.types.PropertyGroup):
    """``scene.cospeech_speaker``: one number for each factor of assets/speaker.json, and what no slider shows."""

    preset: bpy.props.StringProperty(
        name="Preset", description="The preset these values came from", default=DEFAULT, options=set()
    )
    about: bpy.props.StringProperty(name="About", description="What this speaker is like", options=set())
    handedness: bpy.props.EnumProperty(
        name="Handedness", description="The hand that gestures most", items=HANDS, default="right", options=set()
    )
    weights: bpy.props.StringProperty(
        name="Weights", description="Preferred rests and gestures of the preset, as JSON", options={"HIDDEN"}
    )

    def values(self) -> dict[str, Any]:
        """The speaker as a preset's values."""
        numbers = {factor.id: round(float(getattr(self, factor.id)), 4) for factor in factors()}
        weights = json.loads(self.weights) if self.weights else {}
        fixed = {"name": self.preset, "about": self.about, "handedness": self.handedness}
        return {**fixed, **numbers, **{name: weights.get(name, {}) for name in WEIGHTS}}

    def take(self, values: dict[str, Any]) -> None:
        """Become the speaker of these values."""
        self.preset, self.about, self.handedness = values["name"], values["about"], values["handedness"]
        for factor in factors():
            setattr(self, factor.id, values[factor.id])
        self.weights = json.dumps({name: values[name] for name in WEIGHTS})


def speaker_option(scene: bpy.types.Scene) -> str:
    """The speaker as the engine is told of it: nobody in particular by name, anybody else whole."""
    values = speaker_of(scene).values()
    plain = {**nobody(), "name": values["name"], "about": values["about"]}
    return DEFAULT if values == plain else json.dumps(values)


def same_speaker(first: str, second: str) -> bool:
    """Whether two options of :func:`speaker_option` are the same person, whatever the name."""
    return _person(first) == _person(second)


def _person(option: str) -> object:
    if not option.startswith("{"):
        return option
    return {**json.loads(option), "name": "", "about": ""}


for _factor in factors():
    CospeechSpeaker.__annotations__[_factor.id] = scaling(_factor.label, _factor.about, _factor.low, _factor.high)

CLASSES = (CospeechSpeaker,)
PROPERTIES = ((bpy.types.Scene, "cospeech_speaker", bpy.props.PointerProperty(type=CospeechSpeaker)),)
