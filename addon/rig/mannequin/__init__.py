"""The skinned mannequin of *Add Character*: own geometry, 55 vertex groups, 52 ARKit shape keys."""

from .blender import build_mannequin

__all__ = ["build_mannequin"]
