"""Body life: planted feet, sway, breathing, weight shifts, rest postures; continuous in time and seeded."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.body.joints import ANKLES, TOES
from engine.body.rotations import geodesic_angle, matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.body.solids import arm_samples, body_distance, hand_distance
from engine.generators.life.body import base_motion, build_life, planted_feet
from engine.generators.life.footsteps import walked
from engine.generators.life.postures import (
    ARM_JOINTS,
    REST_LEAD,
    arm_table,
    free_gaps,
    rest_posture,
    rest_tracks,
    spine_rest,
)
from engine.plan.types import STYLES, Event, GesturePhrase, GesturePlan

SKELETON = default_skeleton()


def make_plan(seconds: float = 60.0, style: str = "explain", seed: int = 4, gestures: bool = True) -> GesturePlan:
    """A plan as the planner makes them: runs of words, accents, a few nods, breaths in pauses, phrases with rests."""
    rng = np.random.default_rng(seed)
    words, clock = [], 0.5
    while clock < seconds - 1.0:
        for _ in range(int(rng.integers(5, 11))):
            length = float(rng.uniform(0.15, 0.45))
            words.append(("word", clock, clock + length))
            clock += length
        clock += float(rng.uniform(0.3, 0.9))
    accents = tuple(w[1] + 0.1 for w in words if rng.random() < 0.3)
    nods = tuple(
        Event("nod", a - 0.1, a + 0.05, a + 0.25, float(rng.uniform(2, 5))) for a in accents if rng.random() < 0.35
    )
    pauses = [(a[2], b[1]) for a, b in pairwise(words) if b[1] - a[2] > 0.25]
    breaths = tuple(Event("breath", b - 0.5, b - 0.08, b + 2.5, 0.8) for _, b in pauses)
    gaze = tuple(Event("away", b - 0.2, b - 0.15, b + 0.9, 12.0, 1.0, 5.0) for _, b in pauses if rng.random() < 0.4)
    phrases, start = [], 2.0
    while gestures and start < seconds - 3.0:
        length = float(rng.uniform(1.2, 2.2))
        join = "rest" if rng.random() < 0.7 else "partial"
        phrases.append(phrase(len(phrases), start, start + length, join))
        start += length + float(rng.uniform(0.8, 4.0))
    return GesturePlan(
        seconds, style, seed, 1.0, tuple(phrases), nods, gaze=gaze, breaths=breaths, words=tuple(words), accents=accents
    )


def phrase(number: int, onset: float, end: float, join: str) -> GesturePhrase:
    apex = onset + 0.4
    return GesturePhrase(
        number, onset, apex, end - 0.5, end, "BEAT", "beat_low", "right", 1.0, -1, False, apex, apex, join
    )


def figures(plan: GesturePlan, seed: int, fps: float = 30.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local rotations, world points and world rotations on frames."""
    local, trans = base_motion(plan, np.arange(round(plan.seconds * fps)) / fps, seed, False)
    points, world = SKELETON.forward_matrices(local, trans)
    return local, points, world


def test_an_instant_has_one_pose_whatever_the_frames_around_it() -> None:
    plan = make_plan(20.0)
    at24, at60 = np.arange(480) / 24.0, np.arange(1200) / 60.0
    local24, trans24 = base_motion(plan, at24, 1, False)
    local60, trans60 = base_motion(plan, at60, 1, False)
    np.testing.assert_allclose(local24[::2], local60[::5], atol=1e-9)
    np.testing.assert_allclose(trans24[::2], trans60[::5], atol=1e-9)
    alone, place = base_motion(plan, np.array([7.5]), 1, False)
    np.testing.assert_allclose(alone[0], local60[450], atol=1e-9)
    np.testing.assert_allclose(place[0], trans60[450], atol=1e-9)


def test_long_takes_are_worked_in_pieces_that_fit() -> None:
    plan = make_plan(200.0)
    times = np.arange(6000) / 30.0  # more than one piece
    local, _ = base_motion(plan, times, 1, False)
    some, _ = base_motion(plan, times[4090:4100], 1, False)
    np.testing.assert_allclose(local[4090:4100], some, atol=1e-9)


