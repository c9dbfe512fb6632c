"""Regenerate and Make Variations: ask the engine, and write what it answers as one undo step."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from ..client.hints_file import HintsFileError
from ..client.jobs import Job, JobFiles
from ..client.take_file import TakeFileError, read_take
from ..rig.recognise import recognise, warnings
from ..scene import PARTS, RANGES, SCOPES, by_uid, settings_of
from ..setup.engine import SESSION
from ..setup.ops import EngineJobOperator, RequestError
from ..takes.apply import ApplyError, RigError
from ..takes.kept import keep_file
from ..takes.line import LineError
from ..takes.scope import ScopeError
from ..takes.span import SpanError
from ..ui import Blocked, OperatorResult, our_operators
from .apply import Made, apply_made, apply_variations, changed_meanwhile, results_of
from .blocker import regenerate_blocker, variations_blocker
from .notes import outcome
from .request import NEXT_SEED, Asked, Order, Ticket, has_edits, make_order

MOVED = "The take was changed beside these frames meanwhile; look at the first and the last of them"
WONT = (ApplyError, RigError, SpanError, LineError, ScopeError, HintsFileError)
OWN = ("range", "first", "last", "scope", "parts", "seed", "same_seed")  # fields of Asked that an operator may set


class _Options(Blocked):
    """What both operators let a script or a menu choose; what is left out comes from the scene's settings."""

    range: bpy.props.EnumProperty(name="Range", items=RANGES, options={"SKIP_SAVE"})
    first: bpy.props.IntProperty(
        name="First", description="First scene frame of the range Frames", options={"SKIP_SAVE"}
    )
    last: bpy.props.IntProperty(name="Last", description="Last scene frame of the range Frames", options={"SKIP_SAVE"})
    scope: bpy.props.EnumProperty(name="Scope", items=SCOPES, options={"SKIP_SAVE"})
    parts: bpy.props.EnumProperty(
        name="Parts", description="Body parts of the scope Body Parts", items=PARTS, options={"ENUM_FLAG", "SKIP_SAVE"}
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="-1 takes the next one", min=-1, default=NEXT_SEED, options={"SKIP_SAVE"}
    )
    same_seed: bpy.props.BoolProperty(
        name="Same Seed", description="Keep the take's seed where no seed is given", options={"SKIP_SAVE"}
    )

    blocker = staticmethod(regenerate_blocker)

    def asked(self, context: bpy.types.Context, **more: Any) -> Asked:
        """What is asked for: the operator's own properties, else the scene's settings."""
        given = {name: getattr(self, name) for name in OWN if self.properties.is_property_set(name)}
        if "first" in given or "last" in given:
            given.setdefault("range", "CUSTOM")
        if "parts" in given:
            given["parts"] = frozenset(given["parts"])
            given.setdefault("scope", "PARTS")
        return replace(asked_by_settings(context), **given, **more)

    def ordered(self, context: bpy.types.Context, asked: Asked) -> Order:
        """The job; RequestError says why there can be none."""
        try:
            return make_order(context, settings_of(context.scene).character, asked)
        except WONT as error:
            raise RequestError(str(error)) from error


def asked_by_settings(context: bpy.types.Context) -> Asked:
    """What Regenerate does as the panel has it."""
    settings = settings_of(context.scene)
    return Asked(
        range=settings.edit_range,
        first=settings.edit_first,
        last=settings.edit_last,
        scope=settings.edit_scope,
        parts=frozenset(settings.parts),
        same_seed=settings.edit_same_seed,
        into_take=settings.edit_into_take,
        edited=has_edits(settings.character.animation_data.action),
    )


