"""Pins where animators work: the Pose menu, the Key menus of Dope Sheet and Graph Editor, and context menus."""

from __future__ import annotations

import bpy

POSE_MENUS = ("VIEW3D_MT_pose", "VIEW3D_MT_pose_context_menu")
KEY_MENUS = ("DOPESHEET_MT_key", "DOPESHEET_MT_context_menu", "GRAPH_MT_key", "GRAPH_MT_context_menu")
SHAPE_MENUS = ("MESH_MT_shape_key_context_menu",)


class COSPEECH_MT_pins(bpy.types.Menu):
    """Pins of the selected bones, or of the selected keys"""

    bl_idname = "COSPEECH_MT_pins"
    bl_label = "Cospeech Pins"

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the operators."""
        layout = self.layout
        layout.operator("cospeech.pin", icon="PINNED")
        layout.operator("cospeech.unpin", icon="UNPINNED")
        layout.operator("cospeech.unpin", text="Unpin and Restore").restore = True
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("cospeech.pin_from_take")
        layout.operator_context = "EXEC_DEFAULT"
        layout.operator("cospeech.snap_to_pin")
        layout.operator("cospeech.jump_to_pin", text="Jump to Next Pin").direction = "NEXT"
        layout.operator("cospeech.jump_to_pin", text="Jump to Previous Pin").direction = "PREVIOUS"
        layout.separator()
        layout.operator("cospeech.pin_shape")
        layout.operator("cospeech.unpin_shape")
        layout.operator("cospeech.pin_shape", text="Pin Whole Face").shapes = "ALL"
        layout.operator("cospeech.unpin_shape", text="Unpin Whole Face").shapes = "ALL"
        layout.separator()
        layout.operator_menu_enum("cospeech.clear_pins", "scope")
        layout.operator_menu_enum("cospeech.target_add", "joint")
        layout.operator("cospeech.target_remove")
        layout.operator("cospeech.target_toggle")


CLASSES = (COSPEECH_MT_pins,)


def _draw_pins(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu(COSPEECH_MT_pins.bl_idname)


def _draw_shapes(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("cospeech.pin_shape", icon="PINNED")
    self.layout.operator("cospeech.unpin_shape", icon="UNPINNED")


def attach() -> None:
    """Add the menu entries."""
    for name in (*POSE_MENUS, *KEY_MENUS):
        getattr(bpy.types, name).append(_draw_pins)
    for name in SHAPE_MENUS:
        getattr(bpy.types, name).append(_draw_shapes)


def detach() -> None:
    """Undo :func:`attach`."""
    for name in SHAPE_MENUS:
        getattr(bpy.types, name).remove(_draw_shapes)
    for name in (*KEY_MENUS, *POSE_MENUS):
        getattr(bpy.types, name).remove(_draw_pins)
