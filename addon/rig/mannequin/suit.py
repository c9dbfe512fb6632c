"""The suit: torso, sleeves and trousers as one welded surface on an implicit body form. Numpy only.

All numbers are metres in Blender armature space for our own rest skeleton (assets/skeleton.json).
"""

from __future__ import annotations

import numpy as np

from .fields import Field, Profile, ellipsoid, mirrored, project, round_cone, union
from .mesh import Half, relax

# Cells and metres, by eye.
COLUMNS = 24  # half the torso's columns, front centre to back centre
ARM_FRONT, ARM_BACK = 8, 16  # the armhole's columns
ARM_ROWS = 6  # rows between armhole and sleeve
CROTCH = 5  # vertices between front and back
WAIST_Z = 1.035  # shirt above, trousers below

# z: centre x, y; radii x, x, front, back; m, by eye.
TORSO = Profile(
    2,
    [
        (0.770, 0, 0.015, 0.130, 0.130, 0.085, 0.100),
        (0.830, 0, 0.015, 0.163, 0.163, 0.103, 0.118),
        (0.880, 0, 0.013, 0.168, 0.168, 0.110, 0.122),
        (0.950, 0, 0.012, 0.160, 0.160, 0.112, 0.108),
        (1.030, 0, 0.012, 0.145, 0.145, 0.109, 0.083),
        (1.090, 0, 0.010, 0.139, 0.139, 0.107, 0.079),
        (1.160, 0, 0.008, 0.145, 0.145, 0.111, 0.086),
        (1.240, 0, 0.006, 0.156, 0.156, 0.118, 0.098),
        (1.300, 0, 0.006, 0.160, 0.160, 0.116, 0.105),
        (1.350, 0, 0.009, 0.155, 0.155, 0.099, 0.102),
        (1.395, 0, 0.014, 0.128, 0.128, 0.077, 0.088),
        (1.425, 0, 0.018, 0.090, 0.090, 0.063, 0.072),
        (1.455, 0, 0.022, 0.058, 0.058, 0.056, 0.054),
        (1.490, 0, 0.022, 0.054, 0.054, 0.054, 0.052),
    ],
    power=2.2,
)
# x: centre y, z; radii front, back, below, above; m, by eye.
ARM = Profile(
    0,
    [
        (0.130, 0.020, 1.386, 0.050, 0.050, 0.050, 0.038),
        (0.175, 0.021, 1.383, 0.053, 0.053, 0.054, 0.043),
        (0.230, 0.027, 1.379, 0.051, 0.052, 0.053, 0.046),
        (0.300, 0.035, 1.374, 0.047, 0.049, 0.048, 0.047),
        (0.370, 0.045, 1.369, 0.043, 0.045, 0.044, 0.042),
        (0.420, 0.052, 1.365, 0.041, 0.041, 0.041, 0.039),
        (0.470, 0.054, 1.361, 0.043, 0.041, 0.043, 0.041),
        (0.540, 0.056, 1.355, 0.040, 0.038, 0.039, 0.038),
        (0.610, 0.0585, 1.349, 0.0340, 0.0335, 0.0310, 0.0305),
        (0.665, 0.0605, 1.344, 0.0315, 0.0315, 0.0262, 0.0260),
    ],
)
# z: centre x, y; radii inner, outer, front, back; m, by eye.
LEG = Profile(
    2,
    [
        (0.070, 0.080, 0.050, 0.053, 0.053, 0.060, 0.058),
        (0.120, 0.082, 0.049, 0.054, 0.054, 0.058, 0.058),
        (0.250, 0.092, 0.042, 0.055, 0.055, 0.055, 0.062),
        (0.350, 0.100, 0.035, 0.056, 0.057, 0.055, 0.068),
        (0.430, 0.106, 0.028, 0.056, 0.057, 0.058, 0.063),
        (0.485, 0.109, 0.023, 0.059, 0.059, 0.064, 0.060),
        (0.550, 0.107, 0.020, 0.063, 0.064, 0.069, 0.066),
        (0.650, 0.101, 0.017, 0.072, 0.073, 0.079, 0.078),
        (0.750, 0.093, 0.016, 0.084, 0.080, 0.087, 0.091),
        (0.830, 0.086, 0.016, 0.082, 0.083, 0.090, 0.098),
        (0.890, 0.082, 0.014, 0.070, 0.080, 0.085, 0.090),
    ],
    power=2.1,
)


