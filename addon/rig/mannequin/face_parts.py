"""What lies in and on the head: eyeballs, teeth, tongue, brows, ears, hair. Left halves, numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import head_form as hf
from .fields import Field, cast, gradient, pchip, smoothstep
from .mesh import Half

# By eye.
SEGMENTS = 24  # cells around an eyeball
# Degrees from the gaze.
EYE_RINGS = (
    *((7.0, "pupil"), (12.0, "pupil"), (19.0, "iris"), (26.0, "iris"), (28.5, "iris_edge")),
    *((a, "sclera") for a in (36.0, 47.0, 62.0, 84.0, 110.0)),
)
TEETH, PER_TOOTH = 6, 4  # on one side, cells of each


def _around_gaze(opening: float, turns: np.ndarray, radius: float) -> np.ndarray:
    o = np.radians(opening)
    ring = np.stack([np.sin(o) * np.cos(turns), np.full_like(turns, -np.cos(o)), np.sin(o) * np.sin(turns)], 1)
    return hf.EYE + radius * ring


def eyeball() -> Half:
    """The left eyeball, looking along -Y, with a small highlight that keeps it alive in flat shading."""
    part = Half()
    turns = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    center = part.add(hf.EYE + np.array([0.0, -hf.EYEBALL, 0.0]), "eye")[0]
    previous: list[int] = []
    for opening, material in EYE_RINGS:
        ring = part.add(_around_gaze(opening, turns, hf.EYEBALL), "eye")
        for i in range(SEGMENTS):
            j = (i + 1) % SEGMENTS
            if previous:
                part.face(material, previous[i], previous[j], ring[j], ring[i])
            else:
                part.face(material, center, ring[i], ring[j])
        previous = ring
    small = 2 * np.pi * np.arange(10) / 10
    tilt = np.radians(11.5)
    spot = np.stack([np.sin(0.062) * np.cos(small), -np.full(10, np.cos(0.062)), np.sin(0.062) * np.sin(small)], 1)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    ids = part.add(hf.EYE + (hf.EYEBALL + 0.00025) * spot @ turn.T, "eye")
    part.cap("glint", ids, 2)
    part.tags["eye"] = list(range(len(part.points)))
    return part


def _arch(u: np.ndarray) -> np.ndarray:
    """The dental arch (n, 2) in x and y; u from the middle (0) to the last molar (1)."""
    x = 0.0218 * np.sin(u * np.pi / 2 * 0.93) ** 0.96
    return np.stack([x, -0.0812 + 30.0 * x**2 + 0.018 * u**3], 1)


def teeth() -> Half:
    """Both rows with their gums."""
    part = Half()
    u = np.linspace(0.0, 1.0, TEETH * PER_TOOTH + 1)
    path = _arch(u)
    way = np.gradient(path, axis=0)
    outwards = np.stack([way[:, 1], -way[:, 0]], 1) / np.linalg.norm(way, axis=1)[:, None]
    bulge = np.abs(np.sin(np.pi * u * TEETH)) ** 0.5
    for tag, sign, inset, drop in (("teeth_up", 1.0, 0.0, -0.0018), ("teeth_low", -1.0, 0.0034, -0.0016)):
        length = 0.0088 - 0.002 * u + 0.0006 * bulge
        profile = (
            (0.000, 0.0135),
            (0.0012, 0.0098),
            (0.0006, None),
            (0.0002, 0.0010),
            (-0.0034, 0.0012),
            (-0.0050, 0.0130),
        )
        rows = []
        for k, (out, height) in enumerate(profile):
            swell: Any = 0.0008 * bulge if 1 < k < 4 else 0.0
            xy = path + (out - inset + swell)[:, None] * outwards if np.ndim(swell) else path + (out - inset) * outwards
            z = length if height is None else np.full_like(u, height)
            if k in (3, 4):
                z = z + 0.0008 * (1 - bulge)
            points = np.column_stack([xy, hf.MOUTH_Z + sign * z + drop])
            points[0, 0] = 0.0
            rows.append(part.add(points, tag))
        part.tube("gum", rows[:3], closed=False)
        part.tube("teeth", rows[2:5], closed=False)
        part.tube("gum", rows[4:], closed=False)
        part.strip("gum", rows[-1], rows[0], closed=False)
    return part


def tongue() -> Half:
    """The tongue at rest behind the lower teeth."""
    part = Half()
    v = np.linspace(0.0, 1.0, 11)
    half = np.linspace(-np.pi / 2, np.pi / 2, 8)
    rows = []
    for t in v:
        reach = np.sin(np.pi * min(0.06 + 0.94 * t * 0.62, 0.5)) ** 0.6
        y, wide, thick = -0.0745 + 0.040 * t, 0.0165 * reach, 0.0062 * reach
        z = hf.MOUTH_Z - 0.0078 + 0.003 * np.sin(np.pi * t)
        x = wide * np.cos(half)
        dip = -0.0016 * reach * np.exp(-((x / 0.004) ** 2)) * (half > 0)
        points = np.stack([x, np.full_like(x, y), z + thick * np.sin(half) + dip], 1)
        points[[0, -1], 0] = 0.0
        rows.append(part.add(points, "tongue"))
    part.tube("tongue", rows, closed=False)
    for ring in (rows[0], rows[-1]):
        n = len(ring)
        for i in range(n // 2):
            part.face("tongue", ring[i], ring[i + 1], ring[n - 2 - i], ring[n - 1 - i])
    return part


def brow(skin: Field) -> Half:
    """The left brow: a tapered strip on the skin."""
    part = Half()
    t = np.linspace(0.0, 1.0, 15)
    knots = np.array([0.0, 0.25, 0.62, 1.0])
    middle = pchip(t, knots, np.array([[0.0120, 0.0243], [0.0235, 0.0268], [0.0395, 0.0292], [0.0555, 0.0218]]))
    wide = pchip(t, knots, np.array([[0.0028], [0.0034], [0.0027], [0.0006]]))[:, 0]
    way = np.gradient(middle, axis=0)
    up = np.stack([-way[:, 1], way[:, 0]], 1) / np.linalg.norm(way, axis=1)[:, None]
    rows = []
    for across, lift in ((-1.0, -0.0008), (-0.75, 0.0010), (0.0, 0.0016), (0.75, 0.0010), (1.0, -0.0008)):
        xz = middle + across * wide[:, None] * up
        origin = np.column_stack([xz[:, 0] * 0.4, np.full(len(t), -0.02), hf.EYE[2] + xz[:, 1]])
        way3 = np.column_stack([xz[:, 0] * 0.6, np.full(len(t), -0.05), np.zeros(len(t))])
        points = cast(skin, origin, way3 / np.linalg.norm(way3, axis=1)[:, None], 0.12)
        normal = gradient(skin, points, 0.002)
        normal /= np.linalg.norm(normal, axis=1)[:, None]
        rows.append(part.add(points + lift * normal, "brow"))
    part.tube("brow", rows, closed=False)
    part.face("brow", *(r[0] for r in rows))
    part.face("brow", *(r[-1] for r in rows[::-1]))
    return part


def ear() -> Half:
    """The left ear: rim, fold and shell, sunk into the head."""
    part = Half()
    tau = 2 * np.pi * np.arange(28) / 28
    forward, up = np.cos(tau), np.sin(tau)
    lean = np.radians(12.0)
    wide = np.where(forward > 0, 0.0130, 0.0195) * (1.0 + 0.16 * up - 0.10 * up**2)
    high = np.where(up > 0, 0.0310, 0.0300)
    outline = np.stack([-wide * forward, high * up], 1)  # backwards, upwards
    free = 0.15 + 0.85 * smoothstep(-forward + 0.35 * up * (up > 0), -0.45, 0.35)
    rings = [
        (0.70, -0.0120, 0.0),
        (0.84, 0.0010, 0.3),
        (0.97, 0.0075, 1.0),
        (1.00, 0.0105, 1.0),
        (0.95, 0.0125, 1.0),
        (0.88, 0.0110, 1.0),
        (0.82, 0.0070, 1.0),
        (0.68, 0.0072, 1.0),
        (0.55, 0.0085, 1.0),
        (0.42, 0.0050, 0.8),
        (0.26, -0.0010, 0.5),
    ]
    origin = hf.at(0.0715, 0.0170, -0.0180)
    back = np.array([0.42, 0.90, 0.0]) / np.linalg.norm([0.42, 0.90])
    out = np.array([0.90, -0.42, 0.0]) / np.linalg.norm([0.90, 0.42])
    top = np.array([0.06, 0.0, 1.0])
    rows = []
    for scale, lift, flare in rings:
        b = outline[:, 0] * scale
        u = outline[:, 1] * scale
        b, u = b * np.cos(lean) + u * np.sin(lean), u * np.cos(lean) - b * np.sin(lean)
        rise = lift * (1 - flare + flare * free) - 0.003 * (1 - free) * flare
        rows.append(part.add(origin + b[:, None] * back + u[:, None] * top + rise[:, None] * out, "ear"))
    part.tube("skin", rows)
    part.cap("skin", rows[-1], 7)
    return part


# Azimuth in degrees, height from the eyes in m, by eye.
HAIRLINE = np.array(
    [
        *([0, 0.074], [25, 0.072], [45, 0.062], [58, 0.046], [68, 0.022], [77, -0.008], [84, -0.006]),
        *([92, 0.014], [106, 0.012], [118, -0.014], [132, -0.044], [150, -0.057], [180, -0.062]),
    ]
)


def hair(skin: Field) -> Half:
    """Short hair as a sculpted cap with a rounded edge along the hairline."""
    part = Half()
    azimuth = np.concatenate([np.arange(0, 48, 6), np.arange(48, 132, 4), np.arange(132, 181, 6)]).astype(float)
    a = np.radians(azimuth)
    flat = np.stack([np.sin(a), -np.cos(a), np.zeros_like(a)], 1)
    heights = pchip(azimuth, HAIRLINE[:, 0], HAIRLINE[:, 1:])[:, 0]
    start = hf.at(0, 0.015, 0) + np.column_stack([np.zeros((len(a), 2)), heights])
    edge = cast(skin, start, flat, 0.16)
    center = hf.at(0, 0.012, 0.020)
    rel = edge - center
    low = np.arctan2(rel[:, 2], np.linalg.norm(rel[:, :2], axis=1))
    rows = []
    steps = [(0.0, -0.0015), (-0.004, 0.0012), (0.004, 0.0032), (0.03, 0.0046)]
    steps += [(t, 0.0052 + 0.0050 * t**0.7) for t in (*np.linspace(0.075, 0.89, 11), 0.96)]
    for t, lift in steps:
        elevation = low + t * (np.pi / 2 - low)
        way = np.cos(elevation)[:, None] * flat + np.sin(elevation)[:, None] * np.array([0.0, 0.0, 1.0])
        way[:, :2] = np.where(np.linalg.norm(rel[:, :2], axis=1)[:, None] > 0, way[:, :2], 0.0)
        points = cast(skin, np.broadcast_to(center, way.shape), way, 0.18)
        normal = gradient(skin, points, 0.004)
        normal /= np.linalg.norm(normal, axis=1)[:, None]
        volume = 1.0 + 0.9 * np.exp(-((azimuth / 60.0) ** 2)) * float(
            smoothstep(t, 0.0, 0.3) * smoothstep(t, 1.0, 0.45)
        )
        moved = points + (lift * (volume if lift > 0 else 1.0) * np.ones(len(a)))[:, None] * normal
        moved[[0, -1], 0] = 0.0
        rows.append(part.add(moved, "hair"))
    part.tube("hair", rows, closed=False)
    last = part.array()[rows[-1]]
    seam = last[1:-1].copy()
    seam[:, 0] = 0.0
    middle = [rows[-1][0], *part.add(seam, "hair"), rows[-1][-1]]
    for i in range(len(middle) - 1):
        part.face("hair", rows[-1][i], rows[-1][i + 1], middle[i + 1], middle[i])
    return part
