"""The duplicates that are exported: made, rebuilt with plain keys, named as the originals, and removed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from ..rig.convert import Array, continuous, matrix_to_quaternion
from ..rig.rig_map import RigMap
from ..takes.keys import Curve, bone_path, write_curves

MOVES = 1e-7  # in the armature's unit, by eye: less is single precision
SCALES = 1e-4  # no unit, by eye: less is single precision


@dataclass(frozen=True)
class Double:
    """An object and its duplicate, which has data of its own."""

    original: bpy.types.Object
    copy: bpy.types.Object


@contextmanager
def removed_afterwards() -> Iterator[list[bpy.types.ID]]:
    """A list whose data-blocks are removed at the end."""
    trash: list[bpy.types.ID] = []
    try:
        yield trash
    finally:
        bpy.data.batch_remove(trash)


def duplicate(original: bpy.types.Object, trash: list[bpy.types.ID]) -> Double:
    """A local duplicate with its own data and animation data, without NLA."""
    copy = original.copy()
    trash.append(copy)
    copy.data = original.data.copy()
    trash.append(copy.data)
    copy.hide_viewport = False
    if isinstance(copy.data, bpy.types.Armature):
        copy.data.pose_position = "POSE"
    keys = getattr(copy.data, "shape_keys", None)
    for owner in (copy, keys):
        if owner is not None and owner.animation_data is not None:
            owner.animation_data.use_nla = False
    return Double(original, copy)


def rebuild_armature(
    armature: bpy.types.Object,
    rig: RigMap,
    poses: Array,
    data: Array,
    world: Array,
    action: bpy.types.Action,
    first_frame: int,
) -> None:
    """Turn and scale the rest bones by ``data`` (4, 4), and key ``poses`` (T, bones, 4, 4) plainly on them."""
    armature.animation_data_clear()
    armature.parent = None
    for constraint in list(armature.constraints):
        armature.constraints.remove(constraint)
    armature.data.transform(Matrix(data.tolist()))
    armature.matrix_world = Matrix(world.tolist())
    for bone in armature.pose.bones:
        for constraint in list(bone.constraints):
            bone.constraints.remove(constraint)
        bone.rotation_mode = "QUATERNION"
        bone.matrix_basis = Matrix()
        bone.custom_shape = None
    kept = {*rig.bones, rig.root_bone}
    for rest in armature.data.bones:
        rest.use_inherit_rotation, rest.use_local_location, rest.inherit_scale = True, True, "FULL"
        rest.use_deform = rest.use_deform or rest.name in kept
    channels = compat.add_channels(action, armature)
    write_curves(channels, _plain_curves(armature, turned(poses, data)), first_frame)
    compat.assign(armature, action, channels.slot)


def turned(matrices: Array, data: Array) -> Array:
    """Pose matrices (..., 4, 4) for rest bones that were transformed by ``data``, a rotation times a scale."""
    scale = float(np.cbrt(np.linalg.det(data[:3, :3])))
    out = matrices.copy()
    out[..., :3, :3] = (data[:3, :3] / scale) @ matrices[..., :3, :3]
    out[..., :3, 3] = matrices[..., :3, 3] @ data[:3, :3].T
    return out


def _plain_curves(armature: bpy.types.Object, poses: Array) -> Iterator[Curve]:
    """Location, rotation and scale channels that give these armature-space matrices (T, bones, 4, 4)."""
    names = [bone.name for bone in armature.pose.bones]
    rest = {name: np.array(armature.data.bones[name].matrix_local, dtype=np.float64) for name in names}
    for index, name in enumerate(names):
        parent = armature.data.bones[name].parent
        if parent is None:
            space = rest[name]
        else:
            space = poses[:, names.index(parent.name)] @ (np.linalg.inv(rest[parent.name]) @ rest[name])
        basis = np.linalg.inv(space) @ poses[:, index]
        scale = np.linalg.norm(basis[:, :3, :3], axis=-2)
        rotation = continuous(matrix_to_quaternion(basis[:, :3, :3] / scale[:, None]))
        yield from _columns(bone_path(name, "rotation_quaternion"), name, rotation)
        if np.abs(basis[:, :3, 3]).max() > MOVES:
            yield from _columns(bone_path(name, "location"), name, basis[:, :3, 3])
        if np.abs(scale - 1.0).max() > SCALES:
            yield from _columns(bone_path(name, "scale"), name, scale)


def _columns(path: str, group: str, values: Array) -> Iterator[Curve]:
    for index, column in enumerate(values.T):
        yield Curve(path, index, group, column)


def rebuild_mesh(double: Double, body: Double, data: Array) -> bool:
    """Bring the mesh into the turned armature's space and bind it to the duplicate.

    Returns whether the mesh is a skin, which can stay out of evaluation while the exporter runs through the frames: it
    reads the binding, and the shape keys' values, from the data. A mesh that hangs from a bone moves with it.
    """
    mesh, original = double.copy, double.original
    shape: Any = mesh.data
    for modifier in mesh.modifiers:
        if isinstance(modifier, bpy.types.ArmatureModifier) and modifier.object == body.original:
            modifier.object = body.copy
    mesh.show_only_shape_key = False
    if original.parent == body.original and original.parent_type == "BONE":
        scale = float(np.cbrt(np.linalg.det(data[:3, :3])))
        mesh.parent = body.copy
        shape.transform(Matrix.Scale(scale, 4), shape_keys=True)
        mesh.location *= scale
        mesh.matrix_parent_inverse.translation *= scale
        return False
    local = Matrix(data.tolist()) @ body.original.matrix_world.inverted() @ original.matrix_world
    shape.transform(local, shape_keys=True)
    if local.determinant() < 0.0:
        shape.flip_normals()
    mesh.parent, mesh.parent_type = body.copy, "OBJECT"
    mesh.matrix_parent_inverse = Matrix()
    mesh.matrix_world = body.copy.matrix_world
    return True


@contextmanager
def played_shapes(scene: bpy.types.Scene, values: dict[bpy.types.Key, Array]) -> Iterator[None]:
    """While the scene moves from frame to frame, shape keys take their ``values`` (T, blocks), the scene's range.

    Evaluating a face of 20 000 vertices and 52 shapes takes 15 ms a frame; setting the values that the exporter
    reads takes none.
    """
    name, start = scene.name, scene.frame_start

    def play(changed: bpy.types.Scene, *_: object) -> None:
        if changed.name != name:
            return
        for key, rows in values.items():
            row = rows[min(max(changed.frame_current - start, 0), len(rows) - 1)]
            key.key_blocks.foreach_set("value", row)

    for key in values:
        key.animation_data_clear()
        for block in key.key_blocks:
            block.slider_min = min(block.slider_min, -10.0)  # a value outside its slider would be cut
            block.slider_max = max(block.slider_max, 10.0)
    bpy.app.handlers.frame_change_post.append(play)
    try:
        yield
    finally:
        bpy.app.handlers.frame_change_post.remove(play)


@contextmanager
def borrowed_names(wanted: Sequence[tuple[bpy.types.ID, str]]) -> Iterator[None]:
    """Each data-block carries the given name meanwhile; local ones that own the name get it back afterwards."""
    lent: list[tuple[bpy.types.ID, str]] = []
    try:
        for block, name in wanted:
            owner = _siblings(block).get((name, None))
            if owner is not None and owner != block:
                lent.append((owner, name))
                owner.name = f"{name[:40]} (lent)"
            block.name = name
        yield
    finally:
        for block, _ in wanted:
            block.name = "Cospeech export"
        for owner, name in reversed(lent):
            owner.name = name


def _siblings(block: bpy.types.ID) -> Any:
    tables: dict[str, Any] = {"OBJECT": bpy.data.objects, "MESH": bpy.data.meshes, "ARMATURE": bpy.data.armatures}
    return tables[block.id_type]
