"""What animators' files are like: hidden, linked, rest-posed, renamed, saved in between. A take, or a sentence."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from addon.client.take_file import read_take, write_take
from addon.generate.ops import COSPEECH_OT_generate
from addon.rig.recognise import recognise, warnings
from addon.speech.strip import place_speech
from addon.takes.apply import ApplyError, action_meta, apply_take
from tests.places import DEMO
from tests.support.addon_clips import lively_take, snapshot

FRAMES = 12


def keyed(armature):
    return apply_take(bpy.context, armature, lively_take(FRAMES, 24.0), start_frame=1)


def sounds(scene) -> list[tuple[int, int]]:
    return sorted(
        (strip.channel, int(strip.frame_start)) for strip in scene.sequence_editor.strips if strip.type == "SOUND"
    )


def hide(armature, how: str) -> None:
    if how == "in the viewport":
        armature.hide_viewport = True
    elif how == "by keys":
        armature.hide_viewport = True
        armature.keyframe_insert("hide_viewport", frame=1)
    else:
        away = bpy.data.collections.new("Away")
        bpy.context.scene.collection.children.link(away)
        for collection in armature.users_collection:
            collection.objects.unlink(armature)
        away.objects.link(armature)
        bpy.context.view_layer.layer_collection.children["Away"].exclude = True


@pytest.mark.parametrize("how", ["in the viewport", "by keys", "with its collection"])
def test_a_hidden_character_is_saved_in_motion(mia, tmp_path, how):
    take = lively_take(FRAMES, 24.0)
    keyed(mia)
    hide(mia, how)
    before = snapshot()
    assert bpy.ops.cospeech.save_take(filepath=str(tmp_path / "a.npz"), first_frame=1, last_frame=FRAMES) == {
        "FINISHED"
    }
    assert snapshot() == before
    saved = read_take(tmp_path / "a.npz")
    assert np.allclose(saved.poses, take.poses, atol=1e-4)
    assert np.allclose(saved.trans, take.trans, atol=1e-5)


def test_a_character_in_rest_position_is_not_saved_as_a_statue(mia, tmp_path):
    keyed(mia)
    mia.data.pose_position = "REST"
    with pytest.raises(RuntimeError, match="'Mia' shows its rest pose; leave Edit Mode and choose Pose Position"):
        bpy.ops.cospeech.save_take(filepath=str(tmp_path / "a.npz"))
    assert any("Rest Position" in note for note in warnings(mia, recognise(mia)))
    mia.data.pose_position = "POSE"
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="'Mia' shows its rest pose"):
        bpy.ops.cospeech.save_take(filepath=str(tmp_path / "a.npz"))
    assert not list(tmp_path.iterdir())


def test_no_file_name_is_a_sentence(mia):
    keyed(mia)
    with pytest.raises(RuntimeError, match="Choose a file to save the take in"):
        bpy.ops.cospeech.save_take(filepath="")
    with pytest.raises(RuntimeError, match="Choose a file to export to"):
        bpy.ops.cospeech.export_fbx(filepath="")


def override_of(folder: Path) -> bpy.types.Object:
    """A character linked from another file, as a library override; Blender leaves its mesh data linked."""
    cast = bpy.data.collections.new("Cast")
    bpy.context.scene.collection.children.link(cast)
    for obj in list(bpy.data.objects):
        for collection in obj.users_collection:
            collection.objects.unlink(obj)
        cast.objects.link(obj)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "cast.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(folder / "cast.blend"), link=True) as (_, wanted):
        wanted.collections = ["Cast"]
    scene = bpy.context.scene
    instance = bpy.data.objects.new("Cast", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", wanted.collections[0]
    scene.collection.objects.link(instance)
    copy = wanted.collections[0].override_hierarchy_create(
        scene, bpy.context.view_layer, reference=instance, do_fully_editable=True
    )
    return next(obj for obj in copy.objects if obj.type == "ARMATURE")


def test_a_linked_character_performs_as_override_and_says_what_its_face_needs(mia, tmp_path):
    linked_body = override_of(tmp_path)
    action = keyed(linked_body)
    assert linked_body.animation_data.action == action
    (note,) = warnings(linked_body, recognise(linked_body))
    assert "make a library override of the mesh data" in note
    original = next(obj for obj in bpy.data.objects if obj.type == "ARMATURE" and obj.library)
    with pytest.raises(ApplyError, match="linked from another file"):
        keyed(original)


def test_the_speech_is_placed_once_although_saving_rewrites_its_path(blank, tmp_path):
    place_speech(blank, DEMO, 5)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    scene = bpy.context.scene
    strip = next(strip for strip in scene.sequence_editor.strips if strip.type == "SOUND")
    strip.sound.filepath = bpy.path.relpath(str(DEMO.parent)) + "/../demo/" + DEMO.name
    place_speech(scene, DEMO, 5)
    assert sounds(scene) == [(1, 5)]
    place_speech(scene, DEMO, 50)
    assert sounds(scene) == [(1, 5), (2, 50)]


def test_the_speech_takes_the_lowest_free_channel_and_gives_up_where_there_is_none(blank, tmp_path):
    blank.sequence_editor_create()
    place_speech(blank, DEMO, 1)
    place_speech(blank, DEMO, 2)
    place_speech(blank, DEMO, 3)
    blank.sequence_editor.strips.remove(
        next(strip for strip in blank.sequence_editor.strips if int(strip.frame_start) == 2)
    )
    place_speech(blank, DEMO, 4)
    assert sounds(blank) == [(1, 1), (2, 4), (3, 3)]
    for frame in range(5, 5 + 125):
        assert place_speech(blank, DEMO, frame) is not None
    assert place_speech(blank, DEMO, 200) is None
    assert len(sounds(blank)) == 128


def test_paths_beside_an_unsaved_file_are_refused_before_the_work(mia, blank):
    blank.cospeech.audio = "//line.wav"
    with pytest.raises(RuntimeError, match="not saved yet; save it first"):
        bpy.ops.cospeech.generate()


def test_what_can_t_take_keys_is_told_before_the_engine_starts(blank, monkeypatch):
    from addon.setup.engine import SESSION

    armature = bpy.data.objects.new("Rigify", bpy.data.armatures.new("Rigify"))
    blank.collection.objects.link(armature)
    blank.cospeech.character, blank.cospeech.audio = armature, str(DEMO)
    monkeypatch.setenv("COSPEECH_PYTHON", "/nowhere/python")
    with pytest.raises(RuntimeError, match="'Rigify' lacks the SMPL-X bones") as caught:
        bpy.ops.cospeech.generate()
    assert "python" not in str(caught.value)
    assert not SESSION.note.startswith("Error")


def test_a_folder_that_takes_no_log_is_a_sentence(mia, blank, tmp_path, monkeypatch):
    from addon.setup import engine

    (tmp_path / "logs").write_text("in the way")
    monkeypatch.setattr(engine, "user_folder", lambda: tmp_path)
    blank.cospeech.audio = str(DEMO)
    with pytest.raises(RuntimeError, match=r"logs can't be written .*permissions"):
        bpy.ops.cospeech.generate()
    assert engine.SESSION.job is None


class Request:
    """What ``request`` stores for ``apply_result``, asked for without an operator's ``self``."""


