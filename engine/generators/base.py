"""The face that every generator shows: ``generate(request, progress) -> Motion``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.motion import Motion
from engine.plan.types import GesturePlan
from engine.speech.types import Speech

Progress = Callable[[str, float], None]

PARTS = ("face", "hands", "upper", "lower", "root")


@dataclass(frozen=True, eq=False)
class Request:
    """What to generate. Same request, same machine: same bytes.

    ``parts`` are the body parts asked for; others stay at the rest posture in the take and untouched in Blender.
    ``energy`` 0.5..1.5 scales rate and amplitude. ``in_place`` keeps pelvis and feet where they stand.
    """

    speech: Speech
    plan: GesturePlan
    fps: float
    seed: int
    style: str = "explain"
    speaker: str = "default"
    energy: float = 1.0
    parts: tuple[str, ...] = PARTS
    in_place: bool = False


class Generator(Protocol):
    """A motion generator; ``progress(stage, fraction)`` may raise :class:`engine.errors.Cancelled`."""

    name: str

    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request, on the frames of ``request.fps``."""
        ...
