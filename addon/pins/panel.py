"""Sub-panel: pins and targets."""

from __future__ import annotations

from typing import Any

import bpy

from ..scene import chosen_target, find_character, targets_of
from ..ui import RowList, SubPanel, draw_sentence
from .counts import COUNTS, count_text
from .props import JOINTS
from .scope import bones_blocker, take_blocker
from .targets import blocker

ROWS = 2  # of the list, by eye
JOINT_NAMES = {joint[0]: joint[1] for joint in JOINTS}


class COSPEECH_UL_targets(RowList, bpy.types.UIList):
    """Object, joint, and whether it is used"""

    def draw_row(self, _context: bpy.types.Context, layout: bpy.types.UILayout, item: Any) -> None:
        """One row; a target that can't be used says so."""
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        wrong = bool(blocker(item, item.id_data))
        row.label(text=item.object.name if item.object else "No object", icon="ERROR" if wrong else "EMPTY_AXIS")
        row.label(text=JOINT_NAMES[item.joint])


class COSPEECH_PT_pins(SubPanel, bpy.types.Panel):
    """What Regenerate leaves as it is, and what it reaches for"""

    bl_label = "Pins"
    bl_order = 30

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the counts and the buttons."""
        layout = self.layout
        armature = find_character(context)
        reason = take_blocker(context)
        if reason:
            draw_sentence(layout, reason, "INFO")
        else:
            targets = sum(target.enabled for target in targets_of(armature))
            draw_sentence(layout, count_text(COUNTS.get(context), targets), "PINNED")
            _draw_buttons(layout, context)
        if armature is not None:
            _draw_targets(layout, armature)


def _draw_buttons(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("cospeech.pin", icon="PINNED")
    row.operator("cospeech.unpin", icon="UNPINNED")
    row = column.row(align=True)
    row.operator("cospeech.pin_from_take", text="Pose from Take")
    row.operator("cospeech.snap_to_pin", text="Snap to Pin")
    row = column.row(align=True)
    row.operator("cospeech.jump_to_pin", text="Previous Pin").direction = "PREVIOUS"
    row.operator("cospeech.jump_to_pin", text="Next Pin").direction = "NEXT"
    row = column.row(align=True)
    row.operator("cospeech.pin_shape", text="Pin Shape")
    row.operator("cospeech.pin_shape", text="Pin Face").shapes = "ALL"
    column.operator_menu_enum("cospeech.clear_pins", "scope", text="Clear Pins")
    reason = bones_blocker(context)
    if reason:
        draw_sentence(layout, reason, "INFO")


def _draw_targets(layout: bpy.types.UILayout, armature: bpy.types.Object) -> None:
    layout.label(text="Targets")
    row = layout.row()
    row.template_list("COSPEECH_UL_targets", "", armature, "cospeech_targets", armature, "cospeech_target", rows=ROWS)
    column = row.column(align=True)
    column.operator_menu_enum("cospeech.target_add", "joint", text="", icon="ADD")
    column.operator("cospeech.target_remove", text="", icon="REMOVE")
    column.operator("cospeech.target_toggle", text="", icon="HIDE_OFF")
    if 0 <= chosen_target(armature) < len(targets_of(armature)):
        _draw_target(layout, armature, targets_of(armature)[chosen_target(armature)])


def _draw_target(layout: bpy.types.UILayout, armature: bpy.types.Object, target: Any) -> None:
    column = layout.column()
    column.prop(target, "object", text="")
    if target.object is not None and target.object.type == "ARMATURE":
        column.prop_search(target, "bone", target.object.data, "bones", text="")
    column.prop(target, "joint", text="")
    row = column.row(align=True)
    row.prop(target, "first")
    row.prop(target, "last")
    column.prop(target, "tolerance")
    column.prop(target, "offset")
    reason = blocker(target, armature)
    if reason:
        draw_sentence(layout, reason, "ERROR")


CLASSES = (COSPEECH_UL_targets, COSPEECH_PT_pins)
