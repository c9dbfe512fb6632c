"""The capsule test of arms and hands against the body and each other, and that generated takes pass it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.body.joints import ARMS_WITH_HANDS
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import default_skeleton
from engine.evaluation.clearance import ALLOWED_M, arm_capsules, penetration, segment_gap
from engine.generators.life.postures import _solve_arm, arm_table, rest_posture, spine_rest
from tests.support.regen import base

SKELETON = default_skeleton()
POINT = st.tuples(*[st.floats(-0.5, 0.5)] * 3).map(np.array)


@settings(max_examples=80, deadline=None)
@given(p=POINT, q=POINT, r=POINT, s=POINT)
def test_the_gap_of_two_segments_is_the_least_over_both(p, q, r, s) -> None:
    first, second, gap = segment_gap(p[None], q[None], r[None], s[None])
    share = np.linspace(0.0, 1.0, 41)
    one, two = p + share[:, None] * (q - p), r + share[:, None] * (s - r)
    sampled = np.linalg.norm(one[:, None] - two[None], axis=-1).min()
    assert gap[0] <= sampled + 1e-6
    assert gap[0] >= sampled - 0.06  # the samples are up to 0.043 m apart on either
    at = np.linalg.norm((p + first[0] * (q - p)) - (r + second[0] * (s - r)))
    assert abs(at - gap[0]) < 1e-9


def test_a_capsule_arm_is_as_long_as_the_arm() -> None:
    points, _ = SKELETON.forward(np.zeros((1, 55, 3)), np.zeros((1, 3)))
    limb = arm_capsules(points, 0)
    assert np.allclose(limb.ends[0, 1], points[0, 20])
    assert limb.hand.sum() == 19
    assert np.all(limb.radii > 0.0)


def posed(left: list[float], right: list[float]) -> np.ndarray:
    """(1, 55, 3, 3) upright with both wrists there, metres from the pelvis, fingers forward and palms down."""
    pose = spine_rest()
    for side, (wrist, out) in enumerate(((left, 1.0), (right, -1.0))):
        goal = {
            "wrist": wrist,
            "elbow": [out, -0.5, -0.5],
            "fingers": [0, 0, 1],
            "palm": [0, -1, 0],
            "hand": "flat_soft",
        }
        pose[list(ARMS_WITH_HANDS[side])] = _solve_arm(goal, side, False).reshape(18, 3)
    return axis_angle_to_matrix(pose[None])


def depth_of(local: np.ndarray) -> float:
    return float(penetration(local, np.zeros((1, 3)), SKELETON)[0])


def test_a_wrist_in_the_belly_is_as_deep_as_it_was_put_there() -> None:
    assert depth_of(posed([0.3, 0.15, 0.25], [-0.3, 0.15, 0.25])) == 0.0
    shallow = depth_of(posed([0.05, 0.15, 0.08], [-0.3, 0.15, 0.25]))
    deep = depth_of(posed([0.05, 0.15, 0.06], [-0.3, 0.15, 0.25]))
    assert shallow > 0.005
    assert 0.012 < deep - shallow < 0.028


def test_hands_in_each_other_are_found_though_they_are_clear_of_the_body() -> None:
    assert depth_of(posed([0.09, 0.15, 0.3], [-0.09, 0.15, 0.3])) == 0.0
    assert depth_of(posed([0.015, 0.15, 0.3], [-0.015, 0.15, 0.3])) > ALLOWED_M
    # The same left hand alone is clear: it is the other one that it lies in.
    assert depth_of(posed([0.015, 0.15, 0.3], [-0.25, 0.15, 0.3])) == 0.0


def test_every_rest_posture_is_clear() -> None:
    for name in arm_table()["postures"]:
        for mirrored in (False, True):
            pose = spine_rest()
            posture = rest_posture(name, mirrored)
            for side in (0, 1):
                pose[list(ARMS_WITH_HANDS[side])] = posture.arms[side].reshape(18, 3)
            local = axis_angle_to_matrix(pose[None])
            assert penetration(local, np.zeros((1, 3)), SKELETON)[0] <= ALLOWED_M, name


def test_a_generated_take_is_clear() -> None:
    motion = base()
    local = axis_angle_to_matrix(motion.poses.astype(np.float64))
    depth = penetration(local, motion.trans.astype(np.float64), SKELETON)
    assert (depth <= ALLOWED_M).mean() >= 0.995
