"""Targets in the world: reached to a fraction of a millimetre, smooth in between, and never silently missed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix, geodesic_angle
from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import hand_tracks
from engine.hints import Hints, Target, satisfy
from engine.hints.limbs import LIMBS
from tests.bench.pin_metrics import target_residuals, velocity_steps
from tests.support.hints_takes import check_exact, real_take, small_take

SKELETON = default_skeleton()
WINDOW = (150, 270)


def points_of(motion: Motion, hints: Hints) -> np.ndarray:
    return hints.skeleton.forward(motion.poses, motion.trans)[0]


def random_targets(seed: int, joints: list[int], motion: Motion, hints: Hints, spacing: int) -> tuple[Target, ...]:
    """Targets within reach of where the limb's root will be on the pinned motion, in any direction."""
    rng = np.random.default_rng(seed)
    points = points_of(satisfy(motion, hints), hints)
    out = []
    for joint in joints:
        limb = LIMBS[joint]
        offsets = np.linalg.norm(hints.skeleton.offsets[[limb.lower, limb.end]], axis=1)
        for frame in range(hints.window[0], hints.window[1], spacing):
            way = rng.normal(size=3)
            reach = rng.uniform(abs(offsets[0] - offsets[1]) + 0.01, 0.9995 * offsets.sum())
            place = points[frame, limb.upper] + way / np.linalg.norm(way) * reach
            out.append(Target(joint, frame, (float(place[0]), float(place[1]), float(place[2]))))
    return tuple(out)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 7]), st.booleans())
def test_reachable_targets_are_reached_with_other_pins_around(seed: int, spacing: int, foreign: bool) -> None:
    rng = np.random.default_rng(seed)
    base, motion = small_take(seed % 97, 40), small_take(seed % 89 + 100, 40)
    rest = SKELETON.rest * rng.uniform(0.7, 1.3) + rng.normal(size=(55, 3)) * 0.01 if foreign else None
    mask = np.zeros((40, 55), bool)
    mask[rng.integers(5, 30, 3)[:, None], [0, 3, 9, 13, 14]] = True  # spine and collars, which carry the arms
    other = small_take(seed % 83 + 200, 40)
    fixed = {"rotations": other.poses, "rotation_mask": mask, "trans": other.trans, "trans_mask": mask[:, 0]}
    joints = [20, 21, 7, 8]
    hints = Hints(base, (5, 30), rest=rest, **fixed)
    targets = random_targets(seed, joints, motion, hints, spacing)
    hints = Hints(base, (5, 30), rest=rest, targets=targets, **fixed)
    result = satisfy(motion, hints)
    check_exact(result, motion, hints)
    residuals = target_residuals(points_of(result, hints), targets)
    assert residuals.max() < 0.2
    reported = result.provenance["hints"]["targets"]
    assert all(entry["reached"] for entry in reported)
    assert np.abs(np.array([entry["residual_mm"] for entry in reported]) - residuals).max() < 1e-3


def test_the_hand_keeps_its_orientation() -> None:
    motion = real_take(0)
    result = satisfy(motion, Hints(motion, WINDOW, targets=(Target(20, 200, (0.3, 1.2, 0.4)),)))
    world = [SKELETON.forward(clip.poses[200:201], clip.trans[200:201])[1][0, 20] for clip in (motion, result)]
    assert geodesic_angle(*world) < 1e-5


def test_dense_targets_move_smoothly_between_and_at_the_ends() -> None:
    motion = real_take(1)
    time = np.arange(60)
    path = np.stack(
        [0.25 + 0.1 * np.sin(time / 15), 1.15 + 0.08 * np.cos(time / 20), 0.35 + 0.05 * np.sin(time / 9)], 1
    )
    targets = tuple(Target(20, 180 + int(frame), tuple(path[frame])) for frame in time)
    hints = Hints(real_take(0), WINDOW, targets=targets)
    result = satisfy(motion, hints)
    assert target_residuals(points_of(result, hints), targets).max() < 0.01
    steps = velocity_steps(hand_tracks(result.poses, result.trans, SKELETON), 30.0)
    usual = np.percentile(velocity_steps(hand_tracks(hints.base.poses, hints.base.trans, SKELETON), 30.0), 99.0)
    assert steps[WINDOW[0] - 1 : WINDOW[1] + 1].max() < usual


def test_an_unreachable_target_is_reported_and_the_arm_stretches_towards_it() -> None:
    motion = real_take(0)
    target = Target(20, 200, (1.5, 1.5, 1.5))
    hints = Hints(motion, WINDOW, targets=(target,))
    result = satisfy(motion, hints)
    points = points_of(result, hints)[200]
    entry = result.provenance["hints"]["targets"][0]
    assert not entry["reached"]
    assert entry["residual_mm"] == pytest.approx(1000.0 * np.linalg.norm(points[20] - target.xyz), abs=0.01)
    line, arm = np.array(target.xyz) - points[16], points[20] - points[16]
    assert arm @ line / np.linalg.norm(arm) / np.linalg.norm(line) > 1.0 - 1e-9
    length = np.linalg.norm(SKELETON.offsets[[18, 20]], axis=1).sum()
    assert length - 0.001 < np.linalg.norm(arm) <= length + 1e-12  # m; the same length, summed in another order


