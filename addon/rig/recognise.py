"""Find the SMPL-X joints in an armature: our own, those of the public SMPL-X add-ons, and their FBX exports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise, permutations, product

import bpy
import numpy as np

from .character import face_keys, keyable_faces
from .convert import Array
from .rig_map import RigError, RigMap
from .skeleton import JAW, JOINTS, LEFT_EYE, PARENTS, PELVIS, REST, RIGHT_EYE, TOE_HEIGHT, TOES, standing_height

OPTIONAL = frozenset((JAW, LEFT_EYE, RIGHT_EYE))
REST_HEIGHT_KEY = "cospeech_rest_height"  # on our own armature data: how far its rest stands above model space
LEG = (1, 4, 7)  # SMPL-X joints: hip, knee, ankle
FLOOR_TOLERANCE = 0.06  # m, by eye
STRAIGHT_COSINE = 0.9  # 26 degrees, by eye: from T-pose to what is none
UPRIGHT_COSINE = 0.999  # 2.6 degrees, by eye: an object that stands
_SIDE = {"l": "left_", "r": "right_"}
_ALIASES = {"left_eye": "left_eye_smplhf", "right_eye": "right_eye_smplhf"}


def recognise(armature: bpy.types.Object) -> RigMap:
    """The RigMap of an armature object. RigError says what is missing or in the way."""
    if armature is None or armature.type != "ARMATURE":
        raise RigError("Choose an armature as the character")
    found = joint_bones(armature.data.bones.keys())
    missing = [name for joint, name in enumerate(JOINTS) if name not in found and joint not in OPTIONAL]
    if missing:
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        raise RigError(f"'{armature.name}' lacks the SMPL-X bones {shown}; use Add Character or an SMPL-X armature")
    bones = tuple(found.get(name, "") for name in JOINTS)
    _check_tree(armature, bones)
    heads, basis = _rest(armature, bones)
    unit = _unit(heads)
    axes = _axes(armature, heads)
    model = heads @ axes / unit
    height, lift = _rest_height(armature, model, axes)
    model[:, 1] -= height
    for joint in (j for j, bone in enumerate(bones) if not bone):
        model[joint] = model[PARENTS[joint]] + REST[joint] - REST[PARENTS[joint]]
    parent = armature.data.bones[bones[PELVIS]].parent
    return RigMap(bones, parent.name if parent else "", model, basis, heads[PELVIS], axes, unit, lift)


def joint_bones(names: list[str]) -> dict[str, str]:
    """SMPL-X joint name -> bone name, for the spellings in use.

    Known: the model's own names, a prefix before all of them ("f_avg_", "rig:"), L_Hip and lindex0 for left_hip and
    left_index1, and eyes without their suffix.
    """
    pelvis = sorted((name for name in names if name.lower().endswith("pelvis")), key=len)
    if not pelvis:
        return {}
    prefix = pelvis[0][: -len("pelvis")]
    found: dict[str, str] = {}
    for name in names:
        if name.startswith(prefix):
            found.setdefault(_joint_name(name[len(prefix) :]), name)
    return {joint: found[joint] for joint in JOINTS if joint in found}


def _joint_name(bone: str) -> str:
    name = bone.lower().replace(".", "_")
    if side := re.fullmatch(r"([lr])_(.+)", name):
        name = _SIDE[side[1]] + side[2]
    elif finger := re.fullmatch(r"([lr])(index|middle|pinky|ring|thumb)([0-2])", name):
        name = f"{_SIDE[finger[1]]}{finger[2]}{int(finger[3]) + 1}"
    return _ALIASES.get(name, name)


def _check_tree(armature: bpy.types.Object, bones: tuple[str, ...]) -> None:
    """Bones between two joints are fine while nobody poses them; another order is not an SMPL-X rig."""
    joint_of = {bone: joint for joint, bone in enumerate(bones) if bone}
    for joint, name in enumerate(bones):
        if not name:
            continue
        bone = armature.data.bones[name]
        above = next((joint_of[b.name] for b in bone.parent_recursive if b.name in joint_of), -1)
        if above != PARENTS[joint]:
            wanted = JOINTS[PARENTS[joint]] if joint else "nothing"
            raise RigError(
                f"Bone '{name}' of '{armature.name}' should hang under {wanted}; this is not an SMPL-X armature"
            )
        if not bone.use_inherit_rotation:
            raise RigError(f"Bone '{name}' of '{armature.name}' does not inherit rotation; switch Inherit Rotation on")
    if armature.data.bones[bones[PELVIS]].use_connect:
        raise RigError(f"The pelvis bone of '{armature.name}' is connected to its parent; disconnect it in Edit Mode")


def _rest(armature: bpy.types.Object, bones: tuple[str, ...]) -> tuple[Array, Array]:
    """Rest heads (55, 3) and orientations (55, 3, 3) in armature space; zeros and identity where there is no bone."""
    heads, basis = np.zeros((len(bones), 3)), np.tile(np.eye(3), (len(bones), 1, 1))
    for joint, name in enumerate(bones):
        if name:
            matrix = np.array(armature.data.bones[name].matrix_local, dtype=np.float64)
            heads[joint], basis[joint] = matrix[:3, 3], matrix[:3, :3]
    left, _, right = np.linalg.svd(basis)  # float32 matrices: the nearest exact rotation
    return heads, left @ right


def _size(heads: Array) -> float:
    return float(sum(np.linalg.norm(heads[b] - heads[a]) for a, b in pairwise(LEG)))


def _unit(heads: Array) -> float:
    """Armature units a metre: 1, or another power of ten where the rig was built in centimetres."""
    ratio = _size(heads) / _size(REST)
    if not ratio > 0.0:
        raise RigError("The armature's legs have no length; choose an SMPL-X armature")
    return float(10.0 ** round(np.log10(ratio)))


def _axes(armature: bpy.types.Object, heads: Array) -> Array:
    """C_a: the rotation by right angles that takes the model's T-pose to the rig's."""
    left, up = heads[16] - heads[17], heads[12] - heads[PELVIS]
    rough = np.stack([left / np.linalg.norm(left), up / np.linalg.norm(up)], axis=-1)
    best = max(_right_angles(), key=lambda turn: float(np.sum(turn[:, :2] * rough)))
    for shoulder, wrist in ((16, 20), (17, 21)):
        arm, rest = heads[wrist] - heads[shoulder], REST[wrist] - REST[shoulder]
        cosine = arm @ (best @ rest) / (np.linalg.norm(arm) * np.linalg.norm(rest))
        if cosine < STRAIGHT_COSINE:
            raise RigError(
                f"The rest pose of '{armature.name}' is not SMPL-X's T-pose; apply the T-pose as its rest pose"
            )
    return best


def _right_angles() -> list[Array]:
    turns = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        matrix = np.zeros((3, 3))
        matrix[list(order), range(3)] = signs
        if np.linalg.det(matrix) > 0:
            turns.append(matrix)
    return turns


def _rest_height(armature: bpy.types.Object, model: Array, axes: Array) -> tuple[float, float]:
    """How far the rest pose stands above model space, where the pelvis lies below the origin, and the object's share.

    A rig whose rest, or whose object, already stands on the floor is brought down by our own standing height, so that
    takes made for our skeleton put its feet on the floor too.
    """
    stored = armature.data.get(REST_HEIGHT_KEY)
    if stored is not None:
        return float(stored), 0.0
    toes = float(model[list(TOES), 1].min())
    if abs(toes - TOE_HEIGHT) < FLOOR_TOLERANCE:
        return standing_height(REST), 0.0
    world = armature.matrix_world
    up = np.array(world.to_3x3().normalized(), dtype=np.float64) @ axes[:, 1]
    lift = float(world.translation.z)
    if up[2] > UPRIGHT_COSINE and abs(toes + lift - TOE_HEIGHT) < FLOOR_TOLERANCE:
        return standing_height(REST), lift
    return 0.0, 0.0


def warnings(armature: bpy.types.Object, rig: RigMap) -> list[str]:
    """Sentences about what keeps keys from showing: Rest Position, constraints, drivers, a face that is linked."""
    names = [name for name in rig.bones if name]
    constrained = [n for n in names if any(not c.mute for c in armature.pose.bones[n].constraints)]
    data = armature.animation_data
    driven = {fcurve.data_path.split('"')[1] for fcurve in data.drivers if '"' in fcurve.data_path} if data else set()
    notes = []
    if armature.data.pose_position == "REST":
        notes.append(f"'{armature.name}' is shown in Rest Position; switch to Pose Position to see the take")
    if constrained:
        notes.append(f"Constraints on {first_names(constrained)} will change what is keyed; mute them to see the take")
    if taken := [name for name in names if name in driven]:
        notes.append(f"Drivers own channels of {first_names(taken)}; those were not keyed")
    if len(keyable_faces(armature)) < len(face_keys(armature)):
        notes.append(
            "The face's shape keys are linked and were not keyed; make a library override of the mesh data too"
        )
    return notes


def first_names(names: Sequence[str]) -> str:
    """Up to three names, and how many more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
