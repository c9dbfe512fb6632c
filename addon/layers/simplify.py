"""Simplify: few BEZIER keys in the place of a take's many, that leave what is seen within bounds on every frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..client.take_file import arkit_names
from ..pins.collect import search_pins
from ..rig.character import face_shapes
from ..rig.convert import Array, Flags, Frames, turn_axes
from ..rig.recognise import recognise
from ..rig.rig_map import RigMap
from ..rig.skeleton import PELVIS
from ..takes.curves import (
    as_quaternions,
    guarded_channels,
    live_curves,
    rotation_channel,
    sample,
)
from ..takes.keys import bone_path, shape_path
from ..takes.reference import ARMATURE, edited_keys, load, thin
from ..takes.slots import owner_channels
from ..takes.span import TakeSpan
from ..takes.stack import owners
from ..takes.window import Free
from .groups import apex_frames, joint_groups, shape_groups
from .handles import remember_handles
from .measure import Body, Bounds, blame, distance
from .rows import OldKeys, old_keys, restore, write_sparse
from .thin import Channels, Keys, Thinning

SLACK = 0.998  # of the bounds, by eye: keys are stored in single precision
ROUNDS = 6  # of correcting what Blender evaluates, by eye; then every frame that is too far is keyed
STILL_SHAPE = 0.25  # of the bound, by eye: shapes that move less are keyed at their ends only


class SimplifyError(Exception):
    """Nothing can be simplified as it is asked for; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class Simplified:
    """What came of it: keys before and after, the largest errors as Blender evaluates the curves: metres of a place,
    radians of a joint's turn, weight of a shape; ``guarded`` channels were left alone.
    """

    before: int
    after: int
    place: float
    turn: float
    shape: float
    guarded: int


@dataclass(eq=False)
class _Part:
    """The channels of body or face: values (C, T) as they stand; ``rows`` of them with ``old`` keys to make fewer."""

    values: list[Array] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    old: list[OldKeys] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    reference: list[int | None] = field(default_factory=list)
    names: list[tuple[int, str, int]] = field(default_factory=list)

    def add(self, values: Array) -> int:
        """A channel's values (T,); returns its row."""
        self.values.append(values)
        return len(self.values) - 1


def simplify(
    armature: bpy.types.Object,
    span: TakeSpan,
    frames: tuple[int, int],
    free: Free,
    bounds: Bounds,
    grouping: str,
) -> Simplified:
    """Make the keys of the free channels fewer on scene frames ``frames`` (first, last), both included.

    Keys outside, pins and edited keys stay. RigError, SimplifyError: nothing has changed then.
    """
    rig = recognise(armature)
    take = _Take(armature, rig, span, frames)
    body, face = _BodyPart(take, free, grouping, bounds), _FacePart(take, free, grouping, bounds)
    parts = [part for part in (body, face) if part.part.old]
    if not parts:
        raise SimplifyError(
            f"Frames {frames[0]}-{frames[1]} have no keys that can be made fewer; choose other frames or body parts"
        )
    before = sum(old.inside for part in parts for old in part.part.old)
    after, removed = 0, []
    try:
        for part in parts:
            keys, count = part.settle()
            after += count
            removed += part.forgotten(keys)
    except SimplifyError:
        for old in (old for part in parts for old in part.part.old):
            restore(old)
        raise
    thin(span.action, removed)
    remember_handles(span.action, (entry for part in parts for entry in part.curves()))
    span.action.update_tag()
    place, turn = body.error()
    return Simplified(before, after, place, turn, face.error(), take.guarded)


class _Take:
    """A character's take on the frames that are made simpler."""

    def __init__(self, armature: bpy.types.Object, rig: RigMap, span: TakeSpan, frames: tuple[int, int]) -> None:
        self.armature, self.rig, self.span = armature, rig, span
        self.first, self.last = frames
        self.frames = np.arange(frames[0], frames[1] + 1)
        self.kept = search_pins(armature, rig, span).kept
        self.reference = load(span.action)
        self.guarded = 0
        self.faces = {key.name: names for key, names in face_shapes(armature).items()}
        self.owners = {
            (ARMATURE if owner == armature else owner.name): _Owner(owner, self) for owner in owners(armature)
        }

    def values(self, owner: str, path: str, present: Array, part: _Part, group: int | None) -> list[int]:
        """Read the channels under a path, those of a ``group`` to be made fewer; returns their rows."""
        found = self.owners[owner]
        rows = []
        for index, value in enumerate(present):
            curve = found.curves.get((path, index))
            rows.append(part.add(np.full(len(self.frames), value) if curve is None else sample(curve, self.frames)))
            if curve is None or group is None:
                continue
            if (path, index) in found.guarded:
                self.guarded += 1
                continue
            kept = np.asarray(self.kept.get((owner, path, index), np.zeros(0)), dtype=np.float64)
            old = old_keys(curve, self.first, self.last, kept)
            if old is not None:
                part.rows.append(rows[-1])
                part.old.append(old)
                part.group.append(group)
                part.reference.append(found.rows.get((path, index)))
                part.names.append((found.slot, path, index))
        return rows