def form() -> Field:
    """The suit's surface, both sides."""
    chest = ellipsoid((0.066, -0.070, 1.287), (0.066, 0.046, 0.058))
    glute = ellipsoid((0.072, 0.076, 0.862), (0.076, 0.058, 0.074))
    deltoid = ellipsoid((0.176, 0.020, 1.382), (0.054, 0.053, 0.049))
    trapezius = round_cone((0.035, 0.030, 1.442), (0.145, 0.022, 1.393), 0.035, 0.032)
    blade = ellipsoid((0.078, 0.074, 1.300), (0.060, 0.036, 0.080))
    sides = ((trapezius, 0.05), (blade, 0.05), (chest, 0.05), (glute, 0.05), (deltoid, 0.05), (ARM, 0.05))
    parts: list[tuple[Field, float]] = [(TORSO, 0.0)]
    for part, k in sides:
        parts += [(part, k), (mirrored(part), k)]
    legs = union((LEG, 0.0), (mirrored(LEG), 0.012))
    return union((union(*parts), 0.0), (legs, 0.05))


def _torso_guess() -> list[np.ndarray]:
    """First positions of the torso's rows, (COLUMNS + 1, 3) each, crotch to collar."""
    theta = np.pi * np.arange(COLUMNS + 1) / COLUMNS
    side = np.sin(theta) ** 2
    rows = []
    for t in np.linspace(0.0, 1.0, 25):
        z = (0.797 + 0.062 * side) * (1 - t) + 1.288 * t
        ring = np.array([TORSO.section(zi, np.array([a - np.pi / 2]))[0] for zi, a in zip(z, theta, strict=True)])
        rows.append(ring)
    # front, side and back height, then half width, front and back depth, centre y
    below = np.array([1.288, 1.288, 1.288, 0.160, 0.118, 0.104, 0.006])
    shoulder = np.array([1.385, 1.430, 1.398, 0.128, 0.082, 0.086, 0.014])
    collar = np.array([1.428, 1.442, 1.458, 0.055, 0.055, 0.053, 0.022])
    spans = [(below, shoulder, t) for t in np.linspace(0, 1, ARM_ROWS + 1)[1:]]
    spans += [(shoulder, collar, t) for t in np.linspace(0, 1, 7)[1:]]
    for a, b, t in spans:
        zf, zs, zb, w, f, back, yc = a * (1 - t) + b * t
        front = np.cos(theta) > 0
        z = zs * side + np.where(front, zf, zb) * (1 - side)
        rows.append(np.stack([w * np.sin(theta), yc - np.cos(theta) * np.where(front, f, back), z], 1))
    return rows


def _hem(
    part: Half, ring: list[int], along: np.ndarray, material: str, out: float, deep: float, lean: float = 0.0
) -> list[int]:
    """A band at an opening: a step outwards, a rolled edge and a fold inside. ``along`` points out of the opening."""
    p = part.array()[ring]
    center = p.mean(0)
    if abs(p[0, 0]) < 1e-6 and abs(p[-1, 0]) < 1e-6:
        center[0] = 0.0
    radial = p - center
    radial -= (radial @ along)[:, None] * along
    radial /= np.linalg.norm(radial, axis=1)[:, None]
    closed = not (abs(p[0, 0]) < 1e-6 and abs(p[-1, 0]) < 1e-6)
    steps = [(out, 0.0), (out * 1.15 - lean, deep), (out * 0.6 - lean, deep + 0.0025)]
    steps += [(-0.002 - lean, deep + 0.001), (-0.006, -0.02)]
    rows = [ring] + [part.add(p + o * radial + a * along, "hem") for o, a in steps]
    part.tube(material, rows, closed)
    return rows[-1]


