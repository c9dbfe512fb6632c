"""What the tests of regeneration share: the demo line, heard once, a take of it, and takes made anew in a window."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix
from engine.generators.gestures.perform import wrists_at
from engine.generators.gestures.timing import arrival_time, reversal_time
from engine.hints import Hints, save_hints
from engine.models.phase_gesture import BEAT_CLASSES
from engine.plan.links import class_times
from engine.plan.types import GesturePhrase, GesturePlan
from engine.speech.types import Speech
from engine.take.make import hear, make_take
from engine.take.options import TakeOptions
from tests.places import DEMO, TRANSCRIPT

OPTIONS = TakeOptions(audio=str(DEMO), transcript=str(TRANSCRIPT))


def silent_progress(_stage: str, _fraction: float) -> None:
    return


@cache
def line() -> Speech:
    return hear(OPTIONS, silent_progress)


@cache
def base(seed: int = 0, fps: float = 30.0) -> Motion:
    return make_take(replace(OPTIONS, seed=seed, fps=fps), silent_progress, line())


def plan_of(motion: Motion) -> GesturePlan:
    assert motion.plan is not None
    return GesturePlan.from_dict(motion.plan)


def regenerated(folder: Path, hints: Hints, plan: GesturePlan | None = None, **options: Any) -> Motion:
    """A take made with these hints through files, as the add-on and the command line do it."""
    speech = options.pop("speech", None) or line()
    save_hints(folder / "hints.npz", hints)
    if plan is None and hints.base.plan is not None:
        plan = GesturePlan.from_dict(hints.base.plan)
    if plan is not None:
        (folder / "plan.json").write_text(json.dumps(plan.to_dict()))
        options["plan"] = str(folder / "plan.json")
    wished = replace(OPTIONS, hints=str(folder / "hints.npz"), fps=hints.fps, **options)
    return make_take(wished, silent_progress, speech)


def apex_of(motion: Motion, phrase: GesturePhrase) -> float:
    """When the generated wrist arrives (a beat: turns), seconds; measured until the next gesture's hand may move."""
    local, times = axis_angle_to_matrix(motion.poses.astype(np.float64)), np.arange(motion.frames) / motion.fps
    sides = {"left": [0], "right": [1], "both": [0, 1]}[phrase.hands]
    points = np.array([wrists_at(pose)[sides] for pose in local])
    known = class_times(phrase.gclass)
    if phrase.gclass in BEAT_CLASSES or known.strikes:
        return reversal_time(points, times, phrase.apex)
    later = [other.onset - 0.35 for other in plan_of(motion).phrases if other.apex > phrase.apex]
    still = phrase.apex if known.goes_on else phrase.hold_end
    reach = max(min([still, *later]), phrase.apex + 0.1)
    return arrival_time(points, times, phrase.onset, reach)
