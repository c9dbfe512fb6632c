"""When gestures happen: apex on the accent, meanings ahead of their word, natural durations, joins, rates, hands."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.plan.links import windup
from engine.plan.planner import plan_gestures
from engine.plan.speakers import Speaker
from engine.plan.tables import load_tables
from engine.plan.types import STYLES, GesturePhrase, GesturePlan
from engine.speech.types import Speech
from tests.support.plan_speech import TALK, say

TABLES = load_tables()
RATES = {"calm": (8, 14), "explain": (14, 22), "narrate": (20, 28), "excited": (26, 36)}
OUTSIDE = {"calm": (0.50, 0.75), "explain": (0.30, 0.55), "narrate": (0.15, 0.40), "excited": (0.05, 0.25)}
MEANING = {"calm": (0.15, 0.35), "explain": (0.25, 0.45), "narrate": (0.25, 0.45), "excited": (0.20, 0.40)}


@lru_cache
def talks() -> tuple[Speech, ...]:
    """Three tellings of one talk, five minutes in all."""
    return tuple(say(TALK, seed) for seed in range(3))


@lru_cache
def plans(style: str, energy: float = 1.0) -> tuple[GesturePlan, ...]:
    """Two seeds of each talk."""
    return tuple(plan_gestures(talk, style, energy, seed) for talk in talks() for seed in (1, 2))


def phrases(style: str, semantic: bool | None = None) -> list[GesturePhrase]:
    return [p for plan in plans(style) for p in plan.phrases if semantic is None or p.semantic == semantic]


@pytest.mark.parametrize("style", STYLES)
def test_beats_reach_their_apex_on_the_accent(style: str) -> None:
    offsets = 1000 * np.array([phrase.apex - phrase.accent for phrase in phrases(style, semantic=False)])
    assert len(offsets) > 30
    assert -60 <= np.median(offsets) <= 20
    assert np.mean((offsets >= -300) & (offsets <= 120)) >= 0.95
    assert np.std(offsets) > 15, "people are not metronomes"


@pytest.mark.parametrize("style", STYLES)
def test_meanings_start_before_their_word(style: str) -> None:
    found = phrases(style, semantic=True)
    leads = np.array([phrase.stress_onset - phrase.onset - windup(phrase) for phrase in found])
    assert len(leads) > 10
    assert leads.min() >= 0.08 - 2e-4
    assert leads.max() <= 0.26 + 2e-4
    assert all(phrase.apex <= max(phrase.accent, phrase.stress_onset) + 0.12 + 2e-4 for phrase in found)


@pytest.mark.parametrize("style", STYLES)
def test_durations_are_the_class_s_own(style: str) -> None:
    """Preparation and retraction within 25 % of the measured medians; holds within limits; times in order."""
    for phrase in phrases(style):
        times = TABLES.durations[phrase.gclass]
        assert abs(phrase.apex - phrase.onset - times.prep) <= 0.25 * times.prep + 2e-4
        assert phrase.onset < phrase.apex < phrase.hold_end <= phrase.retract_end
        assert 0.12 - 2e-4 <= phrase.hold_end - phrase.apex <= 3.0
        if phrase.join == "rest":
            retraction = phrase.retract_end - phrase.hold_end
            assert abs(retraction - times.retract) <= 0.25 * times.retract + 2e-4


@pytest.mark.parametrize("style", STYLES)
def test_joins_match_the_gaps(style: str) -> None:
    for plan in plans(style):
        for phrase, following in pairwise(plan.phrases):
            assert following.onset >= phrase.retract_end - 2e-4
            if phrase.join == "next":
                assert phrase.hold_end == phrase.retract_end == following.onset
            elif phrase.join == "partial":
                assert following.onset - phrase.hold_end <= 2.5 + 1e-3
            if phrase.semantic and following.semantic and not TABLES.rules[following.rule.split()[1]].dense:
                assert following.apex - phrase.apex >= 1.0 or TABLES.rules[phrase.rule.split()[1]].dense
        assert plan.phrases[-1].join == "rest"
        assert plan.phrases[-1].retract_end <= plan.seconds + 1e-6


@pytest.mark.parametrize("style", STYLES)
def test_rates_lie_in_the_bands(style: str) -> None:
    pooled = plans(style)
    seconds = sum(plan.seconds for plan in pooled)
    rate = 60 * sum(len(plan.phrases) for plan in pooled) / seconds
    inside = sum(phrase.retract_end - phrase.onset for phrase in phrases(style))
    meaning = np.mean([phrase.semantic for phrase in phrases(style)])
    assert RATES[style][0] <= rate <= RATES[style][1]
    assert OUTSIDE[style][0] <= 1 - inside / seconds <= OUTSIDE[style][1]
    assert MEANING[style][0] <= meaning <= MEANING[style][1]


@pytest.mark.parametrize("style", STYLES)
def test_hands_rest_for_a_second_every_twenty(style: str) -> None:
    for plan in plans(style):
        begin, last = plan.phrases[0].onset, plan.phrases[0].retract_end
        for phrase in plan.phrases[1:]:
            if phrase.onset - last >= 1.0:
                begin = phrase.onset
            last = phrase.retract_end
            assert last - begin <= 20.0, f"no rest from {begin} to {last}"


@pytest.mark.parametrize("style", STYLES)
def test_no_half_of_a_minute_is_without_gestures(style: str) -> None:
    """The best gestures are not all taken from one stretch: the longest silence of the hands stays bounded."""
    longest = {"calm": 18.0, "explain": 12.0, "narrate": 9.0, "excited": 7.0}[style]
    for plan in plans(style):
        apexes = [0.0, *(phrase.apex for phrase in plan.phrases), plan.seconds]
        assert np.diff(apexes).max() <= longest


@pytest.mark.parametrize("handedness", ["right", "left"])
def test_hands_split_as_the_profile_says(handedness: str) -> None:
    """Shares within 10 points; a hand changes only through rest or a two-hand pose."""
    counts: Counter[str] = Counter()
    for talk in talks():
        for seed in range(3):
            plan = plan_gestures(talk, "explain", 1.0, seed, Speaker(handedness=handedness))
            counts.update(phrase.hands for phrase in plan.phrases)
            for phrase, following in pairwise(plan.phrases):
                if phrase.join != "rest" and {phrase.hands, following.hands} == {"left", "right"}:
                    pytest.fail(f"hands change at {following.onset} without rest")
    style, total = TABLES.styles["explain"], sum(counts.values())
    other = "left" if handedness == "right" else "right"
    for hand, share in ((handedness, style.one_hand), ("both", style.both), (other, style.other)):
        assert abs(counts[hand] / total - share) <= 0.10


def test_hands_are_hands_the_class_was_recorded_with() -> None:
    for style in STYLES:
        for phrase in phrases(style):
            times = TABLES.durations[phrase.gclass]
            assert (times.both if phrase.hands == "both" else times.one) > 0


@pytest.mark.parametrize("style", STYLES)
def test_a_lexeme_is_not_repeated_at_once(style: str) -> None:
    near = far = 0
    for plan in plans(style):
        last: dict[str, float] = {}
        for phrase in plan.phrases:
            if phrase.semantic:
                gap = phrase.apex - last.get(phrase.lexeme, -100.0)
                near += gap < 3.0
                far += gap < 8.0
                last[phrase.lexeme] = phrase.apex
    assert near == 0
    assert far <= 0.15 * len(phrases(style, semantic=True))


def test_prominent_words_get_larger_gestures() -> None:
    strengths: dict[float, float] = {}
    for talk in talks():
        strengths.update({round(accent.time, 4): accent.strength for accent in talk.prosody.accents})
    pairs = [(strengths[p.accent], p.amplitude) for p in phrases("explain") if p.accent in strengths]
    strong = [amplitude for strength, amplitude in pairs if strength > 0.75]
    weak = [amplitude for strength, amplitude in pairs if strength < 0.4]
    assert np.mean(strong) > 1.2 * np.mean(weak)
    assert min(amplitude for _, amplitude in pairs) >= 0.4


def test_energy_makes_more_and_larger_gestures() -> None:
    low, high = plans("explain", 0.5), plans("explain", 1.5)
    assert sum(len(plan.phrases) for plan in high) > 1.3 * sum(len(plan.phrases) for plan in low)
    sizes = [np.mean([p.amplitude for plan in group for p in plan.phrases]) for group in (low, high)]
    assert sizes[1] > 1.1 * sizes[0]


def test_a_question_is_held_to_the_end_of_its_phrase() -> None:
    speech = say("We came home late. What would you keep, if all of the house were on fire? I kept the cat.")
    held = [
        phrase.hold_end - phrase.apex
        for seed in range(12)
        for phrase in plan_gestures(speech, "excited", 1.5, seed).phrases
        if "question" in phrase.rule
    ]
    assert held
    assert np.median(held) >= 0.35


@given(st.integers(0, 10_000), st.sampled_from(STYLES), st.floats(0.5, 1.5), st.integers(1, 25))
@settings(max_examples=60, deadline=None)
def test_phrases_of_any_line_are_in_order(seed: int, style: str, energy: float, count: int) -> None:
    """Any stretch of the talk, any style and energy: ordered, inside the line, never overlapping."""
    words = TALK.split()
    speech = say(" ".join(words[seed % len(words) :][: count * 4]), seed, tail=0.3)
    plan = plan_gestures(speech, style, energy, seed)
    last = 0.0
    for number, phrase in enumerate(plan.phrases):
        assert phrase.id == number
        assert last - 2e-4 <= phrase.onset < phrase.apex < phrase.hold_end <= phrase.retract_end
        assert phrase.retract_end <= plan.seconds + 1e-3
        assert phrase.word < len(plan.words)
        last = phrase.retract_end
