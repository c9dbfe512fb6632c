"""Armatures as other add-ons build them."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from addon.rig.convert import SMPLX_TO_BLENDER
from addon.rig.skeleton import JOINTS, PARENTS


def model_space_rig(rest, *, y_up=False, roll=None, names=JOINTS, root="", unit=1.0) -> bpy.types.Object:
    """A rig as the public add-ons build it: rest joints in model space, bones of any direction and roll."""
    data = bpy.data.armatures.new("SMPLX")
    armature = bpy.data.objects.new("SMPLX", data)
    bpy.context.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    turn = np.eye(3) if y_up else SMPLX_TO_BLENDER
    heads = rest @ turn.T * unit
    rng = np.random.default_rng(4)
    bpy.ops.object.mode_set(mode="EDIT")
    bones = []
    top = None
    if root:
        top = data.edit_bones.new(root)
        top.head, top.tail = (0, 0, 0), (0, 0, 0.1 * unit)
    for joint, name in enumerate(names):
        bone = data.edit_bones.new(name)
        bone.head = heads[joint]
        bone.tail = heads[joint] + unit * (turn @ (0.0, 0.1, 0.0) if roll is None else rng.normal(scale=0.1, size=3))
        bone.roll = 0.0 if roll is None else rng.uniform(-3.0, 3.0)
        bone.parent = top if joint == 0 else bones[PARENTS[joint]]
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    if y_up:
        armature.matrix_world = Matrix.Rotation(np.pi / 2, 4, "X") @ Matrix.Scale(1.0 / unit, 4)
    bpy.context.view_layer.update()
    return armature
