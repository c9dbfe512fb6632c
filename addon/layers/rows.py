"""Put few keys with handles in the place of many, in one F-curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import compat
from ..rig.convert import Array, Flags, Frames
from ..takes.reference import ON_FRAME
from ..takes.rows import key_field

THIRD = 1.0 / 3.0  # of the way to the next key: a handle there makes Bezier's curve a cubic of time


@dataclass(frozen=True, eq=False)
class OldKeys:
    """An F-curve's keys before they are made fewer, every field, and the part of them that is: scene frames
    ``first``..``last``, both with a key. ``kept`` scene frames (n,) are those of keys that must stay.
    """

    curve: Any
    fields: dict[str, Array]
    first: int
    last: int
    kept: Array

    @property
    def frames(self) -> Array:
        """Frames of the keys (n,)."""
        out: Array = self.fields["co"][:, 0]
        return out

    @property
    def between(self) -> Array:
        """Frames of kept keys that lie between two whole frames."""
        out: Array = self.kept[np.abs(self.kept - np.round(self.kept)) >= ON_FRAME]
        return out

    @property
    def inside(self) -> int:
        """How many keys there are in the part that is made fewer."""
        return int(((self.frames >= self.first - ON_FRAME) & (self.frames <= self.last + ON_FRAME)).sum())


def old_keys(curve: Any, first: int, last: int, kept: Array) -> OldKeys | None:
    """A curve's keys and what of scene frames ``first``..``last`` can be made fewer; None where nothing can."""
    frames = key_field(curve, "co", 2)[:, 0]
    whole = np.round(frames[np.abs(frames - np.round(frames)) < ON_FRAME]).astype(int)
    whole = whole[(whole >= first) & (whole <= last)]
    if len(whole) < 3:
        return None
    fields = {name: key_field(curve, name, width) for name, width in compat.KEY_FIELDS}
    low, high = int(whole.min()), int(whole.max())
    return OldKeys(curve, fields, low, high, kept[(kept >= low - ON_FRAME) & (kept <= high + ON_FRAME)])


def write_sparse(old: OldKeys, frames: Frames, values: Array, slopes: Array) -> int:
    """Put keys on whole scene frames ``frames`` (n,), ``old.first`` and ``old.last`` among them, with these values and
    slopes a frame; keys outside stay in every field. Returns how many keys there are in this part now.

    Where a key was, it stays with its value and type. The handles that shape what lies outside, and those of kept keys
    that showed before, stay where they are. All others are ALIGNED and reach a third of the way.
    """
    before, after = old.frames < old.first - ON_FRAME, old.frames > old.last + ON_FRAME
    between = np.zeros(len(old.frames), np.bool_)
    if len(old.between):
        between = np.isin(old.frames, old.between.astype(old.frames.dtype)) & ~before & ~after
    new = _new_fields(old, frames, values, slopes, outside=(bool(before.any()), bool(after.any())))
    stay = before | after | between
    order = np.argsort(np.concatenate([old.frames[stay], new["co"][:, 0]]), kind="stable")
    points = old.curve.keyframe_points
    points.clear()
    points.add(len(order))
    for name, _ in compat.KEY_FIELDS:
        column = np.concatenate([old.fields[name][stay], new[name]])[order]
        points.foreach_set(name, np.ascontiguousarray(column, old.fields[name].dtype).ravel())
    return len(frames) + int(between.sum())


def restore(old: OldKeys) -> None:
    """Put all keys back as they were."""
    points = old.curve.keyframe_points
    points.clear()
    points.add(len(old.frames))
    for name, _ in compat.KEY_FIELDS:
        points.foreach_set(name, np.ascontiguousarray(old.fields[name]).ravel())


def _new_fields(
    old: OldKeys, frames: Frames, values: Array, slopes: Array, outside: tuple[bool, bool]
) -> dict[str, Array]:
    rows, known = _rows_of(old, frames)
    new = {name: old.fields[name][rows].copy() for name, _ in compat.KEY_FIELDS}
    for name, width in compat.KEY_FIELDS:
        if width == 1:
            new[name][~known] = compat.KEY_DEFAULTS.get(name, 0)
    new["type"][~known] = compat.key_type("GENERATED")
    new["co"][~known] = np.stack([frames, values], axis=-1)[~known]
    bezier = compat.key_enum("interpolation", "BEZIER")
    shown = old.fields["interpolation"] == bezier
    shown_left = np.concatenate([[False], shown[:-1]])
    kept = known & _near(frames, old.kept)
    hold_left, hold_right = kept & shown_left[rows], kept & shown[rows]
    hold_left[0] |= outside[0] and shown_left[rows[0]]
    hold_right[-1] |= outside[1] and shown[rows[-1]]
    plain = ~known | (new["interpolation"] == compat.key_enum("interpolation", "LINEAR")) | ~kept
    if outside[1]:
        plain[-1] = False
    new["interpolation"][plain] = bezier
    _set_handles(new, frames, slopes, hold_left, hold_right)
    return new


def _set_handles(new: dict[str, Array], frames: Frames, slopes: Array, hold_left: Flags, hold_right: Flags) -> None:
    gaps = np.diff(frames).astype(np.float64)
    back, ahead = np.append(gaps[:1], gaps) * THIRD, np.append(gaps, gaps[-1:]) * THIRD
    for name, reach, hold in (("handle_left", -back, hold_left), ("handle_right", ahead, hold_right)):
        place = new["co"] + np.stack([reach, reach * slopes], axis=-1)
        new[name][~hold] = place[~hold]
    aligned, free = compat.key_enum("handle_left_type", "ALIGNED"), compat.key_enum("handle_left_type", "FREE")
    automatic = [compat.key_enum("handle_left_type", name) for name in ("AUTO", "AUTO_CLAMPED")]
    whole = hold_left & hold_right
    for name in ("handle_left_type", "handle_right_type"):
        kinds = new[name]
        kinds[~(hold_left | hold_right)] = aligned
        kinds[hold_left ^ hold_right] = free
        kinds[whole & np.isin(kinds, automatic)] = aligned
        kinds[whole & (kinds == compat.key_enum("handle_left_type", "VECTOR"))] = free


def _rows_of(old: OldKeys, frames: Frames) -> tuple[Array, Flags]:
    """The old keys on these frames (n,), and where there was one; elsewhere a key near by."""
    after = np.clip(np.searchsorted(old.frames, frames), 0, len(old.frames) - 1)
    before = np.maximum(after - 1, 0)
    rows = np.where(np.abs(old.frames[before] - frames) < np.abs(old.frames[after] - frames), before, after)
    return rows, np.abs(old.frames[rows] - frames) < ON_FRAME


def _near(frames: Frames, kept: Array) -> Flags:
    """Which frames (n,) are among the kept ones."""
    if not len(kept):
        return np.zeros(len(frames), np.bool_)
    out: Flags = np.any(np.abs(frames[:, None] - kept[None]) < ON_FRAME, axis=1)
    return out
