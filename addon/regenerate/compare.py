"""Step through variations, and keep one."""

from __future__ import annotations

import bpy

from ..scene import settings_of
from ..ui import UndoOperator
from .variations import keep_variation, place_among, step_variation, variations_of


def compare_blocker(context: bpy.types.Context) -> str:
    """Why there is nothing to compare; empty where the active take has variations or is one."""
    armature = settings_of(context.scene).character
    if armature is None or not variations_of(armature):
        return "The active take has no variations; make some first"
    if armature.animation_data.use_tweak_mode:
        return f"An NLA strip of '{armature.name}' is being tweaked; leave Tweak Mode (Tab) first"
    return ""


class COSPEECH_OT_step_variation(UndoOperator, bpy.types.Operator):
    """Show the next or previous variation in place, the take itself among them; they go round"""

    bl_idname = "cospeech.step_variation"
    bl_label = "Next Variation"
    blocker = staticmethod(compare_blocker)

    by: bpy.props.IntProperty(name="Step", description="-1 shows the previous one", default=1, options={"SKIP_SAVE"})

    def work(self, context: bpy.types.Context) -> str:
        """Switch the active take."""
        armature = settings_of(context.scene).character
        action = step_variation(armature, self.by)
        number, count = place_among(armature)
        what = f"variation {number} of {count}" if number else "the take as it was"
        return f"'{action.name}': {what}"


class COSPEECH_OT_keep_variation(UndoOperator, bpy.types.Operator):
    """Make the shown variation the take and remove the others; the take they were made from stays, put aside"""

    bl_idname = "cospeech.keep_variation"
    bl_label = "Keep Variation"
    blocker = staticmethod(compare_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Remove the others."""
        armature = settings_of(context.scene).character
        count = keep_variation(armature)
        kept = armature.animation_data.action.name
        return f"Kept '{kept}', removed {count} variation{'' if count == 1 else 's'}"


CLASSES = (COSPEECH_OT_step_variation, COSPEECH_OT_keep_variation)
