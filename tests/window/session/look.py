"""What the session asserts on: the document's state, keys to the bit, grey buttons' reasons, the Info log."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from hands import override, window

MODULE = "bl_ext.user_default.cospeech"
NO_REASON = "context is incorrect"
EXTREME = "EXTREME"
Channel = tuple[str, str, int]


@dataclass(frozen=True, eq=False)
class Keys:
    """One curve's keys: scene frames, values, types as numbers."""

    frames: np.ndarray
    values: np.ndarray
    types: np.ndarray

    def outside(self, first: int, last: int) -> bytes:
        """Everything before ``first`` and after ``last``, to the bit."""
        chosen = (self.frames < first) | (self.frames > last)
        return self.frames[chosen].tobytes() + self.values[chosen].tobytes() + self.types[chosen].tobytes()

    def at(self, frame: int) -> tuple[bytes, int]:
        """Value and type on a frame, to the bit."""
        row = int(np.flatnonzero(self.frames == frame)[0])
        return self.values[row].tobytes(), int(self.types[row])


def settings() -> Any:
    """Our settings in the scene."""
    return bpy.context.scene.cospeech


def character() -> bpy.types.Object:
    """The scene's character."""
    return settings().character


def active_action() -> bpy.types.Action | None:
    """The character's active Action."""
    data = character().animation_data
    return data.action if data else None


def curves_of(action: bpy.types.Action) -> Iterator[tuple[Channel, bpy.types.FCurve]]:
    """Every curve with its (slot, path, index)."""
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                for curve in bag.fcurves:
                    yield (bag.slot.identifier, curve.data_path, curve.array_index), curve


def keys_of(action: bpy.types.Action) -> dict[Channel, Keys]:
    """Every curve's keys."""
    found = {}
    for spot, curve in curves_of(action):
        count = len(curve.keyframe_points)
        places, types = np.empty((count, 2), np.float32), np.empty(count, np.int32)
        curve.keyframe_points.foreach_get("co", places.ravel())
        curve.keyframe_points.foreach_get("type", types)
        found[spot] = Keys(places[:, 0].copy(), places[:, 1].copy(), types)
    return found


def fingerprint(action: bpy.types.Action | None) -> str:
    """One text that is equal only for equal keys, markers and frame range."""
    if action is None:
        return ""
    digest = hashlib.sha256()
    for spot, keys in sorted(keys_of(action).items()):
        digest.update(repr(spot).encode() + keys.frames.tobytes() + keys.values.tobytes() + keys.types.tobytes())
    for marker in action.pose_markers:
        digest.update(f"{marker.name}@{marker.frame}".encode())
    digest.update(repr(tuple(action.frame_range)).encode())
    return digest.hexdigest()


def bone_keys(action: bpy.types.Action, bone: str) -> dict[Channel, Keys]:
    """A bone's curves."""
    return {spot: keys for spot, keys in keys_of(action).items() if f'"{bone}"' in spot[1]}


def extremes(action: bpy.types.Action) -> dict[Channel, list[float]]:
    """Frames with keys of type EXTREME, by curve."""
    found = {}
    for spot, curve in curves_of(action):
        frames = [key.co[0] for key in curve.keyframe_points if key.type == EXTREME]
        if frames:
            found[spot] = frames
    return found


def tracks() -> list[tuple[str, bool]]:
    """The character's NLA tracks: name, muted."""
    data = character().animation_data
    return [(track.name, track.mute) for track in data.nla_tracks] if data else []


def untouched() -> tuple[Any, ...]:
    """What no operator of ours may change unasked: rate, range, frame, mode, selection, active object."""
    scene, context = bpy.context.scene, bpy.context
    layer = context.view_layer
    return (
        scene.render.fps,
        scene.render.fps_base,
        scene.frame_start,
        scene.frame_end,
        scene.frame_current,
        layer.objects.active.name if layer.objects.active else "",
        tuple(sorted(obj.name for obj in layer.objects if obj.select_get())),
        layer.objects.active.mode if layer.objects.active else "",
    )


def document() -> tuple[Any, ...]:
    """The previous state that one undo must bring back."""
    strips = bpy.context.scene.sequence_editor
    actor = character()
    action = active_action() if actor else None
    return (
        untouched(),
        action.name if action else "",
        fingerprint(action),
        tracks() if actor else [],
        sorted(found.name for found in bpy.data.actions),
        sorted(strip.name for strip in strips.strips) if strips else [],
        settings().audio,
    )


def running() -> list[str]:
    """Our operators that run modally."""
    return [found.bl_idname for found in window().modal_operators if found.bl_idname.startswith("COSPEECH")]


def note() -> tuple[str, bool]:
    """What the panel says of the last job, and whether it failed."""
    session = sys.modules[f"{MODULE}.setup.engine"].SESSION
    return session.note, session.failed


def end_engine() -> None:
    """The next job starts a new engine, which has heard nothing yet."""
    sys.modules[f"{MODULE}.setup.engine"].SESSION.let_go()


def progress() -> float:
    """How far the running job is; -1 where none runs."""
    job = sys.modules[f"{MODULE}.setup.engine"].SESSION.job
    return job.fraction if job is not None else -1.0


def grey_without_reason() -> list[str]:
    """Our operators that can't be used now and don't say why."""
    silent = []
    for name in dir(bpy.ops.cospeech):
        action = getattr(bpy.ops.cospeech, name)
        with override("UI"):
            if action.poll():
                continue
            try:
                action()
            except RuntimeError as error:
                if NO_REASON in str(error) or not re.search(r"poll\(\)\s+\S", str(error)):
                    silent.append(f"cospeech.{name}")
    return silent


def error_reports() -> list[str]:
    """Reports of type ERROR that Blender still holds; those already shown are in its output too."""
    reports = getattr(bpy.context.window_manager, "reports", ())
    return [report.message for report in reports if report.type.startswith("ERROR")]
