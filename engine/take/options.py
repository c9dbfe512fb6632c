"""What the user asks of a take, and what can be wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from engine.devices import DEVICES
from engine.errors import CospeechError
from engine.face.emotions import NEUTRAL, find_emotion
from engine.generators.abilities import GENERATORS, PARTS, ROLES, SPEAK, Abilities, names_where
from engine.plan.speakers import NOBODY, Speaker, find_speaker
from engine.plan.types import STYLES


@dataclass(frozen=True)
class TakeOptions:
    """What the user asks for; paths as text. ``fps`` is the rate of the take's frames (any, 23.976 too).

    ``hints``: a file of engine.hints; then only its window is made anew. ``edits``: plan edits (engine.plan.edit) on
    the plan given, ``words``: corrected word times (index, start, end) in seconds. ``window`` "auto" narrows the hints'
    window to what edits and words touch. ``role``: "speak", "listen" (reacts to the line, mouth closed) or "idle".
    ``weights``: the folder of a published generator's weights. ``emotion`` (assets/emotions.json) lies over the face
    with a strength 0..1. ``gaze``: the place that is looked at, metres left, up and forward as a Motion has them.
    ``emphasis``: stretches (start, end, amount) in seconds where words show more (to 1) or less (to -1), for generators
    that weigh it (engine.plan.emphasis); without any a plan keeps its own, an amount of 0 takes it away. ``smplx``: the
    user's own SMPL-X model (file or folder); then the default generator's face is written as expression and jaw too.
    """

    audio: str
    transcript: str = ""
    plan: str = ""
    generator: str = "default"
    style: str = "explain"
    speaker: str = "default"
    energy: float = 1.0
    parts: tuple[str, ...] = PARTS
    in_place: bool = False
    fps: float = 30.0
    seed: int = 0
    device: str = "auto"
    hints: str = ""
    edits: tuple[Mapping[str, Any], ...] = ()
    words: tuple[tuple[int, float, float], ...] = ()
    window: str = ""
    role: str = SPEAK
    weights: str = ""
    emotion: str = NEUTRAL
    emotion_strength: float = 1.0
    gaze: tuple[float, float, float] | None = None
    emphasis: tuple[tuple[float, float, float], ...] = ()
    smplx: str = ""

    def checked(self) -> TakeOptions:
        """These options, or CospeechError with the first thing that is wrong with them."""
        unknown = [part for part in self.parts if part not in PARTS]
        if self.generator not in GENERATORS:
            raise CospeechError(f"There is no generator '{self.generator}'; choose one of: {', '.join(GENERATORS)}")
        if self.style not in STYLES:
            raise CospeechError(f"There is no style '{self.style}'; choose one of: {', '.join(STYLES)}")
        self._check_abilities()
        if not self.abilities.needs_weights:
            find_speaker(self.speaker)
        if unknown or not self.parts:
            named = ", ".join(unknown) or "none"
            raise CospeechError(f"Body parts asked for: {named}; choose from: {', '.join(PARTS)}")
        if not 0.5 <= self.energy <= 1.5:
            raise CospeechError(f"The energy is {self.energy:g}; choose a value from 0.5 to 1.5")
        find_emotion(self.emotion, self.emotion_strength)
        if self.smplx:
            from engine.face.expressions import check_smplx

            check_smplx(self.smplx)
        if not 1.0 <= self.fps <= 240.0:
            raise CospeechError(f"The frame rate is {self.fps:g}; choose a rate from 1 to 240 frames per second")
        if self.seed < 0:
            raise CospeechError(f"The seed is {self.seed}; choose 0 or a whole number above it")
        if self.device not in DEVICES:
            raise CospeechError(f"There is no device '{self.device}'; choose auto, cpu or cuda")
        self._check_gaze()
        if self.role not in ROLES:
            raise CospeechError(f"There is no role '{self.role}'; choose one of: {', '.join(ROLES)}")
        self._check_changes()
        return self

    def identity(self) -> Speaker:
        """Whose ways the plan has; published weights have speakers of their own."""
        return NOBODY if self.abilities.needs_weights else find_speaker(self.speaker)

    @property
    def abilities(self) -> Abilities:
        """What the generator that is asked for can do."""
        return GENERATORS[self.generator]

    def _check_gaze(self) -> None:
        if self.gaze is None:
            return
        if not (len(self.gaze) == 3 and are_numbers(*self.gaze)):
            raise CospeechError("What is looked at is no place; give three numbers x,y,z in metres: left, up, forward")
        if wrong := too_near(self.gaze):
            raise CospeechError(f"{wrong}; move it further away")

    def _check_changes(self) -> None:
        if self.window not in ("", "auto"):
            raise CospeechError(f"The window is '{self.window}'; choose 'auto' or leave it out")
        if not all(len(entry) == 3 and are_numbers(*entry) for entry in self.words):
            raise CospeechError("Corrected word times are a word's number, its start and its end in seconds; mend them")
        if self.emphasis and not self.abilities.emphasis:
            raise CospeechError(
                f"'{self.generator}' does not weigh meaning, so emphasis can't be heard; use: {names_where('emphasis')}"
            )
        if self.emphasis and self.role != SPEAK:
            raise CospeechError("Only who speaks has words to emphasise; leave the emphasis out")
        if not all(len(e) == 3 and are_numbers(*e) and 0 <= e[0] < e[1] and abs(e[2]) <= 1 for e in self.emphasis):
            raise CospeechError("Emphasis is start and end in seconds and an amount from -1 to 1; mend it")

    def _check_abilities(self) -> None:
        """CospeechError for what the generator can't do, and where its weights are not given."""
        able = self.abilities
        if able.needs_weights and not self.weights:
            raise CospeechError(
                f"The generator '{self.generator}' needs its published weights; give their folder with --weights, "
                "or in Cospeech's preferences"
            )
        if self.edits and not able.plans:
            raise CospeechError(f"'{self.generator}' follows no gesture plan, so it can't be edited; use 'default'")
        if self.gaze is not None and not able.gaze:
            raise CospeechError(f"'{self.generator}' can't be told where to look; use the default generator for that")
        if self.role in ROLES and self.role not in able.roles:
            raise CospeechError(f"'{self.generator}' only speaks; use the default generator for listening")

    def record(self) -> dict[str, Any]:
        """The options as a take keeps them; those from ``hints`` on only where they are asked for."""
        known, data = fields(self), asdict(self)
        later = known[[field.name for field in known].index("hints") :]
        if self.hints:  # in a job's folder, whose name says nothing and is another one every time
            data |= {name: Path(data[name]).name for name in ("hints", "plan")}
        plain = {field.name for field in later if getattr(self, field.name) == field.default} - {"emotion_strength"}
        if self.emotion == NEUTRAL:
            plain.add("emotion_strength")
        return {name: value for name, value in data.items() if name not in plain}


def too_near(place: tuple[float, float, float]) -> str:
    """Why a place can't be looked at: it is in the head, or almost; "" where it can."""
    from engine.generators.life.headgaze import NEAREST, distance_to_eyes

    distance = distance_to_eyes(place)
    if distance >= NEAREST:
        return ""
    return f"What is looked at is {distance:.2f} m from the eyes, and must be {NEAREST:g} m away at least"


def are_numbers(*values: object) -> bool:
    """Whether all values are finite numbers."""
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)
