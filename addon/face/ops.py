"""Find, clear, save and load the mapping of a character's face."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..scene import NO_CHARACTER, find_character
from ..ui import allowed
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
    return "" if find_character(context).cospeech_face.use else "There is no mapping yet; use Find Face Shapes"


class COSPEECH_OT_face_find(bpy.types.Operator):
    """Choose by their names the meshes and shape keys that receive the face: of the character, and of selected meshes.
    Prefixes, other case and endings such as _L are understood
    """

    bl_idname = "cospeech.face_find"
    bl_label = "Find Face Shapes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a character that can be changed."""
        return allowed(cls, face_blocker(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fill the mapping."""
        try:
            found = find_mapping(find_character(context), context.selected_objects)
        except MappingError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        told = ", ".join(f"{count} on '{name}'" for name, count in found.items())
        self.report({"INFO"}, f"Found shapes: {told}")
        return {"FINISHED"}


class COSPEECH_OT_face_clear(bpy.types.Operator):
    """Forget the mapping: every mesh of the character with shape keys of ARKit's own names receives the face again"""

    bl_idname = "cospeech.face_clear"
    bl_label = "Clear Mapping"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a mapping."""
        return allowed(cls, mapping_blocker(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Clear it."""
        clear(find_character(context))
        return {"FINISHED"}


class COSPEECH_OT_face_save(ExportHelper, bpy.types.Operator):
    """Save which meshes and shape keys receive the face, for other files with this character"""

    bl_idname = "cospeech.face_save"
    bl_label = "Save Mapping"
    bl_options = {"REGISTER"}
    filename_ext = SUFFIX

    filter_glob: bpy.props.StringProperty(default=f"*{SUFFIX}", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a mapping."""
        return allowed(cls, mapping_blocker(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write the file."""
        try:
            write_mapping(find_character(context), Path(self.filepath))
        except MappingError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Saved {Path(self.filepath).name}")
        return {"FINISHED"}


class COSPEECH_OT_face_load(ImportHelper, bpy.types.Operator):
    """Take over a saved choice of meshes and shape keys"""

    bl_idname = "cospeech.face_load"
    bl_label = "Load Mapping"
    bl_options = {"REGISTER", "UNDO"}
    filename_ext = SUFFIX

    filter_glob: bpy.props.StringProperty(default=f"*{SUFFIX}", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a character that can be changed."""
        return allowed(cls, face_blocker(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Read the file."""
        armature = find_character(context)
        try:
            notes = read_mapping(armature, Path(self.filepath))
        except MappingError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if notes:
            self.report({"WARNING"}, ". ".join(["Loaded", *notes]))
        else:
            self.report({"INFO"}, f"{len(armature.cospeech_face.meshes)} meshes receive the face")
        return {"FINISHED"}


CLASSES = (COSPEECH_OT_face_find, COSPEECH_OT_face_clear, COSPEECH_OT_face_save, COSPEECH_OT_face_load)