def test_a_target_outside_the_window_is_reported_as_the_base_has_it() -> None:
    motion = real_take(0)
    there = points_of(motion, Hints(motion))[100, 21]
    place = (float(there[0]), float(there[1]), float(there[2]))
    far = Target(21, 100, (place[0] + 0.1, place[1], place[2]))
    hints = Hints(motion, WINDOW, targets=(Target(21, 100, place), far))
    entries = satisfy(motion, hints).provenance["hints"]["targets"]
    assert [entry["reached"] for entry in entries] == [True, False]
    assert entries[1]["residual_mm"] == pytest.approx(100.0, abs=0.1)


@pytest.mark.parametrize(("pinned", "reached"), [((18,), False), ((16,), False), ((16, 18), False), ((20,), True)])
def test_a_pinned_joint_of_the_arm_keeps_its_pin(pinned: tuple[int, ...], reached: bool) -> None:
    motion = real_take(0)
    place = np.array([0.25, 1.2, 0.35])
    mask = np.zeros((motion.frames, 55), bool)
    mask[200, list(pinned)] = True
    base = Hints(motion, WINDOW, motion.poses, mask)
    hints = Hints(motion, WINDOW, motion.poses, mask, targets=(Target(20, 200, tuple(place)),))
    result = satisfy(motion, hints)
    check_exact(result, motion, hints)
    entry = result.provenance["hints"]["targets"][0]
    assert entry["reached"] == reached
    before = np.linalg.norm(points_of(satisfy(motion, base), base)[200, 20] - place) * 1000.0
    assert entry["residual_mm"] <= before + 1e-3
    if pinned == (18,):  # the shoulder still points the arm at it
        points = points_of(result, hints)[200]
        left = abs(np.linalg.norm(points[20] - points[16]) - np.linalg.norm(place - points[16])) * 1000.0
        assert entry["residual_mm"] == pytest.approx(left, abs=1e-3)


def test_an_arm_that_is_not_free_stays_and_the_miss_is_said() -> None:
    motion = real_take(0)
    free = np.ones(55, bool)
    free[[16, 18, 20]] = False
    hints = Hints(motion, WINDOW, targets=(Target(20, 200, (0.3, 1.2, 0.4)),), free_joints=free)
    result = satisfy(real_take(1), hints)
    check_exact(result, real_take(1), hints)
    assert not result.provenance["hints"]["targets"][0]["reached"]


@settings(max_examples=15, deadline=None)
@given(st.floats(-75.0, 75.0), st.floats(-0.3, 0.3), st.floats(0.5, 5.0), st.integers(150, 269))
def test_the_head_looks_at_its_target(yaw: float, rise: float, far: float, frame: int) -> None:
    motion = real_take(0)
    head = points_of(motion, Hints(motion))[frame, 15]
    angle = np.radians(yaw)
    place = head + far * np.array([np.sin(angle), rise, np.cos(angle)])
    hints = Hints(motion, WINDOW, targets=(Target(15, frame, tuple(place.tolist())),))
    result = satisfy(motion, hints)
    assert result.provenance["hints"]["targets"][0]["reached"]
    points, turns = SKELETON.forward(result.poses[frame : frame + 1], result.trans[frame : frame + 1])
    way = place - points[0, 15]
    assert np.degrees(np.arccos(min(1.0, turns[0, 15, :, 2] @ way / np.linalg.norm(way)))) < 0.05


def test_a_head_does_not_turn_round() -> None:
    motion = real_take(0)
    hints = Hints(motion, WINDOW, targets=(Target(15, 200, (0.0, 1.5, -3.0)),))
    result = satisfy(motion, hints)
    assert not result.provenance["hints"]["targets"][0]["reached"]
    turns = axis_angle_to_matrix(result.poses[200, [12, 15]])
    assert np.degrees(geodesic_angle(np.eye(3), turns)).max() < 75.0


@pytest.mark.parametrize("pinned", [(12,), (15,)])
def test_with_neck_or_head_pinned_the_other_looks(pinned: tuple[int, ...]) -> None:
    motion = real_take(0)
    mask = np.zeros((motion.frames, 55), bool)
    mask[200, list(pinned)] = True
    hints = Hints(motion, WINDOW, motion.poses, mask, targets=(Target(15, 200, (0.4, 1.6, 2.0), 0.001),))
    result = satisfy(motion, hints)
    check_exact(result, motion, hints)
    assert result.provenance["hints"]["targets"][0]["reached"]


def test_two_targets_on_one_frame_the_later_holds() -> None:
    motion = real_take(0)
    targets = (Target(20, 200, (0.3, 1.2, 0.4)), Target(20, 200, (0.3, 1.3, 0.4)))
    entries = satisfy(motion, Hints(motion, WINDOW, targets=targets)).provenance["hints"]["targets"]
    assert [entry["reached"] for entry in entries] == [False, True]


def test_the_motion_between_sparse_targets_stays_smooth() -> None:
    motion = real_take(0)
    targets = tuple(Target(21, frame, (-0.3, 1.1 + 0.1 * (frame % 2), 0.35)) for frame in (180, 195, 220, 241))
    hints = Hints(motion, WINDOW, targets=targets)
    result = satisfy(motion, hints)
    steps = velocity_steps(hand_tracks(result.poses, result.trans, SKELETON), 30.0)
    usual = velocity_steps(hand_tracks(motion.poses, motion.trans, SKELETON), 30.0)
    around = slice(WINDOW[0] - 1, WINDOW[1] + 1)
    assert steps[around].max() < 1.25 * usual[around].max()
    assert (steps - usual)[around].max() < np.percentile(usual, 90.0)
