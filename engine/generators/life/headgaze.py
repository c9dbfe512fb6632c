"""Where head and eyes go: audience scanning, planned gaze, nods, shakes, tilts, turns, bows, and drift under them.

Angles are degrees in a frame that faces +Z with Y up: yaw positive to the body's left, pitch positive *down*, roll
positive to the body's right (docs/sources/semantics.md, section 7). Eyes lead by a saccade (21 ms and 2.2 ms a degree);
the head follows part of the way. A plan may name a place to look at: then fixations lie on it, and aversions away from
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk_terms, saturated
from engine.body.joints import EYES
from engine.body.kinematics import rotation_y, steady_arctan2
from engine.body.skeleton import Skeleton, default_skeleton
from engine.generators.life.noise import Steps, Wander, rise_and_fall, seeded, steps, wander
from engine.generators.life.stance import Stance
from engine.plan.gaze import saccade_seconds
from engine.plan.types import Event, GesturePlan

Array = NDArray[np.float64]

# By eye.
EYE_YAW_LIMIT, EYE_PITCH_LIMIT = 26.0, 20.0  # degrees in the head
_HEAD_LAG = 0.07  # s after the eyes
_SPEECH_FADE = 0.25  # s in which what belongs to speaking comes
_PITCH_SHARE, _ROLL_SHARE = 0.42, 0.36  # shares of the sideways scanning range
FURTHEST_YAW, FURTHEST_PITCH = 75.0, 35.0  # degrees: a place behind is looked at as far as a standing body turns
NEAREST = 0.25  # m from the eyes: what is nearer lies in the head, or swings about with every sway
_STEEP = 0.35  # the level share of a direction below which a place is more over (or under) the head than beside it
_ON_TARGET = 0.16  # fixations on one place scatter this much of those over an audience: about its eyes and mouth
_HEAD_ALONE, _BODILY = 20.0, 0.07  # degrees to a side that the trunk stays out of, and the share of each spine joint
_EYES_ALONE = (12.0, 9.0)  # degrees of yaw and pitch to a place that head and trunk leave to the eyes, at most


@dataclass(frozen=True, eq=False)
class HeadTracks:
    """Everything needed to evaluate head and gaze of one plan and seed at any time.

    ``bodily``: yaw in degrees that each joint of the spine takes of a place far to the side; ``target`` is the place
    looked at, metres, or None; ``centre`` its direction from where the eyes rest; ``held`` how much the gaze is on it,
    0..1.
    """

    gaze: Steps
    follow: Steps
    micro: Steps
    drift: Wander
    speech_motion: Wander
    speaking: Steps
    pulses: tuple[tuple[float, float, Array], ...]
    events: tuple[Event, ...]
    bodily: float
    target: Array | None
    centre: Array
    held: Steps

    def gaze_angles(self, times: Array) -> Array:
        """World gaze direction (T, 2): yaw, pitch in degrees."""
        return np.asarray(self.gaze(times) + self.micro(times), dtype=np.float64)

    def gaze_along(self, times: Array, away: Array) -> Array:
        """The same where the place looked at lies ``away`` (T, 3) metres from the eyes, wherever the body carried
        them."""
        return np.asarray(self.gaze_angles(times) + self.held(times) * (_direction(away, self.centre[0]) - self.centre))

    def head_angles(self, times: Array) -> Array:
        """World head orientation (T, 3): yaw, pitch, roll in degrees, against a head that looks straight ahead."""
        out = self.follow(times) + self.drift(times)
        out += self.speech_motion(times) * (0.12 + 0.88 * self.speaking(times))
        begin, end = float(times.min(initial=np.inf)), float(times.max(initial=-np.inf))
        for start, length, amounts in self.pulses:
            if start < end and start + length > begin:
                out += _pulse(times, start, length)[:, None] * amounts
        for event in self.events:
            if event.start < end and event.end > begin:
                _add_event(out, times, event)
        return out


def _direction(away: Array, side: float = 0.0) -> Array:
    """(T, 3) metres -> (T, 2) yaw and pitch in degrees, within what a standing body can look at.

    ``side``: the yaw from which none lies more than half a turn, so that a sway does not turn the head round from one
    shoulder to the other where the place is behind. Right above or below there is no side, and the yaw fades.
    """
    level = np.hypot(away[..., 0], away[..., 2])
    yaw = np.degrees(steady_arctan2(away[..., 0], away[..., 2]))
    yaw = np.where(np.abs(yaw - side) > 180.0, yaw + np.copysign(360.0, side - yaw), yaw)
    pitch = -np.degrees(steady_arctan2(away[..., 1], level))
    limits = np.array([FURTHEST_YAW, FURTHEST_PITCH])
    inside = np.clip(np.stack([yaw, pitch], axis=-1), -limits, limits)
    inside[..., 0] *= np.minimum(level / (_STEEP * np.maximum(np.linalg.norm(away, axis=-1), 1e-9)), 1.0)
    return np.asarray(inside)


def resting_eyes(skeleton: Skeleton | None = None) -> Array:
    """(3,) metres: between the eyes of the upright body; of our own skeleton where none is given."""
    body = default_skeleton() if skeleton is None else skeleton
    middle = body.rest[list(EYES)].mean(axis=0)
    return np.asarray(middle + np.array([0.0, body.standing_height, 0.0]))


def distance_to_eyes(place: Sequence[float]) -> float:
    """Metres from where the eyes rest to a place that shall be looked at; nearer than NEAREST none can be."""
    return float(np.linalg.norm(np.array(place, dtype=np.float64) - resting_eyes()))


def place_for(skeleton: Skeleton, place: Array) -> Array:
    """A place (3,) that our own body looks at, as another body does: as far from its eyes for its size."""
    if skeleton.rest is default_skeleton().rest:
        return place
    ours, eyes = resting_eyes(), resting_eyes(skeleton)
    size = (eyes[1] - skeleton.toe_height) / (ours[1] - skeleton.toe_height)
    return np.asarray(eyes + (place - ours) * size)


def centre_of(look_at: Sequence[float] | None, stance: Stance | None = None) -> Array:
    """(2,) yaw and pitch in degrees of a place from the resting eyes, against where the body that stands so faces."""
    if look_at is None:
        return np.zeros(2)
    place = np.array(look_at, dtype=np.float64)
    if stance is None or stance.at_home:
        return np.asarray(_direction((place - resting_eyes())[None])[0])
    eyes = resting_eyes(stance.skeleton)
    home = np.array([0.0, 0.0, stance.skeleton.rest[0, 2]])
    turn = rotation_y(np.array(sum(stance.yaw) / 2.0))
    moved = np.array([sum(stance.offset[end][axis] for end in (0, 1)) / 2.0 for axis in (0, 1)])
    away = place_for(stance.skeleton, place) - home - np.array([moved[0], 0.0, moved[1]])
    return np.asarray(_direction((turn.T @ away - (eyes - home))[None])[0])


def _pulse(times: Array, start: float, length: float) -> Array:
    """A quick move out (40 %) and a slower one back (60 %)."""
    out = minimum_jerk_terms((times - start) / (0.4 * length))
    out -= minimum_jerk_terms((times - start - 0.4 * length) / (0.6 * length))
    return out


def _add_event(out: Array, times: Array, event: Event) -> None:
    if event.kind == "nod":
        out[:, 1] += event.amount * nod_curve(times, event)
    elif event.kind == "shake":
        out[:, 0] += event.amount * shake_curve(times, event)
    elif event.kind in ("tilt", "turn", "bow"):
        column = {"turn": 0, "bow": 1, "tilt": 2}[event.kind]
        out[:, column] += event.amount * rise_and_fall(times, event.start, event.apex, event.hold, event.end)


def nod_curve(times: Array, event: Event) -> Array:
    """Nod profile (T,), 1 at the apex: a small rise first, down to the apex, back with a small overshoot.

    Further ``cycles`` repeat it, each 25 % smaller, within the event's time.
    """
    cycles = max(1, round(event.cycles))
    first = max(event.apex - event.start, 0.08)
    after = max(event.end - event.apex - event.hold, 0.08)
    if cycles == 1:
        out = rise_and_fall(times, event.start, event.start + first, event.hold, event.end)
    else:
        out = np.zeros_like(times)
        period = (first + after) / cycles
        for index in range(cycles):
            begin = event.start + index * period
            apex = event.apex if index == 0 else begin + 0.45 * period
            finish = begin + (1.15 if index < cycles - 1 else 1.0) * period
            out += 0.75**index * rise_and_fall(times, begin, min(apex, finish - 0.1), 0.0, finish)
    lead = rise_and_fall(times, event.start - 0.16, event.start - 0.02, 0.0, event.start + 0.5 * first)
    tail = rise_and_fall(times, event.end - 0.3 * after, event.end + 0.08, 0.0, event.end + 0.35)
    return np.asarray(out - 0.10 * lead - 0.07 * tail, dtype=np.float64)


def shake_curve(times: Array, event: Event) -> Array:
    """Shake profile (T,) in -1..1: ``cycles`` swings under an envelope that starts and ends at rest."""
    span = max(event.end - event.start, 0.2)
    phase = np.clip((times - event.start) / span, 0.0, 1.0)
    cycles = max(event.cycles, 1.0)
    envelope = minimum_jerk_terms(phase / 0.22) - minimum_jerk_terms((phase - 0.62) / 0.38)
    return np.asarray(envelope * np.sin(2.0 * np.pi * cycles * phase), dtype=np.float64)


def build_head(
    plan: GesturePlan, seed: int, style: dict[str, Any], head: dict[str, Any], stance: Stance | None = None
) -> HeadTracks:
    """The tracks of a plan; ``style`` and ``head`` are the tables of assets/postures/life.json, ``stance`` is how the
    body stands that looks at the plan's place, None where life puts it."""
    drive = 0.7 + 0.3 * plan.energy
    key = (plan.seed, seed)
    place = None if plan.look_at is None else np.array(plan.look_at, dtype=np.float64)
    centre = centre_of(plan.look_at, stance)
    targets = _gaze_targets(plan, style, seeded("gaze", *key), centre)
    return HeadTracks(
        gaze=_saccades(targets),
        follow=_follow(targets, head, seeded("follow", *key), centre),
        bodily=_BODILY * float(np.copysign(max(abs(centre[0]) - _HEAD_ALONE, 0.0), centre[0])),
        micro=_micro_saccades(plan.seconds, seeded("micro", *key)),
        drift=wander(seeded("drift", *key), drive * np.array(style["drift"]), 0.08, 0.33),
        speech_motion=wander(seeded("speech", *key), drive * np.array(style["speech_head"]), 0.45, 1.7, 12),
        speaking=speaking_envelope(plan),
        pulses=_accent_pulses(plan, drive * float(style["accent"]), seeded("accent", *key)),
        events=tuple(sorted(plan.head, key=lambda event: event.start)),
        target=place,
        centre=centre,
        held=_held(targets),
    )


