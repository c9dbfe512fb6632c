"""Which meshes receive the face, under which names: found by search, kept in the file, used by everything."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.chain.lines import read_line
from addon.client.take_file import arkit_names
from addon.compat import current_channels
from addon.face.names import find_shapes
from addon.rig.armature import create_armature
from addon.rig.character import face_shapes
from addon.rig.recognise import recognise
from addon.takes.apply import apply_take
from addon.takes.curves import read_curves
from addon.takes.keys import shape_path
from addon.takes.read import read_performance
from addon.takes.span import take_span
from addon.takes.window import Free, Window, write_window
from tests.support.addon_clips import curves_of, lively_take
from tests.support.collected import collect
from tests.support.fbx_reader import read_back

FRAMES, START = 30, 11
JAW = arkit_names().index("jawOpen")
BROWS = [name for name in arkit_names() if name.startswith("brow")]


def spelled(name: str) -> str:
    """Another program's spelling: Face.M_jawOpen, Face.M_mouthSmile_L."""
    for word, letter in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(word):
            name = name[: -len(word)] + letter
    return f"Face.M_{name}"


def mesh_with(armature, title: str, shapes: list[str], *, child: bool = True) -> bpy.types.Object:
    data = bpy.data.meshes.new(title)
    data.from_pydata([(0, 0, 1.6), (0.1, 0, 1.6), (0, 0, 1.7)], [], [(0, 1, 2)])
    mesh = bpy.data.objects.new(title, data)
    armature.users_collection[0].objects.link(mesh)
    mesh.parent = armature if child else None
    mesh.shape_key_add(name="Basis", from_mix=False)
    for number, name in enumerate(shapes):
        mesh.shape_key_add(name=name, from_mix=False).data[0].co.z += 0.01 * (number + 1)
    return mesh


@pytest.fixture
def mia(blank):
    armature = create_armature(bpy.context, "Mia")
    mesh_with(armature, "Body", [spelled(name) for name in arkit_names()] + ["Face.M_smug"])
    mesh_with(armature, "Brows", [f"brows.{name}" for name in BROWS])
    mesh_with(armature, "Teeth", ["jaw_open", "JawForward"])
    mesh_with(armature, "Shirt", ["Wrinkle"])
    blank.cospeech.character = armature
    return armature


@pytest.fixture
def mapped(mia):
    assert bpy.ops.cospeech.face_find() == {"FINISHED"}
    return mia


def take_on(armature, **asked):
    take = lively_take(FRAMES, 24.0)
    apply_take(bpy.context, armature, take, start_frame=START, **asked)
    return take, recognise(armature), take_span(bpy.context.scene, armature)


def key_of(title: str) -> bpy.types.Key:
    return bpy.data.objects[title].data.shape_keys


def paths(title: str) -> set[str]:
    channels = current_channels(key_of(title))
    return {curve.data_path for curve in channels.fcurves} if channels is not None else set()


@settings(max_examples=60, deadline=None)
@given(
    prefix=st.sampled_from(["", "Face.M_", "blendShape1.", "ARKit_", "A25_", "BS "]),
    style=st.sampled_from(["plain", "snake", "upper", "short", "dotted"]),
    extra=st.lists(st.sampled_from(["smug", "Basis2", "viseme_aa", "mouth", "eyes_closed", "Jaw"]), unique=True),
)
def test_spellings_in_use_are_found(prefix: str, style: str, extra: list[str]) -> None:
    def other(name: str) -> str:
        if style == "snake":
            return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        if style == "upper":
            return name[0].upper() + name[1:]
        for word in ("Left", "Right"):
            if style in ("short", "dotted") and name.endswith(word):
                return name[: -len(word)] + ("." if style == "dotted" else "_") + word[0]
        return name

    names = {name: prefix + other(name) for name in arkit_names()}
    assert find_shapes([*extra, *reversed(names.values())]) == names


def test_the_habitual_prefix_decides_between_two_and_nothing_stands_for_two_shapes() -> None:
    found = find_shapes(["old_jawOpen", "M.jawOpen", "M.jawLeft", "M.tongueOut", "M.mouthLeft"])
    assert found == {name: f"M.{name}" for name in ("jawLeft", "jawOpen", "mouthLeft", "tongueOut")}
    assert find_shapes(["Basis", "smile", "mouthSmileLeftish"]) == {}


