"""Listeners and idlers: eyes on the speaker, answers at the ends of phrases, mouth shut, hands at rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.body.motion import Motion
from engine.face.lips import column
from engine.hints import Hints, load_hints, save_hints
from engine.plan.listener import plan_idle, plan_listener
from engine.speech.load import silence
from engine.take.make import make_take
from tests.support.plan_speech import say
from tests.support.regen import OPTIONS, line, silent_progress

LONG = say("Well hello everyone. This is a very long story, and it goes on and on. Do you know what I mean? " * 12)


@pytest.mark.parametrize("role", ["listen", "idle"])
def test_the_mouth_is_shut_and_the_hands_rest(role):
    take = make_take(replace(OPTIONS, role=role, seed=3), silent_progress, line())
    speaks = make_take(replace(OPTIONS, seed=3), silent_progress, line())
    assert take.plan["phrases"] == ()
    assert take.blendshapes[:, column("jawOpen")].max() < 0.02
    assert speaks.blendshapes[:, column("jawOpen")].max() > 0.2
    assert take.blendshapes[:, column("eyeBlinkLeft")].max() > 0.95
    moved = np.abs(np.diff(take.poses[:, [16, 17, 18, 19]], axis=0)).max()
    assert moved < 0.5 * np.abs(np.diff(speaks.poses[:, [16, 17, 18, 19]], axis=0)).max()
    assert np.abs(np.diff(take.poses[:, [3, 6, 9, 12, 15]], axis=0)).max() > 1e-4  # alive


def test_a_listener_answers_at_the_ends_of_phrases():
    answered, total = 0, 0
    ends = np.array([phrase.end for phrase in LONG.prosody.phrases])
    for seed in range(4):
        plan = plan_listener(LONG, "explain", 1.0, seed)
        nods = [event for event in plan.head if event.kind == "nod"]
        assert 4.0 < 60.0 * len(nods) / LONG.seconds < 28.0
        total += len(nods)
        answered += sum(bool(np.any((nod.start - ends > 0.1) & (nod.start - ends < 0.5))) for nod in nods)
        away = sum(event.end - event.start for event in plan.gaze if event.kind == "away")
        assert away < 0.25 * LONG.seconds
        assert 12.0 < 60.0 * len(plan.blinks) / LONG.seconds < 32.0
        starts = [event.start for event in plan.blinks]
        assert min(np.diff(starts)) > 0.3
        assert plan.words == ()
        assert plan.brows
        assert plan.smiles
    assert answered > 0.6 * total


def test_plans_of_others_are_the_same_again_and_differ_by_seed():
    for make in (plan_listener, plan_idle):
        assert make(LONG, "calm", 0.8, 5) == make(LONG, "calm", 0.8, 5)
        assert make(LONG, "calm", 0.8, 5) != make(LONG, "calm", 0.8, 6)


def test_nobody_needs_words_to_be_listened_to():
    plan = plan_listener(silence(8.0), "explain", 1.0, 0)
    assert plan.phrases == ()
    assert plan_idle(silence(0.4), "explain", 1.0, 0).seconds == pytest.approx(0.4)


def test_a_bridge_fills_the_window_between_two_takes(tmp_path):
    """Two takes with a gap: the last pose of the one goes over into the first of the other."""
    first = make_take(replace(OPTIONS, seed=1), silent_progress, line())
    second = make_take(replace(OPTIONS, seed=2), silent_progress, line())
    gap = np.zeros((60, 55, 3), np.float32) + first.poses[99]
    base = Motion(
        poses=np.concatenate([first.poses[:100], gap, second.poses[200:300]]),
        trans=np.concatenate([first.trans[:100], np.repeat(first.trans[99:100], 60, 0), second.trans[200:300]]),
        fps=30.0,
        blendshapes=np.concatenate(
            [first.blendshapes[:100], np.zeros((60, 52), np.float32), second.blendshapes[200:300]]
        ),
    )
    save_hints(tmp_path / "h.npz", Hints(base=base, window=(100, 160)))
    options = replace(OPTIONS, audio="", transcript="", role="idle", hints=str(tmp_path / "h.npz"))
    made = make_take(options, silent_progress)
    assert load_hints(tmp_path / "h.npz").window == (100, 160)
    outside = np.r_[0:100, 160:260]
    assert made.poses[outside].tobytes() == base.poses[outside].tobytes()
    body = [joint for joint in range(55) if joint not in (23, 24)]
    step = np.abs(np.diff(made.poses[95:165, body], axis=0)).max()
    assert step < 1.5 * np.abs(np.diff(first.poses[:, body], axis=0)).max()
