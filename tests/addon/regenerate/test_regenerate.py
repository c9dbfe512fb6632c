"""Regenerate on real bpy with the real engine: exact where pinned, untouched outside, one undo step, or a sentence."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from addon.rig.recognise import recognise
from addon.rig.skeleton import PART_JOINTS
from addon.takes.apply import action_meta
from addon.takes.keys import bone_path, shape_path
from addon.takes.shelf import takes_of
from tests.support.addon_clips import curves_of, key_values, snapshot
from tests.support.regenerate_shot import (
    FIRST,
    LAST,
    changed,
    everything,
    inside,
    keys_at,
    mia,
    outside,
    pin,
    regenerate,
    select_keys,
    take,
    window,
)


def test_a_window_changes_and_nothing_outside_of_it_does(scene):
    scene.frame_set(33)
    before, within, look = outside(), inside(), snapshot()
    assert regenerate().startswith(f"Regenerated frames {FIRST}-{LAST} in ")
    assert outside() == before
    assert len(changed(within, inside())) > 150
    after = snapshot()
    for name in ("actions", "objects", "meshes", "scenes", "collections", "scene", "rate", "view", "animation"):
        assert after[name] == look[name], name


def test_a_pinned_bone_keeps_its_keys_to_the_bit_and_the_way_to_it_is_smooth(scene):
    names = pin("left_elbow", 90, (0.8, 0.0, 0.0, -0.6))  # bent as elbows bend
    before = keys_at(take(), 90)
    note = regenerate()
    after = keys_at(take(), 90)
    assert all(after[name] == before[name] for name in names)
    assert "1 pin" in note
    curve = curves_of(take())[names[3]]
    values = key_values(curve)[:, 1]
    steps = np.abs(np.diff(values))[80 - 11 : 100 - 11]
    assert steps.max() < 0.25
    assert not np.array_equal(after[("OBMia", bone_path("head", "rotation_quaternion"), 0)], b"")


def test_an_edited_key_is_a_pin(scene):
    curves = curves_of(take())
    names = [("OBMia", bone_path("right_elbow", "rotation_quaternion"), index) for index in range(4)]
    point = curves[names[1]].keyframe_points[100 - 11]
    point.co[1] += 0.2
    curves[names[1]].update()
    jaw = ("KEKey", shape_path("jawOpen"), 0)
    curves[jaw].keyframe_points[95 - 11].co[1] = 0.9
    before, before_jaw = keys_at(take(), 100), keys_at(take(), 95)
    note = regenerate()
    after = keys_at(take(), 100)
    assert all(after[name] == before[name] for name in names)
    assert keys_at(take(), 95)[jaw] == before_jaw[jaw]
    assert "edited keys kept" in note
    again = keys_at(take(), 100)
    regenerate()  # they stay edited: what was kept is not what the engine made
    assert all(keys_at(take(), 100)[name] == again[name] for name in names)


def test_the_same_request_gives_the_same_bytes_and_another_seed_others(scene, shot):
    looks = []
    for seed in (5, 6, 5):
        bpy.ops.wm.open_mainfile(filepath=str(shot))
        regenerate(seed=seed)
        looks.append(inside())
    assert looks[0] == looks[2]
    assert changed(looks[0], looks[1])


def test_a_seed_gives_the_same_keys_whatever_was_tried_before_it_in_place(scene):
    looks = {}
    for seed in (5, 6, 5, 5):
        regenerate(seed=seed)
        assert inside() == looks.setdefault(seed, inside())


def test_a_new_seed_each_time_or_the_same_one(scene):
    regenerate()
    regenerate()
    regenerate(same_seed=True)
    assert [entry["seed"] for entry in action_meta(take())["regenerated"]] == [1, 2, 2]
    assert action_meta(take())["regenerated"][0] == {"first": FIRST - 11, "end": LAST - 10, "seed": 1}


def test_only_the_parts_asked_for_change(scene):
    within = inside()
    regenerate(parts={"hands", "face"}, seed=3)
    fingers = {bone_path(recognise(mia()).bones[joint], "rotation_quaternion") for joint in PART_JOINTS["hands"]}
    face = {bone_path(bone, "rotation_quaternion") for bone in ("jaw", "left_eye_smplhf", "right_eye_smplhf")}
    paths = {name[1] for name in changed(within, inside())}
    assert paths & fingers
    assert {path for path in paths if not path.startswith("key_blocks")} <= fingers | face


def test_selected_bones_and_shown_collections_are_scopes(scene):
    bpy.context.view_layer.objects.active = mia()
    bpy.ops.object.mode_set(mode="POSE")
    bones = mia().pose.bones if bpy.app.version >= (5, 0, 0) else mia().data.bones
    for bone in bones:
        bone.select = bone.name in {"left_shoulder", "left_elbow"}
    within = inside()
    regenerate(scope="SELECTED_BONES")
    wanted = {bone_path(name, "rotation_quaternion") for name in ("left_shoulder", "left_elbow")}
    assert {name[1] for name in changed(within, inside())} == wanted
    for bone in bones:
        bone.select = False
    with pytest.raises(RuntimeError, match="No bone of 'Mia' is selected"):
        bpy.ops.cospeech.regenerate(scope="SELECTED_BONES")
    for collection in mia().data.collections_all:
        collection.is_visible = collection.name == "Hand Left"
    within = inside()
    regenerate(scope="BONE_COLLECTIONS")
    paths = {name[1] for name in changed(within, inside())}
    assert paths
    assert all('"left_' in path for path in paths)


def test_the_range_is_between_selected_keys_else_preview_else_the_take(scene):
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (11, 11 + action_meta(take())["frames"] - 1)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 1, 40
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (11, 40)
    select_keys(70)
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (11, 40)
    select_keys(90)
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (70, 90)
    regenerate(range="PREVIEW", parts={"hands"})
    assert window() == (11, 40)
    scene.cospeech.edit_range, scene.cospeech.edit_first, scene.cospeech.edit_last = "CUSTOM", 50, 55
    scene.cospeech.parts = {"hands"}
    assert bpy.ops.cospeech.regenerate() == {"FINISHED"}
    assert window() == (50, 55)


def test_in_pose_mode_keys_of_bones_that_are_not_selected_do_not_count(scene):
    select_keys(70, 90)
    select_keys(30, 110, bones=("left_knee",))
    bpy.context.view_layer.objects.active = mia()
    bpy.ops.object.mode_set(mode="POSE")
    bones = mia().pose.bones if bpy.app.version >= (5, 0, 0) else mia().data.bones
    for bone in bones:
        bone.select = bone.name == "head"
    regenerate(range="SELECTED", parts={"hands"})
    assert window() == (70, 90)


def test_a_new_take_leaves_the_old_one_as_it_was(scene):
    old, whole = take(), everything(take(), first=0, end=0)
    regenerate(in_place=False)
    new = take()
    assert new != old
    assert everything(old, first=0, end=0) == whole
    assert new.name.endswith("_1")
    assert outside() == everything(old, first=FIRST, end=LAST + 1)
    assert changed(everything(old, first=FIRST, end=LAST + 1, inside=True), inside())
    assert takes_of(mia()) == [new, old] or takes_of(mia()) == [old, new]
    for owner in (mia(), bpy.data.shape_keys[0]):
        assert owner.animation_data.action == new
        assert [(track.mute, track.strips[0].action) for track in owner.animation_data.nla_tracks] == [(True, old)]
    assert action_meta(old).get("regenerated") is None


def test_one_undo_step_takes_it_back(scene):
    bpy.ops.ed.undo_push(message="before")
    within, whole = inside(), outside()
    regenerate()
    assert changed(within, inside())
    bpy.ops.ed.undo_push(message="after")  # background pushes none for a call with EXEC_DEFAULT
    bpy.ops.ed.undo()
    assert inside() == within
    assert outside() == whole
    assert action_meta(take()).get("regenerated") is None
    regenerate()
    assert outside() == whole


def test_markers_and_plan_are_those_of_the_new_motion(scene):
    own = take().pose_markers.new("My own")
    own.frame = 99
    regenerate()
    meta, markers = action_meta(take()), [(m.name, m.frame) for m in take().pose_markers]
    assert ("My own", 99) in markers
    for phrase in meta["plan"]["phrases"]:
        title = f"apex {phrase['lexeme']}" if phrase["semantic"] else "beat"
        assert (title, 11 + round(phrase["apex"] * 24)) in markers
    assert len(markers) == len(meta["plan"]["words"]) + len(meta["plan"]["phrases"]) + 1
    assert len(take().cospeech_plan.phrases) == len(meta["plan"]["phrases"])


def test_edits_of_the_plan_are_performed_where_they_are(scene):
    group = take().cospeech_plan
    index = next(i for i, phrase in enumerate(group.phrases) if phrase.apex > 100)
    apex = group.phrases[index].apex
    group.phrases[index].apex = apex + 4
    before = {name: key_values(curve).copy() for name, curve in curves_of(take()).items()}
    regenerate(range="AUTO")
    low, high = window()
    assert low < apex < high
    assert high - low < 200
    moved = [np.flatnonzero(key_values(curve)[:, 1] != before[name][:, 1]) for name, curve in curves_of(take()).items()]
    frames = np.unique(np.concatenate(moved)) + 11
    assert (frames[0] >= low, frames[-1] <= high) == (True, True)
    assert [entry["seed"] for entry in action_meta(take())["regenerated"]] == [0]
    assert not any(phrase.changed for phrase in take().cospeech_plan.phrases)
    take().cospeech_plan.phrases[index].apex += 3
    with pytest.raises(RuntimeError, match="regenerate with the range Automatic, or reset the edit"):
        bpy.ops.cospeech.regenerate(first=20, last=40)


def test_a_hand_reaches_its_target_and_one_out_of_reach_is_told_in_mm(scene):
    scene.frame_set(90)
    near = np.array(mia().pose.bones["left_wrist"].head) + np.array([0.03, -0.04, 0.05])
    for name, place in (("near", near), ("far", near + np.array([0.0, 0.0, 3.0]))):
        goal = bpy.data.objects.new(name, None)
        scene.collection.objects.link(goal)
        goal.location = place
    target = mia().cospeech_targets.add()
    target.object, target.joint = bpy.data.objects["near"], "left_wrist"
    target.first, target.last = 90, 90
    assert "misses" not in regenerate()
    scene.frame_set(90)
    assert np.linalg.norm(np.array(mia().pose.bones["left_wrist"].head) - near) < 0.002
    target.object = bpy.data.objects["far"]
    note = regenerate()
    assert "Left hand misses its target on frame 90 by " in note
    assert int(note.partition("frame 90 by ")[2].split()[0]) > 1500


def test_a_take_made_anew_as_a_whole_is_named_with_its_seed_unless_it_was_renamed(scene):
    assert take().name == "Mia_demo_start_0"
    scene.cospeech.style = "excited"
    regenerate(range="TAKE", seed=7)
    meta = action_meta(take())
    assert (take().name, meta["provenance"]["seed"]) == ("Mia_demo_start_7", 7)
    assert meta["provenance"]["options"]["style"] == "excited"
    take().name = "Final"
    regenerate(range="TAKE")
    assert (take().name, action_meta(take())["provenance"]["seed"]) == ("Final", 8)
