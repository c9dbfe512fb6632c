"""Cospeech's add-on: the only code that imports bpy; :mod:`.registration` has what Blender calls."""

from .registration import register, unregister

__all__ = ["register", "unregister"]
