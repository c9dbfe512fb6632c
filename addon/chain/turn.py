"""Turn a listener towards the speaker: spine, neck and head share a yaw, as far as they go. No bpy."""

from __future__ import annotations

import numpy as np

from ..rig.convert import Array, axis_angle_to_quaternion, quaternion_to_axis_angle

# SMPL-X joint -> its share of the turn, and how far it goes at most, rad; by eye. The eyes' own life goes on.
SHARES = ((3, 0.08), (6, 0.09), (9, 0.09), (12, 0.26), (15, 0.48))
LARGEST = np.radians(70.0)


def turned(poses: Array, yaw: float) -> Array:
    """Poses (T, 55, 3) with the head turned by ``yaw`` radians to the body's left, clamped to what a body does."""
    yaw = float(np.clip(yaw, -LARGEST, LARGEST))
    out = np.array(poses, np.float32)
    for joint, share in SHARES:
        half = 0.5 * yaw * share
        turn = np.array([np.cos(half), 0.0, np.sin(half), 0.0])
        out[:, joint] = quaternion_to_axis_angle(product(turn, axis_angle_to_quaternion(poses[:, joint])))
    return out


def product(a: Array, b: Array) -> Array:
    """Hamilton product of quaternions (4,) and (..., 4): first ``b``, then ``a``."""
    w, v = a[0], a[1:]
    scalar = w * b[..., :1] - np.sum(v * b[..., 1:], axis=-1, keepdims=True)
    return np.concatenate([scalar, w * b[..., 1:] + b[..., :1] * v + np.cross(v, b[..., 1:])], axis=-1)


def yaw_towards(place: Array, facing: Array, up: Array, target: Array) -> float:
    """Radians from ``facing`` to the direction of ``target`` about ``up``; positive to the body's left."""
    away = target - place
    away = away - up * (away @ up)
    ahead = facing - up * (facing @ up)
    if np.linalg.norm(away) < 1e-6 or np.linalg.norm(ahead) < 1e-6:
        return 0.0
    return float(np.arctan2(up @ np.cross(ahead, away), ahead @ away))