class COSPEECH_OT_regenerate(_Options, EngineJobOperator, bpy.types.Operator):
    """Make frames of the active take anew; pins, your own keys and everything outside stay exactly as they are"""

    bl_idname = "cospeech.regenerate"
    bl_label = "Regenerate"
    bl_options = {"REGISTER"}

    in_place: bpy.props.BoolProperty(
        name="Into This Take", description="Change the active take, not a copy of it", options={"SKIP_SAVE"}
    )

    def request(self, context: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """The engine's request."""
        given = self.properties.is_property_set("in_place")
        into = self.in_place if given else settings_of(context.scene).edit_into_take
        self._order = self.ordered(context, self.asked(context, into_take=into))
        return "generate", self._order.params

    def files(self) -> JobFiles:
        """The take as it stands, and its hints."""
        return self._order.files

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Write the window; RuntimeError says why not, and where the take was kept."""
        order = self._order
        before, window = by_uid(bpy.data.objects, order.ticket.character), job.result.get("window")
        moved = before is not None and window and changed_meanwhile(before, order.ticket, order.base, tuple(window))
        # From a modal operator only an explicit True pushes an undo step (docs/sources/blender.md, section 6).
        our_operators().apply_window("EXEC_DEFAULT", True, takes=results_of(job.result), ticket=order.ticket.to_text())
        armature = by_uid(bpy.data.objects, order.ticket.character)
        notes = [outcome(job, order), *warnings(armature, recognise(armature))]
        return ". ".join([*notes, MOVED] if moved else notes)


class COSPEECH_OT_variations(_Options, EngineJobOperator, bpy.types.Operator):
    """Make several versions of these frames to choose from; the active take stays as it is"""

    bl_idname = "cospeech.variations"
    bl_label = "Make Variations"
    bl_options = {"REGISTER"}
    blocker = staticmethod(variations_blocker)

    count: bpy.props.IntProperty(
        name="Count", description="How many variations, each of the next seed", min=1, max=20, options={"SKIP_SAVE"}
    )

    def request(self, context: bpy.types.Context) -> tuple[str, dict[str, object]]:
        """The engine's request."""
        given = self.properties.is_property_set("count")
        count = self.count if given else settings_of(context.scene).edit_variations
        self._order = self.ordered(context, self.asked(context, into_take=False, variations=count))
        return "generate", self._order.params

    def files(self) -> JobFiles:
        """The take as it stands, and its hints."""
        return self._order.files

    def finished(self, _: bpy.types.Context, job: Job) -> str:
        """Lay the variations beside the take; RuntimeError says why not, and where they were kept."""
        order, takes = self._order, results_of(job.result)
        our_operators().apply_window(
            "EXEC_DEFAULT", True, takes=takes, ticket=order.ticket.to_text(), variations=job.id
        )
        count = len(json.loads(takes))
        return f"Made {count} variation{'' if count == 1 else 's'} in {job.seconds:.1f} s; step through them to compare"


class COSPEECH_OT_apply_window(bpy.types.Operator):
    """Write regenerated frames into their take, or into copies of it"""

    bl_idname = "cospeech.apply_window"
    bl_label = "Apply Regenerated Frames"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    takes: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    ticket: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    variations: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Apply; where the take is gone or another, keep the results' files."""
        entries, ticket = json.loads(self.takes), Ticket.from_text(self.ticket)
        try:
            made = [Made(read_take(entry["take"]), int(entry["seed"]), _window(entry)) for entry in entries]
        except TakeFileError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        scene, armature, action = _targets(ticket)
        if scene is None or armature is None or armature.name not in scene.objects:
            return self._keep("The character is gone", entries, ticket)
        if action is None:
            return self._keep("The take is gone", entries, ticket)
        try:
            with context.temp_override(scene=scene):  # the user may look at another scene by now
                if self.variations:
                    apply_variations(context, armature, action, made, ticket, self.variations)
                else:
                    apply_made(context, armature, action, made[0], ticket)
        except (ApplyError, RigError) as error:
            return self._keep(str(error), entries, ticket)
        return {"FINISHED"}

    def _keep(self, reason: str, entries: list[dict[str, Any]], ticket: Ticket) -> OperatorResult:
        sentences = [keep_file(Path(entry["take"]), ticket.line, int(entry["seed"])) for entry in entries]
        self.report({"ERROR"}, ". ".join([reason, *sentences]))
        return {"CANCELLED"}


def _targets(ticket: Ticket) -> tuple[bpy.types.Scene | None, bpy.types.Object | None, bpy.types.Action | None]:
    """Scene, character and take of a ticket; None for what is gone."""
    return (
        by_uid(bpy.data.scenes, ticket.scene),
        by_uid(bpy.data.objects, ticket.character),
        by_uid(bpy.data.actions, ticket.action),
    )


def _window(entry: dict[str, Any]) -> tuple[int, int] | None:
    window = entry.get("window")
    return (int(window[0]), int(window[1])) if window else None


CLASSES = (COSPEECH_OT_regenerate, COSPEECH_OT_variations, COSPEECH_OT_apply_window)


def detach() -> None:
    """Nothing of a running order outlives the add-on."""
    SESSION.tell("", failed=False)
