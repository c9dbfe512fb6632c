"""A network's clip in the window of a take: what it made meets what stands around it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix
from engine.generators.base import Request
from engine.generators.published.network_takes import window_filled
from engine.hints import Hints, satisfy
from engine.plan.planner import plan_gestures
from engine.take.options import TakeOptions
from tests.support.plan_speech import say

FRAMES, WINDOW, ELBOW = 150, (50, 110), 18


def swinging(offset: float, phase: float) -> Motion:
    """An elbow that swings gently about ``offset`` radians."""
    poses = np.zeros((FRAMES, 55, 3), np.float32)
    poses[:, ELBOW, 1] = offset + 0.2 * np.sin(np.arange(FRAMES) / 12.0 + phase)
    trans = np.zeros((FRAMES, 3), np.float32)
    trans[:, 1] = 1.0
    return Motion(poses=poses, trans=trans, fps=30.0)


def steps(motion: Motion) -> np.ndarray:
    """Degrees that the elbow turns from each frame to the next."""
    turns = axis_angle_to_matrix(motion.poses[:, ELBOW].astype(np.float64))
    trace = np.einsum("tab,tab->t", turns[1:], turns[:-1])
    return np.degrees(np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0)))


@pytest.mark.parametrize("apart", [0.1, 0.5, 0.8])
def test_a_window_does_not_pop_at_its_borders(apart: float) -> None:
    speech = say("Hello there.")
    plan = plan_gestures(speech, "explain", 1.0, 0)
    base, made = swinging(0.0, 0.0), swinging(apart, 1.0)
    hints = Hints(base=base, window=WINDOW)
    request = Request(speech, plan, TakeOptions(audio=""), hints)
    motion = satisfy(window_filled(request, hints, made), hints)
    found = steps(motion)
    borders = found[[WINDOW[0] - 1, WINDOW[1] - 1]]
    assert borders.max() <= found[WINDOW[0] : WINDOW[1] - 1].max()
    assert borders.max() < 2.0 + 0.1 * np.degrees(apart)
    outside = np.r_[0 : WINDOW[0], WINDOW[1] : FRAMES]
    assert motion.poses[outside].tobytes() == base.poses[outside].tobytes()
