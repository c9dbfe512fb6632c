"""FBX export: read again by another importer in another process, joint by joint; the scene as before."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from addon.client.take_file import arkit_names
from addon.rig.recognise import recognise
from addon.rig.skeleton import JOINTS, REST
from addon.takes.apply import apply_take
from tests.support.addon_clips import expected_joints, lively_take, seen_joints, snapshot
from tests.support.fbx_reader import read_back
from tests.support.rigs import model_space_rig

RATES = [(24, 1.0), (30, 1.0), (60, 1.0), (24, 1.001)]
BONES = ["root", *JOINTS]
MM = 1e-3
FRAMES = 60
START = 3


def job(path: Path, frames: range, **more: object) -> dict:
    render = bpy.context.scene.render
    shared = {"fbx": str(path), "out": str(path.with_suffix(".npz")), "fps": render.fps, "base": render.fps_base}
    return {**shared, "frames": list(frames), "bones": BONES, "shapes": list(arkit_names()), **more}


def export(path: Path, **options: object) -> None:
    assert bpy.ops.cospeech.export_fbx(filepath=str(path), **options) == {"FINISHED"}


def test_every_joint_and_shape_comes_back_at_every_rate_and_preset(mia, blank, tmp_path):
    jobs, wanted = [], []
    for (fps, base), preset in zip(RATES, ("UNREAL", "UNITY", "GENERIC", "UNREAL"), strict=True):
        blank.render.fps, blank.render.fps_base = fps, base
        take = lively_take(FRAMES, fps / base)
        apply_take(bpy.context, mia, take, start_frame=START)
        assert blank.frame_end < START + FRAMES  # the take is longer than the scene
        path = tmp_path / f"{fps}_{base}.fbx"
        export(path, preset=preset)
        jobs.append(job(path, range(START, START + FRAMES)))
        wanted.append((take, mia.animation_data.action.name, preset))
    for (arrays, facts), (take, name, preset) in zip(read_back(jobs, tmp_path), wanted, strict=True):
        assert facts["bones"] == sorted(BONES)  # no leaf bones
        assert facts["actions"] == [name]  # only this take
        assert np.allclose(facts["range"], [[START, START + FRAMES - 1]], atol=1e-3)
        assert facts["objects"] == sorted(["Armature" if preset == "UNREAL" else "Mia", "Face"])
        assert np.abs(arrays["joints"][:, 1:] - expected_joints(take)).max() < 0.1 * MM
        assert np.abs(arrays["shapes"] - take.blendshapes).max() < 1e-5


def test_root_motion_modes_and_place_in_the_scene(mia, tmp_path):
    take = lively_take(40, 24.0)
    apply_take(bpy.context, mia, take, start_frame=1)
    joints = expected_joints(take)
    mia.location, mia.rotation_euler.z = (2.0, 3.0, 0.0), 0.7
    bpy.context.view_layer.update()
    placed = seen_joints(mia, BONES, range(1, 41))
    jobs = []
    for mode in ("ROOT", "PELVIS", "IN_PLACE"):
        export(tmp_path / f"{mode}.fbx", preset="GENERIC", root_motion=mode)
        jobs.append(job(tmp_path / f"{mode}.fbx", range(1, 41)))
    export(tmp_path / "placed.fbx", preset="UNITY", at_origin=False, root_motion="PELVIS")
    jobs.append(job(tmp_path / "placed.fbx", range(1, 41)))
    export(tmp_path / "zero.fbx", from_zero=True, use_meshes=False)
    jobs.append(job(tmp_path / "zero.fbx", range(40)))
    back = read_back(jobs, tmp_path)
    root, pelvis, still, there, zero = (arrays["joints"] for arrays, _ in back)
    assert back[-1][1]["objects"] == ["Armature"]
    assert np.abs(root[:, 1:] - joints).max() < MM
    rest = mia.data.bones["pelvis"].head_local
    under = joints[:, 0, :2] - (rest.x, rest.y)
    assert np.abs(root[:, 0, :2] - under).max() < MM
    assert np.abs(root[:, 0, 2]).max() < MM
    assert np.ptp(under, axis=0).min() > 0.2  # it did travel
    assert np.abs(pelvis[:, 1:] - joints).max() < MM
    assert np.abs(pelvis[:, 0]).max() < MM
    assert np.abs(still[:, 0]).max() < MM
    assert np.abs(still[:, 1, :2] - (rest.x, rest.y)).max() < MM
    assert np.abs((still[:, 1:] - still[:, 1:2]) - (joints - joints[:, :1])).max() < MM
    assert np.abs(still[:, 1:, 2] - joints[..., 2]).max() < MM
    assert np.abs(there - placed).max() < MM
    assert np.abs(zero[:, 1:] - joints).max() < MM


def test_the_mannequin_s_skin_comes_back(blank, tmp_path):
    bpy.ops.cospeech.add_character(name="Ada")
    armature = blank.cospeech.character
    take = lively_take(20, 24.0)
    apply_take(bpy.context, armature, take, start_frame=1)
    (mesh,) = [obj for obj in blank.objects if obj.type == "MESH"]
    frames = [1, 7, 20]
    wanted = []
    for frame in frames:
        blank.frame_set(frame)
        seen = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
        wanted.append([seen.matrix_world @ vertex.co for vertex in seen.data.vertices])
    jobs = []
    for preset in ("UNREAL", "UNITY"):
        export(tmp_path / f"{preset}.fbx", preset=preset)
        jobs.append(job(tmp_path / f"{preset}.fbx", frames, vertices=True))
    for (arrays, facts), preset in zip(read_back(jobs, tmp_path), ("UNREAL", "UNITY"), strict=True):
        assert np.abs(arrays["vertices"] - np.array(wanted)).max() < MM
        assert np.abs(arrays["shapes"] - take.blendshapes[[0, 6, 19]]).max() < 1e-3
        assert facts["objects"] == sorted(["Armature" if preset == "UNREAL" else "Ada", "Ada Body"])
        assert np.allclose(facts["scale"], 0.01 if preset == "UNREAL" else 1.0)


def test_what_the_animator_added_is_exported(mia, blank, tmp_path):
    """Constraints, drivers, object motion and an offset root bone are part of what is seen."""
    apply_take(bpy.context, mia, lively_take(20, 24.0), start_frame=1)
    mia.pose.bones["root"].location = (0.3, 0.0, -0.2)
    mia.pose.bones["left_elbow"].constraints.new("LIMIT_ROTATION").use_limit_x = True
    bpy.data.meshes["Face"].shape_keys.driver_add('key_blocks["jawOpen"].value').driver.expression = "0.25"
    for frame, x in ((1, 0.0), (20, 1.5)):
        mia.location.x = x
        mia.keyframe_insert("location", frame=frame)
    export(tmp_path / "seen.fbx", preset="UNREAL", at_origin=False, root_motion="PELVIS")
    ((arrays, _),) = read_back([job(tmp_path / "seen.fbx", range(1, 21))], tmp_path)
    assert np.abs(arrays["joints"] - seen_joints(mia, BONES, range(1, 21))).max() < MM
    assert np.abs(arrays["shapes"][:, arkit_names().index("jawOpen")] - 0.25).max() < 1e-3


def test_another_rig_with_meshes_of_its_own_is_exported(blank, tmp_path):
    """Y-up rest in a turned object, an unskinned prop on a bone, names that the export needs itself."""
    armature = model_space_rig(REST, y_up=True, roll=True, root="top")
    armature.name = "Body"
    blank.cospeech.character = armature
    other = bpy.data.objects.new("Armature", bpy.data.armatures.new("Armature"))
    blank.collection.objects.link(other)
    prop = bpy.data.objects.new("Glasses", bpy.data.meshes.new("Glasses"))
    prop.data.from_pydata([(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0)], [], [(0, 1, 2)])
    blank.collection.objects.link(prop)
    prop.parent, prop.parent_type, prop.parent_bone = armature, "BONE", "head"
    prop.location = (0.05, 0.02, 0.1)
    take = lively_take(12, 24.0)
    apply_take(bpy.context, armature, take, start_frame=1)
    frames = [1, 6, 12]
    wanted = []
    for frame in frames:
        blank.frame_set(frame)
        wanted.append([prop.matrix_world @ vertex.co for vertex in prop.data.vertices])
    before = snapshot()
    jobs = []
    for preset in ("UNREAL", "UNITY"):
        export(tmp_path / f"{preset}.fbx", preset=preset)
        jobs.append(job(tmp_path / f"{preset}.fbx", frames, bones=["top", *JOINTS], vertices=True))
    assert snapshot() == before
    for arrays, facts in read_back(jobs, tmp_path):
        assert np.abs(arrays["joints"][:, 1:] - expected_joints(take)[[0, 5, 11]]).max() < MM
        assert np.abs(arrays["vertices"] - np.array(wanted)).max() < MM
        assert "Glasses" in facts["objects"]


@pytest.mark.parametrize("mode", ["OBJECT", "POSE"])
def test_the_scene_is_as_before(mia, blank, tmp_path, mode):
    apply_take(bpy.context, mia, lively_take(10, 24.0), start_frame=1)
    apply_take(bpy.context, mia, lively_take(80, 24.0, seed=1), start_frame=1)
    bpy.ops.object.mode_set(mode=mode)
    blank.frame_set(17, subframe=0.25)
    before = snapshot()
    handlers = len(bpy.app.handlers.frame_change_post)
    export(tmp_path / "a.fbx")
    assert snapshot() == before
    assert len(bpy.app.handlers.frame_change_post) == handlers
    assert [path.name for path in tmp_path.iterdir()] == ["a.fbx"]


def test_a_failure_leaves_the_scene_and_the_old_file(mia, tmp_path, monkeypatch):
    from addon.export import fbx

    apply_take(bpy.context, mia, lively_take(10, 24.0), start_frame=1)
    path = tmp_path / "a.fbx"
    path.write_bytes(b"the old file")
    before = snapshot()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fbx, "_run", disk_full)
    with pytest.raises(RuntimeError, match=r"a\.fbx could not be written \(No space left on device\)"):
        bpy.ops.cospeech.export_fbx(filepath=str(path))
    assert snapshot() == before
    assert path.read_bytes() == b"the old file"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.fbx"]


def test_what_is_in_the_way_is_a_sentence(mia, blank, tmp_path):
    with pytest.raises(RuntimeError, match="'Mia' has no take; generate or load one first"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "a.fbx"))
    apply_take(bpy.context, mia, lively_take(3, 24.0), start_frame=1)
    with pytest.raises(RuntimeError, match="There is no folder"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "no" / "a.fbx"))
    (tmp_path / "taken.fbx").mkdir()
    with pytest.raises(RuntimeError, match="can't be written; choose another"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "taken.fbx"))
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Leave Edit Mode"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "a.fbx"))
    bpy.ops.object.mode_set(mode="OBJECT")
    blank.cospeech.character = None
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="Choose a character"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "a.fbx"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere; Windows has other rights")
def test_a_read_only_folder_is_a_sentence(mia, tmp_path):
    apply_take(bpy.context, mia, lively_take(3, 24.0), start_frame=1)
    tmp_path.chmod(0o500)
    with pytest.raises(RuntimeError, match="can't be written"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "a.fbx"))


def test_a_rig_without_a_root_bone_is_told_what_to_choose(blank, tmp_path):
    armature = model_space_rig(REST)
    blank.cospeech.character = armature
    apply_take(bpy.context, armature, lively_take(3, 24.0), start_frame=1)
    assert recognise(armature).root_bone == ""
    with pytest.raises(RuntimeError, match="no bone above the pelvis; choose Pelvis or In Place"):
        bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "a.fbx"))
    export(tmp_path / "a.fbx", root_motion="PELVIS")
