"""Pin Ends: the first and last pose of a take are fixed to another take's, so that clips can be put together."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from .. import compat
from ..rig.recognise import recognise
from ..rig.rig_map import RigError, RigMap
from ..scene import NO_CHARACTER, find_character
from ..takes.apply import take_meta
from ..takes.shelf import takes_of
from ..takes.span import SpanError, TakeSpan, take_span, whole_span
from ..ui import OperatorResult, RefusedError, UndoOperator
from .lines import pose_at, pose_now

START, END = "START", "END"
FULL_TURN = 2.0 * np.pi  # rad
Pose = dict[tuple[str, int], float]


def ends_blocker(context: bpy.types.Context) -> str:
    """Why ends can't be pinned; empty where they can."""
    armature = find_character(context)
    if armature is None:
        return NO_CHARACTER
    data = armature.animation_data
    if not take_meta(data.action if data is not None else None):
        return "The character has no take yet; generate one first"
    return ""


def _search_takes(_: COSPEECH_OT_pin_ends, context: bpy.types.Context, text: str) -> Iterator[str]:
    armature = find_character(context)
    for action in takes_of(armature) if armature is not None else ():
        if text.lower() in action.name.lower():
            yield action.name


class COSPEECH_OT_pin_ends(UndoOperator, bpy.types.Operator):
    """Pin the first or last pose of the take to the end or start of another take, or to the pose shown now"""

    bl_idname = "cospeech.pin_ends"
    bl_label = "Pin Ends"

    ends: bpy.props.EnumProperty(
        name="Ends",
        items=(
            (START, "Start", "The first frame, to the end of the other take", 1),
            (END, "End", "The last frame, to the start of the other take", 2),
        ),
        options={"ENUM_FLAG"},
        default={START},
    )
    take: bpy.props.StringProperty(
        name="Take",
        description="Whose end or start the pose is taken from; empty takes the pose shown now",
        search=_search_takes,
        search_options={"SORT"},
        options={"SKIP_SAVE"},
    )

    blocker = staticmethod(ends_blocker)
    refusals = (SpanError, RigError)

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> OperatorResult:
        """Ask which ends, and whose pose."""
        return context.window_manager.invoke_props_dialog(self, confirm_text="Pin")

    def draw(self, _: bpy.types.Context) -> None:
        """The dialog."""
        self.layout.row().prop(self, "ends")
        self.layout.prop(self, "take")
        if not self.take:
            self.layout.label(text="Takes the pose shown now")

    def work(self, context: bpy.types.Context) -> str:
        """Write the poses as pins."""
        armature = find_character(context)
        poses = self._poses(armature, recognise(armature), take_span(context.scene, armature))
        channels = compat.current_channels(armature)
        if channels is None:
            raise RefusedError(f"The take has no keys for '{armature.name}'; generate it again")
        for frame, pose in poses:
            _pin(armature, channels, frame, pose)
        frames = " and ".join(str(frame) for frame, _ in poses)
        return f"Pinned the pose on frame {frames}; Regenerate leads the motion there"

    def _poses(self, armature: bpy.types.Object, rig: RigMap, span: TakeSpan) -> list[tuple[int, Pose]]:
        """(scene frame, pose) of each end asked for; SpanError where the other take can't give one."""
        if not self.ends:
            raise SpanError("Choose the start, the end or both")
        places = [(end, frame) for end, frame in ((START, span.start), (END, span.end - 1)) if end in self.ends]
        if not self.take:
            pose = pose_now(armature, rig)
            return [(frame, pose) for _, frame in places]
        other = next((action for action in takes_of(armature) if action.name == self.take), None)
        meta = take_meta(other)
        if other is None or meta.start is None:
            raise SpanError(f"'{armature.name}' has no take '{self.take}' with a known start; choose another")
        found = whole_span(other, meta, span.fps)
        first, last = found.start, found.end - 1
        return [(frame, pose_at(armature, rig, other, last if end == START else first)) for end, frame in places]


def _pin(armature: bpy.types.Object, channels: compat.Channels, frame: int, pose: Pose) -> None:
    """Key a pose as EXTREME keys, in the turn and sign that lie nearest to the keys beside it."""
    curves = {(curve.data_path, curve.array_index): curve for curve in channels.fcurves}
    driven = {(driver.data_path, driver.array_index) for driver in armature.animation_data.drivers}
    for path in dict.fromkeys(path for path, _ in pose):
        indices = [index for name, index in pose if name == path]
        values = np.array([pose[path, index] for index in indices])
        old = [
            curves[path, i].evaluate(frame) if (path, i) in curves else v for i, v in zip(indices, values, strict=True)
        ]
        values = _nearest(path, values, np.array(old))
        group = path.split('"')[1] if '"' in path else ""
        for index, value in zip(indices, values, strict=True):
            if (path, index) in driven:
                continue
            curve = curves.get((path, index)) or compat.new_curve(channels, path, index, group)
            point = curve.keyframe_points.insert(frame, float(value))
            point.type = "EXTREME"
            curve.update()


def _nearest(path: str, values: np.ndarray, old: np.ndarray) -> np.ndarray:
    if path.endswith("rotation_quaternion"):
        return -values if float(values @ old) < 0.0 else values
    if path.endswith("rotation_euler"):
        return values + FULL_TURN * np.round((old - values) / FULL_TURN)
    return values


CLASSES = (COSPEECH_OT_pin_ends,)
