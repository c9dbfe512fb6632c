"""Corrections of a take's channels around its pins and the window's borders, on the frames of the window.

Rotations are corrected from the right, R = R_generated exp(r), by their residuals' log; everything else by addition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.hints.spline import Knots, correction
from engine.hints.types import Hints

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

# By eye: what a correction may overshoot by, whatever its size.
ROTATION_SLACK = float(np.radians(20.0))  # rad
PLACE_SLACK = 0.05  # m
WEIGHT_SLACK = 0.1  # of a blend shape or an expression
# Radians, by eye: near half a turn the long way round may be the continuous one, up to so much.
_NEAR_TURN = 0.75 * np.pi
_LONGEST_TURN = 1.25 * np.pi


@dataclass(frozen=True, eq=False)
class Span:
    """The frames that a pass works on: window ``first``..``end`` and two frames of the base on either side.

    ``low``, ``high`` bound them; where the window ends with the take (of ``frames``) there is nothing on that side, and
    where the take has only one frame there, the second is made from its velocity. ``reach`` is in frames.
    """

    first: int
    end: int
    low: int
    high: int
    frames: int
    reach: float

    @staticmethod
    def of(hints: Hints) -> Span:
        """The span of the hints' window."""
        first, end = hints.window
        low = first - 2 if first > 0 else 0
        high = end + 2 if end < hints.frames else end
        return Span(first, end, low, high, hints.frames, hints.support_seconds * hints.fps)

    def rows(self, values: NDArray[np.float32], rotations: bool = False) -> Array:
        """The take's values (T, ...) on the span's frames, float64."""
        out = values[max(0, self.low) : min(self.frames, self.high)].astype(np.float64)
        if self.low < 0:
            out = np.concatenate([_beyond(out[0], out[1], rotations), out])
        if self.high > self.frames:
            out = np.concatenate([out, _beyond(out[-1], out[-2], rotations)])
        return out

    @property
    def inner(self) -> slice:
        """The window's frames in the span."""
        return slice(self.first - self.low, self.end - self.low)

    @property
    def border(self) -> Indices:
        """Places in the span of the frames beside the window."""
        return np.concatenate([np.arange(self.first - self.low), np.arange(self.end, self.high) - self.low])

    @property
    def window(self) -> Array:
        """The window's frames as numbers of the take, float."""
        return np.arange(self.first, self.end, dtype=np.float64)


def _beyond(edge: Array, inner: Array, rotations: bool) -> Array:
    """The frame (1, ...) beyond a take's ``edge``, with the velocity between ``inner`` and it."""
    if not rotations:
        return (2.0 * edge - inner)[None]
    return turned(edge, rotation_residuals(inner, edge))[None]


def rotation_residuals(start: Array, goal: Array) -> Array:
    """log(start^-1 goal) of rotation vectors (N, 3), the short way; exactly zero where both are the same."""
    residual = np.zeros(start.shape)
    rows = np.flatnonzero(np.any(start != goal, axis=-1))
    if len(rows):
        residual[rows] = _product(start[rows], goal[rows], sign=-1.0).as_rotvec()
    return residual


def turned(start: Array, residual: Array) -> Array:
    """Rotation vectors (N, 3) of start exp(residual)."""
    return np.asarray(_product(start, residual).as_rotvec())


def _product(first: Array, second: Array, sign: float = 1.0) -> Rotation:
    """exp(sign first) exp(second); SciPy's own product takes several times as long."""
    a = np.asarray(Rotation.from_rotvec(sign * first).as_quat()).T
    b = np.asarray(Rotation.from_rotvec(second).as_quat()).T
    x, y, z, w = a
    quat = np.empty((a.shape[1], 4))
    quat[:, 0] = w * b[0] + x * b[3] + y * b[2] - z * b[1]
    quat[:, 1] = w * b[1] - x * b[2] + y * b[3] + z * b[0]
    quat[:, 2] = w * b[2] + x * b[1] - y * b[0] + z * b[3]
    quat[:, 3] = w * b[3] - x * b[0] - y * b[1] - z * b[2]
    return Rotation.from_quat(quat)


def same_frames(mask: Flags) -> Iterator[tuple[Indices, Indices]]:
    """Groups of columns of ``mask`` (F, N) with the same True frames: (frames, columns)."""
    groups: dict[bytes, list[int]] = {}
    columns = np.ascontiguousarray(np.packbits(mask, axis=0).T)
    for column in range(mask.shape[1]):
        groups.setdefault(columns[column].tobytes(), []).append(column)
    for members in groups.values():
        yield np.flatnonzero(mask[:, members[0]]), np.array(members)


def rotation_corrections(start: Array, goal: Array, mask: Flags, span: Span) -> Array:
    """Residuals r (W, N, 3) on the window that bring N joints from ``start`` to ``goal`` on the frames of ``mask``.

    ``start``, ``goal`` (F, N, 3) rotation vectors and ``mask`` (F, N) on the span's frames; border frames are knots of
    every joint whether the mask has them or not.
    """
    known = mask.copy()
    known[span.border] = True
    residual = np.zeros(start.shape)
    residual[known] = rotation_residuals(start[known], goal[known])
    out = np.zeros((span.end - span.first, *start.shape[1:]))
    for frames, joints in same_frames(known):
        values = residual[np.ix_(frames, joints)]
        active = np.flatnonzero(values.any(axis=(0, 2)))
        if len(active):
            path = _continuous(values[:, active])
            out[:, joints[active]] = _spread(frames + span.low, path, span, span.reach, ROTATION_SLACK)
    return out


def additive_corrections(start: Array, goal: Array, mask: Flags, span: Span, share: float, slack: float) -> Array:
    """As :func:`rotation_corrections` for N channels of D components (F, N, D), by addition; ``share`` of the reach."""
    known = mask.copy()
    known[span.border] = True
    residual = np.where(known[..., None], goal - start, 0.0)
    out = np.zeros((span.end - span.first, *start.shape[1:]))
    for frames, channels in same_frames(known):
        values = residual[np.ix_(frames, channels)]
        active = np.flatnonzero(values.any(axis=(0, 2)))
        if len(active):
            path = values[:, active]
            out[:, channels[active]] = _spread(frames + span.low, path, span, share * span.reach, slack)
    return out


def _spread(frames: Indices, values: Array, span: Span, reach: float, slack: float) -> Array:
    """Corrections (W, N, D) through ``values`` (K, N, D) on the take's ``frames`` (K,)."""
    times = frames.astype(np.float64)
    border = (frames < span.first) | (frames >= span.end)
    return correction(Knots(times, border), values, span.window, reach, slack)


def _continuous(values: Array) -> Array:
    """Residuals (K, N, 3) near half a turn taken round the side that is nearer to the knot before."""
    size = np.linalg.norm(values, axis=-1)
    out = values.copy()
    for knot in np.flatnonzero((size > _NEAR_TURN).any(axis=1)):
        if knot == 0:
            continue
        length = size[knot][:, None]
        other = values[knot] * (1.0 - 2.0 * np.pi / np.where(length > 0.0, length, 1.0))
        nearer = np.linalg.norm(other - out[knot - 1], axis=-1) < np.linalg.norm(values[knot] - out[knot - 1], axis=-1)
        allowed = (size[knot] > _NEAR_TURN) & (2.0 * np.pi - size[knot] < _LONGEST_TURN)
        out[knot] = np.where((nearer & allowed)[:, None], other, values[knot])
    return out