class _Owner:
    """The armature or a face's shapes: curves, guarded ones among them, rows in the reference."""

    def __init__(self, owner: compat.Owner, take: _Take) -> None:
        channels = owner_channels(owner, take.span.action)
        self.id, self.slot = owner, channels.slot.handle if channels is not None else 0
        self.curves = live_curves(owner, channels) if channels is not None else {}
        self.guarded = guarded_channels(owner, channels)
        self.rows = {
            (keys.curve.data_path, keys.curve.array_index): keys.row
            for keys in (edited_keys(channels, take.reference) if channels is not None else ())
        }


class _Thinned:
    """What body and face have in common: choose keys, write them, and correct until Blender's curves are in bounds."""

    def __init__(self, take: _Take) -> None:
        self.take, self.part = take, _Part()

    def prepare(self, locked: Flags, liked: Flags, still: float) -> None:
        """The search, once all channels are read; ``locked`` and ``liked`` (groups, T)."""
        part, first = self.part, self.take.first
        self.all = np.array(part.values).reshape(len(part.values), len(self.take.frames))
        self.group = np.array(part.group, np.int_)
        forced = np.zeros((len(part.old), len(self.take.frames)), np.bool_)
        locked[:, [0, -1]] = True
        for row, old in enumerate(part.old):
            forced[row, : old.first - first + 1] = forced[row, old.last - first :] = True
            for frame in old.kept:
                near = np.array([np.floor(frame + 1e-3), np.ceil(frame - 1e-3)]).astype(int) - first
                forced[row, near] = True
                locked[part.group[row], near] = True
        channels = Channels(self.all[part.rows], self.group, forced)
        self.thinning = Thinning(channels, self.needs, locked, liked, still)

    def needs(self, curves: Array, slack: float = SLACK) -> Array:
        """How many times too far each group brings things: curves (C, T) -> (groups, T)."""
        raise NotImplementedError

    def settle(self) -> tuple[Keys, int]:
        """Choose and write keys; where Blender evaluates a frame too far off, there are more. Returns how many."""
        keys = self.thinning.choose()
        for attempt in range(len(self.take.frames)):
            count = self.write(keys)
            self.made = self.evaluated()
            need = self.needs(self.made, 1.0)
            if need.max(initial=0.0) <= 1.0:
                return keys, count
            more = self.thinning.split(keys.groups, need)
            if attempt >= ROUNDS or not (more & ~keys.groups).any():
                more = _all_between(keys.groups, need)
            if not (more & ~keys.groups).any():
                break
            keys = self.thinning.keys(more)
        raise SimplifyError("The curves can't be held within the bounds; allow a larger error")

    made: Array

    def write(self, keys: Keys) -> int:
        """Put the keys into the curves; returns how many there are."""
        first, count = self.take.first, 0
        for row, old in enumerate(self.part.old):
            frames = self._frames(keys, row)
            place = frames - first
            count += write_sparse(old, frames, self.thinning.channels.values[row, place], keys.slopes[row, place])
        return count

    def _frames(self, keys: Keys, row: int) -> Frames:
        frames = np.flatnonzero(keys.marks[row]) + self.take.first
        old = self.part.old[row]
        return frames[(frames >= old.first) & (frames <= old.last)]

    def forgotten(self, keys: Keys) -> list[tuple[int, Array, Array, Array]]:
        """For the reference: row, frames without a key now, frames with a new one and its values."""
        out = []
        for row, old in enumerate(self.part.old):
            known = self.part.reference[row]
            if known is not None:
                frames = self._frames(keys, row)
                gone = np.setdiff1d(np.arange(old.first, old.last + 1), frames)
                new = np.setdiff1d(frames, np.round(old.frames))
                out.append((known, gone, new, self.thinning.channels.values[row, new - self.take.first]))
        return out

    def curves(self) -> Iterator[tuple[tuple[int, str, int], Any, int, int]]:
        """The curves that were made simpler: slot, path and index, the curve, its first and last frame."""
        for name, old in zip(self.part.names, self.part.old, strict=True):
            yield name, old.curve, old.first, old.last

    def evaluated(self) -> Array:
        """The curves (C, T) as Blender evaluates them."""
        frames = self.take.frames.tolist()
        out = np.empty((len(self.part.old), len(frames)))
        for row, old in enumerate(self.part.old):
            evaluate: Callable[[float], float] = old.curve.evaluate
            out[row] = [evaluate(frame) for frame in frames]
        return out


