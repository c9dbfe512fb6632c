"""Speakers: presets, what they change, and that nobody in particular changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CospeechError
from engine.generators.life.postures import life_style, rest_tracks
from engine.plan.lexemes import lexemes
from engine.plan.planner import plan_gestures
from engine.plan.speakers import FACTORS, NOBODY, Speaker, bundled_speakers, find_speaker
from engine.plan.tables import load_tables
from engine.plan.types import GesturePlan
from engine.take.options import TakeOptions
from tests.support.plan_speech import TALK, say

PRESETS = ("ines", "marlow", "tobias")


def factors() -> st.SearchStrategy[Speaker]:
    numbers = {name: st.floats(low, high) for name, (low, high) in FACTORS.items()}
    weights = st.dictionaries(st.text(min_size=1, max_size=8), st.floats(0.0, 10.0), max_size=3)
    fixed = {"name": st.just("someone"), "handedness": st.sampled_from(["right", "left"])}
    return st.fixed_dictionaries({**fixed, **numbers, "rests": weights, "likes": weights}).map(Speaker.from_dict)


@given(factors())
def test_a_speaker_survives_its_file(speaker: Speaker) -> None:
    assert Speaker.from_dict(json.loads(json.dumps(speaker.to_dict()))) == speaker


def test_nobody_changes_nothing() -> None:
    tables = load_tables()
    assert NOBODY.tables(tables) is tables
    plan = plan_gestures(say("We open a huge door."), "explain", 1.0, 3)
    assert "speaker" not in plan.to_dict()
    assert GesturePlan.from_dict(plan.to_dict()) == plan


@settings(max_examples=15, deadline=None)
@given(factors(), st.sampled_from(["calm", "excited"]))
def test_any_speaker_plans_and_the_plan_knows_whom(speaker: Speaker, style: str) -> None:
    plan = plan_gestures(say("We never open the huge door, but you can."), style, 1.0, 1, speaker)
    assert GesturePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    for phrase in plan.phrases:
        assert phrase.onset < phrase.apex <= phrase.hold_end <= phrase.retract_end


def test_bundled_presets_differ_as_they_say() -> None:
    assert tuple(speaker.name for speaker in bundled_speakers()) == ("default", *PRESETS)
    known = {entry.lexeme for entry in lexemes()}
    talk = say(TALK, 0)
    made = {}
    for name in PRESETS:
        speaker = find_speaker(name)
        assert {lexeme for lexeme, _ in speaker.likes} <= known, name
        plans = [plan_gestures(talk, "explain", 1.0, seed, speaker) for seed in range(3)]
        phrases = [phrase for plan in plans for phrase in plan.phrases]
        made[name] = {
            "count": len(phrases),
            "size": float(np.median([phrase.amplitude for phrase in phrases])),
            "prep": float(np.median([phrase.apex - phrase.onset for phrase in phrases])),
            "both": float(np.mean([phrase.hands == "both" for phrase in phrases])),
            "left": float(np.mean([phrase.hands == "left" for phrase in phrases])),
            "right": float(np.mean([phrase.hands == "right" for phrase in phrases])),
            "nods": sum(len([event for event in plan.head if event.kind == "nod"]) for plan in plans),
        }
    assert made["ines"]["count"] > 1.2 * made["marlow"]["count"]
    assert made["ines"]["size"] > 1.15 * made["marlow"]["size"]
    assert made["ines"]["prep"] < made["marlow"]["prep"]
    assert made["ines"]["left"] > 2.0 * made["ines"]["right"]
    assert made["tobias"]["right"] > 2.0 * made["tobias"]["left"]
    assert made["ines"]["both"] > 1.5 * made["tobias"]["both"]
    assert made["tobias"]["nods"] > made["marlow"]["nods"]


def test_speakers_rest_in_their_own_way() -> None:
    plan = plan_gestures(say(TALK, 0), "explain", 1.0, 0)
    named: dict[str, list[str]] = {}
    for name in ("ines", "marlow"):
        style = life_style("explain", find_speaker(name))
        named[name] = [rest for seed in range(8) for _, rest in rest_tracks(plan, seed, style).names]
    clasped = {name: np.mean([rest in ("low_clasp", "wrist_hold") for rest in rests]) for name, rests in named.items()}
    assert clasped["marlow"] > 2.0 * clasped["ines"]


def test_a_saved_preset_is_found_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"name": "mine", "rate": 1.3, "handedness": "left"}), "utf-8")
    assert find_speaker(str(path)) == Speaker(name="mine", rate=1.3, handedness="left")
    assert TakeOptions(audio="x.wav", speaker=str(path)).checked().identity().rate == 1.3
    assert find_speaker(path.read_text("utf-8")) == find_speaker(str(path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"rate": 9}, "rate is 9; choose a number from 0.5 to 1.6"),
        ({"rate": "fast"}, "rate is fast"),
        ({"handedness": "both"}, "choose right or left"),
        ({"mood": 1}, "unknown entries"),
        ({"likes": {"CHOP": -1}}, "likes: CHOP is -1"),
        ({"rests": 3}, "rests is not a list"),
        ([], "not a preset"),
    ],
)
def test_wrong_presets_get_a_sentence(tmp_path: Path, data: object, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(CospeechError, match=message):
        find_speaker(str(path))


def test_missing_presets_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CospeechError, match="There is no speaker 'nobody'; choose one of: default, ines"):
        find_speaker("nobody")
    with pytest.raises(CospeechError, match="can't be opened"):
        find_speaker(str(tmp_path / "gone.json"))
