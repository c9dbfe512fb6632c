"""Targets: where an object is in the world is where the engine's forward kinematics finds it, on any rig."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from addon.pins.targets import hangs_from, sample_targets
from addon.rig.armature import create_armature
from addon.rig.recognise import recognise
from addon.rig.skeleton import JOINTS, REST
from addon.takes.apply import apply_take
from addon.takes.curves import read_curves
from addon.takes.span import take_span
from engine.body.skeleton import default_skeleton
from engine.hints.types import REACHING
from tests.support.addon_clips import lively_take, snapshot
from tests.support.collected import collect
from tests.support.rigs import model_space_rig

FRAMES, START = 12, 5
PLACED = Matrix.LocRotScale((1.0, -2.0, 0.3), Matrix.Rotation(0.7, 3, "Z") @ Matrix.Rotation(0.2, 3, "X"), (1.5,) * 3)


@pytest.fixture
def mia(mia):
    apply_take(bpy.context, mia, lively_take(FRAMES, 24.0), start_frame=START)
    return mia


def empty(name: str, parent=None) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, None)
    bpy.context.collection.objects.link(obj)
    obj.parent = parent
    return obj


def target(armature, obj, first: int = START, last: int = START + FRAMES - 1, joint: str = "right_wrist", **options):
    entry = armature.cospeech_targets.add()
    entry.object, entry.joint, entry.first, entry.last = obj, joint, first, last
    for name, value in options.items():
        setattr(entry, name, value)
    return entry


def found(armature):
    return collect(bpy.context, armature, take_span(bpy.context.scene, armature))


def follow(obj, armature, bone: str) -> None:
    """Keys that put an object where a bone's head is seen on every frame."""
    for frame in range(START, START + FRAMES):
        bpy.context.scene.frame_set(frame)
        obj.location = armature.matrix_world @ armature.pose.bones[bone].head
        obj.keyframe_insert("location", frame=frame)
    bpy.context.scene.frame_set(1)


def rigs():
    yield "our own", lambda: create_armature(bpy.context, "Mia")
    yield "another rest", lambda: create_armature(bpy.context, "Mia", REST * 1.2)
    yield "another author's", lambda: model_space_rig(REST * 0.9, y_up=True, roll=True, root="root")
    yield "centimetres", lambda: model_space_rig(REST, y_up=True, roll=True, unit=100.0)


@pytest.mark.parametrize("make", [make for _, make in rigs()], ids=[name for name, _ in rigs()])
@pytest.mark.parametrize("placed", [False, True], ids=["at the origin", "moved, turned and scaled"])
def test_a_target_on_the_wrist_is_where_forward_kinematics_has_the_wrist(blank, make, placed):
    armature = make()
    blank.cospeech.character = armature
    apply_take(bpy.context, armature, lively_take(FRAMES, 24.0), start_frame=START)
    rig = recognise(armature)
    if placed:
        armature.matrix_world = PLACED @ armature.matrix_world
        armature.rotation_mode = "QUATERNION"
        armature.keyframe_insert("location", frame=START)
        armature.location.x += 1.0
        armature.keyframe_insert("location", frame=START + FRAMES)
        if rig.root_bone:
            root = armature.pose.bones[rig.root_bone]
            root.location, root.rotation_mode, root.rotation_euler = (0.1, 0.2, 0.3), "XYZ", (0.1, 0.2, 0.3)
    cup = empty("Cup")
    follow(cup, armature, rig.bones[JOINTS.index("left_wrist")])
    span = take_span(blank, armature)
    target(armature, cup, joint="left_wrist")
    entries = collect(bpy.context, armature, span).targets
    stands = read_curves(armature, rig, span)
    points, _ = default_skeleton().with_rest(rig.rest).forward(stands.poses, stands.trans)
    assert [entry["frame"] for entry in entries] == list(range(FRAMES))
    wrist = points[:, JOINTS.index("left_wrist")]
    assert np.abs(np.array([entry["xyz"] for entry in entries]) - wrist).max() < 2e-5