def test_without_a_mapping_arkit_s_own_names_count(mia):
    assert face_shapes(mia) == {}
    key_of("Teeth").key_blocks["JawForward"].name = "jawForward"
    assert face_shapes(mia) == {key_of("Teeth"): {"jawForward": "jawForward"}}


def test_find_fills_the_mapping_and_a_take_is_keyed_through_it(mapped):
    names = face_shapes(mapped)
    assert [len(shapes) for shapes in names.values()] == [52, len(BROWS), 2]
    assert names[key_of("Body")]["mouthSmileLeft"] == "Face.M_mouthSmile_L"
    take, rig, span = take_on(mapped)
    assert paths("Body") == {shape_path(spelled(name)) for name in arkit_names()}
    assert paths("Brows") == {shape_path(f"brows.{name}") for name in BROWS}
    assert paths("Teeth") == {shape_path("jaw_open"), shape_path("JawForward")}
    assert paths("Shirt") == set()
    assert len(span.action.slots) == 4
    bpy.context.scene.frame_set(START + 7)
    assert key_of("Teeth").key_blocks["jaw_open"].value == pytest.approx(float(take.blendshapes[7, JAW]), abs=1e-6)
    np.testing.assert_allclose(read_curves(mapped, rig, span).blendshapes, take.blendshapes, atol=1e-6)
    seen = read_performance(bpy.context, mapped, START, START + FRAMES - 1)
    np.testing.assert_allclose(seen.blendshapes, take.blendshapes, atol=1e-6)
    line = read_line(bpy.context.scene, mapped, rig, span.action)
    np.testing.assert_allclose(line.blendshapes, take.blendshapes, atol=1e-6)


def test_a_mesh_that_is_ticked_off_receives_no_keys_and_plays_no_older_take(mapped):
    take_on(mapped)
    mapped.cospeech_face.meshes["Brows"].use = False
    _, _, span = take_on(mapped)
    assert key_of("Brows") not in face_shapes(mapped)
    assert paths("Brows") == set()
    assert current_channels(key_of("Body")).action == span.action
    mapped.cospeech_face.meshes["Brows"].use = True
    take_on(mapped)
    assert paths("Brows") == {shape_path(f"brows.{name}") for name in BROWS}


def test_a_take_that_lacks_a_mesh_is_not_written_through_another_s_slot(mapped):
    mapped.cospeech_face.meshes["Teeth"].use = False
    _, rig, span = take_on(mapped)
    mapped.cospeech_face.meshes["Teeth"].use = True
    before = {name: len(curve.keyframe_points) for name, curve in curves_of(span.action).items()}
    other = lively_take(FRAMES, 24.0, 3)
    window = Window(START + 5, other.poses[5:15], other.trans[5:15], other.blendshapes[5:15])
    write_window(mapped, rig, span, window, Free(np.ones(55, bool)), {})
    assert {name: len(curve.keyframe_points) for name, curve in curves_of(span.action).items()} == before
    assert paths("Teeth") == set()


def test_a_window_pins_and_simplify_know_the_mapped_names(mapped):
    take, rig, span = take_on(mapped)
    other = lively_take(FRAMES, 24.0, 3)
    window = Window(START + 10, other.poses[10:20], other.trans[10:20], other.blendshapes[10:20])
    write_window(mapped, rig, span, window, Free(np.zeros(55, bool), trans=False), {})
    now = read_curves(mapped, rig, span).blendshapes
    np.testing.assert_allclose(now[10:20], other.blendshapes[10:20], atol=1e-6)
    np.testing.assert_allclose(now[:10], take.blendshapes[:10], atol=1e-6)
    bpy.context.scene.frame_set(START + 4)
    mesh = bpy.data.objects["Body"]
    mesh.active_shape_key_index = mesh.data.shape_keys.key_blocks.find("Face.M_jawOpen")
    assert bpy.ops.cospeech.pin_shape() == {"FINISHED"}
    fixed = collect(bpy.context, mapped, span)
    assert np.flatnonzero(fixed.blendshape_mask[4]).tolist() == [JAW]
    assert (mesh.data.shape_keys.name, shape_path("Face.M_jawOpen"), 0) in fixed.kept
    assert bpy.ops.cospeech.simplify(weights=0.05) == {"FINISHED"}
    curve = current_channels(key_of("Body")).fcurves.find(shape_path("Face.M_jawOpen"))
    assert len(curve.keyframe_points) < FRAMES


