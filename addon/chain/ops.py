"""Chain Takes: several lines of a character become one take; the engine fills what lies between them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..client.hints_file import HintsData, HintsFileError, write_hints
from ..client.jobs import Job, JobFiles
from ..client.provenance import TakeMeta
from ..client.take_file import Take, TakeFileError, read_take
from ..generate.options import scene_options
from ..rig.convert import Array
from ..rig.recognise import recognise
from ..rig.skeleton import JOINTS
from ..scene import NO_CHARACTER, by_uid, find_character, scene_rate, settings_of
from ..setup.engine import SESSION
from ..setup.ops import EngineJobOperator, RequestError
from ..speech.strip import place_speech
from ..takes.apply import ApplyError, RigError, action_meta, apply_take, check_ready, set_meta, take_meta, take_written
from ..takes.kept import keep_file
from ..takes.proportions import own_rest
from ..takes.shelf import takes_of
from ..takes.stack import owners, visible_take
from ..ui import Blocked, OperatorResult, our_operators
from .lines import OWN, TURN, find_takes, fitting_takes, mark_pins, place_lines, read_line
from .merge import Chain, ChainError, build_chain, chain_meta, check_lines

CHAIN_FILE = "chain.json"
HINTS_FILE = "hints.npz"
WORD = "chain"
NO_GAP = (0, 1)  # frames: a window that stands for none


def chain_blocker(context: bpy.types.Context) -> str:
    """Why takes can't be chained now; empty where they can."""
    armature = find_character(context)
    if SESSION.job is not None:
        return "Cospeech is already working; wait for it or cancel it first"
    if armature is None:
        return NO_CHARACTER
    if not takes_of(armature):
        return f"'{armature.name}' has no takes yet; generate or load one first"
    return ""


class _ChainOptions(Blocked):
    """Mixin: how takes are put behind each other."""

    order: bpy.props.EnumProperty(
        name="Order",
        items=(
            (OWN, "At Their Frames", "Each take stays where it begins"),
            (TURN, "One After Another", "Each take begins some frames after the end of the one before"),
        ),
        default=OWN,
    )
    gap: bpy.props.IntProperty(
        name="Gap", description="Frames of transition between takes, One After Another", default=12, min=0, soft_max=240
    )
    idle_before: bpy.props.IntProperty(
        name="Idle Before", description="Frames of quiet standing before the first take", default=0, min=0, soft_max=240
    )
    idle_after: bpy.props.IntProperty(
        name="Idle After", description="Frames of quiet standing after the last take", default=0, min=0, soft_max=240
    )

    blocker = staticmethod(chain_blocker)


class CospeechChainItem(bpy.types.PropertyGroup):
    """A take that may go into the chain; ``name`` is its Action."""

    use: bpy.props.BoolProperty(name="Use", description="Take this one into the chain", default=True)
    place: bpy.props.IntProperty(name="Place", description="Its place in the order, One After Another", min=1)