def speaking_envelope(plan: GesturePlan) -> Steps:
    """0 while silent, 1 while speaking, eased over a quarter second; words closer than 0.35 s count as one run."""
    moves: list[tuple[float, float, float]] = []
    end = -np.inf
    for _, start, stop in sorted(plan.words, key=lambda word: word[1]):
        if start - end > 0.35:
            if np.isfinite(end):
                moves.append((end, _SPEECH_FADE, 0.0))
            moves.append((start - _SPEECH_FADE, _SPEECH_FADE, 1.0))
        end = max(end, stop)
    if np.isfinite(end):
        moves.append((end, 2.0 * _SPEECH_FADE, 0.0))
    return steps(0.0, moves)


_Target = tuple[float, float, float, float, bool]  # time, yaw, pitch, roll of the head, whether it is an aversion


def _gaze_targets(plan: GesturePlan, style: dict[str, Any], rng: np.random.Generator, centre: Array) -> list[_Target]:
    """Fixations in time order: seeded scanning of the audience, or of the place at ``centre``, overruled by planned
    gaze while that lasts."""
    scan, gap = float(style["scan_yaw"]), float(style["scan_gap"])
    planned = sorted(plan.gaze, key=lambda event: event.start)
    starts = np.array([word[1] for word in plan.words])
    out: list[_Target] = [_fixation(-5.0, None, scan, rng)]
    clock, until = rng.uniform(0.3, gap), plan.seconds + 10.0
    queue = list(planned)
    while clock < until:
        if queue and queue[0].start <= clock:
            event = queue.pop(0)
            out.append((event.start, *_planned_angles(event), event.kind != "audience"))
            clock = max(event.end, event.start + 0.25)
            if not (queue and queue[0].start <= clock + 0.2):
                out.append(_fixation(clock, out[-1], scan, rng))
            clock += _interval(gap, rng)
            continue
        # People look elsewhere at the beginning of a word more than in its middle.
        near = starts[np.abs(starts - clock) < 0.35] if len(starts) else starts
        when = float(near[0]) if len(near) and rng.random() < 0.7 else clock
        if not queue or when < queue[0].start - 0.4:
            out.append(_fixation(max(when, out[-1][0] + 0.3), out[-1], scan, rng))
        clock = max(clock, when) + _interval(gap, rng)
        if queue and queue[0].start < clock:
            clock = queue[0].start
    out.sort(key=lambda target: target[0])
    if plan.look_at is None:
        return out
    near = [1.0 if averted else _ON_TARGET for *_, averted in out]
    return [
        (time, centre[0] + share * yaw, centre[1] + share * pitch, roll, averted)
        for share, (time, yaw, pitch, roll, averted) in zip(near, out, strict=True)
    ]


