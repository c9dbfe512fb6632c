"""Targets in the world as pins of the joints that reach them: two-bone IK for wrists and ankles, look-at for the head.

All limbs and frames are solved on the pose that rotation and root pins leave; the poses found are then spread in time
like pins, so that a target is met exactly and the motion through it is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.body.joints import HEAD, NECK
from engine.body.limits import joint_limits, limit_rotations
from engine.body.rotations import matrix_to_axis_angle
from engine.body.skeleton import Skeleton
from engine.hints.channels import Span
from engine.hints.limbs import LIMBS, Limb, Posed, minimal_turn, move_end, pose_joints
from engine.hints.types import Hints, Target

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

# By eye.
_NECK_SHARE = 0.4  # of the turn that looks at a target; the head has the rest
_SOFT = 0.0005  # m short of straight at the very end of a limb's reach
_ROUNDS = 6  # of turning, at most


@dataclass(frozen=True, eq=False)
class TargetPins:
    """Joint rotations that reach the targets: ``poses`` (F, 55, 3) where ``mask`` (F, 55), on the span's frames;
    ``joints`` are those with any."""

    joints: tuple[int, ...]
    mask: Flags
    poses: Array


def aim(poses: Array, trans: Array, hints: Hints, span: Span) -> TargetPins | None:
    """Poses that reach the hints' targets inside the window, from the span's poses (F, 55, 3) and root (F, 3).

    Joints that are pinned on a target's frame, or not free, keep their rotation; what freedom is left is used. None
    where there are no targets in the window.
    """
    mask = np.zeros(poses.shape[:2], np.bool_)
    out = poses.copy()
    places: dict[int, dict[int, Target]] = {}
    for target in hints.targets:
        if span.first <= target.frame < span.end:
            places.setdefault(target.joint, {})[target.frame] = target  # of two on one frame the later one
    for joint, by_frame in sorted(places.items()):
        frames = np.array(sorted(by_frame))
        rows = frames - span.low
        goal = np.array([by_frame[frame].xyz for frame in frames], dtype=np.float64)
        locked = hints.rotation_mask[frames] | ~hints.free_joints
        if joint in LIMBS:
            _reach(LIMBS[joint], out, mask, rows, goal, locked, trans, hints.skeleton)
        else:
            _turn_head(out, mask, rows, goal, locked, trans, hints.skeleton)
    joints = np.flatnonzero(mask.any(axis=0))
    return TargetPins(tuple(int(joint) for joint in joints), mask, out) if len(joints) else None


def _reach(
    limb: Limb, poses: Array, mask: Flags, rows: Indices, goal: Array, locked: Flags, trans: Array, skeleton: Skeleton
) -> None:
    """Pose ``limb`` in place on ``rows`` so that its end lies at ``goal`` (N, 3)."""
    upper, lower, end = limb.joints
    for fixed_upper in (False, True):
        for fixed_lower in (False, True):
            chosen = np.flatnonzero((locked[:, upper] == fixed_upper) & (locked[:, lower] == fixed_lower))
            if not len(chosen) or (fixed_upper and fixed_lower):
                continue
            at = rows[chosen]
            posed = pose_joints(skeleton, poses[at], trans[at], (end,))
            new_upper, new_lower = posed.turns[upper], posed.turns[lower]
            root, middle, tip = (posed.points[joint] for joint in limb.joints)
            if fixed_upper:
                new_lower = minimal_turn(tip - middle, goal[chosen] - middle) @ new_lower
            elif fixed_lower:
                turn = minimal_turn(tip - root, goal[chosen] - root)
                new_upper, new_lower = turn @ new_upper, turn @ new_lower
            else:
                move = move_end(posed, limb, goal[chosen], _SOFT)
                new_upper, new_lower = move.upper, move.lower
            free_end = ~locked[chosen, end]
            if not fixed_upper:
                _set(poses, mask, at, upper, _local(posed.turns[skeleton.parents[upper]], new_upper))
            if not fixed_lower:
                _set(poses, mask, at, lower, _local(new_upper, new_lower))
            if free_end.any():  # the hand keeps its orientation in the world
                kept = _local(new_lower, posed.turns[end])[free_end]
                _set(poses, mask, at[free_end], end, kept)


def _turn_head(
    poses: Array, mask: Flags, rows: Indices, goal: Array, locked: Flags, trans: Array, skeleton: Skeleton
) -> None:
    """Turn neck and head in place on ``rows`` so that the head's +Z points at ``goal`` (N, 3)."""
    limits = {limit.joint: limit for limit in joint_limits()}
    for fixed_neck in (False, True):
        for fixed_head in (False, True):
            chosen = np.flatnonzero((locked[:, NECK] == fixed_neck) & (locked[:, HEAD] == fixed_head))
            if not len(chosen) or (fixed_neck and fixed_head):
                continue
            at = rows[chosen]
            # The neck carries its share, then what the head cannot; each round the head's place has moved.
            shares = [(NECK, 1.0)] * _ROUNDS if fixed_head else [(NECK, _NECK_SHARE), (HEAD, 1.0)] * 2
            for number, (joint, share) in enumerate(shares):
                if locked[chosen[0], joint]:
                    continue
                miss = _turn_to(poses[at], trans[at], goal[chosen], skeleton)
                turn = np.asarray(Rotation.from_rotvec((share if number < 2 else 1.0) * miss.vector).as_matrix())
                local = _local(miss.posed.turns[skeleton.parents[joint]], turn @ miss.posed.turns[joint])
                _set(poses, mask, at, joint, limit_rotations(local, limits[joint])[0])


