"""satisfy(): pins and borders are exact, nothing else moves, and the motion through them is smooth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import hand_tracks, mean_jerk
from engine.hints import Hints, HintsError, satisfy
from engine.hints.channels import turned
from tests.bench.minimum_jerk import reference
from tests.bench.pin_metrics import velocity_steps
from tests.support.hints_takes import check_exact, real_take, same_bytes, small_take

FRAMES = 40
SKELETON = default_skeleton()


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, Hints]:
    """A take of 40 frames at any rate with any pins, any window and any free channels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    first = draw(st.sampled_from([0, 1, 2, 7, 20, FRAMES - 1]))
    end = draw(st.sampled_from([first + 1, first + 2, 30, FRAMES - 1, FRAMES]))
    fps = draw(st.sampled_from([24000 / 1001, 30.0, 60.0]))
    base = small_take(int(rng.integers(1000)), FRAMES, fps)
    density = draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
    axes = rng.normal(size=(FRAMES, 55, 3))
    angles = rng.uniform(0.0, np.pi, (FRAMES, 55, 1)) * draw(st.sampled_from([0.1, 1.0]))
    hints = Hints(
        base=base,
        window=(first, min(max(end, first + 1), FRAMES)),
        rotations=axes / np.linalg.norm(axes, axis=-1, keepdims=True) * angles,
        rotation_mask=rng.random((FRAMES, 55)) < density,
        trans=base.trans + rng.normal(size=(FRAMES, 3)) * 0.1,
        trans_mask=rng.random(FRAMES) < density,
        blendshapes=rng.random((FRAMES, 52)),
        blendshape_mask=rng.random((FRAMES, 52)) < density,
        free_joints=rng.random(55) < draw(st.sampled_from([0.5, 1.0, 2.0])),
        free_trans=draw(st.booleans()),
        free_face=draw(st.booleans()),
        support_seconds=draw(st.sampled_from([0.1, 0.4, 1.0])),
    )
    return int(rng.integers(1000)), hints


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_pins_and_everything_outside_the_window_are_byte_exact(case: tuple[int, Hints]) -> None:
    seed, hints = case
    motion = small_take(seed, FRAMES, hints.fps)
    result = satisfy(motion, hints)
    check_exact(result, motion, hints)
    assert np.array_equal(result.blendshapes, np.clip(result.blendshapes, 0.0, 1.0))
    again = satisfy(motion, hints)
    for name in ("poses", "trans", "expressions", "blendshapes"):
        assert same_bytes(getattr(result, name), getattr(again, name))


def test_what_nothing_asks_to_change_keeps_its_bytes() -> None:
    base = small_take(1)
    hints = Hints(base, (5, 30), base.poses, np.ones((FRAMES, 55), bool), base.trans, np.ones(FRAMES, bool))
    result = satisfy(base, hints)
    for name in ("poses", "trans", "expressions", "blendshapes"):
        assert same_bytes(getattr(result, name), getattr(base, name))
    other = small_take(2)
    whole = satisfy(other, Hints(base))
    assert same_bytes(whole.poses, other.poses)
    assert same_bytes(whole.trans, other.trans)


def test_a_pin_moves_only_its_joint_and_only_within_its_reach() -> None:
    base = real_take(0)
    mask = np.zeros((base.frames, 55), bool)
    mask[200, 18] = True
    pose = base.poses.copy()
    pose[200, 18] = turned(pose[200, 18:19].astype(float), np.array([[0.3, 0.2, 0.1]]))[0]
    result = satisfy(base, Hints(base, (150, 250), pose, mask, support_seconds=0.5))
    changed = np.any(result.poses != base.poses, axis=-1)
    assert set(np.flatnonzero(changed.any(axis=0))) == {18}
    frames = np.flatnonzero(changed[:, 18])
    assert frames.min() == 186
    assert frames.max() == 214


@pytest.mark.parametrize("gap", [16, 25, 31, 45, 70])
def test_a_pin_reaches_no_further_than_asked_even_near_a_border(gap: int) -> None:
    base = real_take(0)
    mask = np.zeros((base.frames, 55), bool)
    mask[150 + gap, 16] = True
    pose = base.poses.copy()
    pose[150 + gap, 16] = turned(pose[150 + gap, 16:17].astype(float), np.array([[0.5, 0.0, 0.1]]))[0]
    result = satisfy(base, Hints(base, (150, 300), pose, mask, support_seconds=1.0))
    frames = np.flatnonzero(np.any(result.poses != base.poses, axis=(1, 2)))
    assert frames.min() >= max(150, 150 + gap - 30)
    assert frames.max() <= 150 + gap + 30


