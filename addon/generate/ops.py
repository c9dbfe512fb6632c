"""Generate, cancel, and the apply step that writes a result into the scene as one undo step."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..client.jobs import Job
from ..client.take_file import TakeFileError, read_take
from ..gaze.place import look_blocker
from ..plan.emphasis import stretches
from ..rig.recognise import recognise, warnings
from ..scene import PARTS, by_uid, character_blocker, settings_of, take_start
from ..setup.engine import SESSION
from ..setup.ops import EngineJobOperator, RequestError
from ..speakers.choice import choice_blocker, chosen, emphasis_blocker
from ..speech.strip import place_speech
from ..speech.transcript import find_transcript
from ..takes.apply import ApplyError, RigError, apply_take, check_ready, is_take, take_meta
from ..takes.kept import keep_file
from ..takes.line import Line, is_of_line
from ..takes.proportions import fitted
from ..ui import Blocked, OperatorResult, our_operators
from .options import line_options, place_of


def generate_blocker(context: bpy.types.Context) -> str:
    """Why Generate can't run now; empty where it can."""
    settings = settings_of(context.scene)
    if SESSION.job is not None:
        return "Cospeech is already working; wait for it or cancel it first"
    missing = character_blocker(context)
    if missing:
        return missing
    if not settings.audio:
        return "Choose the audio of the line"
    if not bpy.data.filepath and any(path.startswith("//") for path in (settings.audio, settings.transcript)):
        return "The path of audio or transcript begins at this file, which is not saved yet; save it first"
    if not settings.parts:
        return "Choose at least one body part"
    return choice_blocker(chosen(context.scene)) or look_blocker(context.scene, chosen(context.scene))


class COSPEECH_OT_generate(Blocked, EngineJobOperator, bpy.types.Operator):
    """Listen to the line and key gestures, face and body on the character as a new take"""

    bl_idname = "cospeech.generate"
    bl_label = "Generate Gestures"
    bl_options = {"REGISTER"}

    blocker = staticmethod(generate_blocker)

    def request(self, context: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """The engine's request, and what :meth:`finished` needs although the scene may change meanwhile.

        RequestError where the character can't take keys: better now than after minutes of work.
        """
        scene = context.scene
        settings = settings_of(scene)
        armature, start = settings.character, take_start(scene)
        try:
            check_ready(armature)
        except (ApplyError, RigError) as error:
            raise RequestError(str(error)) from error
        audio = Path(bpy.path.abspath(settings.audio))
        transcript = find_transcript(audio, bpy.path.abspath(settings.transcript) if settings.transcript else "")
        line = Line(audio, transcript)
        self._target = place_of(scene, armature, line, start)
        options = line_options(context, armature, line, start, settings.parts, chosen(scene))
        return "generate", {"options": {**options, "emphasis": take_emphasis(scene)}}

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Write the take into the scene; RuntimeError says why not, and where the take was kept."""
        # From a modal operator only an explicit True pushes an undo step (docs/sources/blender.md, section 6).
        our_operators().apply_result("EXEC_DEFAULT", True, filepath=job.result["take"], **self._target)
        armature = by_uid(bpy.data.objects, self._target["character"])
        notes = [*job.result.get("warnings", []), *warnings(armature, recognise(armature))]
        return ". ".join([f"Wrote {job.result['frames']} frames in {job.seconds:.1f} s", *notes])


def take_emphasis(scene: bpy.types.Scene) -> list[tuple[float, float, float]]:
    """Emphasis (start, end, amount) of the words of the character's active take, where it is of the same line; none for
    a generator that can't hear it."""
    data = settings_of(scene).character.animation_data
    action = data.action if data is not None else None
    if not is_take(action) or take_meta(action).lines or not is_of_line(scene, action):
        return []
    found = [] if emphasis_blocker(chosen(scene)) else stretches(action)
    return [(start, end, amount) for _, start, end, amount in found if amount]


class COSPEECH_OT_apply_result(bpy.types.Operator):
    """Write a generated take onto the character, with its speech in the sequencer"""

    bl_idname = "cospeech.apply_result"
    bl_label = "Apply Generated Take"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})
    character: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    scene: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    audio: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})
    start_frame: bpy.props.IntProperty(options={"SKIP_SAVE", "HIDDEN"})
    seed: bpy.props.IntProperty(options={"SKIP_SAVE", "HIDDEN"})
    parts: bpy.props.EnumProperty(items=PARTS, options={"ENUM_FLAG", "SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Apply; where the character can't take it any more, keep the take's file, which may be minutes of work."""
        try:
            take = read_take(self.filepath)
        except TakeFileError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        scene = by_uid(bpy.data.scenes, self.scene)
        armature = by_uid(bpy.data.objects, self.character)
        if scene is None or armature is None or armature.name not in scene.objects:
            return self._keep("The character is gone")
        try:
            with context.temp_override(scene=scene):  # the user may look at another scene by now
                take = fitted(take, recognise(armature))
                action = apply_take(context, armature, take, start_frame=self.start_frame, parts=set(self.parts))
        except (ApplyError, RigError) as error:
            return self._keep(str(error))
        place_speech(scene, Path(self.audio), self.start_frame)
        self.report({"INFO"}, f"New take '{action.name}'")
        return {"FINISHED"}

    def _keep(self, reason: str) -> OperatorResult:
        sentence = keep_file(Path(self.filepath), Path(self.audio).stem, self.seed)
        self.report({"ERROR"}, f"{reason}. {sentence}")
        return {"CANCELLED"}


class COSPEECH_OT_cancel(Blocked, bpy.types.Operator):
    """Stop the running job; the scene stays as it is. A second click ends the engine at once"""

    bl_idname = "cospeech.cancel"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    blocker = staticmethod(lambda _: "" if SESSION.job is not None else "Nothing is running")

    def execute(self, _: bpy.types.Context) -> OperatorResult:
        """Ask the job to stop."""
        if SESSION.job is not None:
            SESSION.job.cancel()
        return {"FINISHED"}


@persistent
def _forget_job(*_: object) -> None:
    """Before another file is loaded: end the running job, keep the engine."""
    if SESSION.job is not None:
        SESSION.job.cancel()
        SESSION.finish()


CLASSES = (COSPEECH_OT_generate, COSPEECH_OT_apply_result, COSPEECH_OT_cancel)


def attach() -> None:
    """Add the file-load handler."""
    bpy.app.handlers.load_pre.append(_forget_job)


def detach() -> None:
    """Undo :func:`attach`."""
    bpy.app.handlers.load_pre.remove(_forget_job)