def test_the_mapped_shapes_leave_as_fbx(mapped, tmp_path):
    take, _, _ = take_on(mapped)
    path = tmp_path / "mia.fbx"
    assert bpy.ops.cospeech.export_fbx(filepath=str(path)) == {"FINISHED"}
    wanted = {"Face.M_jawOpen": JAW, "brows.browInnerUp": arkit_names().index("browInnerUp"), "jaw_open": JAW}
    entry = {"fbx": str(path), "out": str(tmp_path / "mia.npz"), "fps": 24, "base": 1.0, "bones": ["head"]}
    frames = list(range(START, START + FRAMES))
    ((arrays, _),) = read_back([{**entry, "frames": frames, "shapes": list(wanted)}], tmp_path)
    np.testing.assert_allclose(arrays["shapes"], take.blendshapes[:, list(wanted.values())], atol=1e-5)


def test_it_lives_in_the_file_and_is_forgotten_on_clear(mapped, tmp_path):
    mapped.cospeech_face.meshes["Teeth"].shapes["jawForward"].block = ""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mia.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "mia.blend"))
    mia = bpy.data.objects["Mia"]
    assert face_shapes(mia)[key_of("Teeth")] == {"jawOpen": "jaw_open"}
    assert bpy.ops.cospeech.face_clear() == {"FINISHED"}
    assert face_shapes(mia) == {}
    with pytest.raises(RuntimeError, match="no mapping yet; use Find Face Shapes"):
        bpy.ops.cospeech.face_clear()


def test_saved_and_loaded_again(mapped, tmp_path):
    file = tmp_path / "mia.json"
    mapped.cospeech_face.meshes["Teeth"].use = False
    before = {key.name: names for key, names in face_shapes(mapped).items()}
    assert bpy.ops.cospeech.face_save(filepath=str(file)) == {"FINISHED"}
    bpy.ops.cospeech.face_clear()
    bpy.data.objects["Brows"].name = "Eyebrows"
    key_of("Body").key_blocks["Face.M_jawOpen"].name = "gone"
    assert bpy.ops.cospeech.face_load(filepath=str(file)) == {"FINISHED"}
    after = {key.name: names for key, names in face_shapes(mapped).items()}
    del before[key_of("Eyebrows").name], before[key_of("Body").name]["jawOpen"]
    assert after == before
    assert not mapped.cospeech_face.meshes["Teeth"].use


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no face mapping of Cospeech"),
        ("[]", "is no face mapping of Cospeech"),
        (json.dumps({"format": "cospeech face mapping", "meshes": [{"mesh": 3}]}), "is no face mapping of Cospeech"),
        (
            json.dumps({"format": "cospeech face mapping", "meshes": [{"mesh": "Nobody", "shapes": {}}]}),
            r"is for other meshes \(Nobody\); rename yours",
        ),
    ],
)
def test_unfit_files_are_one_sentence_and_change_nothing(mapped, tmp_path, text, sentence):
    file = tmp_path / "bad.json"
    file.write_text(text, encoding="utf-8")
    before = face_shapes(mapped)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.cospeech.face_load(filepath=str(file))
    assert face_shapes(mapped) == before


def test_without_any_likeness_it_says_what_to_do(blank):
    armature = create_armature(bpy.context, "Mia")
    blank.cospeech.character = armature
    mesh_with(armature, "Body", ["Smug"])
    with pytest.raises(RuntimeError, match="resemble ARKit's names; select the meshes of its face too"):
        bpy.ops.cospeech.face_find()
    other = mesh_with(armature, "Head", ["jaw_open"], child=False)
    other.select_set(True)
    assert bpy.ops.cospeech.face_find() == {"FINISHED"}
    assert list(face_shapes(armature)) == [key_of("Head")]
