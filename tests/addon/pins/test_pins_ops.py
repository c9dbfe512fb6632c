"""Pin, unpin, clear, from a take, snap and jump: keys of type EXTREME that are where and what the animator sees."""

from __future__ import annotations

from contextlib import contextmanager

import bpy
import numpy as np
import pytest

from addon.pins.scope import find_place
from addon.pins.write import pin, stored_values
from addon.rig.armature import create_armature
from addon.rig.recognise import recognise
from addon.rig.skeleton import JOINTS, REST
from addon.takes.apply import apply_take
from addon.takes.keys import bone_path, shape_path
from tests.support.addon_clips import (
    action_hash,
    curve,
    curves_of,
    found,
    key_at,
    key_values,
    lively_take,
    pose,
    snapshot,
)
from tests.support.rigs import model_space_rig

FRAMES, START = 40, 11
HEAD = JOINTS.index("head")
EXTREME = 1


@pytest.fixture
def mia(mia, blank):
    apply_take(bpy.context, mia, lively_take(FRAMES, 24.0), start_frame=START)
    blank.frame_set(20)
    pose(mia)
    return mia


def head_curves(armature):
    action = armature.animation_data.action
    return [curve(action, bone_path("head", "rotation_quaternion"), index) for index in range(4)]


def types(armature) -> dict[tuple[str, int], list[int]]:
    """Frames of pins by path and index."""
    out = {}
    for (_, path, index), fcurve in curves_of(armature.animation_data.action).items():
        frames = key_values(fcurve)[key_values(fcurve, "type") == EXTREME, 0]
        if len(frames):
            out[path, index] = frames.tolist()
    return out


def select_keys(fcurve, *frames: float) -> None:
    for point in fcurve.keyframe_points:
        point.select_control_point = any(abs(point.co[0] - frame) < 1e-4 for frame in frames)


def test_a_pin_is_a_key_type_and_not_one_value_changes(mia):
    action = mia.animation_data.action
    before = action_hash(action)
    pose(mia, "head", "pelvis")
    look = snapshot()
    assert bpy.ops.cospeech.pin() == {"FINISHED"}
    assert action_hash(action) == before
    assert snapshot() == look
    assert types(mia) == {
        **{(bone_path("head", "rotation_quaternion"), index): [20.0] for index in range(4)},
        **{(bone_path("pelvis", "rotation_quaternion"), index): [20.0] for index in range(4)},
        **{(bone_path("pelvis", "location"), index): [20.0] for index in range(3)},
    }
    collected = found(mia)
    assert (collected.pinned, collected.edited) == (2, 0)
    assert np.flatnonzero(collected.trans_mask).tolist() == [20 - START]
    assert bpy.ops.cospeech.unpin() == {"FINISHED"}
    assert types(mia) == {}
    assert (found(mia).pinned, found(mia).edited, action_hash(action)) == (0, 0, before)
    with pytest.raises(RuntimeError, match="There is no pin; select pinned bones or keys"):
        bpy.ops.cospeech.unpin()


def test_what_is_seen_is_pinned_a_pose_without_keys_too(mia):
    bone = mia.pose.bones["head"]
    bone.rotation_quaternion = (-0.8, 0.0, -0.6, 0.0)  # posed, not keyed
    seen = bone.rotation_quaternion.copy()
    pose(mia, "head")
    bpy.ops.cospeech.pin()
    bpy.context.scene.frame_set(1)
    bpy.context.scene.frame_set(20)
    assert abs(abs(bone.rotation_quaternion.dot(seen)) - 1.0) < 1e-6
    values = np.array([key_values(fcurve)[:, 1] for fcurve in head_curves(mia)])
    assert np.all(np.sum(values[:, 1:] * values[:, :-1], axis=0) > 0)  # no sign flip
    assert (found(mia).pinned, found(mia).edited) == (1, 0)
    bpy.ops.cospeech.unpin()
    assert (found(mia).pinned, found(mia).edited) == (0, 1)  # her value stays, and stays hers
    bpy.ops.cospeech.unpin(restore=True)
    assert (found(mia).pinned, found(mia).edited) == (0, 0)


def test_constraints_are_seen(mia):
    bone = mia.pose.bones["head"]
    limit = bone.constraints.new("LIMIT_ROTATION")
    limit.use_limit_x = limit.use_limit_y = limit.use_limit_z = True
    limit.owner_space = "LOCAL"
    bpy.context.view_layer.update()
    pose(mia, "head")
    bpy.ops.cospeech.pin()
    limit.mute = True
    bpy.context.scene.frame_set(20)
    assert abs(bone.rotation_quaternion.w) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("mode", ["XYZ", "YZX", "AXIS_ANGLE"])
