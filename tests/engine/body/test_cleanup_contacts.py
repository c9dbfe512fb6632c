"""Arms out of the body, hands out of each other, feet on the floor; nothing touched where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from engine.body.cleanup import clean, foot_lock, push_arms
from engine.body.joints import ARMS_WITH_HANDS
from engine.body.kinematics import two_bone_delta
from engine.body.rotations import axis_angle_to_matrix, geodesic_angle
from engine.body.skeleton import default_skeleton
from engine.body.solids import arm_samples, body_distance, hand_distance
from engine.generators.life.body import base_motion
from engine.generators.life.noise import rise_and_fall
from engine.generators.life.postures import rest_posture, spine_rest
from engine.plan.types import GesturePlan

SKELETON = default_skeleton()
FPS = 30.0


def standing(name: str = "loose_front", frames: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A still body in a rest posture."""
    pose = spine_rest()
    arms = rest_posture(name, False).arms
    for side in (0, 1):
        pose[list(ARMS_WITH_HANDS[side])] = arms[side].reshape(18, 3)
    local = axis_angle_to_matrix(np.tile(pose, (frames, 1, 1)))
    return local, np.tile([0.0, SKELETON.standing_height, 0.0], (frames, 1))


def reach(local: np.ndarray, trans: np.ndarray, side: int, offset: tuple[float, float, float]) -> np.ndarray:
    """The arm carried by ``offset`` and back in the middle of the clip, hand orientation kept in the world."""
    shoulder, elbow, wrist = ARMS_WITH_HANDS[side][:3]
    points, world = SKELETON.forward_matrices(local, trans)
    push = rise_and_fall(np.arange(len(local)) / FPS, 1.0, 1.6, 0.5, 2.8)[:, None] * np.array(offset)
    s, e, w = points[:, shoulder], points[:, elbow], points[:, wrist]
    delta = two_bone_delta(s, e, w, w + push, e, world[:, shoulder] @ np.array([0.0, -1.0 if side == 0 else 1.0, 0.0]))
    out = local.copy()
    upper, lower = delta.upper @ world[:, shoulder], delta.lower @ world[:, elbow]
    out[:, shoulder] = np.swapaxes(world[:, SKELETON.parents[shoulder]], -1, -2) @ upper
    out[:, elbow] = np.swapaxes(upper, -1, -2) @ lower
    out[:, wrist] = np.swapaxes(lower, -1, -2) @ world[:, wrist]
    return out


def depth(local: np.ndarray, trans: np.ndarray) -> float:
    """Deepest penetration of hands and forearms into body or the other arm, metres."""
    points, world = SKELETON.forward_matrices(local, trans)
    worst = 0.0
    for side in (0, 1):
        samples = arm_samples(SKELETON, points, side)
        worst = max(worst, -float(body_distance(samples, points, world)[0].min()))
        worst = max(worst, -float(hand_distance(samples, points, world, 1 - side)[0].min()))
    return worst


def highest_jerk(local: np.ndarray, trans: np.ndarray) -> float:
    points, _ = SKELETON.forward_matrices(local, trans)
    return float(np.linalg.norm(np.diff(points[:, [20, 21]], 3, axis=0), axis=-1).max() * FPS**3)


@pytest.mark.parametrize("name", ["sides", "loose_front", "low_clasp", "wrist_hold"])
def test_a_body_with_nothing_wrong_comes_back_bit_for_bit(name: str) -> None:
    local, trans = standing(name)
    out, place = clean(local, trans, FPS, SKELETON)
    assert out.tobytes() == local.tobytes()
    assert place.tobytes() == trans.tobytes()
    assert out is not local


def test_most_of_body_life_needs_no_cleaning() -> None:
    touched, frames = 0, 0
    for seed in range(5):
        plan = GesturePlan(30.0, "explain", seed, 1.0, ())
        local, trans = base_motion(plan, np.arange(900) / FPS, seed, False)
        out, _ = clean(local, trans, FPS, SKELETON)
        touched += int((out != local).any(axis=(1, 2, 3)).sum())
        frames += len(local)
        assert depth(out, trans) < 0.006
    assert touched < 0.1 * frames


@pytest.mark.parametrize(
    ("side", "offset"),
    [
        (0, (-0.10, 0.02, -0.22)),  # into the belly
        (1, (0.02, 0.05, -0.24)),
        (0, (-0.03, -0.12, -0.19)),  # into the thigh
        (1, (0.10, 0.48, -0.20)),  # into the face
    ],
)
def test_a_hand_inside_the_body_is_pushed_out_smoothly(side: int, offset: tuple[float, float, float]) -> None:
    local, trans = standing()
    wrong = reach(local, trans, side, offset)
    assert depth(wrong, trans) > 0.02
    out = wrong.copy()
    push_arms(out, trans, FPS, SKELETON)
    assert depth(out, trans) < 0.0065
    assert highest_jerk(out, trans) < highest_jerk(wrong, trans) + 250.0
    changed = (out != wrong).any(axis=(2, 3))
    assert not changed[:25].any()
    assert not changed[-25:].any()
    other = [joint for joint in range(55) if joint not in ARMS_WITH_HANDS[side][:3]]
    assert not changed[:, other].any()
    before, after = (SKELETON.forward_matrices(x, trans)[1][:, ARMS_WITH_HANDS[side][2]] for x in (wrong, out))
    assert np.degrees(geodesic_angle(before, after)).max() < 0.01  # the hand keeps its orientation


