"""The face that every generator shows: ``generate(request, progress) -> Motion``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from engine.body.motion import Motion
from engine.plan.types import GesturePlan
from engine.speech.types import Speech

if TYPE_CHECKING:
    from engine.generators.abilities import Abilities
    from engine.hints.types import Hints  # a cold start without hints does not pay for them
    from engine.take.options import TakeOptions

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class BaseOrigin:
    """How the base of a regenerated take was made: its plan and the seed of its body life. Where the body stands, how
    it rests and how it performs the phrases that stay come from here, so that the window meets its surroundings."""

    plan: GesturePlan
    seed: int


@dataclass(frozen=True, eq=False)
class Request:
    """What to generate. Same request, same machine, as many threads: same bytes. On another processor the default
    generator gives the same plan, and joints within 0.01 degrees and 0.05 mm
    (tests/engine/take/test_across_processors.py).

    ``plan``: what to perform, with the emphasis that its words have. ``options``: what was asked for; body parts that
    it leaves out have the rest posture in the take and stay untouched in Blender. With ``hints`` only their window is
    made anew and all of them are honoured; ``origin`` is how their base was made, where that is known, ``fixed`` the
    ids of phrases that pins don't move.
    """

    speech: Speech
    plan: GesturePlan
    options: TakeOptions
    hints: Hints | None = None
    origin: BaseOrigin | None = None
    fixed: frozenset[int] = frozenset()

    def asking(self, **changes: Any) -> Request:
        """The same request with other values of some of its options."""
        return replace(self, options=replace(self.options, **changes))


class Generator(Protocol):
    """A motion generator; ``progress(stage, fraction)`` may raise :class:`engine.errors.Cancelled`."""

    abilities: Abilities

    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request, on the frames of the options' ``fps``."""
        ...
