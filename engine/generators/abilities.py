"""What each generator can do, as its class declares it; read without importing any package.

``hello`` sends this table, and assets/protocol.json holds the same for an add-on whose engine does not run yet.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PARTS = ("face", "hands", "upper", "lower", "root")
SPEAK = "speak"
ROLES = (SPEAK, "listen", "idle")


@dataclass(frozen=True)
class Abilities:
    """A generator's ``name`` in options, its ``label`` and ``summary`` for people, and what it can do.

    ``needs_weights``: it performs with published weights from a folder, and has the speakers that are in them.
    ``plans``: its hands follow the gestures of a plan; ``head``: its head follows the plan's nods. ``gaze``: it can be
    told where to look. ``emphasis``: words can show more or less. ``styles``: all of it follows style and energy.
    ``roles``: which of ROLES it plays. ``variations``: another seed moves its body otherwise. ``body``: the parts that
    it moves by itself; the others are the default generator's.
    """

    name: str
    label: str
    summary: str
    needs_weights: bool = True
    plans: bool = False
    head: bool = False
    gaze: bool = False
    emphasis: bool = False
    styles: bool = False
    roles: tuple[str, ...] = (SPEAK,)
    variations: bool = False
    body: tuple[str, ...] = PARTS


DEFAULT = Abilities(
    "default",
    "Default",
    "Bundled with Cospeech; performs a plan that you can edit",
    needs_weights=False,
    plans=True,
    head=True,
    gaze=True,
    emphasis=True,
    styles=True,
    roles=ROLES,
    variations=True,
)
EMAGE = Abilities(
    "emage",
    "EMAGE",
    "The published network, with the weights whose folder is set in the preferences",
)
SEMTALK = Abilities(
    "semtalk",
    "SemTalk",
    "The published networks, which show where meaning is, with weights from a folder",
    emphasis=True,
    variations=True,
)
SEMGES = Abilities(
    "semges",
    "SemGes",
    "The published network for arms and hands, with weights from a folder",
    head=True,
    body=("hands", "upper"),
)
GENERATORS = {declared.name: declared for declared in (DEFAULT, EMAGE, SEMTALK, SEMGES)}


def declared_abilities() -> list[dict[str, Any]]:
    """The table as JSON has it, the default generator first."""
    return [
        {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(declared).items()}
        for declared in GENERATORS.values()
    ]


def names_where(able: str) -> str:
    """Names of the generators that can do something (a field of Abilities), with commas."""
    return ", ".join(name for name, declared in GENERATORS.items() if getattr(declared, able))
