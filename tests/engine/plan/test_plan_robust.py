"""Odd lines, determinism, seeds, growth with length, JSON, bad arguments, the tables."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CospeechError
from engine.plan.planner import plan_gestures
from engine.plan.speakers import Speaker
from engine.plan.tables import GESTURES_DIR, load_tables
from engine.plan.types import STYLES, GesturePlan
from engine.training.plan_tables import class_durations, write_durations
from tests.places import CORPUS, ROOT
from tests.support.plan_speech import TALK, build, say, without_transcript


def test_without_a_transcript_beats_head_and_face_remain() -> None:
    speech = without_transcript(say(TALK))
    plan = plan_gestures(speech, "explain", 1.0, 1)
    assert 14 <= 60 * len(plan.phrases) / plan.seconds <= 22
    assert not any(phrase.semantic or phrase.word >= 0 for phrase in plan.phrases)
    assert plan.head
    assert plan.brows
    assert plan.blinks
    assert plan.breaths
    assert not plan.words


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("text", ["", "Yes.", "No", "I don't know."])
def test_very_short_lines(text: str, style: str) -> None:
    for tail in (0.0, 0.3, 3.0):
        plan = plan_gestures(say(text, lead=0.02, tail=tail), style, 1.0, 3)
        for event in (*plan.head, *plan.brows, *plan.gaze, *plan.blinks, *plan.breaths, *plan.smiles):
            assert 0.0 <= event.start <= event.apex <= event.end <= plan.seconds + 1e-3


def test_a_clip_of_three_tenths_and_nothing_in_it() -> None:
    plan = plan_gestures(build([], [], [], [], "", 0.3), "narrate", 1.0, 0)
    assert plan.phrases == ()
    assert plan.seconds == pytest.approx(0.3)


def test_words_without_accents_still_mean_something() -> None:
    speech = say(TALK)
    flat = replace(speech, prosody=replace(speech.prosody, accents=()))
    plan = plan_gestures(flat, "explain", 1.0, 0)
    assert len(plan.phrases) >= 10
    assert all(phrase.semantic or "beat" not in phrase.rule for phrase in plan.phrases)


def calls_of(action: Callable[[], object]) -> int:
    """How many functions are called meanwhile, Python's and built-in ones: work without a clock."""
    count, before = 0, sys.getprofile()

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def test_the_work_grows_with_the_line_and_not_with_its_square() -> None:
    short, long = say(" ".join([TALK] * 2)), say(" ".join([TALK] * 10))
    assert long.seconds > 960
    plan_gestures(short, "excited", 1.0, 0)  # reads the tables
    for seed in range(2):
        few, many = (calls_of(partial(plan_gestures, line, "excited", 1.0, seed)) for line in (short, long))
        assert many / long.seconds < 1.3 * few / short.seconds  # 1.0 as it is


def test_same_seed_same_plan_in_another_process() -> None:
    """No process-dependent hash: other PYTHONHASHSEED, same JSON."""
    code = (
        "import json; from tests.support.plan_speech import TALK, say; from engine.plan.planner import plan_gestures;"
        "print(json.dumps(plan_gestures(say(TALK, 5), 'narrate', 1.1, 7).to_dict()))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    here = json.dumps(plan_gestures(say(TALK, 5), "narrate", 1.1, 7).to_dict())
    assert done.stdout.strip() == here


def test_seeds_differ_visibly() -> None:
    speech = say(TALK)
    first, second = (plan_gestures(speech, "explain", 1.0, seed) for seed in (1, 2))
    keys = [{(round(p.accent, 2), p.lexeme, p.hands) for p in plan.phrases} for plan in (first, second)]
    assert len(keys[0] & keys[1]) <= 0.6 * len(keys[0])
    words = [{round(p.accent, 2) for p in plan.phrases} for plan in (first, second)]
    assert len(words[0] - words[1]) >= 0.2 * len(words[0]), "other accents, not only other hands"
    assert first.head != second.head
    assert first.blinks != second.blinks


def test_plan_survives_json() -> None:
    plan = plan_gestures(say(TALK), "excited", 1.2, 4)
    assert GesturePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@given(st.integers(0, 2**40), st.sampled_from(STYLES), st.floats(0.5, 1.5), st.sampled_from(["left", "right"]))
@settings(max_examples=25, deadline=None)
def test_any_plan_survives_json(seed: int, style: str, energy: float, hand: str) -> None:
    plan = plan_gestures(
        say("Hello. No, we must not go, it is too large!", seed % 7), style, energy, seed, Speaker(handedness=hand)
    )
    assert GesturePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_unknown_fields_are_refused() -> None:
    data = plan_gestures(say("Yes."), "calm", 1.0, 0).to_dict()
    with pytest.raises(CospeechError, match="unknown fields"):
        GesturePlan.from_dict({**data, "mood": "glad"})


@pytest.mark.parametrize(("style", "energy", "message"), [("angry", 1.0, "no style"), ("calm", 2.0, "energy")])
def test_bad_arguments_get_a_sentence(style: str, energy: float, message: str) -> None:
    with pytest.raises(CospeechError, match=message):
        plan_gestures(say("Yes."), style, energy, 0)


def test_damaged_tables_get_a_sentence(tmp_path: Path) -> None:
    for name in ("rules", "lexicon_en", "styles", "durations", "authored_times"):
        (tmp_path / f"{name}.json").write_text((GESTURES_DIR / f"{name}.json").read_text("utf-8"), "utf-8")
    assert load_tables(tmp_path).styles.keys() == set(STYLES)
    lexicon = json.loads((tmp_path / "lexicon_en.json").read_text("utf-8"))
    lexicon["triggers"]["no_such_rule"] = ["=x"]
    (tmp_path / "lexicon_en.json").write_text(json.dumps(lexicon), "utf-8")
    load_tables.cache_clear()
    with pytest.raises(CospeechError, match="no_such_rule"):
        load_tables(tmp_path)
    (tmp_path / "styles.json").unlink()
    with pytest.raises(CospeechError, match="styles"):
        load_tables(tmp_path)
    load_tables.cache_clear()


def test_durations_are_medians_of_the_main_gestures(tmp_path: Path) -> None:
    columns = ["main", "group", "gclass", "hands_measured", "m_onset", "m_apex0", "m_apex1", "m_return"]
    rows = [
        ["1", "gesture", "chop", "left", "0.2", "0.6", "1.0", "1.5"],
        ["1", "gesture", "chop", "both", "0.2", "0.8", "1.0", "1.5"],
        ["1", "gesture", "chop", "none", "0.2", "0.7", "1.4", "2.5"],
        ["1", "idle", "idle", "none", "0", "9", "9", "9"],
        ["0", "gesture", "chop", "left", "0", "9", "9", "9"],
    ]
    with (tmp_path / "clips.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([columns, *rows])
    assert class_durations(tmp_path / "clips.csv") == {
        "chop": {"prep": 0.5, "hold": 0.4, "retract": 0.5, "clips": 3, "one": 1, "both": 2}
    }
    with pytest.raises(CospeechError, match="can't be read"):
        class_durations(tmp_path / "other.csv")
    (tmp_path / "clips.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(CospeechError, match="lacks the columns"):
        class_durations(tmp_path / "clips.csv")


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.exists(), reason="../shared/corpus is not there")
def test_the_table_of_durations_is_the_corpus_s(tmp_path: Path) -> None:
    write_durations(CORPUS, tmp_path / "durations.json")
    assert (tmp_path / "durations.json").read_text("utf-8") == (GESTURES_DIR / "durations.json").read_text("utf-8")
