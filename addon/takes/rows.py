"""The keys of one F-curve as rows: replace those in a window, keep the others to the bit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..rig.convert import Array, Flags, Frames
from .curves import sample

HANDLE_REACH = 1.0 / 3.0  # of a frame: what Blender gives keys on every frame
WITHIN = 1e-6  # frames: less is single precision


@dataclass(frozen=True, eq=False)
class KeyRows:
    """A window's keys: ``frames`` (n,) rising and whole, ``values`` (n,) float32, ``fixed`` (n,) that must stay."""

    frames: Frames
    values: Array
    fixed: Flags

    def onto(self, curve: bpy.types.FCurve, places: Array, start: int, stop: int) -> bool:
        """Put the keys into a curve whose keys lie at ``places``; False where nothing had to change.

        Between the window and the nearest keys outside, within the take's frames ``start``..``stop`` - 1, the curve is
        keyed as it stands, else new neighbours would bend it there.
        """
        first, end = (int(row) for row in np.searchsorted(places[:, 0], (self.frames[0], self.frames[-1] + WITHIN)))
        beside = self._beside(places, first, end, start, stop)
        if not len(beside) and np.array_equal(places[first:end, 0], self.frames):
            return self._over(curve, places, first, end)
        held = self._held(places[first:end, 0])
        stay = np.concatenate([np.arange(first), first + np.flatnonzero(held), np.arange(end, len(places))])
        free = ~np.isin(self.frames, places[first:end, 0][held])
        frames = np.concatenate([self.frames[free], beside])
        values = np.concatenate([self.values[free], sample(curve, beside, places) if len(beside) else beside])
        order = np.argsort(frames)
        replace_keys(curve, frames[order], values[order], stay)
        return True

    def _beside(self, places: Array, first: int, end: int, start: int, stop: int) -> Frames:
        low = int(np.floor(places[first - 1, 0])) + 1 if first > 0 else int(self.frames[0]) - 1
        high = int(np.ceil(places[end, 0])) if end < len(places) else int(self.frames[-1]) + 2
        before = np.arange(max(start, low), self.frames[0])
        return np.concatenate([before, np.arange(self.frames[-1] + 1, min(stop, high))])

    def _held(self, keys: Array) -> Flags:
        """Which of the window's keys lie on fixed frames; a key between two frames belongs to the nearer one."""
        held: Flags = self.fixed[np.clip(np.round(keys).astype(int) - int(self.frames[0]), 0, len(self.frames) - 1)]
        return held

    def _over(self, curve: bpy.types.FCurve, places: Array, first: int, end: int) -> bool:
        """The usual case, a key on each frame already: values change, and what is not plain there."""
        points = curve.keyframe_points
        plain = all(
            fixed or (point.type == "GENERATED" and point.interpolation == "LINEAR")
            for point, fixed in zip(points[first:end], self.fixed.tolist(), strict=True)
        )
        values = np.where(self.fixed, places[first:end, 1], self.values)
        same = np.array_equal(values, places[first:end, 1])
        if not same:
            places[first:end, 1] = values
            points.foreach_set("co", places.ravel())
        if not plain:  # keys that the animator made here and did not keep
            for name, value in _plain().items():
                column = key_field(curve, name)
                column[first:end][~self.fixed] = value
                points.foreach_set(name, column)
        return not (same and plain)


def replace_keys(curve: bpy.types.FCurve, frames: Frames, values: Array, stay: Frames | None = None) -> None:
    """Give the curve new generated keys, and of its own only those that ``stay`` (indices), every field kept.

    Blender's own update, which would move automatic handles of keys that stay, is not run: the keys are in order.
    """
    old = {} if stay is None else {name: key_field(curve, name, width)[stay] for name, width in compat.KEY_FIELDS}
    order = np.argsort(np.concatenate([old["co"][:, 0], frames]) if old else frames, kind="stable")
    points = curve.keyframe_points
    points.clear()
    points.add(len(order))
    for name, width in compat.KEY_FIELDS:
        new = _fresh(name, width, frames, values)
        column = np.concatenate([old[name], new]) if old else new
        points.foreach_set(name, np.ascontiguousarray(column[order]).ravel())


def _fresh(name: str, width: int, frames: Frames, values: Array) -> Array:
    """A field of new generated keys."""
    if width == 2:
        shift = {"handle_left": -HANDLE_REACH, "handle_right": HANDLE_REACH}.get(name, 0.0)
        return np.stack([frames + shift, values], axis=-1).astype(np.float32)
    return np.full(len(frames), _plain().get(name, compat.KEY_DEFAULTS.get(name, 0)), _type(name))


@cache
def _plain() -> dict[str, int]:
    return {"interpolation": compat.INTERPOLATION_LINEAR, "type": compat.key_type("GENERATED")}


def key_field(curve: bpy.types.FCurve, name: str, width: int = 1) -> Array:
    """A field of all keys: (keys,) or (keys, 2)."""
    count = len(curve.keyframe_points)
    values = np.empty(count * width, _type(name))
    curve.keyframe_points.foreach_get(name, values)
    return values.reshape(count, width) if width > 1 else values


@cache
def _type(name: str) -> Any:
    kind = bpy.types.Keyframe.bl_rna.properties[name].type
    return {"ENUM": np.int32, "BOOLEAN": np.bool_}.get(kind, np.float32)
