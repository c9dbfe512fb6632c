"""The left shoe: rings from the ankle down to the sole's edge, a sole band and a flat sole at z = 0. Numpy only."""

from __future__ import annotations

import numpy as np

from .fields import Field, Profile, ellipsoid, project, union
from .mesh import Half, relax

# By eye, lengths in m.
AROUND = 32  # cells of a ring
RINGS = 13  # from the ankle to the sole's edge
WELT_Z = 0.022  # height of the sole's edge
REACH = (-0.062, 0.204)  # heel and toe along the foot's axis, from below the ankle

# Along the foot: centre sideways, z; radii inner, outer, below, above; m, by eye.
UPPER = Profile(
    1,
    [
        (-0.025, 0.000, 0.036, 0.034, 0.034, 0.036, 0.066),
        (0.020, 0.001, 0.034, 0.036, 0.037, 0.034, 0.064),
        (0.060, 0.002, 0.030, 0.038, 0.041, 0.030, 0.053),
        (0.100, 0.002, 0.026, 0.042, 0.047, 0.026, 0.043),
        (0.130, 0.001, 0.024, 0.043, 0.048, 0.024, 0.037),
        (0.150, -0.001, 0.023, 0.040, 0.044, 0.023, 0.033),
    ],
    power=2.4,
)
ANKLE = Profile(
    2,
    [
        (0.060, 0.0, -0.004, 0.036, 0.036, 0.046, 0.046),
        (0.090, 0.0, -0.002, 0.038, 0.038, 0.045, 0.045),
        (0.180, 0.002, -0.002, 0.040, 0.040, 0.044, 0.042),
    ],
)


class Frame:
    """Foot axes: local (outwards, forwards, up) with the origin on the floor below the ankle."""

    def __init__(self, ankle: np.ndarray, toes: np.ndarray) -> None:
        way = (toes - ankle)[:2] / np.linalg.norm((toes - ankle)[:2])
        self.rows = np.array([[-way[1], way[0], 0.0], [way[0], way[1], 0.0], [0.0, 0.0, 1.0]])
        self.origin = np.array([ankle[0], ankle[1], 0.0])

    def local(self, p: np.ndarray) -> np.ndarray:
        """World to foot."""
        return (p - self.origin) @ self.rows.T

    def world(self, p: np.ndarray) -> np.ndarray:
        """Foot to world."""
        return p @ self.rows + self.origin


def _outline(scale: float) -> np.ndarray:
    """The sole's outline (AROUND, 2): outwards, forwards; starts at the toes, goes outwards."""
    tau = 2 * np.pi * np.arange(AROUND) / AROUND
    tau = tau + 0.10 * np.sin(2 * tau)
    heel, toe = REACH
    v = 0.5 * (heel + toe) + 0.5 * (toe - heel) * np.cos(tau)
    knots = np.array([heel, -0.02, 0.05, 0.115, 0.15, toe])
    wide = np.interp(v, knots, [0.036, 0.036, 0.040, 0.050, 0.050, 0.046])
    center = np.interp(v, knots, [0.0, 0.0, 0.002, 0.003, 0.001, -0.007])
    s = np.sin(tau)
    return np.stack([center + scale * wide * np.sign(s) * np.abs(s) ** 0.75, 0.07 + (v - 0.07) * scale], 1)


def build(joints: dict[str, np.ndarray]) -> Half:
    """The left shoe."""
    frame = Frame(joints["left_ankle"], joints["left_foot"])
    heel = ellipsoid((0.0, -0.024, 0.034), (0.036, 0.036, 0.052))
    toe = ellipsoid((-0.003, 0.140, 0.022), (0.045, 0.060, 0.033))
    upper: Field = union((UPPER, 0.0), (heel, 0.012), (toe, 0.012), (ANKLE, 0.03))
    part = Half()
    edge = _outline(0.965)
    top = ANKLE.section(0.15, np.pi / 2 - 2 * np.pi * np.arange(AROUND) / AROUND)[:, :2]
    rows = []
    for t in np.linspace(0.0, 1.0, RINGS):
        flat = top * (1 - t) + edge * t
        z = 0.15 * (1 - t) ** 1.3 + WELT_Z * (1 - (1 - t) ** 1.3)
        rows.append(part.add(frame.world(np.column_stack([flat, np.full(AROUND, z)])), "shoe"))
    part.tube("shoe", rows)
    surface: Field = lambda p: upper(frame.local(p))  # noqa: E731
    part.put(project(surface, part.array(), 6))
    points = part.array()
    points[rows[-1]] = frame.world(np.column_stack([edge, np.full(AROUND, WELT_Z)]))
    part.put(points)
    relax(part, surface, [*rows[0], *rows[-1]], rounds=14)
    rows = [rows[-1]]
    for scale, z in (
        (1.0, WELT_Z + 0.0005),
        (1.015, WELT_Z - 0.003),
        (1.015, 0.004),
        (0.985, 0.0),
        (0.86, 0.0),
        (0.45, 0.0),
    ):
        rows.append(part.add(frame.world(np.column_stack([_outline(scale), np.full(AROUND, z)])), "sole"))
    part.tube("sole", rows)
    part.cap("sole", rows[-1][-2:] + rows[-1][:-2], 4)
    return part
