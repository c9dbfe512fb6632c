"""What pins do to a take: the figures of one case of the test bed (pin_cases.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import COLLARED_ARMS
from engine.body.motion import Motion
from engine.body.skeleton import Skeleton
from engine.evaluation.metrics import (
    foot_slide,
    hand_tracks,
    low_passed,
    mean_jerk,
    planted_feet,
    rotation_error_degrees,
)
from engine.hints.types import Hints
from tests.bench.minimum_jerk import reference
from tests.bench.pin_cases import PinCase, Takes, bare_hints, build_hints, small_hints
from tests.bench.pin_metrics import changed_bytes_outside, diversity, target_residuals, velocity_steps

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Generate = Callable[[PinCase, int, Hints], Motion]  # of a case's line, for a seed

FREE_SECONDS = 0.5  # from a pin, by eye: frames that are farther are free
REACH_MARGIN_M = 0.001  # by eye: a target is within reach where a limb has this much to spare


@dataclass(frozen=True)
class Maker:
    """A generator as the bed sees it: its motion ``before`` the exact pass, and the take ``after`` it."""

    before: Generate
    after: Generate


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of one case. Lists hold one value a pin, border or target; units are in the names."""

    rotation_deg: float
    reachable: list[bool]
    targets_mm: list[float]
    far_told: list[bool]
    told_right: list[bool]
    outside_bytes: int
    usual_step: float
    pin_steps: list[float]
    border_steps: list[float]
    pin_floor: list[float]
    border_floor: list[float]
    window_step: float
    window_step_free: float
    jerk_ratio: float
    jerk_ratio_same_reach: float
    jerk_over_free: float
    small_jerk_ratio: float
    slide_cm_s: float
    slide_extra_cm_s: float
    same_bytes: bool


def run_case(case: PinCase, takes: Takes, maker: Maker, lines: int) -> tuple[Figures, Hints, Motion]:
    """Measure a case; returns its figures, its hints and the take that came out."""
    seed = case.new_seed
    free = maker.after(case, seed, bare_hints(case, takes))
    hints = build_hints(case, takes, lines, free)
    skeleton = hints.skeleton
    raw, result, again = (make(case, seed, hints) for make in (maker.before, maker.after, maker.after))
    small = maker.after(case, seed, small_hints(case, takes, free))
    best = smoothest(raw, hints, result, support=False)
    near = smoothest(raw, hints, result, support=True)
    tracks = {
        name: hand_tracks(motion.poses, motion.trans, skeleton)
        for name, motion in (("result", result), ("best", best), ("near", near), ("free", free), ("small", small))
    }
    jerks = {name: windowed_jerk(points, case.fps, case.window) for name, points in tracks.items()}
    fresh = takes(case.line, seed, case.fps)  # not ``free``: what the pass does at borders must not excuse itself
    usual = float(np.percentile(velocity_steps(hand_tracks(fresh.poses, fresh.trans, skeleton), case.fps), 99))
    pins, borders = sites(case, hints.frames)
    inside = range(*case.window)
    reachable, targets_mm, far_told, told_right = reached_targets(result, hints, skeleton)
    mask = hints.rotation_mask
    errors = rotation_error_degrees(result.poses[mask], hints.rotations[mask])
    slides = [slide_in_window(m, w, skeleton, case.window) for m, w in ((result, free), (free, free), (fresh, fresh))]
    figures = Figures(
        rotation_deg=float(errors.max(initial=0.0)),
        reachable=reachable,
        targets_mm=targets_mm,
        far_told=far_told,
        told_right=told_right,
        outside_bytes=outside_bytes(result, hints) + outside_bytes(free, hints),
        usual_step=usual,
        pin_steps=steps_at(tracks["result"], case.fps, pins, usual),
        border_steps=steps_at(tracks["result"], case.fps, borders, usual),
        pin_floor=steps_at(tracks["best"], case.fps, pins, usual),
        border_floor=steps_at(tracks["best"], case.fps, borders, usual),
        window_step=steps_at(tracks["result"], case.fps, [inside], usual)[0],
        window_step_free=steps_at(tracks["free"], case.fps, [inside], usual)[0],
        jerk_ratio=jerks["result"] / jerks["best"],
        jerk_ratio_same_reach=jerks["result"] / jerks["near"],
        jerk_over_free=jerks["result"] / jerks["free"],
        small_jerk_ratio=jerks["small"] / jerks["free"],
        slide_cm_s=slides[0],
        slide_extra_cm_s=slides[0] - min(slides[1:]),
        same_bytes=same(result, again),
    )
    return figures, hints, result


