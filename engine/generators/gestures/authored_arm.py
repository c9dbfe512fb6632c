"""From authored key poses to one moving arm: elbow and wrist are found at the keys, and move smoothly between them.

Everything is made for the left arm and mirrored for the right one. An arm's state is nine numbers: the wrist's place
(world of the upright body, metres), the direction in which the elbow points, and three angles of the hand against the
forearm (turn, flexion, deviation; radians). Between keys these move, so that no way leads through a broken wrist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import saturated, soft_clamp
from engine.body.joints import CHEST, COLLARED_ARMS, SHOULDERS
from engine.body.kinematics import hinge_limb, look_frame, normalized, rotation_y, swing_twist
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import default_skeleton
from engine.generators.gestures.authored_table import Key
from engine.generators.life.postures import spine_rest

Array = NDArray[np.float64]

# Parts of an arm's state; SMPL-X joints; axes of our rest pose.
PLACE, POLE, TURN, BEND, TILT = slice(0, 3), slice(3, 6), 6, 7, 8
STATE = 9
COLLAR, SHOULDER, ELBOW, WRIST = COLLARED_ARMS[0]
ALONG, PALM_DOWN = np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
HINGE = np.array([0.0, -1.0, 0.0])
# W of gesture space (docs/sources/semantics.md, section 6): from acromion to acromion, over the distance of the
# shoulder joints; by eye, as what follows where no source is named.
WIDTH_SHARE = 1.15
STERNUM_DOWN, STERNUM_AHEAD = 0.25, 0.10  # in W below the shoulders (as there); metres in front of them
ELBOW_DOWN = np.array([0.18, -1.0, -0.30])  # W: where an elbow points when nothing else is wished
SWIVELS = np.radians(np.arange(-36.0, 78.0, 2.0))  # rad, that are tried for an elbow
# Comfortable angles of the hand against the forearm, and the firm ones (rad, from degrees): turn, flexion, deviation.
COMFORT = np.radians([[-78.0, 78.0], [-48.0, 42.0], [-12.0, 20.0]])
FIRM = np.radians([[-100.0, 100.0], [-66.0, 62.0], [-22.0, 30.0]])
STRAIN = np.radians([14.0, 14.0, 9.0])  # rad beyond comfort that cost one
SWIVEL_WIDTH = np.radians(34.0)  # rad from the wished elbow that cost one
# Collars of the recordings against where their wrist is: least squares over all clips (R2 .29, .38, .46), degrees of
# the rotation vector for the terms of place_terms. Known for wrists in this box, and not past so many degrees.
COLLAR_BY_PLACE = np.array(
    [
        [10.0, 59.5, -19.6],
        [-18.1, -32.2, 74.4],
        [-6.1, 24.1, -79.6],
        [-24.9, -56.2, 25.1],
        [-29.2, -50.4, 89.5],
        [-8.4, -70.5, 118.6],
        [45.5, 45.6, 12.2],
        [15.0, -51.5, 47.0],
        [-13.5, 52.1, -185.5],
    ]
)
LOW_HAND = np.array([[0.24, -0.30, 0.10]])
KNOWN, KNOWN_MARGIN = np.array([[0.0, 0.45], [-0.38, 0.25], [0.0, 0.42]]), 0.05
COLLAR_MOST = np.array([8.0, 14.0, 14.0])
# Radians per m/s, seconds, radians; by eye: the hand trails behind the forearm.
DRAG, DRAG_LAG, DRAG_MOST = 0.12, 0.06, np.radians(16.0)


@dataclass(frozen=True, eq=False)
class Space:
    """The upright body: W in metres, the sternum's place, chest and collar (world rotation; place of the collar
    joint)."""

    width: float
    sternum: Array
    chest: Array
    chest_place: Array
    collar_rest: Array
    collar_place: Array

    def point(self, at: Array) -> Array:
        """Gesture space (W from the sternum) to metres of the upright body."""
        return np.asarray(self.sternum + self.width * np.asarray(at, dtype=np.float64))


@cache
def space() -> Space:
    """Gesture space on our skeleton, standing upright with its pelvis at the origin."""
    skeleton = default_skeleton()
    rest = spine_rest()
    points, world = skeleton.forward(rest[None], -skeleton.rest[None, 0])
    shoulders = points[0, list(SHOULDERS)]
    width = WIDTH_SHARE * float(np.linalg.norm(shoulders[0] - shoulders[1]))
    sternum = shoulders.mean(axis=0) + np.array([0.0, -STERNUM_DOWN * width, STERNUM_AHEAD])
    return Space(width, sternum, world[0, CHEST], points[0, CHEST], rest[COLLAR], points[0, COLLAR])


def place_terms(place: Array) -> Array:
    """(n, 9) of a wrist (n, 3), metres from the chest joint in its frame: linear, squares, products."""
    x, y, z = place.T
    return np.stack([x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)


def collar_turns(place: Array) -> Array:
    """(n, 3, 3) local rotations of the collar for a hand at ``place`` (n, 3): it rises, and comes forward, as it did
    in the recordings for a hand that was there."""
    here = space()
    wrist = soft_clamp((place - here.chest_place) @ here.chest, KNOWN[:, 0], KNOWN[:, 1], KNOWN_MARGIN)
    turn = (place_terms(wrist) - place_terms(LOW_HAND)) @ COLLAR_BY_PLACE
    return axis_angle_to_matrix(here.collar_rest + np.radians(saturated(turn, COLLAR_MOST)))


def _reach(place: Array, pole: Array) -> tuple[Array, Array, Array, Array]:
    """Collar (n, 3, 3) local, its world rotation, upper arm's world rotation, hinge (n,) for a wrist and an elbow."""
    here, offsets = space(), default_skeleton().offsets
    collar = collar_turns(place)
    world = here.chest @ collar
    shoulder = here.collar_place + world @ offsets[SHOULDER]
    limb = hinge_limb(offsets[ELBOW], offsets[WRIST], HINGE, shoulder, place, pole)
    return collar, world, limb.root, limb.hinge


