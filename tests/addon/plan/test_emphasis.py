"""Meaning and emphasis of words in Blender: shown, changed, told to the engine, kept with the take; the real engine."""

from __future__ import annotations

import bpy
import pytest

from addon.client.provenance import TakeMeta
from addon.plan.emphasis import phrase_words, stretches
from addon.plan.emphasis_ops import STEP
from addon.plan.stale import stale_reasons
from addon.plan.words_panel import score_text
from addon.regenerate.request import has_edits
from addon.takes.apply import action_meta
from addon.takes.chained import merged_plan
from addon.takes.meaning import SHOWN, word_emphasis, word_scores, word_title
from tests.places import needs_engine
from tests.support.regenerate_shot import FIRST, LAST, everything, mia, regenerate, take, window

pytestmark = needs_engine


@pytest.fixture
def group(shot):
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    return take().cospeech_plan


def planned(word: int) -> list[dict[str, object]]:
    return [phrase for phrase in action_meta(take())["plan"]["phrases"] if phrase["word"] == word]


def bare_word(group) -> int:
    """A word without a gesture."""
    return next(index for index in range(4, len(group.words)) if not planned(index))


def emphasis(group) -> list[float]:
    return [round(word.emphasis, 4) for word in group.words]


def test_a_default_take_shows_its_meaningful_words_and_no_emphasis(group):
    meant = {phrase["word"] for phrase in action_meta(take())["plan"]["phrases"] if phrase["semantic"]}
    assert meant
    assert [word.score for word in group.words] == [float(index in meant) for index in range(len(group.words))]
    assert {score_text(word.score) for word in group.words} == {"0.0", "1.0"}
    assert emphasis(group) == [0.0] * len(group.words)
    assert stretches(take()) == []
    assert not has_edits(take())


def test_a_raised_word_gets_a_gesture_that_goes_again_when_it_is_taken_back(group):
    index = bare_word(group)
    phrases = action_meta(take())["plan"]["phrases"]
    group.words[index].emphasis = 1.0
    assert group.words[index].emphasis_changed
    assert stale_reasons(bpy.context, mia()) == ["1 word emphasised"]
    regenerate(range="AUTO")
    assert len(planned(index)) == 1
    group = take().cospeech_plan
    assert (group.words[index].emphasis, group.words[index].emphasis_changed) == (1.0, False)
    assert stale_reasons(bpy.context, mia()) == []
    first, last = window()
    assert first < group.words[index].start < last
    group.words[index].emphasis = 0.0
    regenerate(range="AUTO")
    assert action_meta(take())["plan"]["phrases"] == phrases
    assert emphasis(take().cospeech_plan) == [0.0] * len(group.words)
    assert not has_edits(take())


def test_keys_outside_the_window_keep_their_bytes(group):
    index = bare_word(group)
    group.words[index].emphasis = 1.0
    was = take().copy()
    regenerate(range="AUTO")
    first, last = window()
    assert everything(take(), first=first, end=last + 1) == everything(was, first=first, end=last + 1)
    assert last - first < take().frame_end - take().frame_start


def test_a_lowered_phrase_loses_its_gestures_and_new_takes_keep_the_emphasis(group):
    word = next(phrase for phrase in action_meta(take())["plan"]["phrases"] if phrase["word"] >= 0)["word"]
    meant = phrase_words(group, word)
    group.active_word = word
    for _ in range(3):
        assert bpy.ops.cospeech.plan_emphasise(by=-STEP, words="PHRASE") == {"FINISHED"}
    assert emphasis(group) == [-1.0 if index in meant else 0.0 for index in range(len(group.words))]
    count = len(meant)
    reason = f"{count} word{'s' if count > 1 else ''} emphasised"
    assert stale_reasons(bpy.context, mia()) == [reason]
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    assert all(not planned(index) for index in meant)
    assert [index for index, amount in enumerate(emphasis(take().cospeech_plan)) if amount] == meant
    assert regenerate(range="TAKE", seed=3)
    assert all(not planned(index) for index in meant)
    assert [index for index, amount in enumerate(emphasis(take().cospeech_plan)) if amount] == meant


def test_emphasis_lives_through_saving_copying_and_undoing(group, tmp_path):
    group.words[2].emphasis = 0.7
    wanted = stretches(take())
    assert stretches(take().copy()) == wanted
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert stretches(take()) == wanted
    assert has_edits(take())
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.cospeech.plan_emphasise(word=2, by=-2.0) == {"FINISHED"}
    assert take().cospeech_plan.words[2].emphasis == -1.0
    bpy.ops.ed.undo_push(message="emphasis")
    bpy.ops.ed.undo()
    assert stretches(take()) == wanted


