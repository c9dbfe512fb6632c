"""Whether pins changed since a take was made: a print of all that is pinned or edited, taken anew only when needed.

Reading every key takes some milliseconds, so the panel's question is answered from memory until Blender says that the
Action changed, and then once a second at most.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

import bpy
import numpy as np

from .. import compat
from ..pins.reference import edited_keys, load

LEAST_SECONDS = 1.0


def pin_print(action: bpy.types.Action) -> str:
    """A hash of the frames and values of all pinned and edited keys; "" where there are none."""
    digest, found = hashlib.blake2b(digest_size=12), False
    reference = load(action)
    for slot in action.slots:
        channels = compat.slot_channels(action, slot)
        for keys in edited_keys(channels, reference) if channels is not None else ():
            chosen = keys.pinned | keys.edited
            if chosen.any():
                found = True
                digest.update(f"{slot.identifier} {keys.curve.data_path} {keys.curve.array_index}".encode())
                digest.update(np.ascontiguousarray(keys.frames[chosen]).tobytes())
                digest.update(np.ascontiguousarray(keys.values[chosen]).tobytes())
    return digest.hexdigest() if found else ""


def target_print(action: bpy.types.Action) -> str | None:
    """What the targets of the character that the Action moves ask for; None where it moves nobody now."""
    for obj in bpy.data.objects:
        data = obj.animation_data
        if obj.type == "ARMATURE" and data is not None and data.action == action:
            return _targets_of(obj)
    return None


def _targets_of(armature: bpy.types.Object) -> str:
    return repr(
        [
            (target.object.name if target.object else "", target.bone, target.joint, target.first, target.last,
             round(target.tolerance, 6), [round(value, 5) for value in target.offset])
            for target in armature.cospeech_targets
            if target.enabled
        ]
    )  # fmt: skip


@dataclass
class _Seen:
    """The print of an Action, how many changes Blender had told of by then, and when it was taken."""

    text: str
    changes: int
    moment: float


class PinWatch:
    """Remembers prints between redraws."""

    def __init__(self) -> None:
        self._changes: dict[int, int] = {}
        self._seen: dict[int, _Seen] = {}

    def changed(self, action: bpy.types.Action) -> None:
        """Blender evaluates the Action anew: its keys may be others."""
        self._changes[action.session_uid] = self._changes.get(action.session_uid, 0) + 1

    def forget(self) -> None:
        """Another file is open."""
        self._changes.clear()
        self._seen.clear()

    def print_of(self, action: bpy.types.Action) -> str:
        """The print as it is now, or was less than a second ago."""
        uid, now = action.session_uid, time.monotonic()
        changes, seen = self._changes.get(uid, 0), self._seen.get(uid)
        if seen is not None and (seen.changes == changes or now - seen.moment < LEAST_SECONDS):
            return seen.text
        return self.look(action)

    def look(self, action: bpy.types.Action) -> str:
        """Take the print now."""
        uid = action.session_uid
        text = pin_print(action)
        self._seen[uid] = _Seen(text, self._changes.get(uid, 0), time.monotonic())
        return text


WATCH = PinWatch()
