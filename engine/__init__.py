"""Cospeech's motion engine: speech in, SMPL-X motion out. Never imports bpy; runs as ``python -m engine``."""

from engine.version import __version__

__all__ = ["__version__"]
