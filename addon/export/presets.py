"""What each engine wants of an FBX file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Axis = Literal["X", "Y", "Z", "-X", "-Y", "-Z"]


@dataclass(frozen=True)
class Preset:
    """``armature_name``: "" keeps the character's; ``units``: units of the file's data in a metre; ``y_up``: the data
    is turned Y up; axes and scale mode as Blender's exporter names them.

    Scale and turn are baked into rest bones, keys and meshes, so no node of the file carries a scale of 100 or a
    turn of 90 degrees.
    """

    armature_name: str
    units: float
    y_up: bool
    axis_forward: Axis
    axis_up: Axis
    scale_options: Literal["FBX_SCALE_NONE", "FBX_SCALE_UNITS"]


# Units to the metre and axes, as each program's importer asks for them.
# Unreal: centimetres, Z up and facing -Y as its own FBX convention: nothing is left for the importer to convert. It
# drops a top node called "Armature", so that the bone `root` is the skeleton's root.
# Unity: metres, and the file says so, so that the importer shows scale 1; Y up.
# Generic: FBX's own habit, centimetres and Y up.
PRESETS = {
    "UNREAL": Preset("Armature", 100.0, False, "Y", "Z", "FBX_SCALE_NONE"),
    "UNITY": Preset("", 1.0, True, "-Z", "Y", "FBX_SCALE_UNITS"),
    "GENERIC": Preset("", 100.0, True, "-Z", "Y", "FBX_SCALE_NONE"),
}
