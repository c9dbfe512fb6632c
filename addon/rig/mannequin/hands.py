"""The hand: palm, four fingers and a thumb welded into one surface, with nails. Numpy only.

Built around the left hand of our own rest skeleton: the arm along +X, the palm down, the thumb towards -Y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import Field, Profile, ellipsoid, project, round_cone, smooth_min, union
from .mesh import Half, relax

FINGERS = ("index", "middle", "ring", "pinky")
# By eye, lengths in m.
ACROSS = 4  # cells over the back of one finger
WEB = 2  # vertices between back and palm on a finger's side
UP = np.array([0.0, 0.0, 1.0])  # no unit
# Radii at the joints 1, 2, 3 and the tip; length of the last phalanx.
RADII = {
    "index": (0.0100, 0.0089, 0.0079, 0.0064, 0.0225),
    "middle": (0.0102, 0.0091, 0.0081, 0.0065, 0.0240),
    "ring": (0.0098, 0.0086, 0.0076, 0.0062, 0.0230),
    "pinky": (0.0087, 0.0075, 0.0067, 0.0055, 0.0195),
}
THUMB = (0.0145, 0.0116, 0.0102, 0.0076, 0.0250)
WEB_AT = {"index": 0.34, "middle": 0.33, "ring": 0.33, "pinky": 0.46}  # shares along the first phalanx
# x: centre y, z; radii front, back, below, above: wrist and what the cuff hides of the forearm.
WRIST = Profile(
    0,
    [
        (0.600, 0.0580, 1.3490, 0.0290, 0.0290, 0.0240, 0.0240),
        (0.635, 0.0590, 1.3460, 0.0280, 0.0280, 0.0215, 0.0215),
        (0.672, 0.0605, 1.3430, 0.0270, 0.0270, 0.0190, 0.0190),
        (0.690, 0.0620, 1.3410, 0.0280, 0.0275, 0.0180, 0.0175),
    ],
    power=2.2,
)


@dataclass(frozen=True, eq=False)
class Digit:
    """Joint positions 1, 2, 3 and tip (4, 3), radii (4,)."""

    points: np.ndarray
    radii: np.ndarray


def digits(joints: dict[str, np.ndarray]) -> dict[str, Digit]:
    """The five digits of the left hand from named joint positions."""
    out = {}
    for name in (*FINGERS, "thumb"):
        *radii, length = THUMB if name == "thumb" else RADII[name]
        a, b, c = (np.array(joints[f"left_{name}{i}"], float) for i in (1, 2, 3))
        way = (c - b) / np.linalg.norm(c - b) if name != "thumb" else np.array([0.80, -0.57, -0.19])
        out[name] = Digit(np.array([a, b, c, c + way / np.linalg.norm(way) * length]), np.array(radii))
    return out


def _finger(digit: Digit) -> Field:
    p, r = digit.points, digit.radii
    tip = p[3] - (p[3] - p[2]) / np.linalg.norm(p[3] - p[2]) * r[3]
    knuckle = ellipsoid(p[1] + UP * 0.0006, np.array([0.008, r[1] * 1.0, r[1] * 1.02]))
    last = ellipsoid(p[2] + UP * 0.0004, np.array([0.007, r[2] * 1.0, r[2] * 1.01]))
    pad = ellipsoid(0.55 * tip + 0.45 * p[2] - UP * 0.0012, np.array([0.010, r[3] * 1.0, r[3] * 1.0]))
    middle = 0.5 * (p[0] + p[1])
    return union(
        (round_cone(p[0], middle, r[0], r[0] * 0.95), 0.0),
        (round_cone(middle, p[1], r[0] * 0.95, r[1] * 0.96), 0.0015),
        (round_cone(p[1], p[2], r[1] * 0.98, r[2] * 0.96), 0.0015),
        (round_cone(p[2], tip, r[2] * 0.97, r[3]), 0.0015),
        (knuckle, 0.002),
        (last, 0.002),
        (pad, 0.003),
    )


def form(joints: dict[str, np.ndarray]) -> Field:
    """The left hand's surface."""
    d = digits(joints)
    wrist = np.array(joints["left_wrist"])
    spread = np.array([-0.016, -0.005, 0.006, 0.017])
    palm: list[tuple[Field, float]] = [(WRIST, 0.0)]
    for offset, name in zip(spread, FINGERS, strict=True):
        start = wrist + np.array([0.012, offset, 0.0])
        knuckle = d[name].points[0] + np.array([0.0, 0.0, -0.0015])
        palm.append((round_cone(start, knuckle, 0.0115, d[name].radii[0] * 1.04, (UP, 1.06)), 0.012))
    t = d["thumb"]
    ball = ellipsoid(t.points[0] + np.array([0.004, 0.010, -0.004]), (0.029, 0.0165, 0.0130), _turned(-35.0))
    heel = ellipsoid((0.722, 0.083, 1.3275), (0.034, 0.014, 0.0115), _turned(22.0))
    pads = ellipsoid((0.768, 0.070, 1.3235), (0.013, 0.032, 0.0080), _turned(20.0))
    palm += [(ball, 0.016), (heel, 0.014), (pads, 0.012)]
    thumb = union(
        (round_cone(t.points[0] + np.array([-0.006, 0.004, 0.001]), t.points[1], t.radii[0], t.radii[1]), 0.0),
        (round_cone(t.points[1], t.points[2], t.radii[1] * 0.97, t.radii[2]), 0.005),
        (round_cone(t.points[2], t.points[3] + (t.points[2] - t.points[3]) * 0.33, t.radii[2], t.radii[3]), 0.004),
        (ellipsoid(t.points[1], (0.0125, 0.0122, 0.0122)), 0.005),
    )
    web = round_cone(t.points[1] + np.array([-0.012, 0.008, 0.0]), (0.752, 0.040, 1.331), 0.0075, 0.0080)
    base = union((union(*palm), 0.0), (thumb, 0.012), (web, 0.014))
    fingers = [_finger(d[name]) for name in FINGERS]

    def field(p: np.ndarray) -> np.ndarray:
        total = base(p)
        digitwise = np.stack([f(p) for f in fingers])
        nearest = digitwise.min(0)
        second = np.partition(digitwise, 1, axis=0)[1]
        nearest = np.minimum(nearest, smooth_min(nearest, second, 0.0035))
        return smooth_min(total, nearest, 0.008)

    return field


