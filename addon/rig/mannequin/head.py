"""The head's skin: one surface from the neck to the crown, with loops around the eyes, the lips and the mouth's inside.

Numpy only. A grid around the head has rectangular holes; rings of as many vertices lead from a hole's edge to the lids
and to the lips.
"""

from __future__ import annotations

import numpy as np

from . import head_form as hf
from .fields import Field, cast, project
from .mesh import Half, relax

# The head's grid, by eye; azimuths are degrees from the front.
AZIMUTH = np.array([*range(0, 46, 3), 49, 54, 60, 67, 75, 84, 94, 105, 117, 129, 142, 155, 168, 180], float)
MOUTH_COLUMN, MOUTH_CELLS = 8, 8  # its first column to the side, its rows
EYE_COLUMNS, EYE_CELLS = (3, 13), 6  # columns of the corners, its rows
LIP = 12  # cells from the middle of a lip to the corner
EYE_RINGS = 6  # from the lids' edge inwards


def _rows() -> np.ndarray:
    """Rows from the neck up: (front origin z, front elevation, back origin z, back elevation, origin y)."""
    rows = [(z, 0.0, z * 0.95, 0.0, 0.018) for z in np.linspace(-0.205, -0.145, 6)]
    under = zip((-72, -58, -46, -36, -27, -18, -9), np.linspace(-0.130, -0.090, 7), strict=True)
    rows += [(-0.080, float(e), zb, 0.0, -0.006 + 0.0015 * i) for i, (e, zb) in enumerate(under)]
    face = [
        *np.linspace(-0.0885, -0.0505, 9),
        *np.linspace(-0.0505, -0.0145, 9)[1:],
        *np.linspace(-0.0145, 0.0175, 7)[1:],
    ]
    rows += [(z, 0.0, z, 0.0, 0.005) for z in [*face, 0.0230, 0.0290, 0.0350]]
    rows += [(0.0350, e, 0.0350, e, 0.005 + 0.010 * e / 80) for e in np.linspace(7, 78, 10)]
    return np.array(rows)


# Rows of _rows: where mouth and eyes begin.
FIRST_FACE = 13
EYE_ROW = FIRST_FACE + 16


def _grid(surface: Field) -> np.ndarray:
    """First positions (rows, columns, 3)."""
    rows = _rows()
    a = np.radians(AZIMUTH)
    back = (1.0 - np.cos(a)) / 2.0
    zo = rows[:, 0:1] + (rows[:, 2:3] - rows[:, 0:1]) * back
    el = np.radians(rows[:, 1:2] + (rows[:, 3:4] - rows[:, 1:2]) * np.minimum(back * 1.6, 1.0))
    origin = np.stack([np.zeros_like(zo), np.broadcast_to(rows[:, 4:5], zo.shape), hf.EYE[2] + zo], -1)
    way = np.stack([np.sin(a) * np.cos(el), -np.cos(a) * np.cos(el), np.sin(el)], -1)
    points = cast(surface, origin.reshape(-1, 3), way.reshape(-1, 3), 0.16).reshape(*zo.shape, 3)
    points[:, [0, -1], 0] = 0.0
    return points


def build() -> Half:
    """The left half of the head's skin."""
    part, surface = Half(), hf.form()
    guess = _grid(surface)
    columns = len(AZIMUTH)
    keep = np.ones(guess.shape[:2], bool)
    m0, m1 = FIRST_FACE, FIRST_FACE + MOUTH_CELLS
    e0, e1 = EYE_ROW, EYE_ROW + EYE_CELLS
    keep[m0 + 1 : m1, :MOUTH_COLUMN] = False
    keep[e0 + 1 : e1, EYE_COLUMNS[0] + 1 : EYE_COLUMNS[1]] = False
    grid = np.full(keep.shape, -1)
    grid[keep] = part.add(guess[keep], "grid")
    for r in range(len(guess) - 1):
        for c in range(columns - 1):
            in_mouth = m0 <= r < m1 and c < MOUTH_COLUMN
            in_eye = e0 <= r < e1 and EYE_COLUMNS[0] <= c < EYE_COLUMNS[1]
            if not (in_mouth or in_eye):
                part.face("skin", grid[r, c], grid[r, c + 1], grid[r + 1, c + 1], grid[r + 1, c])
    _crown(part, [int(i) for i in grid[-1]])
    eye_hole = [*grid[e1, EYE_COLUMNS[0] : EYE_COLUMNS[1] + 1], *grid[e0 + 1 : e1, EYE_COLUMNS[1]][::-1]]
    eye_hole += [*grid[e0, EYE_COLUMNS[0] : EYE_COLUMNS[1] + 1][::-1], *grid[e0 + 1 : e1, EYE_COLUMNS[0]]]
    mouth_hole = [*grid[m1, : MOUTH_COLUMN + 1], *grid[m0 + 1 : m1, MOUTH_COLUMN][::-1]]
    mouth_hole += [*grid[m0, : MOUTH_COLUMN + 1][::-1]]
    rim = _lids(part, [int(i) for i in eye_hole])
    lips = _lip_skin(part, [int(i) for i in mouth_hole])
    free = part.array()
    fixed = [*rim, *lips, *(int(i) for i in grid[0])]
    mask = np.ones(len(free), bool)
    mask[fixed] = False
    free[mask] = project(surface, free[mask], 6, 0.004)
    part.put(free)
    relax(part, surface, fixed, rounds=12)
    _inner_lids(part, rim)
    _lips(part, lips)
    return part


