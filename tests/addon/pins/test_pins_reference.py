"""The reference: what the generator wrote is known again; what the animator did to it is hers."""

from __future__ import annotations

import subprocess
import sys

import bpy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from addon.rig.armature import create_armature
from addon.rig.skeleton import JOINTS
from addon.takes import reference
from addon.takes.apply import apply_take
from addon.takes.keys import bone_path, shape_path
from tests.limits import HANG_SECONDS
from tests.places import ROOT
from tests.support.addon_clips import add_face, curve, curves_of, found, key_at, lively_take

FRAMES, START = 40, 11
HEAD = JOINTS.index("head")
CALM = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def character(scene, mode: str = "QUATERNION"):
    armature = create_armature(bpy.context, "Mia")
    add_face(armature)
    scene.cospeech.character = armature
    for bone in armature.pose.bones:
        bone.rotation_mode = mode
    return armature


def keyed(armature, frames: int = FRAMES, **options):
    return apply_take(bpy.context, armature, lively_take(frames, 24.0), start_frame=START, **options)


@pytest.fixture
def mia(blank):
    armature = character(blank)
    keyed(armature)
    return armature


def channels(armature, bone: str):
    mode = armature.pose.bones[bone].rotation_mode
    path = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(mode, "rotation_euler")
    return bone_path(bone, path), 3 if path == "rotation_euler" else 4


def nothing(collected) -> bool:
    return not (
        collected.rotation_mask.any()
        or collected.trans_mask.any()
        or collected.blendshape_mask.any()
        or collected.kept
        or collected.pinned
        or collected.edited
    )


def test_a_fresh_take_has_nothing_of_hers(mia):
    assert nothing(found(mia))
    stored = reference.load(mia.animation_data.action)
    assert stored.values.shape == (275, FRAMES)
    assert (stored.start, np.isnan(stored.values).any()) == (START, False)


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", "XYZ", "ZYX"])
def test_auto_key_makes_an_edit_in_every_rotation_mode(blank, mode):
    mia = character(blank, mode)
    action = keyed(mia)
    assert nothing(found(mia))
    path, width = channels(mia, "head")
    fcurve = curve(action, path, 1)
    key_at(fcurve, 20).co[1] += 0.01
    fcurve.update()
    assert key_at(fcurve, 20).type == "GENERATED"
    collected = found(mia)
    rows = np.zeros((FRAMES, 55), bool)
    rows[20 - START, HEAD] = True
    assert np.array_equal(collected.rotation_mask, rows)
    assert (collected.pinned, collected.edited, collected.trans_mask.any()) == (0, 1, False)
    assert {name: list(frames) for name, frames in collected.kept.items()} == {
        ("ARMATURE", path, index): [20.0] for index in range(width)
    }


def test_a_key_inserted_by_blender_over_a_generated_one_is_an_edit_only_if_it_differs(mia, blank):
    blank.frame_set(25)
    bone = mia.pose.bones["left_elbow"]
    bone.keyframe_insert("rotation_quaternion")
    assert nothing(found(mia))
    bone.rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    bone.keyframe_insert("rotation_quaternion")
    collected = found(mia)
    assert (collected.edited, np.argwhere(collected.rotation_mask).tolist()) == (1, [[25 - START, 18]])


def test_pelvis_place_and_shapes_are_fixed_apart_from_rotations(mia):
    action = mia.animation_data.action
    key_at(curve(action, bone_path("pelvis", "location"), 2), 30).type = "EXTREME"
    key_at(curve(action, shape_path("jawOpen")), 31).co[1] = 0.123
    collected = found(mia)
    assert np.flatnonzero(collected.trans_mask).tolist() == [30 - START]
    assert collected.rotation_mask.sum() == 0
    assert np.argwhere(collected.blendshape_mask)[:, 0].tolist() == [31 - START]
    assert (collected.pinned, collected.edited) == (1, 1)
    owners = {name[0] for name in collected.kept}
    assert owners == {"ARMATURE", bpy.data.meshes["Face"].shape_keys.name}


