"""Are arms and hands inside the body or each other? Capsules against capsules and trunk, of the mannequin's own sizes.

Torso, neck, head and thighs are those of assets/postures/body.json on the take's skeleton. An arm is a chain of
capsules: upper arm (its lower part; its root belongs to the shoulder), forearm, palm, five fingers. Depths are exact
between capsules; against trunk sections a capsule counts by spheres along it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.body.joints import ARMS, HANDS
from engine.body.skeleton import Skeleton
from engine.body.solids import ArmSamples, body_distance, body_table

Array = NDArray[np.float64]

ALLOWED_M = 0.005  # frames are clear to this depth (docs/sources/bands.md, section 1)
UPPER_ARM = (0.55, 0.043)  # share of the upper arm from which it counts, and its radius there in m: the mannequin's
ALONG = 5  # spheres along a capsule against the trunk, by eye
_CHUNK = 1024  # frames at a time, by eye


@dataclass(frozen=True, eq=False)
class Limb:
    """Capsules of one arm: ``starts`` and ``ends`` (T, N, 3) world metres, ``radii`` (N, 2), ``hand`` (N,) bool."""

    starts: Array
    ends: Array
    radii: Array
    hand: NDArray[np.bool_]


def penetration(local: ArrayLike, trans: ArrayLike, skeleton: Skeleton) -> Array:
    """(T,) metres: how deep arms and hands lie in the body or in each other on each frame; 0 where they are clear.

    ``local`` (T, 55, 3, 3) local rotations, ``trans`` (T, 3) as SMPL-X ``transl``.
    """
    rotations, place = np.asarray(local, dtype=np.float64), np.asarray(trans, dtype=np.float64)
    out = np.zeros(len(rotations))
    for start in range(0, len(rotations), _CHUNK):
        part = slice(start, start + _CHUNK)
        points, world = skeleton.forward_matrices(rotations[part], place[part])
        limbs = [arm_capsules(points, side) for side in (0, 1)]
        depth = np.maximum(*(_into_body(limb, points, world) for limb in limbs))
        out[part] = np.maximum(np.maximum(depth, _into_each_other(limbs[0], limbs[1])), 0.0)
    return out


def arm_capsules(points: Array, side: int) -> Limb:
    """The capsules of one arm (0 left, 1 right) from world joints (T, 55, 3)."""
    table = body_table()["arm"]
    shoulder, elbow, wrist = ARMS[side]
    hand = HANDS[side]
    fore = table["forearm"]
    spots: list[tuple[Array, Array, float, float, bool]] = []
    begin = points[:, shoulder] * (1.0 - UPPER_ARM[0]) + points[:, elbow] * UPPER_ARM[0]
    spots.append((begin, points[:, elbow], UPPER_ARM[1], float(fore[0][1]), False))
    spots.append((points[:, elbow], points[:, wrist], float(fore[0][1]), float(table["wrist_radius"]), False))
    for first in range(0, 12, 3):
        knuckle = points[:, hand[first]]
        spots.append((points[:, wrist], knuckle, float(table["palm_radius"]), float(table["knuckle_radius"]), True))
    thin = float(table["finger_radius"])
    for first in range(0, 15, 3):
        root, middle, last = (points[:, hand[first + place]] for place in range(3))
        tip = last + float(table["tip_length"]) * (last - middle)
        spots += [(root, middle, thin, thin, True), (middle, last, thin, thin, True), (last, tip, thin, thin, True)]
    starts, ends = (np.stack([spot[end] for spot in spots], axis=1) for end in (0, 1))
    radii = np.array([(spot[2], spot[3]) for spot in spots])
    return Limb(starts, ends, radii, np.array([spot[4] for spot in spots]))


def _into_body(limb: Limb, points: Array, world: Array) -> Array:
    """(T,) metres by which the limb's capsules reach into trunk, neck, head or thighs."""
    share = np.linspace(0.0, 1.0, ALONG)
    spots = limb.starts[:, :, None] + share[:, None] * (limb.ends - limb.starts)[:, :, None]
    radii = limb.radii[:, :1] + share * (limb.radii[:, 1:] - limb.radii[:, :1])
    frames = len(limb.starts)
    samples = ArmSamples(spots.reshape(frames, -1, 3), radii.ravel(), np.ones(radii.size))
    distance, _ = body_distance(samples, points, world)
    return np.asarray(-distance.min(axis=1))


def _into_each_other(left: Limb, right: Limb) -> Array:
    """(T,) metres by which a capsule of one arm reaches into one of the other; at least one of the two is a hand."""
    best = np.full(len(left.starts), -np.inf)
    for i, j in zip(*np.nonzero(left.hand[:, None] | right.hand[None]), strict=True):
        first = left.starts[:, i], left.ends[:, i]
        second = right.starts[:, j], right.ends[:, j]
        a, b, gap = segment_gap(*first, *second)
        radius = _at(left.radii[i], a) + _at(right.radii[j], b)
        np.maximum(best, radius - gap, out=best)
    return best


def _at(radii: Array, share: Array) -> Array:
    return np.asarray(radii[0] + share * (radii[1] - radii[0]))


def segment_gap(p: Array, q: Array, r: Array, s: Array) -> tuple[Array, Array, Array]:
    """Nearest points of segments p-q and r-s, all (T, 3): shares along both (T,), (T,) and their distance (T,)."""
    u, v, w = q - p, s - r, p - r
    a, b, c = np.sum(u * u, axis=-1), np.sum(u * v, axis=-1), np.sum(v * v, axis=-1)
    d, e = np.sum(u * w, axis=-1), np.sum(v * w, axis=-1)
    a, c = np.maximum(a, 1e-12), np.maximum(c, 1e-12)
    skew = a * c - b * b
    first = np.where(skew > 1e-12, np.clip((b * e - c * d) / np.maximum(skew, 1e-12), 0.0, 1.0), 0.0)
    second = np.clip((b * first + e) / c, 0.0, 1.0)
    first = np.clip((b * second - d) / a, 0.0, 1.0)
    gap = np.linalg.norm(w + first[:, None] * u - second[:, None] * v, axis=-1)
    return first, second, gap
