"""Where a living body stands: its skeleton, its planted feet, and how far a take's own place is from the usual one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk_terms
from engine.body.joints import ANKLES, TOES
from engine.body.kinematics import rotation_y, steady_arctan2
from engine.body.legs import SOFT_KNEE, Feet, leg_length
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import Skeleton, default_skeleton
from engine.generators.life.footsteps import Footstep, walked

Array = NDArray[np.float64]

SAME_FOOT = (0.001, 0.004)  # m and rad below which a base's foot is the drawn one, by eye
SAME_PLACE = (0.003, 0.009)  # m and rad below which its pelvis is where life has it, by eye


@dataclass(frozen=True, eq=False)
class Stance:
    """A standing body. ``scale`` is its leg length over ours: how far it sways and shifts.

    ``feet`` and the carry (``yaw`` radians, ``offset`` metres x and z) are those at both ends of ``span`` seconds, and
    go smoothly from the first to the last between them: a take that is made anew in a window stands where it stood.
    Feet that are the same at both ends take ``steps``.
    """

    skeleton: Skeleton
    scale: float
    feet: tuple[Feet, Feet]
    span: tuple[float, float] = (0.0, 1.0)
    yaw: tuple[float, float] = (0.0, 0.0)
    offset: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    steps: tuple[Footstep, ...] = ()

    @property
    def at_home(self) -> bool:
        """Whether the body stands where life puts it."""
        return self.yaw == (0.0, 0.0) and self.offset == ((0.0, 0.0), (0.0, 0.0))

    def way(self, times: Array) -> Array:
        """(T,) from 0 at the span's start to 1 at its end."""
        return minimum_jerk_terms((times - self.span[0]) / max(self.span[1] - self.span[0], 1e-6))

    def heading(self, times: Array) -> Array | None:
        """(T, 3, 3) turn of the whole body; None where there is none."""
        if self.at_home:
            return None
        return rotation_y(self.yaw[0] + (self.yaw[1] - self.yaw[0]) * self.way(times))

    def feet_at(self, times: Array) -> Feet:
        """The feet at (T,) seconds, (2, 3) where they stay put, else (T, 2, 3)."""
        first, last = self.feet
        if first is last:
            return walked(first, self.steps, times)
        way = self.way(times)[:, None, None]
        turn = matrix_to_axis_angle(np.swapaxes(first.orientations, -1, -2) @ last.orientations)
        soles = first.orientations @ axis_angle_to_matrix(way * turn)
        return Feet(first.ankles + way * (last.ankles - first.ankles), soles)


def default_stance(feet: Feet, steps: tuple[Footstep, ...] = ()) -> Stance:
    """Our own skeleton on these feet and with these steps, where life puts it."""
    return Stance(default_skeleton(), 1.0, (feet, feet), steps=steps)


def carried(stance: Stance, times: Array, pelvis: Array, root: Array) -> tuple[Array, Array]:
    """Pelvis (T, 3) and root orientation (T, 3, 3), turned and moved to where the take stands."""
    heading = stance.heading(times)
    if heading is None:
        return pelvis, root
    way = stance.way(times)[:, None]
    first, last = (np.array([x, 0.0, z]) for x, z in stance.offset)
    home = np.array([0.0, 0.0, stance.skeleton.rest[0, 2]])
    place = home + (heading @ (pelvis - home)[..., None])[..., 0] + first + way * (last - first)
    return place, heading @ root


def scaled_stance(skeleton: Skeleton, stance: Stance) -> Stance:
    """The stance drawn for our skeleton on another one: width, steps and sway by leg length, soles on the floor."""
    ours, drawn = default_skeleton(), stance.feet[0]
    if skeleton.rest is ours.rest:
        return stance
    scale = leg_length(skeleton, 0, SOFT_KNEE) / leg_length(ours, 0, SOFT_KNEE)
    ankles = np.empty((2, 3))
    for side in (0, 1):
        ankles[side, 0] = scale * drawn.ankles[side, 0]
        ankles[side, 1] = skeleton.toe_height - (skeleton.rest[TOES[side]] - skeleton.rest[ANKLES[side]])[1]
        ankles[side, 2] = skeleton.rest[0, 2] + scale * (drawn.ankles[side, 2] - ours.rest[0, 2])
    feet = Feet(ankles, drawn.orientations)
    return Stance(skeleton, scale, (feet, feet), steps=tuple(step.scaled(scale, skeleton) for step in stance.steps))


