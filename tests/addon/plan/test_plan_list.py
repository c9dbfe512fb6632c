"""The plan's list on the Action: filled from the take, edited, told to the engine as edits; saved, undone, copied."""

from __future__ import annotations

import itertools
import json
import os
from types import SimpleNamespace

import bpy
import pytest

from addon.client.take_file import Take
from addon.plan.changes import plan_edits, seconds_of, sync, word_at, word_times
from addon.plan.lexemes import label_of, lexeme_of, lexemes
from addon.plan.markers import moved_markers
from addon.plan.stale import stale_reasons, stale_text
from addon.takes.apply import action_meta, apply_take
from tests.support.addon_clips import curves_of, lively_take

FPS = 24.0
START = 11


def phrase(number: int, apex: float, word: int, lexeme: str, semantic: bool, hands: str = "right") -> dict[str, object]:
    return {
        "id": number, "onset": apex - 0.3, "apex": apex, "hold_end": apex + 0.2, "retract_end": apex + 0.6,
        "lexeme": lexeme, "gclass": "offer", "hands": hands, "amplitude": 0.9, "word": word, "semantic": semantic,
        "accent": apex, "stress_onset": apex - 0.1, "join": "rest", "rule": "",
    }  # fmt: skip


PLAN = {
    "seconds": 4.0,
    "style": "explain",
    "seed": 7,
    "energy": 1.0,
    "words": [["Hello", 0.1, 0.5], ["my", 0.5, 0.7], ["dear", 0.8, 1.3], ["friends", 1.4, 2.0], ["here", 2.5, 3.1]],
    "phrases": [
        phrase(0, 0.25, 0, "GREETING_OPEN_HAND", True),
        phrase(4, 1.05, 2, "BEAT_MID", False),
        phrase(2, 1.7, 3, "BEAT_LOW", False, "both"),
        phrase(3, 2.7, 4, "HERE_DOWN", True, "left"),
    ],
}


def planned_take(frames: int = 96, options: dict[str, object] | None = None) -> Take:
    clip = lively_take(frames, FPS)
    source = {"audio": "line.wav", "seed": 7, "options": {"style": "explain", "energy": 1.0, **(options or {})}}
    return Take(clip.poses, clip.trans, FPS, clip.blendshapes, plan=PLAN, provenance=source)


@pytest.fixture
def mia(mia, blank):
    blank.cospeech.seed = 7
    return mia


@pytest.fixture
def action(mia):
    made = apply_take(bpy.context, mia, planned_take(), start_frame=START)
    sync(made)
    return made


def marks(action) -> list[tuple[int, str]]:
    return sorted((marker.frame, marker.name) for marker in action.pose_markers)


def test_the_list_shows_the_performed_plan_in_scene_frames_and_leaves_the_take_s_own_record(action):
    group = action.cospeech_plan
    assert [(p.text, p.lexeme, p.hands) for p in group.phrases] == [
        ("Hello", "GREETING_OPEN_HAND", "right"),
        ("dear", "BEAT_MID", "right"),
        ("friends", "BEAT_LOW", "both"),
        ("here", "HERE_DOWN", "left"),
    ]
    assert [p.apex for p in group.phrases] == pytest.approx([START + FPS * t for t in (0.25, 1.05, 1.7, 2.7)], abs=1e-4)
    assert [w.name for w in group.words] == ["Hello", "my", "dear", "friends", "here"]
    assert group.words[3].end == pytest.approx(START + 48.0)
    assert plan_edits(action) == []
    assert word_times(action) == []
    assert action_meta(action)["plan"]["seed"] == 7


def test_every_edit_of_the_panel_becomes_an_edit_of_the_engine_in_seconds(action, blank):
    group = action.cospeech_plan
    group.active = 1
    assert bpy.ops.cospeech.plan_nudge(frames=5) == {"FINISHED"}
    group.phrases[0].lexeme = "ARMS_WELCOME"
    group.phrases[3].amplitude = 1.2
    group.active = 2
    assert bpy.ops.cospeech.plan_delete() == {"FINISHED"}
    blank.frame_set(START + round(0.6 * FPS))
    assert bpy.ops.cospeech.plan_add(lexeme="PALM_UP") == {"FINISHED"}
    assert plan_edits(action) == [
        {"op": "delete", "id": 2},
        {"op": "lexeme", "id": 0, "lexeme": "ARMS_WELCOME"},
        {"op": "hands", "id": 0, "hands": "both"},
        {"op": "move", "id": 4, "apex": pytest.approx(1.05 + 5 / FPS, abs=2e-5)},
        {"op": "amplitude", "id": 3, "amplitude": 1.2},
        {"op": "add", "word": 1, "lexeme": "PALM_UP", "hands": "right"},
    ]
    json.dumps(plan_edits(action))