def _turned(degrees: float) -> np.ndarray:
    """Axes (rows) turned about the vertical."""
    a = np.radians(degrees)
    return np.array([[np.cos(a), np.sin(a), 0.0], [-np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]])


def _palm_rows(d: dict[str, Digit]) -> list[np.ndarray]:
    """First positions of the palm's rings: 16 cells over the back, 3 on each edge, 16 under the palm.

    A ring starts at the back's thumb-side corner and runs over the back to the little finger.
    """
    cells = len(FINGERS) * ACROSS
    wrist_u = np.linspace(-1.0, 1.0, cells + 1)
    end_back = []
    for name in FINGERS:
        p, r = d[name].points, d[name].radii
        web = p[0] + WEB_AT[name] * (p[1] - p[0])
        end_back.append([web + np.array([0.0, o * r[0] * 1.04, 0.0]) for o in np.linspace(-1, 1, ACROSS + 1)])
    line = [end_back[0][0]]
    for i, group in enumerate(end_back):
        line += group[1:-1]
        line.append(0.5 * (group[-1] + end_back[i + 1][0]) if i < 3 else group[-1])
    end = np.array(line)
    thick = 0.0095
    rows = []
    for s in np.linspace(0.0, 1.0, 31):
        x0 = 0.612
        start = np.stack([np.full(cells + 1, x0), 0.059 + 0.021 * wrist_u, np.full(cells + 1, 1.347)], 1)
        bend = s**1.15
        mid = start * (1 - bend) + end * bend
        mid[:, 0] = start[:, 0] * (1 - s) + end[:, 0] * s
        h = 0.020 * (1 - s) + thick * s
        back = mid + UP * h
        # from well outside, so that the ball of the thumb is met from below
        palm = mid[::-1] - UP * (h + 0.016 * np.sqrt(np.sin(np.pi * min(s * 1.04, 1.0))))
        out = np.array([0.0, 0.004, 0.0])
        ulnar = [mid[-1] + out + UP * h * k for k in (0.4, -0.4)]
        radial = [mid[0] - out + UP * h * k for k in (-0.4, 0.4)]
        rows.append(np.array([*back, *ulnar, *palm, *radial]))
    return rows


