"""Body life: the standing, breathing, listening body under the gestures, in continuous time.

``base_motion`` gives a whole believable body at any instants; the gesture layer adds its strokes on top. The figures
come from docs/sources/semantics.md, sections 7-8 and docs/sources/bands.md and live in assets/postures/life.json.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from engine.body.curves import saturated
from engine.body.joints import ARMS_WITH_HANDS, COLLARS, EYES, HEAD, LEG_JOINTS, NECK, TOES, TRUNK
from engine.body.kinematics import rotation_x, rotation_y, rotation_z, steady_arctan2
from engine.body.legs import SOFT_KNEE, Feet, highest_pelvis, solve_legs
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import JOINT_COUNT, default_skeleton
from engine.generators.life.footsteps import choose_feet, footsteps
from engine.generators.life.headgaze import (
    EYE_PITCH_LIMIT,
    EYE_YAW_LIMIT,
    HeadTracks,
    build_head,
    place_for,
    speaking_envelope,
)
from engine.generators.life.noise import Steps, Wander, rise_and_fall, seeded, steps, wander
from engine.generators.life.postures import (
    MIRROR,
    RestTracks,
    life_style,
    life_table,
    rest_tracks,
    spine_rest,
)
from engine.generators.life.stance import Stance, carried, default_stance
from engine.plan.types import Event, GesturePlan

Array = NDArray[np.float64]

# By eye.
_CHUNK = 4096  # frames at a time
_FIDGET_CURL = 0.45  # share of a finger's bend
_ARM_NOISE = np.array([0.45, 0.45, 0.35, 0.5, 0.6, 0.2, 0.9, 0.7, 0.9])  # degrees of shoulder, elbow, wrist
# Degrees of pelvis, spine 1-3.
_TRUNK_NOISE = np.array([0.45, 1.1, 0.35, 0.45, 0.45, 0.4, 0.45, 0.45, 0.4, 0.4, 0.4, 0.4])


@dataclass(frozen=True, eq=False)
class Breathing:
    """Lung volume 0..1 over time through inhale and exhale points (C1)."""

    curve: PchipInterpolator
    first: float
    last: float

    def __call__(self, times: Array) -> Array:
        """(T,) seconds -> (T,)."""
        return np.asarray(self.curve(np.clip(times, self.first, self.last)), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class BodyLife:
    """Everything drawn from the seeds for one plan; :func:`evaluate` turns it into poses at any times."""

    stance: Stance
    load: Steps
    sway: Wander
    trunk: Wander
    trunk_speech: Wander
    speaking: Steps
    breath: Breathing
    head: HeadTracks
    bows: tuple[Event, ...]
    fidgets: tuple[tuple[Event, int, Array], ...]
    rests: RestTracks
    arm_noise: tuple[Wander, Wander]
    curls: tuple[Wander, Wander]
    in_place: bool


def base_motion(
    plan: GesturePlan, times: NDArray[np.floating[Any]], seed: int, in_place: bool = False
) -> tuple[Array, Array]:
    """The body at rest: local rotations (T, 55, 3, 3) and SMPL-X ``trans`` (T, 3) at ``times`` (T,) seconds.

    Continuous in time: an instant has the same pose at any frame rate, before and after the speech too. The same plan
    and seeds give the same body. ``in_place`` keeps the pelvis over one spot and takes no step. Feet that stand
    are planted exactly.
    """
    return evaluate_life(build_life(plan, seed, in_place), times)


def evaluate_life(life: BodyLife, times: NDArray[np.floating[Any]]) -> tuple[Array, Array]:
    """:func:`evaluate` in pieces of bounded size."""
    instants = np.asarray(times, dtype=np.float64).ravel()
    local = np.empty((len(instants), JOINT_COUNT, 3, 3))
    trans = np.empty((len(instants), 3))
    for start in range(0, len(instants), _CHUNK):
        part = slice(start, start + _CHUNK)
        local[part], trans[part] = evaluate(life, instants[part])
    return local, trans


def planted_feet(plan: GesturePlan, seed: int) -> Feet:
    """Where the feet of this plan and seed stand before the first step."""
    return choose_feet(default_skeleton(), plan.seed, seed)


def _stance(plan: GesturePlan, seed: int, share: float) -> Stance:
    """Planted feet, and the steps that go with a share of the plan's weight shifts."""
    feet = planted_feet(plan, seed)
    return default_stance(feet, footsteps(default_skeleton(), feet, _weight_shifts(plan), share, plan.seed, seed))


def _weight_shifts(plan: GesturePlan) -> list[Event]:
    return sorted((event for event in plan.shifts if event.kind == "shift"), key=lambda event: event.start)


