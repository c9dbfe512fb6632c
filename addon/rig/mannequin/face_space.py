"""What the face shapes share: which vertex is what, soft masks of lips and jaw, sliding on the skull. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from . import head_form as hf
from .fields import gradient, smoothstep
from .head import LIP, lip_parameter
from .mesh import FLIP, average, edges_of

ROW = 2 * LIP + 1  # vertices of a row of a lip, from corner to corner


@dataclass(frozen=True, eq=False)
class Face:
    """All vertices of the mannequin with the head's parts.

    ``points`` (n, 3); ``part`` (n,) names; ``mirror`` (n,) involution; ``rows`` maps "lip_skin", "lip", "lip_meet",
    "mouth" to (rows, 2 * LIP + 1) vertex ids of the left half, top to bottom; ``skin_faces`` the head's faces.
    """

    points: np.ndarray
    part: np.ndarray
    mirror: np.ndarray
    rows: dict[str, np.ndarray]
    rim: np.ndarray
    skin_faces: list[tuple[int, ...]]

    def zero(self) -> np.ndarray:
        """No displacement."""
        return np.zeros_like(self.points)

    def flipped(self, delta: np.ndarray) -> np.ndarray:
        """The same displacement on the other side of the face."""
        return delta[self.mirror] * FLIP

    @cached_property
    def soft(self) -> np.ndarray:
        """Vertices that slide with the skin: head, brows."""
        return np.isin(self.part, ("head", "brow"))

    @cached_property
    def head(self) -> np.ndarray:
        """Vertices of the head's skin, mouth bag included."""
        return self.part == "head"

    @cached_property
    def bag_depth(self) -> np.ndarray:
        """0 on the skin and lips, to 1 at the back of the mouth's bag."""
        out = np.zeros(len(self.points))
        rows = self.rows["mouth"]
        for i, row in enumerate(rows):
            self.put(out, row, i / (len(rows) - 1))
        return out

    def put(self, values: np.ndarray, row: np.ndarray, value: np.ndarray | float) -> None:
        """Write a lip row's values on both sides."""
        values[row] = value
        values[self.mirror[row]] = value

    @cached_property
    def lip_rows(self) -> np.ndarray:
        """(rows, ROW) ids from the border of the red inwards, bag included."""
        return np.concatenate([self.rows["lip_skin"][-1:], self.rows["lip"], self.rows["lip_meet"], self.rows["mouth"]])

    @cached_property
    def above(self) -> np.ndarray:
        """(n,) signed height over the line from the mouth's corners to the jaw's hinge."""
        _, y, z = self.points.T
        corner_y = hf.lip_front(np.array(hf.MOUTH_HALF))
        t = np.clip((y - corner_y) / (hf.HINGE[1] - corner_y), 0.0, 1.0)
        return z - hf.MOUTH_Z - t * (hf.HINGE[2] - hf.MOUTH_Z)

    @cached_property
    def upper(self) -> np.ndarray:
        """(n,) 1 on the upper lip and above, 0 on the lower lip and below."""
        out = smoothstep(self.above, -0.004, 0.004)
        _, side = lip_parameter()
        for row in (*self.rows["lip_skin"], *self.lip_rows):
            self.put(out, row, 0.5 + 0.5 * side)
        out[self.part == "teeth_up"] = 1.0
        out[self.part == "teeth_low"] = 0.0
        return out

    @cached_property
    def jaw(self) -> np.ndarray:
        """(n,) how much a vertex goes with the lower jaw."""
        x, y, z = np.abs(self.points[:, 0]), self.points[:, 1], self.points[:, 2] - hf.EYE[2]
        wide = 0.004 + 0.012 * smoothstep(x, 0.55 * hf.MOUTH_HALF, hf.MOUTH_HALF) + 0.024 * smoothstep(x, 0.024, 0.052)
        share = smoothstep(self.above, wide, -wide)
        share *= smoothstep(y, 0.020, -0.022) * smoothstep(z - 0.35 * np.maximum(y + 0.05, 0), -0.150, -0.112)
        s, side = lip_parameter()
        on_lip = 0.5 - 0.5 * side * (1.0 - smoothstep(s, 0.45, 1.0) ** 1.3)
        skin = self.rows["lip_skin"]
        fixed = np.zeros(len(share), bool)
        for i, row in enumerate(skin):
            t = (i + 1) / len(skin)
            self.put(share, row, share[row] * (1 - t) + on_lip * t)
        for row in self.lip_rows:
            self.put(share, row, on_lip)
            self.put(fixed, row, True)
        share[~self.head] = 0.0
        edges = edges_of(self.skin_faces)
        free = self.head & ~fixed
        for _ in range(10):
            share[free] = (0.5 * share + 0.5 * average(share[:, None], edges)[:, 0])[free]
        share[self.part == "teeth_low"] = 1.0
        share[self.part == "tongue"] = 1.0
        return share

    def near(self, center: np.ndarray, radius: tuple[float, float, float] | float) -> np.ndarray:
        """(n,) a bell around a point: 1 there, about 0.6 one radius away."""
        rel = (self.points - center) / np.asarray(radius)
        return np.exp(-0.5 * (rel**2).sum(1)) * self.soft

    @cached_property
    def left(self) -> np.ndarray:
        """(n,) 1 on the left of the face, 0 on the right, soft across the middle."""
        return smoothstep(self.points[:, 0], -0.009, 0.009)

    def slide(self, delta: np.ndarray) -> np.ndarray:
        """The displacement bent so that skin keeps its distance to the skull; the bag of the mouth follows less."""
        out = delta * (self.soft * (1.0 - 0.85 * self.bag_depth))[:, None]
        moved = np.flatnonzero(self.soft & (np.abs(out).max(1) > 1e-5))
        base = _skull(self.points[moved])
        p = self.points[moved] + out[moved]
        for _ in range(2):
            g = gradient(_skull, p, 0.002)
            length = np.maximum(np.linalg.norm(g, axis=1), 0.3)
            p = p - ((_skull(p) - base) / length**2)[:, None] * g
        keep = (1.0 - np.minimum(self.bag_depth[moved] * 6.0, 1.0))[:, None]
        out[moved] = out[moved] * (1 - keep) + (p - self.points[moved]) * keep
        return out

    @cached_property
    def outwards(self) -> np.ndarray:
        """(n, 3) unit directions off the skull for the head's vertices."""
        out = self.zero()
        ids = np.flatnonzero(self.soft)
        g = gradient(_skull, self.points[ids], 0.004)
        out[ids] = g / np.maximum(np.linalg.norm(g, axis=1), 1e-9)[:, None]
        return out


_skull = hf.skull()
