"""Chaining and listening with the real engine: one take of several lines, and a second character who reacts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from addon.chain.lines import read_line
from addon.plan.inside import chosen_line, span_edits
from addon.plan.stale import stale_reasons
from addon.rig.armature import create_armature
from addon.rig.recognise import recognise
from addon.takes.apply import action_meta
from addon.takes.inside import same_span, whole_meta
from addon.takes.shelf import takes_of
from addon.takes.span import SpanError, take_span
from tests.places import DEMO, ROOT, needs_engine
from tests.support.addon_clips import action_hash, add_face, snapshot

FPS = 24
HEAD_CHAIN = (3, 6, 9, 12, 15)
pytestmark = needs_engine


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """The demo's first seconds with their words, so that jobs are short."""
    path = tmp_path_factory.mktemp("line") / "line.wav"
    code = "import soundfile, sys; s, r = soundfile.read(sys.argv[1]); soundfile.write(sys.argv[2], s[: 4 * r], r)"
    subprocess.run([ROOT / ".venv/bin/python", "-c", code, DEMO, path], check=True)
    text = DEMO.with_suffix(".txt").read_text(encoding="utf-8").split()
    path.with_suffix(".txt").write_text(" ".join(text[:8]), encoding="utf-8")
    return path


def person(name: str, place: float = 0.0) -> bpy.types.Object:
    armature = create_armature(bpy.context, name)
    add_face(armature)
    armature.location.x = place
    bpy.context.view_layer.update()
    return armature


@pytest.fixture
def mia(blank, line):
    armature = person("Mia")
    blank.cospeech.character, blank.cospeech.audio = armature, str(line)
    return armature


def speak(scene, frame: int, seed: int) -> bpy.types.Action:
    scene.frame_set(frame)
    scene.cospeech.seed = seed
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    return scene.cospeech.character.animation_data.action


def steps(poses: np.ndarray) -> np.ndarray:
    """How far each joint turns from frame to frame (T - 1, 55), radians."""
    flat = Rotation.from_rotvec(poses.reshape(-1, 3).astype(float))
    turns = Rotation.from_quat(flat.as_quat().reshape(len(poses), 55, 4)[1:].reshape(-1, 4))
    before = Rotation.from_quat(flat.as_quat().reshape(len(poses), 55, 4)[:-1].reshape(-1, 4))
    return (before.inv() * turns).magnitude().reshape(-1, 55)


def test_two_lines_become_one_take_with_a_smooth_way_between(mia, blank):
    first, second = speak(blank, 11, 0), speak(blank, 140, 3)
    before = {action.name: action_hash(action) for action in (first, second)}
    rig = recognise(mia)
    lines = [read_line(blank, mia, rig, action) for action in (first, second)]
    assert bpy.ops.cospeech.chain_takes(idle_before=12, idle_after=24) == {"FINISHED"}
    chained = mia.animation_data.action
    assert chained.name == "Mia_chain_1"
    assert (chained.frame_start, chained.frame_end) == (11 - 12, lines[1].end - 1 + 24)
    assert {action.name: action_hash(action) for action in (first, second)} == before
    whole = read_line(blank, mia, rig, chained)
    for part in lines:
        rows = slice(part.start - whole.start, part.end - whole.start)
        assert np.abs(whole.poses[rows] - part.poses).max() < 2e-6
        assert np.abs(whole.trans[rows] - part.trans).max() < 1e-6
        assert np.array_equal(whole.blendshapes[rows], part.blendshapes)
    moves = steps(whole.poses)[:, :22]
    gaps = ((0, 12), (lines[0].end - whole.start, 140 - whole.start), (lines[1].end - whole.start, whole.frames - 1))
    own = max(steps(part.poses)[:, :22].max() for part in lines)
    for gap_first, gap_end in gaps:
        around = moves[max(gap_first - 2, 0) : gap_end + 1]
        assert around.max() < max(own, 0.1)  # no step where lines and ways meet
        assert moves[gap_first : gap_end - 1].max() > 1e-4  # the body lives there
    sounds = [int(strip.frame_start) for strip in blank.sequence_editor.strips if strip.type == "SOUND"]
    assert sorted(sounds) == [11, 140]


