"""Read a character's performance back from the scene into a take."""

from __future__ import annotations

import bpy
import numpy as np

from .. import compat
from ..client.take_file import Take, arkit_names
from ..rig.character import face_meshes, face_shapes
from ..rig.convert import Array
from ..rig.recognise import recognise
from ..rig.rig_map import RigError
from ..rig.sample import rotations, sample_bones, sample_shapes, side_scene
from ..rig.skeleton import PELVIS
from ..scene import scene_rate
from .apply import take_meta
from .keys import shape_path
from .stack import visible_take


def read_performance(context: bpy.types.Context, armature: bpy.types.Object, first: int, last: int) -> Take:
    """What the character does on frames ``first``..``last`` at the scene's rate, as it is seen.

    Constraints, NLA and the animator's own keys are included; the place of the object in the scene is not. The plan
    is kept where the range begins with the take. RigError says why an armature can't be read.
    """
    rig = recognise(armature)
    if armature.data.pose_position == "REST" or armature.mode == "EDIT":
        raise RigError(f"'{armature.name}' shows its rest pose; leave Edit Mode and choose Pose Position to read it")
    frames = range(first, last + 1)
    names = [bone.name for bone in armature.pose.bones]
    index = [names.index(bone) if bone else names.index(rig.bones[PELVIS]) for bone in rig.bones]
    with side_scene(context, "Cospeech read", [armature]) as scene:
        matrices, _ = sample_bones(scene, armature, frames)
    joints = matrices[:, index]
    meta = take_meta(visible_take(armature))
    return Take(
        poses=rig.poses_from_matrices(rotations(joints)).astype(np.float32),
        trans=rig.trans_from_heads(joints[:, PELVIS, :3, 3]).astype(np.float32),
        fps=scene_rate(context.scene),
        blendshapes=_face(context, armature, frames),
        plan=meta.data.get("plan") if meta.start == first else None,
        provenance=meta.data.get("provenance"),
    )


def take_range(context: bpy.types.Context, armature: bpy.types.Object) -> tuple[int, int]:
    """First and last frame of the active Action, else of the scene."""
    action = visible_take(armature)
    if action is not None:
        return round(action.frame_range[0]), round(action.frame_range[1])
    return context.scene.frame_start, context.scene.frame_end


def _face(context: bpy.types.Context, armature: bpy.types.Object, frames: range) -> np.ndarray | None:
    out: np.ndarray | None = None
    wanted = face_shapes(armature)
    meshes = {mesh.data.shape_keys: mesh for mesh in reversed(face_meshes(armature))}
    for key, names in reversed(wanted.items()):  # where several meshes have a shape, the first one's value counts
        mesh = meshes[key]
        values = shape_values(context, mesh, frames)
        out = np.zeros((len(frames), len(arkit_names())), np.float32) if out is None else out
        for column, name in enumerate(arkit_names()):
            position = key.key_blocks.find(names.get(name, ""))
            if position >= 0:
                out[:, column] = values[:, position]
    return out


def shape_values(context: bpy.types.Context, mesh: bpy.types.Object, frames: range) -> Array:
    """Shape key values (T, blocks) of a mesh, as animated.

    Reading the curves is far faster than evaluating the mesh, which is done only for drivers and NLA.
    """
    key = mesh.data.shape_keys
    data = key.animation_data
    layered = data is not None and (
        len(data.drivers) or (data.use_nla and any(not track.mute for track in data.nla_tracks))
    )
    if layered:
        with side_scene(context, "Cospeech read", [mesh]) as scene:
            return sample_shapes(scene, mesh, frames)
    values = np.tile(np.array([block.value for block in key.key_blocks]), (len(frames), 1))
    current = compat.current_channels(key)
    curves = {curve.data_path: curve for curve in current.fcurves} if current is not None else {}
    for column, block in enumerate(key.key_blocks):
        curve = curves.get(shape_path(block.name))
        if curve is not None:
            values[:, column] = [curve.evaluate(frame) for frame in frames]
    return values