def _ring_of_digit(digit: Digit, along: float, radius: float, angles: np.ndarray) -> np.ndarray:
    """A section at ``along`` (0..3 in joints) around a digit; angle 0 is the back, pi/2 the little-finger side."""
    i = min(int(along), 2)
    p = digit.points
    center = p[i] + (along - i) * (p[i + 1] - p[i])
    axis = (p[i + 1] - p[i]) / np.linalg.norm(p[i + 1] - p[i])
    side = np.cross(UP, axis)
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    return center + radius * (np.cos(angles)[:, None] * up + np.sin(angles)[:, None] * side)


def build(joints: dict[str, np.ndarray]) -> Half:
    """The left hand."""
    part, surface, d = Half(), form(joints), digits(joints)
    guess = _palm_rows(d)
    cells = len(FINGERS) * ACROSS
    around = len(guess[0])
    # the thumb's hole: on the thumb edge, 4 cells around, 5 along
    first, last = 16, 22
    hole_columns = [(around - 3 + k) % around for k in range(-1, 4)]
    grid = np.full((len(guess), around), -1)
    for r, ring in enumerate(guess):
        keep = np.ones(around, bool)
        if first < r < last:
            keep[hole_columns[1:-1]] = False
        grid[r, keep] = part.add(ring[keep], "palm")
    inner = set(hole_columns[:-1])
    for r in range(len(guess) - 1):
        for c in range(around):
            if not (first <= r < last and c in inner):
                n = (c + 1) % around
                part.face("skin", grid[r, c], grid[r, n], grid[r + 1, n], grid[r + 1, c])
    _thumb(part, d["thumb"], _hole(grid, hole_columns, first, last))
    _fingers(part, d, [int(i) for i in grid[-1]], cells)
    opening = [int(i) for i in grid[0]]
    part.put(project(surface, part.array(), 8, 0.006))
    relax(part, surface, opening, rounds=16, rate=0.5)
    return part


def _hole(grid: np.ndarray, columns: list[int], first: int, last: int) -> list[int]:
    """The loop of the thumb's hole: from the palm's near corner up to the back, then along to the fingers."""
    low, high = columns[0], columns[-1]
    loop = [*grid[first, columns], *grid[first + 1 : last, high], *grid[last, columns][::-1]]
    loop += [*grid[first + 1 : last, low][::-1]]
    return [int(i) for i in loop]


