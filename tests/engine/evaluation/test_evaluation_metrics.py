"""Metrics on motion whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import (
    FEET,
    foot_slide,
    hand_tracks,
    low_passed,
    mean_jerk,
    planted_feet,
    rotation_error_degrees,
)
from engine.hints.types import Target
from tests.bench.pin_metrics import changed_bytes_outside, diversity, target_residuals, velocity_steps

FPS = 60.0


def still(frames: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Standing at rest: poses and trans."""
    return np.zeros((frames, 55, 3)), np.tile([0.0, default_skeleton().standing_height, 0.0], (frames, 1))


def test_tracks_are_wrists_and_tips_beyond_the_last_finger_joint():
    skeleton = default_skeleton()
    poses, trans = still()
    points, _ = skeleton.forward(poses, trans)
    tracks = hand_tracks(poses, trans, skeleton)
    assert tracks.shape == (1, 12, 3)
    assert np.allclose(tracks[0, :2], points[0, [20, 21]])
    joint = skeleton.index("left_index3")
    tip = tracks[0, 2]
    assert np.linalg.norm(tip - points[0, joint]) == pytest.approx(
        0.8 * np.linalg.norm(points[0, joint] - points[0, skeleton.index("left_index2")])
    )
    poses[0, joint] = 0.0, 0.0, 0.5
    bent = hand_tracks(poses, trans, skeleton)
    assert np.linalg.norm(bent - tracks, axis=-1)[0, 2] == pytest.approx(
        2.0 * np.sin(0.25) * np.linalg.norm(tip - points[0, joint]), rel=1e-6
    )
    assert np.allclose(np.delete(bent, 2, axis=1), np.delete(tracks, 2, axis=1))


def test_a_velocity_step_is_read_in_metres_a_second():
    times = np.arange(50) / FPS
    tracks = np.zeros((50, 2, 3))
    tracks[:, 1, 0] = np.where(times < times[20], 0.0, 1.5 * (times - times[20]))
    steps = velocity_steps(tracks, FPS)
    assert steps.argmax() == 20
    assert steps[20] == pytest.approx(1.5)
    assert np.delete(steps, 20).max() < 1e-9
    assert not velocity_steps(tracks[:2], FPS).any()


@pytest.mark.parametrize("fps", [24.0, 24000.0 / 1001.0, 30.0, 60.0])
def test_jerk_of_a_cubic_is_its_third_derivative_at_any_rate(fps):
    times = np.arange(40)[:, None, None] / fps
    tracks = np.concatenate([2.0 * times**3, times**2, times], axis=2)
    assert mean_jerk(tracks, fps) == pytest.approx(12.0, rel=1e-6)
    assert mean_jerk(tracks[:3], fps) == 0.0


def test_jerk_over_speed_of_a_circle_is_its_angular_speed_squared():
    turn = 2.0 * np.pi * 1.5
    times = np.arange(600) / FPS
    circle = 0.3 * np.stack([np.cos(turn * times), np.sin(turn * times), 0.0 * times], axis=-1)[:, None]
    jerk, speed = (values[60:-60].mean() for values in low_passed(circle, FPS))
    assert speed == pytest.approx(0.3 * turn, rel=0.01)
    assert jerk / speed == pytest.approx(turn**2, rel=0.02)
    shaken = circle + 0.001 * np.sin(2.0 * np.pi * 25.0 * times)[:, None, None]  # above the band: not counted
    shaken_jerk, shaken_speed = (values[60:-60].mean() for values in low_passed(shaken, FPS))
    assert shaken_jerk / shaken_speed == pytest.approx(turn**2, rel=0.02)


def test_a_standing_figure_is_planted_and_a_lifted_or_fast_foot_is_not():
    poses, trans = still(30)
    points, _ = default_skeleton().forward(poses, trans)
    assert planted_feet(points, 30.0).all()
    lifted = points.copy()
    lifted[:, FEET[0], 1] += 0.06
    assert planted_feet(lifted, 30.0)[:, 0].sum() == 0
    assert planted_feet(lifted, 30.0)[:, 1].all()
    fast = points.copy()
    fast[:, FEET[1], 0] += (np.arange(30) * 0.4 / 30.0)[:, None]
    assert not planted_feet(fast, 30.0)[:, 1].any()


def test_slide_is_the_horizontal_speed_of_planted_feet_in_centimetres():
    poses, trans = still(60)
    trans[:, 0] += np.arange(60) / FPS * 0.04
    trans[:, 1] += np.sin(np.arange(60)) * 0.01  # height does not count
    points, _ = default_skeleton().forward(poses, trans)
    both = np.ones((60, 2), dtype=bool)
    assert foot_slide(points, both, FPS) == pytest.approx(4.0)
    assert foot_slide(points, ~both, FPS) == 0.0


@given(
    st.floats(1e-7, 179.99),
    st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    st.tuples(*[st.floats(-2.0, 2.0)] * 3),
)
def test_rotation_error_is_the_angle_between(degrees, axis, start):
    turn = np.radians(degrees) * np.asarray(axis) / np.linalg.norm(axis)
    first = np.asarray(start)
    second = (Rotation.from_rotvec(first) * Rotation.from_rotvec(turn)).as_rotvec()
    assert rotation_error_degrees(first, second) == pytest.approx(degrees, rel=1e-6, abs=1e-9)


def test_equal_rotations_in_other_words_have_no_error():
    axis = np.array([0.6, 0.0, 0.8])
    assert rotation_error_degrees(axis * 3.0, axis * (3.0 - 2.0 * np.pi)) == pytest.approx(0.0, abs=1e-12)
    assert rotation_error_degrees(np.float32([0.3, 0.2, 0.1]), np.float32([0.3, 0.2, 0.1])) == 0.0


def test_residuals_are_millimetres():
    points = np.zeros((3, 55, 3))
    points[2, 20] = 0.1, 0.2, 0.3
    targets = (Target(20, 2, (0.1, 0.2, 0.302)), Target(21, 0, (0.0, 0.0, 0.0)))
    assert target_residuals(points, targets) == pytest.approx([2.0, 0.0])


def test_diversity_is_the_mean_distance_over_pairs_on_the_chosen_frames():
    clips = [np.full((4, 2, 3), value) for value in (0.0, 1.0, 3.0)]
    clips[0][3] = 100.0
    assert diversity(clips, np.array([True, True, True, False])) == pytest.approx(3.0 * (1.0 + 3.0 + 2.0) / 3.0)
    assert diversity(clips[:1], np.ones(4, dtype=bool)) == 0.0
    assert diversity(clips, np.zeros(4, dtype=bool)) == 0.0


def test_one_changed_bit_outside_the_window_is_seen():
    first = np.zeros((10, 3), np.float32)
    second = first.copy()
    second[3:7] = 1.0
    assert changed_bytes_outside(first, second, (3, 7)) == 0
    second[2, 0] = -0.0  # equal as a number, not as a byte
    assert changed_bytes_outside(first, second, (3, 7)) == 1
    assert changed_bytes_outside(first, second[:5], (3, 7)) > 0
