"""The planner's data files in assets/gestures: rules, lexicon, styles, times of classes; read once, typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import CospeechError

GESTURES_DIR = Path(__file__).resolve().parents[2] / "assets" / "gestures"


@dataclass(frozen=True)
class Gesture:
    """A lexeme that a rule may choose: the class that performs it, hands (one, both, any), relative weight.

    ``strong`` places a beat among soft (-1), plain (0) and strong (1) accents; ``styles``: only in these, if any.
    """

    lexeme: str
    gclass: str
    hands: str = "any"
    weight: float = 1.0
    strong: int = 0
    styles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Move:
    """A head, brow, gaze or smile event that a rule may cause with probability ``p``; units as in types.Event.

    ``signed``: the side of ``amount`` is meant (a list goes from left to right); else it is drawn.
    """

    group: str
    kind: str
    amount: float
    seconds: float
    p: float
    extra: float = 0.0
    cycles: float = 1.0
    signed: bool = False


@dataclass(frozen=True)
class Rule:
    """A row of the rule table (docs/sources/semantics.md, section 12). ``partner`` is the rule whose gesture completes
    this one.

    ``act``: what is said is done by saying it (a greeting, a farewell), however lightly the word is spoken.
    """

    id: str
    row: int
    priority: float
    p: float
    gestures: tuple[Gesture, ...]
    moves: tuple[Move, ...]
    anchor: str = "trigger"
    timing: str = "stroke"
    hold: str = "class"
    dense: bool = False
    partner: str = ""
    act: bool = False


@dataclass(frozen=True)
class ClassTimes:
    """Measured medians of a class in seconds, and how many of its clips use one hand or both.

    ``least`` is how long an authored class must stay to show what it shows: a wave its swings, a circle its round.
    ``windup`` seconds of its preparation come before the stroke (hands raised before they fall). ``strikes``: its apex
    is the end of a stroke, not the place furthest from rest.
    """

    prep: float
    hold: float
    retract: float
    clips: int
    one: int
    both: int
    least: float = 0.0
    windup: float = 0.0
    strikes: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether the stroke goes on well after the apex, which is then where it begins: a wave, a circle."""
        return self.least > 0.25

    def lasting(self, factor: float) -> float:
        """The hold in seconds, ``factor`` times as long but for what must be shown."""
        return self.least + factor * max(0.0, self.hold - self.least)


@dataclass(frozen=True)
class Style:
    """A speaking style; the fields are explained in assets/gestures/styles.json."""

    rate: float
    semantic: tuple[float, float]
    amplitude: float
    hold: float
    join_next: tuple[float, float]
    join_partial: float
    rest_every: tuple[float, float]
    rest_seconds: float
    one_hand: float
    both: float
    other: float
    nod: float
    accent_nod: float
    head: float
    blinks: float
    gaze_away: float
    brow: float
    smile: float


@dataclass(frozen=True)
class Lexicon:
    """The words of a language that trigger rules, and what else is needed to read its text."""

    language: str
    triggers: Mapping[str, tuple[str, ...]]
    wh_words: frozenset[str]
    numbers: frozenset[str]
    prepositions: frozenset[str]
    stop_words: frozenset[str]
    irregular: Mapping[str, str]


@dataclass(frozen=True)
class Tables:
    """Everything the planner reads from data files."""

    rules: Mapping[str, Rule]
    beats: Rule
    styles: Mapping[str, Style]
    durations: Mapping[str, ClassTimes]
    lexicon: Lexicon


def _rule(entry: Mapping[str, Any]) -> Rule:
    values = dict(entry)
    values["gestures"] = tuple(
        Gesture(**{**gesture, "styles": tuple(gesture.get("styles", ()))}) for gesture in entry["gestures"]
    )
    values["moves"] = tuple(Move(**move) for move in entry.get("moves", ()))
    return Rule(**values)


def _style(entry: Mapping[str, Any]) -> Style:
    pairs = {name: (float(entry[name][0]), float(entry[name][1])) for name in ("semantic", "join_next", "rest_every")}
    return Style(**{**entry, **pairs})


def _lexicon(entry: Mapping[str, Any]) -> Lexicon:
    return Lexicon(
        language=entry["language"],
        triggers={name: tuple(words) for name, words in entry["triggers"].items()},
        wh_words=frozenset(entry["wh_words"]),
        numbers=frozenset(entry["numbers"]),
        prepositions=frozenset(entry["prepositions"]),
        stop_words=frozenset(entry["stop_words"]),
        irregular=dict(entry["irregular"]),
    )


def _check(tables: Tables) -> None:
    unknown = sorted(set(tables.lexicon.triggers) - set(tables.rules))
    if unknown:
        raise CospeechError(f"The lexicon names rules that rules.json lacks ({', '.join(unknown)}); add or rename them")
    for rule in (*tables.rules.values(), tables.beats):
        for gesture in rule.gestures:
            times = tables.durations.get(gesture.gclass)
            if times is None:
                raise CospeechError(f"Rule {rule.id} uses the gesture class {gesture.gclass}, which has no times")
            if (gesture.hands == "one" and not times.one) or (gesture.hands == "both" and not times.both):
                raise CospeechError(f"Rule {rule.id}: there is no {gesture.gclass} with {gesture.hands} hand(s)")


@lru_cache(maxsize=4)
def load_tables(folder: Path = GESTURES_DIR, language: str = "en") -> Tables:
    """Read and check the tables; CospeechError in one sentence when a file is missing or inconsistent."""
    data: dict[str, Any] = {}
    for name in ("rules", f"lexicon_{language}", "styles", "durations", "authored_times"):
        try:
            data[name] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CospeechError(f"The gesture table {folder / name}.json can't be read ({error}); reinstall") from error
    try:
        times = {**data["durations"]["classes"], **data["authored_times"]["classes"]}
        tables = Tables(
            rules={entry["id"]: _rule(entry) for entry in data["rules"]["rules"]},
            beats=_rule({"id": "beat", "moves": [], "timing": "beat", **data["rules"]["beats"]}),
            styles={name: _style(entry) for name, entry in data["styles"]["styles"].items()},
            durations={name: ClassTimes(**entry) for name, entry in times.items()},
            lexicon=_lexicon(data[f"lexicon_{language}"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CospeechError(f"The gesture tables in {folder} are damaged ({error}); reinstall") from error
    _check(tables)
    return tables