def test_same_seeds_same_bytes_and_other_seeds_another_body() -> None:
    plan = make_plan(10.0)
    times = np.arange(300) / 30.0
    first, trans = base_motion(plan, times, 1, False)
    again, trans_again = base_motion(plan, times, 1, False)
    assert first.tobytes() == again.tobytes()
    assert trans.tobytes() == trans_again.tobytes()
    others = [base_motion(plan, times, seed, False)[0] for seed in range(2, 7)]
    assert all(np.degrees(geodesic_angle(first, other)).max(axis=1).mean() > 5.0 for other in others)
    names = {build_life(plan, seed).rests.names[0][1] for seed in range(12)}
    assert len(names) >= 3


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), style=st.sampled_from(STYLES), start=st.floats(-3.0, 300.0))
def test_feet_are_planted_exactly_with_soft_knees(seed: int, style: str, start: float) -> None:
    shift = Event("shift", 5.0, 6.2, 10.0, 0.034, 3.8)
    plan = GesturePlan(12.0, style, seed, 1.2, (), shifts=(shift,))
    times = start + np.linspace(0.0, 8.0, 60)
    local, trans = base_motion(plan, times, seed, False)
    points, world = SKELETON.forward_matrices(local, trans)
    taken = build_life(plan, seed).stance.steps
    feet = walked(planted_feet(plan, seed), taken, times)
    assert np.abs(points[:, ANKLES] - feet.ankles).max() < 1e-9
    assert np.abs(world[:, ANKLES] - feet.orientations).max() < 1e-9
    stands = np.ones(len(times), dtype=bool)
    for step in taken:
        stands &= (times < step.start) | (times > step.start + step.seconds)
    np.testing.assert_allclose(points[stands][:, TOES, 1], SKELETON.toe_height, atol=1e-9)
    knees = np.degrees(matrix_to_axis_angle(local[stands][:, [4, 5]])[..., 0])
    assert knees.min() > 3.5
    assert knees.max() < 35.0
    assert 0.15 < points[:, 7, 0].mean() - points[:, 8, 0].mean() < 0.36


def test_the_leg_that_is_freed_bends_more() -> None:
    """As in the captured idles, where one knee is 3 to 7 degrees bent and the other 15 to 20."""
    differences = []
    for seed in range(12):
        shifts = (Event("shift", 3.0, 4.2, 9.0, 0.03), Event("shift", 9.0, 10.2, 20.0, -0.03))
        plan = GesturePlan(20.0, "explain", seed, 1.0, (), shifts=shifts)
        local, _ = base_motion(plan, np.array([7.0, 7.5, 14.0, 14.5]), seed)
        knees = np.degrees(matrix_to_axis_angle(local[:, [4, 5]])[..., 0])
        differences += [(knees[:2, 1] - knees[:2, 0]).mean(), (knees[2:, 0] - knees[2:, 1]).mean()]
    assert np.mean(differences) > 3.0
    assert np.mean(np.array(differences) > 0.0) > 0.8


def test_a_freed_foot_steps_now_and_then() -> None:
    steps = 0
    for seed in range(20):
        shifts = tuple(Event("shift", at, at + 1.2, at + 8.0, side * 0.03) for at, side in ((3.0, 1), (11.0, -1)))
        plan = GesturePlan(20.0, "narrate", seed, 1.0, (), shifts=shifts)
        times = np.arange(1200) / 60.0
        local, trans = base_motion(plan, times, seed)
        points, _ = SKELETON.forward_matrices(local, trans)
        feet = points[:, [*ANKLES, *TOES]]
        moving = np.linalg.norm(np.diff(feet, axis=0), axis=-1) > 1e-6
        assert not (moving[:, 0] & moving[:, 1]).any()
        assert feet[:, 2:, 1].min() > SKELETON.toe_height - 1e-4
        for number, side in ((0, 1), (1, 0)):  # to the left frees the right foot
            window = slice(round(60 * (3.0 + 8.0 * number)), round(60 * (6.0 + 8.0 * number)))
            assert not moving[window, 1 - side].any()
            way = np.linalg.norm((feet[window][-1, side] - feet[window][0, side])[[0, 2]])
            steps += bool(way > 1e-6)
            if way < 1e-6:
                continue
            assert 0.024 < way < 0.076
            toe = feet[window, 2 + side]
            rising = toe[:, 1] < SKELETON.toe_height + 0.001
            gone = np.linalg.norm((toe - toe[0])[:, [0, 2]], axis=-1)
            assert gone[rising & (gone < way / 2.0)].max() < 0.004  # the ball of the foot is not dragged
        speeds = np.linalg.norm(np.diff(feet, axis=0), axis=-1) * 60.0
        assert speeds.max() < 1.2
    assert 15 < steps < 36  # of 40 shifts, narrate steps at 65 %


