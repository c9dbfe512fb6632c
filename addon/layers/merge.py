"""Merge a layer: what it does to the take becomes keys of the take, and its edits are edited keys and pins again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..pins.collect import search_pins
from ..rig.convert import Array, Flags, Frames
from ..rig.recognise import recognise
from ..takes.curves import guarded_channels, key_places, sample
from ..takes.reference import ARMATURE, TOLERANCE, remember_window
from ..takes.rows import KeyRows, key_field, replace_keys
from ..takes.slots import owner_channels
from ..takes.span import TakeSpan
from ..takes.stack import Stack, owners, remove_layer, show, strips_of
from .layer import PIN, LayerError
from .offsets import QUATERNION, combined, identity, kind_of

WIDTHS = {QUATERNION: 4, "rotation_axis_angle": 4, "value": 1}  # curves of a channel: Blender's
VECTOR = 3  # curves of any other
PLAIN_SCALE = 1e-6  # no unit, keeps what is divided by from zero


@dataclass(frozen=True)
class Merged:
    """What came of it: ``poses`` that are edited or pinned in the take now, ``frames`` that the layer changed, and
    names of channels that are locked, muted or driven, where the layer was lost.
    """

    poses: int
    frames: int
    left: tuple[str, ...]


@dataclass(eq=False)
class _Outcome:
    kept: dict[tuple[str, str, int], Array]
    poses: set[tuple[str, int]]
    frames: set[int]
    left: set[str]


def merge_layer(armature: bpy.types.Object, span: TakeSpan, stack: Stack) -> Merged:
    """Bake a layer into its take ``span`` and remove it; the take is the active Action then, and looks the same.

    The layer's keys become edited keys, its pins pins. The frames between, where the layer fades in and out, count as
    generated: Regenerate may change them. LayerError: nothing has changed then.
    """
    strips = {owner: strip for owner in owners(armature) for _, strip in strips_of(owner, stack.layer)}
    for strip in strips.values():
        _check(strip)
    show(armature, stack)
    search = search_pins(armature, recognise(armature), span)
    done = _Outcome({name: np.asarray(frames) for name, frames in search.kept.items()}, set(), set(), set())
    for owner, strip in strips.items():
        layer = compat.slot_channels(stack.layer, strip.action_slot)
        channels = owner_channels(owner, stack.base)
        if layer is not None and channels is not None:
            name = ARMATURE if owner == armature else owner.name
            for path, curves in _by_path(layer):
                _merge(_Channel(owner, name, channels, path, span), curves, strip, done)
    if done.frames:
        remember_window(armature, stack.base, min(done.frames), max(done.frames) + 1, done.kept)
    remove_layer(armature, stack)
    span.action.update_tag()
    return Merged(len(done.poses), len(done.frames), tuple(sorted(done.left)))


def _check(strip: Any) -> None:
    if strip.use_animated_time or strip.use_reverse or strip.repeat != 1.0 or strip.blend_in or strip.blend_out:
        raise LayerError(
            f"The strip '{strip.name}' repeats, is reversed, blends in or out, or has animated time; switch that off"
        )
    if strip.blend_type not in {"COMBINE", "ADD"}:
        raise LayerError(f"The strip '{strip.name}' no longer combines; set its Blending back to Combine")


def _by_path(layer: compat.Channels) -> Iterator[tuple[str, dict[int, Any]]]:
    found: dict[str, dict[int, Any]] = {}
    for curve in layer.fcurves:
        if not curve.mute and len(curve.keyframe_points):
            found.setdefault(curve.data_path, {})[curve.array_index] = curve
    yield from found.items()


@dataclass(frozen=True, eq=False)
class _Channel:
    """A property of an owner that take and layer move."""

    owner: compat.Owner
    name: str
    channels: compat.Channels
    path: str
    span: TakeSpan

    @property
    def width(self) -> int:
        """How many values it has."""
        return WIDTHS.get(kind_of(self.path), VECTOR)

    def curves(self) -> dict[int, Any]:
        """The take's curves of it."""
        found = (self.channels.fcurves.find(self.path, index=index) for index in range(self.width))
        return {curve.array_index: curve for curve in found if curve is not None}


