"""Every authored gesture has words that call for it; what seeds change; how authored times enter the plan."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.generators.default import DefaultGenerator
from engine.generators.gestures.authored import authored_classes
from engine.generators.gestures.choice import choose
from engine.generators.gestures.perform import Repertoire
from engine.plan.lexemes import lexemes
from engine.plan.links import windup
from engine.plan.planner import plan_gestures
from engine.plan.rules import find_hits
from engine.plan.tables import load_tables
from engine.plan.text import read_tokens
from engine.plan.types import STYLES, GesturePhrase
from tests.places import ROOT
from tests.support.plan_speech import say
from tests.support.regen import line

TABLES = load_tables()
SENTENCES = {
    "wave": "Hello everybody.",
    "wave_fingers": "Goodbye my dear.",
    "heart": "Thank you so much.",
    "palms_together": "Please forgive me.",
    "ring_precise": "It is exactly that.",
    "pinch_precise": "It is a detail.",
    "finger_wag": "Be careful with it.",
    "finger_raise": "Beware of the dog.",
    "wide": "It was an enormous house.",
    "fist_beat": "We must leave.",
    "expand": "It was a large house.",
    "gap_small": "It was a tiny thing.",
    "narrow": "It was a narrow street.",
    "level_high": "He is very tall.",
    "level_low": "The table is low.",
    "sweep_up": "Prices rise again.",
    "sweep_down": "Prices fall again.",
    "count_one": "There is one reason.",
    "count_two": "There are two reasons.",
    "count_three": "There are three reasons.",
    "count_four": "There are four reasons.",
    "count_five": "There are five reasons.",
    "order_one": "First we wash it.",
    "order_two": "Secondly we dry it.",
    "order_three": "Thirdly we sell it.",
    "place_left": "We sell tables, chairs and lamps.",
    "place_centre": "We sell tables, chairs and lamps.",
    "place_right": "We sell tables, chairs and lamps.",
    "wobble": "It is roughly right.",
    "self_tips": "I did it myself.",
    "we_arc": "We saw it.",
    "unite": "They work together.",
    "point_down": "He lives here.",
    "past_back": "That was long ago.",
    "future_arc": "Tomorrow it rains.",
    "palm_turn": "She stayed, but he left.",
    "turn_over": "Things change.",
    "balance": "Compare the results.",
    "step_on": "Therefore he left.",
    "cycle": "It is a long process.",
    "cycle_both": "They develop slowly.",
    "contain": "It is inside the box.",
    "link": "These things connect.",
    "part": "We split the money.",
    "halt": "Stop it.",
    "flick_away": "Forget the rest.",
    "calm_down": "Stay calm.",
    "calm_one": "Go slowly.",
    "temple": "I remember him.",
    "head_cycle": "I wonder about that.",
    "chin": "Imagine a house.",
    "eyes_out": "They watch the birds.",
    "ear": "Listen to me.",
    "mouth_out": "They talk a lot.",
    "phone": "He is on the telephone.",
    "walk": "They walk home.",
    "run_arms": "He was running.",
    "throw": "They throw stones.",
    "push": "They push the car.",
    "pull": "They pull the rope.",
    "open_doors": "They open the doors.",
    "close": "They shut the doors.",
    "write": "They write letters.",
    "type": "He is typing.",
    "steer": "They drive home.",
    "eat": "They eat bread.",
    "drink": "They drink wine.",
    "take": "They grab it.",
    "beckon": "Come closer.",
    "knock": "They knock.",
    "gather": "They gather wood.",
    "trace_circle": "It is a circle.",
    "globe": "The globe turns.",
    "trace_curve": "It is a curve.",
    "trace_square": "It is a square.",
    "plane_flat": "The land is flat.",
    "trace_line": "It is a straight road.",
    "thumb_up": "Well done.",
    "fist_win": "That was a triumph.",
    "quotes": "He bought the so-called “gift” there.",
}


def offered(text: str) -> set[str]:
    """The gesture classes of all rules that a sentence's words call for."""
    tokens = read_tokens(say(text), TABLES.lexicon)
    return {gesture.gclass for hit in find_hits(tokens, TABLES) for gesture in hit.rule.gestures}


@pytest.mark.parametrize("gclass", sorted(SENTENCES))
def test_words_call_for_every_authored_gesture(gclass: str) -> None:
    assert gclass in offered(SENTENCES[gclass])


