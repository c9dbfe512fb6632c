"""Add Character and Use as Character."""

from __future__ import annotations

import bpy
import numpy as np

from ..scene import settings_of
from ..ui import UndoOperator
from .armature import create_armature
from .convert import SMPLX_TO_BLENDER
from .mannequin import build_mannequin
from .mannequin.looks import PLAIN, looks
from .recognise import recognise, warnings
from .rig_map import RigError
from .skeleton import REST, standing_height

LOOK_ITEMS = [(name, look.label, "") for name, look in looks().items()]


class COSPEECH_OT_add_character(UndoOperator, bpy.types.Operator):
    """Add a character that can perform: an SMPL-X armature with a skinned mannequin, standing on the floor"""

    bl_idname = "cospeech.add_character"
    bl_label = "Add Character"

    name: bpy.props.StringProperty(name="Name", description="Name of the armature", default="Character")
    look: bpy.props.EnumProperty(
        name="Look", description="Colours and build of the mannequin", items=LOOK_ITEMS, default=PLAIN
    )

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Only in Object Mode."""
        return "" if context.mode == "OBJECT" else "Go to Object Mode to add a character"

    def work(self, context: bpy.types.Context) -> str:
        """Build armature and mannequin, and make it the scene's character."""
        armature = create_armature(context, self.name.strip() or "Character")
        heads = (REST + np.array([0.0, standing_height(REST), 0.0])) @ SMPLX_TO_BLENDER.T
        build_mannequin(armature, heads, f"{armature.name} Body", self.look)
        settings_of(context.scene).character = armature
        return f"Added '{armature.name}'"


class COSPEECH_OT_use_character(UndoOperator, bpy.types.Operator):
    """Let the active SMPL-X armature perform, after a check of its bones"""

    bl_idname = "cospeech.use_character"
    bl_label = "Use Selected Armature"

    armature: bpy.props.StringProperty(
        name="Armature", description="Name of the armature object; empty takes the active one", options={"SKIP_SAVE"}
    )

    refusals = (RigError,)

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Only where an armature can be meant."""
        there = any(obj.type == "ARMATURE" for obj in context.scene.objects)
        return "" if there else "There is no armature in this scene; use Add Character"

    def work(self, context: bpy.types.Context) -> str | tuple[str, str]:
        """Recognise the armature, and make it the scene's character."""
        armature = bpy.data.objects.get(self.armature) if self.armature else context.active_object
        if armature is not None and armature.type == "MESH":
            armature = armature.find_armature() or armature
        rig = recognise(armature)
        settings_of(context.scene).character = armature
        notes = warnings(armature, rig)
        if notes:
            return "WARNING", f"'{armature.name}' performs. {'. '.join(notes)}"
        return f"'{armature.name}' performs, with {len(rig.present)} joints"


CLASSES = (COSPEECH_OT_add_character, COSPEECH_OT_use_character)


def _draw_add_menu(self: bpy.types.Menu, _: bpy.types.Context) -> None:
    self.layout.operator(COSPEECH_OT_add_character.bl_idname, text="Cospeech Character", icon="ARMATURE_DATA")


def attach() -> None:
    """Add the entry in the Add menu."""
    bpy.types.VIEW3D_MT_armature_add.append(_draw_add_menu)


def detach() -> None:
    """Undo :func:`attach`."""
    bpy.types.VIEW3D_MT_armature_add.remove(_draw_add_menu)
