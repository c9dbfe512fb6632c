"""A take at another frame rate, in numpy: C2 splines for rotations and root, straight lines for blend shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..client.take_file import Take
from ..rig.convert import Array, axis_angle_to_quaternion, continuous

SAME_RATE = 1e-5  # share of a rate, by eye


@dataclass(frozen=True, eq=False)
class Clip:
    """A take on scene frames: ``quaternions`` (T, 55, 4) SMPL-X local rotations, ``trans`` (T, 3), ``blendshapes``."""

    quaternions: Array
    trans: Array
    blendshapes: Array | None

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return len(self.quaternions)


def to_rate(take: Take, fps: float) -> Clip:
    """The take at ``fps``. Frame i stays at time i / fps; times past the last frame hold it.

    The engine delivers motion at the scene's rate, which is kept as it is. Another rate is interpolated: rotations by
    a natural cubic spline through the sign-continuous quaternions, brought back to unit length (C2 in time, and at
    mocap rates within 1e-4 rad of the spline on the sphere), the root by the same spline, blend shapes linearly.
    """
    quats = continuous(axis_angle_to_quaternion(take.poses))
    shapes = None if take.blendshapes is None else take.blendshapes.astype(np.float64)
    if abs(fps - take.fps) <= SAME_RATE * fps:
        return Clip(quats, take.trans.astype(np.float64), shapes)
    count = max(1, round(take.seconds * fps))
    at = np.minimum(np.arange(count) * (take.fps / fps), take.frames - 1.0)
    quats = cubic(quats.reshape(take.frames, -1), at).reshape(count, -1, 4)
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    return Clip(quats, cubic(take.trans, at), None if shapes is None else linear(shapes, at))


def linear(values: ArrayLike, at: Array) -> Array:
    """Rows (T, N) at fractional rows ``at``, by straight lines."""
    rows = np.asarray(values, dtype=np.float64)
    low = np.minimum(at.astype(int), max(len(rows) - 2, 0))
    high = np.minimum(low + 1, len(rows) - 1)
    part = (at - low)[:, None]
    return rows[low] * (1.0 - part) + rows[high] * part


def cubic(values: ArrayLike, at: Array) -> Array:
    """Rows (T, N) at fractional rows ``at``, by the natural cubic spline through them."""
    rows = np.asarray(values, dtype=np.float64)
    if len(rows) < 3:
        return linear(rows, at)
    bend = _second_derivatives(rows)
    low = np.minimum(at.astype(int), len(rows) - 2)
    b = (at - low)[:, None]
    a = 1.0 - b
    curved = (a**3 - a) * bend[low] + (b**3 - b) * bend[low + 1]
    return a * rows[low] + b * rows[low + 1] + curved / 6.0


def _second_derivatives(rows: Array) -> Array:
    """Thomas' algorithm for the spline's tridiagonal system (1, 4, 1) with zero ends, all columns at once."""
    right = 6.0 * (rows[2:] - 2.0 * rows[1:-1] + rows[:-2])
    count = len(right)
    factor = np.empty(count)
    factor[0] = 0.25
    for i in range(1, count):
        factor[i] = 1.0 / (4.0 - factor[i - 1])
    out = np.zeros_like(rows)
    right[0] *= factor[0]
    for i in range(1, count):
        right[i] = (right[i] - right[i - 1]) * factor[i]
    out[count] = right[-1]
    for i in range(count - 2, -1, -1):
        out[i + 1] = right[i] - factor[i] * out[i + 2]
    return out
