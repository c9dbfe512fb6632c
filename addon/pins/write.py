"""Set and release pins: the type of keys, and the keys themselves where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion

from .. import compat
from ..rig.convert import Array, Flags
from ..takes.curves import key_places, sample
from ..takes.reference import ON_FRAME, TOLERANCE, CurveKeys, Reference, edited_keys, load, reference_values
from .items import Item, item_curves

EXTREME, GENERATED = "EXTREME", "GENERATED"
FULL_TURN = 2.0 * np.pi  # rad


class PinError(Exception):
    """Nothing can be pinned as it is asked for; ``str(error)`` is one sentence for the user."""


def visible_values(item: Item) -> Array:
    """What is seen of the item now (width,): with the bone's constraints, and a pose that is not keyed yet."""
    if isinstance(item.owner, bpy.types.Key):
        return np.array([item.owner.key_blocks[item.name].value])
    bone = item.owner.pose.bones[item.name]
    channel = item.path.rpartition(".")[2]
    if all(constraint.mute for constraint in bone.constraints):
        return np.array(getattr(bone, channel), dtype=np.float64)
    seen = item.owner.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL")
    return _as_channel(seen, item)


def _as_channel(matrix: Matrix, item: Item) -> Array:
    if not item.mode:
        return np.array(matrix.translation, dtype=np.float64)
    quaternion = matrix.to_quaternion()
    if item.mode == "QUATERNION":
        return np.array(quaternion, dtype=np.float64)
    if item.mode == "AXIS_ANGLE":
        axis, angle = quaternion.to_axis_angle()
        return np.array([angle, *axis[:]], dtype=np.float64)
    return np.array(quaternion.to_euler(item.mode), dtype=np.float64)


def stored_values(item: Item, action: bpy.types.Action, frame: float) -> Array | None:
    """The item's values (width,) in a take at a scene frame, None where the take does not animate it."""
    curves = item_curves(item, action)
    if not any(len(curve.keyframe_points) for curve in curves.values()):
        return None
    values = visible_values(item) if len(curves) < item.width else np.zeros(item.width)
    for index, curve in curves.items():
        values[index] = sample(curve, np.array([frame]))[0]
    return values


def pin(item: Item, action: bpy.types.Action, frame: float, values: Array) -> None:
    """Key ``values`` (width,) as a pin. Keys that have these values already keep them to the bit.

    PinError where the take has no keys for the item's owner.
    """
    channels = item.channels(action)
    if channels is None:
        raise PinError(f"The take does not animate {item.name}; pin what it moves")
    curves = item_curves(item, action)
    near = _near(item, curves, frame, values)
    for index in range(item.width):
        curve = curves.get(index) or compat.new_curve(channels, item.path, index, item.group)
        row = _row_at(curve, frame)
        if row is None:
            _insert(curve, frame, float(near[index]))
            continue
        point = curve.keyframe_points[row]
        point.type = EXTREME
        if abs(point.co[1] - near[index]) > TOLERANCE * max(1.0, abs(point.co[1])):
            point.co_ui[1] = float(near[index])  # its handles come along
            curve.update()


def pin_keys(item: Item, action: bpy.types.Action, frames: Sequence[float]) -> int:
    """Make a pin of the item's pose on each of the frames; returns how many were none before."""
    new = 0
    for frame in frames:
        values = stored_values(item, action, frame)
        if values is not None and not is_pinned(item, action, frame):
            pin(item, action, frame, values)
            new += 1
    return new


def is_pinned(item: Item, action: bpy.types.Action, frame: float) -> bool:
    """Whether all channels of the item have a pin there."""
    curves = item_curves(item, action)
    rows = [(curve, _row_at(curve, frame)) for curve in curves.values()]
    return len(rows) == item.width and all(
        row is not None and curve.keyframe_points[row].type == EXTREME for curve, row in rows
    )


@dataclass(frozen=True)
class Released:
    """How many poses were unpinned, and how many edited ones were put back."""

    unpinned: int = 0
    restored: int = 0


def release(
    places: Iterable[tuple[Item, Sequence[float] | None]],
    action: bpy.types.Action,
    *,
    within: tuple[float, float] | None = None,
    restore: bool = False,
) -> Released:
    """Make GENERATED keys of the items' pins: each on its frames, None for all, and all ``within`` two frames.

    ``restore`` puts back the generator's value, of edited keys too, and takes away keys that it did not write.
    """
    reference = load(action)
    wanted = {(id_of(item), item.path): (item, frames) for item, frames in places}
    owners = {owner: item for (owner, _), (item, _) in wanted.items()}
    unpinned: set[tuple[str, int]] = set()
    restored: set[tuple[str, int]] = set()
    for owner, of_owner in owners.items():
        channels = of_owner.channels(action)
        for keys in list(edited_keys(channels, reference)) if channels is not None else ():
            item, frames = wanted.get((owner, keys.curve.data_path), (None, None))
            if item is None or not len(keys.frames):
                continue
            meant = _meant(keys, frames, within)
            pinned, edited = meant & keys.pinned, meant & keys.edited & restore
            unpinned |= {(item.name, round(frame)) for frame in keys.frames[pinned].tolist()}
            restored |= {(item.name, round(frame)) for frame in keys.frames[edited].tolist()}
            _release(keys, pinned, edited, reference)
    action.update_tag()
    return Released(len(unpinned), len(restored))


