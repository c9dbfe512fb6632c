"""The test bed of pins: its cases keep their promises, and a bad exact pass does not pass it."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import rotation_error_degrees
from engine.hints.types import Hints
from tests.bench.minimum_jerk import reference
from tests.bench.pin_cases import (
    APART_SECONDS,
    KINDS,
    MOST_PINS,
    RATES,
    PinCase,
    build_hints,
    draw_case,
    small_hints,
)
from tests.bench.pin_figures import Figures, Generate, Maker, run_case, run_diversity
from tests.bench.pins import REACHES, show, tables

SECONDS = (5.0, 8.0, 3.0)
CASES = [draw_case(number, SECONDS) for number in range(160)]


@cache
def takes(line: int, seed: int, fps: float) -> Motion:
    """Slow waves in every joint, another phase for each seed, standing feet."""
    rng = np.random.default_rng([line, seed])
    frames = round(SECONDS[line] * fps)
    times = np.arange(frames)[:, None, None] / fps
    size = np.full((55, 1), 0.25)
    size[[0, 1, 2, 4, 5, 7, 8, 10, 11]] = 0.0
    poses = size * np.sin(times * rng.uniform(2.0, 5.0, (55, 1)) + rng.uniform(0.0, 6.0, (55, 3)))
    trans = np.tile([0.0, default_skeleton().standing_height, 0.0], (frames, 1))
    return Motion(poses=poses.astype(np.float32), trans=trans.astype(np.float32), fps=fps)


def in_window(hints: Hints, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    flags = np.zeros(hints.frames, dtype=bool)
    flags[slice(*hints.window)] = True
    return np.where(flags.reshape(-1, *[1] * (inside.ndim - 1)), inside, outside)


def overwriting(case: PinCase, seed: int, hints: Hints) -> Motion:
    """What published models do at best: pinned values put into the frames."""
    raw = takes(case.line, seed, case.fps)
    poses = in_window(hints, raw.poses, hints.base.poses).copy()
    poses[hints.rotation_mask] = hints.rotations[hints.rotation_mask]
    return replace(raw, poses=poses, trans=in_window(hints, raw.trans, hints.base.trans))


def leaking(case: PinCase, seed: int, hints: Hints) -> Motion:
    """The smoothest correction, which forgets one byte, and is not quite at the pins."""
    raw = takes(case.line, seed, case.fps)
    wanted = replace(raw, poses=np.where(hints.rotation_mask[..., None], hints.rotations, raw.poses))
    out = reference(raw, hints, wanted)
    poses = out.poses + np.float32(1e-3)
    poses[0] = hints.base.poses[0] + np.float32(1e-3)
    return replace(out, poses=poses)


def smoothest(case: PinCase, seed: int, hints: Hints) -> Motion:
    """The smoothest correction itself, pins written last."""
    raw = takes(case.line, seed, case.fps)
    wanted = replace(raw, poses=np.where(hints.rotation_mask[..., None], hints.rotations, raw.poses))
    out = reference(raw, hints, wanted)
    poses = out.poses.copy()
    poses[hints.rotation_mask] = hints.rotations[hints.rotation_mask]
    return replace(out, poses=poses)


def pose_case(fps: float = 30.0) -> PinCase:
    """Arm or upper body pinned in a window with a border on either side."""

    def fits(case: PinCase) -> bool:
        inner = case.window[0] > 4 and case.window[1] < round(SECONDS[case.line] * case.fps) - 4
        return case.kind == "other take" and case.fps == fps and len(case.joints) in (4, 13) and inner

    return next(case for case in CASES if fits(case))


def test_cases_cover_rates_kinds_and_counts_and_keep_their_distances():
    assert {case.fps for case in CASES} == set(RATES)
    assert {case.kind for case in CASES} == set(KINDS)
    assert {len(case.pins) for case in CASES if case.pins} >= set(range(1, MOST_PINS))
    assert {len(case.joints) for case in CASES if case.kind == "other take"} >= {1, 4, 13, 16}
    for case in CASES:
        places = sorted({*case.pins, *(target[1] for target in case.targets)})
        gaps = np.diff([case.window[0], *places, case.window[1]]) / case.fps
        assert gaps.min() >= APART_SECONDS
        assert 0 <= case.window[0] < case.window[1] <= round(SECONDS[case.line] * case.fps)
        assert case.base_seed != case.new_seed
    assert draw_case(7, SECONDS) == draw_case(7, SECONDS)


@pytest.mark.parametrize("number", [0, 5, 18, 29])
def test_hints_hold_what_the_case_says_and_stay_within_its_angles(number):
    case = CASES[number]
    free = takes(case.line, case.new_seed, case.fps)
    hints = build_hints(case, takes, len(SECONDS), free)
    assert sorted(np.flatnonzero(hints.rotation_mask.any(axis=1))) == list(case.pins)
    off = rotation_error_degrees(hints.rotations[hints.rotation_mask], free.poses[hints.rotation_mask])
    assert off.max(initial=0.0) <= 90.01
    assert len(hints.targets) == len(case.targets)
    small = small_hints(case, takes, free)
    off = rotation_error_degrees(small.rotations[small.rotation_mask], free.poses[small.rotation_mask])
    assert 4.99 <= off.min() <= off.max() <= 20.01
    again = build_hints(case, takes, len(SECONDS), free)
    assert again.rotations.tobytes() == hints.rotations.tobytes()
    assert again.targets == hints.targets


def maker(after: Generate) -> Maker:
    return Maker(lambda case, seed, _: takes(case.line, seed, case.fps), after)


def figures(case: PinCase, generate: Generate) -> Figures:
    return run_case(case, takes, maker(generate), len(SECONDS))[0]


@pytest.mark.parametrize("fps", RATES)
def test_the_smoothest_correction_has_the_figures_of_the_floor(fps):
    found = figures(pose_case(fps), smoothest)
    assert found.rotation_deg < 1e-5
    assert found.outside_bytes == 0
    assert found.same_bytes
    assert found.jerk_ratio == pytest.approx(1.0, abs=0.01)
    assert found.pin_steps == pytest.approx(found.pin_floor, rel=0.02)
    assert found.border_steps == pytest.approx(found.border_floor, rel=0.02)


@pytest.mark.parametrize("fps", RATES)
def test_a_hard_overwrite_fails_steps_and_jerk(fps):
    found = figures(pose_case(fps), overwriting)
    assert found.rotation_deg == 0.0
    assert max(found.pin_steps) > 2.0
    assert max(found.border_steps) > 2.0
    assert found.jerk_ratio > 1.5


def test_a_pass_that_forgets_bytes_or_misses_pins_is_seen():
    found = figures(pose_case(), leaking)
    assert found.outside_bytes > 0
    assert found.rotation_deg > 0.01


def test_a_target_that_nobody_reaches_or_tells_is_seen():
    case = next(case for case in CASES if case.kind == "target" and not case.targets[0][2])
    found = figures(case, smoothest)
    assert max(found.targets_mm) > 1.0
    assert not any(found.told_right)
    beyond = replace(case, targets=tuple((joint, frame, True) for joint, frame, _ in case.targets))
    found = figures(beyond, smoothest)
    assert not found.targets_mm
    assert found.far_told == [False] * len(case.targets)


def test_another_byte_at_the_second_time_is_seen():
    calls = iter(range(100))

    def wavering(case: PinCase, seed: int, hints: Hints) -> Motion:
        out = smoothest(case, seed, hints)
        middle = sum(case.window) // 2
        poses = out.poses.copy()
        poses[middle, 30, 0] += np.float32(1e-6 * next(calls))
        return replace(out, poses=poses)

    assert not figures(pose_case(), wavering).same_bytes


def test_diversity_is_whole_without_influence_and_gone_where_every_seed_is_the_same():
    case = replace(pose_case(), pins=(), targets=())
    assert run_diversity(case, takes, maker(smoothest), len(SECONDS), seeds=3)["ratio"] == pytest.approx(1.0)

    def deaf(chosen: PinCase, seed: int, hints: Hints) -> Motion:
        return smoothest(chosen, 0 if hints.rotation_mask.any() else seed, hints)

    case = replace(pose_case(), pins=(pose_case().window[0] + 8,))
    assert run_diversity(case, takes, maker(deaf), len(SECONDS), seeds=3)["ratio"] == pytest.approx(0.0)


def missed(after: Generate, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The figures that the bench reports as missed for a generator, over a few windows with poses pinned."""
    chosen = [case for case in CASES if case.kind in ("other take", "moved key")][:12]
    rows = [{**asdict(case), **asdict(figures(case, after))} for case in chosen]
    count = show(tables(rows))
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines]
    found = {names[i - 1] if names[i - 1] != "reach:" else names[i - 2] for i, x in enumerate(lines) if "MISSED" in x}
    assert count == sum("MISSED" in line for line in lines)
    assert found <= {reach.figure for reach in REACHES}
    return found


def test_the_bench_fails_a_bad_pass_and_only_that(capsys):
    assert missed(smoothest, capsys) <= {"pins_step"}
    assert missed(overwriting, capsys) >= {"pins_step", "pins_jerk_ratio"}
    assert "pins_outside_bytes" in missed(leaking, capsys)
