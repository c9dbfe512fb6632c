"""Planted feet through an edit: feet stay where the generated motion has them, or at the borders the base.

Pins of the root, and what fades out around them, would carry the feet along. Here every foot gets a path in the world,
and the legs are bent to it; what the legs' own pins ask of a foot is part of that path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening

from engine.body.curves import minimum_jerk_power, smooth_step
from engine.body.joints import ANKLES, HIPS, KNEES, TOES
from engine.body.legs import overstretch
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import Skeleton
from engine.hints.channels import PLACE_SLACK, ROTATION_SLACK, Span, rotation_residuals, turned
from engine.hints.limbs import LIMBS, Posed, move_end, pose_joints
from engine.hints.spline import Knots, correction
from engine.hints.types import Hints

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# By eye.
_PLANTED_SPEED = 0.15  # m/s of ankle and toe base
_PLANTED_HEIGHT = 0.04  # m of the toe base above where it stands
_FADE_SECONDS = 0.2  # over which a foot lock comes and goes
_STILL = 2e-6  # m, rad: less is no correction
_SHORTEST_SECONDS = 0.1  # shorter stands and steps are flicker
_SOFT = 0.001  # m short of straight at the very end of a leg's reach


@dataclass(frozen=True, eq=False)
class _Foot:
    """A foot on the span's frames: ankle (F, 3) metres, sole (F, 3) rotation vector, whether it stands (F,)."""

    ankle: Array
    sole: Array
    planted: Flags


@dataclass(frozen=True, eq=False)
class _Goal:
    """Where a leg's foot shall be: ``here`` it is, ``ankle`` and ``sole`` (F, 3) it shall have, ``weight`` (F,) how
    firmly; on ``pinned`` (F,) frames the leg is not touched."""

    side: int
    here: _Foot
    ankle: Array
    sole: Array
    weight: Array
    pinned: Flags


def lower_root(
    poses: Array, trans: Array, generated: tuple[Array, Array], mask: Flags, fixed: Flags, hints: Hints, span: Span
) -> Array:
    """By how much the root comes down, metres (F,), so that legs reach planted feet; arguments as :func:`hold_feet`.

    Zero where the generator's own legs are as straight, and fading to zero towards the borders and, over half a pin's
    reach, towards frames on which the root is pinned, ``fixed`` (F,). Where legs are pinned in the window it stays.
    """
    none = np.zeros(len(poses))
    if not hints.free_trans or not hints.free_joints[[*HIPS, *KNEES, *ANKLES]].all():
        return none
    if mask[:, [*HIPS, *KNEES, *ANKLES]].any() or _unmoved(poses, trans, generated):
        return none
    skeleton = hints.skeleton
    wanted, posed = pose_joints(skeleton, *generated, TOES), pose_joints(skeleton, poses, trans, TOES)
    goals = _goals(wanted, posed, mask, hints, span)
    over = overstretch(skeleton, posed.points[0], posed.turns[0], np.stack([goal.ankle for goal in goals], axis=1))
    if not (over > 0.0).any():
        return none
    over -= overstretch(
        skeleton, wanted.points[0], wanted.turns[0], np.stack([wanted.points[ankle] for ankle in ANKLES], axis=1)
    )
    over = np.maximum(over, 0.0)
    beside = np.zeros(len(poses), np.bool_)
    beside[span.border] = True
    firm = np.minimum(goals[0].weight, goals[1].weight) * _away(beside, _FADE_SECONDS * hints.fps)
    return np.asarray(firm * _away(fixed, 0.5 * span.reach) * over, dtype=np.float64)