def test_a_chain_keeps_plan_markers_and_lines(mia, blank):
    takes = [speak(blank, 11, 0), speak(blank, 140, 3)]
    counts = [len(action.pose_markers) for action in takes]
    assert bpy.ops.cospeech.chain_takes(takes="\n".join(action.name for action in takes), order="TURN", gap=20) == {
        "FINISHED"
    }
    chained = mia.animation_data.action
    meta = action_meta(chained)
    frames = [int(action_meta(action)["frames"]) for action in takes]
    assert [entry["start_frame"] for entry in meta["lines"]] == [11, 11 + frames[0] + 20]
    assert len(chained.pose_markers) == sum(counts)
    plans = [action_meta(action)["plan"] for action in takes]
    group = chained.cospeech_plan
    assert len(group.phrases) == sum(len(plan["phrases"]) for plan in plans)
    assert [word.name for word in group.words] == [word[0] for plan in plans for word in plan["words"]]
    shift = meta["lines"][1]["start_frame"] - 140
    old = sorted(phrase.apex for phrase in takes[1].cospeech_plan.phrases) or [
        140 + FPS * phrase["apex"] for phrase in plans[1]["phrases"]
    ]
    new = [phrase.apex for phrase in group.phrases][len(plans[0]["phrases"]) :]
    assert np.allclose(new, np.array(old) + shift, atol=1e-2)


def test_a_line_of_a_chain_is_found_with_its_edits_and_put_back(mia, blank):
    takes = [speak(blank, 11, 0), speak(blank, 140, 3)]
    assert bpy.ops.cospeech.chain_takes() == {"FINISHED"}
    chained = mia.animation_data.action
    span = take_span(blank, mia)
    frames = int(action_meta(takes[0])["frames"])
    inner = chosen_line(span, 150, 170, "SELECTED", 1)
    assert (inner.start, inner.frames, inner.plan) == (140, frames, action_meta(takes[1])["plan"])
    assert chosen_line(span, 0, 0, "TAKE", 20).start == 11
    with pytest.raises(SpanError, match="Frames 20-150 are not inside one line of the chain; choose frames inside"):
        chosen_line(span, 20, 150, "SELECTED", 1)
    with pytest.raises(SpanError, match="Frame 120 is not inside"):
        chosen_line(span, 0, 0, "TAKE", 120)
    assert stale_reasons(bpy.context, mia) == []
    blank.frame_set(140)
    assert bpy.ops.cospeech.plan_add() == {"FINISHED"}
    edited = chosen_line(span, 0, 0, "PLAN", 1)
    assert edited.start == 140
    assert span_edits(edited) == [{"op": "add", "word": 0, "lexeme": "", "hands": "right"}]
    assert span_edits(chosen_line(span, 20, 30, "CUSTOM", 1)) == []
    chained.cospeech_plan.words[0].end += 2
    with pytest.raises(SpanError, match="edits in several lines"):
        chosen_line(span, 0, 0, "PLAN", 1)
    changed = {**edited.meta.data, "plan": {**edited.plan, "phrases": []}}
    whole = whole_meta(edited, changed)
    assert whole["lines"][0] == span.meta.data["lines"][0]
    assert len(whole["plan"]["phrases"]) == len(action_meta(takes[0])["plan"]["phrases"])
    assert len(whole["plan"]["words"]) == len(span.plan["words"])
    assert same_span(span, 140, frames).meta.line_index == 1


def test_regenerate_works_inside_a_line_of_a_chain(mia, blank):
    speak(blank, 11, 0)
    speak(blank, 140, 3)
    assert bpy.ops.cospeech.chain_takes() == {"FINISHED"}
    chained, rig = mia.animation_data.action, recognise(mia)
    before, markers = read_line(blank, mia, rig, chained), len(chained.pose_markers)
    first = chained.cospeech_plan.phrases[0]
    old, shown = first.phrase_id, first.apex
    first.amplitude = 1.7
    assert bpy.ops.cospeech.regenerate(range="AUTO") == {"FINISHED"}
    after = read_line(blank, mia, rig, chained)
    changed = np.flatnonzero((after.poses != before.poses).any(axis=(1, 2))) + before.start
    assert len(changed)
    assert changed.min() >= 11 + 2
    assert changed.max() < 140
    meta = action_meta(chained)
    assert meta["lines"][0]["plan"]["phrases"][0]["amplitude"] == pytest.approx(1.7)
    assert len(meta["lines"]) == 2
    entry = chained.cospeech_plan.phrases[0]
    assert (entry.phrase_id, entry.amplitude, entry.changed) == (old, pytest.approx(1.7), False)
    assert entry.apex == pytest.approx(shown, abs=0.1)
    assert abs(len(chained.pose_markers) - markers) <= 1
    blank.frame_set(150)
    second = read_line(blank, mia, rig, chained)
    assert bpy.ops.cospeech.regenerate(range="TAKE") == {"FINISHED"}
    again = read_line(blank, mia, rig, chained)
    changed = np.flatnonzero((again.poses != second.poses).any(axis=(1, 2))) + before.start
    assert changed.min() >= 140 + 2
    assert steps(again.poses)[:, :22].max() < 0.36  # a hand raised to wave turns by 0.31 a frame
    with pytest.raises(RuntimeError, match="are not inside one line of the chain"):
        bpy.ops.cospeech.regenerate(first=90, last=150)