def _pinned(seed: int, count: int, full: bool = False) -> tuple[Hints, object, object]:
    rng = np.random.default_rng(seed)
    base, motion, other = (real_take(int(number)) for number in rng.integers(0, 3, 3))
    first = int(rng.integers(10, base.frames - 140))
    frames = first + np.sort(rng.choice(np.arange(0, 120, 6), count, replace=False))
    mask = np.zeros((base.frames, 55), bool)
    mask[np.ix_(frames, np.arange(55) if full else np.array([16, 18, 20]))] = True
    rooted = mask[:, 0]
    return Hints(base, (first, first + 120), other.poses, mask, other.trans, rooted), motion, other


def test_jerk_stays_near_the_least_possible() -> None:
    ratios = []
    for seed in range(12):
        hints, motion, wanted = _pinned(seed, 1 + seed % 5)
        result = satisfy(motion, hints)
        best = reference(motion, hints, wanted, support=True)
        window = slice(*hints.window)
        jerk = [mean_jerk(hand_tracks(clip.poses, clip.trans, SKELETON)[window], 30.0) for clip in (result, best)]
        ratios.append(jerk[0] / jerk[1])
    assert np.median(ratios) < 1.1
    assert max(ratios) < 1.25


def test_one_small_pin_adds_little_jerk() -> None:
    ratios = []
    rng = np.random.default_rng(5)
    for seed in range(9):
        base = real_take(seed % 3)
        frame = int(rng.integers(60, base.frames - 60))
        mask = np.zeros((base.frames, 55), bool)
        mask[frame, [16, 18, 20]] = True
        axis = rng.normal(size=(3, 3))
        pose = base.poses.copy()
        off = axis / np.linalg.norm(axis, axis=1, keepdims=True) * np.radians(20.0)
        pose[frame, [16, 18, 20]] = turned(pose[frame, [16, 18, 20]].astype(float), off)
        result = satisfy(base, Hints(base, (frame - 60, frame + 60), pose, mask))
        window = slice(frame - 60, frame + 60)
        jerk = [mean_jerk(hand_tracks(clip.poses, clip.trans, SKELETON)[window], 30.0) for clip in (result, base)]
        ratios.append(jerk[0] / jerk[1])
    assert np.median(ratios) < 1.15


def test_velocity_steps_at_pins_and_borders_are_those_of_a_take() -> None:
    for seed in range(8):
        hints, motion, _ = _pinned(seed, 1, full=seed % 2 == 0)
        result = satisfy(motion, hints)
        steps = velocity_steps(hand_tracks(result.poses, result.trans, SKELETON), 30.0)
        usual = np.percentile(velocity_steps(hand_tracks(hints.base.poses, hints.base.trans, SKELETON), 30.0), 99.0)
        first, end = hints.window
        frame = int(np.flatnonzero(hints.rotation_mask[:, 16])[0])
        if min(frame - first, end - frame) > 10:  # nearer, another take's pose is a pop by itself
            assert steps[[first - 1, first, end - 1, end]].max() < usual
            assert steps[frame - 1 : frame + 2].max() < usual


def test_a_border_keeps_the_velocity_of_the_base() -> None:
    base, motion = small_take(3, 60), small_take(4, 60)
    for window in ((1, 30), (2, 30), (20, 59), (20, 60)):
        result = satisfy(motion, Hints(base, window))
        edges = [frame for frame in (window[0] - 1, window[0], window[1] - 1, window[1]) if 0 < frame < 59]
        for values, clip in ((result.poses, base.poses), (result.trans, base.trans)):
            bend = np.abs(np.diff(values.astype(float), 2, axis=0))[[frame - 1 for frame in edges]].max()
            assert bend < 2.0 * np.abs(np.diff(clip.astype(float), 2, axis=0)).max()


@pytest.mark.parametrize("window", [(0, 30), (10, 40)])
def test_a_window_with_one_border_meets_the_base_there(window: tuple[int, int]) -> None:
    base, other = small_take(1), small_take(2)
    made = satisfy(other, Hints(base=base, window=window))
    border = 30 if window[0] == 0 else 10
    step = np.abs(np.diff(made.poses[border - 3 : border + 3], 2, axis=0)).max()
    assert step < 2.0 * np.abs(np.diff(base.poses, 2, axis=0)).max()
    assert np.abs(base.poses[border] - other.poses[border]).max() > 10.0 * step


