"""Something to look at with one click: an empty before the face, or the scene's camera."""

from __future__ import annotations

import bpy

from ..rig.rig_map import RigError
from ..scene import character_blocker, settings_of, take_start
from ..takes.line import is_of_line
from ..takes.span import SpanError, glanced_span
from ..ui import UndoOperator
from .place import face_front

EMPTY_SIZE = 0.1  # m, by eye


def first_frame(scene: bpy.types.Scene) -> int:
    """The scene frame on which the character's take of this line begins, or would begin."""
    try:
        span = glanced_span(scene, settings_of(scene).character)
    except SpanError:
        return take_start(scene)
    return span.start if is_of_line(scene, span.action) else take_start(scene)


class COSPEECH_OT_look_at_new(UndoOperator, bpy.types.Operator):
    """Put an empty in front of the character's face, and let the character look at it; move it wherever you like"""

    bl_idname = "cospeech.look_at_new"
    bl_label = "Look at New Empty"

    distance: bpy.props.FloatProperty(
        name="Distance",
        description="How far before the eyes",
        default=1.5,
        min=0.5,
        soft_max=10.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )

    blocker = staticmethod(character_blocker)
    refusals = (RigError,)

    def work(self, context: bpy.types.Context) -> str:
        """Make it; selection and active object stay."""
        scene = context.scene
        place = face_front(context, settings_of(scene).character, first_frame(scene), self.distance)
        empty = bpy.data.objects.new(f"{settings_of(scene).character.name} Looks Here", None)
        empty.empty_display_type, empty.empty_display_size = "SPHERE", EMPTY_SIZE
        empty.location = place
        scene.collection.objects.link(empty)
        settings_of(scene).look_at = empty
        return ""


class COSPEECH_OT_look_at_camera(UndoOperator, bpy.types.Operator):
    """Let the character look at the scene's camera"""

    bl_idname = "cospeech.look_at_camera"
    bl_label = "Look at Camera"

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Why there is no camera."""
        return "" if context.scene.camera is not None else "The scene has no camera; add one first"

    def work(self, context: bpy.types.Context) -> str:
        """Take it."""
        settings_of(context.scene).look_at = context.scene.camera
        return ""


CLASSES = (COSPEECH_OT_look_at_new, COSPEECH_OT_look_at_camera)
