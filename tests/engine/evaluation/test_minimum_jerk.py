"""The minimum-jerk residual against answers on paper."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.body.motion import Motion
from engine.evaluation.metrics import rotation_error_degrees
from engine.hints.types import Hints
from tests.bench.minimum_jerk import minimum_jerk, reference


def flags(frames: int, *given_frames: int) -> np.ndarray:
    out = np.zeros(frames, dtype=bool)
    out[list(given_frames)] = True
    return out


def test_from_rest_to_rest_it_is_the_quintic():
    """Value, velocity and acceleration given at both ends: Flash and Hogan's 10 s^3 - 15 s^4 + 6 s^5."""
    frames = 200
    values = np.zeros((frames, 1))
    values[-3:] = 1.0
    curve = minimum_jerk(flags(frames, 0, 1, 2, 197, 198, 199), values)[:, 0]
    s = np.clip((np.arange(frames) - 1.0) / (frames - 3.0), 0.0, 1.0)
    assert np.abs(curve - (10.0 * s**3 - 15.0 * s**4 + 6.0 * s**5)).max() < 1e-3


def test_with_value_and_velocity_at_one_end_and_a_value_at_the_other_nothing_is_left_to_jerk():
    frames = 30
    parabola = (np.arange(frames)[:, None] * 0.1) ** 2
    assert np.allclose(minimum_jerk(flags(frames, 0, 1, 29), parabola), parabola, atol=1e-8)


def test_it_goes_through_what_is_given_and_no_neighbour_is_smoother():
    rng = np.random.default_rng(3)
    frames = 60
    given_flags = flags(frames, 0, 1, 20, 33, 58, 59)
    values = rng.normal(size=(frames, 2))
    curve = minimum_jerk(given_flags, values)
    assert np.array_equal(curve[given_flags], values[given_flags])

    def cost(candidate: np.ndarray) -> float:
        return float((np.diff(candidate, n=3, axis=0) ** 2).sum())

    for _ in range(50):
        other = curve + np.where(given_flags[:, None], 0.0, rng.normal(scale=1e-3, size=values.shape))
        assert cost(other) > cost(curve)


def test_free_ends_come_to_rest_and_nothing_given_is_nothing():
    values = np.zeros((40, 1))
    values[20] = 0.7
    assert np.allclose(minimum_jerk(flags(40, 20), values), 0.7, atol=1e-9)
    assert not minimum_jerk(flags(40), values).any()
    one_end = minimum_jerk(flags(40, 0, 1, 20), values)[:, 0]
    assert np.abs(np.diff(one_end)[-1]) < 2e-3
    assert one_end.max() < 1.6


def pinned(seed: int) -> tuple[Motion, Hints]:
    """A wave, another wave as base, and an elbow pinned in its middle."""
    rng = np.random.default_rng(seed)
    times = np.arange(90)[:, None, None] / 30.0
    waves = [0.3 * np.sin(times * 2.0 + rng.uniform(0.0, 6.0, (1, 55, 3))) for _ in range(2)]
    fresh, base = (Motion(poses=wave.astype(np.float32), trans=np.zeros((90, 3)), fps=30.0) for wave in waves)
    rotations, mask = np.zeros((90, 55, 3), np.float32), np.zeros((90, 55), dtype=bool)
    rotations[45, 18], mask[45, 18] = rng.uniform(-0.8, 0.8, 3), True
    return fresh, Hints(base=base, window=(20, 70), rotations=rotations, rotation_mask=mask)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_the_reference_holds_pins_and_borders(seed, support):
    fresh, hints = pinned(seed)
    wanted = Motion(
        poses=np.where(hints.rotation_mask[..., None], hints.rotations, fresh.poses), trans=fresh.trans, fps=30.0
    )
    out = reference(fresh, hints, wanted, support)
    assert rotation_error_degrees(out.poses[45, 18], hints.rotations[45, 18]) < 1e-4
    assert np.array_equal(out.poses[:20], hints.base.poses[:20])
    assert np.array_equal(out.poses[70:], hints.base.poses[70:])
    steps = np.linalg.norm(np.diff(out.poses, n=2, axis=0), axis=-1) * 30.0
    usual = np.linalg.norm(np.diff(fresh.poses, n=2, axis=0), axis=-1).max() * 30.0
    assert steps[17:22].max() < 6.0 * usual
    if support:
        untouched = np.abs(np.arange(90) - 45) > 30
        untouched[:20] = untouched[70:] = False
        assert np.allclose(out.poses[untouched][:, 30], fresh.poses[untouched][:, 30], atol=1e-6)
