"""Load, save and switch takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..client.take_file import TakeFileError, read_take, write_take
from ..rig.recognise import recognise, warnings
from ..scene import KEYED_PARTS, NO_CHARACTER, find_character, take_start
from ..ui import OperatorResult, RefusedError, UndoOperator
from .apply import ApplyError, RigError, apply_take
from .read import read_performance, take_range
from .shelf import takes_of, use_take


class _TakeOperator(UndoOperator):
    """What the operators on takes share: they need a character."""

    refusals = (ApplyError, RigError, TakeFileError)

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Why there is no character."""
        return "" if find_character(context) is not None else NO_CHARACTER


class COSPEECH_OT_load_take(_TakeOperator, bpy.types.Operator, ImportHelper):  # type: ignore[misc]  # check(), as Blender has it
    """Put a take (.npz of Cospeech, BEAT2 or SMPL-X) onto the character as its new Action"""

    if TYPE_CHECKING:
        filepath: str  # of Blender's helper

    bl_idname = "cospeech.load_take"
    bl_label = "Load Take"

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="Scene frame of the take's first frame", options={"SKIP_SAVE"}
    )
    parts: KEYED_PARTS
    flat_hands: bpy.props.BoolProperty(
        name="Flat Hand Reference",
        description="For files that do not say: read the fingers against flat hands, not against the mean hand pose",
        default=False,
    )

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> OperatorResult:
        """Ask for the file; for a dropped one only for the options."""
        self.start_frame = take_start(context.scene)
        return self.invoke_popup(context)

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Read the file, and key it."""
        if not self.properties.is_property_set("start_frame"):
            self.start_frame = take_start(context.scene)
        armature = find_character(context)
        path = Path(bpy.path.abspath(self.filepath))
        take = read_take(path, self.flat_hands)
        name = f"{armature.name}_{path.stem}_0" if take.provenance is None else ""
        action = apply_take(context, armature, take, start_frame=self.start_frame, parts=set(self.parts), name=name)
        frames = round(action.frame_end - action.frame_start) + 1
        notes = warnings(armature, recognise(armature))
        text = f"Loaded {frames} frames as '{action.name}'"
        return "WARNING" if notes else "INFO", ". ".join([text, *notes])


class COSPEECH_OT_save_take(_TakeOperator, bpy.types.Operator, ExportHelper):  # type: ignore[misc]  # check(), as Blender has it
    """Save what the character does, your own keys included, as a take (.npz) at the scene's rate"""

    if TYPE_CHECKING:
        filepath: str  # of Blender's helper

    bl_idname = "cospeech.save_take"
    bl_label = "Save Take"
    bl_options = {"REGISTER"}

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})
    first_frame: bpy.props.IntProperty(
        name="First Frame", description="Default: where the active Action begins", options={"SKIP_SAVE"}
    )
    last_frame: bpy.props.IntProperty(
        name="Last Frame", description="Default: where the active Action ends", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Offer the Action's name and range."""
        armature = find_character(context)
        data = armature.animation_data
        if not self.filepath:
            self.filepath = bpy.path.clean_name(data.action.name if data and data.action else armature.name) + ".npz"
        self.first_frame, self.last_frame = take_range(context, armature)
        return ExportHelper.invoke(self, context, event)

    def work(self, context: bpy.types.Context) -> str:
        """Read the performance, and write the file."""
        armature = find_character(context)
        first, last = take_range(context, armature)
        first = self.first_frame if self.properties.is_property_set("first_frame") else first
        last = self.last_frame if self.properties.is_property_set("last_frame") else last
        if last < first:
            raise RefusedError(f"The range {first}..{last} is empty; put the last frame after the first")
        if not self.filepath:
            raise RefusedError("Choose a file to save the take in")
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(".npz")
        take = read_performance(context, armature, first, last)
        write_take(path, take)
        return f"Saved {take.frames} frames to {path.name}"


class COSPEECH_OT_use_take(_TakeOperator, bpy.types.Operator):
    """Make this take the active one; the present one is kept in a muted NLA track"""

    bl_idname = "cospeech.use_take"
    bl_label = "Use Take"

    action: bpy.props.StringProperty(name="Take", description="Name of the take's Action", options={"SKIP_SAVE"})

    def work(self, context: bpy.types.Context) -> str | None:
        """Switch."""
        armature = find_character(context)
        action = next((take for take in takes_of(armature) if take.name == self.action), None)
        if action is None:
            raise RefusedError(f"'{armature.name}' has no take '{self.action}'; choose one from the Takes panel")
        if armature.animation_data.use_tweak_mode:
            raise RefusedError(f"An NLA strip of '{armature.name}' is being tweaked; leave Tweak Mode (Tab) first")
        if action == armature.animation_data.action:
            return None  # it is the active one
        use_take(armature, action)
        return ""


class COSPEECH_FH_take(bpy.types.FileHandler):
    """A take dropped into the viewport is loaded"""

    bl_idname = "COSPEECH_FH_take"
    bl_label = "Cospeech take"
    bl_import_operator = "cospeech.load_take"
    bl_file_extensions = ".npz"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only onto the 3D view."""
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (COSPEECH_OT_load_take, COSPEECH_OT_save_take, COSPEECH_OT_use_take, COSPEECH_FH_take)


def _draw_import(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    self.layout.operator(COSPEECH_OT_load_take.bl_idname, text="Cospeech Take (.npz)")


def _draw_export(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    self.layout.operator(COSPEECH_OT_save_take.bl_idname, text="Cospeech Take (.npz)")


def attach() -> None:
    """Add the menu entries."""
    bpy.types.TOPBAR_MT_file_import.append(_draw_import)
    bpy.types.TOPBAR_MT_file_export.append(_draw_export)


def detach() -> None:
    """Undo :func:`attach`."""
    bpy.types.TOPBAR_MT_file_export.remove(_draw_export)
    bpy.types.TOPBAR_MT_file_import.remove(_draw_import)
