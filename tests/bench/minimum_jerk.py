"""The minimum-jerk residual through pins: the smoothest correction there is, to measure others against.

Written without engine.hints on purpose: a plain least-squares solution of the discrete problem.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lstsq
from scipy.spatial.transform import Rotation

from engine.body.motion import Motion
from engine.body.rotations import continuous_axis_angle
from engine.hints.types import Hints

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def minimum_jerk(given: Flags, values: ArrayLike) -> Array:
    """The curve (T, N) through ``values`` (T, N) on the frames ``given`` (T,) whose summed squared third difference is
    least; all zeros where nothing is given.

    An end of the clip that is not given is free: the curve comes to rest there, for the least jerk alone would let it
    run away as a parabola.
    """
    known = np.asarray(values, dtype=np.float64)
    out = np.where(given[:, None], known, 0.0)
    free, fixed = np.flatnonzero(~given), np.flatnonzero(given)
    if not len(fixed) or not len(free):
        return out
    frames = len(known)
    rows = [np.diff(np.eye(frames), n=3, axis=0)]
    for order in (1, 2):
        rest = np.diff(np.eye(frames), n=order, axis=0)
        rows += [rest[:1]] if not given[0] else []
        rows += [rest[-1:]] if not given[-1] else []
    system = np.concatenate(rows)
    out[free] = lstsq(system[:, free], -system[:, fixed] @ known[fixed], lapack_driver="gelsy")[0]
    return out


def given_residuals(motion: Motion, hints: Hints, wanted: Motion, support: bool) -> tuple[Flags, Array]:
    """Which residuals are given, (T, 56) bool, and what they are, (T, 56, 3): 55 rotations in radians, and trans.

    Given are pins (their values are read from ``wanted``) and two frames of the base on either side of the window; and,
    with ``support``, zeros further than the hints' support from every pin and border.
    """
    first, end = hints.window
    frames = hints.frames
    given = np.zeros((frames, 56), dtype=np.bool_)
    given[:, :55] = hints.rotation_mask
    given[:, 55] = hints.trans_mask
    given[:first] = given[end:] = False
    border = np.zeros(frames, dtype=np.bool_)
    border[max(0, first - 2) : first] = border[end : end + 2] = True
    goal_poses = np.where(border[:, None, None], hints.base.poses, wanted.poses).astype(np.float64)
    goal_trans = np.where(border[:, None], hints.base.trans, wanted.trans).astype(np.float64)
    given |= border[:, None]
    relative = Rotation.from_rotvec(motion.poses.astype(np.float64).reshape(-1, 3)).inv() * Rotation.from_rotvec(
        goal_poses.reshape(-1, 3)
    )
    values = np.zeros((frames, 56, 3))
    values[:, :55] = np.asarray(relative.as_rotvec()).reshape(frames, 55, 3)
    values[:, 55] = goal_trans - motion.trans
    values[~given] = 0.0
    for joint in range(55):  # a residual near half a turn must not change its sign from one border frame to the next
        rows = np.flatnonzero(given[:, joint])
        values[rows, joint] = continuous_axis_angle(values[rows, joint])
    if support:
        reach = hints.support_seconds * hints.fps
        places = np.arange(frames)
        for channel in range(56):
            rows = np.flatnonzero(given[:, channel])
            if len(rows):
                given[np.abs(places[:, None] - rows).min(axis=1) > reach, channel] = True
    return given, values


def reference(motion: Motion, hints: Hints, wanted: Motion, support: bool = False) -> Motion:
    """``motion`` with the minimum-jerk residual through the hints' pins and the window's borders; the base outside.

    Targets are not solved: put the joints that reach them into the rotation mask, and their values into ``wanted``.
    """
    first, end = hints.window
    low, high = max(0, first - 2), min(hints.frames, end + 2)
    given, values = given_residuals(motion, hints, wanted, support)
    residual = np.zeros((hints.frames, 56, 3))
    patterns, which = np.unique(given[low:high], axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        channels = np.flatnonzero(which.reshape(-1) == number)
        block = values[low:high, channels].reshape(high - low, -1)
        residual[low:high, channels] = minimum_jerk(patterns[:, number], block).reshape(high - low, len(channels), 3)
    turned = Rotation.from_rotvec(motion.poses.astype(np.float64).reshape(-1, 3)) * Rotation.from_rotvec(
        residual[:, :55].reshape(-1, 3)
    )
    poses = np.asarray(turned.as_rotvec()).reshape(hints.frames, 55, 3).astype(np.float32)
    trans = (motion.trans + residual[:, 55]).astype(np.float32)
    inside = np.zeros(hints.frames, dtype=np.bool_)
    inside[first:end] = True
    return replace(
        motion,
        poses=np.where(inside[:, None, None], poses, hints.base.poses),
        trans=np.where(inside[:, None], trans, hints.base.trans),
    )
