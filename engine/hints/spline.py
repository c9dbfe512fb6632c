"""Minimum-jerk splines through knots, and corrections of bounded reach made of them.

Times are frames. A knot fixes a value; velocity and acceleration there are what makes the integral of the squared third
derivative least, which is a piecewise quintic with four continuous derivatives. All functions are vectorised over
channels that share their knots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# Overshoot between two knots, by eye: up to this share of the larger one's size, and a rest in the channel's own unit.
OVERSHOOT_SHARE = 1.0

# No unit: coefficients c3, c4, c5 of a quintic on 0..1 from (p0, v0, a0, p1, v1, a1), derived from these conditions,
# and the integral of its squared jerk.
_COEFFICIENTS = np.array(
    [[-10.0, -6.0, -1.5, 10.0, -4.0, 0.5], [15.0, 8.0, 1.5, -15.0, 7.0, -1.0], [-6.0, -3.0, -0.5, 6.0, -3.0, 0.5]]
)
_JERK = np.array([[36.0, 72.0, 120.0], [72.0, 192.0, 360.0], [120.0, 360.0, 720.0]])
_COST = _COEFFICIENTS.T @ _JERK @ _COEFFICIENTS
_SLOPES = [1, 2, 4, 5]


@dataclass(frozen=True, eq=False)
class Quintics:
    """A piecewise quintic: knot ``times`` (K,) ascending, ``values``, ``velocities``, ``accelerations`` (K, C)."""

    times: Array
    values: Array
    velocities: Array
    accelerations: Array

    def at(self, frames: Array) -> tuple[Array, Indices]:
        """Values (F, C) at ``frames`` within the knots, and the piece (F,) that each lies in."""
        piece = np.clip(np.searchsorted(self.times, frames, side="right") - 1, 0, len(self.times) - 2)
        length = (self.times[piece + 1] - self.times[piece])[:, None]
        s = (frames - self.times[piece])[:, None] / length
        start, stop = self.values[piece], self.values[piece + 1]
        v0, v1 = self.velocities[piece] * length, self.velocities[piece + 1] * length
        a0, a1 = self.accelerations[piece] * length**2, self.accelerations[piece + 1] * length**2
        way = stop - start
        c3 = 10.0 * way - 6.0 * v0 - 4.0 * v1 - 1.5 * a0 + 0.5 * a1
        c4 = -15.0 * way + 8.0 * v0 + 7.0 * v1 + 1.5 * a0 - a1
        c5 = 6.0 * way - 3.0 * v0 - 3.0 * v1 - 0.5 * a0 + 0.5 * a1
        return start + s * (v0 + s * (0.5 * a0 + s * (c3 + s * (c4 + s * c5)))), piece


def minimum_jerk(times: Array, values: Array, rest_first: bool, rest_last: bool) -> Quintics:
    """The curve of least jerk through ``values`` (K, C) at ``times`` (K,), K >= 2.

    ``rest_first`` and ``rest_last`` hold velocity and acceleration of the first and last knot at zero; else those ends
    are free. At least three conditions are needed in all (a knot is one, an end at rest two more).
    """
    count = len(times)
    length = np.diff(times)
    scale = np.stack([np.ones_like(length), length, length**2] * 2, axis=1)
    cost = _COST * scale[:, :, None] * scale[:, None, :] * (length**-5.0)[:, None, None]
    band = np.zeros((4, 2 * count))
    right = np.zeros((2 * count, values.shape[1]))
    pieces = 2 * (count - 1)
    way = np.diff(values, axis=0)  # a constant costs nothing: only differences of values press on the slopes
    for row, one in enumerate(_SLOPES):
        for column, other in enumerate(_SLOPES[: row + 1]):
            band[row - column, column : column + pieces : 2] += cost[:, one, other]
        right[row : row + pieces : 2] -= cost[:, one, 3, None] * way
    _hold(band, right, rest_first, rest_last)
    size = 1.0 / np.sqrt(band[0])
    for below in range(4):  # unit diagonal: knots a frame apart and a minute apart meet in one system
        band[below, : 2 * count - below] *= size[: 2 * count - below] * size[below:]
    solved = solveh_banded(band, right * size[:, None], lower=True, check_finite=False) * size[:, None]
    return Quintics(times, values, solved[0::2], solved[1::2])


def _hold(band: Array, right: Array, first: bool, last: bool) -> None:
    """Fix velocity and acceleration of an end at zero: its rows and columns leave the system."""
    size = len(right)
    rows = ([0, 1] if first else []) + ([size - 2, size - 1] if last else [])
    for row in rows:
        band[:, row] = 0.0
        for below in range(1, min(4, row + 1)):
            band[below, row - below] = 0.0
        band[0, row] = 1.0
        right[row] = 0.0


@dataclass(frozen=True, eq=False)
class Knots:
    """Where corrections are known: ``frames`` (K,) ascending; ``border`` (K,) True for those of the base beside the
    window, which only meet pins that are within their reach."""

    frames: Array
    border: NDArray[np.bool_]


def correction(knots: Knots, values: Array, frames: Array, reach: float, slack: float) -> Array:
    """The correction (F, C, D) on ``frames`` (F,) that takes ``values`` (K, C, D) at the knots.

    C channels of D components share the knots. A knot's correction ends, with zero velocity and acceleration, ``reach``
    frames away unless another knot is nearer; two pins up to twice that far apart share one curve between them, since
    neither could come to rest on the way. Between two knots the size of a channel's vector stays below that of the
    larger one plus :data:`OVERSHOOT_SHARE` of it plus ``slack``; that bound is approached with a continuous second
    derivative.
    """
    count, channels, width = values.shape
    out = np.zeros((len(frames), channels, width))
    if not count or not values.any():
        return out
    gap = np.diff(knots.frames)
    mixed = knots.border[1:] != knots.border[:-1]
    apart = gap > np.where(mixed, reach, 2.0 * reach)
    apart |= knots.border[1:] & knots.border[:-1] & (gap > reach)
    cuts = np.flatnonzero(apart) + 1
    for start, stop in zip([0, *cuts], [*cuts, count], strict=True):
        if not values[start:stop].any():
            continue
        times, path, rests = _with_ends(knots.frames[start:stop], values[start:stop], frames, reach)
        rows = np.flatnonzero((frames >= times[0]) & (frames <= times[-1]))
        if len(rows):
            curve = minimum_jerk(times, path.reshape(len(times), -1), *rests)
            at, piece = curve.at(frames[rows])
            out[rows] += _capped(at.reshape(-1, channels, width), piece, path, slack)
    return out


def _with_ends(times: Array, path: Array, frames: Array, reach: float) -> tuple[Array, Array, tuple[bool, bool]]:
    """Knots as one curve over the window's ``frames``, with a knot of rest ``reach`` away at each end that nothing else
    bounds."""
    nothing = np.zeros_like(path[:1])
    # A border's outer end lies outside the window, where nothing is corrected: it is left free.
    before = times[0] >= frames[0]
    after = times[-1] <= frames[-1]
    if before:
        times, path = np.concatenate([[times[0] - reach], times]), np.concatenate([nothing, path])
    if after:
        times, path = np.concatenate([times, [times[-1] + reach]]), np.concatenate([path, nothing])
    return times, path, (before, after)


def _capped(curve: Array, piece: Indices, path: Array, slack: float) -> Array:
    """The curve (F, C, D) with its size softly bounded between the knots ``path`` (K, C, D)."""
    knot_size = np.linalg.norm(path, axis=-1)
    size = np.linalg.norm(curve, axis=-1)
    largest = np.maximum(knot_size[piece], knot_size[piece + 1])
    room = OVERSHOOT_SHARE * largest + slack
    over = size - largest
    if not (over > 0.0).any():
        return curve
    # tanh has slope one and no curvature at zero, so that nothing bends at the knots themselves.
    bent = np.where(over > 0.0, largest + room * np.tanh(np.maximum(over, 0.0) / room), size)
    return np.asarray(curve * (bent / np.where(size > 0.0, size, 1.0))[..., None], dtype=np.float64)
