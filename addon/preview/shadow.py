"""The figure's shadow on the floor: its mesh laid flat along the light, by geometry nodes.

Workbench's own shadow volumes cost 150 ms a frame for a figure of 20 000 vertices on two cores; this costs a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import bpy

# RGBA 0..1, by eye: it looks much darker, for it faces up, away from a light that comes from the camera.
COLOR = (0.93, 0.94, 0.96, 1.0)
LIFT_M = 0.003  # above the floor, by eye, so that the two don't flicker through each other


@dataclass(frozen=True)
class Shadow:
    """The shadow object, the node with its slope (metres to the side per metre of height), and what goes with it."""

    object: bpy.types.Object
    slope: Any
    owned: list[bpy.types.ID]

    def fall(self, x: float, y: float) -> None:
        """The light lays a point of height 1 at (x, y) from its foot."""
        self.slope.inputs[0].default_value = (x, y, 0.0)


def make_shadow(meshes: Sequence[bpy.types.Object], floor: float) -> Shadow:
    """A flat, grey copy of these meshes at height `floor`; it follows their animation."""
    material = bpy.data.materials.new("Cospeech Preview Shadow")
    material.diffuse_color, material.roughness = COLOR, 1.0
    tree = bpy.data.node_groups.new("Cospeech Preview Shadow", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    new: Callable[[str], Any] = tree.nodes.new  # a node of the kind that is asked for
    link = tree.links.new
    join = new("GeometryNodeJoinGeometry")
    for mesh in meshes:
        source = new("GeometryNodeObjectInfo")
        source.transform_space = "RELATIVE"
        source.inputs["Object"].default_value = mesh
        link(source.outputs["Geometry"], join.inputs[0])
    position, height = new("GeometryNodeInputPosition"), new("ShaderNodeSeparateXYZ")
    link(position.outputs[0], height.inputs[0])
    foot, slope, place = (new("ShaderNodeVectorMath") for _ in range(3))
    foot.operation, slope.operation, place.operation = "MULTIPLY_ADD", "SCALE", "ADD"
    foot.inputs[1].default_value, foot.inputs[2].default_value = (1.0, 1.0, 0.0), (0.0, 0.0, LIFT_M)
    link(position.outputs[0], foot.inputs[0])
    link(height.outputs["Z"], slope.inputs["Scale"])
    link(foot.outputs[0], place.inputs[0])
    link(slope.outputs[0], place.inputs[1])
    flat, smooth, colored = (new(f"GeometryNode{name}") for name in ("SetPosition", "SetShadeSmooth", "SetMaterial"))
    link(place.outputs[0], flat.inputs["Position"])
    smooth.inputs["Shade Smooth"].default_value = False
    colored.inputs["Material"].default_value = material
    chain = [join, flat, smooth, colored, new("NodeGroupOutput")]
    for before, after in pairwise(chain):
        link(before.outputs[0], after.inputs[0])
    data = bpy.data.meshes.new("Cospeech Preview Shadow")
    shadow = bpy.data.objects.new("Cospeech Preview Shadow", data)
    shadow.location.z = floor
    modifier: Any = shadow.modifiers.new("Shadow", "NODES")
    modifier.node_group = tree
    return Shadow(shadow, slope, [shadow, data, tree, material])
