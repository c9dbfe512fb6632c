"""Who speaks: what stays the same from line to line in one person's gesturing, as a preset that can be saved.

People differ in handedness, in how often, how large and how fast they gesture, in how they stand and rest and in habits
of head and eyes, and keep to their ways (docs/sources/semantics.md, sections 4 and 5). Factors are against the style's
own numbers, so that a speaker stays the same person from calm to excited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.body.skeleton import ASSETS
from engine.errors import CospeechError
from engine.plan.tables import ClassTimes, Rule, Style, Tables

SPEAKERS_DIR = ASSETS / "speakers"
DEFAULT = "default"
HANDEDNESS = ("right", "left")
_TABLE = json.loads((ASSETS / "speaker.json").read_text(encoding="utf-8"))["factors"]
FACTORS: dict[str, tuple[float, float]] = {name: (row["low"], row["high"]) for name, row in _TABLE.items()}
MOST_NAME = 64  # characters of a speaker's name, by eye
STRONGEST_TASTE = 10.0  # times a gesture's or rest's weight: the most that a preset may ask for, by eye


@dataclass(frozen=True)
class Speaker:
    """One person's ways; every factor is 1 for nobody in particular, and its range stands in assets/speaker.json.

    ``rate`` gestures a minute, ``size`` of their movement, ``tempo`` of their phases (above 1: faster), ``two_handed``
    share of gestures with both hands, ``holds`` length of holds, ``head`` angles, ``nods``, ``gaze_away`` and
    ``brows`` how often, ``sway`` of trunk and pelvis, ``blinks`` a minute, ``smile`` its strength. ``rests`` weighs
    rest postures (assets/postures/arms.json) and ``likes`` lexemes; what is not named has weight 1, 0 is never chosen.
    """

    name: str = DEFAULT
    about: str = ""
    handedness: str = "right"
    rate: float = 1.0
    size: float = 1.0
    tempo: float = 1.0
    two_handed: float = 1.0
    holds: float = 1.0
    head: float = 1.0
    nods: float = 1.0
    sway: float = 1.0
    blinks: float = 1.0
    gaze_away: float = 1.0
    brows: float = 1.0
    smile: float = 1.0
    rests: tuple[tuple[str, float], ...] = ()
    likes: tuple[tuple[str, float], ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary, as presets are written."""
        return {**asdict(self), "rests": dict(self.rests), "likes": dict(self.likes)}

    @staticmethod
    def from_dict(data: Mapping[str, Any], where: str = "The speaker") -> Speaker:
        """The speaker of :meth:`to_dict`; CospeechError names the first value that is wrong."""
        known = {entry.name for entry in fields(Speaker)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise CospeechError(f"{where} has unknown entries ({', '.join(unknown)}); remove them")
        values: dict[str, Any] = dict(data)
        for name in ("name", "about", "handedness"):
            if not isinstance(values.get(name, ""), str):
                raise CospeechError(f"{where}: {name} is not a text; correct it")
        if values.get("handedness", HANDEDNESS[0]) not in HANDEDNESS:
            raise CospeechError(f"{where}: handedness is '{values['handedness']}'; choose right or left")
        for name, (low, high) in FACTORS.items():
            values[name] = _number(values.get(name, 1.0), low, high, f"{where}: {name}")
        for name in ("rests", "likes"):
            values[name] = _weights(values.get(name, {}), f"{where}: {name}")
        values["name"] = str(values.get("name") or DEFAULT)[:MOST_NAME]
        return Speaker(**values)

    def tables(self, tables: Tables) -> Tables:
        """The planner's tables as this person uses them."""
        if self == NOBODY:
            return tables
        taste = dict(self.likes)
        return replace(
            tables,
            rules={name: _liked(rule, taste) for name, rule in tables.rules.items()},
            beats=_liked(tables.beats, taste),
            styles={name: self.style(style) for name, style in tables.styles.items()},
            durations={name: self._times(times) for name, times in tables.durations.items()},
        )

    def style(self, style: Style) -> Style:
        """A style's numbers for this person."""
        both = min(0.9, style.both * self.two_handed)
        left = (1.0 - both) / max(1e-9, 1.0 - style.both)
        return replace(
            style,
            rate=style.rate * self.rate,
            amplitude=style.amplitude * self.size,
            hold=style.hold * self.holds,
            both=both,
            one_hand=style.one_hand * left,
            other=style.other * left,
            nod=min(1.0, style.nod * self.nods),
            accent_nod=min(1.0, style.accent_nod * self.nods),
            head=style.head * self.head,
            blinks=style.blinks * self.blinks,
            gaze_away=min(1.0, style.gaze_away * self.gaze_away),
            brow=min(1.0, style.brow * self.brows),
            smile=style.smile * self.smile,
        )

    def life(self, style: Mapping[str, Any]) -> dict[str, Any]:
        """A style of assets/postures/life.json for this person."""
        weights = dict(self.rests)
        rests = {name: weight * weights.get(name, 1.0) for name, weight in style["rests"].items()}
        moving = {
            name: style[name] * self.sway if name != "scan_yaw" else style[name] * self.head
            for name in ("sway_ml", "sway_ap", "torso", "scan_yaw")
        }
        turning = {name: [value * self.head for value in style[name]] for name in ("drift", "speech_head")}
        return {**style, **moving, **turning, "rests": rests if any(rests.values()) else style["rests"]}

    def _times(self, times: ClassTimes) -> ClassTimes:
        return replace(times, prep=times.prep / self.tempo, retract=times.retract / self.tempo)


NOBODY = Speaker()


def _liked(rule: Rule, taste: Mapping[str, float]) -> Rule:
    gestures = tuple(
        replace(gesture, weight=gesture.weight * taste.get(gesture.lexeme, 1.0)) for gesture in rule.gestures
    )
    kept = tuple(gesture for gesture in gestures if gesture.weight > 0.0)
    return replace(rule, gestures=kept or rule.gestures)


def _number(value: object, low: float, high: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise CospeechError(f"{what} is {value}; choose a number from {low:g} to {high:g}")
    return float(value)


def _weights(value: object, what: str) -> tuple[tuple[str, float], ...]:
    pairs = value.items() if isinstance(value, Mapping) else value
    try:
        found = dict(pairs)  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise CospeechError(f"{what} is not a list of names with weights; correct it") from error
    return tuple(
        (str(name), _number(weight, 0.0, STRONGEST_TASTE, f"{what}: {name}")) for name, weight in found.items()
    )


@lru_cache(maxsize=1)
def bundled_speakers() -> tuple[Speaker, ...]:
    """The presets that come with Cospeech, nobody in particular first."""
    return (NOBODY, *(read_speaker(path) for path in sorted(SPEAKERS_DIR.glob("*.json"))))


def find_speaker(text: str) -> Speaker:
    """A bundled preset by name, one from a ``.json`` file, or one as JSON itself; CospeechError says what is wrong."""
    if text.startswith("{"):
        return _read(text, "The speaker given")
    if text.lower().endswith(".json"):
        return read_speaker(Path(text))
    known = {speaker.name: speaker for speaker in bundled_speakers()}
    if text not in known:
        raise CospeechError(
            f"There is no speaker '{text}'; choose one of: {', '.join(known)}, or a speaker's .json file"
        )
    return known[text]


def read_speaker(path: Path) -> Speaker:
    """A preset from its file; CospeechError where it can't be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CospeechError(f"The speaker {path} can't be opened ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise CospeechError(f"The speaker {path} is not text; choose a preset saved by Cospeech") from error
    return _read(text, f"The speaker {path.name}")


def _read(text: str, where: str) -> Speaker:
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise CospeechError(f"{where} is not JSON; choose a preset saved by Cospeech") from error
    if not isinstance(data, dict):
        raise CospeechError(f"{where} is not a preset; choose one saved by Cospeech")
    return Speaker.from_dict(data, where)
