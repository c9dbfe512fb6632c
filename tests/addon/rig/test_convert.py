"""The add-on's own rotation maths against SciPy, and its resampling against SciPy's splines."""

from __future__ import annotations

import bpy  # noqa: F401 - mathutils is there once bpy is
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mathutils import Euler
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from addon.client.take_file import Take
from addon.rig import convert
from addon.takes.resample import cubic, to_rate

vectors = st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3).map(np.array)


def same_rotation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(np.abs(np.sum(first * second, axis=-1)) - 1.0).max())


@given(vectors)
def test_axis_angle_quaternion_matrix_round_trip(vector):
    quat = convert.axis_angle_to_quaternion(vector)
    wanted = Rotation.from_rotvec(vector)
    assert same_rotation(quat, wanted.as_quat()[[3, 0, 1, 2]]) < 1e-12
    assert np.allclose(convert.quaternion_to_matrix(quat), wanted.as_matrix(), atol=1e-12)
    assert same_rotation(convert.matrix_to_quaternion(wanted.as_matrix()), quat) < 1e-12
    assert np.allclose(convert.quaternion_to_axis_angle(quat), wanted.as_rotvec(), atol=1e-9)


def test_half_turns_and_tiny_rotations_stay_exact():
    tiny = np.array([[0.0, 0.0, 0.0], [1e-9, 0.0, 0.0], [0.0, 1e-5, 0.0]])
    assert np.allclose(convert.quaternion_to_axis_angle(convert.axis_angle_to_quaternion(tiny)), tiny, atol=1e-15)
    half = np.pi * np.eye(3)
    matrices = Rotation.from_rotvec(half).as_matrix()
    assert same_rotation(convert.matrix_to_quaternion(matrices), convert.axis_angle_to_quaternion(half)) < 1e-12


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_euler_is_blenders_and_continuous(order):
    walk = np.cumsum(np.random.default_rng(1).normal(scale=0.05, size=(400, 3)), axis=0)
    quats = convert.continuous(convert.axis_angle_to_quaternion(walk))
    angles = convert.quaternion_to_euler(quats, order)
    again = np.array([Euler(triple, order).to_quaternion() for triple in angles])
    assert same_rotation(again, quats) < 1e-6
    away_from_lock = np.abs(np.cos(angles[:, "XYZ".index(order[1])])) > 0.3
    steps = np.abs(np.diff(angles, axis=0)).max(axis=-1)
    assert steps[away_from_lock[1:] & away_from_lock[:-1]].max() < 1.0


def test_euler_at_gimbal_lock_is_the_same_rotation():
    quats = convert.axis_angle_to_quaternion([[0.0, np.pi / 2, 0.0], [0.0, -np.pi / 2, 0.0]])
    angles = convert.quaternion_to_euler(quats, "XYZ")
    again = Rotation.from_euler("xyz", angles).as_quat()[:, [3, 0, 1, 2]]
    assert same_rotation(again, quats) < 1e-12


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_continuous_removes_every_sign_flip(seed):
    rng = np.random.default_rng(seed)
    quats = convert.axis_angle_to_quaternion(np.cumsum(rng.normal(scale=0.2, size=(50, 4, 3)), axis=0))
    flipped = quats * rng.choice([-1.0, 1.0], size=(50, 4, 1))
    smooth = convert.continuous(flipped)
    assert np.all(np.sum(smooth[1:] * smooth[:-1], axis=-1) >= 0.0)
    assert same_rotation(smooth, quats) < 1e-12


@pytest.mark.parametrize("rows", [3, 4, 50])
def test_cubic_is_the_natural_spline(rows):
    values = np.random.default_rng(0).normal(size=(rows, 5))
    at = np.linspace(0.0, rows - 1.0, 77)
    wanted = CubicSpline(np.arange(rows), values, bc_type="natural")(at)
    assert np.allclose(cubic(values, at), wanted, atol=1e-12)


def test_another_rate_keeps_times_duration_and_smoothness():
    seconds = np.arange(60) / 30.0
    poses = np.zeros((60, 55, 3), np.float32)
    poses[:, 16, 2] = 1.2 * np.sin(2 * np.pi * seconds)
    trans = np.stack([seconds, 1.3 + 0 * seconds, 0 * seconds], axis=-1)
    clip = to_rate(Take(poses, trans, 30.0, np.tile(np.linspace(0, 1, 60), (52, 1)).T), 24 / 1.001)
    assert clip.frames == round(2.0 * 24 / 1.001)
    times = np.minimum(np.arange(clip.frames) * 1.001 / 24, 59 / 30)
    angle = convert.quaternion_to_axis_angle(clip.quaternions[:, 16])[:, 2]
    assert np.abs(angle - 1.2 * np.sin(2 * np.pi * times)).max() < 3e-3
    assert np.allclose(clip.trans[:, 0], times, atol=1e-6)
    assert np.allclose(clip.blendshapes[:, 0], times * 30 / 59, atol=1e-6)
    assert 0.0 <= clip.blendshapes.min() <= clip.blendshapes.max() <= 1.0


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_takes_resample(frames):
    clip = to_rate(Take(np.ones((frames, 55, 3)), np.ones((frames, 3)), 30.0), 60.0)
    assert clip.frames == 2 * frames
    assert np.allclose(clip.trans, 1.0)


def test_the_same_rate_is_left_alone():
    take = Take(np.random.default_rng(0).normal(scale=0.3, size=(9, 55, 3)), np.zeros((9, 3)), 23.976)
    clip = to_rate(take, 24000 / 1001)
    assert clip.frames == 9
    assert np.allclose(convert.quaternion_to_axis_angle(clip.quaternions), take.poses, atol=2e-6)
