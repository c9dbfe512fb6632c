"""What can be pinned: the channels of a bone's rotation, of the pelvis' place, of a shape; and which ones are meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..rig.character import face_meshes, face_shapes, keyable_faces
from ..rig.recognise import joint_bones
from ..rig.skeleton import JOINTS, PELVIS
from ..takes.curves import WIDTHS, guarded_channels, rotation_channel
from ..takes.keys import FACE_GROUP, bone_path, shape_path
from ..takes.slots import owner_channels

KEY_EDITORS = {"DOPESHEET_EDITOR", "GRAPH_EDITOR"}


@dataclass(frozen=True, eq=False)
class Item:
    """One thing that is pinned as a whole: ``width`` channels under a data path of ``owner``, the armature or
    shape-key data. ``name`` is its bone or shape, ``group`` the group of its curves.
    """

    owner: compat.Owner
    name: str
    path: str
    width: int
    group: str
    mode: str = ""

    def channels(self, action: bpy.types.Action) -> compat.Channels | None:
        """The owner's F-curves in a take."""
        return owner_channels(self.owner, action)

    def guarded(self, action: bpy.types.Action) -> bool:
        """Whether a channel is not ours to write: driven, muted, locked, or changed by modifiers."""
        closed = guarded_channels(self.owner, self.channels(action))
        return any((self.path, index) in closed for index in range(self.width))


def bone_items(armature: bpy.types.Object, bones: Collection[str] | None = None) -> Iterator[Item]:
    """The items of the joints' bones, of all or of those named."""
    found = joint_bones(armature.data.bones.keys())
    for name in JOINTS:
        bone: bpy.types.PoseBone | None = armature.pose.bones.get(found.get(name, ""))
        if bone is None or (bones is not None and bone.name not in bones):
            continue
        channel = rotation_channel(bone.rotation_mode)
        path = bone_path(bone.name, channel)
        yield Item(armature, bone.name, path, WIDTHS[channel], bone.name, bone.rotation_mode)
        if name == JOINTS[PELVIS]:
            yield Item(armature, bone.name, bone_path(bone.name, "location"), 3, bone.name)


def shape_items(armature: bpy.types.Object, shapes: Collection[str] | None = None) -> Iterator[Item]:
    """The items of the face's shapes on every mesh, of all or of those whose shape keys are named."""
    names = face_shapes(armature)
    for key in keyable_faces(armature):
        for block in names[key].values():
            if shapes is None or block in shapes:
                yield Item(key, block, shape_path(block), 1, FACE_GROUP)


def all_items(armature: bpy.types.Object) -> Iterator[Item]:
    """Everything of the character that can be pinned."""
    yield from bone_items(armature)
    yield from shape_items(armature)


def shown_items(context: bpy.types.Context, armature: bpy.types.Object) -> list[Item]:
    """What a Dope Sheet or Graph Editor shows: all, or with Only Show Selected the selected bones and meshes."""
    sheet = getattr(context.space_data, "dopesheet", None)
    bones = compat.selected_bones(armature) if armature.mode == "POSE" else set()
    if (sheet is not None and not sheet.show_only_selected) or not bones:
        return list(all_items(armature))
    picked = [mesh.data.shape_keys for mesh in face_meshes(armature) if mesh.select_get()]
    return [*bone_items(armature, bones), *(item for item in shape_items(armature) if item.owner in picked)]


def selected_items(armature: bpy.types.Object) -> list[Item]:
    """The selected bones' items; none outside Pose Mode."""
    if armature.mode != "POSE":
        return []
    return list(bone_items(armature, compat.selected_bones(armature)))


def item_curves(item: Item, action: bpy.types.Action) -> dict[int, Any]:
    """The item's curves in a take by array index."""
    channels = item.channels(action)
    if channels is None:
        return {}
    found = (channels.fcurves.find(item.path, index=index) for index in range(item.width))
    return {curve.array_index: curve for curve in found if curve is not None}


def selected_frames(curves: Collection[Any]) -> list[float]:
    """Frames, sorted, on which a key of these curves is selected."""
    frames: set[float] = set()
    for curve in curves:
        points = curve.keyframe_points
        chosen = np.empty(len(points), np.bool_)
        points.foreach_get("select_control_point", chosen)
        frames.update(float(points[int(row)].co[0]) for row in np.flatnonzero(chosen))
    return sorted(frames)
