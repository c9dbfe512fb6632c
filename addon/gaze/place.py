"""The object that the character looks at: where it is for the engine, and whether it is where a take had it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from ..client.provenance import SPEAK
from ..pins.targets import hangs_from, sample_places, to_model_space
from ..rig.convert import Array
from ..rig.recognise import joint_bones, recognise
from ..rig.rig_map import RigError, RigMap
from ..rig.skeleton import JOINTS, LEFT_EYE, REST, RIGHT_EYE, TOE_HEIGHT, standing_height
from ..scene import settings_of
from ..speakers.choice import Choice, chosen, chosen_generator
from ..takes.keys import bone_path
from ..takes.proportions import own_rest

SAME_PLACE = 0.01  # m, by eye
EYES = (JOINTS[LEFT_EYE], JOINTS[RIGHT_EYE])
MOVING = ("location", "rotation_", "scale", "delta_")


def looked_at(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The object that is set, as long as it is in the scene: one that was deleted lives on where a setting names it."""
    found = settings_of(scene).look_at
    return found if found is not None and scene.objects.get(found.name) == found else None


def look_blocker(scene: bpy.types.Scene, choice: Choice) -> str:
    """Why the object can't be looked at; empty where it can, or where nobody would look at it."""
    found, armature = looked_at(scene), settings_of(scene).character
    if found is None or armature is None or not choice.generator.gaze or not hangs_from(found, armature):
        return ""
    return f"'{found.name}' hangs from the character, who can't look at it; choose another object as Look At"


def look_note(scene: bpy.types.Scene) -> str:
    """What the panel has to say of the object; empty where it is looked at, or where there is none."""
    found, choice = looked_at(scene), chosen(scene)
    if found is None:
        missing = settings_of(scene).look_at
        return f"'{missing.name}' is not in this scene, so nobody looks at it" if missing is not None else ""
    if not choice.generator.gaze:
        return f"{choice.generator.label} can't be told where to look"
    return look_blocker(scene, choice)


def look_options(
    context: bpy.types.Context, armature: bpy.types.Object, frame: int, choice: Choice, role: str = SPEAK
) -> dict[str, Any]:
    """As options of the engine: the place of the object on a scene frame, as our own body sees it; none where nobody
    is looked at, or where the generator can't. RigError where the armature can't perform.
    """
    found = looked_at(context.scene)
    if found is None or not choice.generator.gaze or role != SPEAK or hangs_from(found, armature):
        return {}
    rig = recognise(armature)
    to_model, places = sample_places(context, armature, rig, frame, _followed(found))
    return {"gaze": _as_option(to_model, places.mean(axis=0), rig)}


def face_front(
    context: bpy.types.Context, armature: bpy.types.Object, frame: int, distance: float
) -> tuple[float, float, float]:
    """The world place ``distance`` metres in front of the eyes of the upright body. RigError as above."""
    rig = recognise(armature)
    to_model, _ = sample_places(context, armature, rig, frame)
    place = _resting_eyes(rig.rest) + np.array([0.0, 0.0, distance])
    x, y, z = np.linalg.solve(to_model[:, :3], place - to_model[:, 3]).tolist()
    return x, y, z


def look_differs(scene: bpy.types.Scene, armature: bpy.types.Object, frame: int, made: dict[str, Any]) -> bool:
    """Whether a take that began on ``frame`` with the options ``made`` looks at another place than the scene's.

    Nothing is evaluated, since panels ask: of what moves, only the take's first frame tells where it is.
    """
    if "gaze" not in made or not chosen_generator(scene).gaze:
        return False
    before, found = made["gaze"], looked_at(scene)
    if before is None or found is None or hangs_from(found, armature):
        return (before is None) != (found is None)
    now = _place_now(armature, found, scene.frame_current == frame)
    return now is not None and float(np.linalg.norm(np.subtract(now, before))) > SAME_PLACE


def _followed(found: bpy.types.Object) -> list[tuple[bpy.types.Object, str]]:
    """The object's origin; of somebody else the eyes, else the head."""
    bones = joint_bones(found.data.bones.keys()) if found.type == "ARMATURE" else {}
    named = [bones[name] for name in EYES if name in bones] or [bones[name] for name in ("head",) if name in bones]
    return [(found, bone) for bone in named or [""]]


def _resting_eyes(rest: Array) -> Array:
    return np.asarray(rest[[LEFT_EYE, RIGHT_EYE]].mean(axis=0) + np.array([0.0, standing_height(rest), 0.0]))


def _as_option(to_model: Array, world: Sequence[float] | Array, rig: RigMap) -> list[float]:
    """A world place in model space; for a body of its own size as far from the eyes of ours as it is for its size."""
    place = to_model @ np.append(world, 1.0)
    if own_rest(rig) is not None:
        ours, eyes = _resting_eyes(REST), _resting_eyes(rig.rest)
        place = ours + (place - eyes) * ((ours[1] - TOE_HEIGHT) / (eyes[1] - TOE_HEIGHT))
    return [round(float(value), 4) for value in place]


@lru_cache(maxsize=2)
def _glanced_rig(uid: int, _: int) -> RigMap | None:
    """The rig of an armature, by session id; recognised once a second at most."""
    try:
        return recognise(next((obj for obj in bpy.data.objects if obj.session_uid == uid), None))
    except RigError:
        return None


def _place_now(armature: bpy.types.Object, found: bpy.types.Object, at_start: bool) -> list[float] | None:
    """The place as things stand; None where something moves and this is not the take's first frame."""
    rig = _glanced_rig(armature.session_uid, int(time.monotonic()))
    if rig is None:
        return None
    base = _world_now(armature, rig.root_bone, at_start)
    places = [_world_now(*followed, at_start) for followed in _followed(found)]
    if base is None or None in places:
        return None
    world = np.mean([place.translation[:] for place in places if place is not None], axis=0)
    return _as_option(to_model_space(base, armature, rig), world, rig)


def _world_now(obj: bpy.types.Object, bone: str, at_start: bool) -> Matrix | None:
    """World matrix of an object or a bone of it, if it stands still; else as the view shows it on that frame."""
    still = _still_world(obj, bone)
    if still is not None or not at_start or not obj.visible_get():
        return still
    return obj.matrix_world @ obj.pose.bones[bone].matrix if bone else obj.matrix_world.copy()


def _still_world(obj: bpy.types.Object, bone: str = "") -> Matrix | None:
    """World matrix by the object's own values, also where it is hidden and so never evaluated; None where it moves."""
    if _is_moved(obj, bone):
        return None
    world = obj.matrix_basis.copy()
    if obj.parent is not None:
        above = _still_world(obj.parent) if obj.parent_type == "OBJECT" else None
        if above is None:
            return None
        world = above @ obj.matrix_parent_inverse @ world
    if bone:
        posed = obj.pose.bones[bone]
        world = world @ posed.bone.matrix_local @ posed.matrix_basis
    return world


def _is_moved(obj: bpy.types.Object, bone: str) -> bool:
    """Whether anything but its own values may place an object, or a bone of it that has no parent."""
    posed = obj.pose.bones[bone] if bone else None
    if len(obj.constraints) or (posed is not None and (posed.parent is not None or len(posed.constraints))):
        return True
    data = obj.animation_data
    if data is None:
        return False
    if len(data.drivers) or any(not track.mute for track in data.nla_tracks):
        return True
    paths = (*MOVING, bone_path(bone, "")) if bone else MOVING
    channels = compat.current_channels(obj)
    return channels is not None and any(curve.data_path.startswith(paths) for curve in channels.fcurves)
