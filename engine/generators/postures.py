"""Rest postures of arms and hands: authored goals (assets/postures/arms.json) solved to joint rotations, and the
schedule by which a speaker changes from one to the next while the hands are at rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.bodyshape import arm_samples, body_distance
from engine.generators.noise import Steps, seeded, steps
from engine.kinematics import hinge_limb, look_frame, rotation_x, rotation_y, swing_twist
from engine.plan.types import GesturePhrase, GesturePlan
from engine.rotations import matrix_to_axis_angle
from engine.skeleton import ASSETS, default_skeleton

Array = NDArray[np.float64]

ARM_JOINTS = ((16, 18, 20, *range(25, 40)), (17, 19, 21, *range(40, 55)))
COLLARS = (13, 14)
MIRROR = np.array([1.0, -1.0, -1.0])
REST_LEAD = 0.3  # the rest posture stands still from this long before a phrase's onset, seconds
_MIRROR_POINT = np.array([-1.0, 1.0, 1.0])
_SHORTEST_GAP = 1.5
_TOUCHING = 0.25
_CLEAR_METRES = 0.02


@dataclass(frozen=True, eq=False)
class RestPosture:
    """A rest posture of both arms: ``arms`` (2, 54), left and right, axis-angle radians of shoulder, elbow, wrist and
    the 15 finger joints; ``jitter`` in degrees; ``cover`` the side whose hand lies on the other, -1 where none does."""

    name: str
    arms: Array
    jitter: float
    cover: int


@cache
def arm_table() -> dict[str, Any]:
    """assets/postures/arms.json."""
    return dict(json.loads((ASSETS / "postures" / "arms.json").read_text(encoding="utf-8")))


@cache
def life_table() -> dict[str, Any]:
    """assets/postures/life.json."""
    return dict(json.loads((ASSETS / "postures" / "life.json").read_text(encoding="utf-8")))


def spine_rest() -> Array:
    """(55, 3) axis-angle radians of trunk, neck and collars of the upright body; zero elsewhere."""
    out = np.zeros((55, 3))
    table = life_table()["spine"]
    for joint, name in ((0, "pelvis"), (3, "spine1"), (6, "spine2"), (9, "spine3"), (12, "neck"), (13, "collar")):
        out[joint] = np.radians(table[name])
    out[14] = out[13] * MIRROR
    return out


@cache
def rest_posture(name: str, mirrored: bool) -> RestPosture:
    """A posture of the table, solved on our skeleton; ``mirrored`` swaps left and right."""
    entry = arm_table()["postures"][name]
    arms = np.zeros((2, 54))
    for side, key in ((0, "left"), (1, "right")):
        goal = entry[key]
        target = (1 - side) if mirrored else side
        arms[target] = _solve_arm(goal, target, flip=mirrored)
    cover = {"left": 0, "right": 1}.get(entry.get("cover", ""), -1)
    return RestPosture(name, arms, float(entry["jitter"]), cover if cover < 0 or not mirrored else 1 - cover)


def _solve_arm(goal: dict[str, Any], side: int, flip: bool) -> Array:
    """Axis-angle (54,) of one arm from its goals; twist is shared half and half by elbow and wrist, as in the
    corpus."""
    skeleton = default_skeleton()
    points, world = skeleton.forward(spine_rest()[None], -skeleton.rest[None, 0])
    shoulder, elbow, wrist = ARM_JOINTS[side][:3]
    sign = 1.0 if side == 0 else -1.0
    mirror = _MIRROR_POINT if flip else np.ones(3)
    along, palm_rest = np.array([sign, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])
    limb = hinge_limb(
        skeleton.rest[elbow] - skeleton.rest[shoulder],
        skeleton.rest[wrist] - skeleton.rest[elbow],
        np.array([0.0, -sign, 0.0]),
        points[:, shoulder],
        (np.array(goal["wrist"]) * mirror)[None],
        np.array(goal["elbow"]) * mirror,
    )
    forearm = limb.root @ rotation_y(-sign * limb.hinge)
    hand_frame = look_frame(np.array(goal["fingers"]) * mirror, np.array(goal["palm"]) * mirror)
    hand = hand_frame @ look_frame(along, palm_rest).T
    relative = np.swapaxes(forearm, -1, -2) @ hand
    _, twist = swing_twist(relative, np.array([1.0, 0.0, 0.0]))
    half = rotation_x(0.5 * twist)
    parent = np.swapaxes(world[:, COLLARS[side]], -1, -2)
    local = np.concatenate(
        [parent @ limb.root, rotation_y(-sign * limb.hinge) @ half, np.swapaxes(half, -1, -2) @ relative]
    )
    return np.concatenate([matrix_to_axis_angle(local).ravel(), hand_shape(goal["hand"], side).ravel()])


def hand_shape(name: str, side: int) -> Array:
    """Finger rotations (15, 3) radians of a named hand shape for side 0 (left) or 1 (right)."""
    shape = np.radians(np.array(arm_table()["hands"][name], dtype=np.float64))
    return shape if side == 0 else shape * MIRROR


def free_gaps(phrases: Sequence[GesturePhrase], end: float) -> list[tuple[float, float]]:
    """Times between gesture units in which the rest posture may change: from the return of a phrase that ends at rest
    to ``REST_LEAD`` before the next onset. Starts before the first phrase, ends at ``end``."""
    gaps = []
    clock, resting = -np.inf, True
    for phrase in sorted(phrases, key=lambda item: item.onset):
        if resting and phrase.onset - REST_LEAD > clock:
            gaps.append((clock, phrase.onset - REST_LEAD))
        clock = max(clock, phrase.retract_end)
        resting = phrase.join == "rest"
    gaps.append((clock, end))
    return [(start, stop) for start, stop in gaps if stop > start]


@dataclass(frozen=True, eq=False)
class RestTracks:
    """Rest rotations over time: ``arms`` (left, right) of 54 values; ``loose`` how freely the arms may drift (1
    hanging, less where hand lies on hand); ``names`` the postures as (start time, name)."""

    arms: tuple[Steps, Steps]
    loose: Steps
    names: tuple[tuple[float, str], ...]


def rest_tracks(plan: GesturePlan, seed: int, style: dict[str, Any]) -> RestTracks:
    """The rest postures of a plan and seed.

    Postures change only inside :func:`free_gaps`, by minimum-jerk moves of 0.8-1.4 s, one hand a little before the
    other.
    """
    rng = seeded("rest", plan.seed, seed)
    names = list(style["rests"])
    weights = np.array([style["rests"][name] for name in names], dtype=np.float64)
    current = first = _draw(rng, names, weights, None)
    named = [(-np.inf, current.name)]
    slack: list[tuple[float, float, ArrayLike]] = []
    moves: tuple[list[tuple[float, float, ArrayLike]], list[tuple[float, float, ArrayLike]]] = ([], [])
    for start, stop in free_gaps(plan.phrases, plan.seconds + 20.0):
        clock = max(start + float(rng.uniform(0.05, 0.5)), 1.5) if np.isfinite(start) else float(rng.uniform(2.5, 7.0))
        keen = 0.45 if np.isfinite(start) else 0.8
        while clock + _SHORTEST_GAP <= stop:
            if rng.random() < keen:
                before, current = current, _draw(rng, names, weights, current)
                duration, lag = float(rng.uniform(0.9, 1.25)), float(rng.uniform(0.05, 0.15))
                leader = _leader(before, current, int(rng.integers(2)))
                moves[leader].append((clock, duration, current.arms[leader]))
                moves[1 - leader].append((clock + lag, duration, current.arms[1 - leader]))
                slack.append((clock, duration, _looseness(current)))
                named.append((clock, current.name))
            clock += float(rng.uniform(6.0, 16.0))
            keen = 0.8
    over_time = steps(first.arms[0], moves[0]), steps(first.arms[1], moves[1])
    return RestTracks(over_time, steps(_looseness(first), slack), tuple(named))


def _leader(before: RestPosture, after: RestPosture, chance: int) -> int:
    """The hand that moves first: a covering hand leaves first and arrives last."""
    if before.cover >= 0:
        return before.cover
    return 1 - after.cover if after.cover >= 0 else chance


def _looseness(posture: RestPosture) -> float:
    return 1.0 if posture.cover < 0 else _TOUCHING


def _draw(rng: np.random.Generator, names: list[str], weights: Array, current: RestPosture | None) -> RestPosture:
    """Another posture than the current one, perhaps mirrored, with the small differences of one use to the next."""
    chance = np.where([current is not None and name == current.name for name in names], 0.0, weights)
    name = names[int(rng.choice(len(names), p=chance / chance.sum()))]
    posture = rest_posture(name, bool(rng.integers(2)))
    fingers = np.repeat(rng.uniform(0.88, 1.14, (2, 15)), 3, axis=1)
    spread = np.radians(posture.jitter) * np.repeat([0.8, 1.0, 1.4], 3)
    jitter = rng.normal(0.0, 1.0, (2, 9)) * spread
    for shrink in (1.0, 0.6, 0.3, 0.0):
        arms = posture.arms.copy()
        arms[:, :9] += shrink * jitter
        arms[:, 9:] *= fingers
        if posture.jitter == 0.0 or clearance(arms) > _CLEAR_METRES:
            break
    return RestPosture(posture.name, arms, posture.jitter, posture.cover)


def clearance(arms: Array) -> float:
    """Least distance in metres of both arms (2, 54) to trunk, head and thighs of the upright body."""
    skeleton = default_skeleton()
    pose = spine_rest()
    for side in (0, 1):
        pose[list(ARM_JOINTS[side])] = arms[side].reshape(18, 3)
    points, world = skeleton.forward(pose[None], np.zeros((1, 3)))
    return min(float(body_distance(arm_samples(skeleton, points, s), points, world)[0].min()) for s in (0, 1))
