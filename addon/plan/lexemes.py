"""The gestures that a plan can ask for, from assets/gestures. No bpy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from ..paths import asset

TABLE = "gestures/lexemes.json"
BEAT_LABEL = "Beat"


@dataclass(frozen=True)
class Lexeme:
    """One gesture: its id in plans, what it is called, the corpus class that performs it, and its usual hands."""

    id: str
    label: str
    gclass: str
    hands: str


@cache
def lexemes() -> dict[str, Lexeme]:
    """Every gesture by its id, sorted by name."""
    entries = json.loads(asset(TABLE).read_text(encoding="utf-8"))["lexemes"]
    found = [
        Lexeme(
            id=str(entry["lexeme"]),
            label=str(entry.get("label") or readable(str(entry["lexeme"]))),
            gclass=str(entry.get("gclass", "")),
            hands=str(entry.get("hands", "any")),
        )
        for entry in entries
    ]
    return {entry.id: entry for entry in sorted(found, key=lambda entry: entry.label)}


def readable(lexeme: str) -> str:
    """PALM_UP -> Palm up."""
    return lexeme.replace("_", " ").capitalize()


def label_of(lexeme: str) -> str:
    """What a gesture is called; "" is a beat of the planner's own choice."""
    if not lexeme:
        return BEAT_LABEL
    known = lexemes().get(lexeme)
    return known.label if known else readable(lexeme)


def lexeme_of(text: str) -> str | None:
    """The id of the gesture that is called so, or has that id; None for what is neither."""
    wanted = text.strip().lower()
    if wanted == BEAT_LABEL.lower():
        return ""
    for entry in lexemes().values():
        if wanted in {entry.label.lower(), entry.id.lower()}:
            return entry.id
    return None


def fitting_hands(lexeme: str, hands: str = "right") -> str:
    """left, right or both: the hands asked for where the gesture can be performed with them, else those that it has."""
    known = lexemes().get(lexeme)
    if known is None or known.hands == "any":
        return hands
    if known.hands == "both":
        return "both"
    return "right" if hands == "both" else hands
