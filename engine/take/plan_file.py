"""A plan that people saved, and may have edited by hand: read and checked."""

from __future__ import annotations

import json
from pathlib import Path

from engine.errors import CospeechError
from engine.plan.types import GesturePlan
from engine.take.options import are_numbers, too_near

JOINS = ("rest", "partial", "next")


def read_plan(path: str) -> GesturePlan:
    """A plan from a JSON file as ``inspect --plan`` and takes hold it."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CospeechError(f"The plan {path} can't be opened ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CospeechError(f"The plan {path} is not JSON; choose a plan saved by this version") from error
    if not isinstance(data, dict):
        raise CospeechError(f"The plan {path} is not a plan; choose one saved by this version")
    plan = GesturePlan.from_dict(data)
    if wrong := _wrong_in(plan):
        raise CospeechError(f"The plan {path} can't be performed: {wrong}; correct it")
    return plan


def _wrong_in(plan: GesturePlan) -> str:
    """The first thing in a plan, which people edit by hand, that no body can perform; "" where there is none."""
    for number, phrase in enumerate(plan.phrases):
        times = (phrase.onset, phrase.apex, phrase.hold_end, phrase.retract_end)
        if not are_numbers(*times, phrase.amplitude):
            return f"gesture {number} has a time or an amplitude that is not a number"
        if not times[0] < times[1] <= times[2] <= times[3]:
            return f"gesture {number} has no onset before its apex, hold end and return"
        if phrase.join not in JOINS:
            return f"gesture {number} ends by '{phrase.join}', which is none of: {', '.join(JOINS)}"
    for group in ("head", "brows", "gaze", "blinks", "breaths", "shifts", "smiles"):
        for number, event in enumerate(getattr(plan, group)):
            if not are_numbers(event.start, event.apex, event.end, event.amount, event.hold, event.extra, event.cycles):
                return f"{group} {number} has a value that is not a number"
    if not are_numbers(*(plan.look_at or ())):
        return "what it looks at is not three numbers"
    if plan.look_at is not None and (wrong := too_near(plan.look_at)):
        return wrong[0].lower() + wrong[1:]
    return "" if are_numbers(plan.seconds, plan.energy, plan.seed) else "its seconds, energy or seed is not a number"
