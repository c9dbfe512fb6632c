"""Whether pins changed since a take was made: a print of all that is pinned or edited, taken anew only when needed.

Reading every key takes some milliseconds, so the panel's question is answered from memory until Blender says that the
Action changed, and then once a second at most, of long takes less often.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

import bpy
import numpy as np

from .. import compat
from ..scene import targets_of
from ..takes.reference import edited_keys, load

LEAST_SECONDS = 1.0  # from look to look, by eye
LARGEST_SHARE = 0.03  # of the time may go into looking, by eye


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
            for target in targets_of(armature)
            if target.enabled
        ]
    )  # fmt: skip


@dataclass
class _Seen:
    """The print of an Action, how many changes Blender had told of by then, and until when it is good enough."""

    text: str
    changes: int
    until: float


class PinWatch:
    """Remembers prints between redraws."""

    def __init__(self) -> None:
        self._changes: dict[int, int] = {}
        self._seen: dict[int, _Seen] = {}
        self._operator: tuple[int, int] = (0, 0)

    def changed(self, action: bpy.types.Action) -> None:
        """Blender evaluates the Action anew: its keys may be others."""
        self._changes[action.session_uid] = self._changes.get(action.session_uid, 0) + 1

    def forget(self) -> None:
        """Another file is open."""
        self._changes.clear()
        self._seen.clear()

    def print_of(self, action: bpy.types.Action) -> str:
        """The print as it is now, or was a second or two ago."""
        uid, now = action.session_uid, time.monotonic()
        latest = _last_operator()
        if latest != self._operator:  # changing the type of a key tells no handler
            self._operator = latest
            self.changed(action)
        changes, seen = self._changes.get(uid, 0), self._seen.get(uid)
        if seen is not None and (seen.changes == changes or now < seen.until):
            return seen.text
        return self.fingerprint(action)

    def fingerprint(self, action: bpy.types.Action) -> str:
        """Take the print now."""
        uid = action.session_uid
        began = time.monotonic()
        text = pin_print(action)
        now = time.monotonic()
        until = now + max(LEAST_SECONDS, (now - began) / LARGEST_SHARE)
        self._seen[uid] = _Seen(text, self._changes.get(uid, 0), until)
        return text


def _last_operator() -> tuple[int, int]:
    done = bpy.context.window_manager.operators
    return len(done), done[-1].as_pointer() if len(done) else 0


WATCH = PinWatch()