def build_life(
    plan: GesturePlan, seed: int, in_place: bool = False, origin: tuple[GesturePlan, int] | None = None
) -> BodyLife:
    """Draw stance, rest postures, noise and tracks for a plan; deterministic per (plan.seed, seed).

    ``origin``: another plan and seed for stance, load, sway and rest postures, when a part of a take is made anew.
    """
    stood, stood_seed = origin if origin is not None else (plan, seed)
    place = (stood.seed, stood_seed)
    table = life_table()
    style = life_style(plan.style, plan.speaker)
    stood_steps = float(life_style(stood.style, stood.speaker)["steps"])
    key = (plan.seed, seed)
    drive = 0.75 + 0.25 * plan.energy
    low, high = table["sway_band"]
    sway = np.array([style["sway_ml"], style["sway_ap"]]) * 1e-3
    micro = float(style["micro"])
    return BodyLife(
        stance=_stance(stood, stood_seed, 0.0 if in_place and origin is None else stood_steps),
        load=_load_track(stood, seeded("load", *place)),
        sway=wander(seeded("sway", *place), sway, low, high, 14),
        trunk=wander(seeded("trunk", *key), np.radians(_TRUNK_NOISE) * style["torso"] * drive, 0.05, 0.4),
        trunk_speech=wander(seeded("talk", *key), np.radians(_TRUNK_NOISE) * 0.5 * style["torso"] * drive, 0.35, 1.1),
        speaking=speaking_envelope(plan),
        breath=_breathing(plan, seeded("breath", *key)),
        head=build_head(plan, seed, style, table["head"]),
        bows=tuple(event for event in plan.head if event.kind == "bow"),
        fidgets=_fidgets(plan, seeded("fidget", *key)),
        rests=rests_for(stood, stood_seed, plan.style),
        arm_noise=_pair(lambda side: wander(seeded("arm", side, *key), np.radians(_ARM_NOISE) * micro, 0.06, 0.7, 9)),
        curls=_pair(lambda side: wander(seeded("curl", side, *key), np.full(6, 0.085 * micro), 0.05, 0.6, 8)),
        in_place=in_place,
    )


@lru_cache(maxsize=8)
def rests_for(plan: GesturePlan, seed: int, style: str) -> RestTracks:
    """Rest postures are costly to draw on a long line, and parts of a take made anew keep those of the take."""
    return rest_tracks(plan, seed, life_style(style, plan.speaker))


def _fidgets(plan: GesturePlan, rng: np.random.Generator) -> tuple[tuple[Event, int, Array], ...]:
    """Planned fidgets with a hand each and a small turn (9,) of its shoulder, elbow and wrist, radians."""
    events = sorted((event for event in plan.shifts if event.kind == "fidget"), key=lambda event: event.start)
    spread = np.radians(np.repeat([1.0, 2.0, 4.0], 3))
    return tuple((event, int(rng.integers(2)), event.amount * spread * rng.normal(0.0, 1.0, 9)) for event in events)


def _pair(make: Callable[[int], Wander]) -> tuple[Wander, Wander]:
    return make(0), make(1)


def evaluate(life: BodyLife, times: Array) -> tuple[Array, Array]:
    """Local rotations (T, 55, 3, 3) and ``trans`` (T, 3) of a drawn body at ``times`` (T,) seconds."""
    frames = len(times)
    table = life_table()
    load = life.load(times)[:, 0]
    breath = life.breath(times)
    head = life.head.head_angles(times)
    vectors = np.zeros((frames, JOINT_COUNT, 3))
    vectors += spine_rest()
    _add_trunk(vectors, life, times, load, breath, head)
    _add_arms(vectors, life, times)
    local = axis_angle_to_matrix(vectors)
    chest = local[:, 0] @ local[:, 3] @ local[:, 6] @ local[:, 9]
    facing = _add_head(local, chest, head, breath)
    _add_eyes(local, facing, life.head.gaze_angles(times))
    stance = life.stance
    skeleton = stance.skeleton
    pelvis = np.zeros((frames, 3))
    pelvis[:, 2] = skeleton.rest[0, 2]
    if not life.in_place:
        sway = life.sway(times)
        pelvis[:, 0] = stance.scale * (load + sway[:, 0])
        pelvis[:, 2] += stance.scale * sway[:, 1]
    feet = stance.feet_at(times)
    pelvis, local[:, 0] = carried(stance, times, pelvis, local[:, 0])
    height = highest_pelvis(skeleton, pelvis, local[:, 0], feet.ankles, SOFT_KNEE)
    pelvis[:, 1] = height - 1e-3 * stance.scale * table["breath"]["rise_mm"] * (1.0 - breath)
    legs, _ = solve_legs(skeleton, pelvis, local[:, 0], feet.ankles, feet.orientations)
    local[:, LEG_JOINTS] = legs
    if feet.peel is not None:
        local[:, TOES] = rotation_x(-feet.peel)
    return local, pelvis - skeleton.rest[0]


