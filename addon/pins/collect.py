"""What is fixed in the active take of a character: pins, the animator's own keys, and targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat
from ..client.take_file import arkit_names
from ..rig.character import face_shapes
from ..rig.rig_map import RigMap
from ..rig.skeleton import JOINTS, PELVIS
from ..takes.curves import driven_channels, rotation_channel
from ..takes.keys import bone_path, shape_path
from ..takes.reference import ARMATURE, CurveKeys, Reference, edited_keys, load, take_channels
from ..takes.span import TakeSpan
from .modes import edited_in_another_mode

Flags = NDArray[np.bool_]

MOST = 0.6  # of the keys, by eye: more than anyone edits by hand


def search_pins(armature: bpy.types.Object, rig: RigMap, span: TakeSpan) -> Search:
    """The pins and edited keys of a take; no frame is evaluated."""
    search = Search(span, load(span.action))
    faces = {key.name: names for key, names in face_shapes(armature).items()}
    for owner, channels in take_channels(armature, span.action):
        if owner == ARMATURE:
            search.look_at_body(armature, rig, channels)
        else:
            search.look_at_face(owner, channels, faces[owner])
    return search


class Search:
    """A take's pins and edited keys as they are found: masks, kept keys, and the poses (bone or shape, frame)."""

    def __init__(self, span: TakeSpan, reference: Reference | None) -> None:
        self._span, self._reference = span, reference
        self.rotation_mask = np.zeros((span.frames, len(JOINTS)), np.bool_)
        self.trans_mask = np.zeros(span.frames, np.bool_)
        self.blendshape_mask = np.zeros((span.frames, len(arkit_names())), np.bool_)
        self.kept: dict[tuple[str, str, int], NDArray[np.float64]] = {}
        self.pinned: set[tuple[str, int]] = set()
        self.edited: set[tuple[str, int]] = set()
        self._outside: set[tuple[str, int]] = set()
        self._keys = self._edited_keys = 0

    def notes(self) -> tuple[str, ...]:
        """What could not be used, or looks like a mistake, as sentences."""
        notes = []
        if self._edited_keys > MOST * self._keys:
            notes.append(
                "Most keys differ from what was generated, and are kept; if the take was moved in time, "
                f"move it back to frame {self._span.start}"
            )
        count = len(self._outside)
        if not count:
            return tuple(notes)
        what, hold = ("1 pin lies", "it holds") if count == 1 else (f"{count} pins lie", "they hold")
        frames = f"{self._span.start}-{self._span.end - 1}"
        return (*notes, f"{what} outside the take's frames {frames}, where {hold} nothing")

    def look_at_body(self, armature: bpy.types.Object, rig: RigMap, channels: compat.Channels) -> None:
        """The bones of the joints: their rotation in the present rotation mode, and the pelvis' place."""
        curves = _by_path(edited_keys(channels, self._reference))
        driven = driven_channels(armature)
        for joint in rig.present:
            bone = armature.pose.bones[rig.bones[joint]]
            path = bone_path(bone.name, rotation_channel(bone.rotation_mode))
            found = [keys for keys in curves.get(path, ()) if (path, keys.curve.array_index) not in driven]
            if found and self._reference is not None and all(keys.row is None for keys in found):
                found = edited_in_another_mode(bone, found, self._reference, channels)
            self._add(ARMATURE, bone.name, found, self.rotation_mask[:, joint])
            if joint == PELVIS:
                path = bone_path(bone.name, "location")
                place = [keys for keys in curves.get(path, ()) if (path, keys.curve.array_index) not in driven]
                self._add(ARMATURE, bone.name, place, self.trans_mask)

    def look_at_face(self, owner: str, channels: compat.Channels, names: Mapping[str, str]) -> None:
        """The shapes of one mesh; ``names``: ARKit name -> shape key."""
        curves = _by_path(edited_keys(channels, self._reference))
        for column, name in enumerate(arkit_names()):
            if name in names:
                self._add(owner, name, curves.get(shape_path(names[name]), []), self.blendshape_mask[:, column])

    def _add(self, owner: str, item: str, curves: list[CurveKeys], mask: Flags) -> None:
        """Put what is fixed in the curves of one item into its mask (T,), a view."""
        fixed: set[int] = set()
        for keys in curves:
            index = np.round(keys.frames).astype(int) - self._span.start
            inside = (index >= 0) & (index < self._span.frames)
            self._keys += len(index)
            self._edited_keys += int(keys.edited.sum())
            for flags, found in ((keys.pinned, self.pinned), (keys.edited, self.edited)):
                rows = index[flags & inside].tolist()
                fixed.update(rows)
                found.update((item, row) for row in rows)
            self._outside.update((item, row) for row in index[keys.pinned & ~inside].tolist())
        if not fixed:
            return
        mask[list(fixed)] = True
        for keys in curves:
            index = np.clip(np.round(keys.frames).astype(int) - self._span.start, -1, self._span.frames)
            held = np.append(mask, (False, False))[index]  # -1 and T read the two that were added
            if held.any():
                name = (owner, keys.curve.data_path, keys.curve.array_index)
                self.kept[name] = keys.frames[held].astype(np.float64)


def _by_path(curves: Iterable[CurveKeys]) -> dict[str, list[CurveKeys]]:
    found: dict[str, list[CurveKeys]] = {}
    for keys in curves:
        found.setdefault(keys.curve.data_path, []).append(keys)
    return found