def test_other_modes_are_pinned_near_their_curves(blank, mode):
    armature = create_armature(bpy.context, "Mia")
    blank.cospeech.character = armature
    for bone in armature.pose.bones:
        bone.rotation_mode = mode
    action = apply_take(bpy.context, armature, lively_take(FRAMES, 24.0), start_frame=START)
    pose(armature, "head")
    bone = armature.pose.bones["head"]
    for fcurve in (c for (_, path, _), c in curves_of(action).items() if '"head"' in path):
        fcurve.keyframe_points.remove(key_at(fcurve, 20))
    blank.frame_set(20)
    wanted = bone.matrix_basis.to_quaternion()
    if mode == "AXIS_ANGLE":
        bone.rotation_axis_angle = [-value for value in bone.rotation_axis_angle]
    else:
        bone.rotation_euler.x += 2.0 * np.pi
    bpy.ops.cospeech.pin()
    blank.frame_set(20)
    assert abs(wanted.dot(bone.matrix_basis.to_quaternion())) == pytest.approx(1.0, abs=1e-5)
    for (_, path, _), fcurve in curves_of(action).items():
        if '"head"' in path:
            assert np.abs(np.diff(key_values(fcurve)[:, 1])).max() < 1.5


def test_a_pin_where_there_is_no_key_is_the_value_in_between(mia):
    fcurves = head_curves(mia)
    for fcurve in fcurves:
        for frame in (19, 20, 21):
            fcurve.keyframe_points.remove(key_at(fcurve, frame))
        fcurve.update()
    bpy.context.scene.frame_set(1)
    bpy.context.scene.frame_set(20)
    expected = [fcurve.evaluate(20) for fcurve in fcurves]
    pose(mia, "head")
    bpy.ops.cospeech.pin()
    for fcurve, value in zip(fcurves, expected, strict=True):
        point = key_at(fcurve, 20)
        assert (point.type, point.interpolation) == ("EXTREME", "LINEAR")
        assert point.co[1] == pytest.approx(value, abs=1e-6)
        assert not point.select_control_point
    bpy.ops.cospeech.unpin(restore=True)  # the generator wrote one there: its value is back
    assert found(mia).edited == 0


def test_restoring_takes_away_keys_that_the_generator_did_not_write(mia):
    for fcurve in head_curves(mia):
        fcurve.keyframe_points.insert(20.5, 0.3)
        fcurve.update()
    count = len(head_curves(mia)[0].keyframe_points)
    pose(mia, "head")
    bpy.ops.cospeech.clear_pins(scope="SELECTED", restore=True)
    assert [len(fcurve.keyframe_points) for fcurve in head_curves(mia)] == [count - 1] * 4
    assert found(mia).edited == 0


def test_moving_a_pin_in_time_moves_the_pin(mia):
    pose(mia, "head")
    bpy.ops.cospeech.pin()
    values = [key_at(fcurve, 20).co[1] for fcurve in head_curves(mia)]
    for fcurve in head_curves(mia):  # as the Dope Sheet's G does: the key under it goes
        fcurve.keyframe_points.remove(key_at(fcurve, 24))
        key_at(fcurve, 20).co_ui[0] = 24
        fcurve.update()
    collected = found(mia)
    assert np.flatnonzero(collected.rotation_mask[:, HEAD]).tolist() == [24 - START]
    assert (collected.pinned, collected.edited) == (1, 0)
    bpy.context.scene.frame_set(24)
    assert list(mia.pose.bones["head"].rotation_quaternion) == values


def test_selected_keys_are_pinned_and_unpinned(mia):
    action = mia.animation_data.action
    pose(mia)
    select_keys(head_curves(mia)[2], 15, 17)
    select_keys(curve(action, shape_path("jawOpen")), 30)
    assert bpy.ops.cospeech.pin(source="KEYS") == {"FINISHED"}
    pinned = types(mia)
    assert pinned[bone_path("head", "rotation_quaternion"), 0] == [15.0, 17.0]
    assert pinned[shape_path("jawOpen"), 0] == [30.0]
    assert len(pinned) == 5
    collected = found(mia)
    assert (collected.pinned, int(collected.blendshape_mask.sum())) == (3, 1)
    pose(mia, "left_elbow")  # as with Only Show Selected: other bones' keys are not shown
    with pytest.raises(RuntimeError, match="No key of the character is selected"):
        bpy.ops.cospeech.unpin(source="KEYS")
    with key_editor("GRAPH_EDITOR", only_selected=False):
        bpy.ops.cospeech.unpin()
    assert types(mia) == {}
    with key_editor("DOPESHEET_EDITOR", only_selected=True):
        with pytest.raises(RuntimeError, match="No key of the character is selected"):
            bpy.ops.cospeech.pin()
        pose(mia, "head")
        bpy.ops.cospeech.pin()
    assert sorted(types(mia)) == [(bone_path("head", "rotation_quaternion"), index) for index in range(4)]


