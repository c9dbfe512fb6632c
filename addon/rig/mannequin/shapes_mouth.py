"""ARKit shapes of jaw, lips, cheeks, nose and tongue as displacements (n, 3). Numpy only; lengths in metres."""

from __future__ import annotations

import numpy as np

from . import head_form as hf
from .face_space import Face
from .fields import smoothstep
from .head import lip_parameter
from .mesh import average, edges_of

JAW_DEGREES = 16.0  # of jawOpen at 1, by eye
CORNER = np.array([hf.MOUTH_HALF, float(hf.lip_front(np.array(hf.MOUTH_HALF))), hf.MOUTH_Z])
LIPS = np.array([0.0, -0.088, hf.MOUTH_Z])  # m, their middle
CLOSE_FROM_BELOW = 0.62  # share of mouthClose that the lower lip does, by eye

Shapes = dict[str, np.ndarray]


def _at(x: float, y: float, z: float) -> np.ndarray:
    return hf.at(x, y, z)


def jaw_open(face: Face) -> np.ndarray:
    """The lower jaw turned about its hinge, the corners of the mouth drawn in."""
    a = np.radians(JAW_DEGREES)
    turn = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    rel = face.points - hf.HINGE
    delta = (rel @ turn.T - rel + [0.0, -0.002, -0.001]) * face.jaw[:, None]
    for corner, sign in ((CORNER, -1.0), (CORNER * [-1, 1, 1], 1.0)):
        delta += face.near(corner, 0.014)[:, None] * np.array([sign * 0.0035, 0.0, 0.0])
    return delta


def mouth_close(face: Face, opened: np.ndarray) -> np.ndarray:
    """The lips brought together again: with equal weight it cancels the gap that ``opened`` (jawOpen) makes."""
    delta = face.zero()
    meet = face.rows["lip_meet"][0]
    by_column, other_side = (_closing(opened[row]) for row in (meet, face.mirror[meet]))
    border = face.rows["lip_skin"][-1]
    both = np.concatenate([border, face.mirror[border]])
    values = np.concatenate([by_column, other_side])
    skin = np.flatnonzero(face.head)
    rel = face.points[skin, None] - face.points[None, both]
    d2 = (rel**2).sum(-1)
    side = 1.0 - np.abs(face.upper[skin, None] - face.upper[None, both])
    kernel = np.exp(-0.5 * d2 / 0.006**2) * side + 1e-12 * side
    spread = kernel @ values / kernel.sum(1, keepdims=True)
    reach = smoothstep(np.sqrt(np.where(side > 0.4, d2, 1.0).min(1)), 0.034, 0.0)
    delta[skin] = spread * reach[:, None]
    edges = edges_of(face.skin_faces)
    for _ in range(6):
        delta = 0.5 * (delta + average(delta, edges))
    for i, row in enumerate(face.lip_rows):
        fade = 1.0 if i < 5 else (1.0, 0.55, 0.2, 0.05, 0.0)[i - 5]
        delta[row] = fade * by_column
        delta[face.mirror[row]] = fade * other_side
    return delta


def _closing(moved: np.ndarray) -> np.ndarray:
    """What brings a row of lip contact (upper lip to the corner, lower lip back) together again."""
    return (1.0 - CLOSE_FROM_BELOW) * (moved + moved[::-1]) - moved


def _shut(face: Face, moved: np.ndarray) -> np.ndarray:
    """A movement of the jaw that takes closed lips along, so that they stay closed."""
    return moved + mouth_close(face, moved)


def _corner(face: Face, move: tuple[float, float, float], radius: float, wide: float = 1.0) -> np.ndarray:
    bell = face.near(CORNER, (radius * wide, radius * 1.6, radius)) * face.left
    return bell[:, None] * np.array(move)


def smile(face: Face) -> np.ndarray:
    """Left corner up and out, the cheek with it."""
    cheek = face.near(_at(0.040, -0.060, -0.036), 0.015) * face.left
    lift = _corner(face, (0.0105, 0.0, 0.0088), 0.0135, 1.25)
    fold = face.near(_at(0.0370, -0.066, -0.060), 0.008) * face.left
    delta = face.slide(lift + cheek[:, None] * np.array([0.001, 0.0, 0.0035]))
    return delta + (0.0032 * cheek - 0.0012 * fold)[:, None] * face.outwards


