"""The trunk takes part in what the arms do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix
from engine.take.make import make_take
from tests.support.regen import OPTIONS, base, line, plan_of, silent_progress

SPINE = [3, 6, 9]


def without_gestures(folder: Path) -> Motion:
    """The take of the same plan whose hands were told nothing."""
    path = folder / "plan.json"
    path.write_text(json.dumps({**plan_of(base()).to_dict(), "phrases": []}))
    return make_take(replace(OPTIONS, plan=str(path)), silent_progress, line())


def test_the_trunk_moves_with_the_arms_and_is_left_alone_between_gestures(tmp_path: Path) -> None:
    motion, bare = base(), without_gestures(tmp_path)
    ours, other = (axis_angle_to_matrix(take.poses[:, SPINE].astype(np.float64)) for take in (motion, bare))
    traces = np.einsum("tjab,tjab->tj", ours, other)
    turned = np.degrees(np.arccos(np.clip((traces - 1.0) / 2.0, -1.0, 1.0))).sum(axis=1)
    times = np.arange(motion.frames) / motion.fps
    spans = [(phrase.onset - 0.3, phrase.retract_end + 0.3) for phrase in plan_of(motion).phrases]
    busy = np.any([(times > start) & (times < end) for start, end in spans], axis=0)
    assert turned[busy].mean() > 1.0
    assert turned[busy].max() > 4.0
    assert turned[~busy].mean() < 0.5