def build() -> Half:
    """The suit's left half."""
    part, body = Half(), form()
    guess = _torso_guess()
    bottom, top = 24, 24 + ARM_ROWS
    grid = np.full((len(guess), COLUMNS + 1), -1)
    for r, ring in enumerate(guess):
        keep = np.ones(COLUMNS + 1, bool)
        if bottom < r < top:
            keep[ARM_FRONT + 1 : ARM_BACK] = False
        ring[[0, -1], 0] = 0.0
        grid[r, keep] = part.add(ring[keep], "torso")
    for r in range(len(guess) - 1):
        for c in range(COLUMNS):
            if bottom <= r < top and ARM_FRONT <= c < ARM_BACK:
                continue
            z = guess[r][:, 2].mean()
            name = "trousers" if z < WAIST_Z else "shirt"
            part.face(name, grid[r, c], grid[r, c + 1], grid[r + 1, c + 1], grid[r + 1, c])
    hole = [*grid[top, ARM_FRONT : ARM_BACK + 1], *grid[bottom + 1 : top, ARM_BACK][::-1]]
    hole += [*grid[bottom, ARM_FRONT : ARM_BACK + 1][::-1], *grid[bottom + 1 : top, ARM_FRONT]]
    cuff = _sleeve(part, [int(i) for i in hole])
    ankle = _trouser_leg(part, [int(i) for i in grid[0]])
    collar = [int(i) for i in grid[-1]]
    part.put(project(body, part.array(), 6))
    relax(part, body, [*collar, *cuff, *ankle], rounds=14)
    arm_axis = np.array([0.2506, -0.0219, 0.0089]) / np.linalg.norm([0.2506, -0.0219, 0.0089])
    _hem(part, cuff, arm_axis, "hem", 0.0022, 0.014)
    _hem(part, ankle, np.array([0.0, 0.0, -1.0]), "hem_dark", 0.002, 0.016)
    neck_axis = np.array([0.0, -0.12, 0.993])
    _hem(part, collar, neck_axis, "hem", 0.0025, 0.018, 0.0045)
    return part


def _sleeve(part: Half, hole: list[int]) -> list[int]:
    n = len(hole)
    angles = np.pi / 2 - (np.arange(n) - 4.0) * 2 * np.pi / n
    rows = [hole]
    stations = np.concatenate(
        [np.linspace(0.205, 0.365, 13), np.linspace(0.377, 0.465, 9), np.linspace(0.478, 0.638, 13)]
    )
    rows += [part.add(ARM.section(x, angles), "arm") for x in stations]
    part.tube("shirt", rows)
    return rows[-1]


def _trouser_leg(part: Half, ring: list[int]) -> list[int]:
    p = part.array()
    back, front = p[ring[-1]], p[ring[0]]
    t = (np.arange(1, CROTCH + 1) / (CROTCH + 1))[:, None]
    strip = back * (1 - t) + front * t - np.array([0.0, 0.0, 0.012]) * np.sin(np.pi * t)
    strip[:, 0] = 0.0
    loop = ring + part.add(strip, "leg")
    angles = np.radians(
        np.concatenate(
            [-140 + 280 / COLUMNS * np.arange(COLUMNS + 1), 140 + 80 / (CROTCH + 1) * np.arange(1, CROTCH + 1)]
        )
    )
    stations = np.concatenate(
        [np.linspace(0.775, 0.580, 10), np.linspace(0.565, 0.415, 11), np.linspace(0.397, 0.098, 16)]
    )
    rows = [loop] + [part.add(LEG.section(z, angles), "leg") for z in stations]
    part.tube("trousers", rows)
    return rows[-1]
