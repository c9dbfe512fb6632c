"""The Blender round trip of a pinned take: the add-on writes keys, F-curves are evaluated back."""

from __future__ import annotations

import bpy
import numpy as np

import addon
from addon import compat
from addon.client.take_file import Take
from addon.rig.character import keyable_faces
from addon.rig.recognise import recognise
from addon.takes.apply import apply_take
from addon.takes.keys import bone_path
from addon.takes.span import take_span
from addon.takes.window import Free, Window, write_window
from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import rotation_error_degrees
from engine.hints.types import Hints, Target
from tests.bench.pin_metrics import changed_bytes_outside, target_residuals

START = 1


def open_scene() -> None:
    """An empty file with the add-on and its character."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    addon.register()
    bpy.ops.cospeech.add_character()


def close_scene() -> None:
    """Unregister, so that no timer keeps the process from leaving."""
    addon.unregister()


def as_take(motion: Motion) -> Take:
    """The add-on's view of a motion."""
    return Take(poses=motion.poses, trans=motion.trans, fps=motion.fps, blendshapes=motion.blendshapes)


def set_rate(fps: float) -> None:
    """The scene's rate; 23.976 as Blender has it: 24 / 1.001."""
    render = bpy.context.scene.render
    whole = round(fps)
    render.fps, render.fps_base = whole, 1.0 if abs(fps - whole) < 1e-6 else whole / fps


def evaluated(armature: bpy.types.Object, frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Poses (N, 55, 3) and trans (N, 3) in float64 of take frames, from the F-curves."""
    rig = recognise(armature)
    channels = compat.current_channels(armature)
    curves = {(curve.data_path, curve.array_index): curve for curve in channels.fcurves}

    def values(bone: str, channel: str, width: int) -> np.ndarray:
        found = [curves[bone_path(bone, channel), index] for index in range(width)]
        return np.array([[curve.evaluate(START + frame) for curve in found] for frame in frames])

    quaternions = np.stack([values(bone, "rotation_quaternion", 4) for bone in rig.bones], axis=1)
    quaternions /= np.linalg.norm(quaternions, axis=-1, keepdims=True)
    location = values(rig.bones[0], "location", 3)
    return rig.poses_from_bones(quaternions), rig.trans_from_location(location)


def round_trip(motion: Motion, hints: Hints) -> tuple[float, list[float], int]:
    """The base is keyed, then the window written over it; evaluated back: the largest error of a pinned rotation in
    degrees, the targets' millimetres, and how many bytes of key values outside the window have changed.
    """
    scene = bpy.context.scene
    armature = scene.cospeech.character
    set_rate(motion.fps)
    apply_take(bpy.context, armature, as_take(hints.base), start_frame=START)
    outside = keys_outside(armature, hints.window)
    first, end = hints.window
    shapes = None if motion.blendshapes is None else motion.blendshapes[first:end]
    window = Window(START + first, motion.poses[first:end], motion.trans[first:end], shapes)
    rig, span = recognise(armature), take_span(scene, armature)
    write_window(armature, rig, span, window, Free(np.ones(55, np.bool_)), {})
    after = keys_outside(armature, hints.window)
    changed = sum(changed_bytes_outside(values, after[name], (0, 0)) for name, values in outside.items())
    pinned = np.flatnonzero(hints.rotation_mask.any(axis=1))
    frames = sorted({*pinned.tolist(), *(target.frame for target in hints.targets)})
    poses, trans = evaluated(armature, frames)
    mask = hints.rotation_mask[frames]
    errors = rotation_error_degrees(poses[mask], hints.rotations[frames][mask])
    points, _ = default_skeleton().with_rest(rig.rest).forward(poses, trans)
    moved = tuple(Target(target.joint, frames.index(target.frame), target.xyz) for target in hints.targets)
    _forget(armature)
    return float(errors.max(initial=0.0)), target_residuals(points, moved).tolist(), changed


def keys_outside(armature: bpy.types.Object, window: tuple[int, int]) -> dict[tuple[str, str, int], np.ndarray]:
    """Frame and value of every key outside the window, by owner, data path and index."""
    found = {}
    for owner in owners(armature):
        channels = compat.current_channels(owner)
        for curve in channels.fcurves if channels is not None else ():
            places = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", places)
            frames = places[0::2] - START
            kept = (frames < window[0]) | (frames >= window[1])
            found[owner.name, curve.data_path, curve.array_index] = places.reshape(-1, 2)[kept]
    return found


def owners(armature: bpy.types.Object) -> list[bpy.types.ID]:
    """The armature and its meshes' shape keys."""
    return [armature, *keyable_faces(armature)]


def _forget(armature: bpy.types.Object) -> None:
    for owner in owners(armature):
        owner.animation_data_clear()
    for action in list(bpy.data.actions):
        bpy.data.actions.remove(action)
