"""Layer: the animator's edits leave a take for a layer of offsets above it; the take is as generated then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..pins.items import Item, all_items
from ..rig.convert import Array, Flags, Frames, continuous
from ..takes.apply import NAME_LENGTH
from ..takes.reference import ON_FRAME, CurveKeys, Reference, edited_keys, load, reference_values
from ..takes.rows import key_field
from ..takes.slots import owner_channels, slot_in
from ..takes.span import TakeSpan
from ..takes.stack import LAYER_KEY, Stack, add_strip, owners, show
from .handles import Tables, load_handles, put_handles
from .offsets import QUATERNION, identity, kind_of, offsets

NOTHING = 1e-7  # no unit: an offset below this changes nothing in single precision
EDIT, PIN, REST = "KEYFRAME", "EXTREME", "GENERATED"  # types of the layer's keys


class LayerError(Exception):
    """There is nothing to put into a layer; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class Layered:
    """What came of it: ``poses`` -- a bone or shape on a frame -- in the layer; names that could not be taken out."""

    stack: Stack
    poses: int
    left: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Edit:
    """One item's offsets (n, width) at scene frames (n,), and which of them are those of pins."""

    item: Item
    frames: Array
    offsets: Array
    pinned: Flags


@dataclass(frozen=True, eq=False)
class _Known:
    """What was generated, and the handles that Simplify fitted."""

    reference: Reference
    handles: Tables


def layer_edits(armature: bpy.types.Object, span: TakeSpan, support: float, *, pins: bool) -> Layered:
    """Put the edits of a take into a layer whose offsets start and end ``support`` frames from them.

    ``pins``: also those of pins that differ from what was generated; pins that don't, stay pins in the take.
    LayerError: nothing has changed then.
    """
    action = span.action
    reference = load(action)
    if reference is None:
        raise LayerError("The take does not know what was generated, so nothing is known as your edit; pin it instead")
    items = _edited_items(armature, action, reference, pins)
    if not items:
        raise LayerError("No key of the take differs from what was generated; there is nothing to put into a layer")
    edits, left, known = [], [], _Known(reference, load_handles(action))
    for item, curves, frames in items:
        if item.guarded(action) or any(keys.row is None for keys in curves) or len(curves) < item.width:
            left.append(item.name)
            continue
        edit = _take_out(item, action, curves, frames, known, pins)
        if np.abs(edit.offsets - identity(kind_of(item.path), item.width)).max() > NOTHING:
            edits.append(edit)
    if not edits:
        raise LayerError(f"The edits of {', '.join(sorted(set(left))[:3])} can't be told from what was generated")
    layer, channels = _new_layer(armature, span, edits, support)
    stack = Stack(action, layer, False)
    _stack_up(armature, stack, channels)
    action.update_tag()
    poses = {(edit.item.name, frame) for edit in edits for frame in edit.frames.tolist()}
    return Layered(stack, len(poses), tuple(sorted(set(left))))


def _edited_items(
    armature: bpy.types.Object, action: bpy.types.Action, reference: Reference, pins: bool
) -> list[tuple[Item, list[CurveKeys], Array]]:
    """Items with edits, their curves, and the frames of the edits."""
    found: dict[tuple[compat.Owner, str], list[CurveKeys]] = {}
    for owner in owners(armature):
        channels = owner_channels(owner, action)
        for keys in edited_keys(channels, reference) if channels is not None else ():
            found.setdefault((owner, keys.curve.data_path), []).append(keys)
    out = []
    for item in all_items(armature):
        curves = sorted(found.get((item.owner, item.path), ()), key=lambda keys: keys.curve.array_index)
        frames = [keys.frames[_wanted(keys, pins)] for keys in curves]
        if frames and len(np.concatenate(frames)):
            out.append((item, curves, np.unique(np.concatenate(frames)).astype(np.float64)))
    return out


def _wanted(keys: CurveKeys, pins: bool) -> Flags:
    return keys.edited if pins else keys.edited & ~keys.pinned


def _take_out(
    item: Item, action: bpy.types.Action, curves: list[CurveKeys], frames: Array, known: _Known, pins: bool
) -> _Edit:
    """Put back what was generated; what was in its place is the offset."""
    slot = item.channels(action).slot.handle
    reference, tables = known.reference, known.handles
    now = _evaluated(curves, frames)
    pinned = np.zeros(len(frames), np.bool_)
    for keys in curves:
        pinned |= np.isin(frames, keys.frames[_wanted(keys, pins) & keys.pinned])
        curve = (slot, keys.curve.data_path, keys.curve.array_index)
        _restore(keys, _wanted(keys, pins), reference, tables.get(curve))
    base = _evaluated(curves, frames)
    return _Edit(item, frames, offsets(kind_of(item.path), base, now), pinned)


def _evaluated(curves: Sequence[CurveKeys], frames: Array) -> Array:
    return np.array([[keys.curve.evaluate(frame) for keys in curves] for frame in frames.tolist()])


