"""A take read from its curves, and a window of it written again: exact, local, on any rotation mode and any rig."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from addon.rig.armature import create_armature
from addon.rig.convert import (
    axis_angle_to_quaternion,
    euler_to_quaternion,
    quaternion_to_euler,
    quaternion_to_matrix,
)
from addon.rig.recognise import recognise
from addon.rig.skeleton import JOINTS, PART_JOINTS, REST
from addon.takes.apply import apply_take
from addon.takes.continuity import continue_quaternions
from addon.takes.curves import read_curves
from addon.takes.keys import bone_path, shape_path
from addon.takes.read import read_performance
from addon.takes.span import take_span
from addon.takes.window import ARMATURE, Free, Window, write_window
from tests.support import regenerate_shot
from tests.support.addon_clips import add_face, curves_of, key_values, lively_take, wild_take
from tests.support.regenerate_shot import keys_at

FRAMES, START = 40, 11
FIRST, END = 21, 31
EVERYTHING = Free(np.ones(55, bool))
ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


def take_on(armature, **asked):
    apply_take(bpy.context, armature, lively_take(FRAMES, 24.0), start_frame=START, **asked)
    return recognise(armature), take_span(bpy.context.scene, armature)


def other(seed: int = 1, first: int = FIRST, end: int = END) -> Window:
    take = lively_take(FRAMES, 24.0, seed)
    rows = slice(first - START, end - START)
    return Window(first, take.poses[rows], take.trans[rows], take.blendshapes[rows])


def everything(action, *, first: int = FIRST, end: int = END, inside: bool = False) -> dict[object, bytes]:
    return regenerate_shot.everything(action, first=first, end=end, inside=inside)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_and_quaternions_are_each_others_inverse(order):
    rng = np.random.default_rng(1)
    quats = rng.normal(size=(200, 4))
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    again = euler_to_quaternion(quaternion_to_euler(quats, order), order)
    assert np.abs(quaternion_to_matrix(again) - quaternion_to_matrix(quats)).max() < 1e-7
    start = np.array([0.1, -0.2, 0.3]) + 4.0 * np.pi
    near = quaternion_to_euler(euler_to_quaternion(start[None], order), order, start=start)
    assert np.allclose(near, start)


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", *ORDERS])
def test_curves_say_what_is_seen_in_every_rotation_mode(mia, mode):
    for bone in mia.pose.bones:
        bone.rotation_mode = mode
    rig, span = take_on(mia)
    assert_equals_evaluation(mia, rig, span)


def assert_equals_evaluation(armature, rig, span) -> None:
    """Rotations to 1e-6 rad, places to 1e-6 m, shapes to the bit."""
    read = read_curves(armature, rig, span)
    seen = read_performance(bpy.context, armature, span.start, span.end - 1)
    turned = quaternion_to_matrix(axis_angle_to_quaternion(read.poses))
    wanted = quaternion_to_matrix(axis_angle_to_quaternion(seen.poses))
    assert np.abs(turned - wanted).max() < 3e-6  # float32 matrices of the evaluation, two bones each
    assert np.abs(read.trans - seen.trans).max() < 2e-6
    assert np.array_equal(read.blendshapes, seen.blendshapes)


def test_what_is_read_is_what_was_written(mia):
    rig, span = take_on(mia)
    take, read = lively_take(FRAMES, 24.0), read_curves(mia, rig, span)
    assert np.abs(read.poses - take.poses).max() < 1e-6
    assert np.abs(read.trans - take.trans).max() < 1e-6
    assert np.array_equal(read.blendshapes, take.blendshapes)


def test_sparse_missing_muted_and_driven_channels_are_read_as_evaluated(mia):
    rig, span = take_on(mia)
    curves = curves_of(span.action)
    sparse = curves["OBMia", bone_path("left_elbow", "rotation_quaternion"), 2]
    points = sparse.keyframe_points
    for place in reversed([place for place in range(len(points)) if place % 7]):
        points.remove(points[place], fast=True)
    for point in points:
        point.interpolation = "BEZIER"
    sparse.update()
    missing = curves["OBMia", bone_path("head", "rotation_quaternion"), 1]
    span.action.layers[0].strips[0].channelbag(span.action.slots[0]).fcurves.remove(missing)
    mia.pose.bones["head"].rotation_quaternion[1] = 0.25
    curves["OBMia", bone_path("jaw", "rotation_quaternion"), 0].mute = True
    mia.pose.bones["jaw"].rotation_quaternion[0] = 0.9
    mia.pose.bones["neck"].driver_add("rotation_quaternion", 3).driver.expression = "0.125"
    curves["OBMia", bone_path("spine1", "rotation_quaternion"), 1].modifiers.new("NOISE")
    bpy.context.view_layer.update()
    assert_equals_evaluation(mia, rig, span)


def test_a_foreign_rig_is_read_in_its_own_proportions(blank):
    rest = REST * 1.2
    armature = create_armature(bpy.context, "Tall", rest)
    add_face(armature)
    rig, span = take_on(armature)
    assert_equals_evaluation(armature, rig, span)


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", "XYZ", "ZXY"])
def test_a_window_is_written_and_everything_outside_stays_to_the_bit(mia, mode):
    for bone in mia.pose.bones:
        bone.rotation_mode = mode
    rig, span = take_on(mia)
    before, read = everything(span.action), read_curves(mia, rig, span)
    changed = write_window(mia, rig, span, other(), EVERYTHING, {})
    assert changed == len(curves_of(span.action))
    assert everything(span.action) == before
    again = read_curves(mia, rig, span)
    rows = slice(FIRST - START, END - START)
    for name in ("poses", "trans", "blendshapes"):
        assert np.abs(getattr(again, name)[rows] - getattr(other(), name)).max() < 2e-6, name
        out = np.delete(getattr(again, name), rows, axis=0)
        assert np.array_equal(out, np.delete(getattr(read, name), rows, axis=0)), name
    assert_equals_evaluation(mia, rig, span)
    for curve in curves_of(span.action).values():
        assert np.array_equal(key_values(curve)[:, 0], np.arange(START, START + FRAMES))
    written = everything(span.action, inside=True)
    assert write_window(mia, rig, span, other(), EVERYTHING, {}) == 0
    assert everything(span.action, inside=True) == written


def test_kept_keys_keep_every_field(mia):
    rig, span = take_on(mia)
    curves = curves_of(span.action)
    path = bone_path("left_shoulder", "rotation_quaternion")
    kept = {(ARMATURE, path, index): {25} for index in range(4)}
    kept[ARMATURE, bone_path("pelvis", "location"), 0] = [24, 26]
    kept["Key", shape_path("jawOpen"), 0] = np.array([FIRST, END - 1])
    for index in range(4):
        point = curves["OBMia", path, index].keyframe_points[25 - START]
        point.type, point.interpolation, point.handle_left_type = "EXTREME", "BEZIER", "FREE"
        point.handle_left = (24.5, 0.7)
    before = {frame: keys_at(span.action, frame) for frame in range(FIRST, END)}
    assert bpy.data.shape_keys[0].name == "Key"
    write_window(mia, rig, span, other(), EVERYTHING, kept)
    for frame in range(FIRST, END):
        after = keys_at(span.action, frame)
        for name in curves:
            owner = "Key" if name[0].startswith("KE") else ARMATURE
            whole = name[1] == bone_path("pelvis", "location")  # one kept channel of a place fixes all three
            held = kept.get((owner, *name[1:]), kept[ARMATURE, name[1], 0] if whole else ())
            assert (after[name] == before[frame][name]) == (frame in held), (frame, name)
    jaw = curves["KEKey", shape_path("jawOpen"), 0]
    assert jaw.keyframe_points[FIRST - START].type == "GENERATED"


def test_only_what_is_free_is_written(mia):
    rig, span = take_on(mia)
    before = everything(span.action, inside=True)
    joints = np.zeros(55, bool)
    joints[list(PART_JOINTS["hands"])] = True
    assert write_window(mia, rig, span, other(), Free(joints, trans=False, face=False), {}) == 30 * 4
    hands = {bone_path(rig.bones[joint], "rotation_quaternion") for joint in PART_JOINTS["hands"]}
    after = everything(span.action, inside=True)
    assert {name for name in before if before[name] != after[name]} == {n for n in before if n[1] in hands}


def test_driven_locked_muted_and_modified_channels_are_left_alone(mia):
    rig, span = take_on(mia)
    curves = curves_of(span.action)
    guarded = [("OBMia", bone_path("head", "rotation_quaternion"), index) for index in range(4)]
    mia.pose.bones["head"].driver_add("rotation_quaternion", 0)
    curves[guarded[1]].lock = True
    curves[guarded[2]].mute = True
    curves[guarded[3]].modifiers.new("NOISE")
    before = everything(span.action, inside=True)
    write_window(mia, rig, span, other(), EVERYTHING, {})
    after = everything(span.action, inside=True)
    assert {name for name in before if before[name] == after[name]} == set(guarded)


def test_a_missing_curve_is_added_and_holds_its_value_outside(mia):
    rig, span = take_on(mia, parts=["upper", "root"])
    fingers = mia.pose.bones["left_index1"]
    fingers.rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    bpy.context.view_layer.update()
    before = read_curves(mia, rig, span)
    write_window(mia, rig, span, other(), EVERYTHING, {})
    after = read_curves(mia, rig, span)
    rows = slice(FIRST - START, END - START)
    assert np.abs(after.poses[rows] - other().poses).max() < 2e-6
    assert np.array_equal(np.delete(after.poses, rows, axis=0), np.delete(before.poses, rows, axis=0))
    curve = curves_of(span.action)["OBMia", bone_path("left_index1", "rotation_quaternion"), 0]
    assert np.array_equal(key_values(curve)[:, 0], np.arange(FIRST - 1, END + 1))
    assert not any(point.select_control_point for point in curve.keyframe_points)


def test_sparse_curves_keep_their_motion_outside(mia):
    rig, span = take_on(mia)
    for curve in curves_of(span.action).values():
        points = curve.keyframe_points
        for place in reversed([place for place in range(len(points)) if place % 6]):
            points.remove(points[place], fast=True)
        for point in points:
            point.interpolation, point.type = "BEZIER", "KEYFRAME"
        points[2].co[0] += 0.25
        curve.update()
    keys = {name: key_values(curve).copy() for name, curve in curves_of(span.action).items()}
    before, read = everything(span.action), read_curves(mia, rig, span)
    write_window(mia, rig, span, other(), EVERYTHING, {})
    again = read_curves(mia, rig, span)
    rows = slice(FIRST - START, END - START)
    for name in ("poses", "trans", "blendshapes"):
        assert np.array_equal(
            np.delete(getattr(again, name), rows, axis=0), np.delete(getattr(read, name), rows, axis=0)
        ), name
        assert np.abs(getattr(again, name)[rows] - getattr(other(), name)).max() < 2e-6, name
    after = everything(span.action)
    for name, curve in curves_of(span.action).items():
        frames = key_values(curve)[:, 0]
        assert np.all(np.diff(frames) > 0)
        outside = keys[name][(keys[name][:, 0] < FIRST) | (keys[name][:, 0] >= END)]
        assert set(map(tuple, outside)) <= set(map(tuple, key_values(curve)))
        assert before[name] != after[name]


def test_a_kept_frame_without_a_key_of_its_own_gets_one_of_its_value(mia):
    rig, span = take_on(mia)
    path = bone_path("left_elbow", "rotation_quaternion")
    curve = curves_of(span.action)["OBMia", path, 2]
    curve.keyframe_points.remove(curve.keyframe_points[25 - START])
    value = curve.evaluate(25)
    write_window(mia, rig, span, other(), EVERYTHING, {(ARMATURE, path, 0): {25}})
    assert curve.evaluate(25) == np.float32(value)


def test_quaternions_and_angles_do_not_jump_at_borders_and_pins(mia):
    for mode in ("QUATERNION", "XYZ", "AXIS_ANGLE"):
        for bone in mia.pose.bones:
            bone.rotation_mode = mode
        rig, span = take_on(mia)
        for curve in curves_of(span.action).values():
            if mode == "QUATERNION" and "rotation" in curve.data_path:  # the other sign is the same motion
                places = key_values(curve)
                places[:, 1] *= -1.0
                curve.keyframe_points.foreach_set("co", places.ravel())
            if mode == "XYZ" and "rotation" in curve.data_path:
                places = key_values(curve)
                places[:, 1] += 2.0 * np.pi
                curve.keyframe_points.foreach_set("co", places.ravel())
        channel = {"QUATERNION": "rotation_quaternion", "XYZ": "rotation_euler"}.get(mode, "rotation_axis_angle")
        width = 3 if mode == "XYZ" else 4
        kept = {(ARMATURE, bone_path("left_knee", channel), index): {25} for index in range(width)}
        base = lively_take(FRAMES, 24.0)
        rows = slice(FIRST - START, END - START)
        poses = base.poses[rows] * 1.05
        write_window(mia, rig, span, Window(FIRST, poses, base.trans[rows], base.blendshapes[rows]), EVERYTHING, kept)
        curves = curves_of(span.action)
        for bone in rig.bones:
            values = np.array([key_values(curves["OBMia", bone_path(bone, channel), i])[:, 1] for i in range(width)])
            if mode == "QUATERNION":
                assert np.all(np.sum(values[:, 1:] * values[:, :-1], axis=0) > 0.0), bone
            elif mode == "XYZ":
                assert np.abs(np.diff(values)).max() < 2.0, bone


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 30),
    pins=st.sets(st.integers(0, 29), max_size=6),
)
def test_signs_follow_what_stands(seed, count, pins):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(size=(count + 2, 4)) * 0.05, axis=0) + rng.normal(size=4)
    walk /= np.linalg.norm(walk, axis=-1, keepdims=True)
    fixed = np.array([row in pins for row in range(count)])
    signs = rng.choice([-1.0, 1.0], size=(count, 1))
    out = continue_quaternions(walk[1:-1] * signs, walk, fixed)
    assert np.array_equal(out[fixed], walk[1:-1][fixed])
    assert np.allclose(out, walk[1:-1])


def test_joint_names_and_wild_rotations_survive_a_window_of_one_frame(mia):
    apply_take(bpy.context, mia, wild_take(FRAMES, 24.0), start_frame=START)
    rig, span = recognise(mia), take_span(bpy.context.scene, mia)
    new = wild_take(FRAMES, 24.0, seed=4)
    write_window(mia, rig, span, Window(START, new.poses[:1], new.trans[:1], new.blendshapes[:1]), EVERYTHING, {})
    read = read_curves(mia, rig, span)
    turned = quaternion_to_matrix(axis_angle_to_quaternion(read.poses[0]))
    assert np.abs(turned - quaternion_to_matrix(axis_angle_to_quaternion(new.poses[0]))).max() < 1e-6
    assert len(rig.bones) == len(JOINTS)
