"""Clips, rigs and looks at the scene that several add-on tests need."""

from __future__ import annotations

import hashlib

import bpy
import numpy as np
from scipy.spatial.transform import Rotation

from addon.client.take_file import Take, arkit_names
from addon.compat import BLENDER_5
from addon.rig.armature import create_armature
from addon.rig.convert import SMPLX_TO_BLENDER
from addon.takes.apply import apply_take
from addon.takes.span import take_span
from engine.body.skeleton import Skeleton, default_skeleton
from tests.support.collected import collect

PLAN = {
    "seed": 7,
    "words": [["Hello", 0.1, 0.5], ["there", 0.5, 0.9]],
    "phrases": [
        {"apex": 0.25, "lexeme": "greet", "semantic": True},
        {"apex": 0.75, "lexeme": "beat", "semantic": False},
    ],
}


def wild_take(frames: int, fps: float, seed: int = 0) -> Take:
    """Every joint at any rotation, zero and tiny ones included, a far travelling root, all shapes moving."""
    rng = np.random.default_rng(seed)
    poses = Rotation.random(frames * 55, random_state=seed).as_rotvec().reshape(frames, 55, 3)
    poses[0] = 0.0
    poses[1 % frames] *= 1e-9
    return Take(
        poses=poses.astype(np.float32),
        trans=rng.normal(size=(frames, 3)).astype(np.float32),
        fps=fps,
        blendshapes=rng.random((frames, 52), dtype=np.float32),
        plan=PLAN,
        provenance={"audio": "/somewhere/line one.wav", "seed": 7},
    )


def lively_take(frames: int, fps: float, seed: int = 0) -> Take:
    """Smooth motion as quick as a gesture: every joint, the root and all shapes, at about one cycle a second."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(frames)[:, None] / fps

    def waves(width: int, size: float) -> np.ndarray:
        pace, phase = rng.uniform(0.3, 1.5, width), rng.uniform(0.0, 6.3, width)
        return size * np.sin(2.0 * np.pi * pace * seconds + phase)

    trans = waves(3, 0.3) + np.array([0.0, default_skeleton().standing_height, 0.0])
    return Take(
        poses=waves(165, 0.5).reshape(frames, 55, 3).astype(np.float32),
        trans=trans.astype(np.float32),
        fps=fps,
        blendshapes=(0.5 + waves(52, 0.5)).astype(np.float32),
        plan=PLAN,
        provenance={"audio": "line.wav", "seed": 7},
    )


def expected_joints(take: Take, skeleton: Skeleton | None = None) -> np.ndarray:
    """Forward kinematics of the engine in Blender's axes, (T, 55, 3)."""
    points, _ = (skeleton or default_skeleton()).forward(take.poses, take.trans)
    return points @ SMPLX_TO_BLENDER.T


def seen_joints(armature: bpy.types.Object, bones: list[str], frames: range) -> np.ndarray:
    """World positions of bone heads on scene frames, (T, bones, 3)."""
    out = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        world = armature.matrix_world
        out.append([world @ armature.pose.bones[bone].head for bone in bones])
    return np.array(out)


def lively_character(scene: bpy.types.Scene, frames: int, start: int, mode: str = "QUATERNION") -> bpy.types.Object:
    """The scene's character Mia with a face, all bones in a rotation mode, and a lively take from ``start`` on."""
    armature = create_armature(bpy.context, "Mia")
    add_face(armature)
    for bone in armature.pose.bones:
        bone.rotation_mode = mode
    scene.cospeech.character = armature
    apply_take(bpy.context, armature, lively_take(frames, 24.0), start_frame=start)
    return armature


def add_face(armature: bpy.types.Object) -> bpy.types.Object:
    """A small mesh skinned to the head with all 52 ARKit shapes, much quicker than the mannequin."""
    head = armature.data.bones["head"].matrix_local.translation
    data = bpy.data.meshes.new("Face")
    data.from_pydata([head, (head.x + 0.1, head.y, head.z), (head.x, head.y, head.z + 0.1)], [], [(0, 1, 2)])
    mesh = bpy.data.objects.new("Face", data)
    armature.users_collection[0].objects.link(mesh)
    mesh.parent = armature
    mesh.shape_key_add(name="Basis", from_mix=False)
    for number, name in enumerate(arkit_names()):
        mesh.shape_key_add(name=name, from_mix=False).data[0].co.z += 0.01 * (number + 1)
    mesh.vertex_groups.new(name="head").add([0, 1, 2], 1.0, "REPLACE")
    mesh.modifiers.new("Armature", "ARMATURE").object = armature
    return mesh