def applied(change, tmp_path) -> str:
    """Ask for a take, let ``change`` happen while it is made, apply it; returns the report of a refusal."""
    bpy.context.scene.cospeech.audio = str(DEMO)
    asked = Request()
    COSPEECH_OT_generate.request(asked, bpy.context)
    write_take(tmp_path / "take.npz", lively_take(FRAMES, 24.0))
    change()
    try:
        bpy.ops.cospeech.apply_result("EXEC_DEFAULT", True, filepath=str(tmp_path / "take.npz"), **asked._target)
    except RuntimeError as error:
        return str(error)
    return ""


def test_renaming_scene_and_character_while_the_engine_works_changes_nothing(mia, blank, tmp_path):
    def rename() -> None:
        blank.name, mia.name = "Shot 12", "Zoe"

    assert applied(rename, tmp_path) == ""
    assert action_meta(mia.animation_data.action)["provenance"] == lively_take(2, 24.0).provenance
    assert sounds(blank) == [(1, 1)]


def test_a_take_that_can_t_be_applied_any_more_is_kept(mia, tmp_path):
    def lose_a_bone() -> None:
        bpy.ops.object.mode_set(mode="EDIT")
        mia.data.edit_bones.remove(mia.data.edit_bones["left_elbow"])
        bpy.ops.object.mode_set(mode="OBJECT")

    report = applied(lose_a_bone, tmp_path)
    assert "lacks the SMPL-X bones left_elbow" in report
    kept = Path(report.partition("kept as ")[2].partition(";")[0])
    assert read_take(kept).frames == FRAMES
    kept.unlink()


def test_a_character_scaled_to_nothing_is_a_sentence_and_rest_position_is_no_matter_to_export(mia, tmp_path):
    keyed(mia)
    mia.data.pose_position = "REST"
    assert bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "rest.fbx")) == {"FINISHED"}
    assert mia.data.pose_position == "REST"
    bpy.ops.wm.fbx_import(filepath=str(tmp_path / "rest.fbx"), anim_offset=0.0)
    twin = bpy.context.active_object if bpy.context.active_object.type == "ARMATURE" else None
    twin = twin or next(obj for obj in bpy.data.objects if obj.type == "ARMATURE" and obj != mia)
    heads = []
    for frame in (1, FRAMES):
        bpy.context.scene.frame_set(frame)
        heads.append(np.array(twin.matrix_world @ twin.pose.bones["left_wrist"].head))
    assert np.abs(heads[1] - heads[0]).max() > 0.01
    mia.scale = (0.0, 0.0, 0.0)
    with pytest.raises(RuntimeError, match="'Mia' is scaled to nothing"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "none.fbx"))
    assert not (tmp_path / "none.fbx").exists()
