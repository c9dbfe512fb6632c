"""Two-bone inverse kinematics and small frame tools, vectorised over frames.

Everything is in world space, metres, (T, 3) points and (T, 3, 3) rotations. Two solvers: :func:`hinge_limb` poses a
limb from its rest bones with a pure hinge in the middle (legs, authored arm postures); :func:`two_bone_delta` moves
an already posed limb so that its end reaches a point (cleanup, pins).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from engine.body.curves import soft_clamp

Array = NDArray[np.float64]

_TINY = 1e-9  # m, keeps what is divided by from zero


@dataclass(frozen=True, eq=False)
class LimbPose:
    """``root`` (T, 3, 3) world rotation of the upper bone, ``hinge`` (T,) radians of the middle joint about its axis,
    ``residual`` (T,) metres between the wanted and the reached end point (0 where it is reached)."""

    root: Array
    hinge: Array
    residual: Array


@dataclass(frozen=True, eq=False)
class LimbDelta:
    """World rotations to put in front of the present ones: ``upper`` and ``lower`` (T, 3, 3); ``residual`` (T,)
    metres."""

    upper: Array
    lower: Array
    residual: Array


def normalized(vectors: ArrayLike) -> Array:
    """(..., 3) vectors to unit length; zero vectors stay zero."""
    array = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    return np.asarray(array / np.maximum(length, _TINY), dtype=np.float64)


def steady_arctan2(y: ArrayLike, x: ArrayLike) -> Array:
    """``np.arctan2`` that gives the same bits every time: on strided views NumPy's own depends on memory layout."""
    first, second = np.ascontiguousarray(y, dtype=np.float64), np.ascontiguousarray(x, dtype=np.float64)
    return np.asarray(np.arctan2(first, second), dtype=np.float64)


def look_frame(along: ArrayLike, towards: ArrayLike) -> Array:
    """(..., 3, 3) with first column ``along``, second the part of ``towards`` across it, third their cross product.

    Where the two are parallel the second column falls back to an arbitrary perpendicular.
    """
    x = normalized(along)
    side = np.broadcast_to(np.asarray(towards, dtype=np.float64), x.shape)
    y = side - np.sum(side * x, axis=-1, keepdims=True) * x
    weak = np.linalg.norm(y, axis=-1) < 1e-6 * np.maximum(np.linalg.norm(side, axis=-1), _TINY)
    if np.any(weak):
        axis = np.eye(3)[np.argmin(np.abs(x), axis=-1)]
        y = np.where(weak[..., None], axis - np.sum(axis * x, axis=-1, keepdims=True) * x, y)
    y = normalized(y)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def hinge_limb(
    upper: ArrayLike,
    lower: ArrayLike,
    axis: ArrayLike,
    root: Array,
    target: Array,
    pole: ArrayLike,
    soft: float = 0.004,
) -> LimbPose:
    """Pose a limb with a hinge in its middle so that its end lies at ``target``.

    ``upper`` and ``lower`` (3,) are the rest bones, ``axis`` (3,) the hinge axis whose positive rotation flexes (all
    in the rest frame); ``root`` (T, 3) the first joint, ``target`` (T, 3) the wanted end, ``pole`` (3,) or (T, 3) the
    direction in which the middle joint shall point. Beyond reach the limb ends ``soft`` metres softly short of
    straight; the rest bones need not be in one line.
    """
    a, b = np.asarray(upper, dtype=np.float64), np.asarray(lower, dtype=np.float64)
    k = normalized(axis)
    across = b - k * float(b @ k)
    cos_part, sin_part = float(a @ across), float(a @ np.cross(k, across))
    constant = float(a @ a + b @ b + 2.0 * (a @ k) * (b @ k))
    swing = float(np.hypot(cos_part, sin_part))
    longest = float(np.sqrt(constant + 2.0 * swing))
    line = np.asarray(target, dtype=np.float64) - root
    distance = np.linalg.norm(line, axis=-1)
    reached = soft_clamp(distance, -np.inf, longest - soft, soft)
    cosine = np.clip((reached**2 - constant) / (2.0 * swing), -1.0, 1.0)
    hinge = np.arctan2(sin_part, cos_part) + np.arccos(cosine)
    bent = np.cos(hinge)[:, None] * across + np.sin(hinge)[:, None] * np.cross(k, across) + k * float(b @ k)
    end = a + bent
    rest_frame = look_frame(end, np.cross(end, k))
    world_frame = look_frame(line, pole)
    length = np.linalg.norm(end, axis=-1)
    return LimbPose(world_frame @ np.swapaxes(rest_frame, -1, -2), hinge, np.abs(distance - length))