def _held(targets: Sequence[_Target]) -> Steps:
    """1 while the gaze is on the audience or its place, 0 while it is averted; changed as fast as a saccade."""
    jumps = zip(targets[1:], _jump_seconds(targets), strict=True)
    return steps(1.0, [(time, seconds, 0.0 if averted else 1.0) for (time, *_, averted), seconds in jumps])


def _interval(gap: float, rng: np.random.Generator) -> float:
    return float(np.clip(gap * np.exp(rng.normal(0.0, 0.45)), 0.7, 3.0 * gap))


def _fixation(time: float, previous: _Target | None, scan: float, rng: np.random.Generator) -> _Target:
    """Another member of the audience, at least a third of the scan range away from the one before."""
    yaw = float(np.clip(rng.normal(0.0, scan), -2.2 * scan, 2.2 * scan))
    if previous is not None and abs(yaw - previous[1]) < 0.35 * scan:
        yaw = previous[1] + np.copysign(0.7 * scan, yaw - previous[1] - 0.3 * previous[1])
    roll = float(np.clip(rng.normal(0.0, _ROLL_SHARE * scan) - 0.06 * yaw, -scan, scan))
    pitch = float(np.clip(rng.normal(-0.5, _PITCH_SHARE * scan), -scan, scan))
    return time, yaw, pitch, roll, False


