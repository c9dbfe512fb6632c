"""The mannequin as simple solids (assets/postures/body.json): how deep do arms and hands lie inside the body or each
other?

World metres. Distances are signed (negative inside), exact for capsules and close to the surface for trunk sections.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import ARMS, HANDS
from engine.body.skeleton import ASSETS, Skeleton, default_skeleton

Array = NDArray[np.float64]

_TIPS = (2, 5, 8, 11, 14)  # places in HANDS: the roots of the last phalanges


@dataclass(frozen=True, eq=False)
class Profile:
    """Horizontal sections of a trunk piece in its joint's frame: ``heights`` (n,) and ``rows`` (n, 4) of centre z, half
    width, depth in front, depth behind."""

    joint: int
    heights: Array
    rows: Array


@dataclass(frozen=True, eq=False)
class Capsule:
    """A tapered capsule between two joints; ``start`` and ``end`` are offsets in the first and second joint's frame."""

    first: int
    second: int
    start: Array
    end: Array
    radii: tuple[float, float]


@dataclass(frozen=True, eq=False)
class ArmSamples:
    """Spheres on one arm: points (T, N, 3), radii (N,), and ``share`` (N,): 0 at the elbow, 1 from the wrist on, below
    0 on the upper arm (-1 at the shoulder)."""

    points: Array
    radii: Array
    share: Array


@cache
def body_table() -> dict[str, Any]:
    """assets/postures/body.json."""
    return dict(json.loads((ASSETS / "postures" / "body.json").read_text(encoding="utf-8")))


@cache
def _profiles() -> tuple[Profile, ...]:
    skeleton, out = default_skeleton(), []
    for entry in body_table()["profiles"]:
        joint = skeleton.index(entry["joint"])
        rows = np.array(entry["rows"], dtype=np.float64)
        rows[:, 0] -= skeleton.rest[joint, 1] + skeleton.standing_height
        rows[:, 1] -= skeleton.rest[joint, 2]
        out.append(Profile(joint, rows[:, 0], rows[:, 1:]))
    return tuple(out)


@cache
def _capsules() -> tuple[Capsule, ...]:
    index = default_skeleton().index
    return tuple(
        Capsule(
            index(entry["from"]),
            index(entry["to"]),
            np.array(entry["start"], dtype=np.float64),
            np.array(entry["end"], dtype=np.float64),
            (float(entry["radii"][0]), float(entry["radii"][1])),
        )
        for entry in body_table()["capsules"]
    )


def arm_samples(skeleton: Skeleton, points: Array, side: int, upper: bool = False) -> ArmSamples:
    """Spheres along forearm, palm and fingers of one arm, with ``upper`` the upper arm too; ``points`` (T, 55, 3) world
    joints."""
    table = body_table()["arm"]
    shoulder, elbow, wrist = ARMS[side]
    hand = list(HANDS[side])
    knuckles, middles = hand[0:12:3], hand[1:12:3] + hand[2:12:3]
    thumb = hand[12:]
    spots, radii, share = [], [], []
    for fraction, radius in table["forearm"]:
        spots.append(points[:, elbow] * (1.0 - fraction) + points[:, wrist] * fraction)
        radii.append(radius)
        share.append(fraction)
    for fraction, radius in table["upper_arm"] if upper else ():
        spots.append(points[:, shoulder] * (1.0 - fraction) + points[:, elbow] * fraction)
        radii.append(radius)
        share.append(fraction - 1.0)
    spots.append(points[:, wrist])
    radii.append(table["wrist_radius"])
    for joint in knuckles:
        spots += [0.5 * (points[:, wrist] + points[:, joint]), points[:, joint]]
        radii += [table["palm_radius"], table["knuckle_radius"]]
    for joint in (*middles, *thumb[1:]):
        spots.append(points[:, joint])
        radii.append(table["finger_radius"])
    for tip in _TIPS:
        end, before = points[:, hand[tip]], points[:, skeleton.parents[hand[tip]]]
        spots.append(end + float(table["tip_length"]) * (end - before))
        radii.append(table["finger_radius"])
    share += [1.0] * (len(spots) - len(share))
    return ArmSamples(np.stack(spots, axis=1), np.array(radii), np.array(share))


