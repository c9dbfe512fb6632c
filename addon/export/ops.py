"""Export FBX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy_extras.io_utils import ExportHelper

from ..rig.recognise import recognise
from ..rig.rig_map import RigError
from ..scene import NO_CHARACTER, find_character
from ..takes.stack import visible_take
from ..ui import OperatorResult, RefusedError, UndoOperator
from .fbx import export_take
from .presets import PRESETS
from .stage import ExportError, StageOptions

PRESET_ITEMS = (
    (
        "UNREAL",
        "Unreal",
        "Centimetres, Z up; the armature is named so that Unreal drops it and 'root' is the root bone",
    ),
    ("UNITY", "Unity", "Metres, Y up; imported without scale and rotation"),
    ("GENERIC", "Generic", "Centimetres, Y up, as most programs expect"),
)
ROOT_ITEMS = (
    ("ROOT", "Root Bone", "The root bone travels over the floor under the pelvis"),
    ("PELVIS", "Pelvis", "The pelvis travels and the root bone stays, as it is keyed"),
    ("IN_PLACE", "In Place", "Nothing travels over the floor"),
)


class COSPEECH_OT_export_fbx(UndoOperator, bpy.types.Operator, ExportHelper):  # type: ignore[misc]  # check(), as Blender has it
    """Write the character's active take, with its mesh and shape keys, as FBX for a game engine"""

    if TYPE_CHECKING:
        filepath: str  # of Blender's helper

    bl_idname = "cospeech.export_fbx"
    bl_label = "Export FBX"
    bl_options = {"REGISTER", "PRESET"}

    filename_ext = ".fbx"
    filter_glob: bpy.props.StringProperty(default="*.fbx", options={"HIDDEN"})
    preset: bpy.props.EnumProperty(
        name="Preset", description="Program that will read the file", items=PRESET_ITEMS, default="UNREAL"
    )
    root_motion: bpy.props.EnumProperty(
        name="Root Motion", description="What carries the travel over the floor", items=ROOT_ITEMS, default="ROOT"
    )
    at_origin: bpy.props.BoolProperty(
        name="At Origin", description="Leave out where the character stands in this scene", default=True
    )
    from_zero: bpy.props.BoolProperty(
        name="Start at Frame 0",
        description="Move the take's first frame to 0; else frames stay the scene's",
        default=False,
    )
    use_meshes: bpy.props.BoolProperty(
        name="Meshes", description="Export the character's meshes and shape keys too", default=True
    )

    refusals = (ExportError, RigError)

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Only a character that has a take leaves, outside its Edit Mode."""
        armature = find_character(context)
        if armature is None:
            return NO_CHARACTER
        if armature.mode == "EDIT":
            return "Leave Edit Mode to export"
        return "" if visible_take(armature) else f"'{armature.name}' has no take; generate or load one first"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Offer the take's name, and a root motion that the rig can carry."""
        armature = find_character(context)
        if not self.filepath:
            self.filepath = bpy.path.clean_name(visible_take(armature).name) + ".fbx"
        if self.root_motion == "ROOT" and not has_root(armature):
            self.root_motion = "PELVIS"
        return ExportHelper.invoke(self, context, event)

    def work(self, context: bpy.types.Context) -> str:
        """Write the file."""
        armature = find_character(context)
        if not self.filepath:
            raise RefusedError("Choose a file to export to")
        path = Path(bpy.path.abspath(self.filepath))
        if path.suffix.lower() != ".fbx":
            path = path.with_name(path.name + ".fbx")
        options = StageOptions(PRESETS[self.preset], self.root_motion, self.at_origin, self.from_zero, self.use_meshes)
        frames = export_take(context, armature, path, options)
        return f"Wrote {frames} frames of '{visible_take(armature).name}' to {path.name}"


def has_root(armature: bpy.types.Object) -> bool:
    """Whether the rig has a bone above the pelvis; True too for what is no rig, of which the export itself tells."""
    try:
        return bool(recognise(armature).root_bone)
    except RigError:
        return True


CLASSES = (COSPEECH_OT_export_fbx,)


def _draw_export(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    self.layout.operator(COSPEECH_OT_export_fbx.bl_idname, text="Cospeech Take (.fbx)")


def attach() -> None:
    """Add the menu entry."""
    bpy.types.TOPBAR_MT_file_export.append(_draw_export)


def detach() -> None:
    """Undo :func:`attach`."""
    bpy.types.TOPBAR_MT_file_export.remove(_draw_export)
