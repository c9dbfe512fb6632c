"""One performance of an authored gesture: its keys, varied by a seed, as curves for both arms, fingers and trunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk_terms, soft_clamp
from engine.body.rotations import axis_angle_to_matrix
from engine.generators.gestures.authored_arm import (
    BEND,
    DRAG_LAG,
    FIRM,
    PLACE,
    STATE,
    TILT,
    TURN,
    arm_rotations,
    key_state,
    rest_state,
    space,
)
from engine.generators.gestures.authored_table import Form, Hands, Key, Shake
from engine.generators.gestures.authored_track import Loop, Move, Track, Wave, eased

Array = NDArray[np.float64]

# By eye; W is gesture space's unit, angles are radians where degrees are not named.
HOME = np.array([0.45, -0.75, 0.35])  # W: about this point an amplitude enlarges a gesture
LEAST_GROWTH, MOST_GROWTH = 0.78, 1.25  # times the authored size
# A hand that rests near comes sooner: least share of the way's time, and the way in metres that takes all of it.
NEAREST, FAR_WAY = 0.72, 0.42
OUTWARD = np.array([0.05, -0.03, 0.12])  # bow of the way from and to rest, W
# A hand that goes to the body, or to the other hand, goes round more, with its elbow so many degrees further out.
TOUCH_OUTWARD, TOUCH_ELBOW = np.array([0.10, -0.03, 0.12]), 7.5
# Hands that rest on each other keep apart on the way: within this of the middle, the one in front passes in front (W).
CLASP_ASIDE, CLASP_AHEAD, CLASP_APART, CLASP_OUT = 0.3, 0.2, 1.8, 0.08
# Two hands that are nearer to the middle than this open before they sink, by this share of what they are nearer (W).
MIDDLE, OPENING = 0.34, 0.8
PLACE_SPREAD, TOUCH_SPREAD = 0.045, 0.008  # W
SECOND_PLACE, TOUCH_SECOND = 0.07, 0.004  # W, of the places after the first
ANGLE_SPREAD = np.radians([5.0, 3.5, 2.5])
TOUCH_SHARE = 0.3  # of the spread of angles and fingers where a hand touches: a hand's length makes much of little
ELBOW_SPREAD = 10.0  # degrees that an elbow likes to be further out, a third of it further in
FIRM_MARGIN = float(np.radians(5.0))
# The parts of an arm do not move as one: seconds after the wrist (the elbow leads).
LEADS = np.array([0.0] * 3 + [-0.025] * 3 + [0.04, 0.075, 0.065])
OVERSHOOT = np.array([0.035] * 3 + [0.0] * 3 + [0.06, 0.14, 0.10])  # shares of the last way
SETTLE = 0.34  # s
FINGER_LAG = 0.035  # s after the wrist
FINGER_SHARE = (0.10, 0.74)  # of a move: when fingers begin, and how long they take
FINGER_SPREAD = 0.12  # of a finger's bend
# Fingers that mean nothing by their shape hang as they like: so far they bend more than written (degrees).
LOOSE_HANDS, DROOP, TIDY = frozenset(["open", "open_soft", "spread", "relaxed", "loose_cup"]), 26.0, 6.0
# While a pose is held the hand sinks and turns a little: W, radians.
SINK_LOW, SINK_HIGH = np.array([-0.03, -0.19, -0.09]), np.array([0.09, 0.02, 0.05])
SINK_TURN, SINK_SECONDS, TOUCH_SINK = np.radians([12.0, 10.0, 6.0]), 0.6, 0.06
RELAX = (0.08, 0.3)  # of the way to the resting hand that loose fingers go in that time
FINGER_DRIFT = np.radians(2.8)
BACK_AROUND = (0.0, 1.0)  # of the bow of the way from rest, on the way back
LOW_BACK = 0.24  # W: a hand falls before it comes home
# Seconds, share of the way back: fingers and wrist relax a little before the hand goes; the wrist sooner.
BACK_BEGINS_EARLY, HAND_BACK = 0.06, 0.72
FLOWING = 0.09  # s more that ways overlap: a hand that is raised does not wait
STRUCK = 0.8  # of a way's time, when three tenths of its top speed are left


@dataclass(frozen=True, eq=False)
class Variation:
    """What one performance has of its own; the same random numbers give the same one. ``varied`` 0: as authored."""

    rng: np.random.Generator
    growth: float
    tempo: float
    varied: float = 1.0


@dataclass(frozen=True)
class Spans:
    """When things happen, seconds from the first movement: starts of the ways to each key, of each key's path, end of
    the last path, start and end of the way back, and when the last way is nearly gone."""

    ways: tuple[float, ...]
    paths: tuple[float, ...]
    done: float
    leave: float
    end: float
    struck: float


@dataclass(frozen=True, eq=False)
class ArmCurves:
    """Curves of one arm: its state in three bundles (by lead), fingers (15 joints x 3), seconds."""

    state: Track
    fingers: Track
    lags: Array
    drift: Array
    spans: Spans

    def places(self, times: Array) -> Array:
        """(n, 3) wrist, metres in the upright body."""
        return self.state(times)[:, PLACE]

    def local(self, times: Array) -> tuple[Array, Array]:
        """Collar (n, 3, 3) and arm with fingers (n, 18, 3, 3), local rotations of the left side."""
        state = np.empty((len(times), STATE))
        for lead in np.unique(LEADS):
            columns = lead == LEADS
            state[:, columns] = self.state(times - lead)[:, columns]
        state[:, TURN:] = soft_clamp(state[:, TURN:], FIRM[:, 0], FIRM[:, 1], FIRM_MARGIN)
        step = 0.01
        trailing = (self.places(times - DRAG_LAG + step) - self.places(times - DRAG_LAG - step)) / (2.0 * step)
        collar, arm = arm_rotations(state, trailing)
        return collar, np.concatenate([arm, self._fingers(times)], axis=1)

    def _fingers(self, times: Array) -> Array:
        vectors = np.empty((len(times), 15, 3))
        awake = minimum_jerk_terms(times / 0.5) * minimum_jerk_terms((self.spans.end - times) / 0.5)
        for finger in range(5):
            joints = slice(3 * finger, 3 * finger + 3)
            late = self.fingers(times - self.lags[finger])
            vectors[:, joints] = late.reshape(-1, 15, 3)[:, joints]
            pulse = np.sin(2.0 * np.pi * self.drift[finger, 0] * times + self.drift[finger, 1])
            vectors[:, joints, 2] += (self.drift[finger, 2] * awake * pulse)[:, None]
        return axis_angle_to_matrix(vectors)


def spans_of(form: Form, keys: Sequence[Key], tempo: float, near: float) -> Spans:
    """The times of a form's keys at a tempo (1: as authored, more: slower); ``near`` the factor on the first way."""
    clock, ways, paths = 0.0, list[float](), list[float]()
    for number, key in enumerate(keys):
        begin = max(clock - (key.early + (0.0 if form.touch else FLOWING) if number else 0.0), 0.0)
        ways.append(begin)
        clock = begin + tempo * key.take * (1.0 if number else near)
        start = clock
        if key.shake is not None and key.shake.during:
            start = begin + 0.1 * tempo * key.take
            clock = max(clock, start + tempo * key.shake.count * key.shake.every)
        elif key.shake is not None:
            start -= 0.15 * key.shake.every
            clock = start + tempo * key.shake.count * key.shake.every
        elif key.circle is not None:
            start -= 0.1 * key.circle.seconds
            clock = start + tempo * key.circle.seconds
        paths.append(start)
        clock += tempo * key.stay
    leave = clock + tempo * form.hold
    struck = ways[-1] + STRUCK * (paths[-1] - ways[-1])
    return Spans(tuple(ways), tuple(paths), clock, leave, leave + tempo * form.back, struck)


