"""The plan around pins: strokes meet them, give way or are dropped; what nothing contradicts stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.body.rotations import matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.generators.life.body import build_life, evaluate_life
from engine.hints import Hints
from engine.plan.around import ArmPin, plan_around
from engine.plan.links import class_times
from tests.support.regen import base, plan_of, regenerated

RIGHT = (17, 19, 21)


def demo():
    return plan_of(base())


WHOLE = (0, 672)


def at(plan, number):
    return next((p for p in plan.phrases if p.id == number), None)


def test_without_contradiction_nothing_changes():
    plan = demo()
    assert plan_around(plan, [], [], WHOLE, 30.0) == plan
    near = ArmPin(plan.phrases[2].apex + 0.2, "right", off=0.05, raised=0.4)
    assert plan_around(plan, [near], [], WHOLE, 30.0) == plan


def test_a_raised_pose_becomes_the_apex():
    plan = demo()
    old = plan.phrases[6]
    new = at(plan_around(plan, [ArmPin(old.apex + 0.3, "right", 0.3, 0.4)], [], WHOLE, 30.0), old.id)
    assert new.apex == pytest.approx(old.apex + 0.3, abs=1e-4)
    assert new.onset < new.apex <= new.hold_end


def test_a_pose_of_the_other_hand_changes_the_hand():
    plan = demo()
    old = plan.phrases[1]  # right
    new = at(plan_around(plan, [ArmPin(old.apex + 0.1, "left", 0.3, 0.4)], [], WHOLE, 30.0), old.id)
    assert new.hands in ("left", "both")


def test_a_resting_pin_ends_or_drops_the_stroke():
    plan = demo()
    old = plan.phrases[6]
    rest = [ArmPin(old.apex + 0.05, side, 0.4, 0.02) for side in ("left", "right")]
    around = plan_around(plan, rest, [], WHOLE, 30.0)
    kept = at(around, old.id)
    assert kept is None or kept.retract_end <= old.apex or kept.onset > old.apex
    later = [replace(pin, time=old.hold_end + 0.5) for pin in rest]
    late = plan_around(plan, later, [], WHOLE, 30.0)
    assert at(late, old.id).retract_end <= old.hold_end + 0.5


def test_a_resting_pin_of_one_hand_leaves_the_gesture_to_the_other():
    plan = demo()
    old = next(phrase for phrase in plan.phrases[3:] if phrase.hands == "both")
    around = plan_around(plan, [ArmPin(old.apex + 0.05, "right", 0.4, 0.02)], [], WHOLE, 30.0)
    assert at(around, old.id).hands == "left"
    assert at(around, old.id).apex == old.apex


def test_edited_gestures_and_those_across_the_border_stay():
    plan = demo()
    old = plan.phrases[6]
    pin = ArmPin(old.apex + 0.05, "right", 0.4, 0.02)
    assert plan_around(plan, [pin], [], WHOLE, 30.0, frozenset([old.id])) == plan
    assert plan_around(plan, [pin], [], (0, int(old.retract_end * 30) - 2), 30.0) == plan


def test_head_events_leave_pinned_frames():
    plan = demo()
    nod = plan.head[0]
    around = plan_around(plan, [], [nod.apex], WHOLE, 30.0)
    assert nod not in around.head
    assert around.phrases == plan.phrases


PINS = st.lists(
    st.builds(
        ArmPin, st.floats(0.0, 22.3), st.sampled_from(["left", "right"]), st.floats(0.0, 1.0), st.floats(0.0, 1.0)
    ),
    max_size=12,
)


@given(PINS)
@settings(max_examples=80, deadline=None)
def test_whatever_is_pinned_the_plan_can_be_performed(pins):
    plan = plan_around(demo(), sorted(pins, key=lambda pin: (pin.time, pin.side)), [], WHOLE, 30.0)
    for entry in plan.phrases:
        assert 0.0 <= entry.onset < entry.apex <= entry.hold_end <= entry.retract_end
    for first, second in zip(plan.phrases, plan.phrases[1:], strict=False):
        assert second.apex > first.apex
        assert second.onset >= first.onset


@given(PINS)
@settings(max_examples=80, deadline=None)
def test_no_gesture_is_hurried_for_a_pin(pins):
    """A preparation stays within 25 % of its class's, or is what it was; what has no room for that is left out."""
    plan = demo()
    around = plan_around(plan, sorted(pins, key=lambda pin: (pin.time, pin.side)), [], WHOLE, 30.0)
    for entry in around.phrases:
        old = at(plan, entry.id)
        assert entry.apex - entry.onset >= min(0.75 * class_times(entry.gclass).prep, old.apex - old.onset) - 2e-3


