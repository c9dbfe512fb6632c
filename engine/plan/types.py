"""The gesture plan: what the engine intends, as plain data. Times are seconds, never frames (docs/sources/contracts.md,
section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from engine.errors import CospeechError
from engine.plan.speakers import NOBODY, Speaker

STYLES = ("calm", "explain", "narrate", "excited")
HANDS = ("left", "right", "both")


@dataclass(frozen=True)
class GesturePhrase:
    """One manual gesture. ``onset`` start of preparation, ``apex`` arrival (90 % of the way; for a beat the reversal),
    ``hold_end`` start of retraction, ``retract_end`` back at rest (or handed to the next phrase).

    ``lexeme`` is our own gesture id (assets/gestures), ``gclass`` the corpus class that performs it, ``hands`` left,
    right or both, ``amplitude`` scales the displacement (1 = as recorded), ``word`` the index of the anchor word or -1,
    ``semantic`` False for beats, ``accent`` the accent peak that the apex was placed on, ``stress_onset`` the start of
    the anchor's stressed syllable. ``join`` is how it ends: "rest", "partial" or "next" (no retraction).
    """

    id: int
    onset: float
    apex: float
    hold_end: float
    retract_end: float
    lexeme: str
    gclass: str
    hands: str
    amplitude: float
    word: int
    semantic: bool
    accent: float
    stress_onset: float
    join: str = "rest"
    rule: str = ""


@dataclass(frozen=True)
class Event:
    """Something smaller on its own degrees of freedom, rising from ``start`` to ``apex`` and gone at ``end``.

    kind and direction of amount, per group: head (nod, shake, tilt, turn, bow; degrees), brow (raise, frown, inner;
    0..1), gaze (away, up, down, side, audience; degrees yaw in ``amount`` and pitch in ``extra``), blink (0..1),
    breath (depth 0..1; start..apex inhale, apex..end exhale), shift (weight shift, metres sideways), fidget, smile.
    ``hold`` is how long the apex is held; ``cycles`` how often it repeats (shakes, double nods).
    """

    kind: str
    start: float
    apex: float
    end: float
    amount: float
    hold: float = 0.0
    extra: float = 0.0
    cycles: float = 1.0
    word: int = -1


@dataclass(frozen=True)
class Marks:
    """Some of a plan's gestures, nods and brows."""

    phrases: tuple[GesturePhrase, ...] = ()
    head: tuple[Event, ...] = ()
    brows: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Emphasis:
    """Where a plan shows more or less: ``stretches`` (start, end, amount -1..1) in seconds, and what that changed: the
    plan's gestures and events as they ``were`` and as they are ``now``, so that it can be taken back."""

    stretches: tuple[tuple[float, float, float], ...]
    were: Marks = Marks()
    now: Marks = Marks()

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Emphasis:
        """Of ``asdict``; KeyError, TypeError or ValueError where it is something else."""
        stretches = tuple((float(start), float(end), float(amount)) for start, end, amount in data["stretches"])
        return Emphasis(stretches, *(_marks(data[name]) for name in ("were", "now")))


def _marks(data: Mapping[str, Any]) -> Marks:
    head, brows = (tuple(Event(**event) for event in data[name]) for name in ("head", "brows"))
    return Marks(tuple(GesturePhrase(**phrase) for phrase in data["phrases"]), head, brows)


@dataclass(frozen=True)
class GesturePlan:
    """Everything the engine intends for one line. ``words`` repeats text and times so that the plan reads alone.

    ``look_at``: what is looked at while nothing else is planned, metres as a Motion has them (left, up, forward from
    the floor where the body rests; for our own skeleton, others look from their own eyes); None: an audience in front.
    ``emphasis``: what a person asked to show more or less, as far as it is in the plan.
    """

    seconds: float
    style: str
    seed: int
    energy: float
    phrases: tuple[GesturePhrase, ...]
    head: tuple[Event, ...] = ()
    brows: tuple[Event, ...] = ()
    gaze: tuple[Event, ...] = ()
    blinks: tuple[Event, ...] = ()
    breaths: tuple[Event, ...] = ()
    shifts: tuple[Event, ...] = ()
    smiles: tuple[Event, ...] = ()
    words: tuple[tuple[str, float, float], ...] = field(default=())
    accents: tuple[float, ...] = ()
    speaker: Speaker = NOBODY
    look_at: tuple[float, float, float] | None = None
    emphasis: Emphasis | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; speaker, emphasis and what is looked at stand in it where they are something in
        particular."""
        data = asdict(self)
        del data["speaker"], data["look_at"]
        if self.emphasis is None:
            del data["emphasis"]
        if self.speaker != NOBODY:
            data["speaker"] = self.speaker.to_dict()
        if self.look_at is not None:
            data["look_at"] = list(self.look_at)
        return data

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> GesturePlan:
        """The plan of :meth:`to_dict`; unknown keys are refused with a sentence."""
        known = {entry.name for entry in fields(GesturePlan)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise CospeechError(f"The plan has unknown fields ({', '.join(unknown)}); use a plan saved by this version")
        try:
            values: dict[str, Any] = dict(data)
            values["phrases"] = tuple(GesturePhrase(**phrase) for phrase in data["phrases"])
            for group in ("head", "brows", "gaze", "blinks", "breaths", "shifts", "smiles"):
                values[group] = tuple(Event(**event) for event in data.get(group, ()))
            values["words"] = tuple((str(w[0]), float(w[1]), float(w[2])) for w in data.get("words", ()))
            if data.get("look_at") is not None:
                x, y, z = data["look_at"]
                values["look_at"] = (float(x), float(y), float(z))
            if data.get("emphasis") is not None:
                values["emphasis"] = Emphasis.from_dict(data["emphasis"])
            values["speaker"] = Speaker.from_dict(data.get("speaker", {}), "The plan's speaker")
            values["accents"] = tuple(float(time) for time in data.get("accents", ()))
            return GesturePlan(**values)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CospeechError(f"The plan can't be read ({error}); use a plan saved by this version") from error
