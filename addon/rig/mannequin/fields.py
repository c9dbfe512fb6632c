"""Implicit forms: functions of points that are negative inside, about a distance near the surface.

Numpy only. Points are (n, 3) metres in Blender armature space (Z up, facing -Y, the body's left is +X).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

Field = Callable[[np.ndarray], np.ndarray]
_TINY = 1e-12  # keeps what is divided by from zero


def pchip(t: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Monotone cubic through (knots (k,), values (k, c)) at t (n,), held at the ends; returns (n, c)."""
    widths = np.diff(knots)
    slopes = np.diff(values, axis=0) / widths[:, None]
    tangents = np.zeros_like(values)
    before, after = slopes[:-1], slopes[1:]
    same = before * after > 0.0
    harmonic = 2.0 * before * after / np.where(same, before + after, 1.0)
    tangents[1:-1] = np.where(same, harmonic, 0.0)
    tangents[0], tangents[-1] = slopes[0], slopes[-1]
    t = np.clip(t, knots[0], knots[-1])
    i = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(widths) - 1)
    width = widths[i][:, None]
    s = ((t - knots[i]) / widths[i])[:, None]
    return (
        values[i] * (1.0 + 2.0 * s) * (1.0 - s) ** 2
        + values[i + 1] * s * s * (3.0 - 2.0 * s)
        + width * (tangents[i] * s * (1.0 - s) ** 2 + tangents[i + 1] * s * s * (s - 1.0))
    )


def round_cone(
    a: ArrayLike,
    b: ArrayLike,
    ra: float,
    rb: float,
    flat: tuple[ArrayLike, float] | None = None,
) -> Field:
    """A capsule from ``a`` to ``b`` whose radius goes linearly from ``ra`` to ``rb``.

    ``flat`` = (unit direction, factor) makes it thinner (factor > 1) along a direction.
    """
    start, end = np.asarray(a, float), np.asarray(b, float)

    def field(p: np.ndarray) -> np.ndarray:
        rel, axis = p - start, end - start
        if flat is not None:
            n, factor = np.asarray(flat[0], float), flat[1]
            rel = rel + (factor - 1.0) * (rel @ n)[:, None] * n
            axis = axis + (factor - 1.0) * float(axis @ n) * n
        t = np.clip(rel @ axis / (axis @ axis + _TINY), 0.0, 1.0)
        return np.linalg.norm(rel - t[:, None] * axis, axis=1) - (ra + (rb - ra) * t)

    return field


def ellipsoid(center: ArrayLike, radii: ArrayLike, frame: np.ndarray | None = None) -> Field:
    """An ellipsoid; ``frame`` (3, 3) has its axes as rows (default: the world's)."""
    c, r = np.asarray(center, float), np.asarray(radii, float)

    def field(p: np.ndarray) -> np.ndarray:
        rel = p - c
        if frame is not None:
            rel = rel @ frame.T
        k0 = np.linalg.norm(rel / r, axis=1)
        k1 = np.linalg.norm(rel / (r * r), axis=1)
        return k0 * (k0 - 1.0) / (k1 + _TINY)

    return field


def mirrored(field: Field) -> Field:
    """The form on the other side (x -> -x)."""
    return lambda p: field(p * np.array([-1.0, 1.0, 1.0]))


