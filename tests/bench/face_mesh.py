"""What the evaluated mannequin's mouth does under a take: lips, the lower lip against the upper teeth. Needs bpy.

Points are read from the mesh as Blender evaluates it (bones, shape keys, armature modifier), and brought back into the
head's rest space, so that a nod is no movement of the mouth. Lengths in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

import addon
from addon.client.take_file import Take
from addon.rig.character import character_meshes
from addon.rig.mannequin import data
from addon.takes.apply import apply_take

START = 1
TEETH_HALF_WIDTH = 0.012  # the lower lip in front of the incisors and canines


def open_scene() -> bpy.types.Object:
    """An empty file with the add-on and its character; returns the armature."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    addon.register()
    bpy.ops.cospeech.add_character()
    return bpy.context.scene.cospeech.character


def close_scene() -> None:
    """Unregister, so that no timer keeps the process from leaving."""
    addon.unregister()


@dataclass(frozen=True, eq=False)
class Mouth:
    """A mouth over T frames: ``gap`` (T, columns) between the lips from the middle to a corner, ``bite`` (T,) from the
    lower lip to the upper teeth's surface, NaN where it was not asked for, ``lips`` (T, n, 3) the lips' points.
    """

    gap: np.ndarray
    bite: np.ndarray
    lips: np.ndarray


class Parts:
    """The vertices of the mannequin that matter for the mouth."""

    def __init__(self) -> None:
        figure = data.load()
        self.meet = figure.lips
        points = figure.points.astype(np.float64)
        corners = np.split(figure.corners, np.cumsum(figure.sides)[:-1])
        teeth = [face for face, kind in zip(corners, figure.material, strict=True) if self._is(figure, kind, "teeth")]
        red = [face for face, kind in zip(corners, figure.material, strict=True) if self._is(figure, kind, "lip")]
        with_jaw = set(figure.shapes["jawOpen"][0].tolist())
        upper = [face for face in teeth if not with_jaw & set(face.tolist())]
        ids = sorted({int(vertex) for face in upper for vertex in face})
        at = {vertex: row for row, vertex in enumerate(ids)}
        self.teeth = BVHTree.FromPolygons(
            [tuple(points[vertex]) for vertex in ids], [tuple(at[int(v)] for v in face) for face in upper]
        )
        self.red = np.unique(np.concatenate(red))
        rolled = set(figure.shapes["mouthRollLower"][0].tolist())
        self.lower = np.array([v for v in self.red if int(v) in rolled and abs(points[v, 0]) < TEETH_HALF_WIDTH])

    @staticmethod
    def _is(figure: data.Mannequin, kind: int, name: str) -> bool:
        return figure.materials[kind] == name


def perform(armature: bpy.types.Object, take: Take, parts: Parts, bitten: np.ndarray) -> Mouth:
    """The mouth under a take, put onto the character at the take's rate; ``bitten`` (T,) bool: where teeth matter."""
    scene = bpy.context.scene
    whole = round(take.fps)
    scene.render.fps, scene.render.fps_base = whole, 1.0 if abs(take.fps - whole) < 1e-6 else whole / take.fps
    before = list(bpy.data.actions)
    apply_take(bpy.context, armature, take, start_frame=START)
    for action in before:  # each take is a track of the one before otherwise
        bpy.data.actions.remove(action)
    body = next(mesh for mesh in character_meshes(armature) if mesh.data.shape_keys is not None)
    rest = np.linalg.inv(np.array(armature.data.bones["head"].matrix_local))
    points = np.empty(len(body.data.vertices) * 3, np.float32)
    gaps, bites, lips = [], [], []
    for row, asked in enumerate(bitten):
        scene.frame_set(START + row)
        graph = bpy.context.evaluated_depsgraph_get()
        head = np.array(armature.evaluated_get(graph).pose.bones["head"].matrix)
        shown = body.evaluated_get(graph)
        shown.to_mesh().vertices.foreach_get("co", points)
        shown.to_mesh_clear()
        back = np.linalg.inv(head @ rest)
        own = points.reshape(-1, 3).astype(np.float64) @ back[:3, :3].T + back[:3, 3]
        line = own[parts.meet]
        gaps.append(np.linalg.norm(line - line[::-1], axis=1)[: len(line) // 2 + 1])
        bites.append(min(parts.teeth.find_nearest(tuple(p))[3] for p in own[parts.lower]) if asked else np.nan)
        lips.append(own[parts.red])
    return Mouth(np.array(gaps), np.array(bites), np.array(lips))
