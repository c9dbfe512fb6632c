"""Cleanup of a generated clip: soft joint limits, arms and hands kept out of the body and of each other, planted feet.

All work on frames of the output, on local rotation matrices (T, 55, 3, 3) and ``trans`` (T, 3). Where nothing is
wrong the input comes back bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.body.joints import ANKLES, ARMS, HANDS, LEG_JOINTS
from engine.body.kinematics import normalized, two_bone_delta
from engine.body.legs import knee_poles, overstretch, solve_legs
from engine.body.limits import joint_limits, limit_rotations
from engine.body.skeleton import Skeleton
from engine.body.solids import arm_samples, body_distance, body_table, hand_distance

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

# By eye.
PLANTED_MOVE = 1e-4  # metres a frame: feet that slide less are left as they are
_ROUNDS = 6  # of pushing arms out, at most
_CHUNK = 2048  # frames at a time
_SPREAD_SECONDS = 0.14  # over which a push rises and falls
_NEAR_HANDS = 0.40  # m between wrists, from which hands can touch: two hands long
_OVERSHOOT = 1.08  # times the depth that one push takes away
_ONE_TOUCH_SECONDS = 0.25  # between two depths that are one touch
_FADE_SECONDS = 0.2  # over which a foot lock comes and goes


def clean(local: Array, trans: Array, fps: float, skeleton: Skeleton) -> tuple[Array, Array]:
    """Soft joint limits, then de-penetration of arms and hands; returns new arrays (local, trans).

    ``local`` (T, 55, 3, 3), ``trans`` (T, 3) metres as SMPL-X ``transl``, ``fps`` frames a second. Frames and joints
    with nothing to correct are returned exactly.
    """
    out = np.array(local, dtype=np.float64, copy=True)
    for limit in joint_limits():
        out[:, limit.joint], _ = limit_rotations(out[:, limit.joint], limit)
    push_arms(out, trans, fps, skeleton)
    return out, np.array(trans, dtype=np.float64, copy=True)


def foot_lock(
    local: Array, trans: Array, fps: float, skeleton: Skeleton, contacts: Flags | None = None
) -> tuple[Array, Array]:
    """Hold planted feet still by solving the legs again; returns new arrays (local, trans).

    ``contacts`` (T, 2) says when the left and right foot stand; None means always. During a contact ankle and sole keep
    the place they have on its average; beside it the correction fades within 0.2 s. Where a leg would be
    overstretched the pelvis comes down. A clip whose planted feet slide less than 0.1 mm a frame is returned exactly.
    """
    frames = len(local)
    flags = np.ones((frames, 2), dtype=bool) if contacts is None else np.asarray(contacts, dtype=bool)
    points, world = skeleton.forward_matrices(local, trans)
    ankles, soles = points[:, list(ANKLES)].copy(), world[:, list(ANKLES)].copy()
    changed = np.zeros(frames, dtype=bool)
    for side in (0, 1):
        for start, stop in _runs(flags[:, side]):
            moved = np.linalg.norm(np.diff(ankles[start:stop, side], axis=0), axis=-1).max(initial=0.0)
            turned = np.abs(np.diff(soles[start:stop, side], axis=0)).max(initial=0.0)
            if moved > PLANTED_MOVE or turned > 1e-3:
                fade = max(1, round(_FADE_SECONDS * fps))
                _hold(ankles[:, side], soles[:, side], start, stop, fade, flags[:, side])
                changed[max(0, start - fade) : stop + fade] = True
    out = np.array(local, dtype=np.float64, copy=True)
    place = np.array(trans, dtype=np.float64, copy=True)
    rows = np.flatnonzero(changed)
    if len(rows):
        lowered = points[rows, 0].copy()
        lowered[:, 1] -= overstretch(skeleton, points[rows, 0], world[rows, 0], ankles[rows])
        poles = knee_poles(points[rows], world[rows])
        legs, _ = solve_legs(skeleton, lowered, world[rows, 0], ankles[rows], soles[rows], poles)
        for place_in_leg, joint in enumerate(LEG_JOINTS[:6]):
            out[rows, joint] = legs[:, place_in_leg]
        place[rows] += lowered - points[rows, 0]
    return out, place


def _hold(ankle: Array, sole: Array, start: int, stop: int, fade: int, flags: Flags) -> None:
    """Replace a contact's ankle (T, 3) and sole (T, 3, 3) by one place, fading the shift out into the free frames."""
    place = np.median(ankle[start:stop], axis=0)
    mean = sole[start:stop].mean(axis=0)
    u, _, vt = np.linalg.svd(mean)
    orientation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    for edge, step in ((start, -1), (stop - 1, 1)):
        shift = place - ankle[edge]
        for index in range(1, fade + 1):
            frame = edge + step * index
            if not 0 <= frame < len(ankle) or flags[frame]:
                break
            rest = 1.0 - index / (fade + 1.0)
            ankle[frame] += shift * rest * rest * (3.0 - 2.0 * rest)
    ankle[start:stop] = place
    sole[start:stop] = orientation


