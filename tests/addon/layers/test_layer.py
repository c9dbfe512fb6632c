"""Layer on real bpy: the take as generated to the bit, the edits exactly where they were, and all of it back again."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.client.take_file import read_take
from addon.layers.offsets import combined, offsets
from addon.rig.skeleton import JOINTS
from addon.takes import stack as stacks
from addon.takes.apply import apply_take
from addon.takes.keys import bone_path, shape_path
from addon.takes.shelf import takes_of
from addon.takes.span import SpanError, take_span
from tests.support.addon_clips import curves_of, key_values, lively_character, lively_take
from tests.support.collected import collect
from tests.support.regenerate_shot import everything, regenerate

FRAMES, START = 120, 11
EXACT = 1e-5
WRIST = bone_path("left_wrist", "rotation_quaternion")


@pytest.fixture
def mia(blank):
    return lively_character(blank, FRAMES, START)


def of(action, path: str, index: int = 0):
    return next(curve for (_, p, i), curve in curves_of(action).items() if (p, i) == (path, index))


def at(curve, frame: float):
    return next(point for point in curve.keyframe_points if abs(point.co[0] - frame) < 1e-4)


def seen(armature, frames=range(START - 5, START + FRAMES + 5)):
    """Pose matrices (T, bones, 4, 4) and shape values (T, 52), as Blender evaluates them."""
    key = bpy.data.meshes["Face"].shape_keys
    bones, shapes = [], []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        bones.append([np.array(bone.matrix) for bone in armature.pose.bones])
        shapes.append([block.value for block in key.key_blocks[1:]])
    return np.array(bones), np.array(shapes)


def apart(now, was) -> float:
    return max(np.abs(a - b).max() for a, b in zip(now, was, strict=True))


def fixed(armature):
    return collect(bpy.context, armature, take_span(bpy.context.scene, armature))


def turn(armature, bone: str, frame: int, quaternion: tuple[float, ...]) -> None:
    """Key another rotation, as an animator does."""
    bpy.context.scene.frame_set(frame)
    posed = armature.pose.bones[bone]
    posed.rotation_quaternion = np.array(quaternion) / np.linalg.norm(quaternion)
    posed.keyframe_insert("rotation_quaternion", frame=frame)


def edit(armature) -> dict[str, np.ndarray]:
    """A wrist on two frames that are near each other and one far away, the pelvis, the jaw, and a pin."""
    action = armature.animation_data.action
    turn(armature, "left_wrist", 30, (0.7, 0.3, -0.2, 0.5))
    turn(armature, "left_wrist", 40, (0.9, 0.1, 0.4, 0.0))
    turn(armature, "left_wrist", 100, (0.5, 0.5, 0.5, 0.5))
    for index in range(4):
        at(of(action, WRIST, index), 100).type = "EXTREME"
    place = of(action, bone_path("pelvis", "location"), 1)
    at(place, 60).co[1] += 0.1
    place.update()
    jaw = of(action, shape_path("jawOpen"))
    at(jaw, 50).co[1] = 0.9
    jaw.update()
    bpy.context.scene.frame_set(1)
    return own(armature)


def own(armature) -> dict[str, np.ndarray]:
    """What was edited, as Blender evaluates it on the edited frames."""
    key, out = bpy.data.meshes["Face"].shape_keys, {}
    for frame in (30, 40, 100):
        bpy.context.scene.frame_set(frame)
        out[f"wrist {frame}"] = np.array(armature.pose.bones["left_wrist"].matrix_basis)
    bpy.context.scene.frame_set(60)
    out["pelvis"] = np.array(armature.pose.bones["pelvis"].matrix_basis)
    bpy.context.scene.frame_set(50)
    out["jaw"] = np.array(key.key_blocks["jawOpen"].value)
    return out


def same(now: dict[str, np.ndarray], was: dict[str, np.ndarray], tolerance: float) -> bool:
    return all(np.abs(now[name] - was[name]).max() <= tolerance for name in was)


def test_the_take_is_as_generated_and_the_edits_are_where_they_were(mia):
    action = mia.animation_data.action
    generated, keys = seen(mia), everything(action, first=0, end=0)
    poses = edit(mia)
    assert bpy.ops.cospeech.layer_edits() == {"FINISHED"}
    stack = stacks.find_stack(mia)
    assert (stack.base, stack.shown, mia.animation_data.action) == (action, True, None)
    assert [(track.mute, track.strips[0].blend_type) for track in mia.animation_data.nla_tracks] == [
        (False, "REPLACE"),
        (False, "COMBINE"),
    ]
    face = bpy.data.meshes["Face"].shape_keys.animation_data
    assert [track.strips[0].blend_type for track in face.nla_tracks] == ["REPLACE", "ADD"]
    for name, curve in curves_of(action).items():
        assert (
            key_values(curve).tobytes()
            == np.stack([np.arange(START, START + FRAMES), key_values(curve)[:, 1]], axis=1)
            .astype(np.float32)
            .tobytes()
        ), name
    assert same(own(mia), poses, EXACT)
    for owner in (mia.animation_data, face):
        owner.nla_tracks[-1].mute = True
    assert apart(seen(mia), generated) == 0.0
    types = {curve: key_values(curve, "type") for curve in curves_of(action).values()}
    assert all(set(kinds) == {5} for kinds in types.values())
    assert len(keys) == len(curves_of(action))


def test_the_offsets_begin_and_end_smoothly(mia):
    generated = seen(mia)
    edit(mia)
    bpy.ops.cospeech.layer_edits(fade=0.5)
    layer = stacks.find_stack(mia).layer
    wrist = of(layer, WRIST, 1)
    assert key_values(wrist)[:, 0].tolist() == [18, 30, 40, 52, 88, 100, 112]
    assert [point.type for point in wrist.keyframe_points] == [
        "GENERATED",
        "KEYFRAME",
        "KEYFRAME",
        "GENERATED",
        "GENERATED",
        "EXTREME",
        "GENERATED",
    ]
    offset = np.abs(seen(mia)[0] - generated[0]).max(axis=(1, 2, 3))
    first = START - 5
    assert offset[: 18 - first + 1].max() < 1e-6
    assert offset[112 - first :].max() < 1e-6
    values = np.array([wrist.evaluate(frame) for frame in range(18, 113)])
    assert np.abs(np.diff(values)).max() < 0.1
    assert np.abs(np.diff(values, 2)).max() < 0.05


def test_merging_makes_edits_and_pins_of_it_again_and_looks_the_same(mia):
    action = mia.animation_data.action
    poses = edit(mia)
    before = fixed(mia)
    bpy.ops.cospeech.layer_edits()
    layered = seen(mia)
    assert bpy.ops.cospeech.merge_layer() == {"FINISHED"}
    assert mia.animation_data.action == action
    assert stacks.find_stack(mia) is None
    assert not [other for other in bpy.data.actions if other.name.endswith("layer")]
    assert apart(seen(mia), layered) < 1e-3  # Blender takes an arc cosine in single precision for small offsets
    assert same(own(mia), poses, 1e-6)
    after = fixed(mia)
    assert (after.pinned, after.edited) == (before.pinned, before.edited)
    assert np.array_equal(after.rotation_mask, before.rotation_mask)
    assert np.array_equal(after.trans_mask, before.trans_mask)
    assert np.array_equal(after.blendshape_mask, before.blendshape_mask)


@pytest.mark.parametrize("mode", ["AXIS_ANGLE", "XYZ", "ZXY"])
def test_every_rotation_mode(blank, mode):
    mia = lively_character(blank, FRAMES, START, mode)
    generated = seen(mia)
    channel = "rotation_axis_angle" if mode == "AXIS_ANGLE" else "rotation_euler"
    curve = of(mia.animation_data.action, bone_path("left_elbow", channel), 0)
    at(curve, 50).co[1] += 0.4
    curve.update()
    pose = seen(mia, [50])
    bpy.ops.cospeech.layer_edits()
    assert apart(seen(mia, [50]), pose) <= EXACT
    mia.animation_data.nla_tracks[-1].mute = True
    assert apart(seen(mia), generated) == 0.0
    mia.animation_data.nla_tracks[-1].mute = False
    bpy.ops.cospeech.merge_layer()
    assert apart(seen(mia, [50]), pose) <= EXACT
    assert fixed(mia).edited == 1


def test_added_and_moved_keys_leave_the_take(mia):
    action = mia.animation_data.action
    generated = everything(action, first=0, end=0)
    jaw = of(action, shape_path("jawOpen"))
    jaw.keyframe_points.insert(50.4, 0.9)
    jaw.update()
    elbow = of(action, bone_path("left_elbow", "rotation_quaternion"), 1)
    elbow.keyframe_points.remove(at(elbow, 71))
    at(elbow, 70).co[0] = 71.0
    elbow.update()
    bpy.ops.cospeech.layer_edits()
    assert {name: len(curve.keyframe_points) for name, curve in curves_of(action).items()} == dict.fromkeys(
        curves_of(action), FRAMES
    )
    mia.animation_data.nla_tracks[-1].mute = True
    now = everything(action, first=0, end=0)
    assert [name for name in now if len(now[name]) != len(generated[name])] == []


def test_pins_can_stay(mia):
    edit(mia)
    bpy.ops.cospeech.layer_edits(pins=False)
    stack = stacks.find_stack(mia)
    assert at(of(stack.base, WRIST, 1), 100).type == "EXTREME"
    assert key_values(of(stack.layer, WRIST, 1))[:, 0].max() == 52


def test_one_goes_on_keying_on_the_layer(mia):
    edit(mia)
    bpy.ops.cospeech.layer_edits()
    stack = stacks.find_stack(mia)
    keys = everything(stack.base, first=0, end=0)
    assert bpy.ops.cospeech.edit_layer() == {"FINISHED"}
    assert mia.animation_data.use_tweak_mode
    turn(mia, "right_elbow", 80, (0.8, 0.6, 0.0, 0.0))
    bpy.context.scene.frame_set(1)
    pose = np.array((0.8, 0.6, 0.0, 0.0))
    bpy.context.scene.frame_set(80)
    assert np.abs(np.array(mia.pose.bones["right_elbow"].rotation_quaternion) - pose).max() <= EXACT
    assert not bpy.ops.cospeech.merge_layer.poll()
    assert bpy.ops.cospeech.edit_layer() == {"FINISHED"}
    assert not mia.animation_data.use_tweak_mode
    assert everything(stack.base, first=0, end=0) == keys
    bpy.context.scene.frame_set(80)
    assert np.abs(np.array(mia.pose.bones["right_elbow"].rotation_quaternion) - pose).max() <= EXACT
    bpy.ops.cospeech.merge_layer()
    bpy.context.scene.frame_set(80)
    assert np.abs(np.array(mia.pose.bones["right_elbow"].rotation_quaternion) - pose).max() <= EXACT


def test_while_it_is_shown_the_take_itself_is_closed_with_a_sentence(mia, blank):
    edit(mia)
    bpy.ops.cospeech.layer_edits()
    sentence = "lie in a layer above it; mute the layer, or merge it, in the panel Keys"
    with pytest.raises(SpanError, match=sentence):
        take_span(blank, mia)
    for operator in ("regenerate", "simplify", "layer_edits", "pin", "clear_pins"):
        with pytest.raises(RuntimeError, match=sentence):
            getattr(bpy.ops.cospeech, operator)()
    bpy.ops.cospeech.mute_layer()
    assert mia.animation_data.action == takes_of(mia)[0]
    assert take_span(blank, mia).frames == FRAMES
    with pytest.raises(RuntimeError, match="has a layer already"):
        bpy.ops.cospeech.layer_edits()
    assert fixed(mia).edited == 0
    shown = bpy.ops.cospeech.mute_layer()
    assert shown == {"FINISHED"}
    assert mia.animation_data.action is None


def test_another_take_hides_the_layer(mia):
    first = mia.animation_data.action
    edit(mia)
    bpy.ops.cospeech.layer_edits()
    bpy.ops.cospeech.mute_layer()
    second = apply_take(bpy.context, mia, lively_take(FRAMES, 24.0, seed=1), start_frame=START)
    clean = seen(mia)
    bpy.ops.cospeech.use_take(action=first.name)
    bpy.ops.cospeech.mute_layer()
    bpy.ops.cospeech.use_take(action=second.name)
    assert apart(seen(mia), clean) == 0.0


def test_it_says_why_not(mia):
    with pytest.raises(RuntimeError, match="No key of the take differs from what was generated"):
        bpy.ops.cospeech.layer_edits()
    for operator in ("merge_layer", "mute_layer", "edit_layer"):
        with pytest.raises(RuntimeError, match="The take has no layer; Layer makes one of your edits"):
            getattr(bpy.ops.cospeech, operator)()
    edit(mia)
    bpy.ops.cospeech.layer_edits()
    mia.animation_data.nla_tracks[-1].strips[0].repeat = 2.0
    with pytest.raises(RuntimeError, match="repeats, is reversed, blends in or out"):
        bpy.ops.cospeech.merge_layer()
    assert stacks.find_stack(mia).shown


def test_a_strip_that_was_moved_and_weakened_merges_as_it_is_seen(mia):
    edit(mia)
    bpy.ops.cospeech.layer_edits()
    strip = mia.animation_data.nla_tracks[-1].strips[0]
    strip.frame_start, strip.frame_end = strip.frame_start + 7, strip.frame_end + 7
    strip.use_animated_influence, strip.influence = True, 0.5
    bpy.context.view_layer.update()
    looks = seen(mia, range(START, START + FRAMES))
    bpy.ops.cospeech.merge_layer()
    assert apart(seen(mia, range(START, START + FRAMES)), looks) < 2e-4


def test_a_simplified_take_can_be_layered_and_merged(mia):
    bpy.ops.cospeech.simplify(places=4.0)
    action = mia.animation_data.action
    generated = seen(mia)
    frame = int(key_values(of(action, WRIST, 0))[4, 0])
    turn(mia, "left_wrist", frame, (0.7, 0.3, -0.2, 0.5))
    turn(mia, "left_wrist", frame + 1, (0.7, 0.3, -0.1, 0.5))
    poses = seen(mia, [frame, frame + 1])
    bpy.ops.cospeech.layer_edits()
    assert apart(seen(mia, [frame, frame + 1]), poses) <= EXACT
    looks = seen(mia)
    mia.animation_data.nla_tracks[-1].mute = True
    assert apart(seen(mia), generated) < 2e-4
    bpy.ops.cospeech.merge_layer()
    assert apart(seen(mia), looks) < 2e-4
    assert fixed(mia).edited == 2


def test_a_layered_take_is_saved_and_exported_as_it_is_seen(mia, tmp_path):
    edit(mia)
    bpy.ops.cospeech.layer_edits()
    bpy.ops.cospeech.save_take(filepath=str(tmp_path / "layered.npz"))
    bpy.ops.cospeech.export_fbx(filepath=str(tmp_path / "layered.fbx"))
    assert (tmp_path / "layered.fbx").stat().st_size > 10000
    bpy.ops.cospeech.merge_layer()
    bpy.ops.cospeech.save_take(filepath=str(tmp_path / "merged.npz"))
    layered, merged = (read_take(tmp_path / name) for name in ("layered.npz", "merged.npz"))
    assert layered.frames == merged.frames == FRAMES
    assert layered.plan == merged.plan
    assert np.abs(layered.trans - merged.trans).max() < 1e-5
    assert np.abs(layered.blendshapes - merged.blendshapes).max() < 1e-5
    wrist = JOINTS.index("left_wrist")
    assert np.abs(layered.poses[:, wrist] - merged.poses[:, wrist]).max() < 1e-3


def test_undo(mia):
    edit(mia)
    bpy.ops.ed.undo_push(message="edits")
    keys, looks = everything(mia.animation_data.action, first=0, end=0), seen(mia)
    bpy.ops.cospeech.layer_edits()
    bpy.ops.ed.undo_push(message="layer")
    bpy.ops.ed.undo()
    mia = bpy.data.objects["Mia"]
    assert everything(mia.animation_data.action, first=0, end=0) == keys
    assert stacks.find_stack(mia) is None
    assert apart(seen(mia), looks) == 0.0


def test_it_survives_the_file(mia, tmp_path):
    poses = edit(mia)
    bpy.ops.cospeech.layer_edits()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    mia = bpy.data.objects["Mia"]
    assert same(own(mia), poses, EXACT)
    bpy.ops.cospeech.merge_layer()
    assert (fixed(mia).pinned, fixed(mia).edited) == (1, 4)


def test_a_generated_take_regenerates_under_a_muted_layer_and_around_a_merged_one(shot):
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    mia = bpy.data.objects["Mia"]
    turn(mia, "left_elbow", 90, (0.8, 0.0, 0.0, 0.6))
    bpy.ops.cospeech.layer_edits()
    bpy.ops.cospeech.mute_layer()
    assert "kept" not in regenerate()
    bpy.ops.cospeech.mute_layer()
    bpy.ops.cospeech.merge_layer()
    elbow = mia.pose.bones["left_elbow"]

    def turned() -> np.ndarray:
        bpy.context.scene.frame_set(90)
        return np.array(elbow.matrix_basis)

    pose = turned()
    keys = everything(mia.animation_data.action, first=90, end=91, inside=True)
    assert fixed(mia).edited == 1
    assert "1 edited" in regenerate()
    assert np.array_equal(turned(), pose)
    name = next(name for name in keys if name[1] == bone_path("left_elbow", "rotation_quaternion"))
    assert everything(mia.animation_data.action, first=90, end=91, inside=True)[name] == keys[name]
    assert fixed(mia).edited == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["rotation_quaternion", "rotation_euler", "location", "scale", "value"]))
def test_offsets_put_back_what_they_were_taken_from(seed, kind):
    rng = np.random.default_rng(seed)
    width = {"rotation_quaternion": 4, "value": 1}.get(kind, 3)
    base, now = rng.normal(size=(2, 5, width))
    if width == 4:
        base, now = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (base, now))
    again = combined(kind, base, offsets(kind, base, now))
    if width == 4:  # both signs are one rotation
        again *= np.where(np.sum(again * now, axis=1, keepdims=True) < 0.0, -1.0, 1.0)
    assert np.allclose(again, now, atol=1e-9)
