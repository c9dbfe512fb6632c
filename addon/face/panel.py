"""Sub-panel: which meshes receive the face, and under which names."""

from __future__ import annotations

from typing import Any

import bpy

from ..rig.character import face_shapes
from ..scene import face_of, find_character
from ..ui import RowList, SubPanel, draw_sentence
from .mapping import missing_blocks
from .ops import face_blocker
from .props import CospeechFaceMesh

# Rows of the lists, by eye.
ROWS = 3
SHAPE_ROWS = 6


class COSPEECH_UL_face_meshes(RowList, bpy.types.UIList):
    """The meshes of a mapping."""

    def draw_row(self, _context: bpy.types.Context, layout: bpy.types.UILayout, item: Any) -> None:
        """A tick, the mesh, how many of its shapes are given."""
        row = layout.row(align=True)
        row.prop(item, "use", text="")
        row.label(text=item.mesh.name if item.mesh is not None else f"{item.name} (gone)", icon="MESH_DATA")
        row.label(text=f"{sum(bool(shape.block) for shape in item.shapes)} of 52")


class COSPEECH_UL_face_shapes(RowList, bpy.types.UIList):
    """The 52 shapes of one mesh."""

    def draw_row(self, context: bpy.types.Context, layout: bpy.types.UILayout, item: Any) -> None:
        """ARKit's name, and whether a shape key stands for it."""
        key = active_key(find_character(context))
        there = key is not None and item.block in key.key_blocks
        layout.label(text=item.name, icon="SHAPEKEY_DATA" if there else "ERROR" if item.block else "BLANK1")


def active_entry(armature: bpy.types.Object | None) -> CospeechFaceMesh | None:
    """The mapping's mesh whose shapes are shown."""
    mapping = face_of(armature) if armature is not None else None
    if mapping is None or not mapping.use or not 0 <= mapping.active_mesh < len(mapping.meshes):
        return None
    return mapping.meshes[mapping.active_mesh]


def active_key(armature: bpy.types.Object | None) -> bpy.types.Key | None:
    """Its shape keys."""
    entry = active_entry(armature)
    mesh = entry.mesh if entry is not None else None
    return mesh.data.shape_keys if mesh is not None and mesh.type == "MESH" else None


class COSPEECH_PT_face(SubPanel, bpy.types.Panel):
    """Which meshes receive the face"""

    bl_label = "Face Meshes"
    bl_order = 16

    def draw(self, context: bpy.types.Context) -> None:
        """Who receives keys now, the search, and the mapping where there is one."""
        layout, armature = self.layout, find_character(context)
        reason = face_blocker(context)
        if armature is None:
            draw_sentence(layout, reason, "INFO")
            return
        mapping = face_of(armature)
        layout.operator("cospeech.face_find", icon="VIEWZOOM")
        if mapping.use:
            _draw_mapping(layout, armature)
        else:
            draw_sentence(layout, _automatic(armature), "INFO")
        row = layout.row(align=True)
        row.operator("cospeech.face_save", text="Save")
        row.operator("cospeech.face_load", text="Load")
        row.operator("cospeech.face_clear", text="Clear")
        if reason:
            draw_sentence(layout, reason, "INFO")


def _automatic(armature: bpy.types.Object) -> str:
    found = face_shapes(armature)
    if not found:
        return "No mesh has shape keys with ARKit's names; look for others with Find Face Shapes"
    summary = ", ".join(f"{key.user.name} ({len(names)})" for key, names in found.items())
    return f"By ARKit's names: {summary}"


def _draw_mapping(layout: bpy.types.UILayout, armature: bpy.types.Object) -> None:
    mapping = face_of(armature)
    layout.template_list(
        "COSPEECH_UL_face_meshes", "", mapping, "meshes", mapping, "active_mesh", rows=ROWS, maxrows=ROWS
    )
    entry, key = active_entry(armature), active_key(armature)
    if entry is not None and key is not None:
        layout.template_list(
            "COSPEECH_UL_face_shapes", "", entry, "shapes", mapping, "active_shape", rows=SHAPE_ROWS, maxrows=SHAPE_ROWS
        )
        shape = entry.shapes[min(mapping.active_shape, len(entry.shapes) - 1)]
        column = layout.column(align=True)
        column.label(text=f"Shape key for {shape.name}:")
        column.prop_search(shape, "block", key, "key_blocks", text="")
    for note in missing_blocks(armature):
        draw_sentence(layout, note, "ERROR")


CLASSES = (COSPEECH_UL_face_meshes, COSPEECH_UL_face_shapes, COSPEECH_PT_face)