def push_arms(local: Array, trans: Array, fps: float, skeleton: Skeleton) -> None:
    """Move arms out of trunk, head, thighs and the other hand, in place, by two-bone IK with the push smoothed in time.

    Hands keep their world orientation. Contact closer than the tolerance of assets/postures/body.json is left alone.
    """
    active = np.ones(len(local), dtype=bool)
    for _ in range(_ROUNDS):
        need = np.zeros((len(local), 2, 2, 3))
        for part in _parts(active):
            need[part] = _requests(local[part], trans[part], skeleton, part, _ONE_TOUCH_SECONDS * fps)
        if not need.any():
            return
        push = _spread(need, fps)
        active = np.any(push != 0.0, axis=(1, 2, 3))
        for part in _parts(active):
            _move_arms(local, part, trans, push[part], skeleton)


def _requests(local: Array, trans: Array, skeleton: Skeleton, frames: Indices, gap: float) -> Array:
    """(T, 2 arms, 2, 3): by how much elbow and wrist ought to move, metres; zeros where nothing is inside.

    ``frames`` (T,) are the clip's frame numbers of these poses; overlaps of the hands at most ``gap`` apart are one
    touch.
    """
    points, world = skeleton.forward_matrices(local, trans)
    table = body_table()
    out = np.zeros((len(local), 2, 2, 3))
    samples = [arm_samples(skeleton, points, side, upper=True) for side in (0, 1)]
    for side in (0, 1):
        distance, normal = body_distance(samples[side], points, world)
        deep = np.maximum(-distance - float(table["tolerance"]), 0.0)
        _add_requests(out[:, side], deep, normal, samples[side].share)
    apart = np.linalg.norm(points[:, ARMS[0][2]] - points[:, ARMS[1][2]], axis=-1)
    close = np.flatnonzero(apart < _NEAR_HANDS)
    if len(close):
        _add_hand_requests(out, close, points, world, skeleton, frames, gap)
    return out


def _add_hand_requests(
    out: Array, close: Indices, points: Array, world: Array, skeleton: Skeleton, numbers: Indices, gap: float
) -> None:
    """Both hands give way by half of the overlap, along one way out for the whole of a touch.

    One direction a touch, because the nearest way out turns round as a hand passes through the other.
    """
    near, frames = points[close], world[close]
    tolerance = float(body_table()["hands_tolerance"])
    best, way = np.zeros(len(close)), np.zeros((len(close), 3))
    for side, sign in ((0, 1.0), (1, -1.0)):  # always as the left hand's way
        samples = arm_samples(skeleton, near, side)
        distance, normal = hand_distance(samples, near, frames, 1 - side)
        deep = np.maximum(-distance - tolerance, 0.0)
        best = np.maximum(best, deep.max(axis=1))
        way += sign * np.sum(deep[..., None] * normal, axis=1)
    middle = [near[:, list(HANDS[side])].mean(axis=1) for side in (0, 1)]
    way += 0.25 * best[:, None] * normalized(middle[0] - middle[1])
    touching = np.flatnonzero(best > 0.0)
    for touch in np.split(touching, np.flatnonzero(np.diff(numbers[close[touching]]) > gap) + 1):
        if not len(touch):
            continue
        direction = normalized(way[touch].sum(axis=0))
        slant = np.clip(normalized(way[touch]) @ direction, 0.5, 1.0)
        half = np.outer(0.5 * _OVERSHOOT * best[touch] / slant, direction)
        out[close[touch], 0, 1] += half
        out[close[touch], 1, 1] -= half


