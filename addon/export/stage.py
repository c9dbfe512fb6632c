"""Duplicate a character with one take into a scene of its own, ready for Blender's FBX exporter.

Nothing of the user's is changed: the take is sampled, moved as the options say, and keyed plainly (no constraints, no
drivers, no NLA) on duplicates, which are removed again whatever happens. The duplicates carry the originals' names
while the exporter runs; the originals get theirs back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from ..rig.character import character_meshes
from ..rig.convert import SMPLX_TO_BLENDER, Array
from ..rig.recognise import recognise
from ..rig.rig_map import RigMap
from ..rig.sample import sample_bones, side_scene
from ..rig.skeleton import PELVIS
from ..takes.read import shape_values
from ..takes.slots import owner_channels
from ..takes.stack import visible_take
from .doubles import (
    Double,
    borrowed_names,
    duplicate,
    played_shapes,
    rebuild_armature,
    rebuild_mesh,
    removed_afterwards,
)
from .presets import Preset
from .root_motion import move_root

# Hz: FBX knows NTSC rates by a mode, and readers take the rounded number for it: keys at multiples of 1001/24000 s
# would drift off the frames by one in a million. At the rounded rate every key lies on its frame.
NTSC_RATES = {24: 23.976, 30: 29.97, 60: 59.94, 120: 119.88}

FLAT = 1e-18  # volume of a millionth of full scale, by eye


class ExportError(Exception):
    """The take can't be exported; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class StageOptions:
    """``root_motion`` ROOT, PELVIS or IN_PLACE; ``at_origin`` leaves the character's place in the scene out;
    ``from_zero`` moves the take's first frame to 0; ``meshes`` takes the character's meshes along.
    """

    preset: Preset
    root_motion: str
    at_origin: bool = True
    from_zero: bool = False
    meshes: bool = True


@dataclass(frozen=True, eq=False)
class Placement:
    """``data`` (4, 4) goes onto rest bones and vertices, ``world`` (4, 4) is the duplicate's object matrix."""

    data: Array
    world: Array


@contextmanager
def staged(context: bpy.types.Context, armature: bpy.types.Object, options: StageOptions) -> Iterator[bpy.types.Scene]:
    """A scene that holds the duplicate, with the take's range as its own. ExportError, RigError: what is missing."""
    rig = recognise(armature)
    action = visible_take(armature)
    channels = owner_channels(armature, action) if action is not None else None
    if channels is None or not len(channels.fcurves):
        raise ExportError(f"'{armature.name}' has no take; generate or load one first")
    if options.root_motion == "ROOT" and not rig.root_bone:
        raise ExportError(f"'{armature.name}' has no bone above the pelvis; choose Pelvis or In Place as root motion")
    start, end = round(channels.action.frame_range[0]), round(channels.action.frame_range[1])
    shift = -start if options.from_zero else 0
    with ExitStack() as stack:
        trash = stack.enter_context(removed_afterwards())
        body = duplicate(armature, trash)
        with side_scene(context, "Cospeech sampling", [body.copy]) as probe:
            poses, worlds = sample_bones(probe, body.copy, range(start, end + 1))
        scene = stack.enter_context(side_scene(context, channels.action.name, [body.copy], followed=False))
        if not np.abs(np.linalg.det(worlds[:, :3, :3])).min() > FLAT:
            raise ExportError(f"'{armature.name}' is scaled to nothing; give it a scale and apply it")
        poses = np.linalg.inv(worlds[0]) @ worlds[:, None] @ poses  # the object's own motion goes into the bones
        poses = _move_root(body.copy, rig, poses, options.root_motion)
        place = placement(rig, worlds[0], options)
        plain = bpy.data.actions.new(channels.action.name)
        trash.append(plain)
        rebuild_armature(body.copy, rig, poses, place.data, place.world, plain, start + shift)
        still = bpy.data.collections.new("Cospeech export")
        trash.append(still)
        scene.collection.children.link(still)
        doubles, shapes = [body], {}
        for mesh in character_meshes(armature) if options.meshes else ():
            double = duplicate(mesh, trash)
            keys = double.copy.data.shape_keys
            if keys is not None:
                shapes[keys] = shape_values(context, double.copy, range(start, end + 1))
            is_skin = rebuild_mesh(double, body, place.data)
            (still if is_skin else scene.collection).objects.link(double.copy)
            doubles.append(double)
        still.hide_viewport = True  # its objects are in the scene, but not evaluated
        scene.frame_start, scene.frame_end = start + shift, end + shift
        if scene.render.fps in NTSC_RATES and abs(scene.render.fps_base - 1.001) < 1e-5:
            scene.render.fps_base = scene.render.fps / NTSC_RATES[scene.render.fps]
        scene.unit_settings.scale_length = context.scene.unit_settings.scale_length / options.preset.units
        stack.enter_context(played_shapes(scene, shapes))
        stack.enter_context(_names(doubles, options.preset))
        yield scene


def placement(rig: RigMap, world: Array, options: StageOptions) -> Placement:
    """Where the duplicate stands and how its data are turned and scaled, so that its node in the file is plain.

    For Y-up files the data are turned into model axes and the object carries C, which the exporter's own change of
    axes takes off again; for Z-up files the data are upright and the object carries no turn.
    """
    scale = float(np.cbrt(abs(np.linalg.det(world[:3, :3]))))
    rotation = world[:3, :3] / scale
    turned = SMPLX_TO_BLENDER if options.preset.y_up else np.eye(3)
    data, target = np.eye(4), np.eye(4)
    data[:3, :3] = scale * options.preset.units * (turned.T @ SMPLX_TO_BLENDER @ rig.axes.T)
    if options.at_origin:
        target[2, 3] = rig.lift * options.preset.units
        target[:3, :3] = turned
    else:
        target[:3, 3] = world[:3, 3] * options.preset.units
        target[:3, :3] = rotation @ rig.axes @ SMPLX_TO_BLENDER.T @ turned
    return Placement(data, target)


def _move_root(armature: bpy.types.Object, rig: RigMap, poses: Array, mode: str) -> Array:
    names = [bone.name for bone in armature.pose.bones]
    bones = armature.data.bones
    pelvis = rig.bones[PELVIS]
    below = np.array([name == pelvis or bones[pelvis] in bones[name].parent_recursive for name in names])
    rest = np.array([bones[name].matrix_local for name in names], dtype=np.float64)
    root = names.index(rig.root_bone) if rig.root_bone else -1
    return move_root(poses, mode, root, names.index(pelvis), below, rest, rig.axes[:, 1])


@contextmanager
def _names(doubles: list[Double], preset: Preset) -> Iterator[None]:
    wanted: list[tuple[bpy.types.ID, str]] = [(double.copy, double.original.name) for double in doubles]
    if preset.armature_name:
        wanted[0] = (wanted[0][0], preset.armature_name)
    wanted += [(double.copy.data, double.original.data.name) for double in doubles]
    with borrowed_names(wanted):
        yield
