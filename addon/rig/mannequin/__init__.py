"""The skinned mannequin of *Add Character*: own geometry, 55 vertex groups, 52 ARKit shape keys.

The figure lies as arrays in assets/mannequin/mannequin.npz, which :mod:`.make` builds from the forms in this package
(``python -m addon.rig.mannequin.make``). Importing this package imports no bpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bpy
    import numpy as np


def build_mannequin(armature: bpy.types.Object, rest: np.ndarray, name: str, look: str = "plain") -> bpy.types.Object:
    """The skinned figure for an armature; see :func:`.blender.build_mannequin`."""
    return import_module(".blender", __package__).build_mannequin(armature, rest, name, look)
