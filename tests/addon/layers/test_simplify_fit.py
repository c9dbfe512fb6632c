"""The numbers behind Simplify: cubics through keys, their slopes, and who is to blame for an error."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.layers.fit import _tridiagonal, fit
from addon.layers.groups import apex_frames, joint_groups
from addon.layers.measure import Body, blame, distance
from addon.layers.thin import Channels, Thinning
from addon.rig.convert import axis_angle_to_quaternion
from addon.rig.skeleton import JOINTS, REST


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(0, 10**6))
def test_the_slopes_solve_their_equations(count, seed):
    rng = np.random.default_rng(seed)
    diagonal, between, right = rng.random(count) + 2.0, rng.random(count), rng.normal(size=count)
    between[-1] = 0.0
    matrix = np.diag(diagonal) + np.diag(between[:-1], 1) + np.diag(between[:-1], -1)
    assert np.allclose(matrix @ _tridiagonal(diagonal, between, right, count), right, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 90), st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_a_fit_goes_through_its_keys_and_a_key_on_every_frame_is_exact(frames, seed, share):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, frames))
    keys = rng.random(values.shape) < share
    keys[:, [0, -1]] = True
    curves, slopes = fit(values, keys)
    assert np.array_equal(curves[keys], values[keys])
    assert not slopes[~keys].any()
    assert np.array_equal(fit(values, np.ones_like(keys))[0], values)
    assert np.isfinite(curves).all()


def test_a_cubic_needs_two_keys():
    time = np.linspace(-1.0, 1.0, 60)
    values = np.stack([time**3 - time, 2.0 - time**2, np.zeros(60)])
    keys = np.zeros(values.shape, bool)
    keys[:, [0, -1]] = True
    assert np.abs(fit(values, keys)[0] - values).max() < 1e-5


def test_channels_do_not_touch_each_other():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 40))
    keys = np.zeros(values.shape, bool)
    keys[:, [0, 11, 30, 39]] = True
    both = fit(values, keys)[0]
    assert np.allclose(both[1], fit(values[1:], keys[1:])[0][0], atol=1e-12)


def needs_of(values, bound):
    def needs(curves):
        return np.abs(curves - values).max(axis=0, keepdims=True) / bound

    return needs


def test_few_keys_hold_the_bound_and_locked_frames_are_among_them():
    time = np.arange(200) / 24.0
    values = np.stack([np.sin(3.0 * time), np.cos(2.0 * time) ** 3, np.full(200, 0.5)])
    locked = np.zeros((1, 200), bool)
    locked[0, [0, 77, 199]] = True
    ends = np.zeros(values.shape, bool)
    ends[:, [0, -1]] = True
    channels = Channels(values, np.zeros(3, int), ends)
    keys = Thinning(channels, needs_of(values, 0.01), locked, np.zeros_like(locked)).choose()
    assert np.abs(keys.curves - values).max() <= 0.01
    assert keys.groups[0, 77]
    assert keys.groups.sum() < 40
    assert np.flatnonzero(keys.marks[2]).tolist() == [0, 199]  # what does not move has its ends only
    assert np.array_equal(keys.marks[0], keys.marks[1])


def test_noise_is_keyed_on_every_frame_where_the_bound_asks_for_it():
    values = np.random.default_rng(0).normal(size=(2, 50))
    ends = np.zeros(values.shape, bool)
    ends[:, [0, -1]] = True
    locked = np.zeros((1, 50), bool)
    locked[:, [0, -1]] = True
    keys = Thinning(
        Channels(values, np.zeros(2, int), ends), needs_of(values, 1e-9), locked, np.zeros_like(locked)
    ).choose()
    assert np.abs(keys.curves - values).max() <= 1e-9


def test_the_joint_that_moves_a_hand_is_to_blame():
    body = Body(REST)
    still = np.zeros((2, len(JOINTS), 3))
    moved = still.copy()
    moved[1, JOINTS.index("left_elbow"), 2] = 0.02
    poses = [body.pose(axis_angle_to_quaternion(turns), np.zeros((2, 3))) for turns in (still, moved)]
    apart = distance(poses[1], poses[0])
    assert abs(apart.turns[1, JOINTS.index("left_wrist")] - 0.02) < 1e-9
    allowed = np.concatenate([np.full(apart.places.shape, 0.001), np.full(apart.turns.shape, 0.5)], axis=1)
    groups = joint_groups("LIMB")
    need = blame(body, apart, allowed, groups, int(groups.max()) + 1)
    assert np.flatnonzero(need[1]).tolist() == [groups[JOINTS.index("left_elbow")]]
    assert not need[0].any()
    assert need[1].max() > 4.0


def test_apexes_are_liked_on_the_arms_that_gesture():
    plan = {"phrases": [{"apex": 0.5, "hands": "left"}, {"apex": 1.0}, {"apex": 9.0, "hands": "right"}]}
    groups = joint_groups("LIMB")
    frames = apex_frames(plan, 24.0, 0, 30, groups)
    assert np.flatnonzero(frames[groups[JOINTS.index("left_wrist")]]).tolist() == [12, 24]
    assert np.flatnonzero(frames[groups[JOINTS.index("right_wrist")]]).tolist() == [24]
