"""A shot with a generated take, and looks at its keys, for the tests of Regenerate."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from addon.compat import KEY_FIELDS
from addon.regenerate.ops import COSPEECH_OT_regenerate
from addon.rig.armature import create_armature
from addon.setup.engine import SESSION
from addon.takes.apply import action_meta
from addon.takes.keys import bone_path
from addon.takes.rows import key_field
from tests.places import LINE
from tests.support.addon_clips import add_face, curves_of, key_values

FIRST, LAST = 60, 130
SHOT = "shot.blend"


def everything(action, *, first: int, end: int, inside: bool = False) -> dict[object, bytes]:
    """All fields of the keys outside the window, or inside of it, as bytes."""
    found = {}
    for name, curve in curves_of(action).items():
        frames = key_values(curve)[:, 0]
        rows = ((frames >= first) & (frames < end)) == inside
        found[name] = b"".join(key_field(curve, field, width)[rows].tobytes() for field, width in KEY_FIELDS)
    return found


def keys_at(action, frame: int) -> dict[object, bytes]:
    return everything(action, first=frame, end=frame + 1, inside=True)


def make_shot(folder: Path, *, fps: int = 24, base: float = 1.0, rest=None, mode: str = "QUATERNION") -> None:
    """The file SHOT with a generated take of the line on a character, beginning on frame 11; it stays open."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, base
    mia = create_armature(bpy.context, "Mia", rest)
    add_face(mia)
    for bone in mia.pose.bones:
        bone.rotation_mode = mode
    scene.cospeech.character, scene.cospeech.audio = mia, str(LINE)
    scene.cospeech.start_frame = 11
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / SHOT), copy=True)


def mia() -> bpy.types.Object:
    return bpy.data.objects["Mia"]


def take() -> bpy.types.Action:
    return mia().animation_data.action


def regenerate(**asked) -> str:
    """Regenerate frames FIRST..LAST unless something else is asked; returns the note."""
    asked = {"first": FIRST, "last": LAST} | asked if "range" not in asked else asked
    assert bpy.ops.cospeech.regenerate(**asked) == {"FINISHED"}
    return SESSION.note


def pin(bone: str, frame: int, value: tuple[float, ...] = ()) -> list[object]:
    """Set a bone's rotation on a frame, and pin it; returns the names of its curves."""
    curves, names = curves_of(take()), []
    for index in range(4):
        name = ("OBMia", bone_path(bone, "rotation_quaternion"), index)
        point = curves[name].keyframe_points[frame - 11]
        assert point.co[0] == frame
        point.type = "EXTREME"
        if value:
            point.co[1] = value[index]
        curves[name].update()
        names.append(name)
    return names


def changed(before: dict[object, bytes], after: dict[object, bytes]) -> set[object]:
    return {name for name in before if before[name] != after[name]}


def outside() -> dict[object, bytes]:
    return everything(take(), first=FIRST, end=LAST + 1)


def inside() -> dict[object, bytes]:
    return everything(take(), first=FIRST, end=LAST + 1, inside=True)


def select_keys(*frames: int, bones: tuple[str, ...] = ("head",)) -> None:
    for name, curve in curves_of(take()).items():
        if any(f'"{bone}"' in name[1] for bone in bones):
            for frame in frames:
                curve.keyframe_points[frame - 11].select_control_point = True


def window() -> tuple[int, int]:
    entry = action_meta(take())["regenerated"][-1]
    return entry["first"] + 11, entry["end"] + 10


class Given:
    """Stands in for an operator's properties: only the range is set."""

    @staticmethod
    def is_property_set(name: str) -> bool:
        return name in {"first", "last"}


class Plain:
    """Stands in for the operator's self, on which ``request`` stores what it needs later."""

    properties = Given
    range, first, last, scope, seed, same_seed = "AUTO", FIRST, LAST, "PARTS", -1, False
    parts: frozenset[str] = frozenset()
    asked = COSPEECH_OT_regenerate.asked
    ordered = COSPEECH_OT_regenerate.ordered


def meanwhile(change) -> str:
    """Ask, let something happen while the engine works, apply; returns the report of a refusal."""
    from addon.regenerate.apply import results_of

    asked = Plain()
    method, params = COSPEECH_OT_regenerate.request(asked, bpy.context)
    job = SESSION.start(method, params, asked._order.files)
    try:
        change()
        job.wait()
        assert job.state == "DONE", job.message
        bpy.ops.cospeech.apply_window(
            "EXEC_DEFAULT", True, takes=results_of(job.result), ticket=asked._order.ticket.to_text()
        )
    except RuntimeError as error:
        return str(error)
    finally:
        SESSION.finish()
    return ""


def toes(armature, rig, span) -> np.ndarray:
    """Heights of the toe bases over the take, in metres."""
    scene, out = bpy.context.scene, []
    for frame in range(span.start, span.end, 5):
        scene.frame_set(frame)
        out.append([armature.pose.bones[rig.bones[joint]].head.z for joint in (10, 11)])
    return np.array(out)
