"""Head, brows, gaze, blinks, breath, weight shifts, smiles."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from engine.plan.planner import plan_gestures
from engine.plan.text import topic_boundaries
from engine.plan.types import STYLES, Event, GesturePlan
from engine.speech.types import Speech
from tests.support.plan_speech import TALK, say, without_transcript

BLINKS = {"calm": (14, 26), "explain": (16, 30), "narrate": (16, 30), "excited": (16, 30)}


@lru_cache
def talks() -> tuple[Speech, ...]:
    return tuple(say(TALK, seed) for seed in range(3))


@lru_cache
def pairs(style: str) -> tuple[tuple[Speech, GesturePlan], ...]:
    return tuple((talk, plan_gestures(talk, style, 1.0, seed)) for talk in talks() for seed in (1, 2))


def yaw_sign_changes(event: Event) -> int:
    """How often the yaw of a shake of so many cycles passes zero between its start and end."""
    swing = np.sin(2 * np.pi * event.cycles * np.linspace(0.001, 0.999, 400))
    return int(np.sum(np.diff(np.sign(swing)) != 0))


def test_negation_shakes_the_head() -> None:
    shaken = 0
    for seed in range(20):
        speech = say("No, I did not take it, and I will never take it.", seed)
        shakes = [event for event in plan_gestures(speech, "explain", 1.0, seed).head if event.kind == "shake"]
        shaken += bool(shakes)
        for shake in shakes:
            assert yaw_sign_changes(shake) >= 2
            assert 6.0 <= abs(shake.amount) <= 16.0
            word = speech.words[shake.word]
            assert word.start - 0.4 <= shake.start <= word.end
    assert shaken >= 18


def test_plain_sentences_do_not_shake_the_head() -> None:
    speech = say("The boats came up the river and the children ran along the bank.")
    for seed in range(20):
        assert not [event for event in plan_gestures(speech, "explain", 1.0, seed).head if event.kind == "shake"]


def test_head_moves_one_way_at_a_time() -> None:
    for style in STYLES:
        for _, plan in pairs(style):
            swings = [event for event in plan.head if event.kind != "tilt"]
            tilts = [event for event in plan.head if event.kind == "tilt"]
            for lane in (swings, tilts):
                assert all(after.start >= before.end + 0.1 for before, after in pairwise(lane))
            assert len(swings) >= 0.1 * plan.seconds, "a head that moves at least every ten seconds"


def test_accent_nods_are_small_and_end_their_syllable() -> None:
    """Without words every nod is an accent's: 2..5 degrees (explain), 250..350 ms, apex near the accent."""
    speech = without_transcript(talks()[0])
    times = np.array([accent.time for accent in speech.prosody.accents])
    nods = [event for seed in range(4) for event in plan_gestures(speech, "explain", 1.0, seed).head]
    assert len(nods) > 20
    for nod in nods:
        assert nod.kind == "nod"
        assert 2.0 <= nod.amount <= 5.0
        assert 0.24 <= nod.end - nod.start <= 0.36
        assert np.abs(times - nod.apex).min() <= 0.2


def test_brows_lead_the_accent_and_keep_their_distance() -> None:
    leads = []
    for style in STYLES:
        for speech, plan in pairs(style):
            starts = np.array([accent.syllable_start for accent in speech.prosody.accents])
            assert all(after.start - before.start >= 1.2 - 1e-3 for before, after in pairwise(plan.brows))
            for event in plan.brows:
                assert 0.0 < event.amount <= 1.0
                after = starts[starts > event.start]
                if event.kind == "raise" and event.hold == 0.0 and len(after):
                    leads.append(after[0] - event.start)
    assert 0.055 <= np.median(leads) <= 0.125


@pytest.mark.parametrize("style", STYLES)
def test_blinks_come_in_pauses_at_a_human_rate(style: str) -> None:
    times = blinks = near = 0.0
    intervals: list[float] = []
    for speech, plan in pairs(style):
        apexes = [event.apex for event in plan.blinks]
        times += plan.seconds
        blinks += len(apexes)
        near += sum(any(p.start - 0.15 <= t <= p.end + 0.15 for p in speech.prosody.pauses) for t in apexes)
        intervals += np.diff(apexes).tolist()
        for event in plan.blinks:
            assert 0.2 - 1e-3 <= event.end - event.start <= 0.4 + 1e-3 or event.end == plan.seconds
    assert BLINKS[style][0] <= 60 * blinks / times <= BLINKS[style][1]
    assert near / blinks > 0.6
    assert min(intervals) >= 0.6
    assert np.std(intervals) > 0.5, "not a clockwork"


