"""The generator that the scene chooses, as the engine is told of it, and why it can't perform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from ..client.generators import Generator
from ..client.provenance import SPEAK
from ..scene import settings_of
from ..setup.engine import SESSION, networks_problem, weights_folder
from .props import speaker_option


@dataclass(frozen=True)
class Choice:
    """A generator and its speaker, of one with published weights a number; the weights' folder, "" where unset."""

    generator: Generator
    speaker: str
    weights: str = ""

    def options(self) -> dict[str, Any]:
        """As options of the engine."""
        options = {"generator": self.generator.name, "speaker": self.speaker}
        return {**options, "weights": self.weights} if self.generator.needs_weights else options


def chosen_generator(scene: bpy.types.Scene) -> Generator:
    """The scene's setting, whatever there is to perform."""
    return SESSION.generators[settings_of(scene).generator]


def chosen(scene: bpy.types.Scene, role: str = SPEAK) -> Choice:
    """What performs in this scene: its setting, or the first that can where that one can't play the role."""
    generator = chosen_generator(scene)
    if role not in generator.roles:
        generator = next(other for other in SESSION.generators.values() if role in other.roles)
    if not generator.needs_weights:
        return Choice(generator, speaker_option(scene))
    return Choice(generator, str(settings_of(scene).speaker), weights_folder(generator.name))


def choice_blocker(choice: Choice) -> str:
    """Why the generator can't perform; empty where it can. Whether the weights fit is seen when they are read."""
    if not choice.generator.needs_weights:
        return ""
    lacking = networks_problem()
    if lacking or choice.weights:
        return lacking
    name = choice.generator.label
    return f"{name} needs its published weights; set their folder, {name} Weights, in Cospeech's preferences"


def edits_blocker(choice: Choice) -> str:
    """Why the generator can't perform a plan's edits; empty where it can."""
    if choice.generator.plans:
        return ""
    return (
        f"{choice.generator.label} follows no plan, and gestures of the plan were edited; reset them, or choose the "
        f"generator {_able('plans')[0]}"
    )


def emphasis_blocker(choice: Choice) -> str:
    """Why emphasis of words can't be performed; empty where it can."""
    if choice.generator.emphasis:
        return ""
    others = " or ".join(_able("emphasis"))
    return f"{choice.generator.label} does not weigh meaning, so emphasis changes nothing; choose {others}"


def alike_blocker(choice: Choice) -> str:
    """Why the generator's variations would be equal; empty where they differ."""
    if choice.generator.variations:
        return ""
    return (
        f"{choice.generator.label} moves the body alike every time, so its variations would be equal; choose the "
        f"generator {_able('variations')[0]}"
    )


def _able(what: str) -> list[str]:
    """The labels of the generators that can do it, the default one first."""
    return [generator.label for generator in SESSION.generators.values() if getattr(generator, what)]