def varied_place(form: Form, key: Key, growth: float, offset: Array) -> Array:
    """(3,) where a key lies in W, for an amplitude and a variation.

    Hands that meet in the middle come no nearer to each other in a larger gesture.
    """
    at = np.array(key.at)
    if not form.touch:
        home = HOME.copy()
        home[0] = min(home[0], at[0]) if form.hands == "both" else home[0]
        at = home + growth * (at - home)
    return np.asarray(at + offset)


def build_arm(form: Form, keys: Sequence[Key], hands: Hands, rest: Array, one: Variation, offset: Array) -> ArmCurves:
    """The curves of one arm from its rest (54,) through the keys and back; ``offset`` (3,) W on all places."""
    rng, first = one.rng, rest_state(rest)
    way = space().point(varied_place(form, keys[0], one.growth, offset)) - first[PLACE]
    near = float(np.clip(NEAREST + (1.0 - NEAREST) * np.linalg.norm(way) / FAR_WAY, NEAREST, 1.0))
    spans = spans_of(form, keys, one.tempo, near)
    share = TOUCH_SHARE if form.touch else 1.0
    tilted = share * ANGLE_SPREAD * rng.uniform(-1.0, 1.0, 3)
    lift = ELBOW_SPREAD * float(rng.uniform(-0.3, 1.0))  # outward: inside is the trunk
    lift *= TOUCH_SHARE if form.touch and form.hands == "both" else 1.0
    lift += TOUCH_ELBOW if form.touch else 0.0
    fingers = rest[9:].copy()
    around = _bow(form) + _clasp_bow(first[PLACE])
    moves, shapes = list[Move](), list[Move]()
    paths, flutter = list[Wave | Loop](), list[Wave | Loop]()
    here, shape = first, fingers
    curls = 1.0 + share * FINGER_SPREAD * rng.uniform(-1.0, 1.0, 5)
    droop = (0.0 if form.touch else one.varied) * np.radians(rng.uniform(-0.1, 1.0, 5))
    for number, key in enumerate(keys):
        lifted = replace(key, elbow=key.elbow + lift)
        state = key_state(lifted, varied_place(form, key, one.growth, offset), tilted)
        delta = state - here
        bow = np.zeros(STATE)
        bow[PLACE] = space().width * (np.array(key.bow) + (around if number == 0 else 0.0))
        seconds = one.tempo * key.take * (1.0 if number else near)
        last = number == len(keys) - 1 and key.shake is None and key.circle is None
        over = OVERSHOOT * delta * (1.0 if last else 0.0) * (0.3 if form.touch else 1.0)
        moves.append(Move(spans.ways[number], seconds, delta + over, bow))
        if last:
            moves.append(Move(spans.ways[number] + seconds - 0.05, SETTLE, -over, np.zeros(STATE)))
        goal = _shape(hands, key.hand, curls, droop)
        begin, lasts = FINGER_SHARE
        shapes.append(Move(spans.ways[number] + begin * seconds, lasts * seconds, goal - shape, np.zeros(45)))
        here, shape = state, goal
        if key.shake is not None:
            paths.append(_wave(key.shake, spans.paths[number], one))
            if key.shake.hand:
                flutter.append(
                    _flutter(key.shake, spans.paths[number], one, _shape(hands, key.shake.hand, curls, droop) - goal)
                )
        if key.circle is not None:
            loop = _loop(key, spans.paths[number], one)
            paths.append(loop)
            here = here + loop(np.array([spans.end]))[0]
    sink = _sink(rng, one.varied * (TOUCH_SINK if form.touch else 1.0))
    moves.append(Move(spans.done, max(spans.leave - spans.done, SINK_SECONDS), sink, np.zeros(STATE)))
    here = here + sink
    if keys[-1].hand in LOOSE_HANDS and not form.touch:
        eased_off = one.varied * float(rng.uniform(*RELAX)) * (fingers - shape)
        shapes.append(Move(spans.done, max(spans.leave - spans.done, SINK_SECONDS), eased_off, np.zeros(45)))
        shape = shape + eased_off
    moves += _ways_home(form, one, here, first, spans)
    shapes.append(
        Move(spans.leave - BACK_BEGINS_EARLY, 0.85 * (spans.end - spans.leave), fingers - shape, np.zeros(45))
    )
    lags = FINGER_LAG + np.array([0.0, 0.012, 0.036, 0.024, 0.008]) * rng.uniform(0.4, 1.8, 5)
    size = np.full(5, FINGER_DRIFT * (TOUCH_SHARE if form.touch else 1.0))
    drift = np.stack([rng.uniform(0.35, 0.75, 5), rng.uniform(0.0, 2.0 * np.pi, 5), size], axis=1)
    return ArmCurves(Track(first, moves, paths), Track(fingers, shapes, flutter), lags, drift, spans)


