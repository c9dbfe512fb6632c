"""The handles that Simplify fitted, kept in the take: keying between two keys makes Blender shorten theirs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

from ..rig.convert import Array
from ..takes.reference import ON_FRAME
from ..takes.rows import key_field

HANDLES_KEY = "cospeech_handles"
Name = tuple[int, str, int]  # the slot's handle, the data path, the array index
COLUMNS = 7  # frame, the left and the right handle from the key on, their types
Tables = dict[Name, Array]


def remember_handles(action: bpy.types.Action, curves: Iterable[tuple[Name, Any, int, int]]) -> None:
    """Keep the handles of curves on scene frames first..last, as they are now."""
    tables = load_handles(action)
    for name, curve, first, last in curves:
        new = _table(curve)
        old = tables.get(name, np.zeros((0, COLUMNS), np.float32))
        inside, outside = ((table[:, 0] >= first) & (table[:, 0] <= last) for table in (new, old))
        rows = np.concatenate([old[~outside], new[inside]])
        tables[name] = rows[np.argsort(rows[:, 0], kind="stable")]
    names = [[list(name), len(table)] for name, table in tables.items()]
    values = np.concatenate(list(tables.values())) if tables else np.zeros((0, COLUMNS))
    action[HANDLES_KEY] = {"curves": json.dumps(names), "values": np.ascontiguousarray(values, np.float32).ravel()}


def load_handles(action: bpy.types.Action) -> Tables:
    """Handles (keys, 7) of each curve that was simplified; none where that is damaged."""
    stored = action.get(HANDLES_KEY)
    if stored is None:
        return {}
    try:
        names = json.loads(stored["curves"])
        values = np.frombuffer(stored["values"], np.float32).reshape(-1, COLUMNS).copy()
        ends = np.cumsum([count for _, count in names])[:-1]
        parts = np.split(values, ends)
        return {(int(h), str(p), int(i)): part for ((h, p, i), _), part in zip(names, parts, strict=True)}
    except (KeyError, TypeError, ValueError, BufferError):
        return {}


def put_handles(fields: dict[str, Array], table: Array) -> None:
    """Give keys, as rows of their fields, the handles of a table where they are on the same frame."""
    frames = fields["co"][:, 0]
    at = np.clip(np.searchsorted(table[:, 0], frames - ON_FRAME), 0, max(len(table) - 1, 0))
    rows = np.flatnonzero(np.abs(table[at, 0] - frames) < ON_FRAME) if len(table) else np.zeros(0, int)
    found = table[at[rows]] if len(rows) else table[:0]
    fields["handle_left"][rows] = fields["co"][rows] + found[:, 1:3]
    fields["handle_right"][rows] = fields["co"][rows] + found[:, 3:5]
    fields["handle_left_type"][rows] = np.round(found[:, 5])
    fields["handle_right_type"][rows] = np.round(found[:, 6])


def _table(curve: Any) -> Array:
    places = key_field(curve, "co", 2)
    parts = [places[:, :1]] + [key_field(curve, name, 2) - places for name in ("handle_left", "handle_right")]
    parts += [key_field(curve, name)[:, None] for name in ("handle_left_type", "handle_right_type")]
    return np.concatenate(parts, axis=1).astype(np.float32)
