"""Eye jumps: as quick as their size asks, still fixations between them, eyes that turn against the head, and blinks
under the large ones."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.face.lips import column
from engine.generators.life.body import base_motion, head_on
from engine.generators.life.eyes import eye_angles, shift_blinks
from engine.generators.life.headgaze import EYE_PITCH_LIMIT, EYE_YAW_LIMIT, HeadTracks
from engine.plan.context import build_context
from engine.plan.gaze import BLINK_MIN_GAP, blink_events, gaze_shifts
from engine.plan.planner import plan_gestures
from engine.plan.speakers import NOBODY
from engine.plan.types import STYLES, Event, GesturePlan
from engine.take.make import make_take
from tests.support.plan_speech import say
from tests.support.regen import OPTIONS, base, line, plan_of, silent_progress

LONG = say("Well hello everyone. This is a very long story, and it goes on and on. Do you know what I mean? " * 8)
FINE = np.arange(0.0, 12.0, 0.001)


@cache
def planned(style: str, seed: int) -> tuple[GesturePlan, HeadTracks]:
    plan = plan_gestures(LONG, style, 1.0, seed)
    return plan, head_on(plan, seed)


def away(size: float, start: float = 5.0, seconds: float = 1.5) -> Event:
    return Event("away", start, start + 0.05, start + seconds, size, seconds - 0.1)


@pytest.mark.parametrize("style", STYLES)
def test_a_jump_lasts_as_long_as_the_main_sequence_has_it(style: str) -> None:
    _, head = planned(style, 1)
    sizes = np.hypot(*head.gaze.deltas.T)
    np.testing.assert_allclose(head.gaze.durations, 0.021 + 0.0022 * sizes, atol=1e-9)
    assert np.quantile(sizes, 0.9) > 1.5 * np.quantile(sizes, 0.5)
    small = np.hypot(*head.micro.deltas.T)
    np.testing.assert_allclose(head.micro.durations, 0.021 + 0.0022 * small, atol=1e-9)
    assert small.max() < 3.0


@pytest.mark.parametrize("size", [5.0, 30.0, 50.0])
def test_a_planned_look_takes_its_time_there_and_none_is_cut_short(size: float) -> None:
    head = head_on(GesturePlan(12.0, "explain", 3, 1.0, (), gaze=(away(size),)), 1)
    before = head.gaze(np.array([4.999]))[0]
    way = np.linalg.norm(head.gaze(FINE[(FINE > 4.9) & (FINE < 5.3)]) - before, axis=-1)
    total = float(way[-1])
    moving = 1e-3 * np.count_nonzero((way > 1e-6) & (way < total - 1e-6))
    assert abs(moving - (0.021 + 0.0022 * total)) < 0.006


def test_the_gaze_leaves_a_place_as_fast_as_the_eyes_do() -> None:
    plan = replace(planned("explain", 1)[0], look_at=(1.2, 1.5, 1.4))
    head = head_on(plan, 1)
    np.testing.assert_allclose(head.held.durations, head.gaze.durations)
    assert len(head.held.durations) > 20


def test_fixations_last_from_a_quarter_second_to_seconds() -> None:
    lengths = np.concatenate([
        np.diff(head.gaze.starts[(head.gaze.starts > 0.0) & (head.gaze.starts < plan.seconds)])
        for plan, head in (planned(style, seed) for style in STYLES for seed in range(3))
    ])  # fmt: skip
    assert lengths.min() > 0.2
    assert 0.7 < np.median(lengths) < 2.5
    assert np.quantile(lengths, 0.99) < 8.0


@pytest.mark.parametrize("style", STYLES)
def test_the_eyes_stay_in_their_range_and_turn_against_the_head(style: str) -> None:
    plan, head = planned(style, 2)
    times = np.arange(0.0, min(plan.seconds, 30.0), 1.0 / 120.0)
    angles = eye_angles(base_motion(plan, times, 2)[0])[:, 0]
    assert np.abs(angles[:, 0]).max() < EYE_YAW_LIMIT
    assert np.abs(angles[:, 1]).max() < EYE_PITCH_LIMIT
    assert np.quantile(np.abs(angles[:, 0]), 0.95) < 15.0
    eye, turn = (np.gradient(values, times) for values in (angles[:, 0], head.head_angles(times)[:, 0]))
    fixed = np.abs(np.gradient(head.gaze_angles(times)[:, 0], times)) < 0.1
    fixed &= np.abs(turn) > 10.0
    assert np.count_nonzero(fixed) > 100
    slope, _ = np.polyfit(turn[fixed], eye[fixed], 1)
    assert -1.12 < slope < -0.85
    assert np.corrcoef(turn[fixed], eye[fixed])[0, 1] < -0.95


def _under(blinks: tuple[Event, ...], shifts: list[tuple[float, float]]) -> float:
    apexes = np.array([blink.apex for blink in blinks])
    return float(np.mean([np.abs(apexes - time - 0.05).min() < 0.12 for time, _ in shifts]))


def test_planned_blinks_go_with_large_shifts_and_rarely_with_small_ones() -> None:
    shares = {}
    for size in (4.0, 14.0, 30.0):
        gaze = tuple(away(size, start) for start in np.arange(2.3, LONG.seconds - 4.0, 4.7))
        under, without, count = [], 0, 0
        for seed in range(6):
            ctx = build_context(LONG, "explain", 1.0, seed, NOBODY)
            blinks = blink_events(ctx, gaze)
            assert np.diff([blink.apex for blink in blinks]).min() >= BLINK_MIN_GAP - 1e-3
            assert all(0.0 <= blink.start <= blink.apex <= blink.end <= LONG.seconds for blink in blinks)
            under.append(_under(blinks, gaze_shifts(gaze)))
            without, count = without + len(blink_events(ctx)), count + len(blinks)
        shares[size] = float(np.mean(under))
        assert size == 30.0 or count == without  # small shifts draw blinks, and make none
        assert without <= count < 1.4 * without
    assert shares[4.0] < 0.15
    assert 0.15 < shares[14.0] < shares[30.0]
    assert shares[30.0] > 0.6


def test_shifts_are_told_from_one_direction_to_the_next() -> None:
    gaze = (away(10.0, 2.0, 1.0), away(-10.0, 3.1, 1.0))
    assert gaze_shifts(gaze) == [(2.0, 10.0), (3.1, 20.0), (4.1, 10.0)]
    assert gaze_shifts((away(10.0, 2.0, 1.0), away(6.0, 5.0, 1.0)))[1] == (3.0, 10.0)


def test_eyes_that_go_far_blink_though_nobody_planned_it() -> None:
    times = np.arange(0.0, 12.0, 1.0 / 30.0)
    for size, expected in ((8.0, 0), (42.0, 2)):
        plan = GesturePlan(12.0, "calm", 3, 1.0, (), gaze=(away(size),))
        angles = eye_angles(base_motion(plan, times, 2)[0])
        near = [blink.apex for blink in shift_blinks(times, angles, ()) if 4.5 < blink.apex < 7.0]
        assert len(near) == expected
        assert all(min(abs(apex - 5.05), abs(apex - 6.55)) < 0.1 for apex in near)
        there = Event("blink", 5.0, 5.07, 5.3, 1.0)
        assert len([b for b in shift_blinks(times, angles, (there,)) if 4.5 < b.apex < 6.0]) == 1
    assert shift_blinks(times[:1], angles[:1], ()) == ()


def test_a_look_that_a_person_made_large_closes_the_lids(tmp_path: Path) -> None:
    plan = replace(plan_of(base()), blinks=(), gaze=(away(36.0, 4.0),))
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_dict()))
    motion = make_take(replace(OPTIONS, plan=str(tmp_path / "plan.json")), silent_progress, line())
    lids = motion.blendshapes[:, column("eyeBlinkLeft")]
    assert lids[118:127].max() > 0.95
    assert lids[60:110].max() < 0.6
