"""Planted feet stay through pins of the root, and a leg meets the base at the window's borders without a pop."""

from __future__ import annotations

import numpy as np
import pytest

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import foot_slide
from engine.hints import Hints, Target, satisfy
from engine.hints.channels import turned
from tests.support.hints_takes import check_exact, real_take

SKELETON = default_skeleton()
WINDOW = (150, 270)
FRAME = 205
STANDS, STANDS_TOO, STEPS = 1, 2, 0  # seeds whose feet stay where they are, and one whose left foot steps at 173


def points_of(motion: Motion) -> np.ndarray:
    return SKELETON.forward(motion.poses, motion.trans)[0]


def root_pins(base: Motion, shift: tuple[float, float, float], turn: tuple[float, float, float]) -> Hints:
    mask = np.zeros((base.frames, 55), bool)
    mask[FRAME, 0] = any(turn)
    rooted = np.zeros(base.frames, bool)
    rooted[FRAME] = any(shift)
    pose, trans = base.poses.copy(), base.trans.copy()
    pose[FRAME, 0] = turned(pose[FRAME, :1].astype(float), np.array([turn]))[0]
    trans[FRAME] += np.array(shift, np.float32)
    return Hints(base, WINDOW, pose, mask, trans, rooted)


@pytest.mark.parametrize("seed", [STANDS, STANDS_TOO])
@pytest.mark.parametrize(
    ("shift", "turn"),
    [
        ((0.05, -0.03, 0.03), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.05, 0.3, 0.08)),
        ((-0.04, -0.05, -0.04), (0.1, -0.2, -0.08)),
    ],
)
def test_feet_stay_through_root_pins(seed: int, shift: tuple[float, float, float], turn: tuple[float, ...]) -> None:
    base, motion = real_take(STANDS), real_take(seed)
    hints = root_pins(base, shift, turn)
    result = satisfy(motion, hints)
    check_exact(result, motion, hints)
    around = slice(WINDOW[0] - 5, WINDOW[1] + 5)
    always = np.ones((motion.frames, 2), bool)[around]
    slide = [foot_slide(points_of(clip)[around], always, 30.0) for clip in (result, motion)]
    assert slide[0] - slide[1] < 0.5
    off = np.linalg.norm((points_of(result) - points_of(base))[around, 7:9], axis=-1)  # not another seed's stance
    assert off.max() < 0.001
    knees = np.abs(np.diff(points_of(result)[around, 4:6], 2, axis=0)).max() * 30.0
    assert knees < 0.12


def test_without_a_lock_the_feet_would_slide() -> None:
    """The control: the same root pin carried by the spline alone."""
    base = real_take(STANDS)
    free = np.ones(55, bool)
    free[[1, 4, 7, 2, 5, 8]] = False
    hints = root_pins(base, (0.05, -0.03, 0.03), (0.0, 0.0, 0.0))
    hints = Hints(base, WINDOW, hints.rotations, hints.rotation_mask, hints.trans, hints.trans_mask, free_joints=free)
    result = satisfy(base, hints)
    check_exact(result, base, hints)
    assert np.linalg.norm((points_of(result) - points_of(base))[FRAME, 7:9], axis=-1).min() > 0.05


def test_a_leg_that_is_pinned_keeps_its_pin_and_an_ankle_its_target() -> None:
    base = real_take(STANDS)
    hints = root_pins(base, (0.05, -0.03, 0.03), (0.0, 0.0, 0.0))
    mask = hints.rotation_mask.copy()
    mask[FRAME, [1, 4]] = True
    ankle = points_of(base)[230, 8] + [0.02, 0.1, 0.1]
    target = Target(8, 230, tuple(ankle.tolist()))
    hints = Hints(base, WINDOW, hints.rotations, mask, hints.trans, hints.trans_mask, targets=(target,))
    result = satisfy(base, hints)
    check_exact(result, base, hints)
    assert result.provenance["hints"]["targets"][0]["residual_mm"] < 0.2
    points = points_of(result)
    # Away from what was asked of it each foot is back on its place.
    assert np.linalg.norm(points[[160, 265]] - points_of(base)[[160, 265]], axis=-1)[:, 7:9].max() < 0.002


def test_legs_keep_their_bytes_where_the_root_does_not_move() -> None:
    base = real_take(STANDS)
    mask = np.zeros((base.frames, 55), bool)
    mask[FRAME, 16] = True
    pose = base.poses.copy()
    pose[FRAME, 16] = 0.2
    result = satisfy(base, Hints(base, WINDOW, pose, mask))
    assert result.poses[:, :12].tobytes() == base.poses[:, :12].tobytes()


@pytest.mark.parametrize("parts", [(0, 1, 2), (1, 2, 4, 5, 7, 8, 10, 11)])
def test_feet_stay_when_only_root_or_only_legs_are_new(parts: tuple[int, ...]) -> None:
    """Another seed's sway under the base's place of the root, or its legs under the base's pelvis."""
    base, motion = real_take(STANDS), real_take(STANDS_TOO)
    free = np.zeros(55, bool)
    free[list(parts)] = True
    legs = np.zeros(55, bool)
    legs[[1, 2, 4, 5, 7, 8, 10, 11]] = True
    hints = Hints(base, WINDOW, free_joints=free | legs, free_trans=False)
    result = satisfy(motion, hints)
    check_exact(result, motion, hints)
    off = np.linalg.norm((points_of(result) - points_of(base))[:, 7:9], axis=-1)
    assert off.max() < 0.003


def test_a_hand_reaches_its_target_though_the_root_comes_down_for_the_feet() -> None:
    base = real_take(STANDS)
    hints = root_pins(base, (0.0, 0.0, 0.0), (0.05, 0.3, 0.12))
    targets = tuple(Target(20, frame, (0.3, 1.2, 0.35)) for frame in (195, 205, 214))
    hints = Hints(base, WINDOW, hints.rotations, hints.rotation_mask, targets=targets)
    result = satisfy(base, hints)
    assert (result.trans[FRAME, 1] - base.trans[FRAME, 1]) < -0.001
    assert max(entry["residual_mm"] for entry in result.provenance["hints"]["targets"]) < 0.2


def test_a_step_of_the_new_motion_starts_and_ends_on_the_feet_of_the_base() -> None:
    base, motion = real_take(STANDS), real_take(STEPS)
    result = satisfy(motion, Hints(base, WINDOW))
    check_exact(result, motion, Hints(base, WINDOW))
    points, there = points_of(result), points_of(base)
    assert points[WINDOW[0] : WINDOW[1], 10, 1].max() > SKELETON.toe_height + 0.005
    assert points[WINDOW[0] : WINDOW[1], [10, 11], 1].min() > SKELETON.toe_height - 0.004
    off = np.linalg.norm(points - there, axis=-1)
    assert off[WINDOW[0] - 5 : WINDOW[0] + 10, 7:9].max() < 0.003
    assert off[WINDOW[1] - 30 : WINDOW[1] + 5, 7:9].max() < 0.003
    slide = foot_slide(points[WINDOW[0] - 5 : WINDOW[1] + 5, :], still(points)[WINDOW[0] - 5 : WINDOW[1] + 5], 30.0)
    assert slide < 1.0


def still(points: np.ndarray) -> np.ndarray:
    """(F, 2) whether the toe base of each foot is on the floor."""
    return points[:, [10, 11], 1] < SKELETON.toe_height + 0.003