def pose(armature: bpy.types.Object, *bones: str) -> None:
    """Pose Mode, with these bones selected."""
    bpy.context.view_layer.objects.active = armature
    if armature.mode != "POSE":
        bpy.ops.object.mode_set(mode="POSE")
    for bone in armature.pose.bones if BLENDER_5 else armature.data.bones:
        bone.select = bone.name in bones


def snapshot() -> dict[str, object]:
    """Everything an operation must leave alone: names of all data-blocks, selection, mode, frame, ranges, Actions."""
    scene = bpy.context.scene
    view = bpy.context.view_layer
    view.update()  # what is still to be evaluated would look like a change
    tables = ("actions", "armatures", "collections", "materials", "meshes", "objects", "scenes", "shape_keys")
    look: dict[str, object] = {table: [block.name for block in getattr(bpy.data, table)] for table in tables}
    look["users"] = [(block.name, block.users) for table in tables for block in getattr(bpy.data, table)]
    look["scene"] = (scene.name, scene.frame_current, scene.frame_subframe, scene.frame_start, scene.frame_end)
    look["rate"] = (scene.render.fps, scene.render.fps_base, scene.unit_settings.scale_length)
    look["view"] = (
        bpy.context.mode,
        view.objects.active.name if view.objects.active else None,
        sorted(obj.name for obj in bpy.context.selected_objects),
    )
    look["actions in full"] = {action.name: action_hash(action) for action in bpy.data.actions}
    look["animation"] = [_animation(obj) for obj in bpy.data.objects]
    look["poses"] = {
        obj.name: [tuple(tuple(row) for row in bone.matrix_basis) for bone in obj.pose.bones]
        for obj in bpy.data.objects
        if obj.type == "ARMATURE"
    }
    look["shapes"] = {key.name: [block.value for block in key.key_blocks] for key in bpy.data.shape_keys}
    return look


def _animation(obj: bpy.types.Object) -> tuple[object, ...]:
    data = obj.animation_data
    if data is None:
        return (obj.name,)
    tracks = [(track.name, track.mute, [strip.name for strip in track.strips]) for track in data.nla_tracks]
    return (obj.name, data.action.name if data.action else None, data.use_nla, tracks)


def curves_of(action: bpy.types.Action) -> dict[tuple[str, str, int], object]:
    """All F-curves by slot, path and index."""
    return {
        (bag.slot.identifier, curve.data_path, curve.array_index): curve
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    }


def curve(action: bpy.types.Action, path: str, index: int = 0) -> bpy.types.FCurve:
    """The F-curve of a path and index, in whatever slot."""
    return next(c for (_, p, i), c in curves_of(action).items() if (p, i) == (path, index))


def key_at(fcurve: bpy.types.FCurve, frame: float) -> bpy.types.Keyframe | None:
    """The key on a frame."""
    return next((point for point in fcurve.keyframe_points if abs(point.co[0] - frame) < 1e-4), None)


def found(armature: bpy.types.Object):
    """Pins and edits of the character's take, as the add-on collects them."""
    return collect(bpy.context, armature, take_span(bpy.context.scene, armature))


def key_values(curve: object, field: str = "co") -> np.ndarray:
    """A field of all keys: ``co`` as (T, 2)."""
    count = len(curve.keyframe_points)
    values = np.empty(count * 2 if field == "co" else count, np.float32 if field == "co" else np.int32)
    curve.keyframe_points.foreach_get(field, values)
    return values.reshape(count, 2) if field == "co" else values


def action_hash(action: bpy.types.Action) -> str:
    """A hash over all keys of an Action."""
    digest = hashlib.sha256()
    for name, curve in sorted(curves_of(action).items()):
        digest.update(repr(name).encode())
        digest.update(key_values(curve).tobytes())
    return digest.hexdigest()