def smoothest(raw: Motion, hints: Hints, result: Motion, *, support: bool) -> Motion:
    """The minimum-jerk correction of ``raw`` through the same pins; a target counts as a pin of the result's arm."""
    mask = hints.rotation_mask.copy()
    for target in hints.targets:
        mask[target.frame, list(COLLARED_ARMS[0] if target.joint == COLLARED_ARMS[0][3] else COLLARED_ARMS[1])] = True
    return reference(raw, replace(hints, rotation_mask=mask, rotations=result.poses), result, support)


def windowed_jerk(tracks: Array, fps: float, window: tuple[int, int]) -> float:
    """Mean jerk of the window with the three frames beside it, so that its borders count."""
    return mean_jerk(tracks[max(0, window[0] - 3) : window[1] + 3], fps)


def sites(case: PinCase, frames: int) -> tuple[list[range], list[range]]:
    """Frames around each pin or target, and around each border of the window that lies inside the take."""
    places = sorted({*case.pins, *(target[1] for target in case.targets)})
    pins = [range(place - 1, place + 2) for place in places]
    borders = [range(edge - 2, edge + 2) for edge in case.window if 2 <= edge <= frames - 2]
    return pins, borders


def steps_at(tracks: Array, fps: float, places: list[range], usual: float) -> list[float]:
    """The largest velocity step of each place, over ``usual``."""
    steps = velocity_steps(tracks, fps)
    return [float(steps[list(place)].max() / usual) for place in places]


def reached_targets(
    result: Motion, hints: Hints, skeleton: Skeleton
) -> tuple[list[bool], list[float], list[bool], list[bool]]:
    """Which targets are reachable; millimetres of those; whether each other one was told; whether each told residual
    is true.

    Reachable is what the arm's two bones can span from the shoulder as it stands in the result, where neither is
    pinned.
    """
    points, _ = skeleton.forward(result.poses, result.trans)
    residuals = target_residuals(points, hints.targets)
    told = {(entry["joint"], entry["frame"]): entry for entry in _told(result)}
    reachable: list[bool] = []
    near: list[float] = []
    far: list[bool] = []
    right: list[bool] = []
    for target, residual in zip(hints.targets, residuals, strict=True):
        _, shoulder, elbow, wrist = COLLARED_ARMS[0] if target.joint == COLLARED_ARMS[0][3] else COLLARED_ARMS[1]
        lengths = np.linalg.norm(skeleton.offsets[[elbow, wrist]], axis=-1)
        distance = float(np.linalg.norm(np.asarray(target.xyz) - points[target.frame, shoulder]))
        room = abs(lengths[0] - lengths[1]) + REACH_MARGIN_M <= distance <= lengths.sum() - REACH_MARGIN_M
        pinned = bool(hints.rotation_mask[target.frame, [shoulder, elbow]].any())
        entry = told.get((target.joint, target.frame))
        reachable.append(bool(room and not pinned))
        if reachable[-1]:
            near.append(float(residual))
        else:
            far.append(entry is not None and not entry["reached"])
        right.append(entry is not None and bool(abs(entry["residual_mm"] - residual) < 0.1))
    return reachable, near, far, right


def _told(result: Motion) -> list[dict[str, Any]]:
    names = list(_skeleton_names())
    entries = ((result.provenance or {}).get("hints") or {}).get("targets") or []
    return [
        {**entry, "joint": names.index(entry["joint"]) if isinstance(entry["joint"], str) else entry["joint"]}
        for entry in entries
    ]


def _skeleton_names() -> tuple[str, ...]:
    from engine.body.skeleton import default_skeleton

    return default_skeleton().names