def _restore(keys: CurveKeys, wanted: Flags, reference: Reference, handles: Array | None) -> None:
    """Give a curve the generator's values on the ``wanted`` keys, without those it did not write and with those that
    are missing.
    """
    row: int = keys.row
    written = reference_values(reference, row, keys.frames)
    fields = {name: key_field(keys.curve, name, width) for name, width in compat.KEY_FIELDS}
    change = np.flatnonzero(wanted & ~np.isnan(written))
    shift = written[change] - fields["co"][change, 1]
    for name in ("co", "handle_left", "handle_right"):
        fields[name][change, 1] += shift
    fields["co"][change, 1] = written[change]
    fields["type"][change] = compat.key_type(REST)
    dense = not np.isnan(reference.values[row]).any()
    if dense:  # a key on every frame: what was generated is straight between them
        fields["interpolation"][change] = compat.INTERPOLATION_LINEAR
    if not dense and handles is not None:
        put_handles(fields, handles)
    stay = np.flatnonzero(~(wanted & np.isnan(written)))
    every = np.arange(reference.start, reference.start + reference.frames)
    there = np.round(keys.frames[stay])[np.abs(keys.frames[stay] - np.round(keys.frames[stay])) < ON_FRAME]
    missing = np.setdiff1d(every[~np.isnan(reference.values[row])], there)
    _rewrite(keys.curve, fields, stay, missing, reference_values(reference, row, missing))


def _rewrite(curve: Any, fields: dict[str, Array], stay: Frames, frames: Frames, values: Array) -> None:
    """Keep the rows ``stay``, and add plain keys."""
    order = np.argsort(np.concatenate([fields["co"][stay, 0], frames]), kind="stable")
    points = curve.keyframe_points
    if len(order) != len(points):
        points.clear()
        points.add(len(order))
    new = np.stack([frames, values], axis=-1)
    plain = {"interpolation": compat.INTERPOLATION_LINEAR, "type": compat.key_type(REST)}
    for name, width in compat.KEY_FIELDS:
        added = new if width > 1 else np.full(len(frames), plain.get(name, compat.KEY_DEFAULTS.get(name, 0)))
        column = np.concatenate([fields[name][stay], added])[order]
        points.foreach_set(name, np.ascontiguousarray(column, fields[name].dtype).ravel())


def _new_layer(
    armature: bpy.types.Object, span: TakeSpan, edits: list[_Edit], support: float
) -> tuple[bpy.types.Action, dict[compat.Owner, compat.Channels]]:
    layer = bpy.data.actions.new(f"{span.action.name[: NAME_LENGTH - 6]} layer")
    layer.use_fake_user = True
    layer[LAYER_KEY] = span.action
    channels = {
        owner: compat.add_channels(layer, owner)
        for owner in owners(armature)
        if slot_in(owner, span.action) is not None
    }
    low, high = float(span.start), float(span.end - 1)
    for edit in edits:
        frames, values, kinds = _with_rests(edit, support)
        low, high = min(low, frames[0]), max(high, frames[-1])
        for index in range(edit.item.width):
            curve = compat.new_curve(channels[edit.item.owner], edit.item.path, index, edit.item.group)
            _write(curve, frames, values[:, index], kinds)
    layer.use_frame_range = True
    layer.frame_start, layer.frame_end = np.floor(low), np.ceil(high)
    return layer, channels


def _with_rests(edit: _Edit, support: float) -> tuple[Array, Array, Array]:
    """Frames (n,), offsets (n, width) and types (n,) of the layer's keys: the edits, and identity beside them."""
    frames = edit.frames
    gaps = np.diff(frames) > 2.0 * support
    ends = np.concatenate([frames[:1] - support, frames[:-1][gaps] + support, frames[1:][gaps] - support])
    rests = np.round(np.append(ends, frames[-1] + support))
    kind = kind_of(edit.item.path)
    nothing = identity(kind, edit.item.width)
    values = edit.offsets
    if kind == QUATERNION:  # no flipped signs between edits that follow each other without a rest
        values = np.concatenate([continuous(run) for run in np.split(values, np.flatnonzero(gaps) + 1)])
    every = np.concatenate([frames, rests])
    order = np.argsort(every, kind="stable")
    types = np.where(edit.pinned, compat.key_type(PIN), compat.key_type(EDIT))
    kinds = np.concatenate([types, np.full(len(rests), compat.key_type(REST))])
    return every[order], np.concatenate([values, np.tile(nothing, (len(rests), 1))])[order], kinds[order]


def _write(curve: Any, frames: Array, values: Array, kinds: Array) -> None:
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=-1).astype(np.float32).ravel())
    for name in ("handle_left_type", "handle_right_type"):
        points.foreach_set(name, np.full(len(frames), compat.HANDLE_AUTO_CLAMPED, np.int32))
    points.foreach_set("interpolation", np.full(len(frames), compat.INTERPOLATION_BEZIER, np.int32))
    points.foreach_set("type", kinds.astype(np.int32))
    for name in ("select_control_point", "select_left_handle", "select_right_handle"):
        points.foreach_set(name, np.zeros(len(frames), np.bool_))
    curve.update()


def _stack_up(armature: bpy.types.Object, stack: Stack, channels: dict[compat.Owner, compat.Channels]) -> None:
    """Take and layer into the NLA, the layer above; then no Action is active."""
    for owner, of_layer in channels.items():
        slot = slot_in(owner, stack.base)
        compat.assign(owner, None, None)
        add_strip(owner, stack.base, slot, "REPLACE")
        add_strip(owner, stack.layer, of_layer.slot, "COMBINE" if owner == armature else "ADD")
    show(armature, stack)
