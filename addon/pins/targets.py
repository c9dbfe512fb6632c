"""Target pins: where a wrist, an ankle or the head's look shall be, taken from objects of the scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..rig.convert import Array
from ..rig.rig_map import RigMap
from ..rig.sample import side_scene
from ..scene import targets_of
from ..takes.span import TakeSpan

SCENE = "Cospeech targets"


@dataclass(frozen=True)
class Targets:
    """``entries``: joint, frame, xyz, tolerance_m as in the hints; ``count`` of targets used; ``notes``: sentences."""

    entries: tuple[dict[str, Any], ...] = ()
    count: int = 0
    notes: tuple[str, ...] = ()


def sample_targets(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    rig: RigMap,
    span: TakeSpan,
    within: tuple[int, int] | None = None,
) -> Targets:
    """Where the character's targets are on the frames of the take, in model space: metres, Y up, facing +Z.

    Only scene frames ``within`` (first, end), where given, are looked at. Objects are evaluated with their parents,
    constraints and animation in a scene beside the user's. What can't be used is left out with a note: no object, an
    object that hangs from the character, frames outside the take.
    """
    usable, notes = [], []
    for target in targets_of(armature):
        if not target.enabled:
            continue
        reason = blocker(target, armature, span)
        if reason:
            notes.append(reason)
        else:
            usable.append(target)
    if not usable:
        return Targets(notes=tuple(notes))
    first, end = within or (span.start, span.end)
    reach = [range(max(_frames(t, span).start, first), min(_frames(t, span).stop, end)) for t in usable]
    found: dict[tuple[str, int], dict[str, Any]] = {}
    followed = [(armature, rig.root_bone), *((target.object, target.bone) for target in usable)]
    with side_scene(context, SCENE, []) as scene, _markers(scene, followed) as (base, *markers):
        for frame in sorted(set().union(*reach)):
            scene.frame_set(frame)
            graph = scene.view_layers[0].depsgraph
            to_model = to_model_space(base.evaluated_get(graph).matrix_world, armature, rig)
            for target, marker, frames in zip(usable, markers, reach, strict=True):
                if frame in frames:
                    world = np.array(marker.evaluated_get(graph).matrix_world @ Vector(target.offset))
                    found[target.joint, frame] = {  # of two targets of a joint the last one holds
                        "joint": target.joint,
                        "frame": frame - span.start,
                        "xyz": [float(value) for value in to_model @ np.append(world, 1.0)],
                        "tolerance_m": float(target.tolerance),
                    }
    return Targets(tuple(found.values()), len(usable), tuple(notes))


def sample_places(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    rig: RigMap,
    frame: int,
    followed: Sequence[tuple[bpy.types.Object, str]] = (),
) -> tuple[Array, Array]:
    """The way from world to model space on a scene frame, (3, 4), and where objects, or bones of theirs, are in the
    world then, (n, 3). Evaluated as the targets are.
    """
    with side_scene(context, SCENE, []) as scene, _markers(scene, [(armature, rig.root_bone), *followed]) as markers:
        scene.frame_set(frame)
        graph = scene.view_layers[0].depsgraph
        worlds = [marker.evaluated_get(graph).matrix_world for marker in markers]
        places = np.array([world.translation for world in worlds[1:]], dtype=np.float64).reshape(-1, 3)
        return to_model_space(worlds[0], armature, rig), places


def blocker(target: Any, armature: bpy.types.Object, span: TakeSpan | None = None) -> str:
    """Why a target can't be used, as a sentence; empty where it can."""
    if target.object is None:
        return f"The target of {label(target)} has no object; choose one, or remove the target"
    if hangs_from(target.object, armature):
        return f"'{target.object.name}' hangs from the character and can't be a target; choose a free object"
    if target.bone and (target.object.pose is None or target.bone not in target.object.pose.bones):
        return f"'{target.object.name}' has no bone '{target.bone}'; choose another bone for {label(target)}"
    if target.last < target.first:
        return f"The frames {target.first}-{target.last} of '{target.object.name}' are empty; correct First and Last"
    if span is not None and not _frames(target, span):
        return f"'{target.object.name}' is a target on frames {target.first}-{target.last}, outside the take"
    return ""


def label(target: Any) -> str:
    """Left Wrist, Head, ..."""
    return str(target.bl_rna.properties["joint"].enum_items[target.joint].name).lower()


def hangs_from(obj: bpy.types.Object, armature: bpy.types.Object) -> bool:
    """Whether an object moves with the character: by parents, or by the targets of their constraints."""
    seen: set[bpy.types.Object] = set()
    waiting = [obj]
    while waiting:
        other = waiting.pop()
        if other == armature:
            return True
        if other in seen:
            continue
        seen.add(other)
        if other.parent is not None:
            waiting.append(other.parent)
        waiting += [
            target
            for constraint in other.constraints
            if not constraint.mute and (target := getattr(constraint, "target", None)) is not None
        ]
    return False


def _frames(target: Any, span: TakeSpan) -> range:
    return range(max(target.first, span.start), min(target.last, span.end - 1) + 1)


@contextmanager
def _markers(
    scene: bpy.types.Scene, followed: Sequence[tuple[bpy.types.Object, str]]
) -> Iterator[list[bpy.types.Object]]:
    """Empties that follow objects, or bones of theirs: so also what is hidden is evaluated, and no more than asked."""
    made: list[bpy.types.Object] = []
    try:
        for obj, bone in followed:
            marker = bpy.data.objects.new(SCENE, None)
            made.append(marker)
            follow: Any = marker.constraints.new("COPY_TRANSFORMS")
            follow.target = obj
            follow.subtarget = bone
            scene.collection.objects.link(marker)
        yield made
    finally:
        bpy.data.batch_remove(made)


def to_model_space(world: Matrix, armature: bpy.types.Object, rig: RigMap) -> Array:
    """World -> model space of the pelvis' channels, (3, 4): the object's place, and what the bone above the pelvis
    does, are taken out. ``world`` is that bone's matrix, or the object's where there is no such bone.
    """
    inverse = np.linalg.inv(np.array(world, dtype=np.float64))
    if rig.root_bone:
        inverse = np.array(armature.data.bones[rig.root_bone].matrix_local, dtype=np.float64) @ inverse
    return (rig.axes.T / rig.unit) @ inverse[:3]
