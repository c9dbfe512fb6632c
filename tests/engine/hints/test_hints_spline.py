"""The minimum-jerk spline against the plain least-squares solution, and the corrections made of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.hints.spline import Knots, correction, minimum_jerk
from tests.bench.minimum_jerk import minimum_jerk as discrete


def test_it_is_the_curve_of_least_jerk() -> None:
    rng = np.random.default_rng(0)
    given = np.zeros(90, bool)
    given[[0, 1, 20, 40, 55, 70, 88, 89]] = True
    values = rng.normal(size=(90, 3))
    curve, _ = minimum_jerk(np.flatnonzero(given).astype(float), values[given], False, False).at(np.arange(90.0))
    best = discrete(given, values)
    assert np.abs(curve[given] - values[given]).max() < 1e-9
    assert (np.diff(curve, 3, axis=0) ** 2).sum() < 1.01 * (np.diff(best, 3, axis=0) ** 2).sum()


def test_it_reproduces_a_parabola() -> None:
    times = np.array([0.0, 1.0, 7.0, 30.0])
    curve, _ = minimum_jerk(times, (times**2)[:, None], False, False).at(np.arange(31.0))
    assert np.abs(curve[:, 0] - np.arange(31.0) ** 2).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 200), min_size=1, max_size=40), st.floats(2.0, 60.0), st.integers(0, 1000))
def test_corrections_take_their_values_end_in_time_and_stay_bounded(frames: set[int], reach: float, seed: int) -> None:
    places = np.array(sorted(frames))
    values = np.random.default_rng(seed).normal(size=(len(places), 2, 3))
    knots = Knots(places.astype(float), np.zeros(len(places), bool))
    curve = correction(knots, values, np.arange(-70.0, 271.0), reach, 0.1)
    assert np.abs(curve[places + 70] - values).max() < 1e-9
    before, after = np.arange(-70, 271) < places[0] - reach, np.arange(-70, 271) > places[-1] + reach
    assert not curve[before | after].any()
    assert np.linalg.norm(curve, axis=-1).max() <= 2.0 * np.linalg.norm(values, axis=-1).max() + 0.1 + 1e-9


def test_a_correction_is_twice_differentiable_in_time() -> None:
    """Second differences shrink with the square of the step and third ones with its cube: no kink anywhere."""
    knots = Knots(np.array([10.0, 14.0, 40.0]), np.zeros(3, bool))
    values = np.array([0.4, -0.2, 0.3]).reshape(3, 1, 1) * np.ones((1, 1, 3))
    fine = correction(knots, values, np.arange(-20.0, 71.0, 0.01), 20.0, 0.1)[:, 0]
    second = np.diff(fine, 2, axis=0) / 1e-4
    assert np.abs(np.diff(second, axis=0)).max() < 0.05 * np.abs(second).max()


def test_every_frame_a_knot() -> None:
    values = np.random.default_rng(1).normal(size=(50, 1, 3)) * 0.1
    knots = Knots(np.arange(50.0), np.zeros(50, bool))
    assert np.abs(correction(knots, values, np.arange(50.0), 30.0, 0.1) - values).max() < 1e-9


def test_a_window_that_begins_or_ends_with_the_take_meets_its_one_border() -> None:
    """The border's two frames lie outside the window; its correction starts there, and rests one reach inside."""
    values = np.array([0.5, 0.52]).reshape(2, 1, 1) * np.ones((1, 1, 3))
    window = np.arange(60.0)
    last = correction(Knots(np.array([60.0, 61.0]), np.ones(2, bool)), values, window, 30.0, 0.1)
    assert np.abs(last[-1] - 0.48).max() < 0.02
    assert not last[:30].any()
    first = correction(Knots(np.array([-2.0, -1.0]), np.ones(2, bool)), values[::-1], window, 30.0, 0.1)
    assert np.abs(first[0] - 0.48).max() < 0.02
    assert not first[30:].any()