@contextmanager
def key_editor(kind: str, *, only_selected: bool):
    """Let operators be called in an editor of keys."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    before = area.type
    area.type = kind
    area.spaces.active.dopesheet.show_only_selected = only_selected
    try:
        with bpy.context.temp_override(window=window, area=area):
            yield
    finally:
        area.type = before


def test_clear_selected_window_and_all(mia, blank):
    for frame in (15, 25, 35):
        blank.frame_set(frame)
        pose(mia, "head", "left_elbow")
        bpy.ops.cospeech.pin()
    pose(mia, "head")
    bpy.ops.cospeech.clear_pins(scope="SELECTED")
    assert found(mia).pinned == 3
    with pytest.raises(RuntimeError, match="has no preview range"):
        bpy.ops.cospeech.clear_pins(scope="WINDOW")
    blank.use_preview_range, blank.frame_preview_start, blank.frame_preview_end = True, 15, 25
    bpy.ops.cospeech.clear_pins(scope="WINDOW")
    assert found(mia).pinned == 1
    bpy.ops.cospeech.clear_pins()
    assert found(mia).pinned == 0
    with pytest.raises(RuntimeError, match="There is no pin to clear"):
        bpy.ops.cospeech.clear_pins()


def test_shapes_are_pinned_with_what_is_seen(mia, blank):
    mesh = bpy.data.objects["Face"]
    mesh.active_shape_key_index = mesh.data.shape_keys.key_blocks.find("jawOpen")
    block = mesh.data.shape_keys.key_blocks["jawOpen"]
    block.value = 0.77
    assert bpy.ops.cospeech.pin_shape() == {"FINISHED"}
    assert types(mia) == {(shape_path("jawOpen"), 0): [20.0]}
    assert key_at(curve(mia.animation_data.action, shape_path("jawOpen")), 20).co[1] == pytest.approx(0.77)
    bpy.ops.cospeech.pin_shape(shapes="ALL")
    assert int(found(mia).blendshape_mask.sum()) == 52
    bpy.ops.cospeech.unpin_shape(restore=True)
    bpy.ops.cospeech.unpin_shape(shapes="ALL")
    assert (found(mia).pinned, found(mia).edited) == (0, 0)
    mesh.active_shape_key_index = 0
    with pytest.raises(RuntimeError, match="Choose a shape key of the face"):
        bpy.ops.cospeech.pin_shape()
    mesh.shape_key_add(name="smug")
    mesh.active_shape_key_index = len(mesh.data.shape_keys.key_blocks) - 1
    with pytest.raises(RuntimeError, match="'smug' is none that a take moves"):
        bpy.ops.cospeech.pin_shape()


def test_a_pose_of_another_take_is_pinned(mia, blank):
    first = mia.animation_data.action
    apply_take(bpy.context, mia, lively_take(FRAMES, 24.0, seed=5), start_frame=START + 100)
    blank.frame_set(START + 110)
    pose(mia, "head", "pelvis")
    bpy.ops.cospeech.pin_from_take(take=first.name, offset=3)
    paths = [(bone_path("head", "rotation_quaternion"), 4), (bone_path("pelvis", "location"), 3)]
    for path, width in paths:
        theirs = np.array([curve(first, path, index).evaluate(START + 13) for index in range(width)])
        ours = np.array(
            [key_at(curve(mia.animation_data.action, path, index), START + 110).co[1] for index in range(width)]
        )
        assert np.allclose(ours, theirs, atol=1e-6) or np.allclose(ours, -theirs, atol=1e-6)
    assert found(mia).pinned == 2
    with pytest.raises(RuntimeError, match="has frames 11-50 and none at 121"):
        bpy.ops.cospeech.pin_from_take(take=first.name, offset=100)
    with pytest.raises(RuntimeError, match="has no other take 'x'"):
        bpy.ops.cospeech.pin_from_take(take="x")


def test_snap_and_jump(mia, blank):
    pose(mia, "head")
    for frame in (15, 30):
        blank.frame_set(frame)
        bpy.ops.cospeech.pin()
    blank.frame_set(20)
    bpy.ops.cospeech.snap_to_pin()
    values = np.array([[key_at(fcurve, frame).co[1] for fcurve in head_curves(mia)] for frame in (15, 20)])
    assert abs(values[0] @ values[1]) == pytest.approx(1.0, abs=1e-6)
    assert found(mia).pinned == 3
    frames = []
    blank.frame_set(11)
    for _ in range(3):
        bpy.ops.cospeech.jump_to_pin()
        frames.append(blank.frame_current)
    bpy.ops.cospeech.jump_to_pin(direction="PREVIOUS")
    assert (frames, blank.frame_current) == ([15, 20, 30], 20)
    pose(mia, "left_elbow")
    assert bpy.ops.cospeech.jump_to_pin() == {"CANCELLED"}
    with pytest.raises(RuntimeError, match="have no other pin there"):
        bpy.ops.cospeech.snap_to_pin()


def test_locked_and_driven_channels_are_left_alone(mia):
    before = action_hash(mia.animation_data.action)
    head_curves(mia)[0].lock = True
    mia.pose.bones["left_elbow"].driver_add("rotation_quaternion", 0)
    pose(mia, "head", "left_elbow")
    with pytest.raises(RuntimeError, match="The channels of head, left_elbow are driven, locked"):
        bpy.ops.cospeech.pin()
    pose(mia, "head", "neck")
    assert bpy.ops.cospeech.pin() == {"FINISHED"}
    assert action_hash(mia.animation_data.action) == before
    assert found(mia).pinned == 1


def test_grey_buttons_and_wrong_places_say_why(mia, blank):
    before = snapshot()
    pose(mia)
    with pytest.raises(RuntimeError, match="Select bones of 'Mia' in Pose Mode"):
        bpy.ops.cospeech.pin()
    pose(mia, "root")
    with pytest.raises(RuntimeError, match="Select bones of 'Mia' that a take moves"):
        bpy.ops.cospeech.pin()
    pose(mia, "head")
    with pytest.raises(RuntimeError, match="no other take; generate another"):
        bpy.ops.cospeech.pin_from_take()
    blank.frame_set(3)
    with pytest.raises(RuntimeError, match=r"Frame 3 lies outside the take, which has frames 11-50"):
        bpy.ops.cospeech.pin()
    blank.frame_set(20)
    assert snapshot()["actions in full"] == before["actions in full"]
    mia.animation_data.action = None
    with pytest.raises(RuntimeError, match="is not a Cospeech take"):
        bpy.ops.cospeech.pin()
    blank.cospeech.character = None
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="Choose a character"):
        bpy.ops.cospeech.pin()


def test_pinning_is_one_undo_step(mia):
    pose(mia, "head")
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.cospeech.pin("EXEC_DEFAULT", True)
    assert found(bpy.data.objects["Mia"]).pinned == 1
    bpy.ops.ed.undo()
    assert found(bpy.data.objects["Mia"]).pinned == 0
    bpy.ops.ed.redo()
    assert found(bpy.data.objects["Mia"]).pinned == 1


def test_a_rig_of_another_author_is_pinned_alike(blank):
    armature = model_space_rig(REST * 0.9, y_up=True, roll=True, root="root", unit=100.0)
    blank.cospeech.character = armature
    apply_take(bpy.context, armature, lively_take(FRAMES, 24.0), start_frame=START)
    bone = recognise(armature).bones[HEAD]
    pose(armature, bone)
    blank.frame_set(20)
    bpy.ops.cospeech.pin()
    collected = found(armature)
    assert np.argwhere(collected.rotation_mask).tolist() == [[20 - START, HEAD]]


def test_a_channel_that_the_take_does_not_key_gets_its_curve(mia, blank):
    action = apply_take(bpy.context, mia, lively_take(FRAMES, 24.0), start_frame=START, parts={"hands"})
    channels = next(strip.channelbags[0] for layer in action.layers for strip in layer.strips)
    for fcurve in [fcurve for fcurve in channels.fcurves if '"head"' in fcurve.data_path]:
        channels.fcurves.remove(fcurve)
    pose(mia, "head")
    assert bpy.ops.cospeech.pin() == {"FINISHED"}
    assert {index for path, index in types(mia) if '"head"' in path} == {0, 1, 2, 3}
    assert found(mia).pinned == 1


def test_stored_values_of_a_place_are_those_that_are_pinned_again(mia):
    pose(mia, "head")
    place = find_place(bpy.context, "FRAME")
    (item, _), *_ = place.items
    before = action_hash(place.action)
    pin(item, place.action, 20.0, stored_values(item, place.action, 20.0))
    assert action_hash(place.action) == before