def stance_of_base(
    stance: Stance, span: tuple[float, float], times: Array, base: tuple[Array, Array], lived: tuple[Array, Array]
) -> Stance:
    """The stance on which a window's body meets its base: feet, place and heading are the base's at both ends.

    ``span`` seconds of the window; ``times`` (2,) of the frames at which base and life are compared; both as local
    rotations (2, 55, 3, 3) and ``trans`` (2, 3). What agrees with ``stance`` but for rounding stays exactly as it was
    drawn.
    """
    skeleton = stance.skeleton
    points, world = skeleton.forward_matrices(*base)
    drawn = [stance.feet_at(times[end : end + 1]) for end in (0, 1)]
    drawn = [Feet(one.ankles.reshape(2, 3), one.orientations.reshape(2, 3, 3)) for one in drawn]
    feet = [_foot_places(drawn[end], points[end], world[end]) for end in (0, 1)]
    yaw = _yaw(base[0][:, 0]) - _yaw(lived[0][:, 0])
    yaw = (yaw + np.pi) % (2.0 * np.pi) - np.pi
    home = np.array([0.0, 0.0, skeleton.rest[0, 2]])
    own = lived[1] + skeleton.rest[0] - home
    offset = (base[1] + skeleton.rest[0] - home - (rotation_y(yaw) @ own[..., None])[..., 0])[:, [0, 2]]
    if np.abs(yaw).max() < SAME_PLACE[1] and np.abs(offset).max() < SAME_PLACE[0]:
        yaw, offset = np.zeros(2), np.zeros((2, 2))
    elif abs(yaw[1] - yaw[0]) > np.pi:  # the short way round
        yaw[1] -= np.copysign(2.0 * np.pi, yaw[1] - yaw[0])
    here = replace(
        stance,
        span=span,
        yaw=(float(yaw[0]), float(yaw[1])),
        offset=((float(offset[0, 0]), float(offset[0, 1])), (float(offset[1, 0]), float(offset[1, 1]))),
    )
    if feet[0] is drawn[0] and feet[1] is drawn[1]:
        return here
    if np.abs(yaw[1] - yaw[0]) < SAME_PLACE[1] and np.abs(offset[1] - offset[0]).max() < SAME_PLACE[0]:
        turn, move = rotation_y(np.array(yaw[0])), np.array([offset[0, 0], 0.0, offset[0, 1]]) + home
        moved = [_carried_feet(one, turn, home, move) for one in drawn]
        if all(_foot_places(moved[end], points[end], world[end]) is moved[end] for end in (0, 1)):
            first = _carried_feet(stance.feet[0], turn, home, move)
            return replace(here, feet=(first, first), steps=tuple(step.turned(turn) for step in stance.steps))
    same = _same(feet[0], feet[1].ankles, feet[1].orientations)
    return replace(here, feet=(feet[0], feet[0] if same else feet[1]), steps=())


def _carried_feet(feet: Feet, turn: Array, home: Array, move: Array) -> Feet:
    """Feet (2, 3) turned by ``turn`` (3, 3) about ``home`` (3,), which comes to lie at ``move`` (3,)."""
    return Feet((feet.ankles - home) @ turn.T + move, turn @ feet.orientations)


def _foot_places(drawn: Feet, points: Array, world: Array) -> Feet:
    ankles, orientations = points[list(ANKLES)], world[list(ANKLES)]
    return drawn if _same(drawn, ankles, orientations) else Feet(ankles, orientations)


def _same(feet: Feet, ankles: Array, orientations: Array) -> bool:
    near = np.abs(feet.ankles - ankles).max() < SAME_FOOT[0]
    return bool(near and np.abs(feet.orientations - orientations).max() < SAME_FOOT[1])


def _yaw(root: Array) -> Array:
    """Heading (n,) radians of root orientations (n, 3, 3), to the left positive."""
    return steady_arctan2(root[:, 0, 2], root[:, 2, 2])