def test_an_edit_taken_back_is_none(action):
    group = action.cospeech_plan
    before = marks(action)
    group.active = 0
    bpy.ops.cospeech.plan_nudge(frames=1)
    bpy.ops.cospeech.plan_nudge(frames=-1)
    bpy.ops.cospeech.plan_delete()
    bpy.ops.cospeech.plan_delete()
    assert plan_edits(action) == []
    group.phrases[0].lexeme = "ARMS_WELCOME"
    group.phrases[0].apex += 3
    group.phrases[0].amplitude = 1.7
    assert bpy.ops.cospeech.plan_reset() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="is as it was performed"):
        bpy.ops.cospeech.plan_reset()
    with pytest.raises(RuntimeError, match="The plan has no edits"):
        bpy.ops.cospeech.plan_reset_all()
    assert plan_edits(action) == []
    bpy.context.scene.frame_set(START)
    bpy.ops.cospeech.plan_add()
    group.phrases[2].deleted = True
    group.words[0].end -= 3
    assert bpy.ops.cospeech.plan_reset_all() == {"FINISHED"}
    assert (plan_edits(action), word_times(action), len(group.phrases)) == ([], [], 4)
    assert marks(action) == before
    bpy.ops.cospeech.plan_add()
    bpy.ops.cospeech.plan_delete()
    assert (plan_edits(action), marks(action)) == ([], before)


def test_an_apex_stays_inside_the_take(action):
    entry = action.cospeech_plan.phrases[0]
    entry.apex = -1000
    assert START + 0.1 * FPS < entry.apex < START + 0.2 * FPS  # where the engine lets a gesture arrive
    entry.apex = 10000
    assert START + 90 < entry.apex < START + 95


def test_hands_follow_a_gesture_that_knows_only_one_way(action):
    entry = action.cospeech_plan.phrases[0]
    entry.lexeme = "ARMS_WELCOME"
    assert entry.hands == "both"
    entry.lexeme = "COUNT_OUT"
    assert entry.hands == "right"


def test_a_new_gesture_can_t_be_moved_before_it_was_performed(action, blank):
    blank.frame_set(START)
    bpy.ops.cospeech.plan_add()
    with pytest.raises(RuntimeError, match="regenerate first, then move it"):
        bpy.ops.cospeech.plan_nudge()


def test_choosing_a_row_goes_to_the_apex_unless_told_not_to(action, blank):
    group = action.cospeech_plan
    group.active = 3
    assert blank.frame_current == round(START + 2.7 * FPS)
    blank.cospeech_plan_jump = False
    group.active = 0
    assert blank.frame_current == round(START + 2.7 * FPS)


def test_words_are_corrected_and_their_neighbours_give_way(action, blank):
    group = action.cospeech_plan
    group.active = 1  # "dear"
    blank.frame_set(START + 12)
    assert bpy.ops.cospeech.plan_word(edge="START") == {"FINISHED"}
    times = {index: (start, end) for index, start, end in word_times(action)}
    assert times[2] == pytest.approx((0.5, 1.3), abs=1e-4)
    assert set(times) == {0, 1, 2}  # 'my' gave way, and pushed 'Hello'
    ends = [(word.start, word.end) for word in group.words]
    assert all(a[0] < a[1] <= b[0] + 1e-4 for a, b in itertools.pairwise(ends))
    blank.frame_set(START + 200)
    assert bpy.ops.cospeech.plan_word(edge="END", word=0) == {"FINISHED"}
    ends = [(word.start, word.end) for word in group.words]
    assert all(start < end for start, end in ends)
    with pytest.raises(RuntimeError, match="The take has 5 words"):
        bpy.ops.cospeech.plan_word(edge="END", word=99)
    assert word_at(group, -50) == 0


def test_a_marker_follows_its_gesture_and_its_name(action):
    entry = action.cospeech_plan.phrases[3]
    old = (round(START + 2.7 * FPS), "apex HERE_DOWN")
    assert old in marks(action)
    entry.apex += 4
    assert (old[0] + 4, "apex HERE_DOWN") in marks(action)
    assert old not in marks(action)
    entry.lexeme = "PALM_UP"
    assert (old[0] + 4, "apex PALM_UP") in marks(action)
    assert moved_markers(action) == []