class COSPEECH_OT_chain_dialog(_ChainOptions, bpy.types.Operator):
    """Choose takes of the character, and make one take of them with transitions between"""

    bl_idname = "cospeech.chain_dialog"
    bl_label = "Chain Takes"
    bl_options = {"REGISTER"}

    items: bpy.props.CollectionProperty(type=CospeechChainItem, options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> OperatorResult:
        """Ask."""
        armature = find_character(context)
        takes = takes_of(armature)
        ticked = fitting_takes(takes, visible_take(armature))
        found = sorted(takes, key=lambda action: (action.frame_start, action.name))
        self.items.clear()
        for number, action in enumerate(found, 1):
            item = self.items.add()
            item.name, item.place = action.name, number
            item.use = action in ticked
        return context.window_manager.invoke_props_dialog(self, width=340, confirm_text="Chain")

    def draw(self, _: bpy.types.Context) -> None:
        """Takes and options."""
        layout = self.layout
        in_turn = self.order == TURN
        for item in self.items:
            row = layout.row()
            row.prop(item, "use", text=item.name)
            if in_turn:
                row.prop(item, "place", text="")
        layout.row().prop(self, "order", expand=True)
        column = layout.column()
        if in_turn:
            column.prop(self, "gap")
        column.prop(self, "idle_before")
        column.prop(self, "idle_after")

    def execute(self, _: bpy.types.Context) -> OperatorResult:
        """Start the job, which does not block."""
        chosen = sorted((item for item in self.items if item.use), key=lambda item: item.place)
        try:
            our_operators().chain_takes(
                "INVOKE_DEFAULT",
                takes="\n".join(item.name for item in chosen),
                order=self.order,
                gap=self.gap,
                idle_before=self.idle_before,
                idle_after=self.idle_after,
            )
        except RuntimeError as error:
            self.report({"ERROR"}, str(error).strip().removeprefix("Error: "))
            return {"CANCELLED"}
        return {"FINISHED"}


class COSPEECH_OT_chain_takes(EngineJobOperator, _ChainOptions, bpy.types.Operator):
    """Make one take of several, with transitions between them; the takes themselves stay as they are"""

    bl_idname = "cospeech.chain_takes"
    bl_label = "Chain Takes Now"
    bl_options = {"REGISTER"}

    takes: bpy.props.StringProperty(
        name="Takes",
        description="Names of the takes in their order, a line each; empty takes all of the character",
        options={"SKIP_SAVE"},
    )

    def request(self, context: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """The engine's request to fill the gaps; RequestError where the takes can't be chained."""
        scene, armature = context.scene, find_character(context)
        fps = scene_rate(scene)
        try:
            check_ready(armature)
            self._chain = chain = self._build(context, armature)
            self._hints = _hints(chain, fps, own_rest(recognise(armature)))
        except (ApplyError, RigError, ChainError, HintsFileError) as error:
            raise RequestError(str(error)) from error
        self._meta = chain_meta(chain, fps, settings_of(scene).seed)
        self._target = {"character": str(armature.session_uid), "scene": str(scene.session_uid)}
        options = {
            **scene_options(scene),
            "hints": HINTS_FILE,
            "windows": [list(gap) for gap in chain.gaps or (NO_GAP,)],
        }
        return "bridge", {"options": options}

    def _build(self, context: bpy.types.Context, armature: bpy.types.Object) -> Chain:
        names = [name for name in self.takes.split("\n") if name]
        actions = find_takes(armature, names) if names else list(reversed(takes_of(armature)))
        if not actions or (len(actions) < 2 and not self.idle_before + self.idle_after):
            raise ChainError("Choose at least two takes to chain, or frames of idle before or after one")
        rig = recognise(armature)
        lines = [read_line(context.scene, armature, rig, action) for action in actions]
        placed = place_lines(lines, self.order, self.gap)
        check_lines(placed, scene_rate(context.scene))
        return build_chain(placed, self.idle_before, self.idle_after)

    def files(self) -> JobFiles:
        """The lines in their places, and what the new take will say of itself."""
        places = [{"name": line.name, "start": line.start} for line in self._chain.lines]
        note = json.dumps({"meta": self._meta, "places": places}, ensure_ascii=False)
        return {HINTS_FILE: partial(_write_hints, hints=self._hints), CHAIN_FILE: partial(_write_text, text=note)}

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Write the new take; RuntimeError says why not, and where it was kept."""
        our_operators().apply_chain("EXEC_DEFAULT", True, filepath=job.result["take"], **self._target)
        count = len(self._chain.lines)
        frames = self._chain.frames
        return f"Chained {count} take{'s' if count > 1 else ''} to {frames} frames in {job.seconds:.1f} s"


def _hints(chain: Chain, fps: float, rest: Array | None) -> HintsData:
    """The lines as the base; where nothing lies between them nothing may change."""
    free = bool(chain.gaps)
    return HintsData(
        base_poses=chain.poses,
        base_trans=chain.trans,
        base_blendshapes=chain.blendshapes,
        window=(chain.gaps or (NO_GAP,))[0],
        fps=fps,
        free_joints=np.full(len(JOINTS), free),
        free_trans=free,
        free_face=free,
        rest=rest,
    )


def _write_hints(path: Path, hints: HintsData) -> None:
    try:
        write_hints(path, hints)
    except HintsFileError as error:
        raise RequestError(str(error)) from error


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


class COSPEECH_OT_apply_chain(bpy.types.Operator):
    """Write chained takes onto the character, with the speech of each in the sequencer"""

    bl_idname = "cospeech.apply_chain"
    bl_label = "Apply Chained Takes"
    bl_options = {"UNDO", "INTERNAL"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})
    character: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    scene: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Apply; where the character can't take it any more, keep the take's file."""
        path = Path(self.filepath)
        try:
            made = read_take(path)
            note = json.loads(path.with_name(CHAIN_FILE).read_text(encoding="utf-8"))
        except (TakeFileError, OSError, ValueError) as error:
            self.report({"ERROR"}, f"The chained take can't be read ({error}); chain the takes again")
            return {"CANCELLED"}
        meta = note["meta"]
        take = Take(
            made.poses, made.trans, made.fps, made.blendshapes, plan=meta["plan"], provenance=meta["provenance"]
        )
        scene = by_uid(bpy.data.scenes, self.scene)
        armature = by_uid(bpy.data.objects, self.character)
        if scene is None or armature is None or armature.name not in scene.objects:
            return self._keep("The character is gone")
        try:
            with context.temp_override(scene=scene):
                action = apply_take(
                    context, armature, take, start_frame=meta["start_frame"], name=chain_name(armature.name)
                )
        except (ApplyError, RigError) as error:
            return self._keep(str(error))
        set_meta(action, {**action_meta(action), "lines": meta["lines"]})
        _mark_all(armature, action, note["places"])
        take_written(action)
        for line in TakeMeta(meta).lines:
            if line.provenance.audio_path:
                place_speech(scene, Path(bpy.path.abspath(line.provenance.audio_path)), line.start)
        self.report({"INFO"}, f"New take '{action.name}'")
        return {"FINISHED"}

    def _keep(self, reason: str) -> OperatorResult:
        self.report({"ERROR"}, f"{reason}. {keep_file(Path(self.filepath), WORD, 0)}")
        return {"CANCELLED"}


def chain_name(character: str) -> str:
    """``<character>_chain_<n>``, the first that no Action has."""
    number = 1
    while f"{character}_{WORD}_{number}" in bpy.data.actions:
        number += 1
    return f"{character}_{WORD}_{number}"


def _mark_all(armature: bpy.types.Object, chained: bpy.types.Action, places: list[dict[str, Any]]) -> None:
    """Pins of the lines are pins of the chained take."""
    found = []
    for place in places:
        action: bpy.types.Action | None = bpy.data.actions.get(str(place["name"]))
        if action is not None:
            found.append((action, int(place["start"]) - (take_meta(action).start or 0)))
    for owner in owners(armature):
        mark_pins(owner, chained, found)


CLASSES = (CospeechChainItem, COSPEECH_OT_chain_dialog, COSPEECH_OT_chain_takes, COSPEECH_OT_apply_chain)
