"""Evaluate a character over a range of frames without touching the user's scene.

A side scene of the same rate holds what is to be evaluated; it has a dependency graph of its own, so the user's
current frame, selection and poses stay as they are. It is removed again whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from .convert import Array


@contextmanager
def side_scene(
    context: bpy.types.Context, name: str, objects: Iterable[bpy.types.Object], *, followed: bool = True
) -> Iterator[bpy.types.Scene]:
    """A temporary scene with the current scene's rate and units that holds ``objects``.

    Blender does not evaluate what is hidden, or keyed as hidden, unless something visible depends on it; so, where
    ``followed``, each armature gets a skin, of no vertices, that does.
    """
    current = context.scene
    scene = bpy.data.scenes.new(name)
    followers: list[bpy.types.ID] = []
    try:
        scene.render.fps, scene.render.fps_base = current.render.fps, current.render.fps_base
        scene.unit_settings.system = current.unit_settings.system
        scene.unit_settings.scale_length = current.unit_settings.scale_length
        for obj in objects:
            scene.collection.objects.link(obj)
            if followed and obj.type == "ARMATURE":
                followers += _follower(scene, obj)
        yield scene
    finally:
        bpy.data.scenes.remove(scene)
        bpy.data.batch_remove(followers)


def _follower(scene: bpy.types.Scene, armature: bpy.types.Object) -> list[bpy.types.ID]:
    mesh = bpy.data.meshes.new(scene.name)
    follower = bpy.data.objects.new(scene.name, mesh)
    for bone in armature.data.bones:  # only what a vertex group names is evaluated
        follower.vertex_groups.new(name=bone.name)
    modifier: Any = follower.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    scene.collection.objects.link(follower)
    return [follower, mesh]


def sample_bones(scene: bpy.types.Scene, armature: bpy.types.Object, frames: Sequence[int]) -> tuple[Array, Array]:
    """Armature-space pose matrices (T, bones, 4, 4), in the order of ``armature.pose.bones``, and the armature
    object's world matrices (T, 4, 4).
    """
    count = len(armature.pose.bones)
    flat = np.empty((len(frames), count * 16), np.float32)
    worlds = np.empty((len(frames), 4, 4))
    layer = scene.view_layers[0]
    for index, frame in enumerate(frames):
        scene.frame_set(frame)
        evaluated = armature.evaluated_get(layer.depsgraph)
        evaluated.pose.bones.foreach_get("matrix", flat[index])
        worlds[index] = evaluated.matrix_world
    return np.swapaxes(flat.reshape(len(frames), count, 4, 4), -1, -2).astype(np.float64), worlds


def sample_shapes(scene: bpy.types.Scene, mesh: bpy.types.Object, frames: Sequence[int]) -> Array:
    """Evaluated shape key values (T, keys), in the order of the mesh's key blocks."""
    out = np.empty((len(frames), len(mesh.data.shape_keys.key_blocks)), np.float32)
    layer = scene.view_layers[0]
    for row, frame in zip(out, frames, strict=True):
        scene.frame_set(frame)
        mesh.evaluated_get(layer.depsgraph).data.shape_keys.key_blocks.foreach_get("value", row)
    return out.astype(np.float64)


def rotations(matrices: Array) -> Array:
    """Rotation part (..., 3, 3) of (..., 4, 4) matrices, scale removed."""
    linear = matrices[..., :3, :3]
    return linear / np.linalg.norm(linear, axis=-2, keepdims=True)
