"""Head events, gaze and eyes: who leads, who follows, and that the eyes stay on their target."""

from __future__ import annotations

import numpy as np

from engine.body.kinematics import rotation_y
from engine.body.skeleton import default_skeleton
from engine.generators.life.body import aim_eyes, base_motion, build_life
from engine.generators.life.headgaze import nod_curve, shake_curve
from engine.plan.types import Event, GesturePlan

SKELETON = default_skeleton()
FINE = np.arange(0.0, 12.0, 0.005)


def head_change(event: Event) -> np.ndarray:
    """Yaw, pitch, roll in degrees that an event adds to the head."""
    without = GesturePlan(12.0, "calm", 3, 1.0, ())
    plan = GesturePlan(12.0, "calm", 3, 1.0, (), (event,))
    return build_life(plan, 1).head.head_angles(FINE) - build_life(without, 1).head.head_angles(FINE)


def test_a_nod_goes_down_to_its_apex_and_back() -> None:
    event = Event("nod", 5.0, 5.15, 5.4, 4.0)
    pitch = head_change(event)[:, 1]
    peak = FINE[pitch.argmax()]
    assert abs(peak - event.apex) < 0.03
    assert abs(pitch.max() - 4.0) < 0.6
    assert pitch[(FINE > 4.8) & (FINE < 5.0)].min() < -0.1  # a small rise before
    assert np.abs(pitch[(FINE < 4.8) | (FINE > 5.8)]).max() < 1e-9


def test_a_double_nod_goes_down_twice() -> None:
    curve = nod_curve(FINE, Event("nod", 4.0, 4.2, 5.0, 5.0, cycles=2.0))
    inner = curve[1:-1]
    peaks = np.flatnonzero((inner > curve[:-2]) & (inner >= curve[2:]) & (inner > 0.4))
    assert len(peaks) == 2
    assert curve[peaks[1] + 1] < curve[peaks[0] + 1]


def test_a_shake_crosses_the_middle_twice() -> None:
    event = Event("shake", 4.0, 4.3, 5.2, 10.0, cycles=1.5)
    curve = shake_curve(FINE, event)
    loud = np.sign(curve[np.abs(curve) > 0.15])
    assert (np.diff(loud) != 0).sum() == 2
    assert loud[0] > 0  # to the character's left first
    yaw = head_change(event)[:, 0]
    assert yaw.max() > 8.0
    assert yaw.min() < -6.0


def test_tilt_turn_and_bow_move_their_own_axis() -> None:
    for kind, column in (("turn", 0), ("bow", 1), ("tilt", 2)):
        change = head_change(Event(kind, 4.0, 4.5, 6.0, 6.0, 0.5))
        assert abs(change[:, column].max() - 6.0) < 0.01
        others = [axis for axis in range(3) if axis != column]
        assert np.abs(change[:, others]).max() < 1e-9


def test_a_bow_bends_the_back_and_the_head() -> None:
    event = Event("bow", 4.0, 4.6, 6.0, 10.0, 0.3)
    plan = GesturePlan(12.0, "calm", 3, 1.0, (), (event,))
    without = GesturePlan(12.0, "calm", 3, 1.0, ())
    for joint, least in ((9, 2.0), (15, 8.0)):
        pitch = []
        for case in (plan, without):
            local, trans = base_motion(case, np.array([4.75]), 1, False)
            _, world = SKELETON.forward_matrices(local, trans)
            pitch.append(np.degrees(-np.arcsin(world[0, joint, 1, 2])))
        assert pitch[0] - pitch[1] > least


def test_eyes_lead_and_the_head_follows_part_of_the_way() -> None:
    event = Event("away", 5.0, 5.05, 7.5, 15.0, 2.4, 0.0)
    plan = GesturePlan(12.0, "calm", 3, 1.0, (), gaze=(event,))
    head = build_life(plan, 1).head
    gaze = head.gaze_angles(FINE)[:, 0]
    follow = head.follow(FINE)[:, 0]
    before, after = np.searchsorted(FINE, [4.98, 6.5])
    eye_there = FINE[before + np.argmax(gaze[before:] > 0.9 * 15.0)]
    half = 0.5 * (follow[before] + follow[after])
    head_half = FINE[before + np.argmax(follow[before:] > half)]
    assert 0.0 < eye_there - 5.0 < 0.07
    assert head_half - eye_there > 0.1
    assert 3.0 < follow[after] < 12.0


def test_gaze_and_eyes_look_at_one_place_while_the_head_nods() -> None:
    nod = Event("nod", 5.0, 5.3, 5.8, 8.0)
    plan = GesturePlan(12.0, "explain", 3, 1.0, (), (nod,))
    times = np.arange(4.9, 5.9, 0.02)
    local, trans = base_motion(plan, times, 2, False)
    _, world = SKELETON.forward_matrices(local, trans)
    wanted = build_life(plan, 2).head.gaze_angles(times)
    for eye in (23, 24):
        looking = world[:, eye, :, 2]
        yaw = np.degrees(np.arctan2(looking[:, 0], looking[:, 2]))
        lift = np.degrees(np.arcsin(looking[:, 1]))
        assert np.abs(yaw - wanted[:, 0]).max() < 1.5
        assert np.abs(-lift - wanted[:, 1]).max() < 1.5


def test_eyes_never_rest_and_never_roll_out_of_sight() -> None:
    plan = GesturePlan(60.0, "calm", 3, 1.0, (), gaze=(Event("up", 5.0, 5.05, 6.0, 5.0, 0.9, 60.0),))
    times = np.arange(1800) / 30.0
    local, _ = base_motion(plan, times, 2, False)
    forward = local[:, 23, :, 2]
    off = np.degrees(np.arccos(np.clip(forward[:, 2], -1.0, 1.0)))
    assert off.max() < 33.0
    still = np.linalg.norm(np.diff(forward, axis=0), axis=-1) < 1e-7
    assert still.mean() < 0.01


def test_eyes_can_be_aimed_again_after_the_trunk_was_moved() -> None:
    plan = GesturePlan(10.0, "explain", 3, 1.0, ())
    times = np.arange(0.0, 10.0, 0.1)
    local, trans = base_motion(plan, times, 2, False)
    np.testing.assert_allclose(aim_eyes(local, plan, times, 2), local, atol=1e-9)
    turned = local.copy()
    turned[:, 9] = turned[:, 9] @ rotation_y(np.full(len(times), 0.15))
    aimed = aim_eyes(turned, plan, times, 2)
    gaze = [SKELETON.forward_matrices(poses, trans)[1][:, 23, :, 2] for poses in (local, turned, aimed)]
    assert np.abs(gaze[2] - gaze[0]).max() < 0.35 * np.abs(gaze[1] - gaze[0]).max()