def test_a_gesture_meets_a_pin_only_where_it_has_the_time():
    """Close after the gesture before, the pin is no apex: not of the next one, in four frames, nor for a border's."""
    plan = demo()
    before = plan.phrases[5]
    prep = class_times(plan.phrases[6].gclass).prep
    follower = replace(plan.phrases[6], onset=before.apex + 0.15, apex=before.apex + 0.15 + prep)
    plan = replace(plan, phrases=(*plan.phrases[:6], follower))
    pin = ArmPin(before.apex + 0.25, before.hands if before.hands != "both" else "right", 0.3, 0.4)
    fixed = frozenset([before.id])
    around = plan_around(plan, [pin], [], WHOLE, 30.0, fixed)
    moved = at(around, follower.id)
    assert at(around, before.id).apex == before.apex
    assert moved is None or moved.apex - moved.onset >= 0.75 * class_times(follower.gclass).prep - 2e-3
    assert moved is None or moved.apex - before.apex >= 0.45


def test_nobody_points_to_one_side_with_the_other_hand_alone():
    plan = demo()
    pointing = [replace(p, gclass="indicate_left", lexeme="indicate_left", hands="both") for p in plan.phrases[6:7]]
    plan = replace(plan, phrases=(*plan.phrases[:6], *pointing, *plan.phrases[7:]))
    old = pointing[0]
    for raised in (0.02, 0.4):
        around = plan_around(plan, [ArmPin(old.apex + 0.05, "left", 0.4, raised)], [], WHOLE, 30.0)
        assert at(around, old.id) is None or at(around, old.id).hands != "right"


def wrist_jerk(motion, first, end):
    points, _ = default_skeleton().forward(motion.poses[first:end], motion.trans[first:end])
    return float(np.linalg.norm(np.diff(points[:, [20, 21]], 3, axis=0), axis=-1).mean())


def test_planning_around_pins_is_smoother_than_bending_the_old_strokes(tmp_path, monkeypatch):
    """Right arm pinned to its rest in the middle of strokes: with the plan around it the wrists move more softly."""
    plan, take = demo(), base()
    with_plan, without = [], []
    right = [phrase for phrase in plan.phrases if phrase.hands != "left"]
    for old in (right[1], right[-2]):
        frame = round((old.apex + 0.1) * 30)
        resting = evaluate_life(build_life(plan, 0), np.array([frame / 30]))[0]
        rotations, mask = take.poses.copy(), np.zeros((take.frames, 55), np.bool_)
        rotations[frame, RIGHT] = matrix_to_axis_angle(resting)[0, RIGHT]
        mask[frame, RIGHT] = True
        window = max(0, frame - 75), min(take.frames, frame + 75)
        hints = Hints(base=take, window=window, rotations=rotations, rotation_mask=mask)
        made = regenerated(tmp_path, hints)
        assert made.poses[frame, RIGHT].tobytes() == rotations[frame, RIGHT].tobytes()
        assert made.provenance["plan_changed"]
        with_plan.append(wrist_jerk(made, *window))
        with monkeypatch.context() as patch:
            patch.setattr("engine.generators.window.plan_around", lambda given, *_: given)
            without.append(wrist_jerk(regenerated(tmp_path, hints), *window))
    assert np.mean(with_plan) < np.mean(without)