def test_markers_moved_in_the_dope_sheet_are_read_where_it_is_beyond_doubt(action):
    beats = [marker for marker in action.pose_markers if marker.name == "beat"]
    assert len(beats) == 2
    frames = [marker.frame for marker in beats]
    beats[0].frame += 3
    assert moved_markers(action) == [(1, frames[0] + 3)]
    assert bpy.ops.cospeech.plan_markers() == {"FINISHED"}
    assert plan_edits(action) == [{"op": "move", "id": 4, "apex": seconds_of(action.cospeech_plan, frames[0] + 3)}]
    with pytest.raises(RuntimeError, match="No marker of a gesture was moved"):
        bpy.ops.cospeech.plan_markers()
    beats[0].name = "mine"  # a marker that is none of ours any more
    beats[1].frame += 7
    assert moved_markers(action) == []


def test_edits_live_with_the_take_through_saving_copying_and_switching(action, mia, tmp_path):
    action.cospeech_plan.phrases[0].amplitude = 1.4
    wanted = plan_edits(action)
    assert plan_edits(action.copy()) == wanted
    second = apply_take(bpy.context, mia, planned_take(48), start_frame=1)
    sync(second)
    assert plan_edits(second) == []
    bpy.ops.cospeech.use_take(action=action.name)
    assert plan_edits(mia.animation_data.action) == wanted
    name = action.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    again = bpy.data.actions[name]
    assert plan_edits(again) == wanted
    assert action_meta(again)["plan"]["phrases"][0]["amplitude"] == 0.9


def test_files_from_before_the_list_get_it_when_they_are_opened(mia, tmp_path):
    old = apply_take(bpy.context, mia, planned_take(), start_frame=START)
    old.cospeech_plan.synced = False
    old.cospeech_plan.phrases.clear()
    name = old.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert len(bpy.data.actions[name].cospeech_plan.phrases) == 4


def test_performing_again_forgets_the_edits_and_keeps_the_chosen_row(action):
    action.cospeech_plan.active = 2
    action.cospeech_plan.phrases[2].deleted = True
    bpy.context.scene.frame_set(START)
    bpy.ops.cospeech.plan_add()
    action.cospeech_plan.active = 2
    sync(action)
    assert plan_edits(action) == []
    assert action.cospeech_plan.phrases[action.cospeech_plan.active].phrase_id == 2


def test_an_action_that_is_no_take_and_one_without_plan_are_told(mia):
    with pytest.raises(RuntimeError, match="has no take yet"):
        bpy.ops.cospeech.plan_add()
    clip = lively_take(20, FPS)
    bare = apply_take(bpy.context, mia, Take(clip.poses, clip.trans, FPS), start_frame=1)
    sync(bare)
    with pytest.raises(RuntimeError, match="has no words"):
        bpy.ops.cospeech.plan_add()
    with pytest.raises(RuntimeError, match="Choose a gesture"):
        bpy.ops.cospeech.plan_nudge()
    assert plan_edits(bare) == []


def test_the_list_is_searched_by_word_and_by_gesture(action):
    from addon.plan.panel import COSPEECH_UL_plan

    def shown(text: str) -> list[str]:
        row = SimpleNamespace(filter_name=text, bitflag_filter_item=1 << 30)
        flags, order = COSPEECH_UL_plan.filter_items(row, bpy.context, action.cospeech_plan, "phrases")
        assert sorted(order) == list(range(4))
        return [p.text for p, flag in zip(action.cospeech_plan.phrases, flags, strict=True) if flag]

    assert shown("frie") == ["friends"]
    assert shown(label_of("HERE_DOWN")) == ["here"]
    assert shown("nothing of that") == []


def test_every_planned_gesture_has_a_name_and_can_be_searched(action):
    from addon.plan.props import _search_gestures

    entry = action.cospeech_plan.phrases[0]
    assert len(lexemes()) > 50
    assert label_of("PALM_UP") in list(_search_gestures(entry, bpy.context, "palm up"))
    every = list(_search_gestures(entry, bpy.context, ""))
    assert all(every)
    assert len(set(every)) == len(every) == len(lexemes()) + 1
    assert {lexeme_of(label) for label in every} == {*lexemes(), ""}