def _crown(part: Half, ring: list[int]) -> None:
    """Close the top: a seam along the middle, from the front to the back."""
    p = part.array()
    inner = ring[1:-1]
    seam = p[inner].copy()
    seam[:, 0] = 0.0
    seam[:, 2] += 0.004
    middle = [ring[0], *part.add(seam, "grid"), ring[-1]]
    for i in range(len(ring) - 1):
        part.face("skin", ring[i], ring[i + 1], middle[i + 1], middle[i])


def rim_parameter() -> tuple[np.ndarray, np.ndarray]:
    """For a lid ring's vertices: s along the lid (inner -1, outer 1), and whether it is the upper lid."""
    wide = EYE_COLUMNS[1] - EYE_COLUMNS[0]
    n = 2 * (wide + EYE_CELLS)
    k = (np.arange(n) + EYE_CELLS // 2) % n  # 0 at the inner corner, over the top to n / 2 at the outer
    upper = k <= n // 2
    s = np.where(upper, k, n - k) / (n / 2) * 2.0 - 1.0
    return s, upper


def _lids(part: Half, hole: list[int]) -> list[int]:
    s, upper = rim_parameter()
    elevation = np.where(upper, hf.lid_upper(s), hf.lid_lower(s))
    rim = hf.on_eye(hf.lid_azimuth(s), elevation, hf.LID)
    edge = part.array()[hole]
    rows = [hole]
    for t in np.linspace(0.0, 1.0, EYE_RINGS + 1)[1:]:
        rows.append(part.add(edge * (1 - t) + rim * t, "lid"))
    part.tube("skin", rows)
    part.tags["lid_rim"] += rows[-1]
    return rows[-1]


def _inner_lids(part: Half, rim: list[int]) -> None:
    """The lids' thickness and a fold behind the eyeball's surface."""
    s, upper = rim_parameter()
    elevation = np.where(upper, hf.lid_upper(s), hf.lid_lower(s))
    outwards = np.where(upper, 1.0, -1.0)
    azimuth = hf.lid_azimuth(s)
    corner = np.abs(s) ** 6
    margin = hf.on_eye(azimuth, elevation - outwards * 1.0 * (1 - corner), hf.EYEBALL + 0.0002)
    fold = hf.on_eye(azimuth * 1.03, elevation + outwards * 9.0, hf.EYEBALL - 0.0012)
    rows = [rim, part.add(margin, "lid_margin"), part.add(fold, "lid_fold")]
    for i in range(len(rim)):
        j = (i + 1) % len(rim)
        part.face("lash" if upper[i] and upper[j] else "lid_edge", rim[i], rim[j], rows[1][j], rows[1][i])
    part.strip("skin", rows[1], rows[2])


def lip_parameter() -> tuple[np.ndarray, np.ndarray]:
    """For a lip row's vertices: s from the middle (0) to the corner (1), and +1 upper, 0 corner, -1 lower."""
    k = np.arange(2 * LIP + 1)
    s = 1.0 - np.abs(k - LIP) / LIP
    return s, np.sign(LIP - k).astype(float)


def _border() -> np.ndarray:
    s, side = lip_parameter()
    height = np.where(side >= 0, hf.lip_border(s, True), hf.lip_border(s, False))
    x = hf.lip_x(s) * 1.015
    y = hf.lip_front(x) + np.where(side >= 0, 0.0008, 0.0022) * (1 - s**2)
    return np.stack([x, y, hf.lip_line(s) + side * height], 1)


def _lip_skin(part: Half, hole: list[int]) -> list[int]:
    """Skin rings from the grid's hole to the border of the lips' red."""
    edge, border = part.array()[hole], _border()
    rows = [hole]
    for t in np.linspace(0.0, 1.0, 6)[1:]:
        rows.append(part.add(edge * (1 - t) + border * t, "lip_skin"))
    part.tube("skin", rows, closed=False)
    return rows[-1]


def _lips(part: Half, border: list[int]) -> None:
    """The lips' red, their meeting line, and the bag of the mouth."""
    s, side = lip_parameter()
    x, line = hf.lip_x(s), hf.lip_line(s)
    front = hf.lip_front(x)
    full = np.clip(1.0 - s**2.2, 0, 1)
    height = np.where(side >= 0, hf.lip_border(s, True), hf.lip_border(s, False))
    lower = side < 0

    def row(name: str, wide: float, y: np.ndarray, z: np.ndarray) -> list[int]:
        points = np.stack([x * wide, y, z], 1)
        points[[0, -1], 0] = 0.0
        return part.add(points, name)

    out = np.where(lower, 0.0022, 0.0016) * full
    rows = [
        border,
        row("lip", 1.01, front - 0.7 * out, line + side * height * 0.72),
        row("lip", 1.0, front - out, line + side * height * 0.42),
        row("lip", 1.0, front - 0.45 * out + 0.0004, line + side * height * 0.15),
        row("lip_meet", 1.0, front + 0.0020, line),
        row("mouth", 0.99, front + 0.0050, line + side * 0.0008 * full),
    ]
    part.tube("lip", rows[:5], closed=False)
    around = np.sqrt(np.clip(1.0 - s**2, 0, 1))
    arch = hf.lip_front(x)
    bag = [rows[4], rows[5]]
    bag.append(row("mouth", 1.02, arch + 0.0068, line + side * 0.0105 * around))
    bag.append(row("mouth", 1.08, arch + 0.0150, line + side * 0.0150 * around))
    bag.append(row("mouth", 1.02, arch * 0.4 - 0.0290, line + side * 0.0150 * around))
    bag.append(row("mouth", 0.70, arch * 0.2 - 0.0220, line + side * 0.0090 * around))
    part.tube("mouth", bag, closed=False)
    end = bag[-1]
    for j in range(LIP):
        part.face("mouth", end[j], end[j + 1], end[2 * LIP - j - 1], end[2 * LIP - j])
