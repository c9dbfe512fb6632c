"""Reads FBX files in a process of its own, with Blender's C++ importer. Run: fbx_reader.py JOBS.json

A job: {fbx, out, fps, base, frames, bones, shapes, vertices}. The Python importer misplaces keys at fractional rates,
and both importers would put frame 1 on 2 without ``anim_offset=0``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np


def read(job: dict) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = job["fps"], job["base"]
    bpy.ops.wm.fbx_import(filepath=job["fbx"], anim_offset=0.0)
    (armature,) = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
    meshes = [obj for obj in bpy.data.objects if obj.type == "MESH"]
    faces = [mesh.data.shape_keys.key_blocks for mesh in meshes if mesh.data.shape_keys]
    blocks = {block.name: block for keys in reversed(faces) for block in keys}
    joints, shapes, vertices = [], [], []
    for frame in job["frames"]:
        scene.frame_set(frame)
        joints.append([armature.matrix_world @ armature.pose.bones[bone].head for bone in job["bones"]])
        if blocks:
            shapes.append([blocks[name].value for name in job["shapes"]])
        if job.get("vertices"):
            seen = meshes[0].evaluated_get(bpy.context.evaluated_depsgraph_get())
            flat = np.empty(len(seen.data.vertices) * 3, np.float32)
            seen.data.vertices.foreach_get("co", flat)
            world = np.array(seen.matrix_world)
            vertices.append(flat.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3])
    facts = {
        "bones": sorted(bone.name for bone in armature.data.bones),
        "objects": sorted(obj.name for obj in bpy.data.objects),
        "actions": [action.name for action in bpy.data.actions],
        "range": [list(action.frame_range) for action in bpy.data.actions],
        "scale": list(armature.matrix_world.to_scale()),
        "turn": list(armature.matrix_world.to_quaternion()),
    }
    np.savez(job["out"], joints=joints, shapes=shapes, vertices=vertices, facts=json.dumps(facts))


def read_back(jobs: list[dict], folder: Path) -> list[tuple[dict, dict]]:
    """What a process of its own finds in the files: arrays and facts by job."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    subprocess.run(
        [sys.executable, __file__, str(folder / "jobs.json")],
        check=True,
        timeout=600,
        stdout=subprocess.DEVNULL,
    )
    out = []
    for entry in jobs:
        with np.load(entry["out"]) as data:
            arrays = {name: data[name] for name in ("joints", "shapes", "vertices")}
            out.append((arrays, json.loads(str(data["facts"]))))
    return out


if __name__ == "__main__":
    for entry in json.loads(Path(sys.argv[1]).read_text()):
        read(entry)
