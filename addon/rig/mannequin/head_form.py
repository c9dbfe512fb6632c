"""The head's implicit form and the landmarks of the face. Numpy only.

Blender armature space of our own rest. Lengths "from the eyes" are relative to the eyes' height.
"""

from __future__ import annotations

import numpy as np

from .fields import Field, carve, ellipsoid, mirrored, round_cone, union

# Metres; joints of assets/skeleton.json, the rest by eye.
EYE = np.array([0.0316, -0.0622, 1.6162])  # the left eye's joint and centre
EYEBALL = 0.0150  # radius
LID = 0.0164  # radius of the lids' outer surface
MOUTH_Z = EYE[2] - 0.0680  # height of the line where the lips meet
MOUTH_HALF = 0.0238  # half the mouth's width
HINGE = np.array([0.0, 0.0096, 1.5731])  # the jaw joint


def at(x: float, y: float, z: float) -> np.ndarray:
    """A point with its height given from the eyes."""
    return np.array([x, y, EYE[2] + z])


def skull() -> Field:
    """The head without nose, lips and eye sockets: what skin slides over."""
    jaw = round_cone(at(0.0455, 0.002, -0.058), at(0.0120, -0.0660, -0.0965), 0.0155, 0.0140)
    parts: list[tuple[Field, float]] = [
        (ellipsoid(at(0, 0.016, 0.038), (0.0750, 0.0910, 0.0750)), 0.0),
        (ellipsoid(at(0, 0.044, 0.000), (0.0620, 0.0560, 0.0560)), 0.03),
        (ellipsoid(at(0, -0.022, 0.026), (0.0640, 0.0625, 0.0620)), 0.03),
        (ellipsoid(at(0, -0.010, -0.014), (0.0690, 0.0600, 0.0480)), 0.03),
        (ellipsoid(at(0, -0.022, -0.040), (0.0580, 0.0570, 0.0650)), 0.03),
        (jaw, 0.03),
        (mirrored(jaw), 0.03),
        (ellipsoid(at(0, -0.0685, -0.0965), (0.0190, 0.0180, 0.0160)), 0.022),
    ]
    cheek = ellipsoid(at(0.039, -0.047, -0.029), (0.0190, 0.0200, 0.0170))
    parts += [(cheek, 0.026), (mirrored(cheek), 0.026)]
    parts += [(ellipsoid(at(0, -0.0590, -0.0670), (0.0340, 0.0290, 0.0300)), 0.022)]
    neck = round_cone(at(0, 0.024, -0.215), at(0, 0.020, -0.050), 0.0500, 0.0465)
    parts += [(neck, 0.024)]
    throat = round_cone(at(0, -0.018, -0.190), at(0, -0.020, -0.140), 0.010, 0.011)
    parts += [(throat, 0.02)]
    return union(*parts)


def form() -> Field:
    """The whole skin of head and neck."""
    brow = round_cone(at(0.010, -0.0735, 0.0165), at(0.045, -0.0590, 0.0200), 0.0090, 0.0080)
    socket = ellipsoid(at(0.0320, -0.0880, 0.0000), (0.0195, 0.0170, 0.0145))
    lids = ellipsoid(EYE, (LID, LID, LID))
    wing = ellipsoid(at(0.0115, -0.0890, -0.0410), (0.0068, 0.0090, 0.0070))
    nostril = ellipsoid(at(0.0062, -0.0960, -0.0478), (0.0030, 0.0052, 0.0030))
    solid = union((skull(), 0.0), (brow, 0.016), (mirrored(brow), 0.016))
    solid = carve(solid, (socket, 0.014), (mirrored(socket), 0.014))
    nose = union(
        (round_cone(at(0, -0.0745, 0.0040), at(0, -0.0960, -0.0330), 0.0062, 0.0075), 0.0),
        (ellipsoid(at(0, -0.0985, -0.0370), (0.0088, 0.0095, 0.0078)), 0.008),
        (wing, 0.006),
        (mirrored(wing), 0.006),
    )
    whole = union((solid, 0.0), (nose, 0.012), (lids, 0.005), (mirrored(lids), 0.005))
    return carve(whole, (nostril, 0.003), (mirrored(nostril), 0.003))


def on_eye(azimuth: np.ndarray, elevation: np.ndarray, radius: float) -> np.ndarray:
    """Points (n, 3) around the left eye; degrees, azimuth towards the temple, elevation up."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return EYE + radius * np.stack([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)], -1)


def lid_azimuth(s: np.ndarray) -> np.ndarray:
    """Degrees along the lids; s runs from the inner (-1) to the outer corner (1)."""
    return 2.0 + 64.0 * np.sin(s * np.pi / 2 * 0.98) / np.sin(np.pi / 2 * 0.98)


def lid_corner(s: np.ndarray) -> np.ndarray:
    """Elevation of the straight line between the lids' corners: the outer one is a little higher."""
    return -2.5 + 4.5 * s


def lid_upper(s: np.ndarray) -> np.ndarray:
    """Elevation of the upper lid's edge, degrees."""
    return lid_corner(s) + 27.0 * np.clip(1.0 - np.abs(s) ** 2.3, 0, 1) ** 0.9 * (1.0 - 0.10 * s)


def lid_lower(s: np.ndarray) -> np.ndarray:
    """Elevation of the lower lid's edge, degrees."""
    return lid_corner(s) - 24.0 * np.clip(1.0 - np.abs(s) ** 2.4, 0, 1) * (1.0 + 0.10 * s)


def lid_closed(s: np.ndarray) -> np.ndarray:
    """Elevation where the closed lids meet, degrees."""
    return lid_corner(s) - 13.0 * np.clip(1.0 - s * s, 0, 1)


def lip_x(s: np.ndarray) -> np.ndarray:
    """Half the mouth's width along the lips; s from the middle (0) to the corner (1)."""
    return MOUTH_HALF * np.sin(s * np.pi / 2 * 0.94) / np.sin(np.pi / 2 * 0.94)


def lip_front(x: np.ndarray) -> np.ndarray:
    """How far forward (y) the lips' line lies at x: an arch around the teeth."""
    return -0.0905 + 13.0 * x * x


def lip_line(s: np.ndarray) -> np.ndarray:
    """Height of the closed mouth's line: a soft M with the corners a hair up."""
    x = lip_x(s) / MOUTH_HALF
    return MOUTH_Z - 0.0008 * np.exp(-((x / 0.22) ** 2)) + 0.0009 * np.exp(-(((x - 0.45) / 0.25) ** 2)) + 0.0026 * x**3


def lip_border(s: np.ndarray, upper: bool) -> np.ndarray:
    """Height of the red of the lip above (upper) or below the line, metres, positive."""
    x = lip_x(s) / MOUTH_HALF
    if upper:
        bow = 0.0086 + 0.0010 * np.exp(-(((x - 0.24) / 0.16) ** 2)) - 0.0006 * np.exp(-((x / 0.1) ** 2))
        return bow * np.clip(1.0 - x**1.9, 0, 1) ** 0.9
    return 0.0104 * np.clip(1.0 - x**2.6, 0, 1) ** 0.95