def test_hands_pushed_into_each_other_part_evenly() -> None:
    local, trans = standing()
    wrong = reach(local, trans, 0, (-0.16, 0.0, 0.0))
    wrong = reach(wrong, trans, 1, (0.13, 0.0, 0.0))
    assert depth(wrong, trans) > 0.02
    out, _ = clean(wrong, trans, FPS, SKELETON)
    assert depth(out, trans) < 0.007
    p0, p1 = (SKELETON.forward_matrices(x, trans)[0][:, [20, 21]] for x in (wrong, out))
    moved = np.linalg.norm(p1 - p0, axis=-1).max(axis=0)
    assert 0.5 < moved[0] / moved[1] < 2.0


def test_an_elbow_inside_the_chest_swings_out_and_the_wrist_stays() -> None:
    local, trans = standing()
    points, world = SKELETON.forward_matrices(local, trans)
    s, e, w = points[:, 16], points[:, 18], points[:, 20]
    inward = e + np.array([-0.35, 0.0, 0.0])
    delta = two_bone_delta(s, e, w, w, inward, world[:, 16] @ np.array([0.0, -1.0, 0.0]))
    wrong = local.copy()
    upper, lower = delta.upper @ world[:, 16], delta.lower @ world[:, 18]
    wrong[:, 16] = np.swapaxes(world[:, 13], -1, -2) @ upper
    wrong[:, 18] = np.swapaxes(upper, -1, -2) @ lower
    wrong[:, 20] = np.swapaxes(lower, -1, -2) @ world[:, 20]
    assert depth(wrong, trans) > 0.02
    out, _ = clean(wrong, trans, FPS, SKELETON)
    assert depth(out, trans) < 0.0065
    moved = (
        SKELETON.forward_matrices(out, trans)[0][:, [18, 20]] - SKELETON.forward_matrices(wrong, trans)[0][:, [18, 20]]
    )
    size = np.linalg.norm(moved, axis=-1).max(axis=0)
    assert size[0] > 2.0 * size[1]


def sliding(frames: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A standing body whose pelvis drifts under unchanged leg rotations, so that the feet skate."""
    plan = GesturePlan(4.0, "calm", 3, 1.0, ())
    local, trans = base_motion(plan, np.arange(frames) / FPS, 3, False)
    trans = trans.copy()
    trans[:, 0] += 0.03 * np.sin(np.arange(frames) / 20.0)
    trans[:, 2] += 0.02 * np.sin(np.arange(frames) / 31.0)
    return local, trans


def test_planted_feet_stop_sliding_and_the_soles_stay_flat() -> None:
    local, trans = sliding()
    out, place = foot_lock(local, trans, FPS, SKELETON)
    points, world = SKELETON.forward_matrices(out, place)
    feet = points[:, [7, 8, 10, 11]]
    assert np.linalg.norm(np.diff(feet, axis=0), axis=-1).max() < 1e-4
    np.testing.assert_allclose(points[:, [10, 11], 1], SKELETON.toe_height, atol=1e-4)
    assert np.abs(np.diff(world[:, [7, 8]], axis=0)).max() < 1e-6
    upper = [joint for joint in range(55) if joint not in (1, 2, 4, 5, 7, 8)]
    assert (out[:, upper] == local[:, upper]).all()


def test_a_leg_that_would_be_overstretched_brings_the_pelvis_down() -> None:
    local, trans = sliding()
    trans[:, 1] += 0.05 * np.sin(np.arange(len(trans)) / 15.0) ** 2
    feet_at_first = SKELETON.forward_matrices(local[:1], trans[:1])[0][:, [7, 8]]
    out, place = foot_lock(local, trans, FPS, SKELETON)
    points, _ = SKELETON.forward_matrices(out, place)
    assert np.linalg.norm(np.diff(points[:, [7, 8]], axis=0), axis=-1).max() < 1e-4
    assert (place[:, 1] <= trans[:, 1] + 1e-9).all()
    assert np.abs(np.diff(place[:, 1], 2)).max() < 0.004
    assert np.abs(points[:, [7, 8]] - feet_at_first).max() < 0.08


def test_still_feet_and_free_feet_are_left_alone() -> None:
    plan = GesturePlan(4.0, "calm", 3, 1.0, ())
    local, trans = base_motion(plan, np.arange(120) / FPS, 3, False)
    out, place = foot_lock(local, trans, FPS, SKELETON)
    assert out.tobytes() == local.tobytes()
    assert place.tobytes() == trans.tobytes()
    local, trans = sliding()
    contacts = np.zeros((120, 2), dtype=bool)
    out, _ = foot_lock(local, trans, FPS, SKELETON, contacts)
    assert out.tobytes() == local.tobytes()


def test_a_contact_begins_and_ends_without_a_jump() -> None:
    local, trans = sliding()
    contacts = np.zeros((120, 2), dtype=bool)
    contacts[40:80] = True
    out, place = foot_lock(local, trans, FPS, SKELETON, contacts)
    points, _ = SKELETON.forward_matrices(out, place)
    raw, _ = SKELETON.forward_matrices(local, trans)
    step = np.linalg.norm(np.diff(points[:, [7, 8]], axis=0), axis=-1)
    assert step[40:79].max() < 1e-4
    assert step.max() < np.linalg.norm(np.diff(raw[:, [7, 8]], axis=0), axis=-1).max() + 0.01
    np.testing.assert_allclose(points[:30], raw[:30], atol=2e-3)
