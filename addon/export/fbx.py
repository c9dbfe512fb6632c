"""Write one take as FBX through Blender's own exporter, in one step: the old file stays whole until the new one is."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..client.archive import replacing
from .stage import ExportError, StageOptions, staged


def export_take(context: bpy.types.Context, armature: bpy.types.Object, path: Path, options: StageOptions) -> int:
    """Export the character's active Action over its whole range; returns the number of frames.

    ExportError and RigError say what is missing or can't be written; the scene is as before in any case.
    """
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_fbx"):
        raise ExportError("Blender's FBX add-on is switched off; enable 'FBX format' in Preferences > Add-ons")
    if not path.parent.is_dir():
        raise ExportError(f"There is no folder {path.parent}; create it or choose another")
    if path.is_dir() or not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise ExportError(f"{path} can't be written; choose another folder or file name")
    try:
        with replacing(path, ".tmp.fbx") as written, staged(context, armature, options) as scene:
            frames = scene.frame_end - scene.frame_start + 1
            with context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
                _run(written, options)
    except (OSError, RuntimeError) as error:
        raise ExportError(
            f"{path.name} could not be written ({_reason(error)}); check the folder and free space"
        ) from error
    return frames


def _reason(error: Exception) -> str:
    """The last line of the reason: Blender puts a traceback before it and the place of the call behind it."""
    lines = (getattr(error, "strerror", None) or str(error)).strip().splitlines()
    messages = [line for line in lines if not line.startswith("Location:")]
    return messages[-1] if messages else type(error).__name__


def _run(path: Path, options: StageOptions) -> None:
    preset = options.preset
    result = bpy.ops.export_scene.fbx(
        filepath=str(path),
        check_existing=False,
        use_selection=False,
        object_types={"ARMATURE", "MESH"},
        apply_unit_scale=True,
        apply_scale_options=preset.scale_options,
        axis_forward=preset.axis_forward,
        axis_up=preset.axis_up,
        bake_space_transform=False,
        use_mesh_modifiers=False,
        mesh_smooth_type="FACE",
        add_leaf_bones=False,
        armature_nodetype="NULL",
        use_armature_deform_only=True,
        primary_bone_axis="Y",
        secondary_bone_axis="X",
        bake_anim=True,
        bake_anim_use_all_bones=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_force_startend_keying=True,
        bake_anim_step=1.0,
        bake_anim_simplify_factor=0.0,
        path_mode="AUTO",
        batch_mode="OFF",
    )
    if result != {"FINISHED"}:
        raise ExportError("Blender's FBX exporter stopped; see the console for its reason")