def test_a_new_seed_without_borders_would_pop() -> None:
    """The control of the test above: the same motions merely put side by side."""
    base, motion = small_take(3, 60), small_take(4, 60)
    spliced = base.poses.astype(float)
    spliced[20:40] = motion.poses[20:40]
    assert np.abs(np.diff(spliced, 2, axis=0)).max() > 10.0 * np.abs(np.diff(base.poses.astype(float), 2, axis=0)).max()


def test_half_a_turn_goes_one_way_round() -> None:
    """Neighbouring pins just below and above 180 degrees off do not send the joint round the other side."""
    base = replace(small_take(1, 60), poses=np.zeros((60, 55, 3), np.float32))
    mask = np.zeros((60, 55), bool)
    pose = np.zeros((60, 55, 3), np.float32)
    for frame, degrees in ((25, 175.0), (30, -175.0)):
        mask[frame, 12] = True
        pose[frame, 12, 1] = np.radians(degrees)
    result = satisfy(base, Hints(base, (0, 60), pose, mask))
    between = np.abs(result.poses[25:31, 12, 1])
    assert between.min() > np.radians(170.0)


def test_overshoot_is_capped() -> None:
    """Pins a frame apart and far from each other: no wild swing beyond them."""
    base = replace(small_take(1, 90), poses=np.zeros((90, 55, 3), np.float32))
    mask = np.zeros((90, 55), bool)
    pose = np.zeros((90, 55, 3), np.float32)
    mask[[40, 41], 16] = True
    pose[41, 16, 2] = 0.6
    result = satisfy(base, Hints(base, (0, 90), pose, mask))
    assert np.abs(result.poses[:, 16]).max() < 2.0 * 0.6 + np.radians(20.0)


def test_a_face_pin_stays_local() -> None:
    base = small_take(1, 90)
    mask = np.zeros((90, 52), bool)
    mask[45, 17] = True
    shapes = np.ones((90, 52), np.float32)
    result = satisfy(base, Hints(base, blendshapes=shapes, blendshape_mask=mask))
    changed = result.blendshapes != base.blendshapes
    assert set(np.flatnonzero(changed.any(axis=0))) == {17}
    assert np.abs(np.flatnonzero(changed[:, 17]) - 45).max() <= 8
    assert result.blendshapes[45, 17] == 1.0


def test_takes_without_a_face() -> None:
    bare, faced = replace(small_take(1), blendshapes=None), small_take(2)
    assert satisfy(faced, Hints(bare, (5, 20))).blendshapes is None
    assert same_bytes(satisfy(faced, Hints(bare)).blendshapes, faced.blendshapes)
    assert same_bytes(satisfy(bare, Hints(faced, (5, 20))).blendshapes, faced.blendshapes)
    mask = np.zeros((FRAMES, 52), bool)
    mask[10, 3] = True
    pinned = satisfy(bare, Hints(bare, (5, 20), blendshapes=np.ones((FRAMES, 52)), blendshape_mask=mask))
    assert pinned.blendshapes[10, 3] == 1.0


def test_one_frame_take() -> None:
    base, motion = small_take(1, 1), small_take(2, 1)
    mask = np.zeros((1, 55), bool)
    mask[0, 3] = True
    hints = Hints(base, rotations=base.poses, rotation_mask=mask)
    check_exact(satisfy(motion, hints), motion, hints)


def test_other_length_or_rate_is_one_sentence() -> None:
    base = small_take(1)
    with pytest.raises(HintsError, match=r"^The hints are for a take of 40 frames, but the new motion has 30; "):
        satisfy(small_take(1, 30), Hints(base))
    with pytest.raises(HintsError, match=r"^The hints are for 30 frames per second, but the new motion has 24; "):
        satisfy(replace(small_take(1), fps=24.0), Hints(base))


def test_pins_are_counted() -> None:
    base = small_take(1)
    mask = np.zeros((FRAMES, 55), bool)
    mask[[3, 10, 11], 4] = True
    result = satisfy(base, Hints(base, (5, 20), base.poses, mask, base.trans, mask[:, 4]))
    assert result.provenance["hints"] == {"pins": 4, "targets": []}
