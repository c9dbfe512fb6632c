"""Rest postures of arms and hands: authored goals (assets/postures/arms.json) solved to joint rotations, and the
schedule by which a speaker changes from one to the next while the hands are at rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.body.joints import ARMS_WITH_HANDS, COLLARS
from engine.body.kinematics import hinge_limb, look_frame, rotation_x, rotation_y, swing_twist
from engine.body.rotations import matrix_to_axis_angle
from engine.body.skeleton import ASSETS, default_skeleton
from engine.body.solids import arm_samples, body_distance
from engine.generators.life.noise import Blend, Steps, seeded, steps
from engine.plan.speakers import Speaker
from engine.plan.types import GesturePhrase, GesturePlan

Array = NDArray[np.float64]

MIRROR = np.array([1.0, -1.0, -1.0])  # no unit: of a rotation vector, in the plane x = 0
# By eye.
REST_LEAD = 0.3  # s: the rest posture stands still from this long before a phrase's onset
_MIRROR_POINT = np.array([-1.0, 1.0, 1.0])  # no unit: of a point, in the plane x = 0
_SHORTEST_GAP = 1.5  # s of rest in which hands find another one
_TOUCHING = 0.25  # times its weight: a rest in which hands touch, after one where they do not
_CLEAR_METRES = 0.02  # from which drawn rests are let be
_NEW_REST = 0.75  # how often a gesture ends in another rest than it began from


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


def life_style(style: str, speaker: Speaker) -> dict[str, Any]:
    """The numbers of a style's body life for this speaker; those of "explain" where the style is unknown."""
    styles = life_table()["styles"]
    return speaker.life(styles.get(style, styles["explain"]))


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
    shoulder, elbow, wrist = ARMS_WITH_HANDS[side][:3]
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

    arms: tuple[Steps | Blend, Steps | Blend]
    loose: Steps | Blend
    names: tuple[tuple[float, str], ...]


def rest_tracks(plan: GesturePlan, seed: int, style: dict[str, Any]) -> RestTracks:
    """The rest postures of a plan and seed.

    In :func:`free_gaps` they change by minimum-jerk moves of 0.8-1.4 s, one hand a little before the other. Under a
    gesture that ends at rest they change unseen, so that the hands come back to another rest than they left.
    """
    schedule = _Schedule(seeded("rest", plan.seed, seed), style["rests"], plan.phrases)
    moments: list[tuple[float, tuple[float, float] | GesturePhrase]] = [
        (gap[0], gap) for gap in free_gaps(plan.phrases, plan.seconds + 20.0)
    ]
    moments += [(phrase.apex, phrase) for phrase in plan.phrases]
    for _, moment in sorted(moments, key=lambda item: item[0]):
        if isinstance(moment, GesturePhrase):
            schedule.under(moment)
        else:
            schedule.within(*moment)
    return schedule.tracks()


