"""Edits of a plan: what was asked is what is performed, neighbours give way, errors are sentences."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CospeechError
from engine.generators.default import DefaultGenerator
from engine.generators.gestures.authored import Repertoire
from engine.hints import Hints
from engine.plan.edit import affected_window, edit_plan
from engine.plan.lexemes import LEXEMES_FILE, lexemes, write_lexemes
from engine.plan.links import USER, class_times, linked
from engine.plan.planner import plan_gestures
from engine.plan.retime import retimed
from engine.take.make import hear
from tests.support.gesture_classes import known_classes
from tests.support.plan_speech import say
from tests.support.regen import OPTIONS, apex_of, base, line, plan_of, regenerated, silent_progress

TEXT = (
    "Hello everyone. I think this is a really big idea, and you know what? We can not stop here. "
    "First we look at the whole picture, then we open the box, and finally everybody comes together. "
    "It is not small, it is huge! Maybe you remember the day when all of it began."
)
SPEECH = say(TEXT)
PLAN = plan_gestures(SPEECH, "excited", 1.3, 4)
NAMES = [entry.lexeme for entry in lexemes()]


def phrase(plan, number):
    return next(entry for entry in plan.phrases if entry.id == number)


def check(plan):
    """A plan that can be performed: everything in its order, every gesture after the one before."""
    for entry in plan.phrases:
        assert 0.0 <= entry.onset < entry.apex <= entry.hold_end <= entry.retract_end <= plan.seconds + 1.0
    for first, second in zip(plan.phrases, plan.phrases[1:], strict=False):
        assert second.apex - first.apex >= 0.45 - 1e-6
        assert first.hold_end <= max(second.onset, first.apex + 0.021) + 1e-6
        assert second.onset >= first.apex
    assert len({entry.id for entry in plan.phrases}) == len(plan.phrases)


EDIT = st.one_of(
    st.builds(lambda i, t: {"op": "move", "id": PLAN.phrases[i % len(PLAN.phrases)].id, "apex": t},
              st.integers(0, 50), st.floats(0.2, PLAN.seconds - 0.3)),
    st.builds(lambda i, n: {"op": "lexeme", "id": PLAN.phrases[i % len(PLAN.phrases)].id, "lexeme": n},
              st.integers(0, 50), st.sampled_from(NAMES)),
    st.builds(lambda w, n, h: {"op": "add", "word": w, "lexeme": n, "hands": h}, st.integers(0, len(PLAN.words) - 1),
              st.sampled_from([*NAMES, ""]), st.sampled_from(["left", "right", "both"])),
)  # fmt: skip


@given(EDIT)
@settings(max_examples=60, deadline=None)
def test_whatever_is_edited_the_plan_can_be_performed_and_says_what_it_lost(edit):
    edited = edit_plan(PLAN, [edit], SPEECH)
    check(edited.plan)
    lost = {entry.id for entry in PLAN.phrases} - {entry.id for entry in edited.plan.phrases}
    assert len([note for note in edited.notes if "left out" in note]) == len(lost)
    (number,) = edited.ids
    assert phrase(edited.plan, number).rule == USER
    if edit["op"] == "move":
        assert phrase(edited.plan, number).apex == pytest.approx(edit["apex"], abs=1e-4)


@pytest.mark.parametrize(("number", "shift"), [(0, 0.26), (1, -0.15), (2, 0.4), (3, 0.3), (5, 0.35), (7, 0.4)])
@pytest.mark.parametrize("fps", [30.0, 23.976])
def test_a_moved_apex_lands_on_its_frame(number, shift, fps, tmp_path):
    take = base(0, fps)
    frame = round((phrase(plan_of(take), number).apex + shift) * fps)
    edits = ({"op": "move", "id": number, "apex": frame / fps},)
    made = regenerated(tmp_path, Hints(base=take), edits=edits, window="auto")
    arrived = apex_of(made, phrase(plan_of(made), number))
    assert round(arrived * fps) == frame
    first, end = made.provenance["window"]
    outside = np.r_[0:first, end : take.frames]
    assert made.poses[outside].tobytes() == take.poses[outside].tobytes()
    assert made.provenance["plan_changed"]
    assert end - first < 0.45 * take.frames


def test_a_line_may_lose_its_last_gesture():
    assert linked(plan_of(base()), []).phrases == ()
    only = linked(plan_of(base()), plan_of(base()).phrases[:1])
    assert edit_plan(only, [{"op": "delete", "id": only.phrases[0].id}]).plan.phrases == ()


def test_ids_stay_and_new_ones_are_new():
    added = edit_plan(PLAN, [{"op": "add", "word": 7, "lexeme": "", "hands": "left"}], SPEECH)
    (number,) = added.ids
    assert number not in {entry.id for entry in PLAN.phrases}
    assert not phrase(added.plan, number).semantic
    assert phrase(added.plan, number).hands == "left"
    gone = edit_plan(added.plan, [{"op": "delete", "id": number}])
    assert {entry.id for entry in gone.plan.phrases} <= {entry.id for entry in PLAN.phrases}
    assert gone.notes == ()


def test_hands_and_amplitude_and_lexeme_are_what_was_asked():
    number = PLAN.phrases[2].id
    edits = [
        {"op": "hands", "id": number, "hands": "left"},
        {"op": "amplitude", "id": number, "amplitude": 1.4},
        {"op": "lexeme", "id": number, "lexeme": "PALM_STOP"},
    ]
    got = phrase(edit_plan(PLAN, edits, SPEECH).plan, number)
    assert (got.hands, got.amplitude, got.lexeme, got.gclass) == ("left", 1.4, "PALM_STOP", "stop")
    assert got.apex - got.onset <= 1.26 * class_times("stop").prep


def test_what_a_neighbour_gives_is_little():
    first, second = PLAN.phrases[3], PLAN.phrases[4]
    edited = edit_plan(PLAN, [{"op": "move", "id": first.id, "apex": first.apex + 0.05}]).plan
    assert phrase(edited, second.id).apex == second.apex
    assert [p for p in edited.phrases if p.apex < first.onset - 1.5] == [
        p for p in PLAN.phrases if p.apex < first.onset - 1.5
    ]


@pytest.mark.parametrize(("edit", "said"), [
    ({"op": "bend", "id": 0}, "no plan edit 'bend'"),
    ({"op": "move", "id": 999, "apex": 1.0}, "no gesture 999"),
    ({"op": "move", "id": True, "apex": 1.0}, "no gesture True"),
    ({"op": "move", "id": 0, "apex": 1e9}, "choose a value"),
    ({"op": "move", "id": 0, "apex": float("nan")}, "choose a value"),
    ({"op": "move", "id": 0}, "apex"),
    ({"op": "lexeme", "id": 0, "lexeme": "MOON_WALK"}, "no gesture 'MOON_WALK'"),
    ({"op": "hands", "id": 0, "hands": "feet"}, "no hands 'feet'"),
    ({"op": "amplitude", "id": 0, "amplitude": 50}, "amplitude"),
    ({"op": "add", "word": 10_000, "lexeme": ""}, "no word 10000"),
    ({"op": "add", "word": 3, "lexeme": "", "hands": "no"}, "no hands"),
    ("move", "no plan edit"),
])  # fmt: skip
def test_wrong_edits_are_sentences(edit, said):
    with pytest.raises(CospeechError, match=said) as caught:
        edit_plan(PLAN, [edit], SPEECH)
    assert len(str(caught.value).splitlines()) == 1


def test_edits_that_change_nothing_leave_the_take_as_it_is(tmp_path):
    plan = plan_of(base())
    plan = replace(plan, phrases=tuple(replace(p, rule=USER) for p in plan.phrases))
    size = plan.phrases[0].amplitude
    edits = ({"op": "amplitude", "id": plan.phrases[0].id, "amplitude": size},)
    made = regenerated(tmp_path, Hints(base=base()), plan, edits=edits, window="auto")
    assert made.provenance["window"] is None
    assert not made.provenance["plan_changed"]
    assert made.poses.tobytes() == base().poses.tobytes()


def test_the_affected_window_covers_what_changed():
    edited = edit_plan(PLAN, [{"op": "delete", "id": PLAN.phrases[2].id}]).plan
    first, end = affected_window(PLAN, edited, 30.0, 10_000)
    gone = PLAN.phrases[2]
    assert first / 30.0 < gone.onset
    assert end / 30.0 > gone.retract_end
    assert affected_window(PLAN, PLAN, 30.0, 100) is None
    assert affected_window(PLAN, edited, 30.0, 10) is None  # the change lies past the end of this take


def test_corrected_words_take_their_gestures_and_phones_along(tmp_path):
    plan = plan_of(base())
    moved = plan.phrases[6]
    _, start, end = plan.words[moved.word]
    words = ((moved.word, start - 0.15, end - 0.10),)
    speech = hear(replace(OPTIONS, words=words), silent_progress)
    assert speech.words[moved.word].phones[0].start == pytest.approx(start - 0.15, abs=0.011)
    later = retimed(plan, speech)
    shift = phrase(later, moved.id).apex - moved.apex
    assert shift == pytest.approx(-0.15, abs=0.05)
    assert later.words[moved.word][1] == pytest.approx(start - 0.15, abs=0.011)
    made = regenerated(tmp_path, Hints(base=base()), words=words, window="auto", speech=speech)
    first, last = made.provenance["window"]
    assert first / 30.0 < moved.onset
    assert np.abs(made.blendshapes[first:last] - base().blendshapes[first:last]).max() > 0.1
    assert retimed(plan, line()) is plan


def test_the_list_of_gestures_is_in_step_with_the_weights_and_its_file(tmp_path):
    write_lexemes(tmp_path / "lexemes.json")
    assert (tmp_path / "lexemes.json").read_bytes() == LEXEMES_FILE.read_bytes()
    rows = json.loads(LEXEMES_FILE.read_text())["lexemes"]
    assert {"lexeme", "gclass", "label", "hands"} == set(rows[0])
    known = known_classes(Repertoire(DefaultGenerator.bundled().model))
    assert {row["gclass"] for row in rows} <= set(known)
    assert {row["hands"] for row in rows} <= {"one", "both", "any"}