def hold_feet(
    poses: Array, trans: Array, generated: tuple[Array, Array], mask: Flags, hints: Hints, span: Span
) -> Flags:
    """Bend the legs of ``poses`` (F, 55, 3), in place, so that planted feet stay; returns which poses moved (W, 55).

    ``trans`` (F, 3) is the root's place, ``generated`` the generator's poses and root, ``mask`` (F, 55) the pins.
    Frames on which a leg is pinned are left as they are, and so are legs that are not free as a whole.
    """
    moved = np.zeros((span.end - span.first, poses.shape[1]), np.bool_)
    if _unmoved(poses, trans, generated):
        return moved
    skeleton = hints.skeleton
    wanted, posed = pose_joints(skeleton, *generated, TOES), pose_joints(skeleton, poses, trans, TOES)
    for goal in _goals(wanted, posed, mask, hints, span):
        here, limb = goal.here, LIMBS[ANKLES[goal.side]]
        shift = goal.weight[:, None] * (goal.ankle - here.ankle)
        turn = goal.weight[:, None] * rotation_residuals(here.sole, goal.sole)
        rows = np.linalg.norm(shift, axis=1) + np.linalg.norm(turn, axis=1) > _STILL
        rows &= ~goal.pinned
        rows[span.border] = False
        at = np.flatnonzero(rows)
        if len(at):
            sole = turned(here.sole[at], turn[at])
            _bend(poses, at, posed, goal.side, here.ankle[at] + shift[at], sole, skeleton)
            moved[np.ix_(at - (span.first - span.low), np.array(limb.joints))] = True
    return moved


def _unmoved(poses: Array, trans: Array, generated: tuple[Array, Array]) -> bool:
    """Whether root and legs are as they were generated."""
    joints = [0, *HIPS, *KNEES, *ANKLES]
    return bool(np.array_equal(poses[:, joints], generated[0][:, joints]) and np.array_equal(trans, generated[1]))


def _goals(wanted: Posed, posed: Posed, mask: Flags, hints: Hints, span: Span) -> list[_Goal]:
    """The feet's goals, of legs that are free as a whole."""
    out = []
    for side in (0, 1):
        joints = list(LIMBS[ANKLES[side]].joints)
        if hints.free_joints[joints].all():
            there = _foot(wanted, side, hints.skeleton, hints.fps)
            here = _foot(posed, side, hints.skeleton, hints.fps)
            pinned = mask[:, joints].any(axis=1)
            ankle, sole = _path(there, here, pinned, span)
            out.append(_Goal(side, here, ankle, sole, _weight(there, here, span, hints.fps), pinned))
    return out


def _foot(posed: Posed, side: int, skeleton: Skeleton, fps: float) -> _Foot:
    ankle, toe = posed.points[ANKLES[side]], posed.points[TOES[side]]
    steps = np.maximum(np.linalg.norm(np.diff(ankle, axis=0), axis=1), np.linalg.norm(np.diff(toe, axis=0), axis=1))
    speed = np.zeros(len(ankle))
    if len(steps):
        speed = np.minimum(np.append(steps, steps[-1]), np.append(steps[0], steps)) * fps
    planted = (speed < _PLANTED_SPEED) & (toe[:, 1] < skeleton.toe_height + _PLANTED_HEIGHT)
    planted = _without_flicker(planted, max(1, round(_SHORTEST_SECONDS * fps)))
    return _Foot(ankle, matrix_to_axis_angle(posed.turns[ANKLES[side]]), planted)


def _without_flicker(flags: Flags, shortest: int) -> Flags:
    """Flags (F,) without gaps and then without runs of at most ``shortest`` frames; the ends count as going on."""
    if flags.all() or not flags.any():
        return flags
    padded = np.pad(flags, shortest, mode="edge")
    closed = binary_closing(padded, np.ones(shortest + 1, np.bool_))
    closed[:shortest], closed[-shortest:] = flags[0], flags[-1]
    opened = binary_opening(closed, np.ones(shortest + 1, np.bool_))
    return np.asarray(opened[shortest:-shortest], dtype=np.bool_)