def test_in_place_keeps_the_pelvis_over_its_spot() -> None:
    plan = replace(make_plan(20.0), shifts=(Event("shift", 5.0, 6.2, 20.0, 0.03),))
    local, trans = base_motion(plan, np.arange(600) / 30.0, 2, True)
    assert np.ptp(trans[:, [0, 2]], axis=0).max() == 0.0
    assert np.ptp(trans[:, 1]) > 0.0
    points, _ = SKELETON.forward_matrices(local, trans)
    assert np.abs(np.diff(points[:, list(ANKLES)], axis=0)).max() < 1e-9


@pytest.mark.parametrize(
    ("style", "speed", "spread", "sway"),
    [
        ("calm", (8, 25), (1.5, 6), (2, 8)),
        ("explain", (10, 35), (2, 8), (3, 10)),
        ("narrate", (10, 40), (2, 9), (3, 12)),
        ("excited", (15, 50), (2.5, 10), (4, 20)),
    ],
)
def test_head_and_sway_lie_in_their_bands(
    style: str, speed: tuple[float, float], spread: tuple[float, float], sway: tuple[float, float]
) -> None:
    turned, angles, swayed = [], [], []
    for seed in range(4):
        _, points, world = figures(make_plan(60.0, style, seed), seed)
        head = world[:, 15]
        turned.append(np.degrees(geodesic_angle(head[1:], head[:-1])).mean() * 30.0)
        forward, up = head[:, :, 2], head[:, :, 1]
        angles.append(
            [
                np.degrees(np.arctan2(forward[:, 0], forward[:, 2])).std(),
                np.degrees(np.arcsin(forward[:, 1])).std(),
                np.degrees(np.arctan2(up[:, 0], up[:, 1])).std(),
            ]
        )
        swayed.append(1e3 * np.hypot(*points[:, 0, [0, 2]].std(axis=0)))
    assert speed[0] < np.mean(turned) < speed[1]
    assert (np.mean(angles, axis=0) > spread[0]).all()
    assert (np.mean(angles, axis=0) < spread[1]).all()
    assert sway[0] < np.mean(swayed) < sway[1]


def test_styles_grow_livelier() -> None:
    speeds = []
    for style in STYLES:
        _, _, world = figures(make_plan(40.0, style), 1)
        speeds.append(geodesic_angle(world[1:, 15], world[:-1, 15]).mean())
    assert speeds == sorted(speeds)


def test_nothing_is_frozen_or_a_t_pose_before_during_or_after_speech() -> None:
    plan = make_plan(20.0, "calm")
    times = -2.0 + np.arange(900) / 30.0
    local, trans = base_motion(plan, times, 3, False)
    points, _ = SKELETON.forward_matrices(local, trans)
    moved = geodesic_angle(local[1:], local[:-1])
    for joint in (0, 3, 6, 9, 12, 13, 15, 16, 17, 18, 19, 20, 21, 23, 25, 40):
        assert moved[:, joint].mean() > 1e-5, SKELETON.names[joint]
    assert (moved.max(axis=1) > 1e-4).all()
    assert (points[:, [20, 21], 1] < points[:, [16, 17], 1] - 0.2).all()


def test_fingers_are_always_curled_alive_and_unlike_left_and_right() -> None:
    local, _, _ = figures(make_plan(30.0), 5)
    vectors = np.degrees(matrix_to_axis_angle(local[:, 25:]))
    left, right = -vectors[:, :12, 2], vectors[:, 15:27, 2]
    for curl in (left, right):
        assert curl.mean(axis=1).min() > 6.0
        assert curl.max() < 75.0
        assert (curl.std(axis=0) > 0.2).all()
    assert np.abs(left - right).mean() > 1.0


def test_breathing_lifts_the_collars_and_opens_the_chest() -> None:
    breath = Event("breath", 4.0, 4.5, 8.0, 1.0)
    plan = GesturePlan(9.0, "calm", 1, 1.0, (), breaths=(breath,))
    life = build_life(plan, 1)
    lungs = life.breath(np.array([4.0, 4.5, 6.2, 8.0]))
    assert lungs[1] > 0.9
    assert lungs[0] < 0.05 < lungs[2] < 0.9
    assert (np.diff(life.breath(np.linspace(4.5, 8.0, 50))) <= 1e-9).all()
    local, _ = base_motion(plan, np.array([4.0, 4.5]), 1, False)
    collar = np.degrees(matrix_to_axis_angle(local[:, [13, 14]])[..., 2])
    assert collar[1, 0] - collar[0, 0] > 1.0
    assert collar[0, 1] - collar[1, 1] > 1.0
    deep = life.breath(np.linspace(-20.0, 40.0, 600))
    assert deep.min() > -1e-9
    assert deep.max() < 1.0 + 1e-9


