"""How much of a take is fixed, for the panel: counted when the take has changed and the hand has come to rest.

Comparing a minute's take takes 0.1 s, far too long for a redraw. So drawing only looks whether something may have
changed, and a timer counts. Without a window (no timers, no panels) nothing is counted before it is asked for.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..rig.recognise import recognise
from ..rig.rig_map import RigError
from ..scene import by_uid, find_character
from ..takes.span import SpanError, take_span
from .collect import search_pins

REST_SECONDS = 0.3  # after the last change, by eye


@dataclass(frozen=True)
class Count:
    """Poses that are pinned, and others that are edited."""

    pinned: int = 0
    edited: int = 0


class Counts:
    """The last count, of which take, and whether it still holds."""

    def __init__(self) -> None:
        self._of: tuple[Any, ...] = ()
        self._count: Count | None = None
        self._stale = True
        self._touched = 0.0
        self._operator: tuple[int, int] = (0, 0)
        self._tick = self.tick  # one reference, by which the timer is known again

    def forget(self) -> None:
        """Something changed."""
        self._stale, self._touched = True, time.monotonic()

    def get(self, context: bpy.types.Context) -> Count | None:
        """The last count of the active take, None before the first; quick. Where it may differ a timer counts anew."""
        done = context.window_manager.operators
        latest = (len(done), done[-1].as_pointer() if len(done) else 0)
        if latest != self._operator:  # changing the type of a key tells no handler
            self._operator = latest
            self.forget()
        name = _name(context)
        if name != self._of:
            self._of, self._count = name, None
            self.forget()
        if self._stale and not bpy.app.background and not bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.register(self._tick, first_interval=REST_SECONDS)
        return self._count

    def tick(self) -> float | None:
        """The timer: wait until nothing has changed for a moment, count, and have the sidebar drawn."""
        waiting = REST_SECONDS - (time.monotonic() - self._touched)
        if waiting > 0.0:
            return waiting
        if self._stale:
            self._count_again()
            for window in bpy.context.window_manager.windows:
                for area in window.screen.areas:
                    if area.type == "VIEW_3D":
                        area.tag_redraw()
        return None

    def update(self, context: bpy.types.Context) -> Count:
        """Count now."""
        self._of = _name(context)
        return self._count_again()

    def _count_again(self) -> Count:
        """Count in the take that was asked for last: a timer has no context of its own."""
        self._stale, self._count = False, Count()
        scene = armature = None
        if self._of:
            scene = by_uid(bpy.data.scenes, str(self._of[0]))
            armature = by_uid(bpy.data.objects, str(self._of[1]))
        if scene is not None and armature is not None:
            with suppress(RigError, SpanError):
                search = search_pins(armature, recognise(armature), take_span(scene, armature))
                self._count = Count(len(search.pinned), len(search.edited - search.pinned))
        return self._count

    def stop(self) -> None:
        """End the timer: one that is left keeps Blender 4.5 from quitting."""
        if bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.unregister(self._tick)
        self._of, self._count = (), None
        self.forget()


COUNTS = Counts()
CLASSES: tuple[type, ...] = ()


def count_text(count: Count | None, targets: int) -> str:
    """``3 pins, 12 edited keys kept, 1 target``."""
    if count is None:
        return "Counting..."
    parts = [
        f"{number} {word}{'' if number == 1 else 's'}{rest}"
        for number, word, rest in (
            (count.pinned, "pin", ""),
            (count.edited, "edited key", " kept"),
            (targets, "target", ""),
        )
        if number
    ]
    return ", ".join(parts) or "Nothing is pinned"


def _name(context: bpy.types.Context) -> tuple[Any, ...]:
    armature = find_character(context)
    data = armature.animation_data if armature is not None else None
    action = data.action if data is not None else None
    if armature is None or action is None:
        return ()
    return (context.scene.session_uid, armature.session_uid, action.session_uid)


@persistent
def _changed(_: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    if depsgraph.id_type_updated("ACTION"):
        COUNTS.forget()


@persistent
def _other_file(*_: object) -> None:
    COUNTS.forget()


def attach() -> None:
    """Add the handlers."""
    bpy.app.handlers.depsgraph_update_post.append(_changed)
    bpy.app.handlers.undo_post.append(_other_file)
    bpy.app.handlers.redo_post.append(_other_file)
    bpy.app.handlers.load_post.append(_other_file)


def detach() -> None:
    """Undo :func:`attach`."""
    COUNTS.stop()
    bpy.app.handlers.load_post.remove(_other_file)
    bpy.app.handlers.redo_post.remove(_other_file)
    bpy.app.handlers.undo_post.remove(_other_file)
    bpy.app.handlers.depsgraph_update_post.remove(_changed)
