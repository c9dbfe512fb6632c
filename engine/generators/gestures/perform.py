"""Perform planned gestures on a living body: decode learned and authored ones and lay them over the base motion.

Every phrase is a layer: it takes over an arm from whatever the arm did before (rest, a hold, a half retraction),
carries it through the performance and hands it back to the base or to its follower, without a jump in pose or
velocity. Between layers the base shows through, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk_power
from engine.body.joints import ARMS_WITH_HANDS, SIDES
from engine.generators.gestures.authored import Repertoire, authored_classes
from engine.generators.gestures.choice import anchor, choose
from engine.generators.gestures.holds import TOUCHING, beat, hold_beats, sway, tremble
from engine.generators.gestures.performance import (
    ARM_OF,
    COLLAR_IN_TORSO,
    Performance,
    decode,
    rotation_exp,
    rotation_log,
    transposed,
    wrist_track,
)
from engine.generators.gestures.timing import (
    Slot,
    arrival_time,
    clip_times,
    make_slot,
    opening,
    return_time,
    reversal_time,
)
from engine.models.phase_gesture import BEAT_CLASSES, TORSO, GestureSource
from engine.plan.links import class_times
from engine.plan.types import GesturePhrase

Array = NDArray[np.float64]

TRUNK = "trunk"
FIRST_FINGER = 25  # SMPL-X joint
# By eye from here on. How much of a clip's trunk movement is laid over the base: spine 1-3, neck, head, collars.
ARM_JOINTS = dict(zip(SIDES, ARMS_WITH_HANDS, strict=True))
TORSO_SHARE = np.array([1.0, 1.0, 1.0, 0.6, 0.5, 1.0, 1.0])
IDLE_COLLAR_SHARE = 0.3  # share of the collar whose hand does not gesture
GATE = 0.12  # s in which a layer comes and goes
ROUNDS = 4  # of looking for the apex
# How far the clip moment at the apex may move, as a share of the preparation: more would change its pace.
LEAST_SHIFT, MOST_SHIFT = 0.6, 1.5
FINGER_POWER = 2.0  # exponent: fingers leave the pose before sooner than arms
# The pose before fades with an exponent of 1 plus this: the hand falls a little on its way from gesture to gesture,
# but only where the new apex is nearer than some CLEAR_WAY metres, so that there is a stroke to see.
DIP, BEAT_DIP, CLEAR_WAY = 0.4, 0.8, 0.12
LEAST_AMPLITUDE, MOST_AMPLITUDE = 0.5, 1.5  # times the recorded size
# Hands that touch the body come as recorded: enlarged, they would go into it.
MOST_TOUCHING = 1.08
# A hand that is recorded high has little room to rise before it stands in front of the face: the factor on top of 1 a
# metre below HIGH, wrist height above the chest joint.
HIGH, ROOM_SHARE = 0.18, 1.1
# Top speed of a wrist on its way to an apex, m/s.
TOP_SPEED = {"calm": 2.0, "explain": 2.6, "narrate": 2.8, "excited": 3.2}


@dataclass(frozen=True, eq=False)
class _Layer:
    phrase: GesturePhrase
    performance: Performance
    slots: dict[str, Slot]
    dip: float
    size: float
    drift: Array
    beats: dict[str, list[float]]

    @property
    def begin(self) -> float:
        return self.slots[TRUNK].begin

    @property
    def until(self) -> float:
        return max(slot.until for slot in self.slots.values())


def perform(
    base: Array,
    phrases: tuple[GesturePhrase, ...],
    times: Array,
    seed: int,
    style: str,
    model: GestureSource,
    accents: Sequence[float] = (),
) -> Array:
    """Lay gestures over a resting, breathing body.

    ``base`` (T, 55, 3, 3) local rotations at ``times`` (T,) seconds, ascending; returns the same shape. The arms of a
    phrase reach the performance's own pose at its apex and are exactly the base again after it; hands not used, and
    all joints outside phrases, stay the base. The same arguments give the same bytes. ``model`` performs the learned
    classes, authored ones come beside them; a pose that is held beats on ``accents`` (seconds, ascending).
    CospeechError names a gesture class that neither knows.
    """
    source = Repertoire(model)
    out = np.array(base, dtype=np.float64, copy=True)
    moments = np.asarray(times, dtype=np.float64)
    ordered = sorted(phrases, key=lambda phrase: (phrase.apex, phrase.id))
    last: dict[str, Slot] = {}
    torso = np.zeros((len(moments), len(TORSO), 3))
    recent: list[int] = []
    for number, phrase in enumerate(ordered):
        rng = np.random.default_rng([seed % 2**63, phrase.id % 2**63])
        frame = min(int(np.searchsorted(moments, phrase.onset)), len(moments) - 1)
        wrists = wrists_at(out[frame])
        performance = decode(source, choose(source, phrase, wrists, style, rng, recent))
        layer = _layer(phrase, performance, ordered[number + 1 :], last, wrists, style, rng, accents)
        window = slice(*np.searchsorted(moments, [layer.begin, layer.until + 1e-9]))
        if window.stop - window.start < 2:
            continue
        layer = _on_time(layer, base[window], out[window], torso[window], moments[window])
        _add_layer(layer, base[window], out[window], torso[window], moments[window])
        last.update(layer.slots)
    moved = np.flatnonzero(np.any(torso != 0.0, axis=(1, 2)))
    joints = np.array(TORSO)
    out[np.ix_(moved, joints)] = out[np.ix_(moved, joints)] @ rotation_exp(torso[moved])
    return out


def wrists_at(local: Array) -> Array:
    """(2, 3) left and right wrist of one pose (55, 3, 3), metres from the chest joint in its frame."""
    points = []
    for side in SIDES:
        upper, fore, _ = ARM_OF[side]
        points.append(wrist_track(local[TORSO[COLLAR_IN_TORSO[side]]], local[upper], local[fore], side))
    return np.array(points)


def used_sides(phrase: GesturePhrase) -> tuple[str, ...]:
    """The sides whose arm a phrase moves."""
    return SIDES if phrase.hands == "both" else (phrase.hands,)


def _layer(
    phrase: GesturePhrase,
    performance: Performance,
    later: list[GesturePhrase],
    last: dict[str, Slot],
    wrists: Array,
    style: str,
    rng: np.random.Generator,
    accents: Sequence[float],
) -> _Layer:
    parts = (TRUNK, *used_sides(phrase))
    before = [last[part] for part in parts if part in last]
    previous = max(before, key=lambda slot: slot.until) if before else None
    marks = performance.marks
    begin, entry = opening(phrase, marks, previous)
    followers = {
        part: next((other for other in later if part == TRUNK or part in used_sides(other)), None) for part in parts
    }
    slots = {part: make_slot(phrase, marks, begin, entry, followers[part]) for part in parts}
    dip = 1.0
    if previous is not None and previous.until > begin + 0.02:
        apex = performance.wrists(anchor(phrase.gclass, marks))
        way = max(float(np.linalg.norm(apex - wrists, axis=1)[SIDES.index(side)]) for side in used_sides(phrase))
        dip += (BEAT_DIP if phrase.gclass in BEAT_CLASSES else DIP) * float(np.exp(-((way / CLEAR_WAY) ** 2)))
    pace = (anchor(phrase.gclass, marks) - entry) / (phrase.apex - begin)
    size = _size(phrase, performance, pace, style)
    beats = {}
    for side in used_sides(phrase):
        follower = followers[side]
        following = np.inf if follower is None else follower.onset
        beats[side] = hold_beats(phrase.gclass, slots[side], accents, following)
    return _Layer(phrase, performance, slots, dip, size, rng.uniform(0.0, 2.0 * np.pi, (2, 3, 3, 2)), beats)


def _size(phrase: GesturePhrase, performance: Performance, pace: float, style: str) -> float:
    """The factor on the recorded displacement: the planned one, less where the hand would fly or rise to the face.

    Authored gestures have their size in space already.
    """
    if phrase.gclass in authored_classes():
        return 1.0
    most = MOST_TOUCHING if phrase.gclass in TOUCHING else MOST_AMPLITUDE
    wrists = performance.wrists(anchor(phrase.gclass, performance.marks))
    height = max(float(wrists[SIDES.index(side)][1]) for side in used_sides(phrase))
    most = min(most, 1.0 + ROOM_SHARE * max(HIGH - height, 0.0))
    most = min(most, TOP_SPEED.get(style, TOP_SPEED["explain"]) / max(performance.peak * pace, 0.1))
    return float(np.clip(phrase.amplitude * performance.gain, LEAST_AMPLITUDE, max(most, LEAST_AMPLITUDE)))


def _on_time(layer: _Layer, base: Array, current: Array, torso: Array, times: Array) -> _Layer:
    """Move the clip moment at the apex until the generated wrist arrives (a beat: turns) at the planned time."""
    slot, marks = layer.slots[used_sides(layer.phrase)[0]], layer.performance.marks
    known = class_times(layer.phrase.gclass)
    turns = layer.phrase.gclass in BEAT_CLASSES or known.strikes
    reach = slot.apex + 0.1 if known.goes_on else max(layer.phrase.hold_end, slot.apex + 0.1)
    upto = slice(0, int(np.searchsorted(times, reach)) + 1)
    if times[upto][-1] < slot.apex or times[0] > slot.apex - 0.1:
        return layer
    prep = slot.anchor - slot.entry
    for _ in range(ROUNDS):
        points = _wrists(replace(layer, beats={}), base[upto], current[upto], torso[upto], times[upto])
        if turns:
            measured = reversal_time(points, times[upto], slot.apex)
        else:
            measured = arrival_time(points, times[upto], max(layer.phrase.onset, slot.begin), reach)
        if abs(measured - slot.apex) < 0.004:
            break
        moment = float(clip_times(layer.slots[TRUNK], marks, [measured])[0])
        moment = float(np.clip(moment, slot.entry + LEAST_SHIFT * prep, slot.entry + MOST_SHIFT * prep))
        slots = {part: replace(other, anchor=moment) for part, other in layer.slots.items()}
        layer = replace(layer, slots=slots)
    return layer


def _wrists(layer: _Layer, base: Array, current: Array, torso: Array, times: Array) -> Array:
    """(n, k, 3) used wrists from the chest joint in its frame, as the layer would move them."""
    trunk = _trunk(layer, torso, times)
    points = []
    for side in used_sides(layer.phrase):
        place = COLLAR_IN_TORSO[side]
        collar = base[:, TORSO[place]] @ rotation_exp(trunk[:, place])
        arm = _arm(layer, side, ARM_OF[side][:2], base, current, times)
        points.append(wrist_track(collar, arm[:, 0], arm[:, 1], side))
    return np.stack(points, axis=1)


def _add_layer(layer: _Layer, base: Array, current: Array, torso: Array, times: Array) -> None:
    """Write a layer into ``current`` (arms) and ``torso`` (trunk displacement), both views of its window."""
    for part, slot in layer.slots.items():
        span = slice(0, int(np.searchsorted(times, slot.until + 1e-9)))
        if part == TRUNK:
            torso[span] = _trunk(layer, torso[span], times[span])
        else:
            joints = ARM_JOINTS[part]
            current[span, joints] = _arm(layer, part, joints, base[span], current[span], times[span])


def _weights(layer: _Layer, part: str, seconds: Array) -> tuple[Array, Array]:
    """How much of the pose before, and of the base, is left in at clip times: (n,), (n,), from 0 to 1.

    Both run with the clip's own progress between rest and apex, so that a hand goes straight from where it is to the
    apex: faster, and it would first fall towards the clip's rest; slower, and it would overshoot. Out of another
    gesture it may fall a little on purpose (``dip``): a stroke needs a way to come.
    """
    slot, performance = layer.slots[part], layer.performance
    sides = used_sides(layer.phrase) if part == TRUNK else (part,)
    come, gone = performance.progress(seconds, sides)
    if slot.entry > performance.marks.start:
        entered = float(performance.progress(np.array([slot.entry]), sides)[0][0])
        come = np.clip((come - entered) / max(1.0 - entered, 0.05), 0.0, 1.0)
    into = (1.0 - come) ** layer.dip
    if slot.fall == 0.0:
        return into, np.zeros_like(into)
    if slot.fall < 1.0:
        fallen = np.array([return_time(performance.marks, slot.fall)])
        least = float(performance.progress(fallen, sides)[1][0])
        return into, slot.fall * np.minimum(gone / max(least, 0.05), 1.0)
    return into, gone


def _arm(layer: _Layer, side: str, joints: tuple[int, ...], base: Array, current: Array, times: Array) -> Array:
    """(n, len(joints), 3, 3) rotations of arm and finger joints under a layer."""
    slot, performance = layer.slots[side], layer.performance
    seconds = clip_times(slot, performance.marks, times)
    own = performance.at(seconds, joints)
    first, last = performance.ends(joints)
    if slot.entry > performance.marks.start:
        first = performance.at(np.array([slot.entry]), joints)[0]
    own, first, last = _scaled(own, first, last, joints, performance, layer.size)
    before, resting = current[:, joints], base[:, joints]
    into, out = _weights(layer, side, seconds)
    # A hand shape is complete well before the apex.
    power = np.where(np.array(joints) >= FIRST_FINGER, FINGER_POWER, 1.0)
    shift = np.zeros((*own.shape[:2], 3))
    early, late = into > 1e-4, out > 1e-4
    shift[early] = (into[early, None] ** power)[..., None] * rotation_log(transposed(first) @ before[early])
    shift[late] += out[late, None, None] * rotation_log(transposed(last) @ resting[late])
    moved = own @ rotation_exp(shift)
    phases = layer.drift[int(layer.phrase.hands == "both" and side == "left")]
    sway(moved, slot, side, phases, times)
    beat(moved, layer.beats.get(side, []), side, times, phases)
    tremble(moved, slot, side, phases, times)
    return _gated(moved, before, resting, slot, times)


def _scaled(
    own: Array, first: Array, last: Array, joints: tuple[int, ...], performance: Performance, size: float
) -> tuple[Array, Array, Array]:
    """Amplitude: shoulder and elbow displacement from the clip's rest times ``size``, the wrist's half so much;
    hand shapes stay."""
    if abs(size - 1.0) < 1e-3:
        return own, first, last
    rest = performance.ends(joints)[0][:3]
    factor = np.array([size, size, 0.5 + 0.5 * size])[: len(joints), None]
    scaled = [own.copy(), first.copy(), last.copy()]
    for values in scaled:
        arm = values[..., : len(rest), :, :]
        shape = arm.shape
        values[..., : len(rest), :, :] = rest @ rotation_exp(
            rotation_log((transposed(rest) @ arm).reshape(-1, *shape[-3:])) * factor
        ).reshape(shape)
    return scaled[0], scaled[1], scaled[2]


def _gated(moved: Array, before: Array, resting: Array, slot: Slot, times: Array) -> Array:
    """Ease the first and last GATE seconds into what was there, so that velocities meet."""
    start = minimum_jerk_power((times - slot.begin) / GATE)
    early = start < 1.0
    moved[early] = before[early] @ rotation_exp(
        start[early, None, None] * rotation_log(transposed(before[early]) @ moved[early])
    )
    if slot.join == "rest":
        end = minimum_jerk_power((slot.finish - times) / GATE)
        late = end < 1.0
        moved[late] = resting[late] @ rotation_exp(
            end[late, None, None] * rotation_log(transposed(resting[late]) @ moved[late])
        )
    return moved


def _trunk(layer: _Layer, torso: Array, times: Array) -> Array:
    """(n, 7, 3) displacement of TORSO joints (rotation vectors after the base) under a layer."""
    slot, performance = layer.slots[TRUNK], layer.performance
    seconds = clip_times(slot, performance.marks, times)
    own = performance.at(seconds, TORSO)
    share = TORSO_SHARE * layer.size
    for side in SIDES:
        if side not in used_sides(layer.phrase):
            share[COLLAR_IN_TORSO[side]] *= IDLE_COLLAR_SHARE
    into, out = _weights(layer, TRUNK, seconds)
    moved = rotation_log(transposed(performance.ends(TORSO)[0]) @ own) * share[:, None]
    moved *= (1.0 - out)[:, None, None]
    moved *= minimum_jerk_power((times - slot.begin) / GATE)[:, None, None]
    return np.asarray(moved + into[:, None, None] * torso)