def test_added_moved_and_deleted_keys(mia):
    path, _ = channels(mia, "head")
    fcurve = curve(mia.animation_data.action, path, 0)
    points = fcurve.keyframe_points
    points.remove(key_at(fcurve, 15))  # deleted: not hers to keep
    assert nothing(found(mia))
    key_at(fcurve, 16).co[0] = 15  # moved to another frame
    points.insert(20.4, 0.5)  # added between two frames
    fcurve.update()
    collected = found(mia)
    assert np.flatnonzero(collected.rotation_mask[:, HEAD]).tolist() == [15 - START, 20 - START]
    assert np.allclose(collected.kept["ARMATURE", path, 0], [15, 20, 20.4])
    assert np.allclose(collected.kept["ARMATURE", path, 1], [15, 20])
    assert collected.edited == 2


def test_pins_outside_the_take_hold_nothing_and_are_told(mia):
    fcurve = curve(mia.animation_data.action, channels(mia, "head")[0], 0)
    fcurve.keyframe_points.insert(START + FRAMES + 5, 0.5, keyframe_type="EXTREME")
    fcurve.keyframe_points.insert(START - 5, 0.5)
    collected = found(mia)
    assert nothing(collected)
    assert collected.notes == ("1 pin lies outside the take's frames 11-50, where it holds nothing",)


def test_handles_count_only_where_keys_are_sparse(mia):
    action = mia.animation_data.action
    fcurve = curve(action, channels(mia, "head")[0], 0)
    key_at(fcurve, 20).handle_left_type = "FREE"
    assert nothing(found(mia))
    for frame in range(START + 1, START + FRAMES, 2):
        fcurve.keyframe_points.remove(key_at(fcurve, frame))
    for point in fcurve.keyframe_points:
        point.handle_left_type = "AUTO_CLAMPED"
    reference.remember(action, START, FRAMES)
    assert nothing(found(mia))
    key_at(fcurve, 21).handle_left_type = "FREE"
    assert found(mia).edited == 1


def test_a_take_that_was_moved_as_a_whole_is_told(mia):
    for fcurve in curves_of(mia.animation_data.action).values():
        places = np.array([point.co for point in fcurve.keyframe_points], np.float32)
        fcurve.keyframe_points.foreach_set("co", (places + np.float32([1.0, 0.0])).ravel())
    (note,) = found(mia).notes
    assert note.startswith("Most keys differ from what was generated, and are kept; if the take was moved in time")


def test_without_a_reference_only_pins_count(mia):
    action = mia.animation_data.action
    fcurve = curve(action, channels(mia, "head")[0], 0)
    key_at(fcurve, 20).co[1] += 0.1
    for damage in (None, "text", {"curves": "{"}, {"curves": '{"names": [[1, "a", 0]], "frames": 3, "start": 1}'}):
        if damage is None:
            reference.forget(action)
        else:
            action[reference.REFERENCE_KEY] = damage
        assert nothing(found(mia))
    key_at(fcurve, 21).type = "EXTREME"
    assert (found(mia).pinned, found(mia).edited) == (1, 0)


def test_renamed_bones_and_shapes_are_known_by_their_values(mia):
    action = mia.animation_data.action
    mia.data.bones["head"].name = "Head"
    mia.data.bones["root"].name = "base"
    fcurve = curve(action, bone_path("Head", "rotation_quaternion"), 1)
    assert nothing(found(mia))
    key_at(fcurve, 20).co[1] += 0.1
    assert (found(mia).edited, found(mia).rotation_mask[20 - START, HEAD]) == (1, True)
    shapes = bpy.data.meshes["Face"].shape_keys.key_blocks
    shapes["jawOpen"].name = "mouth"
    assert found(mia).edited == 1


