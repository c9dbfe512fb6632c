"""Lines put behind each other as one clip: motion, and what is remembered of each line. No bpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..client.provenance import TakeMeta
from ..rig.convert import Array, axis_angle_to_quaternion, quaternion_to_axis_angle
from ..takes.chained import plan_of_lines

LEAST_GAP_SECONDS = 0.2  # by eye: less is no transition but a jerk
MEETING_RADIANS, MEETING_METRES = 0.05, 0.01  # ends this near need no transition, by eye


class ChainError(Exception):
    """The takes can't be chained; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True, eq=False)
class Line:
    """A take at its place in the chain: ``start`` is the scene frame of its first frame.

    ``poses`` (T, 55, 3), ``trans`` (T, 3), ``blendshapes`` (T, 52) or None; ``meta`` what its Action says of itself.
    """

    name: str
    start: int
    poses: Array
    trans: Array
    blendshapes: Array | None
    meta: TakeMeta

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.poses)

    @property
    def end(self) -> int:
        """The scene frame after the last one."""
        return self.start + self.frames


@dataclass(frozen=True, eq=False)
class Chain:
    """All lines as one clip from scene frame ``start`` on; ``gaps`` (first, end) are the take frames to be filled."""

    start: int
    poses: Array
    trans: Array
    blendshapes: Array | None
    gaps: tuple[tuple[int, int], ...]
    lines: tuple[Line, ...]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.poses)


def check_lines(lines: Sequence[Line], fps: float) -> None:
    """ChainError where lines, in time order, overlap or leave no room for a transition that they need."""
    least = max(2, round(LEAST_GAP_SECONDS * fps))
    for line, after in pairwise(lines):
        room = after.start - line.end
        if room < 0:
            raise ChainError(
                f"'{line.name}' and '{after.name}' overlap on frames {after.start} to {line.end - 1}; "
                "move one of the takes, or chain them One After Another"
            )
        if room < least and not _meet(line, after):
            raise ChainError(
                f"Between '{line.name}' and '{after.name}' are {room} frames; leave at least {least}, or pin the end "
                "of the first to the start of the second"
            )


def _meet(line: Line, after: Line) -> bool:
    """Whether a line ends as the next one begins, as pinned ends do."""
    a, b = axis_angle_to_quaternion(line.poses[-1]), axis_angle_to_quaternion(after.poses[0])
    turn = 2.0 * np.arccos(np.clip(np.abs(np.sum(a * b, axis=-1)), 0.0, 1.0))
    step = np.linalg.norm(line.trans[-1] - after.trans[0])
    return bool(turn.max() < MEETING_RADIANS and step < MEETING_METRES)


def build_chain(lines: Sequence[Line], before: int = 0, after: int = 0) -> Chain:
    """One clip of lines in time order that do not overlap, with ``before`` and ``after`` frames around them.

    The gaps hold a plain passage from pose to pose, until the engine fills them.
    """
    start = lines[0].start - before
    count = lines[-1].end + after - start
    poses, trans = np.zeros((count, 55, 3), np.float32), np.zeros((count, 3), np.float32)
    faces = [line.blendshapes for line in lines if line.blendshapes is not None]
    shapes = np.zeros((count, faces[0].shape[1]), np.float32) if faces else None
    for line in lines:
        rows = slice(line.start - start, line.end - start)
        poses[rows], trans[rows] = line.poses, line.trans
        if shapes is not None and line.blendshapes is not None:
            shapes[rows] = line.blendshapes
    edges = [0, *(edge - start for line in lines for edge in (line.start, line.end)), count]
    gaps = tuple((a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a)
    for first, end in gaps:
        _pass_over(poses, trans, shapes, first, end)
    return Chain(start, poses, trans, shapes, gaps, tuple(lines))


def _pass_over(poses: Array, trans: Array, shapes: Array | None, first: int, end: int) -> None:
    """Fill rows first..end from the row before to the row after; at an end of the clip the one pose is held."""
    low, high = first - 1, end
    if low < 0:
        low = high
    if high >= len(poses):
        high = low
    part = np.arange(1, end - first + 1) / (end - first + 1.0)
    poses[first:end] = between(poses[low], poses[high], part)
    for values in (trans, shapes):
        if values is not None:
            values[first:end] = values[low] + (values[high] - values[low]) * part[:, None]


def between(a: Array, b: Array, part: Array) -> Array:
    """Axis-angle rotations (n, J, 3) from (J, 3) to (J, 3) at ``part`` (n,), by normalised quaternions."""
    q, r = axis_angle_to_quaternion(a), axis_angle_to_quaternion(b)
    r = np.where(np.sum(q * r, axis=-1, keepdims=True) < 0.0, -r, r)
    mixed = q + (r - q) * part[:, None, None]
    return quaternion_to_axis_angle(mixed / np.linalg.norm(mixed, axis=-1, keepdims=True))


def chain_meta(chain: Chain, fps: float, seed: int) -> dict[str, Any]:
    """What the chained take's Action says of itself; ``lines`` are the takes in it, each with its own plan."""
    lines = [entry for line in chain.lines for entry in _entries(line)]
    return {
        "start_frame": chain.start,
        "frames": chain.frames,
        "fps": fps,
        "plan": plan_of_lines([TakeMeta(line) for line in lines], chain.start, chain.frames, fps),
        "provenance": {"generator": "chain", "seed": seed, "line": "chain"},
        "lines": lines,
    }


def _entries(line: Line) -> list[dict[str, Any]]:
    """What is remembered of a line; of one that is a chain itself, its lines."""
    if line.meta.lines:
        shift = line.start - (line.meta.start or 0)
        return [{**entry.data, "start_frame": (entry.start or 0) + shift} for entry in line.meta.lines]
    return [
        {
            "name": line.name,
            "start_frame": line.start,
            "frames": line.frames,
            "plan": line.meta.data.get("plan"),
            "provenance": line.meta.data.get("provenance"),
        }
    ]