def test_a_weight_shift_goes_to_its_place_smoothly_and_stays() -> None:
    shift = Event("shift", 6.0, 7.3, 20.0, 0.03, 12.7)
    plan = GesturePlan(20.0, "calm", 2, 1.0, (), shifts=(shift,))
    life = build_life(plan, 2)
    place = life.load(np.array([5.9, 7.4, 19.0]))[:, 0]
    assert place[0] < 0.0
    np.testing.assert_allclose(place[1:], 0.03, atol=1e-9)
    fine = life.load(np.linspace(5.5, 8.0, 2501))[:, 0]
    assert np.abs(np.diff(fine, 2)).max() < 1e-6  # no step in velocity
    local, _ = base_motion(plan, np.array([5.9, 7.6]), 2, False)
    tilt = np.degrees(matrix_to_axis_angle(local[:, 0])[:, 2])
    assert tilt[1] - tilt[0] > 2.0  # the free side's hip drops


def test_rest_postures_wait_for_the_hands() -> None:
    """A hand that gestures changes its rest only while the gesture holds it; the other one only out of a clasp."""
    changed = 0
    for seed in range(8):
        plan = make_plan(90.0, seed=seed)
        tracks = build_life(plan, seed).rests
        for item in plan.phrases:
            used = {"left": (0,), "right": (1,)}.get(item.hands, (0, 1))
            for side in used:
                arm = tracks.arms[side]
                for start, stop in ((item.onset - REST_LEAD, item.apex), (item.hold_end, item.retract_end)):
                    assert np.ptp(arm(np.linspace(start, stop, 20)), axis=0).max() < 1e-9
                changed += np.ptp(arm(np.array([item.apex, item.hold_end])), axis=0).max() > 0.1
            posture = [name for start, name in tracks.names if start < item.onset][-1]
            if len(used) == 1 and "cover" not in arm_table()["postures"][posture]:
                window = np.linspace(item.onset - REST_LEAD, item.retract_end, 20)
                assert np.ptp(tracks.arms[1 - used[0]](window), axis=0).max() < 1e-9
    assert changed > 20
    still = build_life(make_plan(120.0, gestures=False), 1).rests
    assert len(still.names) >= 5
    assert all(a[1] != b[1] for a, b in zip(still.names, still.names[1:], strict=False))


def test_gaps_join_phrases_that_hand_over() -> None:
    phrases = (phrase(0, 2.0, 3.5, "partial"), phrase(1, 4.5, 6.0, "rest"), phrase(2, 9.0, 10.0, "rest"))
    gaps = free_gaps(phrases, 20.0)
    assert gaps[0][1] == pytest.approx(2.0 - REST_LEAD)
    assert gaps[1] == (6.0, pytest.approx(9.0 - REST_LEAD))
    assert gaps[2] == (10.0, 20.0)
    assert len(gaps) == 3


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", sorted(arm_table()["postures"]))
def test_authored_rests_touch_nothing_and_bend_the_elbows(name: str, mirrored: bool) -> None:
    arms = rest_posture(name, mirrored).arms
    pose = spine_rest()
    for side in (0, 1):
        pose[list(ARM_JOINTS[side])] = arms[side].reshape(18, 3)
    points, world = SKELETON.forward(pose[None], np.zeros((1, 3)))
    for side in (0, 1):
        samples = arm_samples(SKELETON, points, side)
        assert body_distance(samples, points, world)[0].min() > 0.012
        assert hand_distance(samples, points, world, 1 - side)[0].min() > 0.0
        flexion = np.degrees(np.linalg.norm(arms[side].reshape(18, 3)[1]))
        assert 8.0 < flexion < 100.0
    twin = rest_posture(name, not mirrored).arms
    np.testing.assert_allclose(twin[1].reshape(-1, 3) * [1, -1, -1], arms[0].reshape(-1, 3), atol=1e-9)


def test_every_drawn_rest_is_clear_of_the_body() -> None:
    plan = make_plan(300.0, gestures=False)
    style = {"rests": dict.fromkeys(arm_table()["postures"], 1.0)}
    tracks = rest_tracks(plan, 7, style)
    for start, _ in tracks.names[1:]:
        pose = spine_rest()
        for side in (0, 1):
            pose[list(ARM_JOINTS[side])] = tracks.arms[side](np.array([start + 1.5])).reshape(18, 3)
        points, world = SKELETON.forward(pose[None], np.zeros((1, 3)))
        for side in (0, 1):
            assert body_distance(arm_samples(SKELETON, points, side), points, world)[0].min() > 0.01