def _add_requests(out: Array, deep: Array, normal: Array, share: Array) -> None:
    """Deepest sphere of the hand moves the wrist; what forearm and upper arm still need is split by the place along the
    arm: of the upper arm only the elbow can move."""
    rows = np.arange(len(deep))
    for group in (share >= 1.0, (share >= 0.0) & (share < 1.0), share < 0.0):
        index = np.flatnonzero(group)
        worst = index[deep[:, index].argmax(axis=1)]
        direction = normal[rows, worst]
        along = share[worst][:, None]
        elbow, wrist = 1.0 - np.abs(along), np.maximum(along, 0.0)
        given = np.sum((out[:, 0] * elbow + out[:, 1] * wrist) * direction, axis=-1)
        open_ = np.maximum(_OVERSHOOT * deep[rows, worst] - np.where(deep[rows, worst] > 0.0, given, 0.0), 0.0)
        push = open_[:, None] * direction / (elbow**2 + wrist**2)
        out[:, 0] += elbow * push
        out[:, 1] += wrist * push


def _spread(need: Array, fps: float) -> Array:
    """The pushes (T, 2, 2, 3) held over a window and smoothed: nowhere weaker than needed, zero beyond the window."""
    half = max(1, round(_SPREAD_SECONDS * fps))
    reach = np.arange(-half, half + 1) / (0.5 * half)
    kernel = np.exp(-0.5 * reach**2)
    kernel /= kernel.sum()
    out = np.zeros_like(need)
    for arm in (0, 1):
        for end in (0, 1):
            vectors = need[:, arm, end]
            size = np.linalg.norm(vectors, axis=-1)
            if not size.any():
                continue
            windows = sliding_window_view(np.pad(size, half), 2 * half + 1)
            source = np.clip(np.arange(len(size)) + windows.argmax(axis=1) - half, 0, len(size) - 1)
            held = np.where(windows.max(axis=1)[:, None] > 0.0, vectors[source], 0.0)
            padded = np.pad(held, ((half, half), (0, 0)), mode="edge")
            for axis in range(3):
                out[:, arm, end, axis] = np.convolve(padded[:, axis], kernel, mode="valid")
    # Products of the convolution below a hundredth of a micrometre are nothing.
    out[np.linalg.norm(out, axis=-1) < 1e-8] = 0.0
    return out


def _move_arms(local: Array, part: Indices, trans: Array, push: Array, skeleton: Skeleton) -> None:
    points, world = skeleton.forward_matrices(local[part], trans[part])
    for side, sign in ((0, 1.0), (1, -1.0)):
        moved = np.any(push[:, side] != 0.0, axis=(1, 2))
        if not moved.any():
            continue
        shoulder, elbow, wrist = ARMS[side]
        s, e, w = (points[moved, joint] for joint in (shoulder, elbow, wrist))
        hinge = world[moved, shoulder] @ np.array([0.0, -sign, 0.0])
        delta = two_bone_delta(s, e, w, w + push[moved, side, 1], e + push[moved, side, 0], hinge)
        upper = delta.upper @ world[moved, shoulder]
        lower = delta.lower @ world[moved, elbow]
        rows = part[moved]
        local[rows, shoulder] = np.swapaxes(world[moved, skeleton.parents[shoulder]], -1, -2) @ upper
        local[rows, elbow] = np.swapaxes(upper, -1, -2) @ lower
        local[rows, wrist] = np.swapaxes(lower, -1, -2) @ world[moved, wrist]


def _parts(active: Flags) -> Iterator[Indices]:
    """Indices of active frames in pieces of bounded size."""
    indices = np.flatnonzero(active)
    for start in range(0, len(indices), _CHUNK):
        yield indices[start : start + _CHUNK]


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """(start, stop) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
