"""A character in an empty file, for figures that are taken in Blender."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def character_at(fps: int) -> Iterator[Any]:
    """A scene of this rate with our own character; the add-on is registered meanwhile."""
    import bpy

    import addon

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    addon.register()
    try:
        bpy.context.scene.render.fps = fps
        bpy.ops.cospeech.add_character()
        yield bpy.context.scene
    finally:
        addon.unregister()