@dataclass(frozen=True, eq=False)
class _Miss:
    vector: Array  # (N, 3) world rotation vector that would bring the head's +Z onto its target
    posed: Posed


def _turn_to(poses: Array, trans: Array, goal: Array, skeleton: Skeleton) -> _Miss:
    posed = pose_joints(skeleton, poses, trans, (HEAD,))
    turn = minimal_turn(posed.turns[HEAD][:, :, 2], goal - posed.points[HEAD])
    return _Miss(matrix_to_axis_angle(turn), posed)


def _local(parent: Array, world: Array) -> Array:
    return np.swapaxes(parent, -1, -2) @ world


def _set(poses: Array, mask: Flags, rows: Indices, joint: int, local: Array) -> None:
    poses[rows, joint] = matrix_to_axis_angle(local)
    mask[rows, joint] = True


def report(poses: Floats, trans: Floats, hints: Hints) -> list[dict[str, Any]]:
    """For each target, in the hints' order: joint, frame, ``residual_mm``, ``reached`` (within its tolerance).

    ``poses`` (T, 55, 3) and ``trans`` (T, 3) are the finished take's. A head's residual is how far its line of sight
    passes from the target; its whole distance where it looks away.
    """
    if not hints.targets:
        return []
    frames = sorted({target.frame for target in hints.targets})
    joints = tuple(sorted({target.joint for target in hints.targets}))
    posed = pose_joints(hints.skeleton, poses[frames].astype(np.float64), trans[frames].astype(np.float64), joints)
    rows = {frame: row for row, frame in enumerate(frames)}
    out = []
    for target in hints.targets:
        row = rows[target.frame]
        way = np.array(target.xyz) - posed.points[target.joint][row]
        miss = float(np.linalg.norm(way))
        if target.joint == HEAD:
            sight = posed.turns[HEAD][row][:, 2]
            miss = float(np.linalg.norm(np.cross(sight, way))) if float(sight @ way) > 0.0 else miss
        out.append(
            {
                "joint": target.joint,
                "frame": target.frame,
                "residual_mm": round(1000.0 * miss, 4),
                "reached": bool(miss <= target.tolerance_m),
            }
        )
    return out
