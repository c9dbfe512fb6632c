"""Add, remove and switch targets."""

from __future__ import annotations

import bpy

from ..scene import NO_CHARACTER, choose_target, chosen_target, find_character, targets_of
from ..ui import RefusedError, UndoOperator
from .props import JOINTS
from .targets import hangs_from
from .write import PinError


def add_blocker(context: bpy.types.Context) -> str:
    """Why no target can be added; empty where one can."""
    armature = find_character(context)
    if armature is None:
        return NO_CHARACTER
    if armature.library is not None:
        return f"'{armature.name}' is linked from another file; make a library override of the character"
    return ""


def targets_blocker(context: bpy.types.Context) -> str:
    """Why there is no target to change; empty where there is one."""
    reason = add_blocker(context)
    if not reason and not len(targets_of(find_character(context))):
        reason = "The character has no target; add one first"
    return reason


def chosen_object(context: bpy.types.Context, armature: bpy.types.Object) -> bpy.types.Object | None:
    """What a new target shall follow: the active object, else a selected one; none that hangs from the character."""
    active = context.view_layer.objects.active
    candidates = [active] if active is not None and active.select_get() else []
    candidates += list(context.selected_objects)
    return next((obj for obj in candidates if not hangs_from(obj, armature)), None)


class COSPEECH_OT_target_add(UndoOperator, bpy.types.Operator):
    """Let a wrist or ankle reach the selected object, or the head look at it, when frames are made again"""

    bl_idname = "cospeech.target_add"
    bl_label = "Add Target"

    joint: bpy.props.EnumProperty(name="Joint", items=JOINTS, default="right_wrist", options={"SKIP_SAVE"})
    object: bpy.props.StringProperty(
        name="Object", description="Name of the object; empty takes the selected one", options={"SKIP_SAVE"}
    )
    use_cursor: bpy.props.BoolProperty(
        name="New Empty at 3D Cursor",
        description="Make an empty there and take it, instead of the selected object",
        default=False,
        options={"SKIP_SAVE"},
    )

    blocker = staticmethod(add_blocker)
    refusals = (PinError,)

    def work(self, context: bpy.types.Context) -> str:
        """Add it for the preview range, else for the current frame."""
        armature = find_character(context)
        obj = self._object(context, armature)
        scene = context.scene
        target = targets_of(armature).add()
        target.object, target.joint = obj, self.joint
        target.first = target.last = scene.frame_current
        if scene.use_preview_range:
            target.first, target.last = scene.frame_preview_start, scene.frame_preview_end
        choose_target(armature, len(targets_of(armature)) - 1)
        frames = f"{target.first}-{target.last}" if target.first != target.last else str(target.first)
        return f"'{obj.name}' is a target on frame {frames}; Regenerate makes the take reach it"

    def _object(self, context: bpy.types.Context, armature: bpy.types.Object) -> bpy.types.Object:
        if self.use_cursor:
            empty = bpy.data.objects.new("Target", None)
            empty.empty_display_size = 0.05
            empty.location = context.scene.cursor.location
            context.scene.collection.objects.link(empty)
            return empty
        obj = context.scene.objects.get(self.object) if self.object else chosen_object(context, armature)
        if obj is None:
            raise PinError("Select an object outside the character, or use New Empty at 3D Cursor")
        if hangs_from(obj, armature):
            raise PinError(f"'{obj.name}' hangs from the character and can't be a target; choose a free object")
        return obj


class COSPEECH_OT_target_remove(UndoOperator, bpy.types.Operator):
    """Take the chosen target away; its object stays"""

    bl_idname = "cospeech.target_remove"
    bl_label = "Remove Target"

    index: bpy.props.IntProperty(
        name="Number", description="Number in the list; -1 is the chosen one", default=-1, options={"SKIP_SAVE"}
    )

    blocker = staticmethod(targets_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Remove it."""
        armature = find_character(context)
        index = self.index if self.index >= 0 else chosen_target(armature)
        if not 0 <= index < len(targets_of(armature)):
            raise RefusedError(f"There is no target {index}; choose one in the list")
        targets_of(armature).remove(index)
        choose_target(armature, max(min(index, len(targets_of(armature)) - 1), 0))
        return ""


class COSPEECH_OT_target_toggle(UndoOperator, bpy.types.Operator):
    """Switch all targets off, or on where all are off"""

    bl_idname = "cospeech.target_toggle"
    bl_label = "Toggle Targets"

    blocker = staticmethod(targets_blocker)

    def work(self, context: bpy.types.Context) -> str:
        """Switch."""
        targets = targets_of(find_character(context))
        wanted = not any(target.enabled for target in targets)
        for target in targets:
            target.enabled = wanted
        return ""


CLASSES = (COSPEECH_OT_target_add, COSPEECH_OT_target_remove, COSPEECH_OT_target_toggle)
