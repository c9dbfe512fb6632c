"""Emotions as offsets over the speaking face (assets/emotions.json)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import arkit_names
from engine.body.skeleton import ASSETS
from engine.errors import CospeechError
from engine.face.easing import drift
from engine.face.lips import column
from engine.face.visemes import expand

Array = NDArray[np.float64]

NEUTRAL = "neutral"
CORNERS = ("mouthSmile", "mouthDimple", "mouthFrown", "mouthStretch")  # what gives way to rounded lips
ROUNDING_WINS = 0.7  # share of a mouth corner's offset that rounded lips take away, by eye
BREATHING = 0.08  # share by which the upper face swells and sinks, by eye; the mouth holds still in pauses


@dataclass(frozen=True)
class Emotion:
    """``offsets``: ARKit column and weight 0..1 at strength 1; ``jaw`` and ``lips`` scale the spoken movement."""

    name: str
    offsets: tuple[tuple[int, float], ...] = ()
    jaw: float = 1.0
    lips: float = 1.0

    def scales(self, strength: float) -> tuple[float, float]:
        """Scale of the spoken jaw and of the lip shapes at a strength 0..1."""
        return 1.0 + strength * (self.jaw - 1.0), 1.0 + strength * (self.lips - 1.0)


@cache
def emotions() -> dict[str, Emotion]:
    """All emotions by name; CospeechError where the file names an unknown channel."""
    data = json.loads((ASSETS / "emotions.json").read_text(encoding="utf-8"))["emotions"]
    return {name: _emotion(name, entry) for name, entry in data.items()}


def _emotion(name: str, entry: dict[str, object]) -> Emotion:
    offsets: list[tuple[int, float]] = []
    given = entry["offsets"]
    assert isinstance(given, dict)
    for channel, weight in given.items():
        columns = expand(channel)
        if not columns:
            raise CospeechError(f"assets/emotions.json: {name} names the unknown channel {channel}; correct it")
        offsets += [(index, float(weight)) for index in columns]
    return Emotion(name, tuple(offsets), float(str(entry["jaw"])), float(str(entry["lips"])))


def find_emotion(name: str, strength: float = 1.0) -> Emotion:
    """The emotion of that name; CospeechError where there is none, or for a strength outside 0..1."""
    found = emotions().get(name)
    if found is None:
        raise CospeechError(f"There is no emotion '{name}'; choose one of: {', '.join(emotions())}")
    if not 0.0 <= strength <= 1.0:
        raise CospeechError(f"The emotion's strength is {strength:g}; choose a value from 0 to 1")
    return found


def feel(curves: Array, emotion: Emotion, strength: float, times: Array, rng: np.random.Generator) -> None:
    """Add an emotion at ``strength`` 0..1 to curves (T, 52) that hold the spoken mouth without its contacts, in place.

    Each weight closes part of its way to 1, so that speech and emotion together stay below it.
    """
    if not emotion.offsets or strength <= 0.0:
        return
    names = arkit_names()
    rounded = np.clip(1.3 * curves[:, column("mouthPucker")] + curves[:, column("mouthFunnel")], 0.0, 1.0)
    corners = 1.0 - ROUNDING_WINS * rounded
    alive = 1.0 + BREATHING * drift(times, rng, 0.05, 0.2)
    for index, weight in emotion.offsets:
        name = names[index]
        wanted = np.full(len(curves), strength * weight)
        if name.startswith(CORNERS):
            wanted = wanted * corners
        elif not name.startswith(("mouth", "jaw")):
            wanted = wanted * alive
        curves[:, index] += (1.0 - np.clip(curves[:, index], 0.0, 1.0)) * np.clip(wanted, 0.0, 1.0)