def frown(face: Face) -> np.ndarray:
    """Left corner down."""
    chin = face.near(_at(0.020, -0.080, -0.088), 0.010) * face.left
    return face.slide(_corner(face, (0.0015, 0.0, -0.0092), 0.0125, 1.1)) + 0.001 * chin[:, None] * face.outwards


def dimple(face: Face) -> np.ndarray:
    """Left corner back and tucked in."""
    pit = face.near(CORNER + np.array([0.006, 0.004, 0.001]), 0.0075) * face.left
    return face.slide(_corner(face, (0.0062, 0.0, 0.0012), 0.0120)) - 0.0042 * pit[:, None] * face.outwards


def stretch(face: Face) -> np.ndarray:
    """Left corner out and a little down, the lip thinner."""
    delta = face.slide(_corner(face, (0.0118, 0.0, -0.0030), 0.0150, 1.3))
    return delta + _thin(face, 0.0012) * face.left[:, None]


def _thin(face: Face, by: float) -> np.ndarray:
    """The red of both lips drawn towards the line and back, over the whole mouth."""
    delta = face.zero()
    s, side = lip_parameter()
    full = np.clip(1.0 - s**2, 0, 1)
    shares = (1.0, 0.9, 0.6, 0.25, 0.0)
    for row, share in zip(face.lip_rows[:5], shares, strict=True):
        move = np.stack([np.zeros_like(s), 0.8 * by * full * min(share + 0.4, 1.0), -side * by * full * share], 1)
        delta[row] = move
        delta[face.mirror[row]] = move
    for i, row in enumerate(face.rows["lip_skin"][:-1]):
        share = ((i + 1) / len(face.rows["lip_skin"])) ** 2
        move = np.stack([np.zeros_like(s), 0.5 * by * full * share, -side * by * full * share], 1)
        delta[row] = move
        delta[face.mirror[row]] = move
    return delta


def _mouth_bell(face: Face, wide: float, high: float) -> np.ndarray:
    return face.near(LIPS, (wide, 0.045, high)) * (1.0 - face.bag_depth)


def pucker(face: Face) -> np.ndarray:
    """Lips drawn together and forward, still closed."""
    bell = _mouth_bell(face, 0.021, 0.0125)
    x = face.points[:, 0]
    delta = face.zero()
    delta[:, 0] = -0.46 * x * bell
    delta[:, 1] = -0.0105 * bell * np.exp(-((x / 0.030) ** 2)) + 9.0 * 0.5 * x**2 * bell
    delta[:, 2] = 0.20 * (face.points[:, 2] - hf.MOUTH_Z) * bell
    return delta


def funnel(face: Face) -> np.ndarray:
    """Lips round, forward and open."""
    bell = _mouth_bell(face, 0.021, 0.0125)
    x = face.points[:, 0]
    up = 2.0 * face.upper - 1.0
    open_ = np.clip(1.0 - (x / (hf.MOUTH_HALF * 0.98)) ** 2, 0, 1) ** 0.55
    delta = face.zero()
    delta[:, 0] = -0.30 * x * bell
    delta[:, 1] = -0.0085 * bell * np.exp(-((x / 0.028) ** 2))
    delta[:, 2] = np.where(up > 0, 0.0032, 0.0040) * up * open_ * bell
    s, _ = lip_parameter()
    for row, flare in zip(face.lip_rows[:5], (0.0, -0.0014, -0.0018, -0.001, 0.0), strict=True):
        move = flare * np.clip(1 - s**2, 0, 1)
        delta[row, 1] += move
        delta[face.mirror[row], 1] = delta[row, 1]
    return delta


