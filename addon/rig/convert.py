"""SMPL-X rotations to pose-bone channels and back (docs/sources/smplx.md, section 2). numpy only.

Quaternions are (w, x, y, z). ``basis`` is B_j, the 3x3 of ``bone.matrix_local``; ``axes`` is C_a, the rotation from
SMPL-X model space to armature space. One constant K_j = B_j^T C_a a bone turns every axis: (w, v) -> (w, K_j v).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]  # float64 where it is computed, float32 as keys and takes hold it
Frames = NDArray[np.number[Any]]  # scene frames: integers where they are counted, float32 where keys hold them
Flags = NDArray[np.bool_]

# No unit, +90 degrees about X (docs/sources/smplx.md, section 1).
SMPLX_TO_BLENDER: Array = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def axis_angle_to_quaternion(axis_angle: ArrayLike) -> Array:
    """(..., 3) radians -> (..., 4)."""
    vector = np.asarray(axis_angle, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    small = angle < 1e-8
    scale = np.where(small, 0.5, np.sin(0.5 * angle) / np.where(small, 1.0, angle))
    return np.concatenate([np.cos(0.5 * angle), vector * scale], axis=-1)


def quaternion_to_axis_angle(quaternion: ArrayLike) -> Array:
    """(..., 4) of any non-zero length -> (..., 3) radians, angle in [0, pi]."""
    quat = np.asarray(quaternion, dtype=np.float64)
    quat = np.where(quat[..., :1] < 0.0, -quat, quat)
    sine = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quat[..., :1])
    small = sine < 1e-12
    return quat[..., 1:] * np.where(small, 2.0, angle / np.where(small, 1.0, sine))


def matrix_to_quaternion(matrix: ArrayLike) -> Array:
    """(..., 3, 3) rotations -> (..., 4), w >= 0; of Shepperd's four forms the best conditioned one is taken."""
    m = np.asarray(matrix, dtype=np.float64)
    diagonal = np.diagonal(m, axis1=-2, axis2=-1)
    trace = diagonal.sum(axis=-1)
    xy, xz, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    squares = 1.0 + 2.0 * diagonal - trace[..., None]
    rows = np.stack(
        [
            np.stack([1.0 + trace, wx, wy, wz], axis=-1),
            np.stack([wx, squares[..., 0], xy, xz], axis=-1),
            np.stack([wy, xy, squares[..., 1], yz], axis=-1),
            np.stack([wz, xz, yz, squares[..., 2]], axis=-1),
        ],
        axis=-2,
    )
    best = np.argmax(np.concatenate([trace[..., None], diagonal], axis=-1), axis=-1)
    quat = np.take_along_axis(rows, best[..., None, None], axis=-2)[..., 0, :]
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.where(quat[..., :1] < 0.0, -quat, quat)


def quaternion_to_matrix(quaternion: ArrayLike) -> Array:
    """(..., 4) unit quaternions -> (..., 3, 3)."""
    w, x, y, z = np.moveaxis(np.asarray(quaternion, dtype=np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def continuous(quaternions: ArrayLike) -> Array:
    """(T, ..., 4) of the same rotations without sign flips along time."""
    quats = np.asarray(quaternions, dtype=np.float64)
    flips = np.where(np.sum(quats[1:] * quats[:-1], axis=-1, keepdims=True) < 0.0, -1.0, 1.0)
    return np.concatenate([quats[:1], quats[1:] * np.cumprod(flips, axis=0)])


def bone_axes(basis: ArrayLike, axes: ArrayLike) -> Array:
    """K_j = B_j^T C_a for bases (J, 3, 3)."""
    return np.swapaxes(np.asarray(basis, dtype=np.float64), -1, -2) @ np.asarray(axes, dtype=np.float64)


def turn_axes(matrices: ArrayLike, quaternions: ArrayLike) -> Array:
    """Quaternions (T, J, 4) with their axes turned by (J, 3, 3): (w, v) -> (w, K v)."""
    quats = np.asarray(quaternions, dtype=np.float64)
    vector = np.einsum("jab,fjb->fja", np.asarray(matrices, dtype=np.float64), quats[..., 1:])
    return np.concatenate([quats[..., :1], vector], axis=-1)


_EULER_AXES = {"X": 0, "Y": 1, "Z": 2}  # columns of an Euler rotation


def euler_to_quaternion(angles: ArrayLike, order: str) -> Array:
    """Inverse of :func:`quaternion_to_euler`: (..., 3) angles about X, Y, Z -> (..., 4)."""
    half = 0.5 * np.asarray(angles, dtype=np.float64)
    sine, cosine = np.sin(half), np.cos(half)
    out = np.zeros((*half.shape[:-1], 4))
    out[..., 0] = 1.0
    for axis in (_EULER_AXES[letter] for letter in order):
        out = _turned_about(axis, cosine[..., axis], sine[..., axis], out)
    return out


def _turned_about(axis: int, cosine: Array, sine: Array, quaternion: Array) -> Array:
    """The product of a turn about one axis (half angle) and a quaternion."""
    v, n, m = 1 + axis, 1 + (axis + 1) % 3, 1 + (axis + 2) % 3
    out = quaternion * cosine[..., None]
    out[..., 0] -= sine * quaternion[..., v]
    out[..., v] += sine * quaternion[..., 0]
    out[..., n] -= sine * quaternion[..., m]
    out[..., m] += sine * quaternion[..., n]
    return out


def quaternion_to_euler(quaternions: ArrayLike, order: str, start: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
    """(T, 4) -> (T, 3) angles about X, Y, Z for Blender's Euler ``order``, without jumps along time.

    Blender's "XYZ" is R = Rz Ry Rx. Of the two triples of each rotation, and their full turns, the one nearest to the
    frame before is taken; for the first frame, to ``start``.
    """
    i, j, k = (_EULER_AXES[letter] for letter in order)
    sign = 1.0 if (i, j, k) in ((0, 1, 2), (1, 2, 0), (2, 0, 1)) else -1.0
    m = quaternion_to_matrix(quaternions)
    first = np.arctan2(sign * m[:, k, j], m[:, k, k])
    second = np.arcsin(np.clip(-sign * m[:, k, i], -1.0, 1.0))
    third = np.arctan2(sign * m[:, j, i], m[:, i, i])
    locked = np.hypot(m[:, k, j], m[:, k, k]) < 1e-7  # straight up or down: only first -+ third is known
    first = np.where(locked, 0.0, first)
    third = np.where(locked, np.arctan2(-sign * m[:, i, j], m[:, j, j]), third)
    pair = np.zeros((2, len(m), 3))
    pair[0][:, [i, j, k]] = np.stack([first, second, third], axis=-1)
    pair[1][:, [i, j, k]] = np.stack([first + np.pi, np.pi - second, third + np.pi], axis=-1)
    out = np.empty((len(m), 3))
    before = np.asarray(start, dtype=np.float64)
    for frame in range(len(m)):
        near = pair[:, frame] - 2.0 * np.pi * np.round((pair[:, frame] - before) / (2.0 * np.pi))
        before = out[frame] = near[np.argmin(np.abs(near - before).sum(axis=-1))]
    return out
