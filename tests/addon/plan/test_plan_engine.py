"""The list's edits as the engine understands them: each is performed as the panel shows it."""

from __future__ import annotations

import bpy
import pytest

from addon.plan.changes import plan_edits, seconds_of, sync, word_times
from addon.plan.lexemes import lexemes
from addon.plan.stale import stale_reasons
from addon.rig.armature import create_armature
from addon.takes.apply import action_meta
from engine.plan.edit import edit_plan
from engine.plan.lexemes import lexemes as engine_lexemes
from engine.plan.types import GesturePlan
from tests.places import DEMO, needs_engine
from tests.support.addon_clips import add_face, curves_of, key_values

pytestmark = needs_engine


@pytest.fixture
def action(blank):
    armature = create_armature(bpy.context, "Mia")
    add_face(armature)
    blank.cospeech.character, blank.cospeech.audio = armature, str(DEMO)
    blank.frame_set(7)
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    made = armature.animation_data.action
    sync(made)
    return made


def edited(action) -> GesturePlan:
    return edit_plan(GesturePlan.from_dict(action_meta(action)["plan"]), plan_edits(action)).plan


def test_a_take_that_was_just_made_is_up_to_date(action, blank):
    assert stale_reasons(bpy.context, blank.cospeech.character) == []
    assert len(action.cospeech_plan.words) > 50


def test_the_engine_performs_every_edit_of_the_list(action, blank):
    group = action.cospeech_plan
    entries = list(group.phrases)
    assert len(entries) >= 4
    entries[0].deleted = True
    entries[1].lexeme = "PALMS_CLOSE"
    entries[2].amplitude = 1.6
    apart = max(range(3, len(entries)), key=lambda n: entries[n].apex - entries[n - 1].apex if n > 2 else 0.0)
    entries[apart].apex -= 6
    group.active = 1
    before = GesturePlan.from_dict(action_meta(action)["plan"])
    word = next(n for n, w in enumerate(group.words) if all(abs(w.start - e.apex) > 30 for e in entries))
    assert bpy.ops.cospeech.plan_add(word=word, lexeme="COUNT_OUT") == {"FINISHED"}
    after = {phrase.id: phrase for phrase in edited(action).phrases}
    assert entries[0].phrase_id not in after
    assert (after[entries[1].phrase_id].lexeme, after[entries[1].phrase_id].hands) == ("PALMS_CLOSE", "both")
    assert after[entries[2].phrase_id].amplitude == pytest.approx(1.6)
    assert after[entries[apart].phrase_id].apex == pytest.approx(seconds_of(group, entries[apart].apex), abs=2e-3)
    (new,) = set(after) - {phrase.id for phrase in before.phrases}
    assert (after[new].lexeme, after[new].word) == ("COUNT_OUT", word)


def test_regenerate_performs_the_edits_and_the_list_is_that_of_the_new_take(action, blank):
    group = action.cospeech_plan
    entry = group.phrases[1]
    number, wanted = entry.phrase_id, entry.apex - 4
    before = {name: key_values(curve).copy() for name, curve in curves_of(action).items()}
    entry.apex = wanted
    assert bpy.ops.cospeech.regenerate(range="AUTO") == {"FINISHED"}
    assert plan_edits(action) == []
    after = {phrase.phrase_id: phrase for phrase in group.phrases}
    assert after[number].apex == pytest.approx(wanted, abs=0.1)
    changed = set()
    for name, curve in curves_of(action).items():
        now = key_values(curve)
        changed |= set(now[(now != before[name]).any(axis=1), 0])
    assert changed
    assert min(changed) > wanted - 60
    assert max(changed) < wanted + 120
    assert stale_reasons(bpy.context, blank.cospeech.character) == []


def test_a_corrected_word_is_listened_to(action):
    group = action.cospeech_plan
    word = group.words[5]
    wanted = word.start + 2
    word.start = wanted
    assert bpy.ops.cospeech.regenerate(range="AUTO") == {"FINISHED"}
    assert group.words[5].start == pytest.approx(wanted, abs=0.1)
    assert word_times(action) == []
    assert action_meta(action)["words"][0][0] == 5


def test_the_ends_of_the_take_are_places_that_the_engine_takes(action):
    group = action.cospeech_plan
    group.phrases[0].apex = -1e6
    group.phrases[len(group.phrases) - 1].apex = 1e6
    first, last = group.phrases[0], group.phrases[len(group.phrases) - 1]
    after = {phrase.id: phrase for phrase in edited(action).phrases}
    for entry in (first, last):
        assert after[entry.phrase_id].apex == pytest.approx(seconds_of(group, entry.apex), abs=2e-3)


def test_both_sides_know_the_same_gestures(addon):
    known = lexemes()
    for entry in engine_lexemes():
        assert entry.lexeme in known
        assert known[entry.lexeme].gclass == entry.gclass
