"""A temporary scene around a character: light, floor, camera. It leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..rig.character import character_meshes
from ..rig.sample import side_scene
from . import framing
from .shadow import Shadow, make_shadow

BACKDROP = (0.80, 0.815, 0.83, 1.0)  # RGBA 0..1, by eye
STUDIO_LIGHT = "paint.sl"  # the brightest and most neutral of those that come with Blender
# Metres a metre of height, seen from the camera, by eye: to the right and away; short, so that it plants the feet.
SHADOW_SLOPE = (0.28, 0.30, 0.0)
COVE_BEHIND_M = 2.2  # by eye
COVE_RADIUS_M = 1.6  # by eye


class PreviewError(Exception):
    """The picture can't be made; the text says why and what to do."""


@dataclass
class Stage:
    """The temporary scene with its camera and backdrop; `owned` are the data-blocks that go with it."""

    scene: bpy.types.Scene
    armature: bpy.types.Object
    meshes: list[bpy.types.Object]
    camera: bpy.types.Object
    cove: bpy.types.Object
    shadow: Shadow
    owned: list[bpy.types.ID] = field(default_factory=list)

    def bones(self, frame: int) -> dict[str, np.ndarray]:
        """World heads (3,) of all pose bones at a frame, and the tail of `head` as `head_top` where there is one."""
        self.scene.frame_set(frame)
        rig = self.armature.evaluated_get(self._depsgraph())
        heads = {b.name: np.array(rig.matrix_world @ b.head) for b in rig.pose.bones}
        if "head" in heads:
            heads["head_top"] = np.array(rig.matrix_world @ rig.pose.bones["head"].tail)
        return heads

    def surface(self, frame: int) -> np.ndarray:
        """World vertices (N, 3) of the character at a frame; its joints where it has no mesh."""
        self.scene.frame_set(frame)
        graph = self._depsgraph()
        clouds = []
        for mesh in self.meshes:
            evaluated = mesh.evaluated_get(graph)
            flat = np.empty(len(evaluated.data.vertices) * 3, np.float32)
            evaluated.data.vertices.foreach_get("co", flat)
            world = np.array(evaluated.matrix_world)
            clouds.append(flat.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3])
        return np.concatenate(clouds) if clouds else np.stack(list(self.bones(frame).values()))

    def facing(self, frame: int) -> np.ndarray:
        """Where the hips point, as a horizontal unit vector (3,); the armature's -Y where it has no hips."""
        heads = self.bones(frame)
        if "left_hip" in heads and "right_hip" in heads:
            across = heads["left_hip"] - heads["right_hip"]
            ahead = np.array([across[1], -across[0], 0.0])
        else:
            ahead = -np.array(self.armature.matrix_world.to_3x3().col[1]) * (1, 1, 0)
        length = np.linalg.norm(ahead)
        return ahead / length if length > 1e-6 else np.array([0.0, -1.0, 0.0])

    def place_camera(self, shot: framing.Shot) -> None:
        """Puts the camera there and turns the backdrop to face it."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = shot.rotation, shot.position
        self.camera.matrix_world = Matrix(matrix.tolist())
        back = shot.rotation[:, 2]
        origin = self.armature.matrix_world.translation
        turn = Matrix.Rotation(np.arctan2(back[0], -back[1]), 3, "Z")
        self.cove.matrix_world = Matrix.Translation(origin) @ turn.to_4x4()
        self.shadow.fall(*(turn @ Vector(SHADOW_SLOPE))[:2])

    def render(self, path: Path, frame: int) -> None:
        """One frame as PNG.

        As an animation of one frame, because a single picture is drawn from the pose of the user's own current frame.
        """
        scene = self.scene
        scene.frame_start = scene.frame_end = frame
        scene.render.filepath = str(path.with_suffix("")) + "_frame_"
        bpy.ops.render.render(animation=True, scene=scene.name)
        Path(scene.render.frame_path(frame=frame)).replace(path)

    def _depsgraph(self) -> bpy.types.Depsgraph:
        return self.scene.view_layers[0].depsgraph


@contextmanager
def stage(
    context: bpy.types.Context, armature: bpy.types.Object, size: tuple[int, int], samples: int
) -> Iterator[Stage]:
    """A lit scene with the character, at the frame rate of the current one; removed on leaving, whatever happened.

    `size` is the picture's in pixels; `samples` is 0 for none or one of Workbench's anti-aliasing counts (5, 8, 11, 16,
    32).
    """
    if armature is None or armature.type != "ARMATURE":
        raise PreviewError("There is no armature to show; choose the character's armature and try again.")
    images = set(bpy.data.images)
    meshes = character_meshes(armature)
    camera, cove, shadow = _camera(), _cove(), make_shadow(meshes, armature.matrix_world.translation.z)
    owned: list[bpy.types.ID] = [camera, camera.data, cove, cove.data, cove.active_material, *shadow.owned]
    try:
        with side_scene(context, "Cospeech Preview", [armature, *meshes, camera, cove, shadow.object]) as scene:
            scene.camera = camera
            _set_output(scene, size)
            owned.append(_set_look(scene, samples))
            yield Stage(scene, armature, meshes, camera, cove, shadow, owned)
    finally:
        bpy.data.batch_remove(owned + [i for i in bpy.data.images if i not in images])


def _camera() -> bpy.types.Object:
    data = bpy.data.cameras.new("Cospeech Preview")
    data.lens, data.sensor_fit, data.sensor_height = framing.LENS_MM, "VERTICAL", framing.SENSOR_MM
    data.clip_start, data.clip_end = 0.1, 60.0
    return bpy.data.objects.new("Cospeech Preview Camera", data)


def _cove() -> bpy.types.Object:
    """An infinity cove: floor that bends up into a wall, so that no horizon cuts through the figure. Faces -Y."""
    bend = np.linspace(0.0, np.pi / 2, 24)
    ys = np.concatenate([[-30.0], COVE_BEHIND_M + COVE_RADIUS_M * np.sin(bend), [COVE_BEHIND_M + COVE_RADIUS_M]])
    zs = np.concatenate([[0.0], COVE_RADIUS_M * (1 - np.cos(bend)), [30.0]])
    count = len(ys)
    vertices = [(x, float(y), float(z)) for x in (-30.0, 30.0) for y, z in zip(ys, zs, strict=True)]
    faces = [(i, i + count, i + count + 1, i + 1) for i in range(count - 1)]
    mesh = bpy.data.meshes.new("Cospeech Preview Backdrop")
    mesh.from_pydata(vertices, [], faces)
    # Lit by its slope the floor would be far darker than the wall; these normals fade evenly from bottom to top.
    tilt = np.concatenate([[0.30], np.linspace(0.30, 0.0, len(bend)), [0.0]])
    mesh.normals_split_custom_set_from_vertices([[0.0, -float(np.cos(t)), float(np.sin(t))] for t in (*tilt, *tilt)])
    material = bpy.data.materials.new("Cospeech Preview Backdrop")
    material.diffuse_color = BACKDROP
    material.roughness = 1.0
    mesh.materials.append(material)
    return bpy.data.objects.new("Cospeech Preview Backdrop", mesh)


def _set_output(scene: bpy.types.Scene, size: tuple[int, int]) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    view: Any = scene.view_settings  # which transforms there are is known at run time only
    view.view_transform = "Standard"


def _set_look(scene: bpy.types.Scene, samples: int) -> bpy.types.World:
    render: Any = scene.render  # which engines there are is known at run time only
    render.engine = "BLENDER_WORKBENCH"
    display: Any = scene.display
    display.render_aa = str(samples) if samples else "OFF"
    shading = scene.display.shading
    shading.light = "STUDIO"
    if STUDIO_LIGHT in {light.name for light in bpy.context.preferences.studio_lights}:
        shading.studio_light = STUDIO_LIGHT
    shading.color_type = "MATERIAL"
    shading.show_cavity, shading.cavity_type = True, "SCREEN"
    shading.curvature_ridge_factor, shading.curvature_valley_factor = 0.3, 0.9
    world = bpy.data.worlds.new("Cospeech Preview")
    world.color = BACKDROP[:3]
    scene.world = world
    return world
