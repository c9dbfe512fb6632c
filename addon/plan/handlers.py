"""What the plan needs to hear: takes that are written, files that are opened, and Actions that change."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..scene import plan_of
from ..takes.apply import AFTER_WRITE, is_take
from .changes import sync
from .pinprint import WATCH

CLASSES: tuple[type, ...] = ()


@persistent
def _fill_lists(*_: object) -> None:
    """Takes of older files get their plan's list."""
    WATCH.forget()
    for action in bpy.data.actions:
        if is_take(action) and action.is_editable and not plan_of(action).synced:
            sync(action)


@persistent
def _note_changes(_: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    for update in depsgraph.updates:
        if isinstance(update.id, bpy.types.Action):
            WATCH.changed(update.id.original)


def attach() -> None:
    """Add the handlers."""
    AFTER_WRITE.append(sync)
    bpy.app.handlers.load_post.append(_fill_lists)
    bpy.app.handlers.depsgraph_update_post.append(_note_changes)


def detach() -> None:
    """Undo :func:`attach`."""
    bpy.app.handlers.depsgraph_update_post.remove(_note_changes)
    bpy.app.handlers.load_post.remove(_fill_lists)
    AFTER_WRITE.remove(sync)
    WATCH.forget()
