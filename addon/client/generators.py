"""What performs a line, and what each can do, as declared in assets/protocol.json and in the engine's ``hello``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from ..paths import asset_table


@dataclass(frozen=True)
class Generator:
    """A generator by its ``name``, as people read it (``label``, ``summary``), and what it can do.

    It may need published weights from a folder, and then has speakers of its own, by number. It follows ``plans``,
    looks where it is told (``gaze``), shows ``emphasis`` of words, has ``styles``, plays ``roles`` ("speak", "listen",
    "idle"), moves the body otherwise with another seed (``variations``), and moves the parts ``body``.
    """

    name: str
    label: str
    summary: str
    needs_weights: bool
    plans: bool
    gaze: bool
    emphasis: bool
    styles: bool
    roles: tuple[str, ...]
    variations: bool
    body: tuple[str, ...]

    @property
    def item(self) -> tuple[str, str, str]:
        """As a choice of an enumeration."""
        return self.name, self.label, self.summary


@cache
def declared() -> Mapping[str, Generator]:
    """All generators by name, the default one first, before any engine has started."""
    return read_generators(asset_table("protocol.json")["generators"])


def read_generators(entries: Iterable[Mapping[str, Any]]) -> dict[str, Generator]:
    """Generators by name from a ``hello`` or the table; KeyError where one lacks a field."""
    names = [field.name for field in fields(Generator)]
    lists = [field.name for field in fields(Generator) if field.type == "tuple[str, ...]"]
    found = {}
    for entry in entries:
        values = {name: entry[name] for name in names} | {name: tuple(entry[name]) for name in lists}
        found[values["name"]] = Generator(**values)
    return found
