"""The mannequin as a Blender object: mesh, materials, vertex groups, shape keys, armature modifier."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ..skeleton import JOINTS
from .data import Mannequin, fitted, load
from .looks import PLAIN, Look, looks, thick

# sRGB colour and roughness, 0..1, by eye.
MATERIALS: dict[str, tuple[tuple[float, float, float], float]] = {
    "skin": ((0.91, 0.76, 0.66), 0.55),
    "nail": ((0.97, 0.86, 0.80), 0.40),
    "lip": ((0.84, 0.63, 0.56), 0.45),
    "lid_edge": ((0.55, 0.40, 0.35), 0.60),
    "lash": ((0.24, 0.17, 0.15), 0.90),
    "mouth": ((0.25, 0.08, 0.08), 0.80),
    "gum": ((0.66, 0.36, 0.35), 0.50),
    "teeth": ((0.98, 0.96, 0.92), 0.35),
    "tongue": ((0.70, 0.39, 0.38), 0.50),
    "sclera": ((0.98, 0.98, 0.97), 0.45),
    "iris": ((0.40, 0.53, 0.58), 0.60),
    "iris_edge": ((0.14, 0.21, 0.25), 0.60),
    "pupil": ((0.02, 0.02, 0.025), 0.90),
    "glint": ((1.0, 1.0, 1.0), 0.30),
    "brow": ((0.30, 0.23, 0.19), 0.90),
    "hair": ((0.36, 0.28, 0.24), 0.80),
    "shirt": ((0.44, 0.55, 0.63), 0.90),
    "hem": ((0.39, 0.49, 0.57), 0.90),
    "trousers": ((0.33, 0.36, 0.41), 0.90),
    "hem_dark": ((0.29, 0.32, 0.37), 0.90),
    "shoe": ((0.50, 0.50, 0.50), 0.70),
    "sole": ((0.95, 0.95, 0.93), 0.70),
}


def _linear(colour: tuple[float, float, float]) -> tuple[float, float, float, float]:
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return (r, g, b, 1.0)


def _material(name: str, look: Look) -> bpy.types.Material:
    colour, roughness = MATERIALS[name]
    colour = look.colours.get(name, colour)
    material = bpy.data.materials.new(f"Mannequin {name.replace('_', ' ')}")
    material.diffuse_color = _linear(colour)
    material.roughness = roughness
    if material.node_tree is None:  # from Blender 5.0 on every material has nodes
        material.use_nodes = True
    shader: Any = material.node_tree.nodes.get("Principled BSDF")
    if shader is not None:
        shader.inputs["Base Color"].default_value = _linear(colour)
        shader.inputs["Roughness"].default_value = roughness
    return material


def _mesh(figure: Mannequin, name: str, look: Look) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(figure.points))
    mesh.vertices.foreach_set("co", figure.points.astype(np.float32).ravel())
    mesh.loops.add(len(figure.corners))
    mesh.loops.foreach_set("vertex_index", figure.corners)
    mesh.polygons.add(len(figure.sides))
    starts = np.concatenate([[0], np.cumsum(figure.sides)[:-1]]).astype(np.int32)
    mesh.polygons.foreach_set("loop_start", starts)
    for material in figure.materials:
        mesh.materials.append(_material(material, look))
    mesh.polygons.foreach_set("material_index", figure.material)
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    mesh.validate()
    return mesh


def _skin(target: bpy.types.Object, figure: Mannequin) -> None:
    """Vertex groups named as the joints. Vertices of equal weight are added together, which is far fewer calls."""
    for joint, name in enumerate(JOINTS):
        group = target.vertex_groups.new(name=name)
        where, slot = np.nonzero((figure.bones == joint) & (figure.shares > 0.0))
        if len(where) == 0:
            continue
        values = figure.shares[where, slot]
        order = np.argsort(values, kind="stable")
        cuts = np.flatnonzero(np.diff(values[order])) + 1
        for chunk in np.split(order, cuts):
            group.add(where[chunk].tolist(), float(values[chunk[0]]), "REPLACE")


def _shape_keys(target: bpy.types.Object, figure: Mannequin) -> None:
    basis = figure.points.astype(np.float32)
    target.shape_key_add(name="Basis", from_mix=False)
    for name, (ids, moves) in figure.shapes.items():
        key = target.shape_key_add(name=name, from_mix=False)
        shaped = basis.copy()
        shaped[ids] += moves
        key.data.foreach_set("co", shaped.ravel())
        key.slider_min, key.slider_max = 0.0, 1.0
        key.value = 0.0


def build_mannequin(armature: bpy.types.Object, rest: np.ndarray, name: str, look: str = PLAIN) -> bpy.types.Object:
    """The skinned figure for an armature whose rest joints are ``rest`` (55, 3), metres, Blender armature space.

    One mesh object, child of ``armature``, in the armature's collections, with 55 vertex groups, an Armature modifier
    and the 52 ARKit shape keys. ``look`` is a name of assets/mannequin/looks.json. ValueError where ``rest`` has
    another shape.
    """
    own = looks()[look]
    figure = fitted(thick(load(), own.girth), rest)
    target = bpy.data.objects.new(name, _mesh(figure, name, own))
    for collection in armature.users_collection or (bpy.context.scene.collection,):
        collection.objects.link(target)
    _skin(target, figure)
    _shape_keys(target, figure)
    target.parent = armature
    modifier: Any = target.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    modifier.use_deform_preserve_volume = False
    return target
