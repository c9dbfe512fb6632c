"""Part of a take made anew: the frames of the window, and no more of their surroundings than they need.

Inside the window this gives what the whole line would give for the same plan and seed; outside, the base.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.body.cleanup import clean
from engine.body.joints import ELBOWS, SHOULDERS, SIDES, WRISTS
from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.generators.base import Progress, Request
from engine.generators.face import perform_face
from engine.generators.gestures.perform import perform, used_sides, wrists_at
from engine.generators.gestures.timing import arrival_time, reversal_time
from engine.generators.life.body import BodyLife, aimed, build_life, evaluate_life, head_on, rests_for
from engine.generators.life.noise import Blend, Steps, steps
from engine.generators.life.postures import RestTracks
from engine.generators.life.stance import scaled_stance, stance_of_base
from engine.generators.pins import arm_pins, head_pins
from engine.hints.types import Hints
from engine.models.phase_gesture import BEAT_CLASSES, GestureSource
from engine.plan.around import plan_around
from engine.plan.types import GesturePhrase, GesturePlan

Array = NDArray[np.float64]

# By eye, where no source is named.
BESIDE = 2  # frames beside the window: satisfy compares the new motion with the base there
PAD = 1.0  # s beside the window in which pushes of the cleanup, blinks and vowels may begin
CHAIN = 6  # gestures performed before the first that counts: the choice of a clip remembers three
LONGEST_LEAD = 2.0  # s from the first movement of a gesture to its planned onset, at most
LONGEST_TAIL = 1.6  # s that a gesture may outlast its planned return
SEEN_FRAMES = 0.3  # an apex that a person set is on its frame when it is nearer than this
MOST_NUDGE = 0.15  # s by which such a gesture is moved so that it is
FIRST_MOVE = 0.35  # s before its onset at which a follower's hand may move already
NEW_REST_SECONDS = 1.2  # into a rest posture of their own, and back into the base's
LOOK_AHEAD = 6.0  # s that a follower may lie ahead and still matter to how a gesture ends


@dataclass(frozen=True)
class Reach:
    """What a window needs: ``core`` frames (first, end) of the body, ``far`` frames of the arms, the ``phrases``."""

    core: tuple[int, int]
    far: tuple[int, int]
    phrases: tuple[GesturePhrase, ...]


def reach_of(phrases: tuple[GesturePhrase, ...], window: tuple[int, int], frames: int, fps: float) -> Reach:
    """The frames and phrases that a window's frames depend on; ``window`` (first, end) in frames of a take."""
    pad = round(PAD * fps)
    core = max(0, window[0] - pad), min(frames, window[1] + pad)
    begin, end = core[0] / fps, core[1] / fps
    ordered = sorted(phrases, key=lambda phrase: (phrase.apex, phrase.id))
    first, past = len(ordered), 0
    for index, phrase in enumerate(ordered):
        follower = ordered[index + 1].apex if index + 1 < len(ordered) else phrase.retract_end
        if max(phrase.retract_end + LONGEST_TAIL, min(follower, phrase.retract_end + LOOK_AHEAD)) >= begin:
            first = min(first, index)
        if phrase.onset - LONGEST_LEAD <= end:
            past = index + 1
    if first >= past:
        return Reach(core, core, ())
    used = ordered[max(0, first - CHAIN) : past]
    ahead = [phrase for phrase in ordered[past:] if phrase.onset <= end + LOOK_AHEAD]
    low = min(begin, min(phrase.onset for phrase in used) - LONGEST_LEAD)
    high = max(end, max(max(phrase.hold_end, phrase.apex + 0.1) for phrase in used) + 0.2)
    far = max(0, int(low * fps)), min(frames, int(np.ceil(high * fps)) + 1)
    return Reach(core, far, (*used, *ahead))


def make_window(request: Request, hints: Hints, model: GestureSource, progress: Progress) -> Motion:
    """The base with its window, and BESIDE frames on either side, made anew, before the pins are enforced; ``plan`` is
    the one that was performed."""
    base = hints.base
    first, end = max(hints.window[0] - BESIDE, 0), min(hints.window[1] + BESIDE, base.frames)
    poses, trans = base.poses.copy(), base.trans.copy()
    shapes = None if base.blendshapes is None else base.blendshapes.copy()
    plan = request.plan
    if hints.free_joints.any() or hints.free_trans:
        plan, core, local, place = _body(request, hints, model, progress)
        inside = slice(first - core[0], end - core[0])
        poses[first:end] = matrix_to_axis_angle(local[inside])
        trans[first:end] = place[inside]
    else:
        core = reach_of((), hints.window, base.frames, base.fps).core
        local = axis_angle_to_matrix(base.poses[slice(*core)].astype(np.float64))
    if shapes is not None and hints.free_face and "face" in request.options.parts:
        progress("face", 0.0)
        times = np.arange(*core) / base.fps
        made = perform_face(request, plan, times, local)
        shapes[first:end] = made[first - core[0] : end - core[0]]
    return replace(base, poses=poses, trans=trans, blendshapes=shapes, plan=plan.to_dict())