def _bow(form: Form) -> Array:
    return TOUCH_OUTWARD if form.touch else OUTWARD


def _ways_home(form: Form, one: Variation, here: Array, first: Array, spans: Spans) -> list[Move]:
    """The arm's way from its last state (9,) back to the first; a hand with room about it lets its wrist go sooner."""
    rng, length = one.rng, spans.end - spans.leave
    bow = np.zeros(STATE)
    bow[PLACE] = space().width * (_bow(form) * rng.uniform(*BACK_AROUND) + _clasp_bow(first[PLACE]))
    bow[1] -= space().width * LOW_BACK * (0.0 if form.touch else one.varied * float(rng.uniform(0.0, 1.0)))
    if form.hands == "both":
        bow[0] += OPENING * max(space().width * MIDDLE - float((here[PLACE] - space().sternum)[0]), 0.0)
    if form.touch or _clasp_bow(first[PLACE]).any():
        return [Move(spans.leave, length, first - here, bow)]
    wrist = np.arange(STATE) >= TURN
    return [
        Move(spans.leave, length, np.where(wrist, 0.0, first - here), bow),
        Move(spans.leave - BACK_BEGINS_EARLY, HAND_BACK * length, np.where(wrist, first - here, 0.0), np.zeros(STATE)),
    ]


