"""Joint limits and inverse kinematics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from engine.body.curves import soft_clamp
from engine.body.kinematics import (
    hinge_limb,
    look_frame,
    rotation_x,
    rotation_y,
    rotation_z,
    swing_twist,
    two_bone_delta,
)
from engine.body.limits import joint_limits, limit_rotations
from engine.body.rotations import axis_angle_to_matrix, geodesic_angle, matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from tests.places import CORPUS

SKELETON = default_skeleton()
ANGLE = st.floats(-3.0, 3.0)
POINT = st.tuples(*[st.floats(-0.4, 0.4)] * 3)


@given(value=st.floats(-10.0, 10.0), soft=st.floats(0.05, 1.0))
def test_soft_clamp_is_identity_inside_and_smooth_at_the_border(value: float, soft: float) -> None:
    values = np.array([value])
    out = soft_clamp(values, -1.0, 2.0, soft)[0]
    if -1.0 <= value <= 2.0:
        assert out == value
    assert -1.0 - soft <= out <= 2.0 + soft
    step = 1e-6
    for border in (-1.0, 2.0):
        a, b, c = soft_clamp(np.array([border - step, border, border + step]), -1.0, 2.0, soft)
        assert abs((c - b) - (b - a)) < 1e-4 * step / soft + 1e-11


@given(x=ANGLE, y=ANGLE, z=ANGLE)
def test_swing_and_twist_compose_to_the_rotation(x: float, y: float, z: float) -> None:
    rotation = axis_angle_to_matrix([[x, y, z]])
    for axis in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]):
        swing, twist = swing_twist(rotation, axis)
        back = Rotation.from_rotvec(swing) * Rotation.from_rotvec(twist[:, None] * np.array(axis))
        np.testing.assert_allclose(back.as_matrix(), rotation, atol=1e-9)
        assert abs(float(swing[0] @ axis)) < 1e-9


def test_axis_rotations_turn_the_right_way() -> None:
    angle = np.array([0.3])
    for make, axis in ((rotation_x, 0), (rotation_y, 1), (rotation_z, 2)):
        np.testing.assert_allclose(make(angle), axis_angle_to_matrix(0.3 * np.eye(3)[[axis]]), atol=1e-12)


def test_limits_hold_every_joint_and_mirror_the_sides() -> None:
    rng = np.random.default_rng(1)
    turns = Rotation.random(4000, random_state=3).as_matrix()
    limits = {limit.joint: limit for limit in joint_limits()}
    assert len(limits) == len(joint_limits())
    for limit in joint_limits():
        kept, changed = limit_rotations(turns, limit)
        assert changed.any()
        assert (kept[~changed] == turns[~changed]).all()
        again, _ = limit_rotations(kept, limit)
        assert np.degrees(geodesic_angle(again, kept)).max() < 3.0 * np.degrees(limit.soft)
        twin = limits[SKELETON.mirror[limit.joint]]
        flip = np.diag([-1.0, 1.0, 1.0])
        sample = turns[rng.integers(0, len(turns), 50)]
        mine, _ = limit_rotations(sample, limit)
        if twin.joint != limit.joint:
            other, _ = limit_rotations(flip @ sample @ flip, twin)
            np.testing.assert_allclose(flip @ other @ flip, mine, atol=1e-9)


def test_elbows_and_knees_do_not_bend_backwards() -> None:
    pose = np.zeros((5, 55, 3))
    pose[:, 18, 1] = np.radians([40, 20, 0, -90, -170])  # a left elbow flexes about -y
    pose[:, 19, 1] = -pose[:, 18, 1]
    pose[:, 4, 0] = np.radians([-40, -1, 20, 90, 170])
    out = axis_angle_to_matrix(pose)
    for limit in joint_limits():
        out[:, limit.joint], _ = limit_rotations(out[:, limit.joint], limit)
    back = np.degrees(matrix_to_axis_angle(out))
    np.testing.assert_allclose(back[2:4, 18, 1], [0.0, -90.0], atol=1e-6)
    assert 8.0 < back[0, 18, 1] <= 14.0
    assert back[4, 18, 1] >= -152.0
    np.testing.assert_allclose(back[:, 19, 1], -back[:, 18, 1], atol=1e-6)
    assert -9.0 <= back[0, 4, 0] < -3.0
    assert back[4, 4, 0] <= 151.0


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.exists(), reason="../shared/corpus is not there")
def test_captured_motion_is_hardly_touched_by_the_limits() -> None:
    poses = np.load(CORPUS / "poses_straightarm.npz")["poses"][::10].reshape(-1, 55, 3).astype(np.float64)
    local = axis_angle_to_matrix(poses)
    for limit in joint_limits():
        _, changed = limit_rotations(local[:, limit.joint], limit)
        assert changed.mean() < 0.015, SKELETON.names[limit.joint]


@settings(max_examples=60)
@given(middle=POINT, end=POINT, target=POINT, pole=POINT)
def test_two_bones_reach_their_target_or_say_by_how_much_not(
    middle: tuple[float, ...], end: tuple[float, ...], target: tuple[float, ...], pole: tuple[float, ...]
) -> None:
    root, m, e, t, p = (np.array([point]) for point in ((0.0, 0.0, 0.0), middle, end, target, pole))
    lengths = np.linalg.norm(m - root), np.linalg.norm(e - m)
    if min(lengths) < 0.05 or np.linalg.norm(t) < 0.05:
        return
    delta = two_bone_delta(root, m, e, t, p, np.array([[0.0, 1.0, 0.0]]))
    for turn in (delta.upper[0], delta.lower[0]):
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    new_middle = delta.upper[0] @ m[0]
    new_end = new_middle + delta.lower[0] @ (e - m)[0]
    assert abs(np.linalg.norm(new_end - t[0]) - delta.residual[0]) < 1e-6
    span = np.linalg.norm(t)
    if abs(lengths[0] - lengths[1]) + 0.01 < span < sum(lengths) - 0.01:
        assert delta.residual[0] < 1e-9


def test_two_bones_stay_where_they_are_when_nothing_is_asked() -> None:
    rng = np.random.default_rng(2)
    root, middle, end = rng.normal(0.0, 0.3, (3, 50, 3))
    delta = two_bone_delta(root, middle, end, end, middle, np.tile([0.0, 1.0, 0.0], (50, 1)))
    for turn in (delta.upper, delta.lower):
        np.testing.assert_allclose(turn, np.broadcast_to(np.eye(3), turn.shape), atol=1e-6)


@settings(max_examples=60)
@given(x=st.floats(-0.15, 0.15), y=st.floats(-0.78, -0.35), z=st.floats(-0.2, 0.2))
def test_a_hinged_leg_reaches_with_its_knee_forward(x: float, y: float, z: float) -> None:
    thigh = SKELETON.rest[4] - SKELETON.rest[1]
    shank = SKELETON.rest[7] - SKELETON.rest[4]
    target = np.array([[x, y, z]])
    limb = hinge_limb(thigh, shank, [1.0, 0.0, 0.0], np.zeros((1, 3)), target, [0.0, 0.0, 1.0], soft=0.0003)
    knee = limb.root[0] @ thigh
    ankle = knee + limb.root[0] @ rotation_x(limb.hinge)[0] @ shank
    assert np.linalg.norm(ankle - target[0]) <= limb.residual[0] + 1e-9
    line = target[0] / np.linalg.norm(target[0])
    bent = np.degrees(limb.hinge[0])
    assert bent > -4.0  # straight: the rest leg is a little bent already
    if np.linalg.norm(target) < 0.77:
        assert limb.residual[0] < 1e-9
        assert knee[2] - line[2] * float(knee @ line) > 0.0


def test_look_frames_are_rotations_even_for_parallel_vectors() -> None:
    frame = look_frame(np.array([[0.0, 2.0, 0.0], [1.0, 1.0, 0.0]]), np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(frame @ np.swapaxes(frame, -1, -2), np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(frame), 1.0)