def outside_bytes(result: Motion, hints: Hints) -> int:
    """Bytes of poses, trans, expressions and blend shapes that differ from the base outside the window."""
    pairs = [
        (result.poses, hints.base.poses),
        (result.trans, hints.base.trans),
        (result.expressions, hints.base.expressions),
    ]
    if hints.base.blendshapes is not None:
        assert result.blendshapes is not None
        pairs.append((result.blendshapes, hints.base.blendshapes))
    return sum(changed_bytes_outside(a, b, hints.window) for a, b in pairs)


def slide_in_window(motion: Motion, standing: Motion, skeleton: Skeleton, window: tuple[int, int]) -> float:
    """cm/s of ``motion`` on the window and a frame beside it, while the feet of ``standing`` stand.

    The frames beside the window are in, because a foot that jumps between base and window slides too.
    """
    part = slice(max(0, window[0] - 1), window[1] + 1)
    stands = planted_feet(skeleton.forward(standing.poses[part], standing.trans[part])[0], standing.fps)
    points = skeleton.forward(motion.poses[part], motion.trans[part])[0]
    return foot_slide(points, stands, motion.fps)


def same(first: Motion, second: Motion) -> bool:
    """Whether two motions are equal byte for byte."""
    pairs = [(first.poses, second.poses), (first.trans, second.trans), (first.expressions, second.expressions)]
    shapes = (first.blendshapes, second.blendshapes)
    if (shapes[0] is None) != (shapes[1] is None):
        return False
    if shapes[0] is not None and shapes[1] is not None:
        pairs.append((shapes[0], shapes[1]))
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def free_frames(case: PinCase, frames: int) -> Flags:
    """(T,) frames of the window more than 0.5 s from every pin and target."""
    out = np.zeros(frames, dtype=np.bool_)
    out[slice(*case.window)] = True
    for place in (*case.pins, *(target[1] for target in case.targets)):
        out &= np.abs(np.arange(frames) - place) > FREE_SECONDS * case.fps
    return out


def run_diversity(
    case: PinCase, takes: Takes, maker: Maker, lines: int, seeds: int = 8
) -> dict[str, float | list[float] | list[list[float]]]:
    """Diversity of ``seeds`` takes "under" the case's pins and "without" them, metres, its "ratio", and jerk of seeds.

    "jerk": of each seed under pins, over its own without; "band" and "band_free": of each seed, with pins and without,
    the sums of low-passed jerk and of speed of the wrists in use, whose ratio is banded once pooled over cases.
    """
    bare = bare_hints(case, takes)
    hints = build_hints(case, takes, lines, maker.after(case, case.new_seed, bare))
    chosen = free_frames(case, hints.frames)
    clips: tuple[list[Array], list[Array]] = ([], [])
    bands: tuple[list[list[float]], list[list[float]]] = ([], [])
    jerk: list[float] = []
    for seed in range(seeds):
        in_use = used_wrists(takes(case.line, seed, case.fps), case.window)
        for wanted, tracks, band in zip((hints, bare), clips, bands, strict=True):
            motion = maker.after(case, seed, wanted)
            tracks.append(hand_tracks(motion.poses, motion.trans, hints.skeleton))
            band.append([float(values[in_use].sum()) for values in low_passed(tracks[-1][:, :2], case.fps)])
        pinned, free = (windowed_jerk(tracks[-1], case.fps, case.window) for tracks in clips)
        jerk.append(pinned / free)
    under, without = (diversity(tracks, chosen) for tracks in clips)
    return {
        "ratio": under / without if without > 0.0 else 1.0,
        "under": under,
        "without": without,
        "jerk": jerk,
        "band": bands[0],
        "band_free": bands[1],
    }


def used_wrists(motion: Motion, window: tuple[int, int]) -> Flags:
    """(T, 2): left and right hand are between the onset and the return of a phrase of the plan, inside the window."""
    out = np.zeros((motion.frames, 2), dtype=np.bool_)
    for phrase in (motion.plan or {}).get("phrases", ()):
        first, end = (round(float(phrase[name]) * motion.fps) for name in ("onset", "retract_end"))
        for side, hand in enumerate(("left", "right")):
            if phrase["hands"] in (hand, "both"):
                out[max(0, first) : max(0, end), side] = True
    out[: window[0]] = out[window[1] :] = False
    return out
