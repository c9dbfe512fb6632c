"""The only place that knows Blender versions: 4.5 LTS, 5.0, 5.1 and 5.2 LTS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import bpy
import numpy as np

Owner = bpy.types.Object | bpy.types.Key  # whom an Action animates: the armature, or a face's shape keys
BLENDER_5 = bpy.app.version >= (5, 0, 0)
# Numbers of Blender's enums (docs/sources/blender.md, section 2).
INTERPOLATION_LINEAR, INTERPOLATION_BEZIER = 1, 2
HANDLE_AUTO_CLAMPED = 4


def key_type(name: str) -> int:
    """The number of a keyframe type (GENERATED, EXTREME, ...) for ``foreach_set``."""
    return key_enum("type", name)


@cache
def key_enum(field: str, name: str) -> int:
    """The number of an item of one of a key's enums, for ``foreach_set`` and as ``foreach_get`` gives it."""
    prop = bpy.types.Keyframe.bl_rna.properties[field]
    return int(prop.enum_items[name].value)  # type: ignore[attr-defined]  # it is an EnumProperty


@dataclass(frozen=True)
class Channels:
    """One slot's F-curves in an Action."""

    action: bpy.types.Action
    slot: Any
    bag: Any

    @property
    def fcurves(self) -> Any:
        """The F-curves of this slot."""
        return self.bag.fcurves


def add_channels(action: bpy.types.Action, owner: Owner) -> Channels:
    """A new slot of the Action for ``owner`` (an object or shape keys), with an empty channelbag."""
    slot = action.slots.new(owner.id_type, owner.name)
    layer = action.layers[0] if len(action.layers) else action.layers.new("Layer")
    strip: Any = layer.strips[0] if len(layer.strips) else layer.strips.new(type="KEYFRAME")
    return Channels(action, slot, strip.channelbag(slot, ensure=True))


def slot_channels(action: bpy.types.Action, slot: Any) -> Channels | None:
    """The F-curves that a slot has in an Action, or None where it has none."""
    if action is None or slot is None:
        return None
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot) if isinstance(strip, bpy.types.ActionKeyframeStrip) else None
            if bag is not None:
                return Channels(action, slot, bag)
    return None


def current_channels(owner: Owner) -> Channels | None:
    """The F-curves that animate ``owner`` through its active Action, or None."""
    data = owner.animation_data
    return slot_channels(data.action, data.action_slot) if data else None


def assign(owner: Owner, action: bpy.types.Action | None, slot: Any) -> None:
    """Make the Action active on ``owner``, through this slot."""
    data = owner.animation_data or owner.animation_data_create()
    data.action = action
    if action is not None:
        data.action_slot = slot


def slot_for(action: bpy.types.Action, owner: Owner) -> Any:
    """The slot of the Action that was made for ``owner``, or None: the one of its name, else one that nobody uses."""
    fitting = [slot for slot in action.slots if slot.target_id_type == owner.id_type]
    named = [slot for slot in fitting if slot.name_display == owner.name]
    return (named or [slot for slot in fitting if not slot.users()] or [None])[0]


def new_curve(channels: Channels, path: str, index: int, group: str) -> Any:
    """A new F-curve in the group of that name."""
    if BLENDER_5:
        return channels.fcurves.new(path, index=index, group_name=group)
    curve = channels.fcurves.new(path, index=index)
    if group:
        curve.group = channels.bag.groups.get(group) or channels.bag.groups.new(group)
    return curve


def copy_curve(source: Any, channels: Channels) -> Any:
    """A copy of an F-curve, keys and modifiers included, in another slot."""
    if BLENDER_5:
        curve = channels.fcurves.new_from_fcurve(source)
        if source.group is not None:
            curve.group = channels.bag.groups.get(source.group.name) or channels.bag.groups.new(source.group.name)
        return curve
    curve = new_curve(channels, source.data_path, source.array_index, source.group.name if source.group else "")
    _copy_keys(source, curve)
    _copy_settings(source, curve, skip={"data_path", "array_index", "group"})
    for modifier in source.modifiers:
        _copy_settings(modifier, curve.modifiers.new(modifier.type), skip={"type"})
    curve.update()
    return curve


def selected_bones(armature: bpy.types.Object) -> set[str]:
    """Names of the bones that are selected in Pose Mode."""
    bones = armature.pose.bones if BLENDER_5 else armature.data.bones
    return {bone.name for bone in bones if bone.select}


# All that a key holds, and its width; KEY_DEFAULTS is what Blender gives a new one.
KEY_FIELDS = (
    ("co", 2),
    ("handle_left", 2),
    ("handle_right", 2),
    ("handle_left_type", 1),
    ("handle_right_type", 1),
    ("interpolation", 1),
    ("easing", 1),
    ("back", 1),
    ("amplitude", 1),
    ("period", 1),
    ("type", 1),
    ("select_control_point", 1),
    ("select_left_handle", 1),
    ("select_right_handle", 1),
)
KEY_DEFAULTS = {
    "handle_left_type": HANDLE_AUTO_CLAMPED,
    "handle_right_type": HANDLE_AUTO_CLAMPED,
    "back": 1.70158,
    "amplitude": 0.8,
    "period": 4.1,
}


def _copy_keys(source: Any, target: Any) -> None:
    count = len(source.keyframe_points)
    target.keyframe_points.add(count)
    for name, width in KEY_FIELDS:
        kind = bpy.types.Keyframe.bl_rna.properties[name].type
        values = np.empty(count * width, {"ENUM": np.int32, "BOOLEAN": np.bool_}.get(kind, np.float32))
        source.keyframe_points.foreach_get(name, values)
        target.keyframe_points.foreach_set(name, values)


def _copy_settings(source: Any, target: Any, skip: set[str]) -> None:
    for prop in source.bl_rna.properties:
        if prop.is_readonly or prop.identifier in skip or prop.type in {"POINTER", "COLLECTION"}:
            continue
        setattr(target, prop.identifier, getattr(source, prop.identifier))
