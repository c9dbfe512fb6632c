"""New rotations that join what stands before, after and between them: no flipped quaternion, no full turn. No bpy."""

from __future__ import annotations

import numpy as np

from ..rig.convert import Array, Flags, continuous, quaternion_to_axis_angle, quaternion_to_euler

FULL_TURN = 2.0 * np.pi  # rad


def continue_quaternions(new: Array, old: Array, fixed: Flags) -> Array:
    """Signs for quaternions ``new`` (n, 4) such that none flips against its neighbours.

    ``old`` (n + 2, 4) are the values that stand now, one frame more on either side; those on ``fixed`` (n,) frames and
    beside the window stay as they are.
    """
    chain = old.copy()
    chain[1:-1][~fixed] = new[~fixed]
    signs = np.cumprod(np.where(np.sum(chain[1:] * chain[:-1], axis=-1) < 0.0, -1.0, 1.0))
    signs = np.concatenate([[1.0], signs])
    anchors = np.concatenate([[True], fixed, [False]])
    last = np.maximum.accumulate(np.where(anchors, np.arange(len(chain)), 0))
    return (chain * (signs * signs[last])[:, None])[1:-1]


def continue_euler(new: Array, old: Array, fixed: Flags, order: str) -> Array:
    """Euler angles (n, 3) of quaternions ``new`` (n, 4), each nearest to the one before; ``old`` (n + 2, 3)."""
    out = old[1:-1].copy()
    for first, end in _runs(~fixed):
        out[first:end] = quaternion_to_euler(new[first:end], order, start=old[first] if first == 0 else out[first - 1])
    return out


def continue_turns(new: Array, old: Array, fixed: Flags) -> Array:
    """Angle and axis (n, 4) of quaternions ``new`` (n, 4), axis and angle each nearest to those before."""
    out = old[1:-1].copy()
    for first, end in _runs(~fixed):
        before = old[first] if first == 0 else out[first - 1]
        for row, turn in enumerate(quaternion_to_axis_angle(continuous(new[first:end])), first):
            angle = float(np.linalg.norm(turn))
            axis = turn / angle if angle > 1e-9 else before[1:]
            if axis @ before[1:] < 0.0:
                angle, axis = -angle, -axis
            angle += FULL_TURN * np.round((before[0] - angle) / FULL_TURN)
            before = out[row] = np.array([angle, *axis])
    return out


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """First and end of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