def test_parents_constraints_hidden_objects_offsets_and_bones_are_followed(mia, blank):
    table = empty("Table")
    table.location = (1.0, 0.0, 0.5)
    table.keyframe_insert("location", frame=START)
    table.location = (2.0, 0.0, 0.5)
    table.keyframe_insert("location", frame=START + 11)
    table.hide_viewport = True
    cup = empty("Cup", table)
    cup.rotation_euler.z = np.pi / 2
    cup.hide_viewport = True
    other = bpy.data.objects.new("Other", bpy.data.armatures.new("Other"))
    bpy.context.collection.objects.link(other)
    bpy.context.view_layer.objects.active = other
    bpy.ops.object.mode_set(mode="EDIT")
    bone = other.data.edit_bones.new("hand")
    bone.head, bone.tail = (0.0, 0.0, 3.0), (0.0, 0.0, 4.0)
    bpy.ops.object.mode_set(mode="OBJECT")
    target(mia, cup, START, START, offset=(0.25, 0.0, 0.0))
    target(mia, cup, START + 11, START + 11, joint="head")
    target(mia, other, START + 3, START + 3, bone="hand", tolerance=0.01)
    before = snapshot()
    collected = found(mia)
    assert snapshot() == before
    assert collected.target_count == 3
    places = {(entry["joint"], entry["frame"]): entry["xyz"] for entry in collected.targets}
    # Blender's (x, y, z) is (x, z, -y) in model space, where the floor is y = 0 as well
    assert np.allclose(places["right_wrist", 0], (1.0, 0.5, -0.25), atol=1e-6)
    assert np.allclose(places["head", 11], (2.0, 0.5, 0.0), atol=1e-6)
    assert np.allclose(places["right_wrist", 3], (0.0, 3.0, 0.0), atol=1e-6)
    assert np.allclose(sorted(entry["tolerance_m"] for entry in collected.targets), (0.0005, 0.0005, 0.01))


def test_what_can_not_be_a_target_is_a_note(mia):
    held = empty("Held")
    held.parent, held.parent_type, held.parent_bone = mia, "BONE", "left_wrist"
    glued = empty("Glued")
    glued.constraints.new("COPY_LOCATION").target = held
    assert hangs_from(held, mia)
    assert hangs_from(glued, mia)
    cup = empty("Cup")
    target(mia, held)
    target(mia, glued)
    target(mia, None)
    target(mia, cup, 20, 10)
    target(mia, cup, 200, 300)
    target(mia, cup, bone="nothing")
    target(mia, held, enabled=False)
    collected = found(mia)
    assert (collected.targets, collected.target_count) == ((), 0)
    assert len(collected.notes) == 6
    text = " ".join(collected.notes)
    for part in (
        "'Held' hangs from the character",
        "'Glued' hangs",
        "right wrist has no object",
        "are empty",
        "outside",
    ):
        assert part in text
    bpy.data.objects.remove(cup)
    assert "has no object" in found(mia).notes[-1]


def test_two_targets_of_a_joint_on_a_frame_are_one(mia):
    first, second = empty("A"), empty("B")
    second.location.z = 1.0
    target(mia, first)
    target(mia, second, START + 2, START + 3)
    entries = found(mia).targets
    assert len(entries) == FRAMES
    rig, span = recognise(mia), take_span(bpy.context.scene, mia)
    some = sample_targets(bpy.context, mia, rig, span, (START + 1, START + 4))
    assert [entry["frame"] for entry in some.entries] == [1, 2, 3]
    high = {entry["frame"] for entry in entries if entry["xyz"][1] > 0.5}
    assert high == {2, 3}


def test_every_joint_of_the_list_can_reach(mia):
    names = mia.cospeech_targets.add().bl_rna.properties["joint"].enum_items.keys()
    assert sorted(JOINTS.index(name) for name in names) == sorted(REACHING)


def test_targets_are_added_removed_and_switched(mia, blank):
    cup = empty("Cup")
    bpy.context.view_layer.objects.active = cup
    for obj in bpy.context.selected_objects:
        obj.select_set(False)
    cup.select_set(True)
    blank.frame_set(8)
    assert bpy.ops.cospeech.target_add(joint="head") == {"FINISHED"}
    blank.use_preview_range, blank.frame_preview_start, blank.frame_preview_end = True, 6, 9
    assert bpy.ops.cospeech.target_add() == {"FINISHED"}
    entries = mia.cospeech_targets
    assert [(t.object, t.joint, t.first, t.last) for t in entries] == [
        (cup, "head", 8, 8),
        (cup, "right_wrist", 6, 9),
    ]
    bpy.ops.cospeech.target_toggle()
    assert not any(entry.enabled for entry in entries)
    assert found(mia).targets == ()
    bpy.ops.cospeech.target_toggle()
    assert len(found(mia).targets) == 5
    bpy.ops.cospeech.target_remove(index=0)
    bpy.ops.cospeech.target_remove()
    assert not len(entries)
    with pytest.raises(RuntimeError, match="has no target; add one first"):
        bpy.ops.cospeech.target_remove()
    cup.select_set(False)
    mia.select_set(True)
    bpy.context.view_layer.objects.active = mia
    with pytest.raises(RuntimeError, match="Select an object outside the character"):
        bpy.ops.cospeech.target_add()
    blank.cursor.location = (1.0, 2.0, 3.0)
    bpy.ops.cospeech.target_add(use_cursor=True)
    assert tuple(entries[0].object.location) == (1.0, 2.0, 3.0)
