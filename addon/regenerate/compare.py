"""Step through variations, and keep one."""

from __future__ import annotations

import bpy

from .variations import keep_variation, place_among, step_variation, variations_of


class _AmongVariations:
    """Only where the active take has variations or is one."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only among variations, outside Tweak Mode."""
        armature = context.scene.cospeech.character
        if armature is None or not variations_of(armature):
            cls.poll_message_set("The active take has no variations; make some first")
            return False
        if armature.animation_data.use_tweak_mode:
            cls.poll_message_set(f"An NLA strip of '{armature.name}' is being tweaked; leave Tweak Mode (Tab) first")
            return False
        return True


class COSPEECH_OT_step_variation(_AmongVariations, bpy.types.Operator):
    """Show the next or previous variation in place, the take itself among them; they go round"""

    bl_idname = "cospeech.step_variation"
    bl_label = "Next Variation"
    bl_options = {"REGISTER", "UNDO"}

    by: bpy.props.IntProperty(name="Step", description="-1 shows the previous one", default=1, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch the active take."""
        armature = context.scene.cospeech.character
        action = step_variation(armature, self.by)
        number, count = place_among(armature)
        what = f"variation {number} of {count}" if number else "the take as it was"
        self.report({"INFO"}, f"'{action.name}': {what}")
        return {"FINISHED"}


class COSPEECH_OT_keep_variation(_AmongVariations, bpy.types.Operator):
    """Make the shown variation the take and remove the others; the take they were made from stays, put aside"""

    bl_idname = "cospeech.keep_variation"
    bl_label = "Keep Variation"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove the others."""
        armature = context.scene.cospeech.character
        count = keep_variation(armature)
        kept = armature.animation_data.action.name
        self.report({"INFO"}, f"Kept '{kept}', removed {count} variation{'' if count == 1 else 's'}")
        return {"FINISHED"}


CLASSES = (COSPEECH_OT_step_variation, COSPEECH_OT_keep_variation)