def test_breaths_end_just_before_the_voice() -> None:
    for speech, plan in pairs("explain"):
        starts = np.array([phrase.start for phrase in speech.prosody.phrases])
        spoken = [event for event in plan.breaths if event.apex < speech.prosody.phrases[-1].start]
        assert 10 <= 60 * len(plan.breaths) / plan.seconds <= 24
        assert all(np.abs(starts - event.apex - 0.08).min() < 1e-3 for event in spoken)
        assert all(0.1 <= event.apex - event.start <= 0.91 for event in plan.breaths)
        assert all(after.start >= before.end - 1e-3 for before, after in pairwise(plan.breaths))


def test_long_silence_is_breathed_through() -> None:
    speech = say("We waited for the answer.", tail=30.0)
    quiet = [event for event in plan_gestures(speech, "calm", 1.0, 0).breaths if event.start > 4.0]
    assert 4 <= len(quiet) <= 9


def test_weight_shifts_at_topic_boundaries() -> None:
    """0.84 of the boundaries, and rarely elsewhere while somebody speaks."""
    boundaries = shifted = others = 0
    seconds = 0.0
    for talk in talks():
        spots = topic_boundaries(talk)
        for seed in range(12):
            plan = plan_gestures(talk, "explain", 1.0, seed)
            starts = np.array([event.start for event in plan.shifts if event.kind == "shift"])
            hit = [bool(len(starts) and np.abs(starts - spot.start).min() < 1.0) for spot in spots]
            boundaries += len(spots)
            shifted += sum(hit)
            others += len(starts) - sum(hit)
            seconds += plan.seconds
            for event in plan.shifts:
                assert event.kind in ("shift", "fidget")
                if event.kind == "shift":
                    assert 0.018 <= abs(event.amount) <= 0.038
                    assert 1.0 - 1e-3 <= event.apex - event.start <= 1.6 + 1e-3
    assert boundaries > 90
    assert 0.75 <= shifted / boundaries <= 0.95
    assert others / seconds <= 0.04


def test_gaze_leaves_at_the_theme_and_is_back_at_the_end() -> None:
    away = 0
    for speech, plan in pairs("explain"):
        last = max(phrase.end for phrase in speech.prosody.phrases)
        starts = np.array([phrase.start for phrase in speech.prosody.phrases])
        for event in plan.gaze:
            if event.kind == "away":
                away += 1
                assert 0.25 <= event.apex - event.start + event.hold <= 2.2
                assert np.abs(starts - event.start).min() <= 0.4
                assert event.end <= last - 1.5
        (closing,) = [event for event in plan.gaze if event.start < last - 0.5 < event.end]
        assert closing.kind == "audience"
        assert all(after.start >= before.end - 1e-3 for before, after in pairwise(plan.gaze))
    assert away > 30


def test_smiles_on_greeting_and_thanks_only_where_there_is_a_reason() -> None:
    for _, plan in pairs("explain"):
        assert plan.smiles[0].start < 2.0
        assert plan.smiles[-1].end > plan.seconds - 4.0
    assert not plan_gestures(say("The train leaves at seven from the old station."), "excited", 1.5, 0).smiles


def test_filled_pauses_look_away_and_make_no_gesture() -> None:
    text = (
        "We had um another plan for uh the winter, and um it was uh warmer. So we went home and waited for the spring."
    )
    up = 0
    for seed in range(10):
        speech = say(text, seed)
        plan = plan_gestures(speech, "excited", 1.0, seed)
        fillers = {index for index, word in enumerate(speech.words) if word.text in ("um", "uh")}
        assert not [phrase for phrase in plan.phrases if phrase.word in fillers]
        up += sum(event.kind == "up" for event in plan.gaze)
    assert up >= 8