def test_no_authored_gesture_is_forgotten() -> None:
    assert set(SENTENCES) == authored_classes()
    assert authored_classes() <= {entry.gclass for entry in lexemes()}
    assert len({entry.lexeme for entry in lexemes()}) >= 40


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("There are twenty-three hundred reasons.", {"count_three"}),
        ("There are two hundred reasons.", {"count_two"}),
        ("In the year two thousand and five.", {"count_two"}),
        ("That is the one.", {"halt"}),
        ("He went to the bank.", set(authored_classes())),
    ],
)
def test_words_that_only_look_alike_call_for_nothing(text: str, classes: set[str]) -> None:
    assert not offered(text) & classes


@pytest.mark.parametrize(("word", "gclass"), [("two", "count_two"), ("three", "count_three"), ("five", "count_five")])
def test_numbers_are_counted_with_their_own_fingers(word: str, gclass: str) -> None:
    """Over seeds and styles no number is shown by the fingers of another."""
    speech = say(f"I have seen {word} reasons for it in the last year, and nothing of this surprised the old man.")
    shown = {p.gclass for style in STYLES for seed in range(6) for p in plan_gestures(speech, style, 1.2, seed).phrases}
    assert {name for name in shown if name.startswith(("count_", "order_"))} == {gclass}


def test_thumbs_go_up_for_praise_or_in_high_spirits_only() -> None:
    speech = say("The food was good and the rooms were beautiful. The best of it was the fine old garden. " * 3)

    def lexeme_set(style: str) -> set[str]:
        return {phrase.lexeme for seed in range(20) for phrase in plan_gestures(speech, style, 1.3, seed).phrases}

    assert "THUMB_UP" in lexeme_set("excited")
    assert "THUMB_UP" not in lexeme_set("calm") | lexeme_set("explain") | lexeme_set("narrate")


def test_a_wave_is_never_cut_short_and_a_strike_meets_its_word() -> None:
    text = "Hello everybody. They push the heavy car, and the old man sat there. In the evening they throw the stones."
    seen: set[str] = set()
    for seed in range(30):
        for phrase in plan_gestures(say(text), "narrate", 1.3, seed).phrases:
            times = TABLES.durations[phrase.gclass]
            if phrase.gclass not in authored_classes():
                continue
            seen.add(phrase.gclass)
            if phrase.join == "rest":
                assert phrase.hold_end - phrase.apex >= times.least - 1e-3
            if phrase.semantic:
                assert 0.08 - 2e-4 <= phrase.stress_onset - phrase.onset - windup(phrase) <= 0.26 + 2e-4
    assert {"wave", "push", "throw"} <= seen


def test_eight_seeds_of_a_line_differ_in_choice_and_in_form() -> None:
    """Not only in noise: other lexemes on the same words, and other recordings or forms of the same lexeme."""
    speech = line()
    plans = [plan_gestures(speech, "narrate", 1.0, seed) for seed in range(8)]
    rows = [tuple((phrase.lexeme, phrase.hands, phrase.word) for phrase in plan.phrases) for plan in plans]
    assert len(set(rows)) == 8
    apart = [
        1.0 - len(set(a) & set(b)) / max(len(a), len(b)) for place, a in enumerate(rows) for b in rows[place + 1 :]
    ]
    assert np.median(apart) > 0.3
    source = Repertoire(DefaultGenerator.bundled().model)
    several = [
        p for plan in plans for p in plan.phrases if p.gclass in ("beat_mid", "beat_low", "negation", "chop", "me")
    ]
    assert several
    drawn = [len({form_of(source, phrase, seed) for seed in range(8)}) for phrase in several]
    assert min(drawn) >= 2
    assert np.mean(drawn) >= 3


def form_of(source: Repertoire, phrase: GesturePhrase, seed: int) -> tuple[int, bool]:
    """The recording that a phrase begins with for a seed, and whether it is mirrored."""
    chosen = choose(source, phrase, np.zeros((2, 3)), "narrate", np.random.default_rng(seed), [])
    return chosen.recipe.first, chosen.mirror


def test_every_lexeme_of_the_speakers_exists() -> None:
    names = {entry.lexeme for entry in lexemes()}
    for path in (ROOT / "assets/speakers").glob("*.json"):
        assert set(json.loads(path.read_text())["likes"]) <= names