def _thumb(part: Half, digit: Digit, hole: list[int]) -> None:
    n = len(hole)
    p = part.array()[hole]
    axis = digit.points[1] - digit.points[0]
    axis /= np.linalg.norm(axis)
    # the thumb's nail looks up and away from the fingers
    back = np.array([-0.25, -0.45, 0.86])
    back -= back @ axis * axis
    back /= np.linalg.norm(back)
    side = np.cross(axis, back)
    rel = p - p.mean(0)
    angles = np.arctan2(rel @ side, rel @ back)
    angles = np.unwrap(angles)
    even = angles.mean() + np.linspace(-1, 1, n, endpoint=False) * np.pi * np.sign(angles[-1] - angles[0])
    even += np.mean(angles - even)
    rows = [hole]
    stations = [0.70, 0.85, 1.0, 1.15, 1.32, 1.5, 1.68, 1.84, 2.0, 2.16, 2.32, 2.48, 2.62, 2.75, 2.86]
    for s in stations:
        i = min(int(s), 2)
        r = digit.radii[i] + (s - i) * (digit.radii[i + 1] - digit.radii[i])
        q, c = digit.points, digit.points[i] + (s - i) * (digit.points[i + 1] - digit.points[i])
        way = (q[i + 1] - q[i]) / np.linalg.norm(q[i + 1] - q[i])
        b = back - back @ way * way
        b /= np.linalg.norm(b)
        w = np.cross(way, b)
        r *= 1.0 if s < 2.7 else 0.8
        rows.append(part.add(c + r * (np.cos(even)[:, None] * b + np.sin(even)[:, None] * w), "thumb"))
    part.tube("skin", rows)
    start = int(np.argmin(np.abs(np.angle(np.exp(1j * (even + np.pi / n * 4))))))
    ring = rows[-1][start:] + rows[-1][:start]
    part.tags["thumb"] += part.cap("skin", ring, 4)
    _nail(part, rows, even, (9, 14))


def _fingers(part: Half, d: dict[str, Digit], end: list[int], cells: int) -> None:
    """Split the palm's last ring into four fingers; webs join back and palm between them."""
    back, palm = end[: cells + 1], end[cells + 3 : 2 * cells + 4][::-1]
    edge = {0: end[2 * cells + 4 :][::-1], 4: end[cells + 1 : cells + 3]}  # from back to palm
    webs = {}
    for k in range(5):
        a, b = back[k * ACROSS], palm[k * ACROSS]
        if k in edge:
            webs[k] = edge[k]
        else:
            p, q = part.points[a], part.points[b]
            t = (np.arange(1, WEB + 1) / (WEB + 1))[:, None]
            webs[k] = part.add(p * (1 - t) + q * t + np.array([0.002, 0.0, 0.0]), "palm")
    half = ACROSS / 2
    per = 2 * np.pi / (2 * ACROSS + 2 * (WEB + 1))
    for k, name in enumerate(FINGERS):
        columns = range(k * ACROSS, (k + 1) * ACROSS + 1)
        ring = [*(back[c] for c in columns), *webs[k + 1], *(palm[c] for c in reversed(columns)), *webs[k][::-1]]
        angles = (np.arange(len(ring)) - half) * per
        rows = [ring]
        stations = [
            *np.linspace(WEB_AT[name] + 0.12, 1.0, 4),
            1.14,
            1.3,
            1.48,
            1.66,
            1.84,
            2.0,
            2.16,
            2.34,
            2.52,
            2.68,
            2.82,
            2.93,
        ]
        for s in stations:
            i = min(int(s), 2)
            r = d[name].radii[i] + (s - i) * (d[name].radii[i + 1] - d[name].radii[i])
            if s > 2.75:
                r *= 0.85 if s < 2.9 else 0.55
            rows.append(part.add(_ring_of_digit(d[name], s, r, angles), name))
        part.tube("skin", rows)
        part.tags[name] += part.cap("skin", rows[-1], ACROSS)
        _nail(part, rows, angles, (len(rows) - 5, len(rows) - 1))


def _nail(part: Half, rows: list[list[int]], angles: np.ndarray, span: tuple[int, int]) -> None:
    """Colour the faces on the back of the last phalanx."""
    wide = 1.02 * 2 * np.pi / len(angles)
    on_back = {
        i
        for row in rows[span[0] : span[1] + 1]
        for i, a in zip(row, angles, strict=True)
        if abs(np.angle(np.exp(1j * a))) < wide
    }
    for f, corners in enumerate(part.faces):
        if all(c in on_back for c in corners):
            part.materials[f] = "nail"
