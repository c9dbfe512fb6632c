"""Sub-panel Keys, and the entries in the Key menus of Dope Sheet and Graph Editor."""

from __future__ import annotations

import bpy

from ..pins.scope import take_blocker
from ..scene import find_character
from ..takes.stack import find_stack
from ..ui import SubPanel, draw_sentence
from .counts import keys_text

KEY_MENUS = ("DOPESHEET_MT_key", "GRAPH_MT_key")


class COSPEECH_PT_keys(SubPanel, bpy.types.Panel):
    """Few keys, and your edits in a layer"""

    bl_label = "Keys"
    bl_order = 37

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the buttons, and how many keys there are."""
        layout = self.layout
        armature = find_character(context)
        stack = find_stack(armature) if armature is not None else None
        reason = take_blocker(context)
        column = layout.column(align=True)
        column.operator("cospeech.simplify", icon="IPO_BEZIER")
        row = column.row(align=True)
        row.operator("cospeech.layer_edits", icon="NLA")
        row.operator("cospeech.merge_layer")
        if stack is not None:
            row = column.row(align=True)
            row.operator("cospeech.mute_layer", text="Mute" if stack.shown else "Show", depress=not stack.shown)
            tweaked = armature.animation_data.use_tweak_mode
            row.operator("cospeech.edit_layer", text="Stop Keying" if tweaked else "Key on It", depress=tweaked)
        if reason:
            draw_sentence(layout, reason, "INFO")
        else:
            draw_sentence(layout, keys_text(armature.animation_data.action), "KEYFRAME")


class COSPEECH_MT_keys(bpy.types.Menu):
    """Few keys, and your edits in a layer"""

    bl_idname = "COSPEECH_MT_keys"
    bl_label = "Cospeech Keys"

    def draw(self, _: bpy.types.Context) -> None:
        """Draw the operators."""
        layout = self.layout
        layout.operator("cospeech.simplify", icon="IPO_BEZIER")
        layout.operator("cospeech.simplify", text="Simplify Between Selected Keys").range = "SELECTED"
        layout.separator()
        layout.operator("cospeech.layer_edits", text="Move Edits into Layer", icon="NLA")
        layout.operator("cospeech.edit_layer")
        layout.operator("cospeech.mute_layer", text="Mute or Show Layer")
        layout.operator("cospeech.merge_layer", text="Merge Layer")


CLASSES = (COSPEECH_PT_keys, COSPEECH_MT_keys)


def _draw_keys(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    self.layout.menu(COSPEECH_MT_keys.bl_idname)


def attach() -> None:
    """Add the menu entries."""
    for name in KEY_MENUS:
        getattr(bpy.types, name).append(_draw_keys)


def detach() -> None:
    """Undo :func:`attach`."""
    for name in KEY_MENUS:
        getattr(bpy.types, name).remove(_draw_keys)
