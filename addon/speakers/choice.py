"""The generator that the scene chooses, as the engine is told of it, and why it can't perform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from ..setup.engine import preferences
from .props import speaker_option

DEFAULT = "default"
PUBLISHED = (
    ("emage", "EMAGE", "The published network, with the weights whose folder is set in the preferences"),
    ("semtalk", "SemTalk", "The published networks, which show where meaning is, with weights from a folder"),
    ("semges", "SemGes", "The published network for arms and hands, with weights from a folder"),
)
GENERATORS = ((DEFAULT, "Default", "Bundled with Cospeech; performs a plan that you can edit"), *PUBLISHED)
NAMES = {name: label for name, label, _ in GENERATORS}
WEIGHING = (DEFAULT, "semtalk")  # who shows more or less on words with emphasis
VARYING = (DEFAULT, "semtalk")  # whose body moves otherwise with another seed
SPEAK = "speak"


@dataclass(frozen=True)
class Choice:
    """A generator and its speaker, of one with published weights a number; the weights' folder, "" where unset."""

    generator: str
    speaker: str
    weights: str = ""

    def options(self) -> dict[str, Any]:
        """As options of the engine."""
        options = {"generator": self.generator, "speaker": self.speaker}
        return options if self.generator == DEFAULT else {**options, "weights": self.weights}


def chosen(scene: bpy.types.Scene, role: str = SPEAK) -> Choice:
    """What performs in this scene: its setting, but for listening and idle life always the default, the only one that
    can.
    """
    settings = scene.cospeech
    if settings.generator == DEFAULT or role != SPEAK:
        return Choice(DEFAULT, speaker_option(scene))
    return Choice(settings.generator, str(settings.speaker), weights_folder(settings.generator))


def weights_folder(generator: str) -> str:
    """The folder of a published system's weights as the preferences have it; "" where it is not set."""
    folder = str(getattr(preferences(), f"{generator}_weights", ""))
    return bpy.path.abspath(folder) if folder else ""


def choice_blocker(choice: Choice) -> str:
    """Why the generator can't perform; empty where it can. Whether the weights fit is seen when they are read."""
    if choice.generator == DEFAULT or choice.weights:
        return ""
    name = NAMES[choice.generator]
    return f"{name} needs its published weights; set their folder, {name} Weights, in Cospeech's preferences"


def edits_blocker(choice: Choice) -> str:
    """Why the generator can't perform a plan's edits; empty where it can."""
    if choice.generator == DEFAULT:
        return ""
    return (
        f"{NAMES[choice.generator]} follows no plan, and gestures of the plan were edited; reset them, or choose the "
        "generator Default"
    )


def emphasis_blocker(choice: Choice) -> str:
    """Why emphasis of words can't be performed; empty where it can."""
    if choice.generator in WEIGHING:
        return ""
    return f"{NAMES[choice.generator]} does not weigh meaning, so emphasis changes nothing; choose Default or SemTalk"


def alike_blocker(choice: Choice) -> str:
    """Why the generator's variations would be equal; empty where they differ."""
    if choice.generator in VARYING:
        return ""
    return (
        f"{NAMES[choice.generator]} moves the body alike every time, so its variations would be equal; choose the "
        "generator Default"
    )


def role_of(provenance: dict[str, Any]) -> str:
    """What the character of a take does: "speak", "listen" or "idle"."""
    return str((provenance.get("options") or {}).get("role") or SPEAK)


def generator_of(provenance: dict[str, Any]) -> str:
    """By which generator a take was made; "" where it does not say, or names none that can be chosen."""
    name = str(provenance.get("generator") or "")
    return name if name in NAMES else ""