class _Schedule:
    """Collects the moves of both arms while a plan is walked through in time."""

    def __init__(
        self, rng: np.random.Generator, rests: dict[str, float], phrases: Sequence[GesturePhrase] = ()
    ) -> None:
        self._rng, self._names = rng, list(rests)
        self._weights = np.array([rests[name] for name in self._names], dtype=np.float64)
        self._ahead = sorted((phrase.onset, phrase.hands) for phrase in phrases)
        self._current = self._first = self._draw(None, -np.inf)
        self._named = [(-np.inf, self._current.name)]
        self._slack: list[tuple[float, float, ArrayLike]] = []
        self._moves: tuple[list[tuple[float, float, ArrayLike]], list[tuple[float, float, ArrayLike]]] = ([], [])

    def within(self, start: float, stop: float) -> None:
        """Perhaps change, seen, in a gap between gestures."""
        rng = self._rng
        clock = max(start + float(rng.uniform(0.05, 0.5)), 1.5) if np.isfinite(start) else float(rng.uniform(2.5, 7.0))
        keen = 0.45 if np.isfinite(start) else 0.8
        while clock + _SHORTEST_GAP <= stop:
            if rng.random() < keen:
                before, after = self._current, self._draw(self._current, clock)
                duration, lag = float(rng.uniform(0.9, 1.25)), float(rng.uniform(0.05, 0.15))
                leader = _leader(before, after, int(rng.integers(2)))
                self._turn(after, leader, clock, duration)
                self._turn(after, 1 - leader, clock + lag, duration)
                self._settle(after, clock, duration)
            clock += float(rng.uniform(6.0, 16.0))
            keen = 0.8

    def under(self, phrase: GesturePhrase) -> None:
        """Change the arms that the gesture uses while it holds them; out of a clasp the free hand lets go, seen."""
        used = {"left": (0,), "right": (1,)}.get(phrase.hands, (0, 1))
        lets_go = len(used) == 1 and self._current.cover >= 0
        if not lets_go and (phrase.join != "rest" or self._rng.random() >= _NEW_REST):
            return
        after = self._draw(self._current, phrase.apex, apart=len(used) == 1)
        hidden = max(phrase.hold_end - phrase.apex, 0.1)
        for side in used:
            self._turn(after, side, phrase.apex, hidden)
        if len(used) == 1:
            free = 1 - used[0]
            if self._current.cover >= 0:
                self._turn(after, free, phrase.onset, min(1.1, phrase.retract_end - phrase.onset))
            else:
                after.arms[free] = self._current.arms[free]
        self._settle(after, phrase.apex, hidden)

    def tracks(self) -> RestTracks:
        """The moves as curves."""
        left, right = (steps(self._first.arms[side], self._moves[side]) for side in (0, 1))
        return RestTracks((left, right), steps(_looseness(self._first), self._slack), tuple(self._named))

    def _turn(self, after: RestPosture, side: int, start: float, duration: float) -> None:
        self._moves[side].append((start, duration, after.arms[side].copy()))

    def _settle(self, after: RestPosture, start: float, duration: float) -> None:
        self._slack.append((start, duration, _looseness(after)))
        self._named.append((start, after.name))
        self._current = after

    def _draw(self, current: RestPosture | None, time: float, apart: bool = False) -> RestPosture:
        """Another posture than the current one from ``time`` on, perhaps mirrored; ``apart`` bars those where hand lies
        on hand. The hand that will gesture next lies on top: it can leave without passing through the other."""
        table = arm_table()["postures"]
        barred = [(current is not None and name == current.name) or (apart and "cover" in table[name])
                  for name in self._names]  # fmt: skip
        chance = np.where(barred, 0.0, self._weights)
        if not chance.any():
            chance = np.where([apart and "cover" in table[name] for name in self._names], 0.0, self._weights)
        name = self._names[int(self._rng.choice(len(self._names), p=chance / chance.sum()))]
        mirrored = bool(self._rng.integers(2))
        leaving = next((hands for onset, hands in self._ahead if onset > time), "both")
        if "cover" in table[name] and leaving != "both":
            mirrored = table[name]["cover"] != leaving
        return _varied(rest_posture(name, mirrored), self._rng)


def _leader(before: RestPosture, after: RestPosture, chance: int) -> int:
    """The hand that moves first: a covering hand leaves first and arrives last."""
    if before.cover >= 0:
        return before.cover
    return 1 - after.cover if after.cover >= 0 else chance


def _looseness(posture: RestPosture) -> float:
    return 1.0 if posture.cover < 0 else _TOUCHING


def _varied(posture: RestPosture, rng: np.random.Generator) -> RestPosture:
    """A posture with the small differences of one use to the next."""
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
    return _clearance(np.ascontiguousarray(arms, dtype=np.float64).tobytes())


@lru_cache(maxsize=4096)
def _clearance(arms_bytes: bytes) -> float:
    """Remembered, because a line that is made anew in parts draws the same rests again and again."""
    arms = np.frombuffer(arms_bytes).reshape(2, 54)
    skeleton = default_skeleton()
    pose = spine_rest()
    for side in (0, 1):
        pose[list(ARMS_WITH_HANDS[side])] = arms[side].reshape(18, 3)
    points, world = skeleton.forward(pose[None], np.zeros((1, 3)))
    return min(float(body_distance(arm_samples(skeleton, points, s), points, world)[0].min()) for s in (0, 1))