@pytest.mark.parametrize(("old", "new"), [("QUATERNION", "XYZ"), ("XZY", "QUATERNION"), ("AXIS_ANGLE", "QUATERNION")])
def test_another_rotation_mode_after_the_take(blank, old, new):
    mia = character(blank, old)
    action = keyed(mia)
    bone = mia.pose.bones["head"]
    quats = []
    for frame in range(START, START + FRAMES):
        blank.frame_set(frame)
        quats.append(bone.matrix_basis.to_quaternion())
    bone.rotation_mode = new
    assert nothing(found(mia))  # the old channel moves nothing any more
    for frame, quat in enumerate(quats, START):
        if new == "QUATERNION":
            bone.rotation_quaternion = quat
        else:
            bone.rotation_euler = quat.to_euler(new)
        bone.keyframe_insert(channels(mia, "head")[0].rpartition(".")[2], frame=frame)
    assert nothing(found(mia))
    key_at(curve(action, channels(mia, "head")[0], 1), 20).co[1] += 0.1
    assert found(mia).edited == 1


def test_a_copy_and_a_partial_take_carry_the_reference(mia):
    action = mia.animation_data.action
    path, _ = channels(mia, "head")
    key_at(curve(action, path, 1), 20).co[1] += 0.1
    copy = action.copy()
    assert np.array_equal(reference.load(copy).values, reference.load(action).values)
    new = keyed(mia, parts={"hands"})
    assert mia.animation_data.action == new
    collected = found(mia)
    assert (collected.edited, collected.rotation_mask[20 - START, HEAD]) == (1, True)


def test_a_window_is_remembered_and_edits_in_it_stay_edits(mia):
    action = mia.animation_data.action
    path, _ = channels(mia, "head")
    fcurve = curve(action, path, 1)
    key_at(fcurve, 20).co[1] += 0.1
    key_at(fcurve, 40).co[1] += 0.1
    kept = found(mia).kept
    for frame in (21, 22):
        key_at(fcurve, frame).co[1] += 0.2
    reference.remember_window(mia, action, 18, 30, kept)
    collected = found(mia)
    assert np.flatnonzero(collected.rotation_mask[:, HEAD]).tolist() == [20 - START, 40 - START]
    key_at(fcurve, 21).co[1] += 0.2
    assert found(mia).edited == 3


def test_keys_written_beside_a_window_and_new_curves_are_remembered(mia):
    action = mia.animation_data.action
    path, _ = channels(mia, "head")
    fcurve = curve(action, path, 1)
    for frame in range(START + 1, START + FRAMES, 2):
        fcurve.keyframe_points.remove(key_at(fcurve, frame))
    reference.remember(action, START, FRAMES, written={path})
    kept = found(mia).kept
    for frame in (22, 24, 30):  # 30 lies beside the window
        fcurve.keyframe_points.insert(frame, 0.1, keyframe_type="GENERATED")
    reference.remember_window(mia, action, 20, 28, kept)
    assert found(mia).edited == 0


@settings(max_examples=25, deadline=None, suppress_health_check=CALM)
@given(st.data())
def test_any_changes_are_found_and_no_others(mia, data):
    action = mia.animation_data.action
    before = action.copy()
    rows = data.draw(
        st.lists(
            st.tuples(st.integers(0, 274), st.integers(0, FRAMES - 1), st.floats(1e-3, 2.0)), max_size=6, unique_by=str
        )
    )
    curves = curves_of(action)
    names = sorted(curves)
    changed = set()
    for number, row, size in rows:
        curves[names[number]].keyframe_points[row].co[1] += size
        changed.add((names[number][1].rpartition(".")[0], row))
    assert found(mia).edited <= len(changed)  # the pelvis' place and turn are one pose
    stored = reference.load(action)
    edited = set()
    for _, bag in reference.take_channels(mia, action):
        for keys in reference.edited_keys(bag, stored):
            item = keys.curve.data_path.rpartition(".")[0]
            edited |= {(item, int(row)) for row in np.flatnonzero(keys.edited)}
    assert edited == changed
    for name, old in curves_of(before).items():
        curves[name].keyframe_points.foreach_set("co", [x for p in old.keyframe_points for x in p.co])
    bpy.data.actions.remove(before)
    assert nothing(found(mia))