def test_the_gesture_s_field_shows_and_takes_its_name(action):
    first = action.cospeech_plan.phrases[0]
    assert first.gesture == label_of("GREETING_OPEN_HAND")
    first.gesture = label_of("ARMS_WELCOME")
    assert (first.lexeme, first.hands, first.changed) == ("ARMS_WELCOME", "both", True)
    first.gesture = "no gesture of that name"
    assert first.lexeme == "ARMS_WELCOME"
    first.gesture = "greeting_open_hand"  # an id serves too
    assert first.lexeme == "GREETING_OPEN_HAND"
    first.gesture = "Beat"
    assert (first.lexeme, first.gesture) == ("", "Beat")


@pytest.mark.parametrize(
    ("join", "text"),
    [("rest", "back at rest"), ("next", "goes on into the next gesture"), ("partial", "ready for the next")],
)
def test_a_gesture_that_another_follows_is_not_said_to_be_back_at_rest(mia, join, text):
    from addon.plan.panel import ending_text

    take = planned_take()
    plan = {**PLAN, "phrases": [{**PLAN["phrases"][0], "join": join}, *PLAN["phrases"][1:]]}
    made = apply_take(
        bpy.context, mia, Take(take.poses, take.trans, FPS, plan=plan, provenance=take.provenance), start_frame=START
    )
    sync(made)
    assert text in ending_text(made.cospeech_plan.phrases[0])


def test_a_take_is_out_of_date_where_keys_were_edited_or_pinned(action, mia, monkeypatch):
    monkeypatch.setattr("addon.plan.pinprint.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("addon.plan.pinprint.LARGEST_SHARE", 1e9)
    sync(action)
    bpy.context.view_layer.update()
    assert stale_reasons(bpy.context, mia) == []
    curve = next(curve for curve in curves_of(action).values())
    value = curve.keyframe_points[5].co[1]
    curve.keyframe_points[5].co[1] = value + 0.1
    curve.update()
    bpy.context.view_layer.update()
    assert stale_reasons(bpy.context, mia) == ["Pins or edited keys differ"]
    sync(action)  # made anew around that key
    assert stale_reasons(bpy.context, mia) == []
    curve.keyframe_points[5].co[1] = value
    curve.update()
    bpy.context.view_layer.update()
    assert stale_reasons(bpy.context, mia) == ["Pins or edited keys differ"]


def test_a_take_is_out_of_date_where_its_inputs_changed(mia, blank, tmp_path, monkeypatch):
    audio, text = tmp_path / "line.wav", tmp_path / "line.txt"

    def dated(data: bytes, date: int) -> None:  # a fast machine writes twice within one tick of the disk's clock
        audio.write_bytes(data)
        os.utime(audio, (date, date))

    dated(b"one", 1)
    text.write_text("Hello")
    clock = iter(range(10**6))
    monkeypatch.setattr("addon.plan.stale.time.monotonic", lambda: next(clock))  # a second passes at each look
    made = apply_take(
        bpy.context, mia, planned_take(options={"audio": str(audio), "transcript": str(text)}), start_frame=START
    )
    sync(made)
    blank.cospeech.audio = str(audio)
    assert stale_reasons(bpy.context, mia) == []
    dated(b"one", 2)  # another date, the same sound
    assert stale_reasons(bpy.context, mia) == []
    dated(b"two", 3)
    assert stale_reasons(bpy.context, mia) == ["The audio file changed"]
    dated(b"one", 4)
    text.write_text("Hello there")
    assert stale_reasons(bpy.context, mia) == ["The transcript changed"]
    text.unlink()
    assert stale_reasons(bpy.context, mia) == ["The transcript is gone"]
    text.write_text("Hello")
    blank.cospeech.style, blank.cospeech.energy, blank.cospeech.seed = "calm", 1.3, 4
    assert stale_reasons(bpy.context, mia) == ["Style differs", "Energy differs"]  # another seed is no reason
    assert stale_text(stale_reasons(bpy.context, mia)) == "Out of date: Style differs; energy differs"
    blank.cospeech.style, blank.cospeech.energy, blank.cospeech.seed = "explain", 1.0, 7
    other = tmp_path / "other.wav"
    other.write_bytes(b"three")
    blank.cospeech.audio = str(other)
    assert stale_reasons(bpy.context, mia) == ["Another audio file is chosen"]
    blank.cospeech.audio = str(audio)
    made.cospeech_plan.phrases[0].deleted = True
    made.cospeech_plan.words[0].start += 1
    assert stale_reasons(bpy.context, mia) == ["1 gesture of the plan edited", "1 word corrected"]
    assert stale_reasons(bpy.context, None) == []
