"""Find, clear, save and load the mapping of a character's face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..scene import NO_CHARACTER, face_of, find_character
from ..ui import UndoOperator
from .mapping import MappingError, clear, find_mapping, read_mapping, write_mapping

SUFFIX = ".json"


def face_blocker(context: bpy.types.Context) -> str:
    """Why the mapping can't be changed; empty where it can."""
    armature = find_character(context)
    if armature is None:
        return NO_CHARACTER
    if not armature.is_editable:
        return f"'{armature.name}' is linked from another file; make a library override of the character"
    return ""


def mapping_blocker(context: bpy.types.Context) -> str:
    """Why there is no mapping to save or clear; empty where there is one."""
    reason = face_blocker(context)
    if reason:
        return reason
    return "" if face_of(find_character(context)).use else "There is no mapping yet; use Find Face Shapes"


class _FaceOperator(UndoOperator):
    """What the operators on the mapping share."""

    blocker = staticmethod(face_blocker)
    refusals = (MappingError,)


class COSPEECH_OT_face_find(_FaceOperator, bpy.types.Operator):
    """Choose by their names the meshes and shape keys that receive the face: of the character, and of selected meshes.
    Prefixes, other case and endings such as _L are understood
    """

    bl_idname = "cospeech.face_find"
    bl_label = "Find Face Shapes"

    def work(self, context: bpy.types.Context) -> str:
        """Fill the mapping."""
        found = find_mapping(find_character(context), context.selected_objects)
        listed = ", ".join(f"{count} on '{name}'" for name, count in found.items())
        return f"Found shapes: {listed}"


class COSPEECH_OT_face_clear(_FaceOperator, bpy.types.Operator):
    """Forget the mapping: every mesh of the character with shape keys of ARKit's own names receives the face again"""

    bl_idname = "cospeech.face_clear"
    bl_label = "Clear Mapping"

    blocker = staticmethod(mapping_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Clear it."""
        clear(find_character(context))
        return ""


class COSPEECH_OT_face_save(_FaceOperator, ExportHelper, bpy.types.Operator):
    """Save which meshes and shape keys receive the face, for other files with this character"""

    if TYPE_CHECKING:
        filepath: str  # of Blender's helper

    bl_idname = "cospeech.face_save"
    bl_label = "Save Mapping"
    bl_options = {"REGISTER"}
    filename_ext = SUFFIX

    filter_glob: bpy.props.StringProperty(default=f"*{SUFFIX}", options={"HIDDEN"})

    blocker = staticmethod(mapping_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Write the file."""
        write_mapping(find_character(context), Path(self.filepath))
        return f"Saved {Path(self.filepath).name}"


class COSPEECH_OT_face_load(_FaceOperator, ImportHelper, bpy.types.Operator):
    """Take over a saved choice of meshes and shape keys"""

    if TYPE_CHECKING:
        filepath: str  # of Blender's helper

    bl_idname = "cospeech.face_load"
    bl_label = "Load Mapping"
    filename_ext = SUFFIX

    filter_glob: bpy.props.StringProperty(default=f"*{SUFFIX}", options={"HIDDEN"})

    def work(self, context: bpy.types.Context) -> str | tuple[str, str]:
        """Read the file."""
        armature = find_character(context)
        notes = read_mapping(armature, Path(self.filepath))
        if notes:
            return "WARNING", ". ".join(["Loaded", *notes])
        return f"{len(face_of(armature).meshes)} meshes receive the face"


CLASSES = (COSPEECH_OT_face_find, COSPEECH_OT_face_clear, COSPEECH_OT_face_save, COSPEECH_OT_face_load)