def _sink(rng: np.random.Generator, share: float) -> Array:
    """(9,) what an arm drifts while its pose is held."""
    sink = np.zeros(STATE)
    sink[PLACE] = space().width * rng.uniform(SINK_LOW, SINK_HIGH)
    sink[[TURN, BEND, TILT]] = SINK_TURN * rng.uniform(-1.0, 1.0, 3)
    return share * sink


def _clasp_bow(rest: Array) -> Array:
    """(3,) W more of bow for a hand that rests at ``rest`` (metres) upon the other hand."""
    at = (rest - space().sternum) / space().width
    ahead = CLASP_APART * (at[2] - CLASP_AHEAD) if at[0] < CLASP_ASIDE else 0.0
    return np.array([CLASP_OUT * (at[0] < CLASP_ASIDE), 0.0, ahead])


def _shape(hands: Hands, name: str, curls: Array, droop: Array) -> Array:
    """(45,) a hand shape with the flexion of each finger a little more or less; ``droop`` (5,) radians a degree."""
    varied = hands[name].copy()
    varied[:, 2] *= np.repeat(curls, 3)
    varied[:, 2] -= np.repeat(droop * (DROOP if name in LOOSE_HANDS else TIDY), 3)
    return varied.ravel()


def _wave(shake: Shake, start: float, one: Variation) -> Wave:
    size = np.zeros(STATE)
    size[PLACE] = space().width * one.growth * np.array(shake.move)
    size[[TURN, BEND, TILT]] = np.radians([shake.twist, shake.bend, shake.tilt]) * one.growth
    return Wave(size, start, shake.count, one.tempo * shake.every, float(one.rng.uniform(0.0, 6.0)))


def _flutter(shake: Shake, start: float, one: Variation, size: Array) -> Wave:
    return Wave(size, start, shake.count, one.tempo * shake.every, float(one.rng.uniform(0.0, 6.0)), lifted=True)


def _loop(key: Key, start: float, one: Variation) -> Loop:
    assert key.circle is not None
    centre, aside = np.zeros(STATE), np.zeros(STATE)
    scale = space().width * one.growth * one.rng.uniform(0.93, 1.07)
    centre[PLACE] = scale * np.array(key.circle.centre)
    aside[PLACE] = scale * np.array(key.circle.aside)
    return Loop(centre, aside, start, one.tempo * key.circle.seconds, key.circle.turns)


# Shares of a lean on spine 1-3, neck, head, collars (left as they are), in the order of TORSO; degrees of lean that
# come by themselves with the hand's way: pitch and yaw a W forward, yaw and roll a W to the side.
LEAN_SHARES = np.array([0.30, 0.35, 0.35, -0.25, -0.35, 0.0, 0.0])
PITCH_AHEAD, YAW_AHEAD, YAW_ASIDE, ROLL_ASIDE = 1.2, 2.6, 2.2, 1.1
LEAN_LAG = 0.06  # s after the hand


@dataclass(frozen=True, eq=False)
class Trunk:
    """How the trunk goes along: ``angles`` (3,) radians at full, and when it comes and goes."""

    angles: Array
    spans: Spans

    def vectors(self, times: Array) -> Array:
        """(n, 7, 3) rotation vectors of TORSO beside the upright pose."""
        coming = self.spans.ways[0], max(self.spans.paths[0] - self.spans.ways[0], 0.3) * 1.15
        going = self.spans.leave, self.spans.end - self.spans.leave
        lagged = times - LEAN_LAG
        part = eased((lagged - coming[0]) / coming[1]) - eased((lagged - going[0]) / going[1])
        return np.asarray(part[:, None, None] * LEAN_SHARES[:, None] * self.angles)


def trunk_of(form: Form, spans: Spans, right: Array, left: Array | None, rng: np.random.Generator) -> Trunk:
    """The trunk that goes with wrists at ``right`` and ``left`` (3,) W (own outward directions; None: at rest)."""
    pitch, yaw, roll = form.lean
    hands = [(1.0, right), (-1.0, left)]
    for side, at in hands:
        if at is None:
            continue
        pitch += PITCH_AHEAD * at[2]
        yaw += side * (YAW_AHEAD * at[2] - YAW_ASIDE * max(at[0], -0.3))
        roll += side * ROLL_ASIDE * at[0]
    return Trunk(np.radians(np.array([pitch, yaw, roll]) * rng.uniform(0.7, 1.25, 3)), spans)
