"""Time warps of gestures, and what counts as their apex."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from engine.body.curves import minimum_jerk_power
from engine.generators.gestures.timing import (
    LEAST_RATIO,
    MOST_RATIO,
    arrival_time,
    clip_times,
    make_slot,
    monotone_cubic,
    opening,
    reversal_time,
    warp,
)
from engine.models.phase_gesture import Landmarks
from engine.plan.types import GesturePhrase

MARKS = Landmarks(
    start=0.1, onset=0.3, apex0=0.7, apex1=1.2, back=1.8, end=2.1, settle=0.82, leave=1.1, beat=0.8
)  # fmt: skip


def phrase(onset=4.6, apex=5.0, hold_end=5.5, retract_end=6.1, gclass="you", join="rest", number=0):
    return GesturePhrase(
        id=number, onset=onset, apex=apex, hold_end=hold_end, retract_end=retract_end, lexeme="X", gclass=gclass,
        hands="right", amplitude=1.0, word=-1, semantic=True, accent=apex, stress_onset=apex, join=join,
    )  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.floats(0.02, 2.0), min_size=2, max_size=8),
    st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8),
)
def test_monotone_cubic_is_scipys_pchip(widths, rises):
    knots = np.concatenate([[0.0], np.cumsum(widths)])
    values = np.concatenate([[0.0], np.cumsum(rises[: len(widths)])])
    times = np.linspace(0.0, knots[-1], 57)
    mine = monotone_cubic(knots, values, times)
    assert np.allclose(mine, PchipInterpolator(knots, values)(times), atol=1e-9)
    assert np.all(np.diff(mine) >= -1e-12)


@settings(deadline=None)
@given(
    prep=st.floats(0.05, 1.5), hold=st.floats(0.0, 4.0), back=st.floats(0.05, 2.0),
    gclass=st.sampled_from(["you", "beat_mid"]),
)  # fmt: skip
def test_a_slot_keeps_the_apex_and_stretches_by_no_more_than_it_says(prep, hold, back, gclass):
    planned = phrase(5.0 - prep, 5.0, 5.0 + hold, 5.0 + hold + back, gclass)
    begin, entry = opening(planned, MARKS, None)
    slot = make_slot(planned, MARKS, begin, entry, None)
    landmark = MARKS.beat if gclass == "beat_mid" else MARKS.apex0
    assert float(clip_times(slot, MARKS, [5.0])[0]) == pytest.approx(landmark, abs=1e-9)
    assert LEAST_RATIO - 1e-9 <= (slot.apex - slot.begin) / (landmark - MARKS.start) <= MOST_RATIO + 1e-9
    assert slot.hold_end >= planned.hold_end
    assert np.all(np.diff(warp(slot, MARKS)[0]) > 0.0)
    times = np.linspace(slot.begin, slot.finish, 400)
    along = clip_times(slot, MARKS, times)
    assert np.all(np.diff(along) >= -1e-12)
    assert along[-1] == pytest.approx(MARKS.end, abs=1e-6)
    rate = np.gradient(along, times)
    assert rate.max() < 2.5
    assert np.abs(np.diff(rate)).max() < 0.6


def test_a_long_hold_keeps_drifting_and_arrives_at_its_own_pace():
    planned = phrase(hold_end=8.0, retract_end=8.6)
    slot = make_slot(planned, MARKS, *opening(planned, MARKS, None), None)
    settled = float(clip_times(slot, MARKS, [5.0 + MARKS.settle - MARKS.apex0])[0])
    assert settled == pytest.approx(MARKS.settle, abs=1e-6)
    quiet = clip_times(slot, MARKS, np.linspace(5.3, 7.6, 50))
    assert np.all(np.diff(quiet) > 0.0)


def test_a_join_without_a_near_follower_goes_to_rest():
    planned = phrase(join="next")
    begin, entry = opening(planned, MARKS, None)
    assert make_slot(planned, MARKS, begin, entry, None).join == "rest"
    assert make_slot(planned, MARKS, begin, entry, phrase(5.9, 6.3, 6.5, 7.0)).join == "next"
    assert make_slot(planned, MARKS, begin, entry, phrase(11.0, 11.4, 11.8, 12.3)).join == "rest"


def test_out_of_a_gesture_the_next_one_enters_its_clip_on_the_way():
    first = phrase(join="next", hold_end=5.1)
    follower = phrase(5.2, 5.45, 5.8, 6.4, number=1)
    slot = make_slot(first, MARKS, *opening(first, MARKS, None), follower)
    begin, entry = opening(follower, MARKS, slot)
    assert begin >= slot.apex
    assert entry > MARKS.start
    later = make_slot(follower, MARKS, begin, entry, None)
    assert float(clip_times(later, MARKS, [5.45])[0]) == pytest.approx(MARKS.apex0, abs=1e-9)


@settings(deadline=None)
@given(onset=st.floats(0.2, 1.0), duration=st.floats(0.3, 1.2), fps=st.sampled_from([24.0, 30.0, 60.0]))
def test_arrival_is_where_a_reach_has_covered_nine_tenths(onset, duration, fps):
    times = np.arange(0.0, 4.0, 1.0 / fps)
    way = minimum_jerk_power((times - onset) / duration)
    points = np.array([0.2, -0.3, 0.1]) + way[:, None] * np.array([0.1, 0.4, 0.2])
    exact = onset + duration * 0.7534  # where the quintic passes 0.9
    assert arrival_time(points, times, onset - 0.1, onset + duration + 0.5) == pytest.approx(exact, abs=0.35 / fps)


def test_reversal_is_where_a_strike_ends():
    times = np.arange(0.0, 3.0, 1.0 / 30.0)
    height = minimum_jerk_power((times - 0.6) / 0.5) * 0.3 - minimum_jerk_power((times - 1.2) / 0.2) * 0.2
    points = np.stack([np.zeros_like(height), height, np.zeros_like(height)], axis=1)
    assert reversal_time(points, times, 1.38) == pytest.approx(1.38, abs=0.03)


def test_phase_is_monotone_even_where_landmarks_meet():
    crowded = Landmarks(0.3, 0.3, 0.31, 0.31, 0.31, 0.4, 0.31, 0.31, 0.31)
    phases = crowded.phase(np.linspace(-1.0, 2.0, 500))
    assert np.all(np.diff(phases) >= 0.0)
    assert float(MARKS.phase(MARKS.apex0)) == pytest.approx(1.0)
    assert float(MARKS.phase(MARKS.back)) == pytest.approx(3.0)
