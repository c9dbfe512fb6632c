"""The viseme table: what the mouth does for each phone (assets/visemes/visemes.json)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import arkit_names
from engine.body.skeleton import ASSETS
from engine.errors import CospeechError

LIP_CLOSE = "lipClose"
FALLBACK_PHONE = "AH"


@dataclass(frozen=True)
class Group:
    """Channels that move together: columns of the target table, and the time constants (s) of their dominance.

    ``before`` and ``after`` are how fast dominance falls off ahead of and behind a phone, ``lead`` how much earlier
    than the sound the group moves.
    """

    name: str
    columns: slice
    before: float
    after: float
    lead: float


@dataclass(frozen=True, eq=False)
class VisemeTable:
    """Targets (V, C) 0..1 per viseme and mouth channel, dominance (V, G) per group, hardness (V,).

    ``channels`` are ARKit names without Left or Right where the pair moves as one, plus ``lipClose``: the share of the
    jaw's opening that the lips take back. ``parts`` maps a phone to its visemes and their shares of its duration
    (diphthongs have two); ``contacts`` maps a phone to "bilabial" or "labiodental".
    """

    channels: tuple[str, ...]
    groups: tuple[Group, ...]
    targets: NDArray[np.float64]
    dominance: NDArray[np.float64]
    hardness: NDArray[np.float64]
    parts: dict[str, tuple[tuple[int, float], ...]]
    contacts: dict[str, str]

    def of(self, label: str) -> tuple[tuple[int, float], ...]:
        """Visemes and shares of a phone; an unknown label reads as a neutral vowel."""
        return self.parts.get(label, self.parts[FALLBACK_PHONE])

    def column(self, channel: str) -> int:
        """Column of a channel."""
        return self.channels.index(channel)


@cache
def viseme_table() -> VisemeTable:
    """The table in assets/visemes/visemes.json; CospeechError where a name in it is wrong."""
    data = json.loads((ASSETS / "visemes" / "visemes.json").read_text(encoding="utf-8"))
    channels: list[str] = []
    groups: list[Group] = []
    for name, entry in data["groups"].items():
        columns = slice(len(channels), len(channels) + len(entry["channels"]))
        channels += entry["channels"]
        groups.append(Group(name, columns, float(entry["before"]), float(entry["after"]), float(entry["lead"])))
    _check_channels(channels)
    visemes: dict[str, Any] = data["visemes"]
    order = {name: index for index, name in enumerate(visemes)}
    targets = np.zeros((len(visemes), len(channels)))
    for name, entry in visemes.items():
        for channel, value in entry["targets"].items():
            targets[order[name], channels.index(channel)] = value
    return VisemeTable(
        channels=tuple(channels),
        groups=tuple(groups),
        targets=targets,
        dominance=np.array([[entry["dominance"][group.name] for group in groups] for entry in visemes.values()]),
        hardness=np.array([entry["hardness"] for entry in visemes.values()], dtype=np.float64),
        parts={
            phone: tuple((order[name], float(share)) for name, share in parts)
            for phone, parts in data["phones"].items()
        },
        contacts={
            phone: visemes[parts[0][0]]["contact"]
            for phone, parts in data["phones"].items()
            if "contact" in visemes[parts[0][0]]
        },
    )


def expand(channel: str) -> tuple[int, ...]:
    """Columns in the ARKit order that a channel of the table drives: one, or left and right; none for lipClose."""
    names = arkit_names()
    if channel in names:
        return (names.index(channel),)
    if f"{channel}Left" in names and f"{channel}Right" in names:
        return (names.index(f"{channel}Left"), names.index(f"{channel}Right"))
    return ()


def _check_channels(channels: list[str]) -> None:
    unknown = [channel for channel in channels if channel != LIP_CLOSE and not expand(channel)]
    if unknown:
        raise CospeechError(f"assets/visemes/visemes.json names unknown channels ({', '.join(unknown)}); correct them")
