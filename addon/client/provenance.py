"""What a take says of itself: from what it was made, and where it lies on the time line. Only read here.

Both are JSON that the engine and the add-on write; what is missing in them, or of another age, has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .generators import declared

SPEAK, LISTEN, IDLE = "speak", "listen", "idle"  # what the character of a take does


@dataclass(frozen=True, eq=False)
class Provenance:
    """From what a take was made. ``data`` is the whole of it, to be passed on; empty where the take does not say."""

    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def generator(self) -> str:
        """By which generator it was made; "" where it does not say, or names none that can be chosen."""
        name = str(self.data.get("generator") or "")
        return name if name in declared() else ""

    @property
    def seed(self) -> int | None:
        """The seed; None where it does not say."""
        seed = self.data.get("seed")
        return None if seed is None else int(seed)

    @property
    def options(self) -> dict[str, Any]:
        """The options that were asked for."""
        return dict(self.data.get("options") or {})

    @property
    def audio_path(self) -> str:
        """The audio's path as it was asked for; "" where there was none, or only its name is known."""
        return str(self.options.get("audio") or "")

    @property
    def audio(self) -> str:
        """The audio's path, else its name; "" where there was none."""
        return self.audio_path or str(self.data.get("audio") or "")

    @property
    def transcript(self) -> str:
        """The transcript's path as it was asked for; "" where there was none."""
        return str(self.options.get("transcript") or "")

    @property
    def title(self) -> str:
        """The audio's name, or what the line is called without one; "" where it does not say."""
        return str(self.data.get("audio") or self.data.get("line") or "")

    @property
    def role(self) -> str:
        """What the character does: SPEAK, LISTEN or IDLE."""
        return str(self.options.get("role") or SPEAK)

    @property
    def scores(self) -> tuple[float, ...]:
        """How much meaning a network found in each word, 0..1; empty where none looked."""
        return tuple(float(score) for score in (self.data.get("semantic") or {}).get("words") or ())


@dataclass(frozen=True, eq=False)
class TakeMeta:
    """What the Action of a take, or an entry of a chain's lines, says of itself; ``data`` is the whole of it."""

    data: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.data)

    @property
    def start(self) -> int | None:
        """The scene frame of its first frame; None where it does not say."""
        return int(self.data["start_frame"]) if "start_frame" in self.data else None

    @property
    def frames(self) -> int | None:
        """How many frames it has; None where it does not say."""
        return int(self.data.get("frames") or 0) or None

    @property
    def fps(self) -> float | None:
        """Its frames a second; None where it does not say."""
        return float(self.data.get("fps") or 0.0) or None

    @property
    def plan(self) -> dict[str, Any]:
        """The gesture plan that it was performed by; empty where there was none."""
        return dict(self.data.get("plan") or {})

    @property
    def words(self) -> tuple[Any, ...]:
        """The words of its plan: text, start, end in seconds."""
        return tuple(self.plan.get("words") or ())

    @property
    def phrases(self) -> tuple[dict[str, Any], ...]:
        """The gestures of its plan."""
        return tuple(self.plan.get("phrases") or ())

    @property
    def provenance(self) -> Provenance:
        """From what it was made."""
        return Provenance(dict(self.data.get("provenance") or {}))

    @property
    def lines(self) -> tuple[TakeMeta, ...]:
        """The takes in a chain of several; empty for a take of one line."""
        return tuple(TakeMeta(line) for line in self.data.get("lines") or ())

    @property
    def line_index(self) -> int | None:
        """Which line of a chain it is; None for a take of its own."""
        return self.data.get("line_index")

    @property
    def speaks(self) -> bool:
        """Whether the character says words, in a chain at least in some of its lines."""
        return bool(self.lines) or self.provenance.role == SPEAK

    @property
    def corrected(self) -> dict[int, tuple[float, float]]:
        """Index of a word -> its start and end in seconds, of those that were corrected."""
        return {int(word[0]): (float(word[1]), float(word[2])) for word in self.data.get("words") or ()}

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds with which frames of it were regenerated, the last one last."""
        return tuple(int(entry["seed"]) for entry in self.data.get("regenerated") or ())
