"""The meshes of a character and the shape keys through which its face moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..client.take_file import arkit_names
from ..scene import face_of

if TYPE_CHECKING:
    from ..face.props import CospeechFace


def character_meshes(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """Mesh objects that the armature deforms or that hang from it, by name."""
    found = [obj for obj in bpy.data.objects if obj.type == "MESH" and _belongs(obj, armature)]
    return sorted(found, key=lambda obj: obj.name)


def _belongs(mesh: bpy.types.Object, armature: bpy.types.Object) -> bool:
    if mesh.parent == armature:
        return True
    return any(
        isinstance(modifier, bpy.types.ArmatureModifier) and modifier.object == armature for modifier in mesh.modifiers
    )


def face_shapes(armature: bpy.types.Object) -> dict[bpy.types.Key, dict[str, str]]:
    """Which shape keys the face moves: shape-key data -> ARKit name -> name of its shape key.

    As the character's own mapping says (``armature.cospeech_face``); without one, every mesh with shapes of ARKit's
    own names. Shape-key data that several meshes share is there once; data without any such shape is not there.
    """
    mapping = face_of(armature)
    return mapped_shapes(mapping) if mapping.use else named_shapes(character_meshes(armature))


def face_meshes(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """Meshes, in the order in which :func:`face_shapes` looks at them."""
    mapping = face_of(armature)
    if not mapping.use:
        return character_meshes(armature)
    return [entry.mesh for entry in mapping.meshes if entry.mesh is not None and entry.mesh.type == "MESH"]


def named_shapes(meshes: list[bpy.types.Object]) -> dict[bpy.types.Key, dict[str, str]]:
    """:func:`face_shapes` by ARKit's own names."""
    found: dict[bpy.types.Key, dict[str, str]] = {}
    for mesh in meshes:
        key = mesh.data.shape_keys
        if key is None or key in found:
            continue
        present = set(key.key_blocks.keys())
        names = {name: name for name in arkit_names() if name in present}
        if names:
            found[key] = names
    return found


def mapped_shapes(mapping: CospeechFace) -> dict[bpy.types.Key, dict[str, str]]:
    """:func:`face_shapes` by a mapping. A shape key that is named twice follows the first of its names."""
    found: dict[bpy.types.Key, dict[str, str]] = {}
    for entry in mapping.meshes:
        key = entry.mesh.data.shape_keys if entry.mesh is not None and entry.mesh.type == "MESH" else None
        if key is None or key in found or not entry.use:
            continue
        present, taken = set(key.key_blocks.keys()), set[str]()
        names: dict[str, str] = {}
        for shape in entry.shapes:
            if shape.block in present and shape.block not in taken and shape.name in arkit_names():
                names[shape.name] = shape.block
                taken.add(shape.block)
        if names:
            found[key] = names
    return found


def face_keys(armature: bpy.types.Object) -> list[bpy.types.Key]:
    """Shape-key data that the face moves, each once."""
    return list(face_shapes(armature))


def keyable_faces(armature: bpy.types.Object) -> list[bpy.types.Key]:
    """Those of :func:`face_keys` that can be animated here: overriding a linked character leaves its data linked."""
    return [key for key in face_keys(armature) if key.is_editable]