@settings(max_examples=20, deadline=None, suppress_health_check=CALM)
@given(st.data())
def test_any_window_leaves_her_edits_hers(mia, data):
    """Edits anywhere, new keys in any window around them: exactly the same poses are hers afterwards."""
    action = mia.animation_data.action.copy()
    mia.animation_data.action, mia.animation_data.action_slot = action, action.slots[0]
    curves = {name: c for name, c in curves_of(action).items() if "rotation" in name[1]}
    names = sorted(curves)
    for number, row, pinned in data.draw(
        st.lists(st.tuples(st.integers(0, 219), st.integers(0, FRAMES - 1), st.booleans()), max_size=5)
    ):
        curves[names[number]].keyframe_points[row].co[1] += 0.3
        curves[names[number]].keyframe_points[row].type = "EXTREME" if pinned else "GENERATED"
    before = found(mia)
    first, end = sorted(data.draw(st.lists(st.integers(0, FRAMES), min_size=2, max_size=2)))
    for (_, path, index), fcurve in curves.items():
        held = set(before.kept.get(("ARMATURE", path, index), ()))
        for row in range(first, end):
            if START + row not in held:
                fcurve.keyframe_points[row].co[1] -= 0.7
    reference.remember_window(mia, action, START + first, START + end, before.kept)
    after = found(mia)
    assert np.array_equal(after.rotation_mask, before.rotation_mask)
    assert (after.pinned, after.edited) == (before.pinned, before.edited)


SAVED = """
import sys, bpy
sys.path.insert(0, {root!r})
import addon
addon.register()
try:
    bpy.ops.wm.open_mainfile(filepath={path!r})
    from tests.support.collected import collect
    from addon.takes.span import take_span
    mia = bpy.data.objects["Mia"]
    found = collect(bpy.context, mia, take_span(bpy.context.scene, mia))
    print("FOUND", found.pinned, found.edited, found.target_count, int(found.rotation_mask.sum()))
finally:
    addon.unregister()
"""


def test_pins_and_edits_survive_the_file_in_another_process(mia, tmp_path):
    action = mia.animation_data.action
    path, _ = channels(mia, "head")
    key_at(curve(action, path, 1), 20).co[1] += 0.1
    key_at(curve(action, path, 1), 22).type = "EXTREME"
    target = mia.cospeech_targets.add()
    target.object = bpy.data.objects.new("Cup", None)
    bpy.context.collection.objects.link(target.object)
    target.first, target.last = 12, 14
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    code = SAVED.format(root=str(ROOT), path=str(tmp_path / "shot.blend"))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, timeout=HANG_SECONDS)
    assert "FOUND 1 1 1 2" in done.stdout, done.stdout + done.stderr


UNREGISTERED = """
import bpy
bpy.ops.wm.open_mainfile(filepath={path!r})
action = bpy.data.objects["Mia"].animation_data.action
bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
print("PINS", sum(point.type == "EXTREME" for bag in bags for curve in bag.fcurves for point in curve.keyframe_points))
bpy.ops.wm.save_mainfile()
"""


def test_pins_live_without_the_add_on(mia, tmp_path):
    action = mia.animation_data.action
    path, _ = channels(mia, "head")
    key_at(curve(action, path, 1), 20).co[1] += 0.1
    key_at(curve(action, path, 1), 22).type = "EXTREME"
    mia.cospeech_targets.add().object = mia
    file = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    done = subprocess.run(
        [sys.executable, "-c", UNREGISTERED.format(path=file)], text=True, capture_output=True, timeout=HANG_SECONDS
    )
    assert "PINS 1" in done.stdout, done.stdout + done.stderr
    bpy.ops.wm.open_mainfile(filepath=file)
    mia = bpy.data.objects["Mia"]
    assert (found(mia).pinned, found(mia).edited) == (1, 1)
    assert mia.cospeech_targets[0].object == mia


def test_undo_brings_back_what_was_known(mia):
    action = mia.animation_data.action
    path, _ = channels(mia, "head")
    bpy.ops.ed.undo_push(message="take")
    key_at(curve(action, path, 1), 20).co[1] += 0.1
    reference.remember(action, START, FRAMES)
    bpy.ops.ed.undo_push(message="remembered")
    assert found(mia).edited == 0
    bpy.ops.ed.undo()
    mia = bpy.data.objects["Mia"]
    action = mia.animation_data.action
    assert nothing(found(mia))
    key_at(curve(action, path, 1), 20).co[1] += 0.1
    assert found(mia).edited == 1