def _path(there: _Foot, here: _Foot, pinned: Flags, span: Span) -> tuple[Array, Array]:
    """Where a foot shall be, ankle (F, 3) and sole (F, 3): the generated path, shifted to the base's at the borders and
    to the pinned legs'."""
    shift = np.concatenate([here.ankle - there.ankle, rotation_residuals(there.sole, here.sole)], axis=1)
    line = _between_borders(there, here, shift, span)
    rows = np.flatnonzero(pinned)
    if len(rows):
        low, size = span.low, span.first - span.low
        knots = np.concatenate([np.arange(size), rows, np.arange(span.end - low, span.high - low)])
        border = (knots < size) | (knots >= span.end - low)
        values = np.where(border[:, None], 0.0, shift[knots] - line[knots]).reshape(len(knots), 2, 3)
        lattice = Knots(knots.astype(np.float64), border)
        frames = np.arange(len(shift), dtype=np.float64)
        bumps = correction(lattice, values, frames, span.reach, min(PLACE_SLACK, ROTATION_SLACK))
        line = line + bumps.reshape(len(shift), 6)
    return there.ankle + line[:, :3], turned(there.sole, line[:, 3:])


def _between_borders(there: _Foot, here: _Foot, shift: Array, span: Span) -> Array:
    """The shift (F, 6) of ankle and sole from generated to base feet: from what it is at the one border to what it is
    at the other, while the generated foot is in the air where it ever is."""
    size = len(shift)
    left = span.first - span.low - 1 if span.first > 0 and here.planted[0] else None
    right = span.end - span.low if span.end < span.frames and here.planted[-1] else None
    if left is None:
        return np.zeros((size, 6)) if right is None else np.repeat(shift[[right]], size, axis=0)
    if right is None:
        return np.repeat(shift[[left]], size, axis=0)
    inside = np.arange(left, right + 1)
    free = ~there.planted[inside]
    way = np.linspace(0.0, 1.0, len(inside))
    if free.any():
        way = np.cumsum(free) / free.sum()
    weight = np.concatenate([np.zeros(left), minimum_jerk_power(way), np.ones(size - right - 1)])[:, None]
    return np.asarray(shift[left] + weight * (shift[right] - shift[left]), dtype=np.float64)


def _weight(there: _Foot, here: _Foot, span: Span, fps: float) -> Array:
    """How much a foot is held, (F,): 1 while it stands, fading where it steps or meets a base that does."""
    stands = there.planted.copy()
    stands[span.border] = here.planted[span.border]
    return _away(~stands, _FADE_SECONDS * fps)


def _away(flags: Flags, fade: float) -> Array:
    """(F,) from 0 on the flagged frames to 1 ``fade`` frames from all of them, smoothly."""
    there = np.flatnonzero(flags)
    if not len(there):
        return np.ones(len(flags))
    frames = np.arange(len(flags))
    near = np.searchsorted(there, frames)
    after, before = there[np.minimum(near, len(there) - 1)], there[np.maximum(near - 1, 0)]
    part = np.clip(np.minimum(np.abs(frames - after), np.abs(frames - before)) / max(1.0, fade), 0.0, 1.0)
    return smooth_step(part)


def _bend(
    poses: Array, at: NDArray[np.intp], posed: Posed, side: int, ankle: Array, sole: Array, skeleton: Skeleton
) -> None:
    """Put a leg's ankle and sole in place on the frames ``at``."""
    limb = LIMBS[ANKLES[side]]
    here = Posed(
        {joint: posed.points[joint][at] for joint in limb.joints},
        {joint: posed.turns[joint][at] for joint in limb.joints},
    )
    move = move_end(here, limb, ankle, _SOFT)
    parent = posed.turns[skeleton.parents[limb.upper]][at]
    for joint, above, own in (
        (limb.upper, parent, move.upper),
        (limb.lower, move.upper, move.lower),
        (limb.end, move.lower, axis_angle_to_matrix(sole)),
    ):
        poses[at, joint] = matrix_to_axis_angle(np.swapaxes(above, -1, -2) @ own)
