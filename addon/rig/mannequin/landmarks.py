"""Fifty-one landmarks of the mannequin's face and where each ARKit shape takes them: what another face has to copy.

``python -m addon.rig.mannequin.landmarks`` writes assets/mannequin/landmarks.npz from the mannequin's file: ``rest``
(51, 3) and ``moves`` (52, 51, 3), metres, in SMPL-X's axes (X to the character's left, Y up, Z ahead). The order is
that of SMPL-X's own static landmarks: right and left brow, nose, right and left eye, outer and inner mouth. Numpy only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...paths import root
from . import head_form as hf
from .data import Mannequin, load, names_of_shapes

FILE = "mannequin/landmarks.npz"
# No unit: Blender's axes to SMPL-X's (docs/sources/smplx.md, section 1), and the mirror.
TO_SMPLX = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
# Metres from the eyes, and shares, by eye on the mesh.
BROW = ((0.0125, 0.0235), (0.0225, 0.0260), (0.0325, 0.0270), (0.0425, 0.0265), (0.0510, 0.0240))  # x, height
NOSE = ((-0.078, 0.0040), (-0.085, -0.0080), (-0.092, -0.0215), (-0.106, -0.0365))  # y, height: bridge to tip
WINGS = ((0.0140, -0.0900, -0.0440), (0.0070, -0.0960, -0.0485), (0.0, -0.0985, -0.0465))  # left wing to the middle
LIDS = 0.38  # how far along the lids the landmarks between the corners are
OUTER, INNER = (0.33, 0.66), 0.5  # how far along the lips


def _left_brow() -> np.ndarray:
    return np.array([hf.at(x, -0.080 + 9.0 * x * x, z) for x, z in BROW])


def _left_eye() -> np.ndarray:
    """Inner corner, upper inner, upper outer, outer corner, lower outer, lower inner."""
    s = np.array([-1.0, -LIDS, LIDS, 1.0, LIDS, -LIDS])
    height = np.concatenate([hf.lid_upper(s[:3]), hf.lid_lower(s[3:])])
    return hf.on_eye(hf.lid_azimuth(s), height, hf.LID)


def _left_mouth() -> tuple[np.ndarray, np.ndarray]:
    """Outer: upper middle, two on the way, corner, two on the way back, lower middle. Inner: the same, one a way."""
    s = np.array([0.0, *OUTER, 1.0, *reversed(OUTER), 0.0])
    x = hf.lip_x(s)
    side = np.where(np.arange(len(s)) < 4, hf.lip_border(s, True), -hf.lip_border(s, False))
    outer = np.stack([x, hf.lip_front(x), hf.lip_line(s) + side], 1)
    s = np.array([0.0, INNER, 1.0, INNER, 0.0])
    x = hf.lip_x(s)
    return outer, np.stack([x, hf.lip_front(x), hf.lip_line(s)], 1)


def _nearest(figure: Mannequin, wanted: np.ndarray, among: np.ndarray) -> np.ndarray:
    rel = figure.points[among][None].astype(np.float64) - wanted[:, None]
    return among[(rel**2).sum(-1).argmin(1)]


def vertices(figure: Mannequin) -> np.ndarray:
    """(51,) vertices of the mannequin at the landmarks."""
    corners = np.split(figure.corners, np.cumsum(figure.sides)[:-1])
    of = {
        name: np.unique(np.concatenate([c for c, m in zip(corners, figure.material, strict=True) if m == number]))
        for number, name in enumerate(figure.materials)
    }
    brow = _nearest(figure, _left_brow(), of["brow"])
    eye = _nearest(figure, _left_eye(), figure.lids)
    bridge = _nearest(figure, np.array([hf.at(0.0, y, z) for y, z in NOSE]), of["skin"])
    wings = _nearest(figure, np.array([hf.at(*place) for place in WINGS]), of["skin"])
    outer, _ = _left_mouth()
    red = _nearest(figure, outer, of["lip"])
    half = len(figure.lips) // 2
    inner = figure.lips[[0, half // 2, half, half + (half + 1) // 2, len(figure.lips) - 1]]
    other = figure.mirror
    return np.concatenate(
        [
            other[brow[::-1]],
            brow,
            bridge,
            other[wings[:2]],
            wings[::-1],
            other[eye[[3, 2, 1, 0, 5, 4]]],
            eye,
            other[red[[3, 2, 1]]],
            red[:4],
            red[4:],
            other[red[[5, 4]]],
            other[inner[[2, 1]]],
            inner[:3],
            inner[3:],
            other[inner[[3]]],
        ]
    )


def make(figure: Mannequin) -> dict[str, np.ndarray]:
    """The arrays of the file."""
    ids = vertices(figure)
    moves = np.zeros((len(names_of_shapes()), len(ids), 3))
    for row, name in enumerate(names_of_shapes()):
        moved, by = figure.shapes[name]
        where = {int(vertex): place for place, vertex in enumerate(moved)}
        for column, vertex in enumerate(ids):
            if int(vertex) in where:
                moves[row, column] = by[where[int(vertex)]] @ TO_SMPLX.T
    rest = figure.points[ids].astype(np.float64) @ TO_SMPLX.T
    return {"rest": rest.astype(np.float32), "moves": moves.astype(np.float32)}


def write() -> Path:
    """Write the file into the assets folder."""
    path = root() / "assets" / FILE
    np.savez_compressed(path, **make(load()))
    return path


if __name__ == "__main__":
    print(write())