class _BodyPart(_Thinned):
    """All joints; the free ones' channels are made fewer."""

    def __init__(self, take: _Take, free: Free, grouping: str, bounds: Bounds) -> None:
        super().__init__(take)
        self.joint_groups, self.body = joint_groups(grouping), Body(take.rig.rest)
        self.modes: list[tuple[int, str, list[int]]] = []
        bones = take.armature.pose.bones
        for joint in take.rig.present:
            bone = bones[take.rig.bones[joint]]
            channel = rotation_channel(bone.rotation_mode)
            group = int(self.joint_groups[joint]) if free.joints[joint] else None
            path = bone_path(bone.name, channel)
            rows = take.values(ARMATURE, path, np.array(getattr(bone, channel)), self.part, group)
            self.modes.append((joint, bone.rotation_mode, rows))
        pelvis = bones[take.rig.bones[PELVIS]]
        group = int(self.joint_groups[PELVIS]) if free.trans else None
        path = bone_path(pelvis.name, "location")
        self.place = take.values(ARMATURE, path, np.array(pelvis.location), self.part, group)
        apexes = apex_frames(
            take.span.plan, take.span.fps, take.first - take.span.start, len(take.frames), self.joint_groups
        )
        liked = np.tile(apexes.any(axis=0), (len(apexes), 1))
        self.prepare(apexes, liked, still=1e-6)
        self.was = self.pose(self.all)
        planted = self.body.planted(self.was, take.span.fps)
        places = np.where(planted, 0.5, 1.0) * bounds.place  # two frames of one stand differ by the whole bound
        turns = np.full((len(places), len(self.joint_groups)), bounds.turn)
        self.allowed = np.concatenate([places, turns], axis=1)

    def pose(self, values: Array) -> Any:
        """Forward kinematics of all channels (channels, T)."""
        rig = self.take.rig
        quats = np.zeros((values.shape[1], len(rig.bones), 4))
        quats[..., 0] = 1.0
        for joint, mode, rows in self.modes:
            quats[:, joint] = as_quaternions(mode, values[rows].T)
        turned = turn_axes(np.swapaxes(rig.turn, -1, -2), quats)
        return self.body.pose(turned, rig.trans_from_location(values[self.place].T))

    def needs(self, curves: Array, slack: float = SLACK) -> Array:
        """See above."""
        groups = len(self.thinning.locked)
        out = blame(self.body, self._apart(curves), self.allowed * slack, self.joint_groups, groups)
        return np.swapaxes(out, 0, 1)

    def _apart(self, curves: Array) -> Any:
        values = self.all.copy()
        values[self.part.rows] = curves
        return distance(self.pose(values), self.was)

    def error(self) -> tuple[float, float]:
        """The largest error of a place, metres, and of a turn, radians, as Blender evaluates the curves."""
        if not self.part.old:
            return 0.0, 0.0
        apart = self._apart(self.made)
        return float(apart.places.max()), float(apart.turns.max())


class _FacePart(_Thinned):
    """The ARKit shapes of all meshes."""

    def __init__(self, take: _Take, free: Free, grouping: str, bounds: Bounds) -> None:
        super().__init__(take)
        self.allowed, groups = bounds.shape, shape_groups(grouping)
        for owner, column, value in _shapes(take) if free.face else ():
            path = shape_path(take.faces[owner][arkit_names()[column]])
            take.values(owner, path, np.array([value]), self.part, int(groups[column]))
        nothing = np.zeros((int(groups.max()) + 1, len(take.frames)), np.bool_)
        self.prepare(nothing.copy(), nothing, still=STILL_SHAPE * bounds.shape)

    def needs(self, curves: Array, slack: float = SLACK) -> Array:
        """See above."""
        out = np.zeros_like(self.thinning.locked, dtype=np.float64)
        np.maximum.at(out, self.group, np.abs(curves - self.thinning.channels.values) / (self.allowed * slack))
        return out

    def error(self) -> float:
        """The largest error of a weight, as Blender evaluates the curves."""
        if not self.part.old:
            return 0.0
        return float(np.abs(self.made - self.thinning.channels.values).max())


def _shapes(take: _Take) -> Iterator[tuple[str, int, float]]:
    for name, owner in take.owners.items():
        if name != ARMATURE:
            for column, shape in enumerate(arkit_names()):
                block = owner.id.key_blocks.get(take.faces[name].get(shape, ""))
                if block is not None:
                    yield name, column, float(block.value)


def _all_between(groups: Flags, need: Array) -> Flags:
    """A key on every frame around those that are too far."""
    more = groups.copy()
    for group, frame in np.argwhere(need > 1.0):
        places = np.flatnonzero(groups[group])
        first, last = places[places <= frame][-1], places[places >= frame][0]
        more[group, max(first - 1, 0) : last + 2] = True
    return more
