"""Rotation conversions, vectorised over leading axes, in float64.

Axis-angle is in radians; quaternions are (w, x, y, z); 6D is the first two *rows* of the matrix
(Zhou et al. 2019, in the row form that EMAGE, SemTalk and SemGes use). SciPy does the maths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def _flat(values: ArrayLike, width: int) -> tuple[Array, tuple[int, ...]]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape[-1] != width:
        raise ValueError(f"last axis must have {width} values, got shape {array.shape}")
    return array.reshape(-1, width), array.shape[:-1]


def axis_angle_to_matrix(axis_angle: ArrayLike) -> Array:
    """(..., 3) radians -> (..., 3, 3)."""
    flat, lead = _flat(axis_angle, 3)
    return np.asarray(Rotation.from_rotvec(flat).as_matrix()).reshape(*lead, 3, 3)


def matrix_to_axis_angle(matrix: ArrayLike) -> Array:
    """(..., 3, 3) -> (..., 3) radians, angle in [0, pi]."""
    array = np.asarray(matrix, dtype=np.float64)
    return np.asarray(Rotation.from_matrix(array.reshape(-1, 3, 3)).as_rotvec()).reshape(*array.shape[:-2], 3)


def matrix_to_6d(matrix: ArrayLike) -> Array:
    """(..., 3, 3) -> (..., 6): the first two rows."""
    array = np.asarray(matrix, dtype=np.float64)
    return array[..., :2, :].reshape(*array.shape[:-2], 6).copy()


def matrix_from_6d(six: ArrayLike) -> Array:
    """(..., 6) -> (..., 3, 3) by Gram-Schmidt on the two rows. Degenerate rows raise ValueError."""
    flat, lead = _flat(six, 6)
    first, second = flat[:, :3], flat[:, 3:]
    length = np.linalg.norm(first, axis=-1, keepdims=True)
    if np.any(length < 1e-12):
        raise ValueError("6D rotation with a zero first row")
    x = first / length
    y = second - np.sum(x * second, axis=-1, keepdims=True) * x
    length = np.linalg.norm(y, axis=-1, keepdims=True)
    if np.any(length < 1e-12):
        raise ValueError("6D rotation whose two rows are parallel")
    y = y / length
    return np.asarray(np.stack([x, y, np.cross(x, y)], axis=-2).reshape(*lead, 3, 3), dtype=np.float64)


def geodesic_angle(first: ArrayLike, second: ArrayLike) -> Array:
    """Angle in radians between rotation matrices (..., 3, 3), by atan2 of the relative quaternion."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    relative = np.swapaxes(a, -1, -2) @ b
    lead = relative.shape[:-2]
    xyzw = np.asarray(Rotation.from_matrix(relative.reshape(-1, 3, 3)).as_quat())
    angle = 2.0 * np.arctan2(np.linalg.norm(xyzw[:, :3], axis=-1), np.abs(xyzw[:, 3]))
    return np.asarray(angle, dtype=np.float64).reshape(lead)


def continuous_axis_angle(axis_angle: ArrayLike) -> Array:
    """Axis-angle (T, ..., 3) of the same rotations without jumps of 2 pi along the first axis.

    For each frame the equivalent vector (angle + 2 pi k about the same axis) nearest to the frame before is taken, so
    that component-wise filters and splines see a smooth curve.
    """
    values = np.array(axis_angle, dtype=np.float64, copy=True)
    if values.shape[0] < 2:
        return values
    flat = values.reshape(values.shape[0], -1, 3)
    for frame in range(1, flat.shape[0]):
        vector, before = flat[frame], flat[frame - 1]
        angle = np.linalg.norm(vector, axis=-1, keepdims=True)
        whole = np.maximum(np.linalg.norm(before, axis=-1, keepdims=True), 1e-9)
        axis = np.where(angle > 1e-9, vector / np.maximum(angle, 1e-9), before / whole)  # identity: any axis serves
        along = np.sum(axis * before, axis=-1, keepdims=True)
        turns = np.round((along - angle) / (2.0 * np.pi))
        flat[frame] = vector + axis * turns * 2.0 * np.pi
    return flat.reshape(values.shape)