def _body(
    request: Request, hints: Hints, model: GestureSource, progress: Progress
) -> tuple[GesturePlan, tuple[int, int], Array, Array]:
    """The plan around the pins, the core frames, and the body on them: (n, 55, 3, 3) and (n, 3)."""
    progress("body", 0.0)
    plan = request.plan
    life, reach, local, trans = _performed(request, hints, plan, model)
    progress("body", 0.4)
    core = slice(reach.core[0] - reach.far[0], reach.core[1] - reach.far[0])
    resting = evaluate_life(life, np.arange(*reach.core) / hints.fps)[0]
    arms = arm_pins(hints, reach.core[0], local[core], trans[core], resting)
    around = plan_around(plan, arms, head_pins(hints), hints.window, hints.fps, request.fixed)
    if around != plan:
        plan = around
        life, reach, local, trans = _performed(request, hints, plan, model)
        core = slice(reach.core[0] - reach.far[0], reach.core[1] - reach.far[0])
    progress("body", 0.7)
    times = np.arange(*reach.core) / hints.fps
    body = clean(local[core], trans[core], hints.fps, hints.skeleton)
    late = _late(body[0], times, plan, request.fixed, hints.fps)
    if late:
        _, again, local, trans = _performed(request, hints, _nudged(plan, late), model)
        core = slice(reach.core[0] - again.far[0], reach.core[1] - again.far[0])
        body = clean(local[core], trans[core], hints.fps, hints.skeleton)
    return plan, reach.core, aimed(body[0], life.head, times, body[1], life.stance), body[1]


def _late(local: Array, times: Array, plan: GesturePlan, ids: frozenset[int], fps: float) -> dict[int, float]:
    """By how many seconds gestures of these ids reach their apex too late (or early), where a frame would show it."""
    found = {}
    ordered = sorted(plan.phrases, key=lambda phrase: (phrase.apex, phrase.id))
    for phrase, follower in zip(ordered, [*ordered[1:], None], strict=False):
        following = np.inf if follower is None else follower.onset - FIRST_MOVE
        reach = max(min(phrase.hold_end, following), phrase.apex + 0.1)
        if phrase.id not in ids or times[0] > phrase.onset or times[-1] < reach:
            continue
        near = slice(*np.searchsorted(times, [phrase.onset - 0.3, reach + 0.3]))
        sides = [SIDES.index(side) for side in used_sides(phrase)]
        points = np.array([wrists_at(pose)[sides] for pose in local[near]])
        if phrase.gclass in BEAT_CLASSES:
            at = reversal_time(points, times[near], phrase.apex)
        else:
            at = arrival_time(points, times[near], phrase.onset, reach)
        if SEEN_FRAMES / fps < abs(at - phrase.apex) < MOST_NUDGE:
            found[phrase.id] = at - phrase.apex
    return found


def _nudged(plan: GesturePlan, late: Mapping[int, float]) -> GesturePlan:
    """The plan that has to be performed so that the gestures come when they shall."""
    phrases = tuple(
        replace(
            phrase,
            onset=phrase.onset - late[phrase.id],
            apex=phrase.apex - late[phrase.id],
            hold_end=max(phrase.hold_end, phrase.apex - late[phrase.id]),
        )
        if phrase.id in late
        else phrase
        for phrase in plan.phrases
    )
    return replace(plan, phrases=phrases)


def _performed(
    request: Request, hints: Hints, plan: GesturePlan, model: GestureSource
) -> tuple[BodyLife, Reach, Array, Array]:
    """Life and gestures of a plan on the frames of its reach."""
    life = _life_on_base(request, hints, plan)
    reach = reach_of(plan.phrases, hints.window, hints.frames, hints.fps)
    times = np.arange(*reach.far) / hints.fps
    local, trans = evaluate_life(life, times)
    seed = request.options.seed if request.origin is None else request.origin.seed
    gestures = perform(local, reach.phrases, times, seed, request.options.style, model, plan.accents)
    return life, reach, gestures, trans


