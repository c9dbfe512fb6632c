"""Hashes of the F-curves that the operators write; run by tests.proof in a process of its own."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import bpy
import numpy as np

import addon

FIELDS = {"co": (2, np.float32), "handle_left": (2, np.float32), "handle_right": (2, np.float32)}
ENUMS = ("handle_left_type", "handle_right_type", "interpolation", "easing", "type")


def curve_hashes(action: bpy.types.Action, speech_folder: str) -> dict[str, str]:
    """A hash an F-curve, one for the markers and one for what the take says of itself."""
    found = {}
    for bag in action.layers[0].strips[0].channelbags:
        for curve in bag.fcurves:
            digest = hashlib.sha256()
            points = curve.keyframe_points
            for field, (width, kind) in FIELDS.items():
                values = np.empty(len(points) * width, kind)
                points.foreach_get(field, values)
                digest.update(values.tobytes())
            for field in ENUMS:
                values = np.empty(len(points), np.int32)
                points.foreach_get(field, values)
                digest.update(values.tobytes())
            found[f"{bag.slot.identifier} {curve.data_path} {curve.array_index}"] = digest.hexdigest()[:16]
    markers = [(marker.name, marker.frame) for marker in action.pose_markers]
    found["markers"] = hashlib.sha256(repr(markers).encode()).hexdigest()[:16]
    meta = json.dumps(json.loads(action["cospeech"]), sort_keys=True).replace(speech_folder, "")
    found["provenance"] = hashlib.sha256(meta.encode()).hexdigest()[:16]
    return found


def make(out: Path, speech: str) -> None:
    """Generate, pin, regenerate, generate again, chain and listen, in the factory's scene at 24 frames a second."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene, folder = bpy.context.scene, str(Path(speech).parent)
    found: dict[str, dict[str, str]] = {}
    scene.render.fps = 24
    bpy.ops.cospeech.add_character()
    mia = scene.cospeech.character
    scene.cospeech.audio = speech
    scene.frame_set(11)
    bpy.ops.cospeech.generate()
    found["generate"] = curve_hashes(mia.animation_data.action, folder)
    pin(mia.animation_data.action)
    bpy.ops.cospeech.regenerate(first=60, last=130)
    found["regenerate"] = curve_hashes(mia.animation_data.action, folder)
    scene.frame_set(600)
    scene.cospeech.seed, scene.cospeech.style = 3, "excited"
    bpy.ops.cospeech.generate()
    found["generate excited"] = curve_hashes(mia.animation_data.action, folder)
    bpy.ops.cospeech.chain_takes(idle_before=12, idle_after=24)
    found["chain"] = curve_hashes(mia.animation_data.action, folder)
    bpy.ops.cospeech.add_character()
    zoe = scene.cospeech.character
    scene.cospeech.character = mia
    bpy.ops.cospeech.listen(listener=zoe.name)
    found["listen"] = curve_hashes(zoe.animation_data.action, folder)
    out.write_text(json.dumps(found), encoding="utf-8")


def pin(action: bpy.types.Action) -> None:
    """The right elbow bent on frame 90, as an animator's own key."""
    for bag in action.layers[0].strips[0].channelbags:
        for curve in bag.fcurves:
            if curve.data_path == 'pose.bones["right_elbow"].rotation_quaternion':
                point = curve.keyframe_points[90 - 11]
                point.co[1] = (0.8, 0.0, 0.0, -0.6)[curve.array_index]
                point.type = "EXTREME"
                curve.update()


if __name__ == "__main__":
    addon.register()
    try:
        make(Path(sys.argv[1]), sys.argv[2])
    finally:
        addon.unregister()