def _hand_angles(upper: Array, hinge: Array, hand: Array) -> Array:
    """(n, 3) turn, flexion, deviation of a hand (n, 3, 3) in the world against the forearm."""
    forearm = upper @ rotation_y(-hinge)
    swing, twist = swing_twist(np.swapaxes(forearm, -1, -2) @ hand, ALONG)
    return np.stack([-twist, -swing[..., 2], swing[..., 1]], axis=-1)


def key_state(key: Key, at: Array, tilted: Array) -> Array:
    """(9,) state of an arm at a key; ``at`` (3,) its place in W (varied), ``tilted`` (3,) radians on the hand's angles.

    The elbow takes the place, near its natural one, in which the wrist is least strained.
    """
    place = space().point(at)
    root = _reach(place[None], ELBOW_DOWN[None])
    shoulder = space().collar_place + root[1][0] @ default_skeleton().offsets[SHOULDER]
    line = normalized(place - shoulder)
    down = normalized(ELBOW_DOWN - line * float(ELBOW_DOWN @ line))
    aside = np.cross(line, down)
    aside = aside if aside[0] > 0.0 else -aside
    poles = np.outer(np.cos(SWIVELS), down) + np.outer(np.sin(SWIVELS), aside)
    _, _, upper, hinge = _reach(np.broadcast_to(place, poles.shape), np.asarray(poles, dtype=np.float64))
    frame = look_frame(np.array(key.fingers), np.array(key.palm)) @ look_frame(ALONG, PALM_DOWN).T
    angles = _hand_angles(upper, hinge, np.broadcast_to(frame, (len(poles), 3, 3)))
    beyond = angles - np.clip(angles, COMFORT[:, 0], COMFORT[:, 1])
    cost = np.sum((beyond / STRAIN) ** 2, axis=1) + ((SWIVELS - np.radians(key.elbow)) / SWIVEL_WIDTH) ** 2
    best = int(np.argmin(cost))
    kept = soft_clamp(angles[best] + tilted, FIRM[:, 0], FIRM[:, 1], float(np.radians(6.0)))
    return np.concatenate([place, poles[best], kept])


def rest_state(arm: Array) -> Array:
    """(9,) state of an arm at rest, from its 54 axis-angle numbers (shoulder, elbow, wrist, fingers; left side)."""
    here, skeleton = space(), default_skeleton()
    local = axis_angle_to_matrix(arm[:9].reshape(3, 3))
    collar = here.chest @ axis_angle_to_matrix(here.collar_rest[None])[0]
    upper = collar @ local[0]
    shoulder = here.collar_place + collar @ skeleton.offsets[SHOULDER]
    elbow = shoulder + upper @ skeleton.offsets[ELBOW]
    forearm = upper @ local[1]
    wrist = elbow + forearm @ skeleton.offsets[WRIST]
    line = normalized(wrist - shoulder)
    pole = normalized(elbow - shoulder - line * float((elbow - shoulder) @ line))
    _, _, upper, hinge = _reach(wrist[None], pole[None])
    return np.concatenate([wrist, pole, _hand_angles(upper, hinge, (forearm @ local[2])[None])[0]])


def arm_rotations(state: Array, trailing: Array) -> tuple[Array, Array]:
    """Local rotations of collar (n, 3, 3) and of shoulder, elbow, wrist (n, 3, 3, 3) for states (n, 9).

    ``trailing`` (n, 3) m/s is how fast the wrist moved a moment ago: the hand lags behind it. The turn is shared by
    elbow and wrist half and half, as in the corpus.
    """
    collar, world, upper, hinge = _reach(state[:, PLACE], state[:, POLE])
    forearm = upper @ rotation_y(-hinge)
    drift = (np.swapaxes(forearm, -1, -2) @ trailing[..., None])[..., 0]
    drag = saturated(DRAG * drift, DRAG_MOST)
    zero = np.zeros(len(state))
    swing = axis_angle_to_matrix(np.stack([zero, state[:, TILT] + drag[:, 2], -state[:, BEND] - drag[:, 1]], axis=-1))
    half = axis_angle_to_matrix(-0.5 * state[:, TURN, None] * ALONG)
    elbow = rotation_y(-hinge) @ half
    wrist = np.swapaxes(half, -1, -2) @ swing @ half @ half
    return collar, np.stack([np.swapaxes(world, -1, -2) @ upper, elbow, wrist], axis=1)