def id_of(item: Item) -> int:
    """The session id of the item's owner."""
    return int(item.owner.session_uid)


def pinned_frames(items: Iterable[Item], action: bpy.types.Action) -> list[float]:
    """Frames, sorted, on which one of the items has a pin."""
    extreme = compat.key_type(EXTREME)
    frames: set[float] = set()
    for item in items:
        for curve in item_curves(item, action).values():
            points = curve.keyframe_points
            types = np.empty(len(points), np.int32)
            points.foreach_get("type", types)
            frames.update(float(points[int(row)].co[0]) for row in np.flatnonzero(types == extreme))
    return sorted(frames)


def _meant(keys: CurveKeys, frames: Sequence[float] | None, within: tuple[float, float] | None) -> Flags:
    if frames is not None:
        return np.any(np.abs(keys.frames[:, None] - np.asarray(frames)[None]) < ON_FRAME, axis=1)
    if within is not None:
        return (keys.frames >= within[0] - ON_FRAME) & (keys.frames <= within[1] + ON_FRAME)
    return np.ones(len(keys.frames), np.bool_)


def _release(keys: CurveKeys, pinned: Flags, restored: Flags, reference: Reference | None) -> None:
    changed = pinned | restored
    if not changed.any():
        return
    points = keys.curve.keyframe_points
    written = np.full(len(keys.frames), np.nan)
    if reference is not None and keys.row is not None:
        written = reference_values(reference, keys.row, keys.frames)
    for row in np.flatnonzero(changed)[::-1]:  # from the end, as rows may go
        point = points[int(row)]
        if restored[row] and np.isnan(written[row]) and len(points) > 1:
            points.remove(point, fast=True)
            continue
        if restored[row] and not np.isnan(written[row]):
            point.co_ui[1] = float(written[row])
            point.handle_left_type = point.handle_right_type = "AUTO_CLAMPED"
        point.type = GENERATED
    keys.curve.update()


def _row_at(curve: Any, frame: float) -> int | None:
    """The key on a frame; all are read only where the first guess, a key on each frame, fails."""
    points = curve.keyframe_points
    count = len(points)
    if not count:
        return None
    guess = round(frame - points[0].co[0])
    if 0 <= guess < count and abs(points[guess].co[0] - frame) < ON_FRAME:
        return guess
    rows = np.flatnonzero(np.abs(key_places(curve)[:, 0] - frame) < ON_FRAME)
    return int(rows[0]) if len(rows) else None


def _insert(curve: Any, frame: float, value: float) -> None:
    points = curve.keyframe_points
    before = max(int(np.searchsorted(key_places(curve)[:, 0], frame)) - 1, 0)
    shape = points[before].interpolation if len(points) else "LINEAR"
    point = points.insert(frame, value, options={"FAST"}, keyframe_type=EXTREME)
    point.interpolation = shape
    point.handle_left_type = point.handle_right_type = "AUTO_CLAMPED"
    point.select_control_point = point.select_left_handle = point.select_right_handle = False
    curve.update()


def _near(item: Item, curves: dict[int, Any], frame: float, values: Array) -> Array:
    """The same pose in the numbers that lie nearest to the curves there: no flipped sign, no full turn."""
    if not item.mode or len(curves) < item.width or not all(len(curve.keyframe_points) for curve in curves.values()):
        return values
    now = np.array([curves[index].evaluate(frame) for index in range(item.width)])
    if item.mode == "QUATERNION":
        return -values if values @ now < 0.0 else values
    if item.mode == "AXIS_ANGLE":
        return -values if values[1:] @ now[1:] < 0.0 else values
    near = np.array(_euler(values, item.mode, now), dtype=np.float64)
    return near + FULL_TURN * np.round((now - near) / FULL_TURN)


def _euler(values: Array, mode: str, now: Array) -> Euler:
    if np.abs(values - now).max() < np.pi:
        return Euler(values.tolist(), mode)
    turn: Quaternion = Euler(values.tolist(), mode).to_quaternion()
    return turn.to_euler(mode, Euler(now.tolist(), mode))
