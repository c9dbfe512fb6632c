"""Blender's pose bones against the engine's forward kinematics, on our rig and on others; recognition."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest
from mathutils import Quaternion, Vector

from addon.rig.armature import create_armature
from addon.rig.recognise import recognise, warnings
from addon.rig.rig_map import RigError
from addon.rig.skeleton import JOINTS, REST
from addon.takes.apply import apply_take
from engine.body.skeleton import default_skeleton
from tests.places import CORPUS
from tests.support.addon_clips import add_face, expected_joints, seen_joints, wild_take
from tests.support.rigs import model_space_rig

JOINTS_FILE = CORPUS / "joints.json"
TOLERANCE = 1e-5
FRAMES = 40

pytestmark = pytest.mark.usefixtures("blank")


def smplx_rest() -> np.ndarray:
    if not JOINTS_FILE.is_file():
        pytest.skip("SMPL-X's rest joints are not beside the checkout (../shared/corpus/joints.json)")
    return np.array(json.loads(JOINTS_FILE.read_text())["rest_joints_m"])


def worst_joint(armature, take, skeleton, lift=(0.0, 0.0, 0.0)) -> float:
    apply_take(bpy.context, armature, take, start_frame=3)
    rig = recognise(armature)
    seen = seen_joints(armature, list(rig.bones), range(3, 3 + take.frames))
    return float(np.abs(seen - expected_joints(take, skeleton) - lift).max())


def test_our_rig_equals_forward_kinematics():
    armature = create_armature(bpy.context, "Mia")
    assert worst_joint(armature, wild_take(FRAMES, 24.0), default_skeleton()) < TOLERANCE


def test_our_rig_with_smplx_rest_equals_forward_kinematics():
    rest = smplx_rest()
    armature = create_armature(bpy.context, "Mia", rest)
    assert worst_joint(armature, wild_take(FRAMES, 24.0), default_skeleton().with_rest(rest)) < TOLERANCE


@pytest.mark.parametrize("options", [{}, {"roll": True}, {"y_up": True}, {"y_up": True, "roll": True, "root": "root"}])
def test_rigs_in_model_space_equal_forward_kinematics(options):
    rest = smplx_rest()
    armature = model_space_rig(rest, **options)
    assert worst_joint(armature, wild_take(FRAMES, 24.0), default_skeleton().with_rest(rest)) < TOLERANCE


def test_a_rig_in_centimetres_equals_forward_kinematics():
    armature = model_space_rig(REST, y_up=True, roll=True, unit=100.0)
    assert recognise(armature).unit == 100.0
    assert worst_joint(armature, wild_take(FRAMES, 24.0), default_skeleton()) < 3 * TOLERANCE


@pytest.mark.parametrize("mode", ["XYZ", "ZXY", "AXIS_ANGLE"])
def test_other_rotation_modes_are_keyed_in_their_own_channels(mode):
    armature = create_armature(bpy.context, "Mia")
    for bone in armature.pose.bones:
        bone.rotation_mode = mode
    assert worst_joint(armature, wild_take(FRAMES, 24.0), default_skeleton()) < TOLERANCE
    assert {bone.rotation_mode for bone in armature.pose.bones} == {mode}


def test_a_raw_quaternion_without_the_axis_change_would_fail():
    armature = create_armature(bpy.context, "Mia")
    take = wild_take(3, 24.0)
    for joint, name in enumerate(JOINTS):
        vector = Vector(take.poses[2, joint].tolist())
        armature.pose.bones[name].rotation_quaternion = Quaternion(vector.normalized(), vector.length)
    seen = seen_joints(armature, list(JOINTS), range(1, 2))[0]
    assert np.abs((seen - seen[0]) - (expected_joints(take)[2] - expected_joints(take)[2, 0])).max() > 0.1


def test_our_rig_stands_on_the_floor_facing_the_front():
    armature = create_armature(bpy.context, "Mia")
    bones = armature.data.bones
    assert set(bones.keys()) == {"root", *JOINTS}
    assert np.allclose(bones["root"].matrix_local, np.eye(4))
    assert np.isclose(min(bones[name].head_local.z for name in ("left_foot", "right_foot")), 0.02, atol=1e-6)
    assert bones["left_wrist"].head_local.x > 0.5
    assert bones["left_foot"].head_local.y < bones["left_ankle"].head_local.y
    assert tuple(armature.scale) == (1.0, 1.0, 1.0)
    assert tuple(armature.rotation_euler) == (0.0, 0.0, 0.0)
    assert all(bone.use_deform for bone in bones)
    sides = [np.array(bones[f"{side}_elbow"].matrix_local.to_3x3()) for side in ("left", "right")]
    mirror = np.diag([-1.0, 1.0, 1.0])
    assert np.allclose(mirror @ sides[0] @ mirror, sides[1], atol=1e-5)  # mirrored poses paste
    assert {collection.name for collection in armature.data.collections} == {
        "Root", "Body", "Face", "Hand Left", "Hand Right"
    }  # fmt: skip


def renamed(rule) -> list[str]:
    return [rule(name) for name in JOINTS]


@pytest.mark.parametrize(
    "rule",
    [
        lambda name: f"f_avg_{name}",
        lambda name: f"rig:{name}",
        lambda name: name.replace("_smplhf", ""),
        lambda name: name.replace("left_", "L_").replace("right_", "R_").title(),
    ],
)
def test_spellings_are_recognised(rule):
    armature = model_space_rig(REST, names=renamed(rule))
    rig = recognise(armature)
    assert list(rig.bones) == renamed(rule)
    assert np.allclose(rig.rest, REST, atol=1e-6)


def test_a_rig_without_face_bones_performs():
    armature = model_space_rig(REST)
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("jaw", "left_eye_smplhf", "right_eye_smplhf"):
        armature.data.edit_bones.remove(armature.data.edit_bones[name])
    bpy.ops.object.mode_set(mode="OBJECT")
    rig = recognise(armature)
    assert len(rig.present) == 52
    apply_take(bpy.context, armature, wild_take(3, 24.0), start_frame=1)


def test_a_lifted_object_stands_on_the_floor_too():
    armature = model_space_rig(REST)
    armature.location.z = 0.02 - REST[[10, 11], 1].min()
    bpy.context.view_layer.update()
    take = wild_take(5, 24.0)
    assert worst_joint(armature, take, default_skeleton()) < TOLERANCE
    assert recognise(armature).lift == pytest.approx(armature.location.z)


def test_what_is_no_smplx_rig_is_refused_in_a_sentence():
    armature = create_armature(bpy.context, "Mia")
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("left_index1", "left_index2", "left_index3", "right_hip", "left_knee"):
        armature.data.edit_bones[name].name += "_old"
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(RigError, match=r"lacks the SMPL-X bones right_hip, left_knee.*and 1 more"):
        recognise(armature)
    with pytest.raises(RigError, match="Choose an armature"):
        recognise(None)


def test_another_tree_and_another_rest_pose_are_refused():
    armature = create_armature(bpy.context, "Mia")
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    bones["left_elbow"].parent = bones["spine3"]
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(RigError, match="'left_elbow' of 'Mia' should hang under left_shoulder"):
        recognise(armature)
    rest = REST.copy()
    for arm in ((18, 20, *range(25, 40)), (19, 21, *range(40, 55))):
        shoulder = rest[16 if arm[0] == 18 else 17]
        for joint in arm:
            along = rest[joint] - shoulder
            rest[joint] = shoulder + np.array([0.6 * along[0], -0.8 * abs(along[0]), along[2]])
    with pytest.raises(RigError, match="not SMPL-X's T-pose"):
        recognise(model_space_rig(rest))


def test_constraints_and_drivers_are_named():
    armature = create_armature(bpy.context, "Mia")
    armature.pose.bones["head"].constraints.new("LIMIT_ROTATION")
    armature.pose.bones["jaw"].driver_add("rotation_quaternion", 1)
    notes = warnings(armature, recognise(armature))
    assert len(notes) == 2
    assert "head" in notes[0]
    assert "jaw" in notes[1]


def test_add_character_is_one_call_and_makes_it_the_scenes(blank):
    assert bpy.ops.cospeech.add_character(name="Ada") == {"FINISHED"}
    armature = blank.cospeech.character
    assert armature.name == "Ada"
    assert recognise(armature).root_bone == "root"
    (mesh,) = [obj for obj in blank.objects if obj.type == "MESH"]
    assert mesh.find_armature() == armature
    assert len(mesh.data.shape_keys.key_blocks) == 53


def test_use_character_takes_an_smplx_rig_and_refuses_others(blank):
    armature = create_armature(bpy.context, "Mia")
    add_face(armature)
    assert bpy.ops.cospeech.use_character(armature="Mia") == {"FINISHED"}
    assert blank.cospeech.character == armature
    other = bpy.data.objects.new("Crate", bpy.data.armatures.new("Crate"))
    blank.collection.objects.link(other)
    with pytest.raises(RuntimeError, match="'Crate' lacks the SMPL-X bones pelvis"):
        bpy.ops.cospeech.use_character(armature="Crate")
    assert blank.cospeech.character == armature
