"""Emphasis in a plan: what it makes likelier and larger, that the rest stays, and that it can be taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.body.motion import Motion
from engine.cli import app
from engine.errors import CospeechError
from engine.hints import Hints, save_hints
from engine.plan.emphasis import IDS, emphasised
from engine.plan.emphasis_record import amounts_of
from engine.plan.emphasis_undo import unemphasised
from engine.plan.history import rewound, step_between
from engine.plan.links import USER
from engine.plan.planner import plan_gestures
from engine.plan.revise import Parts, planned_anew
from engine.plan.types import GesturePlan
from engine.take.make import make_take
from engine.take.options import TakeOptions
from tests.places import DEMO, TRANSCRIPT
from tests.support.plan_speech import TALK, build, say
from tests.support.regen import OPTIONS, base, line

SPEECH = say(TALK.partition("I don't know how they heard of us.")[0], 3)  # the first half
PLANS = {style: plan_gestures(SPEECH, style, 1.0, 4) for style in ("calm", "explain", "excited")}
PLAN = PLANS["explain"]
WORDS = len(PLAN.words)
amounts = st.sampled_from([-1.0, -0.6, -0.2, 0.3, 0.7, 1.0])
places = st.tuples(st.integers(0, WORDS - 1), st.integers(1, 6), amounts)


def over(first: int, count: int, amount: float) -> tuple[float, float, float]:
    """A stretch over ``count`` words from ``first`` on."""
    return PLAN.words[first][1], PLAN.words[min(first + count, WORDS) - 1][2], amount


def on(plan: GesturePlan, first: int, count: int = 1) -> list[object]:
    return [phrase for phrase in plan.phrases if first <= phrase.word < first + count]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(PLANS)), st.lists(places, max_size=4), st.lists(places, max_size=4))
def test_it_can_be_taken_back_and_changed_in_any_order(style, first, second):
    plan = PLANS[style]
    one, two = tuple(over(*place) for place in first), tuple(over(*place) for place in second)
    made = emphasised(plan, one, SPEECH)
    assert unemphasised(made) == plan
    assert GesturePlan.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert emphasised(made, one, SPEECH) == made
    other = emphasised(made, two, SPEECH)
    assert amounts_of(other).same(amounts_of(emphasised(plan, two, SPEECH)))
    assert emphasised(other, (), SPEECH) == plan
    assert unemphasised(other) == plan


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(PLANS)), places)
def test_gestures_outside_and_beside_it_stay_to_the_digit(style, place):
    plan, (first, count, amount) = PLANS[style], place
    made = emphasised(plan, (over(first, count, amount),), SPEECH)
    start, end, _ = over(first, count, amount)
    ordered = list(plan.phrases)
    touched = [index for index, phrase in enumerate(ordered) if phrase not in made.phrases]
    inside = [index for index, phrase in enumerate(ordered) if start - 1.0 < phrase.apex < end + 1.0]
    low = min(inside, default=min((i for i, p in enumerate(ordered) if p.apex >= start), default=len(ordered)))
    high = max(inside, default=low)
    assert all(low - 1 <= index <= high + 1 for index in touched)
    for name in ("head", "brows"):
        before, after = set(getattr(plan, name)), set(getattr(made, name))
        assert all(start - 1.0 < event.apex < end + 1.0 for event in before ^ after)
    for name in ("gaze", "blinks", "breaths", "shifts", "smiles", "words", "accents"):
        assert getattr(made, name) == getattr(plan, name)


def test_a_word_that_is_raised_fully_gets_a_gesture_and_one_that_is_lowered_fully_has_none():
    for word in range(0, WORDS, 3):
        raised = emphasised(PLAN, (over(word, 1, 1.0),), SPEECH)
        assert on(raised, word), PLAN.words[word]
        assert all(a.apex + 0.1 < b.onset + 0.05 for a, b in zip(raised.phrases, raised.phrases[1:], strict=False))
        assert len({phrase.id for phrase in raised.phrases}) == len(raised.phrases)
        lowered = emphasised(PLAN, (over(word, 4, -1.0),), SPEECH)
        assert not on(lowered, word, 4)
        assert not [event for event in lowered.head + lowered.brows if word <= event.word < word + 4]
        assert len(lowered.phrases) == len(PLAN.phrases) - len(on(PLAN, word, 4))


def test_the_amount_is_how_likely_and_how_large():
    shares, sizes = {}, {}
    for amount in (-0.5, 0.25, 0.5, 1.0):
        gained, factors = 0, []
        for word in range(0, WORDS, 2):
            made = emphasised(PLAN, (over(word, 1, amount),), SPEECH)
            before = {phrase.id: phrase for phrase in on(PLAN, word)}
            gained += len(on(made, word)) - len(before)
            factors += [p.amplitude / before[p.id].amplitude for p in on(made, word) if p.id in before]
        free = sum(not on(PLAN, word) for word in range(0, WORDS, 2))
        shares[amount] = gained / (free if amount > 0 else len(range(0, WORDS, 2)) - free)
        sizes[amount] = float(np.median(factors))
    assert shares[1.0] == 1.0
    assert 0.1 < shares[0.25] < shares[0.5] < 0.75
    assert -0.85 < shares[-0.5] < -0.15
    assert sizes == pytest.approx({-0.5: 0.8, 0.25: 1.1, 0.5: 1.2, 1.0: 1.4}, abs=0.01)


def test_a_raised_beat_becomes_the_word_s_meaning_where_it_has_one():
    plan = plan_gestures(SPEECH, "excited", 1.0, 2)
    meant = 0
    for phrase in plan.phrases:
        if phrase.semantic or phrase.word < 0:
            continue
        made = emphasised(plan, (over(phrase.word, 1, 1.0),), SPEECH)
        meant += any(entry.semantic for entry in on(made, phrase.word))
        assert len(on(made, phrase.word)) == 1
    assert meant > 0


def test_what_a_person_planned_stays_as_it_is():
    word = PLAN.phrases[3].word
    own = replace(PLAN, phrases=tuple(replace(p, rule=USER) if p.word == word else p for p in PLAN.phrases))
    for amount in (-1.0, 1.0):
        assert on(emphasised(own, (over(word, 1, amount),), SPEECH), word) == on(own, word)


def test_a_gesture_that_a_person_changed_since_is_not_taken_back():
    word = next(word for word in range(WORDS) if not on(PLAN, word))
    made = emphasised(PLAN, (over(word, 1, 1.0),), SPEECH)
    (added,) = on(made, word)
    assert added.id >= IDS
    edited = replace(
        made, phrases=tuple(replace(p, rule=USER, amplitude=0.5) if p == added else p for p in made.phrases)
    )
    assert on(unemphasised(edited), word)[0].amplitude == 0.5


def test_nods_and_brows_follow():
    accented = [accent for accent in SPEECH.prosody.accents if accent.word >= 0]
    gained = 0
    for accent in accented[::2]:
        made = emphasised(PLAN, (over(accent.word, 1, 1.0),), SPEECH)
        assert len(made.head) >= len(PLAN.head)
        gained += len(made.head) - len(PLAN.head)
        assert all(0.0 <= event.amount <= 1.0 for event in made.brows)
    assert gained > 5


def test_a_window_of_another_seed_keeps_its_emphasis_and_can_be_taken_back():
    stretch, span = over(20, 8, 1.0), (PLAN.words[16][1], PLAN.words[40][1])
    made = emphasised(PLAN, (stretch,), SPEECH)
    fresh = emphasised(plan_gestures(SPEECH, "explain", 1.0, 9), (stretch,), SPEECH)
    window = round(span[0] * 30), round(span[1] * 30)
    anew = planned_anew(made, fresh, span, 9, Parts())
    step = step_between(made, anew, window)
    back = rewound(anew, [json.loads(json.dumps(step))], window)
    assert back.plan == made
    assert unemphasised(back.plan) == PLAN


def test_a_line_without_words_has_emphasis_by_time():
    silent = build([], list(SPEECH.prosody.accents), list(SPEECH.prosody.phrases), [], "", SPEECH.seconds, False)
    prosody = replace(silent.prosody, accents=tuple(replace(accent, word=-1) for accent in silent.prosody.accents))
    silent = replace(silent, prosody=prosody)
    plan = plan_gestures(silent, "excited", 1.0, 1)
    gone = next(phrase for phrase in plan.phrases if phrase.apex > 6.0)
    stretch = (gone.apex - 1.0, gone.apex + 1.0, -1.0)
    made = emphasised(plan, (stretch,), silent)
    assert len(made.phrases) < len(plan.phrases)
    assert not [phrase for phrase in made.phrases if stretch[0] <= phrase.apex < stretch[1]]
    assert unemphasised(made) == plan
    assert len(emphasised(made, (replace_amount(stretch),), silent).phrases) > len(made.phrases)


def replace_amount(stretch: tuple[float, float, float]) -> tuple[float, float, float]:
    """The stretch with full emphasis."""
    return stretch[0], stretch[1], 1.0


@pytest.fixture(scope="module")
def take() -> tuple[TakeOptions, object, Motion]:
    return replace(OPTIONS, fps=24.0, device="cpu"), line(), base(fps=24.0)


def again(take, base: Motion, tmp_path: Path, **asked) -> Motion:
    options, speech, _ = take
    base.save(tmp_path / "base.npz")
    save_hints(tmp_path / "hints.npz", Hints(base=base), tmp_path / "base.npz")
    return make_take(replace(options, hints=str(tmp_path / "hints.npz"), **asked), lambda *_: None, speech)


def test_only_the_window_that_emphasis_touches_is_made_anew(take, tmp_path):
    _, _, base = take
    words = base.plan["words"]
    bare = next(i for i in range(3, len(words)) if all(p["word"] != i for p in base.plan["phrases"]))
    stretch = (words[bare][1], words[bare][2], 1.0)
    made = again(take, base, tmp_path, emphasis=(stretch,), window="auto")
    first, end = made.provenance["window"]
    assert 0 <= first < end <= base.frames
    assert end - first < base.frames
    outside = np.r_[0:first, end : base.frames]
    for name in ("poses", "trans", "blendshapes"):
        assert getattr(made, name)[outside].tobytes() == getattr(base, name)[outside].tobytes()
    assert made.poses[first:end].tobytes() != base.poses[first:end].tobytes()
    assert [p["word"] for p in made.plan["phrases"]].count(bare) == 1
    assert made.provenance["options"]["emphasis"] == (stretch,)
    assert made.plan["emphasis"]["stretches"] == (stretch,)
    same = again(take, made, tmp_path, emphasis=(stretch,), window="auto")
    assert same.plan == made.plan
    kept = again(take, made, tmp_path)  # nothing said of emphasis: it stays
    assert kept.plan == made.plan
    other = again(take, made, tmp_path, seed=5)
    assert other.plan["emphasis"]["stretches"] == (stretch,)
    assert any(p["word"] == bare for p in other.plan["phrases"])
    plain = again(take, made, tmp_path, emphasis=((0.0, 999.0, 0.0),), window="auto")
    assert plain.plan["phrases"] == base.plan["phrases"]
    assert "emphasis" not in plain.plan


def test_a_new_take_has_it_from_the_start(take):
    options, speech, base = take
    word = base.plan["words"][4]
    asked = replace(options, emphasis=((word[1], word[2], 1.0),))
    made, twice = (make_take(asked, lambda *_: None, speech) for _ in range(2))
    assert made.poses.tobytes() == twice.poses.tobytes()
    assert GesturePlan.from_dict(made.plan).emphasis is not None
    assert unemphasised(GesturePlan.from_dict(made.plan)) == GesturePlan.from_dict(base.plan)


def test_the_command_line_takes_stretches_and_says_what_is_wrong(tmp_path):
    line = [
        "generate",
        str(DEMO),
        "--out",
        str(tmp_path / "a.npz"),
        "--transcript",
        str(TRANSCRIPT),
    ]
    done = CliRunner().invoke(app, [*line, "--emphasis", "0.4:0.9:1", "--emphasis", "1.5:2:-1", "--json"])
    assert done.exit_code == 0, done.output
    assert Motion.load(tmp_path / "a.npz").plan["emphasis"]["stretches"] == [[0.4, 0.9, 1.0], [1.5, 2.0, -1.0]]
    for wrong, told in (("soon", "start, end and amount"), ("2:1:1", "-1 to 1"), ("0:1:3", "-1 to 1")):
        error = CliRunner().invoke(app, [*line, "--emphasis", wrong]).exception
        assert isinstance(error, CospeechError)
        assert told in str(error)


@pytest.mark.parametrize("asked", [{"generator": "semges", "weights": "x"}, {"role": "listen"}])
def test_who_can_t_follow_it_says_so(asked):
    with pytest.raises(CospeechError, match="emphasis"):
        TakeOptions(audio="a.wav", emphasis=((0.0, 1.0, 1.0),), **asked).checked()
