"""ARKit shapes of lids, gaze and brows as displacements (n, 3). Numpy only; metres, degrees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import head_form as hf
from .face_space import Face
from .fields import smoothstep
from .mesh import average, edges_of

GAZE_DEGREES = 30.0  # of an eyeLook shape at 1, by eye: about what eyes can do
REACH_UP, REACH_DOWN = 36.0, 34.0  # degrees over which a lid's movement dies out, by eye


class Lids:
    """The left eye's surroundings in its own angles: s along the lids, elevation, distance."""

    def __init__(self, face: Face) -> None:
        rel = face.points - hf.EYE
        self.radius = np.linalg.norm(rel, axis=1)
        self.azimuth = np.degrees(np.arctan2(rel[:, 0], -rel[:, 1]))
        self.elevation = np.degrees(np.arcsin(np.clip(rel[:, 2] / np.maximum(self.radius, 1e-9), -1, 1)))
        sine = np.clip((self.azimuth - 2.0) / 64.0 * np.sin(np.pi / 2 * 0.98), -1.0, 1.0)
        self.s = np.arcsin(sine) / (np.pi / 2 * 0.98)
        self.s = np.clip(self.s, -1.0, 1.0)
        self.up, self.low = hf.lid_upper(self.s), hf.lid_lower(self.s)
        near = face.head & (face.points[:, 0] > 0.004) & (self.radius < 0.040)
        self.is_upper = self.elevation > 0.5 * (self.up + self.low)
        over = np.where(self.is_upper, (self.elevation - self.up) / REACH_UP, (self.low - self.elevation) / REACH_DOWN)
        close = smoothstep(self.radius, hf.LID + 0.0130, hf.LID + 0.0035)
        self.share = near * close * (1.0 - smoothstep(over, 0.0, 1.0))
        self.face = face
        self.edges = edges_of(face.skin_faces)
        self.free = near & (self.radius > hf.LID + 0.0012)

    def move(self, upper: Callable[[np.ndarray], np.ndarray], lower: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Displacement of both lids by degrees of elevation, given as functions of s."""
        by = np.where(self.is_upper, upper(self.s), lower(self.s)) * self.share
        over = np.maximum(self.radius - hf.LID, 0.0)
        radius = np.minimum(self.radius, hf.LID) + over * (1.0 - 0.5 * self.share * np.minimum(np.abs(by) / 20.0, 1.0))
        target = hf.on_eye(self.azimuth, self.elevation + by, 1.0) - hf.EYE
        delta = hf.EYE + target * radius[:, None] - self.face.points
        delta[np.abs(by) < 1e-6] = 0.0
        soft = delta.copy()
        for _ in range(4):
            spread = 0.5 * (soft + average(soft, self.edges))
            soft[self.free] = spread[self.free]
        return soft


def _bulge(s: np.ndarray) -> np.ndarray:
    return np.clip(1.0 - s * s, 0.0, 1.0)


def gaze(face: Face, lids: Lids, azimuth: float, elevation: float) -> np.ndarray:
    """The left eyeball turned towards (azimuth, elevation), the lids going along a little."""
    delta = face.zero()
    ids = np.flatnonzero((face.part == "eye") & (face.points[:, 0] > 0.0))
    a, e = np.radians(azimuth), np.radians(elevation)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(e), np.sin(e)], [0, -np.sin(e), np.cos(e)]])
    rel = face.points[ids] - hf.EYE
    delta[ids] = rel @ (about_z @ about_x).T - rel
    if elevation:
        up, low = (6.0, 4.0) if elevation > 0 else (-17.0, -6.0)
        delta += lids.move(lambda s: up * _bulge(s), lambda s: low * _bulge(s))
    return delta


def _brow_mask(face: Face) -> np.ndarray:
    x = np.abs(face.points[:, 0])
    start = -0.008 + 0.018 * smoothstep(x, 0.008, 0.020)
    return smoothstep((face.points[:, 2] - hf.EYE[2] - start) / (0.0215 - start), 0.0, 1.0)


def _brows(face: Face) -> dict[str, np.ndarray]:
    mask = _brow_mask(face)
    left = face.left * mask
    at = hf.at
    inner = face.near(at(0.0130, -0.082, 0.0250), (0.0120, 0.03, 0.0110))
    middle = face.near(at(0.0280, -0.078, 0.0280), (0.0130, 0.03, 0.0110))
    outer = face.near(at(0.0440, -0.064, 0.0270), (0.0170, 0.03, 0.0125))
    down = np.minimum(inner + 0.75 * middle + 0.25 * outer, 1.05) * left
    lower = face.slide(down[:, None] * np.array([-0.0026, 0.0, -0.0066]))
    lower += 0.0012 * (inner * left)[:, None] * face.outwards
    out = {"browDownLeft": lower, "browDownRight": face.flipped(lower)}
    raise_outer = np.minimum(0.6 * middle + outer, 1.0) * left
    outer_up = face.slide(raise_outer[:, None] * np.array([0.0, 0.0, 0.0082]))
    out |= {"browOuterUpLeft": outer_up, "browOuterUpRight": face.flipped(outer_up)}
    inner_up = face.slide(((inner + 0.35 * middle) * left)[:, None] * np.array([0.0006, 0.0, 0.0088]))
    out["browInnerUp"] = inner_up + face.flipped(inner_up)
    return out


def shapes(face: Face) -> dict[str, np.ndarray]:
    """All shapes of this module by ARKit name."""
    lids = Lids(face)
    left = {
        "eyeBlink": lids.move(
            lambda s: hf.lid_closed(s) - hf.lid_upper(s), lambda s: hf.lid_closed(s) - hf.lid_lower(s)
        ),
        "eyeSquint": lids.move(lambda s: -7.0 * _bulge(s), lambda s: 10.0 * _bulge(s)),
        "eyeWide": lids.move(lambda s: 9.0 * _bulge(s), lambda s: -3.5 * _bulge(s)),
        "eyeLookDown": gaze(face, lids, 0.0, -GAZE_DEGREES),
        "eyeLookUp": gaze(face, lids, 0.0, GAZE_DEGREES),
        "eyeLookOut": gaze(face, lids, GAZE_DEGREES, 0.0),
        "eyeLookIn": gaze(face, lids, -GAZE_DEGREES, 0.0),
    }
    under = face.near(hf.at(0.0330, -0.070, -0.0190), (0.0130, 0.02, 0.0060)) * face.left
    under *= smoothstep(face.points[:, 2] - hf.EYE[2], -0.0080, -0.0130)
    left["eyeSquint"] += 0.0018 * under[:, None] * (face.outwards + np.array([0.0, 0.0, 0.8]))
    out = {f"{name}Left": delta for name, delta in left.items()}
    out |= {f"{name}Right": face.flipped(delta) for name, delta in left.items()}
    return out | _brows(face)
