"""The face that every generator shows: ``generate(request, progress) -> Motion``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.body.motion import Motion
from engine.plan.types import GesturePlan
from engine.speech.types import Speech

if TYPE_CHECKING:  # a cold start without hints does not pay for them
    from engine.hints.types import Hints

Progress = Callable[[str, float], None]

PARTS = ("face", "hands", "upper", "lower", "root")
ROLES = ("speak", "listen", "idle")


@dataclass(frozen=True, eq=False)
class Standing:
    """How the base of a regenerated take was made: its plan and the seed of its body life. Where the body stands, how
    it rests and how it performs the phrases that stay come from here, so that the window meets its surroundings."""

    plan: GesturePlan
    seed: int


@dataclass(frozen=True, eq=False)
class Request:
    """What to generate. Same request, same machine, as many threads: same bytes. On another processor the default
    generator gives the same plan, and joints within 0.01 degrees and 0.05 mm
    (tests/engine/take/test_across_processors.py).

    ``parts`` are the body parts asked for; others stay at the rest posture in the take and untouched in Blender.
    ``energy`` 0.5..1.5 scales rate and amplitude. ``emotion`` lies over the face with a strength
    0..1. ``in_place`` keeps pelvis and feet where they stand. ``role``: who
    does not "speak" keeps the mouth closed. With ``hints`` only their window is made anew and all of them are honoured;
    ``standing`` is how their base was made, where that is known, ``fixed`` the ids of phrases that pins don't move.
    ``emphasis``: stretches (start, end, amount) in seconds where meaning shall show more (up to 1) or less (to -1).
    """

    speech: Speech
    plan: GesturePlan
    fps: float
    seed: int
    style: str = "explain"
    speaker: str = "default"
    energy: float = 1.0
    emotion: str = "neutral"
    emotion_strength: float = 1.0
    parts: tuple[str, ...] = PARTS
    in_place: bool = False
    role: str = "speak"
    hints: Hints | None = None
    standing: Standing | None = None
    emphasis: tuple[tuple[float, float, float], ...] = ()
    fixed: frozenset[int] = frozenset()


class Generator(Protocol):
    """A motion generator; ``progress(stage, fraction)`` may raise :class:`engine.errors.Cancelled`.

    ``performs_plan``: whether the hands and head follow the request's plan; ``performs_head``: whether the head does.
    """

    name: str
    performs_plan: bool
    performs_head: bool

    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request, on the frames of ``request.fps``."""
        ...