def sideways(face: Face) -> np.ndarray:
    """The mouth moved to the left."""
    bell = face.near(LIPS, (0.024, 0.05, 0.0165))
    delta = face.zero()
    delta[:, 0] = 0.0105 * bell
    delta[:, 2] = 0.0012 * bell * np.clip(face.points[:, 0] / hf.MOUTH_HALF, -1, 1)
    return face.slide(delta)


# From the border of the red to the line where the lips meet, then the inside of the lip: back and towards the line, m.
# The lower lip goes under the upper teeth's edge, which is what f and v need. By eye on the mesh.
ROLL_UPPER = ((0.0016, 0.0042), (0.0040, 0.0040), (0.0052, 0.0026), (0.0050, 0.0010), (0.0034, 0.0), (0.0020, 0.0))
ROLL_LOWER = ((0.0022, 0.0046), (0.0056, 0.005), (0.0084, 0.0046), (0.0092, 0.003), (0.0076, 0.0014), (0.0056, 0.001))


def roll(face: Face, lower: bool) -> np.ndarray:
    """One lip turned inwards over its teeth."""
    delta = face.zero()
    s, side = lip_parameter()
    chosen = (side < 0) if lower else (side > 0)
    full = np.clip(1.0 - s**2.4, 0, 1) * chosen
    sign = 1.0 if lower else -1.0
    skin = face.rows["lip_skin"]
    rows = [(row, (0.0010, 0.0036), ((i + 1) / len(skin)) ** 1.6) for i, row in enumerate(skin[:-1])]
    moves = ROLL_LOWER if lower else ROLL_UPPER
    rows += [(row, move, 1.0) for row, move in zip(face.lip_rows[: len(moves)], moves, strict=True)]
    for row, (back, towards), share in rows:
        move = np.stack([np.zeros_like(s), back * full * share, sign * towards * full * share], 1)
        delta[row] = move
        delta[face.mirror[row]] = move
    return delta


def press(face: Face) -> np.ndarray:
    """Lips pressed together on the left."""
    delta = _thin(face, 0.0024)
    chin = face.near(_at(0.012, -0.084, -0.092), 0.009)
    delta += 0.0012 * chin[:, None] * face.outwards
    delta += face.slide(_corner(face, (0.0015, 0.0, 0.0005), 0.010))
    return delta * face.left[:, None]


def shrug_lower(face: Face) -> np.ndarray:
    """Chin and lower lip up and out, the upper lip pushed along."""
    chin = face.near(_at(0.0, -0.086, -0.092), (0.020, 0.03, 0.011)) * (1 - face.upper)
    lips = _mouth_bell(face, 0.0150, 0.0095)
    delta = np.maximum(0.0062 * lips, 0.0052 * chin)[:, None] * np.array([0.0, 0.0, 1.0])
    delta[:, 1] -= 0.0034 * lips * (1 - face.upper) + 0.0012 * chin
    return delta


def shrug_upper(face: Face) -> np.ndarray:
    """The upper lip up and out."""
    lips = _mouth_bell(face, 0.0140, 0.0085) * face.upper
    return lips[:, None] * np.array([0.0, -0.0036, 0.0030])


def _half_lip(face: Face, height: float) -> np.ndarray:
    """(n,) the left half of a lip, around a height over the mouth's line: level for most of its width."""
    x = face.points[:, 0]
    across = np.clip(1.0 - (np.abs(x) / hf.MOUTH_HALF) ** 3, 0.0, 1.0)
    down = face.near(np.array([0.0, -0.088, hf.MOUTH_Z + height]), (0.0300, 0.04, 0.0120))
    return down * across * face.left * (1.0 - face.bag_depth)


def lower_down(face: Face) -> np.ndarray:
    """Left half of the lower lip down."""
    bell = 1.12 * _half_lip(face, -0.005) * (1 - face.upper)
    return bell[:, None] * np.array([0.0010, 0.0002, -0.0080])


def upper_up(face: Face) -> np.ndarray:
    """Left half of the upper lip up."""
    bell = 1.12 * _half_lip(face, 0.005) * face.upper
    fold = face.near(_at(0.0250, -0.075, -0.046), 0.010) * face.left
    return bell[:, None] * np.array([0.0006, 0.0004, 0.0072]) + 0.0014 * fold[:, None] * face.outwards