def test_changed_emphasis_can_be_taken_back(group):
    with pytest.raises(RuntimeError, match="as it was performed"):
        bpy.ops.cospeech.plan_reset_emphasis()
    assert bpy.ops.cospeech.plan_emphasise(word=1) == {"FINISHED"}
    assert bpy.ops.cospeech.plan_reset_emphasis() == {"FINISHED"}
    assert not has_edits(take())
    assert bpy.ops.cospeech.plan_emphasise(word=1) == {"FINISHED"}
    assert bpy.ops.cospeech.plan_reset_all() == {"FINISHED"}
    assert not has_edits(take())
    with pytest.raises(RuntimeError, match=f"has {len(group.words)} words"):
        bpy.ops.cospeech.plan_emphasise(word=999)


def test_a_range_beside_a_changed_word_is_refused(group):
    index = next(i for i, word in enumerate(group.words) if word.start > LAST + 5)
    group.words[index].emphasis = 0.5
    with pytest.raises(RuntimeError, match="The plan has an edit on frame"):
        regenerate(first=FIRST, last=LAST)


def test_choosing_a_word_goes_there_unless_told_not_to(group):
    group.active_word = 6
    assert bpy.context.scene.frame_current == round(group.words[6].start)
    bpy.context.scene.cospeech_plan_jump = False
    group.active_word = 2
    assert bpy.context.scene.frame_current == round(group.words[6].start)


@pytest.mark.parametrize("deaf", ["emage", "semges"])
def test_generators_that_can_t_hear_it_say_so(group, deaf):
    group.words[3].emphasis = 1.0
    bpy.context.scene.cospeech.generator = deaf
    with pytest.raises(RuntimeError, match="does not weigh meaning"):
        bpy.ops.cospeech.plan_emphasise(word=1)
    with pytest.raises(RuntimeError, match="does not weigh meaning"):
        regenerate(range="AUTO")


def test_scores_and_titles():
    plan = {"words": [["a", 0.0, 0.4], ["b", 0.5, 1.0]], "phrases": [{"word": 1, "semantic": True}]}
    assert word_scores(TakeMeta({"plan": plan})) == [0.0, 1.0]
    assert word_scores(TakeMeta({"plan": {**plan, "phrases": []}})) == [-1.0, -1.0]
    heard = {"plan": {**plan, "phrases": []}, "provenance": {"semantic": {"words": [0.25, 0.75]}}}
    assert word_scores(TakeMeta(heard)) == [0.25, 0.75]
    assert word_scores(TakeMeta({"lines": [heard, {"plan": plan}], "plan": {"words": [*plan["words"]] * 2}})) == [
        0.25, 0.75, -1.0, -1.0,
    ]  # fmt: skip
    assert (word_title("huge", 0.84), word_title("a", SHOWN - 0.01), score_text(-1.0)) == ("huge 0.8", "a", "-")
    toned = {**plan, "emphasis": {"stretches": [[0.5, 1.0, -0.5]]}}
    assert word_emphasis(toned) == [0.0, -0.5]
    assert word_emphasis(merged_plan([(plan, 0.0), (toned, 2.0)], 4.0)) == [0.0, 0.0, 0.0, -0.5]


def test_a_word_of_one_line_of_a_chain_changes_only_that_line(group):
    scene, words = bpy.context.scene, len(group.words)
    scene.cospeech.start_frame = round(take().frame_end) + 40
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    assert bpy.ops.cospeech.chain_takes() == {"FINISHED"}
    chained = take().cospeech_plan
    assert len(chained.words) == 2 * words
    index = next(i for i in range(words + 4, 2 * words) if not planned(i))
    chained.words[index].emphasis = 1.0
    was, lines = take().copy(), action_meta(take())["lines"]
    regenerate(range="AUTO")
    meta = action_meta(take())
    assert meta["lines"][0] == lines[0]
    assert any(phrase["word"] == index - words for phrase in meta["lines"][1]["plan"]["phrases"])
    assert [i for i, amount in enumerate(emphasis(take().cospeech_plan)) if amount] == [index]
    assert not has_edits(take())
    start = int(lines[1]["start_frame"])
    assert everything(take(), first=start, end=10**6) == everything(was, first=start, end=10**6)