def test_overlaps_are_refused_and_nothing_is_changed(mia, blank):
    first, second = speak(blank, 11, 0), speak(blank, 40, 3)
    with pytest.raises(RuntimeError, match="overlap on frames 40 to"):
        bpy.ops.cospeech.chain_takes()
    assert set(takes_of(mia)) == {first, second}
    assert bpy.ops.cospeech.chain_takes(takes=f"{first.name}\n{second.name}", order="TURN", gap=8) == {"FINISHED"}


def test_takes_whose_ends_were_pinned_together_need_no_way_between(mia, blank):
    first, second = speak(blank, 11, 0), speak(blank, 300, 3)
    assert bpy.ops.cospeech.pin_ends(ends={"START"}, take=first.name) == {"FINISHED"}
    assert bpy.ops.cospeech.regenerate(range="TAKE", same_seed=True) == {"FINISHED"}
    rig = recognise(mia)
    lines = [read_line(blank, mia, rig, action) for action in (first, second)]
    assert np.allclose(lines[0].poses[-1], lines[1].poses[0], atol=2e-6)
    away = steps(lines[1].poses)[:5, :22].max(axis=1)
    assert away[0] < 0.05  # the motion leads away from the pin, and does not jump
    assert np.abs(np.diff(away)).max() < 0.06
    assert bpy.ops.cospeech.chain_takes(takes=f"{first.name}\n{second.name}", order="TURN", gap=0) == {"FINISHED"}
    whole = read_line(blank, mia, rig, mia.animation_data.action)
    assert whole.frames == lines[0].frames + lines[1].frames
    assert np.allclose(whole.poses, np.concatenate([part.poses for part in lines]), atol=2e-6)


def test_idle_after_a_single_take(mia, blank):
    only = speak(blank, 11, 0)
    assert bpy.ops.cospeech.chain_takes(idle_after=48) == {"FINISHED"}
    assert mia.animation_data.action.frame_end == only.frame_end + 48


def test_another_character_listens_without_a_word_and_looks_at_the_speaker(mia, blank):
    zoe = person("Zoe", 2.0)
    spoken = speak(blank, 11, 0)
    before, tracks = action_hash(spoken), snapshot()["animation"][:1]
    assert bpy.ops.cospeech.listen(listener="Zoe", look=False) == {"FINISHED"}
    rig = recognise(zoe)
    ahead = read_line(blank, zoe, rig, zoe.animation_data.action)
    assert bpy.ops.cospeech.listen(listener="Zoe") == {"FINISHED"}
    action = zoe.animation_data.action
    made = read_line(blank, zoe, rig, action)
    assert (action.frame_start, action.frame_end) == (spoken.frame_start, spoken.frame_end)
    assert mia.animation_data.action == spoken
    assert action_hash(spoken) == before
    assert snapshot()["animation"][:1] == tracks
    assert blank.cospeech.character == mia
    assert action_meta(action)["provenance"]["options"]["role"] == "listen"
    assert np.allclose(facing(ahead.poses), 0.0, atol=np.radians(35.0))
    assert np.degrees(np.median(facing(made.poses) - facing(ahead.poses))) == pytest.approx(-70.0, abs=12.0)
    with pytest.raises(RuntimeError, match="no other armature 'Nobody'"):
        bpy.ops.cospeech.listen(listener="Nobody")
    sounds = [strip for strip in blank.sequence_editor.strips if strip.type == "SOUND"]
    assert len(sounds) == 1
    bpy.ops.cospeech.use_character(armature="Zoe")
    with pytest.raises(RuntimeError, match="has no spoken line"):
        bpy.ops.cospeech.listen(listener="Mia")


def facing(poses: np.ndarray) -> np.ndarray:
    """Yaw of the head (T,), radians to the body's left."""
    head = Rotation.identity(len(poses))
    for joint in HEAD_CHAIN:
        head = head * Rotation.from_rotvec(poses[:, joint].astype(float))
    ahead = head.apply([0.0, 0.0, 1.0])
    return np.arctan2(ahead[:, 0], ahead[:, 2])