def cheek_puff(face: Face) -> np.ndarray:
    """Both cheeks blown out."""
    delta = face.zero()
    for sign in (1, -1):
        bell = face.near(_at(sign * 0.0430, -0.052, -0.061), (0.018, 0.022, 0.0165)) * (1 - face.bag_depth)
        delta += 0.0130 * bell[:, None] * face.outwards
    lips = _mouth_bell(face, 0.022, 0.014)
    return delta + lips[:, None] * np.array([0.0, -0.0022, 0.0])


def cheek_squint(face: Face) -> np.ndarray:
    """Left cheek up under the eye."""
    bell = face.near(_at(0.0365, -0.066, -0.026), (0.0140, 0.02, 0.0085)) * face.left
    below = smoothstep(face.points[:, 2] - hf.EYE[2], -0.006, -0.014)
    bell = bell * below
    return face.slide(bell[:, None] * np.array([0.0, 0.0, 0.0085])) + 0.0048 * bell[:, None] * face.outwards


def sneer(face: Face) -> np.ndarray:
    """Left wing of the nose up, the lip and the brow's root with it."""
    wing = face.near(_at(0.0125, -0.090, -0.041), 0.0085) * face.left
    lip = face.near(_at(0.0130, -0.089, -0.056), 0.0075) * face.left * face.upper
    lip *= smoothstep(face.above, 0.001, 0.013) * (face.bag_depth == 0.0)  # the lips stay together
    bridge = face.near(_at(0.0080, -0.082, 0.000), 0.0070) * face.left
    up = 0.0068 * wing + 0.0052 * lip + 0.0030 * bridge
    return up[:, None] * np.array([0.0, 0.0, 1.0]) + (0.0024 * wing + 0.0024 * bridge)[:, None] * face.outwards


def tongue_out(face: Face) -> np.ndarray:
    """The tongue over the lower teeth and out; meant with the jaw open."""
    delta = face.zero()
    ids = np.flatnonzero(face.part == "tongue")
    p = face.points[ids]
    tip = smoothstep(p[:, 1], -0.040, -0.076)
    middle = hf.MOUTH_Z - 0.0065
    delta[ids, 1] = -0.0430 * tip
    delta[ids, 2] = 0.0105 * tip - 0.0050 * tip**4 - 0.36 * (p[:, 2] - middle) * tip
    delta[ids, 0] = -0.06 * p[:, 0] * tip
    return delta


def shapes(face: Face) -> Shapes:
    """All shapes of this module by ARKit name."""
    opened = jaw_open(face)
    shift = face.jaw[:, None]
    jaw_left = _shut(face, shift * np.array([0.0105, 0.0, 0.0]))
    out: Shapes = {
        "jawOpen": opened,
        "mouthClose": mouth_close(face, opened),
        "jawForward": _shut(face, shift * np.array([0.0, -0.0095, 0.0])),
        "jawLeft": jaw_left,
        "jawRight": face.flipped(jaw_left),
        "mouthFunnel": funnel(face),
        "mouthPucker": pucker(face),
        "mouthRollLower": roll(face, True),
        "mouthRollUpper": roll(face, False),
        "mouthShrugLower": shrug_lower(face),
        "mouthShrugUpper": shrug_upper(face),
        "cheekPuff": cheek_puff(face),
        "tongueOut": tongue_out(face),
    }
    moved = sideways(face)
    out |= {"mouthLeft": moved, "mouthRight": face.flipped(moved)}
    pairs = {
        "mouthSmile": smile,
        "mouthFrown": frown,
        "mouthDimple": dimple,
        "mouthStretch": stretch,
        "mouthPress": press,
        "mouthLowerDown": lower_down,
        "mouthUpperUp": upper_up,
        "cheekSquint": cheek_squint,
        "noseSneer": sneer,
    }
    for name, make in pairs.items():
        left = make(face)
        out |= {f"{name}Left": left, f"{name}Right": face.flipped(left)}
    return out
