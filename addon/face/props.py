"""The mapping of a character's face, kept on its armature object: which meshes, and which of their shape keys."""

from __future__ import annotations

from typing import Any

import bpy

OVERRIDABLE: Any = {"LIBRARY_OVERRIDABLE"}


class CospeechFaceShape(bpy.types.PropertyGroup):
    """One ARKit shape (``name``) of a mesh, and the shape key that stands for it."""

    block: bpy.props.StringProperty(
        name="Shape Key", description="Shape key that this ARKit shape moves; empty for none", override=OVERRIDABLE
    )


class CospeechFaceMesh(bpy.types.PropertyGroup):
    """One mesh, and its 52 shapes."""

    mesh: bpy.props.PointerProperty(
        name="Mesh", description="Mesh that receives the face's keys", type=bpy.types.Object, override=OVERRIDABLE
    )
    use: bpy.props.BoolProperty(
        name="Receives Keys", description="The face's curves are keyed on this mesh", default=True, override=OVERRIDABLE
    )
    shapes: bpy.props.CollectionProperty(type=CospeechFaceShape, override={"LIBRARY_OVERRIDABLE", "USE_INSERTION"})


class CospeechFace(bpy.types.PropertyGroup):
    """Settings of ``armature.cospeech_face``; without ``use`` every mesh with ARKit's own names receives keys."""

    use: bpy.props.BoolProperty(name="Use Mapping", default=False, override=OVERRIDABLE)
    meshes: bpy.props.CollectionProperty(type=CospeechFaceMesh, override={"LIBRARY_OVERRIDABLE", "USE_INSERTION"})
    active_mesh: bpy.props.IntProperty(
        name="Mesh", description="Mesh whose shapes are shown below", min=0, options=set()
    )
    active_shape: bpy.props.IntProperty(name="Shape", min=0, options=set())


CLASSES = (CospeechFaceShape, CospeechFaceMesh, CospeechFace)
PROPERTIES = ((bpy.types.Object, "cospeech_face", bpy.props.PointerProperty(type=CospeechFace, override=OVERRIDABLE)),)
