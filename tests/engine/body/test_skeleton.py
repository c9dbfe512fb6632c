"""The skeleton: symmetric rest, forward kinematics, mirroring."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.body.skeleton import default_skeleton, mirror_poses

SKELETON = default_skeleton()
POSES = arrays(np.float64, (2, 55, 3), elements=st.floats(-2.0, 2.0))


def test_rest_is_symmetric_and_the_arms_are_straight_from_the_front():
    rest = SKELETON.rest
    assert np.allclose(rest, rest[list(SKELETON.mirror)] * [-1, 1, 1])
    shoulder, elbow, wrist = (rest[SKELETON.index(f"left_{name}")] for name in ("shoulder", "elbow", "wrist"))
    upper, lower = (elbow - shoulder)[:2], (wrist - elbow)[:2]
    assert abs(upper[0] * lower[1] - upper[1] * lower[0]) / (np.hypot(*upper) * np.hypot(*lower)) < 1e-3


def test_standing_puts_the_toe_bases_two_centimetres_above_the_floor():
    points, _ = SKELETON.forward(np.zeros((1, 55, 3)), [[0.0, SKELETON.standing_height, 0.0]])
    assert np.allclose(points[0, [10, 11], 1], 0.02)
    assert 1.28 < SKELETON.standing_height < 1.33


def test_forward_kinematics_of_one_bent_elbow():
    poses = np.zeros((1, 55, 3))
    poses[0, SKELETON.index("left_elbow"), 1] = np.pi / 2  # about the vertical: the forearm turns from +x to -z
    points, _ = SKELETON.forward(poses, np.zeros((1, 3)))
    elbow, wrist = points[0, 18], points[0, 20]
    offset = SKELETON.offsets[20]
    assert np.allclose(wrist - elbow, [offset[2], offset[1], -offset[0]])


@settings(max_examples=20, deadline=None)
@given(POSES)
def test_bone_lengths_never_change(poses):
    points, _ = SKELETON.forward(poses, np.zeros((2, 3)))
    lengths = np.linalg.norm(points[:, 1:] - points[:, list(SKELETON.parents[1:])], axis=-1)
    assert np.allclose(lengths, np.linalg.norm(SKELETON.offsets[1:], axis=-1), atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(POSES, arrays(np.float64, (2, 3), elements=st.floats(-1.0, 1.0)))
def test_mirroring_mirrors_every_joint_and_undoes_itself(poses, trans):
    points, _ = SKELETON.forward(poses, trans)
    flipped, _ = SKELETON.forward(*mirror_poses(poses, trans))
    assert np.allclose(flipped[:, list(SKELETON.mirror)] * [-1, 1, 1], points, atol=1e-9)
    twice = mirror_poses(*mirror_poses(poses, trans))
    assert np.array_equal(twice[0], poses)
    assert np.array_equal(twice[1], trans)
