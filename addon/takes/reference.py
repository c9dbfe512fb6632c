"""What the generator wrote into a take, kept in its Action: so a key that the animator changed is known as hers.

The Action's custom property "cospeech_reference" holds a float32 for each F-curve and frame of the take, NaN where the
generator wrote no key. It goes with the Action through copies, undo and files, and takes 2 MB for a minute.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat
from .slots import owner_channels
from .stack import owners

REFERENCE_KEY = "cospeech_reference"
VERSION = 1  # number of the record's layout
ARMATURE = "ARMATURE"  # owner of the body's curves in ``kept``; the face's are named after their shape-key data
TOLERANCE = 1e-6  # of a value, at least of 1: less is single precision
ON_FRAME = 1e-3  # frames: what is nearer to a whole frame lies on it, by eye
AUTOMATIC_HANDLES = ("AUTO", "AUTO_CLAMPED")
RENAMED_SHARE = 0.5  # of a curve's keys that must be the generator's to know the curve under another name, by eye

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Kept = Mapping[tuple[str, str, int], Collection[float]]
Name = tuple[int, str, int]  # the slot's handle, the data path, the array index


@dataclass(frozen=True, eq=False)
class Reference:
    """``values`` (curves, T): what stood on scene frame ``start + i`` when written, NaN for no key; ``rows`` finds a
    curve's row; ``automatic`` are the rows whose handles were automatic.
    """

    start: int
    values: Floats
    rows: dict[Name, int]
    automatic: frozenset[int]

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return int(self.values.shape[1])


@dataclass(frozen=True, eq=False)
class CurveKeys:
    """The keys of one curve: ``frames`` and ``values`` (n,), which are ``pinned``, and which are ``edited``: differ
    from what was written. ``row`` is the curve's row in the reference, None where the generator did not write it.
    """

    curve: Any
    frames: Floats
    values: Floats
    pinned: Flags
    edited: Flags
    row: int | None


def remember(
    action: bpy.types.Action,
    start: int,
    frames: int,
    *,
    written: Collection[str] | None = None,
    before: bpy.types.Action | None = None,
) -> None:
    """Take the keys of type GENERATED on ``frames`` scene frames from ``start`` on as what the generator wrote.

    Call it after a take was written. Where the take carries over curves of another Action ``before``, ``written`` are
    the data paths of its own ones: the others keep what ``before`` remembers of them, so her edits there stay edits.
    """
    old = load(before)
    rows: list[Floats] = []
    names: list[Name] = []
    automatic: list[int] = []
    for slot, curve in _curves(action):
        name = (slot.handle, curve.data_path, curve.array_index)
        if written is None or curve.data_path in written:
            row, is_automatic = _generated(curve, start, frames)
        elif old is not None and before is not None:
            row, is_automatic = _carried(old, _old_name(before, slot, name), start, frames)
        else:
            continue
        if not np.isnan(row).all():
            if is_automatic:
                automatic.append(len(rows))
            names.append(name)
            rows.append(row)
    _store(action, start, names, np.stack(rows) if rows else np.zeros((0, frames), np.float32), automatic)


def remember_window(
    armature: bpy.types.Object, action: bpy.types.Action, first: int, end: int, kept: Kept | None = None
) -> None:
    """After the scene frames ``first``..``end - 1`` were written anew: take their GENERATED keys as what was written.

    Keys on ``kept`` frames (:func:`addon.pins.collect.search_pins`) keep what was remembered of them: an
    edit stays an edit. Keys that the writer set beside the window are remembered as well. An Action without a
    reference stays without one.
    """
    reference = load(action)
    if reference is None:
        return
    values, rows = reference.values.copy(), dict(reference.rows)
    automatic = set(reference.automatic)
    fresh: list[Floats] = []
    low, high = max(first - reference.start, 0), min(end - reference.start, reference.frames)
    for owner, channels in take_channels(armature, action):
        for curve in channels.fcurves:
            name = (channels.slot.handle, curve.data_path, curve.array_index)
            row = rows.get(name)
            known = values[row] if row is not None else np.full(reference.frames, np.nan, np.float32)
            now, is_automatic = _generated(curve, reference.start, reference.frames)
            now[_held(kept, (owner, curve.data_path, curve.array_index), reference)] = np.nan
            place = np.isnan(known) & ~np.isnan(now)
            place[low:high] |= ~np.isnan(now[low:high])
            known[place] = now[place]
            if row is None and place.any():
                row = rows[name] = len(values) + len(fresh)
                fresh.append(known)
                automatic |= {row} if is_automatic else set()
    names = sorted(rows, key=lambda name: rows[name])
    _store(action, reference.start, names, np.concatenate([values, fresh]) if fresh else values, sorted(automatic))


def thin(action: bpy.types.Action, removed: Iterable[tuple[int, Any, Any, Any]]) -> None:
    """After keys were taken out: for each row the scene frames that have no key now, those that have a new one, and its
    values. From then on the handles of these curves, which were fitted, say nothing of the animator.
    """
    reference = load(action)
    if reference is None:
        return
    values, automatic = reference.values.copy(), set(reference.automatic)
    for row, gone, new, written in removed:
        for frames, now in ((gone, np.nan), (new, written)):
            index = np.asarray(frames, np.int_) - reference.start
            inside = (index >= 0) & (index < reference.frames)
            values[row, index[inside]] = now[inside] if isinstance(now, np.ndarray) else now
        automatic.discard(row)
    names = sorted(reference.rows, key=lambda name: reference.rows[name])
    _store(action, reference.start, names, values, sorted(automatic))


def forget(action: bpy.types.Action) -> None:
    """Drop the reference: from then on only pins count."""
    action.pop(REFERENCE_KEY, None)


def load(action: bpy.types.Action | None) -> Reference | None:
    """The reference of an Action, None where it has none or it is damaged. ``values`` is a view: copy it to keep it."""
    stored = action.get(REFERENCE_KEY) if action is not None else None
    if stored is None:
        return None
    try:
        table = json.loads(stored["curves"])
        names = [(int(handle), str(path), int(index)) for handle, path, index in table["names"]]
        frames = int(table["frames"])
        values = np.frombuffer(stored["values"], np.float32) if names else np.zeros(0, np.float32)
        return Reference(
            int(table["start"]),
            values.reshape(len(names), frames),
            {name: row for row, name in enumerate(names)},
            frozenset(int(row) for row in table["automatic"]),
        )
    except (KeyError, TypeError, ValueError, BufferError):
        return None


def edited_keys(channels: compat.Channels, reference: Reference | None) -> Iterator[CurveKeys]:
    """Every curve of a slot with its keys compared with the reference.

    Pinned are keys of type EXTREME. Edited are keys whose value differs, keys on frames where the generator wrote
    none (added, moved, between frames), and those with handles set by hand, on curves with fewer keys than frames;
    with a key on every frame handles show on none. Without a reference nothing is edited; of a curve that the
    generator did not write, all keys are but the GENERATED ones. A renamed curve is known by its values.
    """
    extreme, generated = compat.key_type("EXTREME"), compat.key_type("GENERATED")
    curves = list(channels.fcurves)
    rows = _match(channels, curves, reference)
    for curve, row in zip(curves, rows, strict=True):
        places = _places(curve)
        types = _field(curve, "type")
        pinned = types == extreme
        if reference is None:
            edited = np.zeros(len(types), np.bool_)
        elif row is None:
            edited = types != generated
        else:
            edited = _differs(places, reference.values[row], reference.start)
            if row in reference.automatic and np.isnan(reference.values[row]).any():
                edited |= ~_automatic(curve)
        yield CurveKeys(curve, places[:, 0], places[:, 1], pinned, edited, row)


def reference_values(reference: Reference, row: int, frames: NDArray[Any]) -> Floats:
    """What was written on scene frames (n,), NaN where nothing was."""
    index = np.round(frames).astype(int) - reference.start
    inside = (index >= 0) & (index < reference.frames) & (np.abs(frames - np.round(frames)) < ON_FRAME)
    out = np.full(len(index), np.nan, np.float32)
    out[inside] = reference.values[row, index[inside]]
    return out


def take_channels(armature: bpy.types.Object, action: bpy.types.Action) -> Iterator[tuple[str, compat.Channels]]:
    """The character's curves in an Action: ("ARMATURE", the body's), and (name of the shape-key data, the face's)."""
    for owner in owners(armature):
        channels = owner_channels(owner, action)
        if channels is not None:
            yield (ARMATURE if owner == armature else owner.name), channels


def _differs(places: Floats, row: Floats, start: int) -> Flags:
    count = len(places)
    if np.array_equal(places[:, 1], row) and np.array_equal(places[:, 0], np.arange(start, start + count)):
        return np.zeros(count, np.bool_)  # the usual case, quickly
    whole = np.round(places[:, 0])
    index = whole.astype(int) - start
    inside = (index >= 0) & (index < len(row)) & (np.abs(places[:, 0] - whole) < ON_FRAME)
    written = np.full(count, np.nan, np.float32)
    written[inside] = row[index[inside]]
    same = np.abs(places[:, 1] - written) <= TOLERANCE * np.maximum(1.0, np.abs(written))
    return ~same  # also where nothing was written


def _match(channels: compat.Channels, curves: list[Any], reference: Reference | None) -> list[int | None]:
    """Each curve's row; curves under a new name take a row that is left and has their values."""
    if reference is None:
        return [None] * len(curves)
    handle = channels.slot.handle
    rows = [reference.rows.get((handle, curve.data_path, curve.array_index)) for curve in curves]
    left = {name: row for name, row in reference.rows.items() if name[0] == handle and row not in set(rows)}
    for place, curve in enumerate(curves):
        if rows[place] is None and left:
            rows[place] = _renamed(curve, left, reference)
            left = {name: row for name, row in left.items() if row != rows[place]}
    return rows


def _renamed(curve: Any, left: dict[Name, int], reference: Reference) -> int | None:
    kind = _kind(curve.data_path)
    rows = [row for (_, path, index), row in left.items() if index == curve.array_index and _kind(path) == kind]
    places = _places(curve) if rows else np.zeros((0, 2), np.float32)
    shares = [
        1.0 - _differs(places, reference.values[row], reference.start).mean() if len(places) else 0.0 for row in rows
    ]
    best = int(np.argmax(shares)) if shares else 0
    return rows[best] if shares and shares[best] >= RENAMED_SHARE else None


def _kind(path: str) -> str:
    return path.rpartition('"]')[2]


def _generated(curve: Any, start: int, frames: int) -> tuple[Floats, bool]:
    """Values (frames,) of the GENERATED keys, NaN where there is none; and whether all handles are automatic."""
    row = np.full(frames, np.nan, np.float32)
    places = _places(curve)
    index = np.round(places[:, 0]).astype(int) - start
    good = (_field(curve, "type") == compat.key_type("GENERATED")) & (index >= 0) & (index < frames)
    good &= np.abs(places[:, 0] - np.round(places[:, 0])) < ON_FRAME
    row[index[good]] = places[good, 1]
    return row, len(places) >= frames or bool(_automatic(curve).all())


def _carried(old: Reference, name: Name | None, start: int, frames: int) -> tuple[Floats, bool]:
    row = old.rows.get(name) if name is not None else None
    if row is None:
        return np.full(frames, np.nan, np.float32), False
    return reference_values(old, row, np.arange(start, start + frames)), row in old.automatic


def _old_name(before: bpy.types.Action, slot: Any, name: Name) -> Name | None:
    twin: bpy.types.ActionSlot | None = before.slots.get(slot.identifier)
    if twin is None:
        fitting = [other for other in before.slots if other.target_id_type == slot.target_id_type]
        twin = fitting[0] if len(fitting) == 1 else None
    return (twin.handle, *name[1:]) if twin is not None else None


def _held(kept: Kept | None, name: tuple[str, str, int], reference: Reference) -> Flags:
    held = np.zeros(reference.frames, np.bool_)
    frames = (kept or {}).get(name)
    if frames is not None and len(frames):
        index = np.round(np.fromiter(frames, np.float64)).astype(int) - reference.start
        held[index[(index >= 0) & (index < reference.frames)]] = True
    return held


def _curves(action: bpy.types.Action) -> Iterator[tuple[Any, Any]]:
    for slot in action.slots:
        channels = compat.slot_channels(action, slot)
        for curve in channels.fcurves if channels is not None else ():
            yield slot, curve


def _places(curve: Any) -> Floats:
    places = np.empty(len(curve.keyframe_points) * 2, np.float32)
    curve.keyframe_points.foreach_get("co", places)
    return places.reshape(-1, 2)


def _field(curve: Any, name: str) -> NDArray[np.int32]:
    values = np.empty(len(curve.keyframe_points), np.int32)
    curve.keyframe_points.foreach_get(name, values)
    return values


def _automatic(curve: Any) -> Flags:
    """Which keys (n,) have two automatic handles."""
    numbers = [compat.key_enum("handle_left_type", name) for name in AUTOMATIC_HANDLES]
    out: Flags = np.isin(_field(curve, "handle_left_type"), numbers) & np.isin(
        _field(curve, "handle_right_type"), numbers
    )
    return out


def _store(action: bpy.types.Action, start: int, names: list[Name], values: Floats, automatic: list[int]) -> None:
    table = {
        "version": VERSION,
        "start": start,
        "frames": int(values.shape[1]),
        "names": names,
        "automatic": automatic,
    }
    stored: dict[str, Any] = {"curves": json.dumps(table, ensure_ascii=False)}
    if values.size:
        stored["values"] = np.ascontiguousarray(values, np.float32).ravel()
    action[REFERENCE_KEY] = stored