def two_bone_delta(
    root: Array, middle: Array, end: Array, target: Array, pole: Array, bend_axis: Array, soft: float = 0.004
) -> LimbDelta:
    """Rotations that carry a posed two-bone limb to ``target`` with the middle joint on the side of ``pole``.

    ``root``, ``middle``, ``end``, ``target`` (T, 3) points; ``pole`` (T, 3) a point near which the middle joint shall
    lie (its present place keeps the present swivel); ``bend_axis`` (T, 3) world hinge axis, used where the limb is
    straight (positive rotation flexes). Apply ``upper`` to the world rotation of the first joint, ``lower`` to the
    middle's.
    """
    first, second = middle - root, end - middle
    len1, len2 = np.linalg.norm(first, axis=-1), np.linalg.norm(second, axis=-1)
    line = target - root
    distance = np.linalg.norm(line, axis=-1)
    longest = len1 + len2
    reached = soft_clamp(distance, -np.inf, longest - soft, soft)
    # Never push a straighter limb to be less straight than it is: its own length stays reachable.
    own = np.linalg.norm(end - root, axis=-1)
    reached = np.clip(np.maximum(reached, np.minimum(distance, own)), np.abs(len1 - len2) + 1e-4, longest)
    along = normalized(line)
    offset = (len1**2 - len2**2 + reached**2) / (2.0 * np.maximum(reached, _TINY))
    height = np.sqrt(np.maximum(len1**2 - offset**2, 0.0))
    toward = pole - root
    side = toward - np.sum(toward * along, axis=-1, keepdims=True) * along
    flat = np.linalg.norm(side, axis=-1, keepdims=True)
    side = np.where(flat > 1e-5, side / np.maximum(flat, _TINY), look_frame(along, np.cross(along, bend_axis))[..., 1])
    new_first = along * offset[:, None] + side * height[:, None]
    new_second = along * reached[:, None] - new_first
    normal_old = _bend_normal(first, second, bend_axis)
    normal_new = np.cross(along, -side)
    upper = look_frame(new_first, normal_new) @ np.swapaxes(look_frame(first, normal_old), -1, -2)
    lower = look_frame(new_second, normal_new) @ np.swapaxes(look_frame(second, normal_old), -1, -2)
    return LimbDelta(upper, lower, np.abs(distance - reached))


def _bend_normal(first: Array, second: Array, bend_axis: Array) -> Array:
    """Unit normal of the limb's plane, turning into the hinge axis as the limb gets straight (below about 3
    degrees)."""
    normal = np.cross(normalized(first), normalized(second))
    weight = np.clip(np.linalg.norm(normal, axis=-1, keepdims=True) / 0.05, 0.0, 1.0)
    mixed = normalized(normal) * weight + normalized(bend_axis) * (1.0 - weight)
    return normalized(mixed)


def swing_twist(rotations: ArrayLike, axis: ArrayLike) -> tuple[Array, Array]:
    """Split rotations (..., 3, 3) = swing @ twist: ``swing`` (..., 3) axis-angle across ``axis`` (3,), ``twist`` (...)
    radians about it, in -pi..pi."""
    matrices = np.asarray(rotations, dtype=np.float64)
    k = normalized(axis)
    quat = np.asarray(Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat())
    along = quat[:, :3] @ k
    twist = 2.0 * steady_arctan2(along, quat[:, 3])
    twist = (twist + np.pi) % (2.0 * np.pi) - np.pi
    swing = (Rotation.from_quat(quat) * Rotation.from_rotvec(-twist[:, None] * k)).as_rotvec()
    return np.asarray(swing).reshape(*matrices.shape[:-2], 3), twist.reshape(matrices.shape[:-2])


def rotation_x(angle: Array) -> Array:
    """(...) radians -> (..., 3, 3) about X (positive pitches the face down)."""
    return _axis_rotation(angle, 1, 2)


def rotation_y(angle: Array) -> Array:
    """(...) radians -> (..., 3, 3) about Y (positive turns to the body's left)."""
    return _axis_rotation(angle, 2, 0)


def rotation_z(angle: Array) -> Array:
    """(...) radians -> (..., 3, 3) about Z (positive leans to the body's right)."""
    return _axis_rotation(angle, 0, 1)


def _axis_rotation(angle: Array, first: int, second: int) -> Array:
    values = np.asarray(angle, dtype=np.float64)
    out = np.zeros((*values.shape, 3, 3))
    out[..., 3 - first - second, 3 - first - second] = 1.0
    out[..., first, first] = out[..., second, second] = np.cos(values)
    out[..., second, first] = np.sin(values)
    out[..., first, second] = -np.sin(values)
    return out
