"""The mannequin in Blender: the object, its looks, and that the skin follows."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from addon.rig.armature import create_armature
from addon.rig.mannequin import build_mannequin, data, make
from addon.rig.mannequin.looks import looks
from addon.rig.skeleton import JOINTS
from tests.support.mannequin_points import shaped

MM = 1e-3


@pytest.fixture(scope="module")
def figure() -> data.Mannequin:
    return data.load()


def test_add_character_takes_a_look(blank):
    colours = []
    for look in looks():
        assert bpy.ops.cospeech.add_character(look=look) == {"FINISHED"}
        body = next(child for child in bpy.context.scene.cospeech.character.children if child.type == "MESH")
        shirt = next(m for m in body.data.materials if "shirt" in m.name)
        colours.append(tuple(shirt.diffuse_color))
    assert len(set(colours)) == len(looks())


def test_the_object_in_blender(blank, figure):
    armature = create_armature(bpy.context, "Rig")
    body = build_mannequin(armature, make.standing_joints(), "Body")
    assert body.parent == armature
    assert body.users_collection == armature.users_collection
    modifiers = [m for m in body.modifiers if m.type == "ARMATURE"]
    assert len(modifiers) == 1
    assert modifiers[0].object == armature
    assert not modifiers[0].use_deform_preserve_volume
    assert [k.name for k in body.data.shape_keys.key_blocks] == ["Basis", *data.names_of_shapes()]
    assert body.data.shape_keys.use_relative
    assert tuple(g.name for g in body.vertex_groups) == JOINTS
    assert not body.data.validate()
    assert len(body.data.vertices) == len(figure.points)
    totals = [sum(g.weight for g in v.groups) for v in body.data.vertices]
    np.testing.assert_allclose(totals, 1.0, atol=1e-5)
    assert all(p.use_smooth for p in body.data.polygons)
    assert all(m.users == 1 for m in body.data.materials)


def test_the_skin_follows_bones_and_keys(blank, figure):
    armature = create_armature(bpy.context, "Rig")
    body = build_mannequin(armature, make.standing_joints(), "Body")
    bone = armature.pose.bones["left_elbow"]
    bone.rotation_mode = "QUATERNION"
    bone.rotation_quaternion = (0.7071068, 0.7071068, 0.0, 0.0)
    body.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = body.evaluated_get(graph).to_mesh()
    moved = np.empty((len(figure.points), 3), np.float32)
    mesh.vertices.foreach_get("co", moved.ravel())
    expected = shaped(figure, jawOpen=1.0)
    left_arm = figure.points[:, 0] > 0.15
    np.testing.assert_allclose(moved[~left_arm], expected[~left_arm], atol=1e-5)
    joint = figure.rest[JOINTS.index("left_elbow")]
    hand = figure.points[:, 0] > 0.70
    np.testing.assert_allclose(
        np.linalg.norm(moved[hand] - joint, axis=1), np.linalg.norm(figure.points[hand] - joint, axis=1), atol=1e-4
    )
    assert np.linalg.norm(moved[hand] - figure.points[hand], axis=1).max() > 5 * MM
