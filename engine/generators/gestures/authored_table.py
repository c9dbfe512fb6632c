"""Authored gestures as data: key poses, paths and hand shapes of assets/gestures/authored (see the README there)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.skeleton import ASSETS
from engine.errors import CospeechError

Array = NDArray[np.float64]

FOLDER = ASSETS / "gestures" / "authored"
TRACE = 0.55  # s, by eye: a longer last way is a line drawn, not a stroke
FINGERS = ("index", "middle", "pinky", "ring", "thumb")  # as SMPL-X orders them


@dataclass(frozen=True)
class Shake:
    """An oscillation at a key: ``count`` cycles of ``every`` seconds. ``move`` amplitude in W; ``twist``, ``bend`` and
    ``tilt`` degrees of forearm turn (palm up positive), wrist flexion and deviation; ``hand`` the shape at its peaks;
    ``during`` the way to the key instead of after it."""

    count: float
    every: float
    move: tuple[float, float, float] = (0.0, 0.0, 0.0)
    twist: float = 0.0
    bend: float = 0.0
    tilt: float = 0.0
    hand: str = ""
    during: bool = False


@dataclass(frozen=True)
class Circle:
    """A round path from the key and on: ``turns`` (negative: the other way) about a centre that lies at ``centre`` from
    the key, in W; ``aside`` the half axis across it. It lasts ``seconds``."""

    turns: float
    seconds: float
    centre: tuple[float, float, float]
    aside: tuple[float, float, float]


@dataclass(frozen=True)
class Key:
    """A pose that an arm goes to: ``at`` wrist in gesture space (W: outward, up, forward of the sternum), where
    ``palm`` and ``fingers`` face, the ``hand`` shape, ``take`` seconds of the way there, ``stay`` seconds there.

    ``early`` seconds begin before the move before is over; ``bow`` bends the way (W at its middle); ``elbow`` lifts the
    elbow outward by degrees.
    """

    at: tuple[float, float, float]
    palm: tuple[float, float, float]
    fingers: tuple[float, float, float]
    hand: str
    take: float
    stay: float = 0.0
    early: float = 0.1
    bow: tuple[float, float, float] = (0.0, 0.0, 0.0)
    elbow: float = 0.0
    shake: Shake | None = None
    circle: Circle | None = None


@dataclass(frozen=True)
class Form:
    """One way to make a gesture: ``hands`` one or both, the keys of each arm in its own outward direction (``left``
    empty: the mirror image of ``right``), ``back`` seconds of retraction, ``hold`` seconds of quiet after the last
    path. ``touch``: a hand is at the body or at the other hand, its place is kept. ``grow``: how much an amplitude
    changes it. ``lean`` degrees pitch, yaw, roll of the trunk at the apex. ``lag`` seconds of the second hand."""

    gclass: str
    hands: str
    right: tuple[Key, ...]
    left: tuple[Key, ...] = ()
    back: float = 0.95
    hold: float = 0.25
    touch: bool = False
    grow: float = 0.5
    lean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lag: float = 0.03

    @property
    def hands_used(self) -> str:
        """right or both, as recordings say it."""
        return "both" if self.hands == "both" else "right"

    @property
    def strikes(self) -> bool:
        """Whether a hand comes up and then makes one stroke, which is what its word is met with; no path, no trace."""
        last = self.right[-1]
        moves = len(self.right) == 2 and last.shake is None and last.circle is None and last.take < TRACE
        return moves


@dataclass(frozen=True, eq=False)
class Hands:
    """Named hand shapes of the left hand: (15, 3) radians against the flat hand, SMPL-X order."""

    shapes: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.shapes[name]


@dataclass(frozen=True, eq=False)
class Authored:
    """All forms in order of the file, the hand shapes, and the classes whose mirror image is another class."""

    forms: tuple[Form, ...]
    hands: Hands
    mirror: Mapping[str, str] = field(default_factory=dict)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    """Three numbers; ValueError for anything else."""
    x, y, z = (float(number) for number in values)
    return x, y, z


def _key(entry: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[Key, dict[str, Any]]:
    """A key takes over what it does not say from the one before it, but for its path and its times."""
    kept = {name: before[name] for name in ("palm", "fingers", "hand", "elbow", "at") if name in before}
    values: dict[str, Any] = {**kept, **entry}
    merged = dict(values)
    for name in ("at", "palm", "fingers", "bow"):
        if name in values:
            values[name] = _three(values[name])
    if "shake" in values:
        shake = dict(values["shake"])
        shake["move"] = _three(shake.get("move", (0.0, 0.0, 0.0)))
        values["shake"] = Shake(**shake)
    if "circle" in values:
        round_path: dict[str, Any] = dict(values["circle"])
        for name in ("centre", "aside"):
            round_path[name] = _three(round_path[name])
        values["circle"] = Circle(**round_path)
    return Key(**values), merged


def _keys(entries: list[Mapping[str, Any]]) -> tuple[Key, ...]:
    found: list[Key] = []
    before: dict[str, Any] = {}
    for entry in entries:
        key, before = _key(entry, before)
        found.append(key)
    return tuple(found)


def read_form(gclass: str, entry: Mapping[str, Any]) -> Form:
    """A form of the table."""
    values = {name: value for name, value in entry.items() if name != "mirror"}
    for side in ("right", "left"):
        values[side] = _keys(values.get(side, []))
    if "lean" in values:
        values["lean"] = _three(values["lean"])
    return Form(gclass=gclass, **values)


def read_hands(data: Mapping[str, Any]) -> Hands:
    """Hand shapes from the states of their fingers."""
    shapes = {}
    for name, states in data["hands"].items():
        joints = [data["fingers"][finger][states[finger]] for finger in FINGERS]
        shapes[name] = np.radians(np.array(joints, dtype=np.float64)).reshape(15, 3)
    return Hands(shapes)


@lru_cache(maxsize=1)
def authored() -> Authored:
    """The bundled table; CospeechError in a sentence where a file is missing or damaged."""
    try:
        shapes = json.loads((FOLDER / "hands.json").read_text(encoding="utf-8"))
        table = json.loads((FOLDER / "forms.json").read_text(encoding="utf-8"))
        hands = read_hands(shapes)
        forms, mirror = [], {}
        for gclass, entries in table["forms"].items():
            for entry in entries:
                forms.append(read_form(gclass, entry))
                if "mirror" in entry:
                    mirror[gclass] = str(entry["mirror"])
        for form in forms:
            if not form.right or form.hands not in ("one", "both"):
                raise ValueError(f"{form.gclass} needs keys of the right arm, and hands that are one or both")
            for key in (*form.right, *form.left):
                hands[key.hand]
                if key.shake is not None and key.shake.hand:
                    hands[key.shake.hand]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CospeechError(f"The authored gestures in {FOLDER} can't be read ({error}); reinstall") from error
    return Authored(tuple(forms), hands, mirror)
