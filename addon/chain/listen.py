"""Listen: another character of the scene reacts to the line, as a take of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..client.jobs import Job
from ..client.provenance import LISTEN, SPEAK
from ..client.take_file import read_take, write_take
from ..generate.options import line_options, place_of
from ..rig.convert import Array
from ..rig.recognise import recognise
from ..rig.rig_map import RigError, RigMap
from ..rig.skeleton import JOINTS
from ..scene import find_character, settings_of
from ..setup.engine import SESSION
from ..setup.ops import EngineJobOperator, RequestError
from ..speakers.choice import chosen
from ..speakers.presets import DEFAULT
from ..takes.apply import ApplyError, check_ready
from ..takes.chained import line_at
from ..takes.line import Line
from ..takes.span import SpanError, TakeSpan, glanced_span, take_span
from ..ui import Blocked, our_operators
from .turn import turned, yaw_towards

HEAD = JOINTS.index("head")


def listen_blocker(context: bpy.types.Context) -> str:
    """Why nobody can listen now; empty where somebody can."""
    if SESSION.job is not None:
        return "Cospeech is already working; wait for it or cancel it first"
    speaker = find_character(context)
    if speaker is None:
        return "Choose the character who speaks"
    if not other_characters(context):
        return "There is no other armature in this scene to listen; add a second character"
    try:
        glanced_span(context.scene, speaker)
    except SpanError as error:
        return str(error)
    return ""


def other_characters(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The scene's other armatures, by name."""
    speaker = find_character(context)
    found = [obj for obj in context.scene.objects if obj.type == "ARMATURE" and obj != speaker]
    return sorted(found, key=lambda obj: obj.name)


class COSPEECH_OT_listen(Blocked, EngineJobOperator, bpy.types.Operator):
    """Let another character listen to the line of the active take, as a take of its own"""

    bl_idname = "cospeech.listen"
    bl_label = "Listen"
    bl_options = {"REGISTER"}

    listener: bpy.props.StringProperty(
        name="Listener", description="Armature that listens; empty takes the only other one", options={"SKIP_SAVE"}
    )
    look: bpy.props.BoolProperty(
        name="Look at Speaker", description="Turn head and shoulders towards the speaker", default=True
    )

    blocker = staticmethod(listen_blocker)

    def request(self, context: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """A listener's take of the same line, over the same frames."""
        scene = context.scene
        speaker = find_character(context)
        try:
            span = take_span(scene, speaker)
            listener = self._listener(context)
            check_ready(listener)
            start, line = _spoken(span, scene.frame_current)
            yaw = look_yaw(listener, recognise(listener), speaker, recognise(speaker)) if self.look else 0.0
        except (ApplyError, RigError, SpanError) as error:
            raise RequestError(str(error)) from error
        self._yaw = yaw
        self._name = listener.name
        self._target = place_of(scene, listener, line, start)
        choice = replace(chosen(scene, LISTEN), speaker=DEFAULT)  # the ways that are set are the speaker's
        return "generate", {"options": line_options(context, listener, line, start, settings_of(scene).parts, choice)}

    def _listener(self, context: bpy.types.Context) -> bpy.types.Object:
        others = other_characters(context)
        if not self.listener and len(others) == 1:
            return others[0]
        found = next((obj for obj in others if obj.name == self.listener), None)
        if found is None:
            named = (
                f"There is no other armature '{self.listener}' in this scene" if self.listener else "Several can listen"
            )
            raise SpanError(f"{named}; choose one of: {', '.join(obj.name for obj in others)}")
        return found

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Turn the listener, and write the take onto it; RuntimeError says why not."""
        path = Path(job.result["take"])
        if self._yaw:
            take = read_take(path)
            path = path.with_name("listener.npz")
            write_take(path, replace(take, poses=turned(take.poses, self._yaw)))
        our_operators().apply_result("EXEC_DEFAULT", True, filepath=str(path), **self._target)
        return f"'{self._name}' listens for {job.result['frames']} frames, made in {job.seconds:.1f} s"


def _spoken(span: TakeSpan, frame: int) -> tuple[int, Line]:
    """Start frame and files of the line that is spoken: of a chained take, of the one at the frame."""
    start, source = span.start, span.provenance
    if span.meta.lines:
        line = span.meta.lines[max(line_at(span.meta, frame, frame + 1), 0)]
        start, source = line.start or 0, line.provenance
    if source.role != SPEAK or not source.audio_path:
        raise SpanError("The active take has no spoken line; make a take that speaks active first")
    audio = Path(bpy.path.abspath(source.audio_path))
    if not audio.is_file():
        raise SpanError(f"The take's audio {source.audio_path} is gone; choose the audio and generate the take again")
    transcript = Path(bpy.path.abspath(source.transcript)) if source.transcript else None
    return start, Line(audio, transcript, LISTEN)


def look_yaw(listener: bpy.types.Object, rig: RigMap, speaker: bpy.types.Object, other: RigMap) -> float:
    """Radians that the listener's body must turn to its left to face the speaker's head."""
    world = listener.matrix_world.to_3x3().normalized()
    facing = _direction(world, rig.axes[:, 2])
    up = _direction(world, rig.axes[:, 1])
    return yaw_towards(_head(listener, rig), facing, up, _head(speaker, other))


def _direction(world: Any, axis: Array) -> Array:
    turned_axis = np.array(world, np.float64) @ axis
    return turned_axis / np.linalg.norm(turned_axis)


def _head(armature: bpy.types.Object, rig: RigMap) -> Array:
    """World place of the head at rest, where the object stands now."""
    point = armature.data.bones[rig.bones[HEAD]].head_local
    return np.array(armature.matrix_world @ point, np.float64)


CLASSES = (COSPEECH_OT_listen,)