def body_distance(samples: ArmSamples, points: Array, world: Array) -> tuple[Array, Array]:
    """Signed distance (T, N) of the spheres to trunk, neck, head and thighs, and the outward normals (T, N, 3)."""
    best = np.full(samples.points.shape[:2], np.inf)
    normal = np.zeros_like(samples.points)
    for profile in _profiles():
        _keep_nearest(best, normal, *_profile_distance(profile, samples.points, points, world))
    for capsule in _capsules():
        start = points[:, capsule.first] + world[:, capsule.first] @ capsule.start
        end = points[:, capsule.second] + world[:, capsule.second] @ capsule.end
        _keep_nearest(best, normal, *_capsule_distance(samples.points, start, end, capsule.radii))
    return best - samples.radii, normal


def hand_distance(samples: ArmSamples, points: Array, world: Array, side: int) -> tuple[Array, Array]:
    """Signed distance (T, N) of one arm's spheres to palm, fingers and forearm of the *other* hand, ``side``;
    normals."""
    table = body_table()["arm"]
    best = np.full(samples.points.shape[:2], np.inf)
    normal = np.zeros_like(samples.points)
    wrist, hand = ARMS[side][2], HANDS[side]
    _keep_nearest(best, normal, *_palm_distance(table["palm"], samples.points, points[:, wrist], world[:, wrist], side))
    radius = float(table["finger_radius"])
    for first in range(0, 15, 3):
        for joint in (hand[first], hand[first + 1]):
            ends = points[:, joint], points[:, joint + 1]
            _keep_nearest(best, normal, *_capsule_distance(samples.points, *ends, (radius, radius)))
    forearm = (float(table["forearm"][0][1]), float(table["wrist_radius"]))
    ends = points[:, ARMS[side][1]], points[:, wrist]
    _keep_nearest(best, normal, *_capsule_distance(samples.points, *ends, forearm))
    return best - samples.radii, normal


def _keep_nearest(best: Array, normal: Array, distance: Array, direction: Array) -> None:
    nearer = distance < best
    best[nearer] = distance[nearer]
    normal[nearer] = direction[nearer]


def _profile_distance(profile: Profile, spots: Array, points: Array, world: Array) -> tuple[Array, Array]:
    frame = world[:, profile.joint]
    local = (spots - points[:, None, profile.joint]) @ frame
    low, high = profile.heights[0], profile.heights[-1]
    height = np.clip(local[..., 1], low, high)
    centre, wide, front, back = (np.interp(height, profile.heights, column) for column in profile.rows.T)
    x, z = local[..., 0], local[..., 2] - centre
    deep = np.where(z >= 0.0, front, back)
    ratio = np.maximum(np.hypot(x / wide, z / deep), 1e-6)
    flat = np.hypot(x, z) * (1.0 - 1.0 / ratio)
    flat = np.where(ratio < 0.2, -np.minimum(wide, deep) * (1.0 - ratio), flat)
    above = local[..., 1] - height
    distance = np.where(above == 0.0, flat, np.hypot(np.maximum(flat, 0.0), above))
    gradient = np.stack([x / wide**2, np.zeros_like(x), z / deep**2], axis=-1)
    gradient /= np.maximum(np.linalg.norm(gradient, axis=-1, keepdims=True), 1e-9)
    return distance, gradient @ np.swapaxes(frame, -1, -2)


def _capsule_distance(spots: Array, start: Array, end: Array, radii: tuple[float, float]) -> tuple[Array, Array]:
    line = (end - start)[:, None]
    length = np.maximum(np.sum(line * line, axis=-1), 1e-12)
    along = np.clip(np.sum((spots - start[:, None]) * line, axis=-1) / length, 0.0, 1.0)
    away = spots - start[:, None] - along[..., None] * line
    distance = np.linalg.norm(away, axis=-1)
    radius = radii[0] + (radii[1] - radii[0]) * along
    return distance - radius, away / np.maximum(distance, 1e-9)[..., None]


def _palm_distance(palm: dict[str, Any], spots: Array, wrist: Array, frame: Array, side: int) -> tuple[Array, Array]:
    """A rounded rectangle in the wrist's frame, fingers along +x on the left and -x on the right."""
    sign = np.array([1.0 if side == 0 else -1.0, 1.0, 1.0])
    local = ((spots - wrist[:, None]) @ frame) * sign
    nearest = np.stack(
        [np.clip(local[..., 0], *palm["x"]), np.full(local.shape[:2], palm["y"]), np.clip(local[..., 2], *palm["z"])],
        axis=-1,
    )
    away = local - nearest
    distance = np.linalg.norm(away, axis=-1)
    direction = (away / np.maximum(distance, 1e-9)[..., None]) * sign
    return distance - float(palm["radius"]), direction @ np.swapaxes(frame, -1, -2)