def _add_trunk(vectors: Array, life: BodyLife, times: Array, load: Array, breath: Array, head: Array) -> None:
    table = life_table()
    lean, air = table["load"], table["breath"]
    noise = life.trunk(times) + life.trunk_speech(times) * life.speaking(times)
    vectors[:, TRUNK] += noise.reshape(len(times), 4, 3)
    side = load / (1e-3 * lean["unit_mm"])
    vectors[:, 0, 2] += np.radians(lean["pelvis_roll"]) * side
    vectors[:, 0, 1] += np.radians(lean["pelvis_yaw"]) * side
    turn = np.radians(0.05 * head[:, 0] + life.head.bodily)
    for index, joint in enumerate(TRUNK[1:]):
        vectors[:, joint, 2] += np.radians(lean["spine_roll"][index]) * side
        vectors[:, joint, 1] += np.radians(lean["spine_yaw"][index]) * side + turn
    for event in life.bows:
        bend = np.radians(0.14 * event.amount) * rise_and_fall(times, event.start, event.apex, event.hold, event.end)
        vectors[:, TRUNK[1:], 0] += bend[:, None]
    vectors[:, 6, 0] += np.radians(air["spine2"]) * breath
    vectors[:, 9, 0] += np.radians(air["spine3"]) * breath
    lift = np.zeros((len(times), 3))
    lift[:, 1] = np.radians(air["collar_back"]) * breath
    lift[:, 2] = np.radians(air["collar_up"]) * breath
    vectors[:, COLLARS[0]] += lift
    vectors[:, COLLARS[1]] += lift * MIRROR


def _add_arms(vectors: Array, life: BodyLife, times: Array) -> None:
    loose = life.rests.loose(times)
    for side in (0, 1):
        arm = life.rests.arms[side](times)
        arm[:, :9] += loose * life.arm_noise[side](times)
        curl = life.curls[side](times)
        # A common relaxation of the hand and a part of its own for each finger; the thumb moves least.
        scale = 1.0 + 0.7 * curl[:, 5:6] + curl[:, :5] * np.array([1.0, 1.0, 1.1, 1.0, 0.7])
        for event, hand, turn in life.fidgets:
            if hand == side and event.start < times.max(initial=-np.inf) and event.end > times.min(initial=np.inf):
                stir = rise_and_fall(times, event.start, event.apex, event.hold, event.end)[:, None]
                arm[:, :9] += loose * stir * turn
                scale += _FIDGET_CURL * event.amount * stir
        fingers = arm[:, 9:].reshape(-1, 5, 9) * scale[:, :, None]
        arm[:, 9:] = fingers.reshape(-1, 45)
        vectors[:, ARMS_WITH_HANDS[side]] = arm.reshape(-1, 18, 3)


def _add_head(local: Array, chest: Array, angles: Array, breath: Array) -> Array:
    """Neck and head so that the head keeps its own orientation over most of the trunk's movement; returns the head's
    world orientation (T, 3, 3)."""
    table = life_table()
    settings = table["head"]
    pitch = angles[:, 1] + settings["rest_pitch"] + table["breath"]["head"] * breath
    own = rotation_y(np.radians(angles[:, 0])) @ rotation_x(np.radians(pitch)) @ rotation_z(np.radians(angles[:, 2]))
    rest = spine_rest()
    carried = matrix_to_axis_angle(chest) - rest[list(TRUNK)].sum(axis=0)
    world = axis_angle_to_matrix(carried * (1.0 - settings["steady"])) @ own
    total = np.swapaxes(chest, -1, -2) @ world
    neck = axis_angle_to_matrix(settings["neck_share"] * matrix_to_axis_angle(total) + rest[NECK])
    local[:, NECK] = neck
    local[:, HEAD] = np.swapaxes(neck, -1, -2) @ total
    return world


