"""The meshes of a character and their shape keys."""

from __future__ import annotations

import bpy

from ..client.take_file import arkit_names


def character_meshes(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """Mesh objects that the armature deforms or that hang from it, by name."""
    found = [obj for obj in bpy.data.objects if obj.type == "MESH" and _belongs(obj, armature)]
    return sorted(found, key=lambda obj: obj.name)


def _belongs(mesh: bpy.types.Object, armature: bpy.types.Object) -> bool:
    if mesh.parent == armature:
        return True
    return any(modifier.type == "ARMATURE" and modifier.object == armature for modifier in mesh.modifiers)


def face_keys(armature: bpy.types.Object) -> list[bpy.types.Key]:
    """Shape-key data of the character's meshes with at least one ARKit shape, each once."""
    wanted = set(arkit_names())
    keys: list[bpy.types.Key] = []
    for mesh in character_meshes(armature):
        key = mesh.data.shape_keys
        if key is not None and key not in keys and wanted & set(key.key_blocks.keys()):
            keys.append(key)
    return keys


def keyable_faces(armature: bpy.types.Object) -> list[bpy.types.Key]:
    """Those of :func:`face_keys` that can be animated here: overriding a linked character leaves its data linked."""
    return [key for key in face_keys(armature) if key.is_editable]


def find_character(context: bpy.types.Context) -> bpy.types.Object | None:
    """The scene's character; where none is set, the active armature."""
    chosen = context.scene.cospeech.character
    if chosen is not None and chosen.name in context.scene.objects:
        return chosen
    active = context.active_object
    return active if active is not None and active.type == "ARMATURE" else None
