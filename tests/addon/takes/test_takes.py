"""A take on a character: one Action with slots, generated keys, markers; the older one muted; nothing else touched."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from addon.client.take_file import Take, TakeFileError, arkit_names, read_take, write_take
from addon.rig.recognise import recognise
from addon.rig.skeleton import PART_JOINTS, PARTS
from addon.takes.apply import ApplyError, action_meta, apply_take, take_name
from addon.takes.keys import bone_path, shape_path
from addon.takes.shelf import takes_of
from tests.support.addon_clips import (
    action_hash,
    curves_of,
    expected_joints,
    key_values,
    lively_take,
    seen_joints,
    snapshot,
    wild_take,
)

GENERATED = 5


def test_a_take_is_one_action_with_two_slots_and_generated_keys(mia):
    take = wild_take(30, 24.0)
    action = apply_take(bpy.context, mia, take, start_frame=11)
    key = bpy.data.meshes["Face"].shape_keys
    assert mia.animation_data.action == key.animation_data.action == action
    assert sorted(slot.target_id_type for slot in action.slots) == ["KEY", "OBJECT"]
    assert (action.name, action.use_fake_user) == ("Mia_line one_7", True)
    assert (action.use_frame_range, action.frame_start, action.frame_end) == (True, 11, 40)
    curves = curves_of(action)
    assert len(curves) == 55 * 4 + 3 + 52
    for curve in curves.values():
        assert np.array_equal(key_values(curve)[:, 0], np.arange(11, 41))
        assert set(key_values(curve, "type")) == {GENERATED}
        assert set(key_values(curve, "interpolation")) == {1}
    for column, name in enumerate(arkit_names()):
        curve = next(curve for (_, path, _), curve in curves.items() if path == shape_path(name))
        assert np.array_equal(key_values(curve)[:, 1], take.blendshapes[:, column])
    assert not any('"root"' in path for _, path, _ in curves)


def test_quaternions_never_flip_sign_between_frames(mia):
    action = apply_take(bpy.context, mia, wild_take(60, 24.0), start_frame=1)
    curves = curves_of(action)
    for bone in recognise(mia).bones:
        path = bone_path(bone, "rotation_quaternion")
        quat = np.array([key_values(curves[("OBMia", path, index)])[:, 1] for index in range(4)])
        assert np.all(np.sum(quat[:, 1:] * quat[:, :-1], axis=0) >= 0.0)


def test_markers_show_words_apexes_and_beats_at_their_frames(mia):
    action = apply_take(bpy.context, mia, wild_take(30, 24.0), start_frame=11)
    markers = [(marker.name, marker.frame) for marker in action.pose_markers]
    assert markers == [("Hello", 13), ("apex greet", 17), ("there", 23), ("beat", 29)]
    assert not bpy.context.scene.timeline_markers


def test_applying_leaves_the_scene_alone(mia, blank):
    bpy.ops.object.mode_set(mode="POSE")
    blank.frame_set(33)
    before = snapshot()
    apply_take(bpy.context, mia, wild_take(30, 24.0), start_frame=11)
    after = snapshot()
    for name in ("scene", "rate", "view", "objects", "meshes", "armatures", "scenes", "collections"):
        assert after[name] == before[name], name


def test_the_older_take_becomes_a_muted_track_and_keeps_its_keys(mia):
    first = apply_take(bpy.context, mia, wild_take(20, 24.0), start_frame=1)
    before = action_hash(first)
    second = apply_take(bpy.context, mia, wild_take(25, 24.0, seed=1), start_frame=5)
    third = apply_take(bpy.context, mia, wild_take(25, 24.0, seed=2), start_frame=5)
    assert action_hash(first) == before
    for owner in (mia, bpy.data.meshes["Face"].shape_keys):
        tracks = owner.animation_data.nla_tracks
        assert [(track.mute, track.strips[0].action) for track in tracks] == [(True, first), (True, second)]
        assert tracks[0].strips[0].action_slot.target_id_type == owner.id_type
        assert owner.animation_data.action == third
    seen = seen_joints(mia, list(recognise(mia).bones), range(5, 8))
    assert np.abs(seen - expected_joints(wild_take(25, 24.0, seed=2))[:3]).max() < 1e-5


def test_parts_not_asked_for_keep_their_curves_exactly(mia):
    mia.pose.bones["root"].location.x = 0.25
    mia.pose.bones["root"].keyframe_insert("location", frame=4)
    mia.keyframe_insert("location", frame=2)
    first = apply_take(bpy.context, mia, wild_take(20, 24.0), start_frame=1)
    second = apply_take(bpy.context, mia, wild_take(30, 24.0, seed=1), start_frame=8, parts=["upper", "face"])
    old, new = curves_of(first), curves_of(second)
    assert set(old) == set(new)
    changed = {
        bone_path(recognise(mia).bones[j], "rotation_quaternion") for p in ("upper", "face") for j in PART_JOINTS[p]
    }
    for name, curve in new.items():
        replaced = name[1] in changed or name[1].startswith("key_blocks")
        assert np.array_equal(key_values(curve), key_values(old[name])) != replaced, name
        if not replaced:
            assert np.array_equal(key_values(curve, "type"), key_values(old[name], "type"))
            assert (curve.group.name if curve.group else "") == (old[name].group.name if old[name].group else "")


def test_hand_made_curves_are_copied_with_handles_and_modifiers(mia):
    bone = mia.pose.bones["left_knee"]
    for frame, value in ((1, 0.0), (9, 0.5), (30, 0.1)):
        bone.rotation_quaternion.x = value
        bone.keyframe_insert("rotation_quaternion", index=1, frame=frame)
    (source,) = curves_of(mia.animation_data.action).values()
    source.modifiers.new("CYCLES").cycles_after = 3
    source.keyframe_points[1].handle_left_type = "FREE"
    source.keyframe_points[1].handle_left = (3.0, 0.9)
    wanted = [source.evaluate(frame) for frame in np.linspace(-5, 90, 200)]
    action = apply_take(bpy.context, mia, wild_take(5, 24.0), start_frame=1, parts=["hands"])
    (copy,) = [curve for (_, path, _), curve in curves_of(action).items() if "left_knee" in path]
    assert np.allclose([copy.evaluate(frame) for frame in np.linspace(-5, 90, 200)], wanted, atol=1e-6)
    assert copy.modifiers[0].cycles_after == 3


def test_the_parts_divide_the_body():
    assert sorted(joint for joints in PART_JOINTS.values() for joint in joints) == list(range(55))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_keys_its_own_joints(mia, part):
    action = apply_take(bpy.context, mia, wild_take(3, 24.0), start_frame=1, parts=[part])
    bones = {path.split('"')[1] for slot, path, _ in curves_of(action) if slot == "OBMia"}
    assert bones == {recognise(mia).bones[joint] for joint in PART_JOINTS[part]}
    assert any(slot.startswith("KE") for slot, _, _ in curves_of(action)) == (part == "face")


def test_a_take_without_blend_shapes_leaves_the_face_s_shapes(mia):
    first = apply_take(bpy.context, mia, wild_take(20, 24.0), start_frame=1)
    silent = wild_take(10, 24.0, seed=1)
    second = apply_take(
        bpy.context,
        mia,
        Take(silent.poses, silent.trans, 24.0, provenance={"audio": "x.wav", "seed": 1}),
        start_frame=1,
    )
    assert bpy.data.meshes["Face"].shape_keys.animation_data.action == second
    old, new = curves_of(first), curves_of(second)
    for name in old:
        assert np.array_equal(key_values(old[name]), key_values(new[name])) == name[1].startswith("key_blocks")


def test_driven_channels_are_left_to_their_drivers(mia):
    mia.pose.bones["jaw"].driver_add("rotation_quaternion", 1)
    key = bpy.data.meshes["Face"].shape_keys
    key.driver_add(shape_path("jawOpen"))
    curves = curves_of(apply_take(bpy.context, mia, wild_take(3, 24.0), start_frame=1))
    assert ("OBMia", bone_path("jaw", "rotation_quaternion"), 1) not in curves
    assert ("OBMia", bone_path("jaw", "rotation_quaternion"), 2) in curves
    assert not [path for _, path, _ in curves if "jawOpen" in path]


@pytest.mark.parametrize(("fps", "base"), [(30, 1.0), (60, 1.0), (24, 1.001), (25, 1.0)])
def test_another_scene_rate_resamples_and_stays_untouched(mia, blank, fps, base):
    blank.render.fps, blank.render.fps_base = fps, base
    take = lively_take(61, 30.0)
    apply_take(bpy.context, mia, take, start_frame=1)
    assert (blank.render.fps, blank.render.fps_base) == (fps, pytest.approx(base))
    rate = fps / base
    last = round(61 / 30 * rate)
    assert mia.animation_data.action.frame_end == last
    fine = lively_take(6001, 3000.0)  # the same motion on a fine grid
    at = np.minimum(np.round(np.arange(last) / rate * 3000.0).astype(int), 6000)
    seen = seen_joints(mia, list(recognise(mia).bones), range(1, 1 + last))
    assert np.abs(seen - expected_joints(fine)[at])[4:-6].max() < 0.004


def test_what_is_in_the_way_is_a_sentence_and_changes_nothing(mia):
    apply_take(bpy.context, mia, wild_take(5, 24.0), start_frame=1)
    apply_take(bpy.context, mia, wild_take(5, 24.0), start_frame=1)
    before = snapshot()
    with pytest.raises(ApplyError, match="No body part is chosen"):
        apply_take(bpy.context, mia, wild_take(5, 24.0), start_frame=1, parts=[])
    assert snapshot() == before
    data = mia.animation_data
    data.nla_tracks[0].mute = False
    data.action = None
    data.nla_tracks.active = data.nla_tracks[0]
    data.nla_tracks[0].strips[0].select = True
    data.use_tweak_mode = True
    assert data.use_tweak_mode
    with pytest.raises(ApplyError, match="leave Tweak Mode"):
        apply_take(bpy.context, mia, wild_take(5, 24.0), start_frame=1)


def test_names_keep_the_seed_within_blenders_limit(mia):
    take = Take(
        np.zeros((1, 55, 3)),
        np.zeros((1, 3)),
        30.0,
        provenance={"audio": "C:\\takes\\" + "ä" * 80 + ".wav", "seed": 1234},
    )
    name = take_name(mia, take)
    assert len(name.encode()) <= 63
    assert name.startswith("Mia_ä")
    assert name.endswith("_1234")


def test_load_save_load_gives_the_same_take(mia, blank, tmp_path):
    take = wild_take(20, 24.0)
    write_take(tmp_path / "in.npz", take)
    assert bpy.ops.cospeech.load_take(filepath=str(tmp_path / "in.npz"), start_frame=7) == {"FINISHED"}
    assert mia.animation_data.action.frame_start == 7
    blank.frame_set(3)
    before = snapshot()
    assert bpy.ops.cospeech.save_take(filepath=str(tmp_path / "out.npz")) == {"FINISHED"}
    assert snapshot() == before
    again = read_take(tmp_path / "out.npz")
    assert np.abs(again.trans - take.trans).max() < 1e-5
    assert np.array_equal(again.blendshapes, take.blendshapes)
    clip, copy = expected_joints(take), expected_joints(again)
    assert np.abs(clip - copy).max() < 1e-5
    assert (again.plan, again.provenance, again.fps) == (take.plan, take.provenance, 24.0)


def test_saving_includes_constraints_root_bone_layers_and_the_animators_keys(mia, blank, tmp_path):
    apply_take(bpy.context, mia, lively_take(12, 24.0), start_frame=1)
    mia.pose.bones["root"].location = (0.5, 0.0, 0.0)
    mia.pose.bones["head"].constraints.new("LIMIT_ROTATION").use_limit_x = True
    key = bpy.data.meshes["Face"].shape_keys
    key.driver_add(shape_path("jawOpen")).driver.expression = "0.125"
    assert bpy.ops.cospeech.save_take(filepath=str(tmp_path / "out"), first_frame=3, last_frame=9) == {"FINISHED"}
    saved = read_take(tmp_path / "out.npz")
    assert saved.frames == 7
    assert saved.plan is None  # its times count from the take's first frame
    seen = seen_joints(mia, list(recognise(mia).bones), range(3, 10))
    assert np.abs(seen - expected_joints(saved)).max() < 1e-5
    assert np.all(saved.blendshapes[:, arkit_names().index("jawOpen")] == 0.125)
    assert np.array_equal(saved.blendshapes[:, 0], lively_take(12, 24.0).blendshapes[2:9, 0])


def test_the_start_frame_comes_from_the_scene_unless_given(mia, blank, tmp_path):
    write_take(tmp_path / "in.npz", wild_take(5, 24.0))
    blank.frame_set(42)
    bpy.ops.cospeech.load_take(filepath=str(tmp_path / "in.npz"))
    assert mia.animation_data.action.frame_start == 42
    blank.cospeech.start_frame = 17
    blank.cospeech.use_current_frame = False
    bpy.ops.cospeech.load_take(filepath=str(tmp_path / "in.npz"), parts={"hands"})
    assert mia.animation_data.action.frame_start == 17


def test_an_older_take_can_be_used_again(mia):
    first = apply_take(bpy.context, mia, wild_take(20, 24.0), start_frame=1)
    second = apply_take(bpy.context, mia, wild_take(20, 24.0, seed=3), start_frame=1)
    assert takes_of(mia) == [second, first]
    assert bpy.ops.cospeech.use_take(action=first.name) == {"FINISHED"}
    assert mia.animation_data.action == bpy.data.meshes["Face"].shape_keys.animation_data.action == first
    bpy.ops.cospeech.use_take(action=second.name)
    bpy.ops.cospeech.use_take(action=first.name)
    assert sorted(takes_of(mia), key=lambda take: take.name) == [first, second]
    tracks = mia.animation_data.nla_tracks
    assert [(track.mute, len(track.strips)) for track in tracks] == [(True, 1), (True, 1)]
    seen = seen_joints(mia, list(recognise(mia).bones), range(1, 4))
    assert np.abs(seen - expected_joints(wild_take(20, 24.0))[:3]).max() < 1e-5
    with pytest.raises(RuntimeError, match="has no take 'nothing'"):
        bpy.ops.cospeech.use_take(action="nothing")


def test_what_the_take_says_about_itself_stays_with_the_action(mia):
    action = apply_take(bpy.context, mia, wild_take(5, 24.0), start_frame=9)
    meta = action_meta(action)
    assert (meta["start_frame"], meta["fps"], meta["plan"]["seed"]) == (9, 24.0, 7)
    assert action_meta(None) == {}
    action["cospeech"] = "broken {"
    assert action_meta(action) == {}


def test_grey_buttons_and_bad_files_say_why(mia, blank, tmp_path):
    (tmp_path / "junk.npz").write_bytes(b"PK\x03\x04 no")
    before = snapshot()
    for name, sentence in (("junk.npz", "not a readable .npz"), ("gone.npz", "There is no file")):
        with pytest.raises(RuntimeError, match=sentence) as caught:
            bpy.ops.cospeech.load_take(filepath=str(tmp_path / name))
        assert "Traceback" not in str(caught.value)
    with pytest.raises(RuntimeError, match="Could not write"):
        bpy.ops.cospeech.save_take(filepath=str(tmp_path / "no" / "folder.npz"))
    with pytest.raises(RuntimeError, match=r"The range 9\.\.3 is empty"):
        bpy.ops.cospeech.save_take(filepath=str(tmp_path / "x.npz"), first_frame=9, last_frame=3)
    assert snapshot() == before
    blank.cospeech.character = None
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="Choose a character, or add one"):
        bpy.ops.cospeech.load_take(filepath=str(tmp_path / "junk.npz"))


def test_the_engine_and_the_add_on_read_each_others_takes(tmp_path):
    from engine.body.motion import Motion

    take = wild_take(6, 24000 / 1001)
    write_take(tmp_path / "ours.npz", take)
    motion = Motion.load(tmp_path / "ours.npz")
    assert np.array_equal(motion.poses, take.poses)
    assert np.array_equal(motion.blendshapes, take.blendshapes)
    assert (motion.fps, motion.plan, motion.provenance) == (take.fps, take.plan, take.provenance)
    motion.save(tmp_path / "theirs.npz")
    again = read_take(tmp_path / "theirs.npz")
    assert np.array_equal(again.poses, take.poses)
    assert np.array_equal(again.trans, take.trans)
    motion.to_beat2(tmp_path / "beat.npz")
    beat = read_take(tmp_path / "beat.npz")
    assert np.allclose(beat.poses, Motion.load(tmp_path / "beat.npz").poses, atol=1e-6)
    assert np.allclose(beat.poses, take.poses, atol=1e-5)
    assert not np.allclose(read_take(tmp_path / "beat.npz", flat_hands=True).poses, take.poses, atol=1e-2)


def test_blend_shapes_are_matched_by_name_and_damage_is_a_sentence(tmp_path):
    poses, trans = np.zeros((2, 165), np.float32), np.zeros((2, 3), np.float32)
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, blendshapes=np.array([[0.5, 0.25]] * 2),
             blendshape_names=np.array(["jawOpen", "unknown"]), hand_reference="flat")  # fmt: skip
    take = read_take(tmp_path / "a.npz")
    assert take.blendshapes[0, arkit_names().index("jawOpen")] == 0.5
    assert take.blendshapes.sum() == 1.0
    assert take.fps == 30.0
    bad = {
        "holds no trans": {"poses": poses},
        "expected \\(frames, 165\\)": {"poses": poses[:, :72], "trans": trans},
        "trans has shape": {"poses": poses, "trans": trans[:1]},
        "not numbers": {"poses": poses * np.nan, "trans": trans},
        "do not fit together": {"poses": poses, "trans": trans, "blendshapes": np.zeros((2, 3))},
        "frame rate is 0": {"poses": poses, "trans": trans, "mocap_frame_rate": 0.0},
        "is not a take": {"poses": np.array(["a", "b"]), "trans": trans},
        "not a readable": {"poses": np.array([{}], dtype=object), "trans": trans},
    }
    for sentence, arrays in bad.items():
        np.savez(tmp_path / "bad.npz", **arrays)
        with pytest.raises(TakeFileError, match=sentence):
            read_take(tmp_path / "bad.npz")