def _planned_angles(event: Event) -> tuple[float, float, float]:
    """Yaw, pitch (down positive), roll of a planned gaze; ``extra`` is the elevation, up positive."""
    yaw, lift = event.amount, event.extra
    if event.kind == "up":
        lift = abs(lift) if lift else 9.0
    elif event.kind == "down":
        lift = -abs(lift) if lift else -9.0
    return yaw, -lift, 0.0


def _saccades(targets: Sequence[_Target]) -> Steps:
    """Gaze jumps between fixations, as long as the main sequence has them."""
    jumps = zip(targets[1:], _jump_seconds(targets), strict=True)
    return steps(targets[0][1:3], [(time, seconds, (yaw, pitch)) for (time, yaw, pitch, *_), seconds in jumps])


def _jump_seconds(targets: Sequence[_Target]) -> list[float]:
    """How long the eyes take from each target to the next."""
    sizes = (float(np.hypot(to[1] - before[1], to[2] - before[2])) for before, to in pairwise(targets))
    return [saccade_seconds(size) for size in sizes]


def _micro_saccades(seconds: float, rng: np.random.Generator) -> Steps:
    """Small fixational jumps (0.2-0.9 degrees) every 0.35-1.6 s, drawn around the fixation, so that they never wander
    off."""
    moves, clock, last = [], -2.0, np.zeros(2)
    while clock < seconds + 10.0:
        place = rng.normal(0.0, (0.45, 0.3))
        moves.append((clock, saccade_seconds(float(np.hypot(*(place - last)))), place))
        last = place
        clock += float(rng.uniform(0.35, 1.6))
    return steps((0.0, 0.0), moves)


def _follow(targets: Sequence[_Target], head: dict[str, Any], rng: np.random.Generator, centre: Array) -> Steps:
    """The head turns after the eyes, part of the way, in 0.35-0.8 s; fixations too short to follow are skipped.

    To a place it turns all the way but for what eyes do alone.
    """
    share = (float(head["follow_audience"]), float(head["follow_aversion"]))
    most = np.array(_EYES_ALONE)
    turned = centre - saturated((1.0 - share[0]) * centre, most)
    first_away = np.array(targets[0][1:3]) - centre
    last = np.array([*(turned + share[0] * first_away), targets[0][3]])
    first, moves = last, []
    for index, (time, yaw, pitch, roll, averted) in enumerate(targets[1:], start=1):
        lasts = (targets[index + 1][0] if index + 1 < len(targets) else time + 3.0) - time
        if lasts < 0.35:
            continue
        part = share[1 if averted else 0] * rng.uniform(0.85, 1.15)
        away = np.array([yaw, pitch]) - centre
        goal = np.array([*(turned + part * away), last[2] * 0.5 if averted else roll])
        size = float(np.linalg.norm(goal - last))
        duration = float(np.clip(0.34 + 0.035 * size + rng.normal(0.0, 0.04), 0.3, 0.85))
        moves.append((time + _HEAD_LAG * rng.uniform(0.5, 1.5), duration, goal))
        last = goal
    return steps(first, moves)


def _accent_pulses(plan: GesturePlan, size: float, rng: np.random.Generator) -> tuple[tuple[float, float, Array], ...]:
    """A small head movement on every accent that has no planned head event; mostly down, a little askew."""
    busy = [(event.start - 0.1, event.end + 0.1) for event in plan.head]
    out = []
    for accent in sorted(plan.accents):
        length = float(rng.uniform(0.42, 0.7))
        down = abs(rng.normal(1.0, 0.45)) * (1.0 if rng.random() < 0.8 else -0.6)
        askew = rng.normal(0.0, (0.7, 0.55))
        amounts = size * np.array([askew[0], down, askew[1]])
        if not any(begin <= accent <= end for begin, end in busy):
            out.append((accent + 0.06 - 0.4 * length, length, amounts))
    return tuple(out)