def _life_on_base(request: Request, hints: Hints, plan: GesturePlan) -> BodyLife:
    """Body life that stands where the base stands at both ends of the window, on the hints' skeleton."""
    known = request.origin
    origin = None if known is None else (rests_of(known.plan, plan), known.seed)
    life = build_life(plan, request.options.seed, request.options.in_place, origin)
    life = replace(life, stance=scaled_stance(hints.skeleton, life.stance))
    if known is not None and known.seed != request.options.seed:
        own = _own_rests(plan, request.options.seed, hints)
        life = replace(life, rests=other_rests(life.rests, own, free_spans(hints)))
    first, end = hints.window
    if first == 0 and end == hints.frames:
        return life
    before, after = max(first - 1, 0), min(end, hints.frames - 1)
    ends = [before if first > 0 else after, after if end < hints.frames else before]
    base = axis_angle_to_matrix(hints.base.poses[ends].astype(np.float64)), hints.base.trans[ends].astype(np.float64)
    times = np.array(ends) / hints.fps
    stance = stance_of_base(
        life.stance, (before / hints.fps, after / hints.fps), times, base, evaluate_life(life, times)
    )
    if plan.look_at is not None and not stance.at_home:  # a body that turned away from life's place looks from there
        life = replace(life, head=head_on(plan, request.options.seed, stance))
    return replace(life, stance=stance)


def _own_rests(plan: GesturePlan, seed: int, hints: Hints) -> RestTracks:
    """Rest postures drawn for this seed, for the window alone: a long line costs no more than a short one."""
    begin, end = (frame / hints.fps for frame in hints.window)
    near = [phrase for phrase in plan.phrases if phrase.retract_end > begin and phrase.onset < end]
    start = min([begin, *(phrase.onset for phrase in near)]) - 1.0
    local = replace(
        plan,
        seconds=end - start,
        phrases=tuple(
            replace(
                phrase,
                onset=phrase.onset - start,
                apex=phrase.apex - start,
                hold_end=phrase.hold_end - start,
                retract_end=phrase.retract_end - start,
            )
            for phrase in near
        ),
        head=(), brows=(), gaze=(), blinks=(), breaths=(), shifts=(), smiles=(), words=(), accents=(),
    )  # fmt: skip
    own = rests_for(local, seed, plan.style)
    left, right, loose = (
        replace(track, starts=track.starts + start) for track in (*map(plain, own.arms), plain(own.loose))
    )
    return RestTracks((left, right), loose, own.names)


def free_spans(hints: Hints) -> list[tuple[float, float]]:
    """Stretches of the window in seconds, -inf or inf at the take's own ends, between its borders and pinned arms."""
    first, end = hints.window
    # A hand that is only turned or shaped does not hold its arm.
    pinned = hints.rotation_mask[first:end, [*SHOULDERS, *ELBOWS]].any(axis=1)
    frames = set((first + np.flatnonzero(pinned)).tolist())
    frames |= {target.frame for target in hints.targets if target.joint in WRISTS and first <= target.frame < end}
    edges = [first / hints.fps if first > 0 else -np.inf, *(frame / hints.fps for frame in sorted(frames))]
    edges.append(end / hints.fps if end < hints.frames else np.inf)
    return list(pairwise(edges))


def other_rests(base: RestTracks, own: RestTracks, spans: list[tuple[float, float]]) -> RestTracks:
    """The base's rest postures, and the seed's own ones where a span leaves the time to take them and to come back."""
    moves: list[tuple[float, float, float]] = []
    start = 0.0
    for low, high in spans:
        if high - low < 2.0 * NEW_REST_SECONDS + 0.5:
            continue
        if np.isfinite(low):
            moves.append((low, NEW_REST_SECONDS, 1.0))
        else:
            start = 1.0
        if np.isfinite(high):
            moves.append((high - NEW_REST_SECONDS, NEW_REST_SECONDS, 0.0))
    weight = steps(start, moves)
    left, right = (Blend(plain(base.arms[side]), plain(own.arms[side]), weight) for side in (0, 1))
    return RestTracks((left, right), Blend(plain(base.loose), plain(own.loose), weight), base.names)


def plain(track: Steps | Blend) -> Steps:
    """The steps of a track that is not blended yet."""
    return track if isinstance(track, Steps) else track.first


def rests_of(old: GesturePlan, new: GesturePlan) -> GesturePlan:
    """The plan whose gestures the rest postures follow: the old one, so that the hands rest as they do in the base.

    A rest posture changes unseen while a gesture is held; under one that is gone it must change at leisure.
    """
    there = {phrase.id: phrase for phrase in new.phrases}
    slow = tuple(
        phrase
        if phrase.id in there and there[phrase.id].onset < phrase.hold_end <= there[phrase.id].retract_end
        else replace(phrase, hold_end=max(phrase.hold_end, phrase.apex + 1.0))
        for phrase in old.phrases
    )
    return replace(old, phrases=slow)
