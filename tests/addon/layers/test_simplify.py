"""Simplify on real bpy: few keys, what is seen within the bounds on every frame, the rest to the bit."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from addon.layers.groups import LIMBS
from addon.layers.measure import Body
from addon.rig.recognise import recognise
from addon.rig.skeleton import JOINTS, REST
from addon.takes import reference
from addon.takes.apply import action_meta
from addon.takes.keys import bone_path, shape_path
from addon.takes.span import take_span
from tests.support.addon_clips import curve as of
from tests.support.addon_clips import curves_of, key_values, lively_character
from tests.support.addon_clips import found as fixed
from tests.support.addon_clips import key_at as at
from tests.support.regenerate_shot import everything, regenerate

FRAMES, START = 84, 11
WATCHED = [JOINTS[joint] for joint in dict.fromkeys(Body(REST).joints.tolist())]
BEZIER = 2


@pytest.fixture
def mia(blank):
    return lively_character(blank, FRAMES, START)


def simplify(**options) -> str:
    """Run the operator; returns what it said."""
    assert bpy.ops.cospeech.simplify(**options) == {"FINISHED"}
    return bpy.context.scene.cospeech.character.animation_data.action["cospeech_simplified"]["text"]


def seen(armature):
    """World places of what is watched (T, n, 3) and turns of all bones (T, bones, 3, 3), as Blender evaluates them;
    shape values (T, 52).
    """
    span = take_span(bpy.context.scene, armature)
    faces = bpy.data.meshes["Face"].shape_keys
    places, turns, shapes = [], [], []
    for frame in range(span.start, span.end):
        bpy.context.scene.frame_set(frame)
        bones = armature.pose.bones
        places.append([armature.matrix_world @ bones[name].head for name in WATCHED])
        turns.append([bone.matrix.to_3x3().normalized() for bone in bones])
        shapes.append([block.value for block in faces.key_blocks[1:]])
    return np.array(places), np.array(turns), np.array(shapes)


def apart(now, was):
    chord = np.sqrt(np.sum((now[1] - was[1]) ** 2, axis=(-2, -1)))
    return (
        np.linalg.norm(now[0] - was[0], axis=-1).max() * 1e3,
        np.degrees(2.0 * np.arcsin(chord.max() / np.sqrt(8.0))),
        np.abs(now[2] - was[2]).max(),
    )


def count(action) -> int:
    return sum(len(curve.keyframe_points) for curve in curves_of(action).values())


def whole(point) -> tuple[object, ...]:
    """All of a key but how it goes on."""
    return (tuple(point.co), tuple(point.handle_left), tuple(point.handle_right), point.type, point.handle_left_type)


@pytest.mark.parametrize("keys", ["BONE", "LIMB", "POSE"])
def test_what_is_seen_stays_within_the_bounds_on_every_frame(mia, keys):
    action, before = mia.animation_data.action, seen(mia)
    text = simplify(places=4.0, turns=np.radians(2.0), weights=0.02, keys=keys)
    millimetres, degrees, weight = apart(seen(mia), before)
    assert millimetres <= 4.0
    assert degrees < 2.01
    assert weight < 0.02001
    assert count(action) < 275 * FRAMES / 3
    assert text.startswith(f"{275 * FRAMES:,} keys -> {count(action):,}, largest error ")
    for curve in curves_of(action).values():
        assert set(key_values(curve, "type")) == {5}
        assert set(key_values(curve, "interpolation")) == {BEZIER}
    assert {point.handle_left_type for point in of(action, shape_path("jawOpen")).keyframe_points} == {"ALIGNED"}


@pytest.mark.parametrize("mode", ["AXIS_ANGLE", "XYZ", "ZXY"])
def test_every_rotation_mode(blank, mode):
    mia = lively_character(blank, FRAMES, START, mode)
    before = seen(mia)
    simplify(places=4.0, turns=np.radians(2.0))
    millimetres, degrees, _ = apart(seen(mia), before)
    assert millimetres <= 4.0
    assert degrees < 2.01
    assert count(mia.animation_data.action) < 275 * FRAMES / 2


def test_quaternions_stay_continuous_and_of_unit_length(mia):
    simplify()
    action = mia.animation_data.action
    for bone in recognise(mia).bones:
        curves = [of(action, bone_path(bone, "rotation_quaternion"), index) for index in range(4)]
        quats = np.array([[curve.evaluate(f) for curve in curves] for f in np.arange(START, START + FRAMES - 1, 0.5)])
        assert np.abs(np.linalg.norm(quats, axis=1) - 1.0).max() < 0.03
        assert np.sum(quats[1:] * quats[:-1], axis=1).min() > 0.5


def test_limbs_and_poses_share_their_frames(mia):
    simplify(keys="LIMB")
    action, rig = mia.animation_data.action, recognise(mia)

    def frames(joint):
        paths = bone_path(rig.bones[joint], "rotation_quaternion")
        return {tuple(key_values(of(action, paths, index))[:, 0]) for index in range(4)}

    for limb in LIMBS:
        assert len(set.union(*(frames(joint) for joint in limb))) == 1
    apexes = {START + round(phrase["apex"] * 24) for phrase in action_meta(action)["plan"]["phrases"]}
    assert apexes <= set(next(iter(frames(JOINTS.index("left_wrist")))))


def test_pins_and_edited_keys_stay_and_nothing_else_becomes_an_edit(mia):
    action = mia.animation_data.action
    path = bone_path("left_wrist", "rotation_quaternion")
    jaw = of(action, shape_path("jawOpen"))
    at(of(action, path, 1), 40).type = "EXTREME"
    at(of(action, path, 2), 61).co[1] += 0.2
    at(jaw, 77).co[1] += 0.3
    jaw.keyframe_points.insert(50.4, 0.9).select_control_point = False
    jaw.update()
    before, was = fixed(mia), seen(mia)
    held = [
        (curve, frame)
        for curve, frame in ((of(action, path, 1), 40), (of(action, path, 2), 61), (jaw, 77), (jaw, 50.4))
    ]
    values = [(tuple(at(curve, frame).co), at(curve, frame).type) for curve, frame in held]
    simplify()
    assert [(tuple(at(curve, frame).co), at(curve, frame).type) for curve, frame in held] == values
    after = fixed(mia)
    assert (after.pinned, after.edited) == (before.pinned, before.edited)
    assert np.array_equal(after.rotation_mask, before.rotation_mask)
    assert np.array_equal(after.blendshape_mask, before.blendshape_mask)
    assert apart(seen(mia), was)[0] <= 3.0
    at(of(action, path, 3), key_values(of(action, path, 3))[3, 0]).co[1] += 0.1
    assert fixed(mia).edited == before.edited + 1


def test_handles_of_a_pin_that_show_stay_to_the_bit(mia):
    action = mia.animation_data.action
    curve = of(action, bone_path("left_wrist", "rotation_quaternion"), 1)
    for index in range(4):
        other = of(action, bone_path("left_wrist", "rotation_quaternion"), index)
        for frame in (*range(54, 60), *range(61, 70)):
            other.keyframe_points.remove(at(other, frame))
    for point in curve.keyframe_points:
        point.interpolation = "BEZIER"
    pin = at(curve, 60)
    pin.type, pin.handle_left_type, pin.handle_right_type = "EXTREME", "FREE", "FREE"
    pin.handle_left, pin.handle_right = (57.0, pin.co[1] - 0.1), (65.5, pin.co[1] + 0.2)
    curve.update()
    pinned, was = whole(at(curve, 60)), seen(mia)
    simplify()
    assert whole(at(curve, 60)) == pinned
    millimetres, degrees, _ = apart(seen(mia), was)
    assert millimetres <= 3.0
    assert degrees < 1.51


def test_outside_the_range_and_the_parts_every_key_stays_to_the_bit(mia, blank):
    action = mia.animation_data.action
    blank.use_preview_range, blank.frame_preview_start, blank.frame_preview_end = True, 40, 80
    before = everything(action, first=40, end=81)
    inside = everything(action, first=41, end=80, inside=True)
    legs = {name: key_values(curve).tobytes() for name, curve in curves_of(action).items() if "left_knee" in name[1]}
    simplify(parts={"upper", "face", "root"})
    assert everything(action, first=40, end=81) == before
    assert everything(action, first=41, end=80, inside=True) != inside
    for curve in curves_of(action).values():
        frames = key_values(curve)[:, 0]
        assert set(range(START, 41)) | set(range(80, START + FRAMES)) <= set(frames.tolist())
    assert {name: key_values(curves_of(action)[name]).tobytes() for name in legs} == legs


def test_keys_outside_a_range_have_every_field_they_had(mia, blank):
    action = mia.animation_data.action
    blank.use_preview_range, blank.frame_preview_start, blank.frame_preview_end = True, 40, 80
    before = everything(action, first=40, end=81)
    simplify()
    assert everything(action, first=40, end=81) == before
    second = everything(action, first=60, end=101)
    inner = seen(mia)
    blank.frame_preview_start, blank.frame_preview_end = 60, 100  # begins among few keys, ends among many
    simplify()
    assert everything(action, first=60, end=101) == second
    assert apart(seen(mia), inner)[0] <= 3.0


def test_selected_keys_and_selected_bones(mia):
    action = mia.animation_data.action
    path = bone_path("left_elbow", "rotation_quaternion")
    for frame in (30, 60):
        at(of(action, path, 0), frame).select_control_point = True
    bpy.context.view_layer.objects.active = mia
    bpy.ops.object.mode_set(mode="POSE")
    for bone in mia.pose.bones:
        (bone if hasattr(bone, "select") else bone.bone).select = bone.name == "left_elbow"
    simplify(scope="SELECTED_BONES")
    assert [len(curve.keyframe_points) < FRAMES for (_, p, _), curve in curves_of(action).items() if p == path] == [
        True
    ] * 4
    assert sum(len(curve.keyframe_points) < FRAMES for curve in curves_of(action).values()) == 4
    assert {29, 30, 60, 61} <= set(key_values(of(action, path))[:, 0].tolist())


def test_locked_curves_are_left_and_told(mia):
    action = mia.animation_data.action
    curve = of(action, shape_path("jawOpen"))
    curve.lock = True
    assert simplify().endswith("1 channel locked, muted, driven or modified: unchanged")
    assert len(curve.keyframe_points) == FRAMES


def test_it_says_why_not(mia, blank):
    with pytest.raises(RuntimeError, match="No key of the character is selected"):
        bpy.ops.cospeech.simplify(range="SELECTED")
    blank.use_preview_range, blank.frame_preview_start, blank.frame_preview_end = True, 40, 41
    with pytest.raises(RuntimeError, match="Frames 40-41 have no keys that can be made fewer"):
        bpy.ops.cospeech.simplify()
    mia.animation_data.action = None
    with pytest.raises(RuntimeError, match="not a Cospeech take"):
        bpy.ops.cospeech.simplify()


def test_again_and_again(mia):
    simplify(places=2.0)
    first = count(mia.animation_data.action)
    was = seen(mia)
    simplify(places=20.0, turns=np.radians(8.0))
    assert count(mia.animation_data.action) < first
    assert apart(seen(mia), was)[0] <= 20.0
    assert fixed(mia).edited == 0


def test_undo_brings_every_key_back(mia):
    bpy.ops.ed.undo_push(message="take")
    before = everything(mia.animation_data.action, first=0, end=0)
    simplify()
    bpy.ops.ed.undo_push(message="simplified")
    bpy.ops.ed.undo()
    mia = bpy.data.objects["Mia"]
    action = mia.animation_data.action
    assert everything(action, first=0, end=0) == before
    assert not np.isnan(reference.load(action).values).any()


def test_a_generated_take_is_simplified_and_regenerated(shot):
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    mia = bpy.data.objects["Mia"]
    action, was = mia.animation_data.action, seen(mia)
    dense = count(action)
    simplify()
    now = seen(mia)
    millimetres, degrees, weight = apart(now, was)
    feet = [WATCHED.index(name) for name in ("left_foot", "right_foot")]
    stands = np.linalg.norm(np.diff(was[0][:, feet], axis=0), axis=-1) * 24.0 < 0.01
    assert stands.mean() > 0.5
    assert np.linalg.norm(now[0] - was[0], axis=-1)[1:, feet][stands].max() <= 1.5e-3  # no two are more than 3 mm apart
    assert millimetres <= 3.0
    assert degrees < 1.51
    assert weight < 0.03001
    assert count(action) < dense / 7
    outside, shape = everything(action, first=30, end=160), seen(mia)
    assert regenerate().startswith("Regenerated frames 60-130")
    later = everything(action, first=30, end=160)
    assert sum(later[name] != outside[name] for name in outside) < len(outside) / 2
    for name in (bone_path("left_elbow", "rotation_quaternion"), shape_path("jawOpen")):
        assert set(range(60, 131)) <= set(key_values(of(action, name))[:, 0].tolist())
    assert fixed(mia).edited == 0
    now = seen(mia)
    rows = np.r_[0:48, 121 : len(now[0])]  # 11 is the first frame
    assert apart([part[rows] for part in now], [part[rows] for part in shape])[0] < 0.01