class Profile:
    """A tube along one axis with asymmetric superelliptic sections.

    ``table`` rows: (t, c1, c2, r1-, r1+, r2-, r2+): position along ``axis``, then the section's centre and its
    four radii, in the two other axes in cyclic-free order (axis z: x then y; axis x: y then z).
    """

    def __init__(self, axis: int, table: Sequence[tuple[float, ...]], power: float = 2.0) -> None:
        data = np.asarray(sorted(table), float)
        self.axis, self.others = axis, [i for i in range(3) if i != axis]
        self.knots, self.values, self.power = data[:, 0], data[:, 1:], power

    def __call__(self, p: np.ndarray) -> np.ndarray:
        t = p[:, self.axis]
        v = pchip(t, self.knots, self.values)
        rel = p[:, self.others] - v[:, :2]
        r = np.where(rel < 0.0, v[:, [2, 4]], v[:, [3, 5]])
        u = np.abs(rel) / r
        k0 = (u**self.power).sum(1) ** (1.0 / self.power)
        k1 = np.linalg.norm(rel / (r * r), axis=1)
        side = np.where(k0 > 1e-6, (k0 - 1.0) * np.maximum(k0, 0.3) / (k1 + _TINY), -r.min(1))
        side = np.maximum(side, -r.min(1))
        over = np.maximum(np.maximum(self.knots[0] - t, t - self.knots[-1]), 0.0)
        inner = r.min(1) * 0.8
        return np.where(over > 0.0, np.hypot(np.maximum(side + inner, 0.0), over) - inner, side)

    def section(self, t: float, angles: np.ndarray) -> np.ndarray:
        """Points (n, 3) of the section at ``t``; angle 0 is +first axis, pi/2 is +second axis."""
        v = pchip(np.array([t]), self.knots, self.values)[0]
        c, s = np.cos(angles), np.sin(angles)
        r1, r2 = np.where(c < 0, v[2], v[3]), np.where(s < 0, v[4], v[5])
        scale = (np.abs(c) ** self.power + np.abs(s) ** self.power) ** (-1.0 / self.power)
        out = np.empty((len(angles), 3))
        out[:, self.axis] = t
        out[:, self.others[0]] = v[0] + r1 * c * scale
        out[:, self.others[1]] = v[1] + r2 * s * scale
        return out


def smooth_min(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """Minimum of two distances, blended where they differ by less than ``k``."""
    h = np.maximum(k - np.abs(a - b), 0.0) / k
    return np.minimum(a, b) - h * h * k * 0.25


def union(*parts: tuple[Field, float]) -> Field:
    """Smooth union in order; each part's number is the width (m) of its blend into those before it."""

    def field(p: np.ndarray) -> np.ndarray:
        total = parts[0][0](p)
        for part, k in parts[1:]:
            total = smooth_min(total, part(p), k)
        return total

    return field


def carve(base: Field, *cuts: tuple[Field, float]) -> Field:
    """Smooth subtraction of each cut, with its blend width (m)."""

    def field(p: np.ndarray) -> np.ndarray:
        total = base(p)
        for cut, k in cuts:
            total = -smooth_min(-total, cut(p), k)
        return total

    return field


def gradient(field: Field, p: np.ndarray, step: float = 2e-4) -> np.ndarray:
    """Gradient (n, 3) by four evaluations on a tetrahedron."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], float)
    return sum(corner * field(p + step * corner)[:, None] for corner in corners) / (4.0 * step)


def project(field: Field, p: np.ndarray, rounds: int = 4, limit: float = 0.02) -> np.ndarray:
    """Points moved to the field's surface by Newton steps of at most ``limit`` metres."""
    for _ in range(rounds):
        g = gradient(field, p)
        length = np.maximum(np.linalg.norm(g, axis=1), 0.2)
        move = np.clip(field(p) / length, -limit, limit)
        p = p - (move / length)[:, None] * g
    return p


def cast(field: Field, origin: np.ndarray, direction: np.ndarray, reach: float, samples: int = 48) -> np.ndarray:
    """First point (n, 3) where rays from inside leave the form; the ray's end where they never do."""
    n = len(origin)
    ts = np.linspace(0.0, reach, samples)
    points = origin[:, None] + ts[None, :, None] * direction[:, None]
    outside = field(points.reshape(-1, 3)).reshape(n, samples) > 0.0
    first = np.where(outside.any(1), outside.argmax(1), samples - 1)
    low, high = ts[np.maximum(first - 1, 0)], ts[first]
    for _ in range(12):
        mid = 0.5 * (low + high)
        out = field(origin + mid[:, None] * direction) > 0.0
        low, high = np.where(out, low, mid), np.where(out, mid, high)
    return origin + high[:, None] * direction


def smoothstep(x: np.ndarray | float, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, cubic between (``low`` > ``high`` gives the falling step)."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