def _merge(channel: _Channel, layer: dict[int, Any], strip: Any, done: _Outcome) -> None:
    guarded = guarded_channels(channel.owner, channel.channels)
    if any((channel.path, index) in guarded for index in range(channel.width)):
        done.left.add(channel.path)
        return
    span, kind = channel.span, kind_of(channel.path)
    frames = np.arange(span.start, span.end)
    curves = channel.curves()
    nothing = identity(kind, channel.width)
    base, above = np.tile(nothing, (len(frames), 1)), np.tile(nothing, (len(frames), 1))
    for index, curve in curves.items():
        base[:, index] = sample(curve, frames)
    times, acting = _times(strip, frames)
    for index, curve in layer.items():
        above[acting, index] = [curve.evaluate(time) for time in times[acting].tolist()]
    now = combined(kind, base, above, _influence(strip, frames))
    if isinstance(channel.owner, bpy.types.Key) and kind == "value":  # seen within its range only
        block = channel.owner.path_resolve(channel.path.rpartition(".")[0])
        now = np.where(np.abs(now - base) > TOLERANCE, np.clip(now, block.slider_min, block.slider_max), now)
    if kind == QUATERNION:
        now *= np.where(np.sum(now * base, axis=-1, keepdims=True) < 0.0, -1.0, 1.0)
    alone = combined(kind, base, np.tile(nothing, (len(frames), 1)))  # a quaternion of unit length
    moved = np.abs(now - alone).max(axis=1) > TOLERANCE * np.maximum(1.0, np.abs(base).max(axis=1))
    if not moved.any():
        return
    keys, pins = _keys(layer, strip)
    edits = frames[moved & np.isin(frames, keys)]
    _write(channel, curves, frames, now, moved, np.intersect1d(frames, pins))
    done.frames.update(frames[moved].tolist())
    done.poses.update((channel.path, frame) for frame in edits.tolist())
    for index in range(channel.width):
        name = (channel.name, channel.path, index)
        done.kept[name] = np.union1d(done.kept.get(name, np.zeros(0)), edits)


def _write(channel: _Channel, curves: dict[int, Any], frames: Frames, now: Array, moved: Flags, pins: Array) -> None:
    """Key the values (T, width) on the frames that the layer moves; pins stay pins, and those of the layer are pins."""
    group = next((curve.group.name for curve in curves.values() if curve.group is not None), "")
    extreme = compat.key_type(PIN)
    for index in range(channel.width):
        curve = curves.get(index)
        values = now[:, index].astype(np.float32)
        if curve is None:
            curve = compat.new_curve(channel.channels, channel.path, index, group)
            replace_keys(curve, frames, values)
        old = key_places(curve)[:, 0][key_field(curve, "type") == extreme]
        for run in np.split(np.flatnonzero(moved), np.flatnonzero(np.diff(np.flatnonzero(moved)) > 1) + 1):
            rows = KeyRows(frames[run], np.ascontiguousarray(values[run]), np.zeros(len(run), np.bool_))
            rows.onto(curve, key_places(curve), channel.span.start, channel.span.end)
        kinds = key_field(curve, "type")
        kinds[np.isin(np.round(key_places(curve)[:, 0]), np.union1d(np.round(old), pins))] = extreme
        curve.keyframe_points.foreach_set("type", kinds)


def _times(strip: Any, frames: Frames) -> tuple[Array, Flags]:
    """The layer's own times (T,) on scene frames, and on which of them it acts."""
    inside = (frames >= strip.frame_start) & (frames <= strip.frame_end)
    held = {"HOLD": np.ones(len(frames), np.bool_), "HOLD_FORWARD": frames >= strip.frame_start}
    at = np.clip(frames, strip.frame_start, strip.frame_end)
    times = strip.action_frame_start + (at - strip.frame_start) / max(strip.scale, PLAIN_SCALE)
    return times, inside | held.get(strip.extrapolation, inside)


def _influence(strip: Any, frames: Frames) -> Array:
    """How strongly the layer acts (T, 1): wholly, unless the strip's influence is the user's."""
    if not strip.use_animated_influence:
        return np.ones((len(frames), 1))
    curve = strip.fcurves.find("influence")
    if curve is None or not len(curve.keyframe_points):
        return np.full((len(frames), 1), strip.influence)
    return np.array([[curve.evaluate(frame)] for frame in frames.tolist()])


def _keys(layer: dict[int, Any], strip: Any) -> tuple[Array, Array]:
    """Scene frames of the layer's keys, and of its pins."""
    pin = compat.key_type(PIN)
    keys: list[Array] = []
    pins: list[Array] = []
    for curve in layer.values():
        times = key_places(curve)[:, 0].astype(np.float64)
        frames = np.round(strip.frame_start + (times - strip.action_frame_start) * strip.scale)
        keys.append(frames)
        pins.append(frames[key_field(curve, "type") == pin])
    return np.unique(np.concatenate(keys)), np.unique(np.concatenate(pins))