def _add_eyes(local: Array, facing: Array, gaze: Array) -> None:
    yaw, pitch = np.radians(gaze[:, 0]), np.radians(gaze[:, 1])
    direction = np.stack([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1)
    seen = (np.swapaxes(facing, -1, -2) @ direction[:, :, None])[:, :, 0]
    turn = saturated(steady_arctan2(seen[:, 0], seen[:, 2]), np.radians(EYE_YAW_LIMIT))
    tilt = saturated(-np.arcsin(np.clip(seen[:, 1], -1.0, 1.0)), np.radians(EYE_PITCH_LIMIT))
    local[:, EYES] = (rotation_y(turn) @ rotation_x(tilt))[:, None]


def head_on(plan: GesturePlan, seed: int, stance: Stance | None = None) -> HeadTracks:
    """Head and gaze of a plan, of a body that stands as ``stance`` has it; None: where life puts it."""
    return build_head(plan, seed, life_style(plan.style, plan.speaker), life_table()["head"], stance)


def aim_eyes(
    local: Array, plan: GesturePlan, times: NDArray[np.floating[Any]], seed: int, trans: Array | None = None
) -> Array:
    """The same rotations (T, 55, 3, 3) with the eyes on their targets again, after other layers moved trunk or head.

    ``trans`` (T, 3) is where the body is, for a place that it looks at; None: at rest.
    """
    head = head_on(plan, seed)
    skeleton = default_skeleton()
    place = np.broadcast_to([0.0, skeleton.standing_height, 0.0], (len(local), 3)) if trans is None else trans
    return aimed(local, head, np.asarray(times, dtype=np.float64), place, default_stance(planted_feet(plan, seed)))


def aimed(local: Array, head: HeadTracks, times: Array, trans: Array, stance: Stance) -> Array:
    """:func:`aim_eyes` along tracks already built, for a body that stands as ``stance`` has it at ``trans`` (T, 3)."""
    out = np.array(local, dtype=np.float64, copy=True)
    heading, offsets = stance.heading(times), stance.skeleton.offsets
    facing, place = out[:, 0], offsets[0] + trans
    for joint in (*TRUNK[1:], NECK, HEAD):
        place = place + facing @ offsets[joint]
        facing = facing @ out[:, joint]
    away = np.zeros_like(place)
    if head.target is not None:
        target = place_for(stance.skeleton, head.target)
        away = target - place - facing @ offsets[list(EYES)].mean(axis=0)
    if heading is not None:
        facing = np.swapaxes(heading, -1, -2) @ facing
        away = (np.swapaxes(heading, -1, -2) @ away[..., None])[..., 0]
    gaze = head.gaze_angles(times) if head.target is None else head.gaze_along(times, away)
    _add_eyes(out, facing, gaze)
    return out


def _load_track(plan: GesturePlan, rng: np.random.Generator) -> Steps:
    """Sideways place of the pelvis in metres: more on one leg than on the other, changed by the plan's shifts.

    A shift's ``amount`` is the new place from the middle (positive to the left), reached within 1.0-1.6 s and kept.
    """
    table = life_table()["load"]
    low, high = (1e-3 * value for value in table["default_mm"])
    limit = 1e-3 * table["limit_mm"]
    shifts = _weight_shifts(plan)
    side = float(rng.choice([-1.0, 1.0]))
    if shifts:  # so that the first shift is one to be seen
        side = -float(np.sign(shifts[0].amount)) or side
    moves = [
        (event.start, float(np.clip(event.apex - event.start, 1.0, 1.6)), float(np.clip(event.amount, -limit, limit)))
        for event in shifts
    ]
    return steps(side * float(rng.uniform(low, high)), moves)


def _breathing(plan: GesturePlan, rng: np.random.Generator) -> Breathing:
    """Planned breaths, and quiet breathing where none is planned, as points of a monotone spline."""
    depth = float(life_table()["breath"]["quiet_depth"])
    planned = sorted(plan.breaths, key=lambda event: event.start)
    points: list[tuple[float, float]] = []
    clock = -6.0 + float(rng.uniform(0.0, 3.0))
    for event in [*planned, None]:
        until = plan.seconds + 20.0 if event is None else event.start
        while until - clock > 2.2:
            period = min(float(rng.uniform(3.3, 4.6)), until - clock)
            size = depth * float(rng.uniform(0.8, 1.15))
            points += [(clock, 0.0), (clock + 0.4 * period, size)]
            clock += period
        if event is not None:
            start = max(event.start, clock)
            apex = max(event.apex, start + 0.2)
            points += [(start, 0.0), (apex, 0.35 + 0.65 * event.amount)]
            clock = max(event.end, apex + 0.4)
    points.append((clock, 0.0))
    times = np.array([point[0] for point in points])
    keep = np.concatenate([[True], np.diff(times) > 0.05])
    values = np.array([point[1] for point in points])
    curve = PchipInterpolator(times[keep], values[keep])
    return Breathing(curve, float(times[0]), float(times[-1]))
