"""Published metrics and weight-free surrogates on data whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.evaluation.bodies import FaceDistances
from engine.evaluation.published import (
    BEAT_AS_SMPLX,
    BEAT_JOINTS,
    BEAT_SIGMA,
    NO_JOINT,
    SEMANTIC_SCALE,
    TIGHT_SIGMA,
    L1Diversity,
    beat_consistency,
    euler_xyz,
    frechet_distance,
    mean_speeds,
    semantic_recall,
    vertex_distance_2024,
    vertex_error,
    vertex_velocity_distance,
)
from engine.evaluation.surrogates import Projection, discrepancy, kinetic_features, pose_windows, surrogate_rows
from tests.support.hints_takes import real_take, small_take


def test_beats_joints_are_smplx_joints_but_for_metacarpals():
    names = default_skeleton().names
    found = [None if joint == NO_JOINT else names[joint] for joint in BEAT_AS_SMPLX]
    assert len(found) == 47
    assert [index for index, name in enumerate(found) if name is None] == [10, 14, 18, 32, 36, 40]
    kept = [name for name in found if name]
    assert len(set(kept)) == len(kept) == 41
    assert found[:7] == ["spine1", "neck", "head", "right_collar", "right_shoulder", "right_elbow", "right_wrist"]
    fingers = ["right_middle1", "right_ring1", "right_pinky1", "right_index1", "right_thumb1"]
    assert [found[place] for place in (7, 11, 15, 19, 22)] == fingers
    mirrored = [None if name is None else name.replace("right_", "left_") for name in found[3:25]]
    assert found[25:] == mirrored
    assert not {"pelvis", "jaw", "left_hip", "left_foot"} & set(kept)


@given(st.tuples(*[st.floats(-3.1, 3.1), st.floats(-1.5, 1.5), st.floats(-3.1, 3.1)]))
def test_euler_angles_turn_back_into_the_same_rotation(angles):
    turned = Rotation.from_euler("XYZ", angles)
    assert np.allclose(euler_xyz(turned.as_matrix()), angles, atol=1e-6)


def test_semantic_recall_by_hand():
    wanted = np.zeros((4, 2, 3))
    found = wanted.copy()
    found[0, 0] = 1.0, 1.0, 1.9  # 3.9 degrees in sum: near
    found[1, 0] = 1.0, -1.0, 2.1  # 4.1: not
    found[2] = 90.0
    weight = np.array([0.5, 0.4, 0.3, 0.0])
    near = (0.5 * 2 + 0.4 * 1) / 8
    assert semantic_recall(found, wanted, weight, 4.0) == pytest.approx(near / SEMANTIC_SCALE)
    assert semantic_recall(wanted, wanted, np.full(4, SEMANTIC_SCALE), 4.0) == pytest.approx(1.0)


def test_beat_consistency_by_hand():
    beats = [np.array([], int)] * 55
    beats[BEAT_JOINTS[0]] = np.array([30, 60])  # 1 and 2 seconds
    onsets = [1.0, 2.3]
    for sigma in (BEAT_SIGMA, TIGHT_SIGMA):
        one = (1.0 + np.exp(-(0.3**2) / (2 * sigma**2))) / 2
        assert beat_consistency(beats, onsets, sigma) == pytest.approx(one / 13)
    assert beat_consistency(beats, []) == 0.0
    assert mean_speeds().shape == (55,)
    assert mean_speeds()[20] == pytest.approx(0.250891, abs=1e-6)


def test_spread_pools_the_frames_of_all_takes():
    spread = L1Diversity()
    spread.add(np.array([[0.0, 0.0], [2.0, 4.0]]))
    spread.add(np.array([[1.0, 1.0]] * 6))
    assert spread.value == pytest.approx((2 * 3.0) / 8)


def test_face_figures_are_the_same_in_pieces():
    rng = np.random.default_rng(0)
    takes = [(rng.normal(size=(n, 12)), rng.normal(size=(n, 12))) for n in (50, 7)]
    pooled = FaceDistances()
    for one, two in takes:
        spans = [slice(max(0, first - 1), first + 9) for first in range(0, len(one), 9)]
        pooled.add(iter([one[s] for s in spans]), iter([two[s] for s in spans]))
    rows = {row.name: row.value for row in pooled.rows("", "m", "")}
    assert pooled.frames == 57
    for name, measure, ends in (
        ("LVD", vertex_velocity_distance, 0),
        ("MSE (face)", vertex_error, 0),
        ("LVD 2024", vertex_distance_2024, 1),
    ):
        values = [measure(one, two) for one, two in takes]
        assert rows[name] == pytest.approx(np.average(values, weights=[50 - ends, 7 - ends]))
    one = np.cumsum(np.full((10, 3), 0.1), axis=0)
    assert vertex_velocity_distance(one, one + 5.0) == pytest.approx(0.0)  # the same velocity
    assert vertex_distance_2024(one, one + 5.0) == pytest.approx(5.0)  # and the 2024 figure, which is none
    assert vertex_velocity_distance(2 * one, one) == pytest.approx(0.1 * 9 / 10)  # divided by T, not T - 1


def test_a_discrepancy_without_bias():
    rng = np.random.default_rng(1)
    same = [discrepancy(rng.normal(size=(40, 6)), rng.normal(size=(30, 6))) for _ in range(60)]
    assert abs(np.mean(same)) < 3.0 * np.std(same) / 60**0.5
    assert min(same) < 0.0 < max(same)
    apart = [discrepancy(rng.normal(size=(40, 6)) + by, rng.normal(size=(30, 6))) for by in (0.5, 1.0, 2.0)]
    assert apart == sorted(apart)
    assert apart[0] > max(same)


def test_a_projection_keeps_what_varies():
    rng = np.random.default_rng(2)
    directions = np.linalg.qr(rng.normal(size=(40, 2)))[0].T
    windows = rng.normal(size=(60, 2)) @ (np.array([[3.0], [1.0]]) * directions)
    project = Projection.fitted(windows)
    found = project(windows)
    assert found.shape == (60, 15)  # a quarter of the rows
    spread = found.var(axis=0)
    assert spread[:2].sum() == pytest.approx(1.0, rel=1e-6)
    assert spread[2:].max() < 1e-9


@pytest.fixture(scope="module")
def takes() -> list[Motion]:
    return [real_take(seed) for seed in range(4)]


def shaken(motion: Motion, degrees: float) -> Motion:
    noise = np.random.default_rng(5).normal(0.0, np.radians(degrees), motion.poses.shape)
    return replace(motion, poses=motion.poses + noise.astype(np.float32))


def test_surrogates_climb_the_ladder(takes):
    """The ladder of docs/sources/metrics.md, section 1: other takes at the floor; jitter, slow motion, no motion,
    disorder above."""
    real = takes[:2]
    order = np.random.default_rng(0).permutation(takes[0].frames)
    rungs = {
        "other": takes[2:],
        "slow": [take.sampled(np.arange(take.frames) / 60.0, 30.0) for take in takes[:2]],
        "mean": [replace(take, poses=np.tile(take.poses.mean(axis=0), (take.frames, 1, 1))) for take in takes[:2]],
        "disorder": [replace(take, poses=take.poses[order]) for take in takes[:2]],
        **{f"{angle} deg": [shaken(take, angle) for take in takes[:2]] for angle in (1, 3, 5)},
    }
    found = {name: {row.name: row.value for row in surrogate_rows(side, real)} for name, side in rungs.items()}
    floors = found["other"]
    for name in ("FGD-kin", "MMD-kin"):
        score = {rung: values[name] for rung, values in found.items()}
        floor = floors[f"{name} real/real"]  # of MMD it may be below 0
        assert score["other"] < max(4.0 * floor, 0.3 * score["slow"])
        assert max(score["other"], floor) < score["slow"] < score["mean"]
        assert score["mean"] < score["1 deg"] < score["3 deg"] < score["5 deg"]
        assert score["disorder"] > score["mean"]
    poses = {rung: values["FGD-PCA"] for rung, values in found.items()}
    assert poses["1 deg"] < poses["3 deg"] < poses["5 deg"]
    assert poses["mean"] > poses["other"]
    same = {row.name: row.value for row in surrogate_rows(real, real)}
    assert same["FGD-kin"] == pytest.approx(0.0, abs=1e-3)
    assert same["FGD-PCA"] == pytest.approx(0.0, abs=1e-3)
    assert same["MMD-kin"] < floors["MMD-kin real/real"]


def test_fingers_count_in_poses_alone(takes):
    """Hands that are held otherwise all through a take: FGD-PCA sees them, FGD-kin looks at wrists."""
    real = takes[:2]
    curled = []
    for take in takes[:2]:
        poses = take.poses.copy()
        poses[:, 25:, 2] += 0.6 * np.repeat([-1.0, 1.0], 15)
        curled.append(replace(take, poses=poses))
    rows = {row.name: row.value for row in surrogate_rows(curled, real)}
    assert rows["FGD-kin"] == pytest.approx(0.0, abs=1e-3)
    assert rows["FGD-PCA"] > 3.0 * rows["FGD-PCA real/real"]


def test_short_takes_have_no_surrogates_but_say_so():
    short = small_take(0, 40)
    rows = surrogate_rows([short], [short])
    assert {row.name for row in rows if row.value is None} == {"FGD-kin", "MMD-kin", "FGD-PCA"}
    assert all(row.note for row in rows)
    assert kinetic_features(np.zeros((10, 165))).shape == (0, 17)
    assert pose_windows(short).shape == (1, 32 * 51 * 6)
    assert pose_windows(small_take(0, 31)).shape == (0, 32 * 51 * 6)


def test_a_frechet_distance_of_shifted_clouds_is_the_shift_squared():
    rng = np.random.default_rng(3)
    cloud = rng.normal(size=(500, 5))
    assert frechet_distance(cloud, cloud + 2.0) == pytest.approx(5 * 4.0, rel=1e-4)
