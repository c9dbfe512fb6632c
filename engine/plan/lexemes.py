"""The gestures that the bundled generator can perform, as a list for people to choose from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import CospeechError
from engine.plan.tables import GESTURES_DIR, load_tables

BEAT = "BEAT_MID"
LEXEMES_FILE = GESTURES_DIR / "lexemes.json"


@dataclass(frozen=True)
class Lexeme:
    """A gesture by name: the corpus class that performs it, a label for people, its hands (one, both or any), whether
    it is a beat."""

    lexeme: str
    gclass: str
    label: str
    hands: str
    beat: bool

    def row(self) -> dict[str, Any]:
        """A JSON-ready row."""
        return {name: value for name, value in asdict(self).items() if name != "beat"}


@lru_cache(maxsize=1)
def lexemes() -> tuple[Lexeme, ...]:
    """All lexemes of the rule table, in order of name; hands as the rules ask and the class allows."""
    tables = load_tables()
    found: dict[str, tuple[str, set[str], bool]] = {}
    for rule in (*tables.rules.values(), tables.beats):
        for gesture in rule.gestures:
            times = tables.durations[gesture.gclass]
            can = set[str]()
            if times.one and gesture.hands != "both":
                can.add("one")
            if times.both and gesture.hands != "one":
                can.add("both")
            known = found.get(gesture.lexeme, (gesture.gclass, set(), rule.id == tables.beats.id))
            found[gesture.lexeme] = (known[0], known[1] | can, known[2] or rule.id == tables.beats.id)
    return tuple(
        Lexeme(name, gclass, name.replace("_", " ").capitalize(), "any" if len(can) == 2 else min(can), beat)
        for name, (gclass, can, beat) in sorted(found.items())
    )


def write_lexemes(path: Path = LEXEMES_FILE) -> None:
    """Write the list as the JSON table that the add-on reads (assets/gestures/lexemes.json)."""
    rows = ",\n".join("  " + json.dumps(entry.row()) for entry in lexemes())
    about = "Gestures to choose from, written by engine.plan.lexemes.write_lexemes from rules.json and durations.json."
    path.write_text(f'{{\n "about": "{about}",\n "lexemes": [\n{rows}\n ]\n}}\n', encoding="utf-8")


def lexeme_named(name: str) -> Lexeme:
    """The lexeme of this name; CospeechError where there is none."""
    for entry in lexemes():
        if entry.lexeme == name:
            return entry
    raise CospeechError(f"There is no gesture '{name}'; choose one of the list of gestures")


def plain_beat() -> Lexeme:
    """The beat that stands for "no lexeme"."""
    beats = [entry for entry in lexemes() if entry.beat]
    return next((entry for entry in beats if entry.lexeme == BEAT), beats[0])
