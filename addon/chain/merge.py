"""Lines put behind each other as one clip: motion, plan and what is remembered of each line. No bpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..rig.convert import Array, axis_angle_to_quaternion, quaternion_to_axis_angle

EVENT_GROUPS = ("head", "brows", "gaze", "blinks", "breaths", "shifts", "smiles")
PHRASE_TIMES = ("onset", "apex", "hold_end", "retract_end", "accent", "stress_onset")
EVENT_TIMES = ("start", "apex", "end")
LEAST_GAP_SECONDS = 0.2  # less is no transition but a jerk
MEETING_RADIANS, MEETING_METRES = 0.05, 0.01  # ends this near need no transition


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
    meta: dict[str, Any]

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


def merged_plan(parts: Sequence[tuple[dict[str, Any], float]], seconds: float) -> dict[str, Any]:
    """One plan of several (plan, seconds at which it begins); ids and word numbers go on from plan to plan."""
    out: dict[str, Any] = {"seconds": round(seconds, 6), "phrases": [], "words": [], "accents": []}
    out |= {group: [] for group in EVENT_GROUPS}
    emphasis: list[list[float]] = []
    first = next((plan for plan, _ in parts if plan), {})
    out |= {name: first.get(name, value) for name, value in (("style", "explain"), ("seed", 0), ("energy", 1.0))}
    for plan, shift in parts:
        ids = 1 + max((int(phrase["id"]) for phrase in out["phrases"]), default=-1)
        words = len(out["words"])
        for number, phrase in enumerate(plan.get("phrases", ())):
            moved = _shifted(phrase, PHRASE_TIMES, shift, words)
            out["phrases"].append({**moved, "id": ids + int(phrase.get("id", number))})
        for group in EVENT_GROUPS:
            out[group] += [_shifted(event, EVENT_TIMES, shift, words) for event in plan.get(group, ())]
        out["words"] += [[word[0], word[1] + shift, word[2] + shift] for word in plan.get("words", ())]
        known = (plan.get("emphasis") or {}).get("stretches", ())
        emphasis += [[round(start + shift, 6), round(end + shift, 6), amount] for start, end, amount in known]
        out["accents"] += [time + shift for time in plan.get("accents", ())]
    if emphasis:  # what it changed stands with the lines, which are made anew one by one
        nothing: dict[str, list[Any]] = {"phrases": [], "head": [], "brows": []}
        out["emphasis"] = {"stretches": emphasis, "were": nothing, "now": nothing}
    return out


def _shifted(entry: dict[str, Any], times: Sequence[str], shift: float, words: int) -> dict[str, Any]:
    moved = {name: round(float(entry[name]) + shift, 6) for name in times if name in entry}
    if int(entry.get("word", -1)) >= 0:
        moved["word"] = int(entry["word"]) + words
    return {**entry, **moved}


def chain_meta(chain: Chain, fps: float, seed: int) -> dict[str, Any]:
    """What the chained take's Action says of itself; ``lines`` are the takes in it, each with its own plan."""
    lines = [entry for line in chain.lines for entry in _entries(line)]
    return {
        "start_frame": chain.start,
        "frames": chain.frames,
        "fps": fps,
        "plan": plan_of_lines(lines, chain.start, chain.frames, fps),
        "provenance": {"generator": "chain", "seed": seed, "line": "chain"},
        "lines": lines,
    }


def _entries(line: Line) -> list[dict[str, Any]]:
    """What is remembered of a line; of one that is a chain itself, its lines."""
    inner = line.meta.get("lines")
    if inner:
        shift = line.start - int(line.meta["start_frame"])
        return [{**entry, "start_frame": int(entry["start_frame"]) + shift} for entry in inner]
    return [
        {
            "name": line.name,
            "start_frame": line.start,
            "frames": line.frames,
            "plan": line.meta.get("plan"),
            "provenance": line.meta.get("provenance"),
        }
    ]


def plan_of_lines(lines: Sequence[dict[str, Any]], start: int, frames: int, fps: float) -> dict[str, Any]:
    """The merged plan of a chained take."""
    parts = [(line.get("plan") or {}, (int(line["start_frame"]) - start) / fps) for line in lines]
    return merged_plan(parts, frames / fps)


def line_at(meta: dict[str, Any], first: float, end: float) -> int:
    """Index of the line that holds the scene frames first..end of a chained take; -1 where none does."""
    for index, line in enumerate(meta.get("lines") or ()):
        start = int(line["start_frame"])
        if start <= first and end <= start + int(line["frames"]):
            return index
    return -1


def line_edits(meta: dict[str, Any], index: int, edits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those edits of a chained take's plan that concern one line, as edits of that line's own plan."""
    lines, start, fps = meta["lines"], int(meta["start_frame"]), float(meta["fps"])
    ids, words = 0, 0
    for line in lines[:index]:
        plan = line.get("plan") or {}
        ids += 1 + max((int(phrase["id"]) for phrase in plan.get("phrases", ())), default=-1)
        words += len(plan.get("words", ()))
    plan = lines[index].get("plan") or {}
    shift = (int(lines[index]["start_frame"]) - start) / fps
    known = {int(phrase["id"]) for phrase in plan.get("phrases", ())}
    count = len(plan.get("words", ()))
    out = []
    for edit in edits:
        own = dict(edit)
        if "apex" in own:
            own["apex"] = round(float(own["apex"]) - shift, 5)
        if own["op"] == "add":
            own["word"] = int(own["word"]) - words
            fits = 0 <= own["word"] < count
        else:
            own["id"] = int(own["id"]) - ids
            fits = own["id"] in known
        if fits:
            out.append(own)
    return out


def line_words(
    meta: dict[str, Any], index: int, times: Sequence[tuple[int, float, float]]
) -> list[tuple[int, float, float]]:
    """Those corrected word times of a chained take that concern one line, in that line's numbers and seconds."""
    lines, start, fps = meta["lines"], int(meta["start_frame"]), float(meta["fps"])
    before = sum(len((line.get("plan") or {}).get("words", ())) for line in lines[:index])
    count = len((lines[index].get("plan") or {}).get("words", ()))
    shift = (int(lines[index]["start_frame"]) - start) / fps
    return [(n - before, a - shift, b - shift) for n, a, b in times if 0 <= n - before < count]
