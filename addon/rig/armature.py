"""Build our armature: ``root`` on the floor and the 55 joints standing on z = 0, facing -Y, in metres."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from .convert import SMPLX_TO_BLENDER, Array
from .recognise import REST_HEIGHT_KEY
from .rig_map import RigError
from .skeleton import JAW, JOINTS, LEFT_EYE, LEFT_HAND, PARENTS, PELVIS, REST, RIGHT_EYE, RIGHT_HAND, standing_height

ROOT_BONE = "root"
ROOT_LENGTH = 0.25  # m, by eye
FRONT, UP = (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)  # no unit: the way a Blender character faces, and up
# SMPL-X joints: where a bone points when more than one joint hangs from it.
TAIL_JOINT = {0: 3, 9: 12, 20: 28, 21: 43}
# Bones at the end of a chain: their tail relative to the head, m, by eye.
END_TAIL = {
    10: (0.0, -0.07, 0.0),
    11: (0.0, -0.07, 0.0),
    15: (0.0, 0.0, 0.16),
    JAW: (0.0, -0.06, -0.03),
    LEFT_EYE: (0.0, -0.03, 0.0),
    RIGHT_EYE: (0.0, -0.03, 0.0),
}
FINGERTIP = 0.8  # length of a last phalanx in lengths of the one before, by eye
FACE = (JAW, LEFT_EYE, RIGHT_EYE)
# SMPL-X joints of the bones whose local Z is turned up; the others' is turned to the front.
Z_UP = frozenset((7, 8, 10, 11, 13, 14, 16, 17, 18, 19, 20, 21, *FACE, *LEFT_HAND, *RIGHT_HAND))
COLLECTIONS = {
    "Body": tuple(joint for joint in range(22)),
    "Face": FACE,
    "Hand Left": tuple(LEFT_HAND),
    "Hand Right": tuple(RIGHT_HAND),
}
THEMES = {"Body": "THEME09", "Face": "THEME03", "Hand Left": "THEME04", "Hand Right": "THEME01"}


def create_armature(context: bpy.types.Context, name: str, rest: Array | None = None) -> bpy.types.Object:
    """Add an armature object at the world's origin, selected and active, and return it.

    ``rest`` (55, 3) rest joints in SMPL-X model space, metres (default: our own skeleton). Needs Object Mode. RigError
    where two joints that form a bone lie on one spot.
    """
    joints = np.array(REST if rest is None else rest, dtype=np.float64)
    height = standing_height(joints)
    heads = (joints + np.array([0.0, height, 0.0])) @ SMPLX_TO_BLENDER.T
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    context.collection.objects.link(armature)
    for other in context.selected_objects:
        other.select_set(False)
    context.view_layer.objects.active = armature
    armature.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        _add_bones(data, heads, bone_tails(heads))
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    data[REST_HEIGHT_KEY] = height
    data.display_type = "STICK"
    armature.show_in_front = True
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"
    _sort_into_collections(armature)
    return armature


def bone_tails(heads: Array) -> Array:
    """Tails (55, 3) for heads (55, 3) in Blender space: towards the child joint, chain ends straight on."""
    tails = np.empty_like(heads)
    for joint in range(len(heads)):
        children = [child for child, parent in enumerate(PARENTS) if parent == joint]
        if joint in END_TAIL:
            tails[joint] = heads[joint] + END_TAIL[joint]
        elif children:
            tails[joint] = heads[TAIL_JOINT.get(joint, children[0])]
        else:
            tails[joint] = heads[joint] + FINGERTIP * (heads[joint] - heads[PARENTS[joint]])
    short = np.linalg.norm(tails - heads, axis=-1) < 1e-4
    if short.any():
        raise RigError(f"The rest pose has no distance between {JOINTS[int(np.argmax(short))]} and its child joint")
    return tails


def _add_bones(data: bpy.types.Armature, heads: Array, tails: Array) -> None:
    root = data.edit_bones.new(ROOT_BONE)
    root.head, root.tail = (0.0, 0.0, 0.0), (0.0, ROOT_LENGTH, 0.0)
    bones: list[bpy.types.EditBone] = []
    for joint, joint_name in enumerate(JOINTS):
        bone = data.edit_bones.new(joint_name)
        bone.head, bone.tail = heads[joint], tails[joint]
        bone.parent = root if joint == PELVIS else bones[PARENTS[joint]]
        bone.use_connect = False
        bone.align_roll(Vector(UP if joint in Z_UP else FRONT))
        bones.append(bone)


def _sort_into_collections(armature: bpy.types.Object) -> None:
    data = armature.data
    root = data.collections.new("Root")
    root.assign(data.bones[ROOT_BONE])
    data.bones[ROOT_BONE].color.palette = "THEME13"
    for title, joints in COLLECTIONS.items():
        collection = data.collections.new(title)
        for joint in joints:
            bone = data.bones[JOINTS[joint]]
            collection.assign(bone)
            bone.color.palette = THEMES[title]
