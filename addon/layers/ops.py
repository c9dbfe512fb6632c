"""Simplify, and the layer's operators."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np

from .. import compat
from ..pins.counts import COUNTS
from ..pins.scope import take_blocker
from ..rig.recognise import recognise
from ..rig.rig_map import RigError
from ..scene import ALL_PARTS, PARTS, find_character
from ..takes.scope import ScopeError, find_range, free_channels
from ..takes.span import SpanError, action_span, take_span
from ..takes.stack import find_stack, hide, owners, show, strips_of
from ..ui import OperatorResult, UndoOperator
from .counts import note_simplified
from .groups import GROUPINGS
from .layer import LayerError, layer_edits
from .measure import Bounds
from .merge import merge_layer
from .simplify import Simplified, SimplifyError, simplify

MILLIMETRE = 1e-3  # m
RANGES = (
    ("AUTO", "Automatic", "Between selected keys, else the preview range, else the take"),
    ("SELECTED", "Selected Keys", "From the first to the last selected key of the character"),
    ("PREVIEW", "Preview Range", "The scene's preview range"),
    ("TAKE", "Whole Take", "Every frame of the take"),
)
SCOPES = (
    ("PARTS", "Body Parts", "The parts chosen here"),
    ("SELECTED_BONES", "Selected Bones", "Bones selected in Pose Mode; the face with the jaw or an eye"),
)


class _KeysOperator(UndoOperator):
    """What the operators on keys and layers share: they need a take, and the pins are counted anew after them."""

    blocker = staticmethod(take_blocker)
    refusals = (LayerError, RigError, ScopeError, SimplifyError, SpanError)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Do it, and say what was done."""
        result = super().execute(context)
        COUNTS.forget()
        return result


class COSPEECH_OT_simplify(_KeysOperator, bpy.types.Operator):
    """Leave few keys that you can edit in place of a key on every frame; pins and your own keys stay"""

    bl_idname = "cospeech.simplify"
    bl_label = "Simplify"

    places: bpy.props.FloatProperty(
        name="Places (mm)",
        description="How far wrists, fingertips, feet and head may be off on any frame, in millimetres",
        default=3.0,
        min=0.05,
        soft_max=50.0,
        precision=1,
        step=50,
    )
    turns: bpy.props.FloatProperty(
        name="Turns",
        description="How far any bone may be turned off on any frame, as seen",
        default=float(np.radians(1.5)),
        min=float(np.radians(0.05)),
        soft_max=float(np.radians(15.0)),
        subtype="ANGLE",
    )
    weights: bpy.props.FloatProperty(
        name="Face",
        description="How far the value of any shape key may be off on any frame",
        default=0.03,
        min=0.001,
        soft_max=0.2,
        precision=3,
    )
    keys: bpy.props.EnumProperty(
        name="Pose Keys", description="Which bones are keyed on the same frames", items=GROUPINGS, default="LIMB"
    )
    range: bpy.props.EnumProperty(name="Range", items=RANGES, options={"SKIP_SAVE"})
    scope: bpy.props.EnumProperty(name="Scope", items=SCOPES, options={"SKIP_SAVE"})
    parts: bpy.props.EnumProperty(
        name="Parts",
        description="Body parts of the scope Body Parts",
        items=PARTS,
        options={"ENUM_FLAG", "SKIP_SAVE"},
        default=ALL_PARTS,
    )

    def work(self, context: bpy.types.Context) -> str:
        """Simplify."""
        armature = find_character(context)
        span = take_span(context.scene, armature)
        asked = SimpleNamespace(range=self.range, first=0, last=0, edited=False)
        frames = find_range(context, armature, span, asked)
        free = free_channels(armature, recognise(armature), span.action, self.scope, set(self.parts))
        bounds = Bounds(self.places * MILLIMETRE, self.turns, self.weights)
        done = simplify(armature, span, (frames.first, frames.last), free, bounds, self.keys)
        text = simplified_text(done)
        note_simplified(span.action, text)
        return text


class COSPEECH_OT_layer_edits(_KeysOperator, bpy.types.Operator):
    """Take your edits out of the take, into a layer of offsets above it in the NLA; the take is as generated then"""

    bl_idname = "cospeech.layer_edits"
    bl_label = "Layer"

    fade: bpy.props.FloatProperty(
        name="Fade",
        description="How long before and after your edits the layer begins and ends, in seconds",
        default=0.5,
        min=0.04,
        soft_max=5.0,
        subtype="TIME_ABSOLUTE",
    )
    pins: bpy.props.BoolProperty(
        name="Pins Too",
        description="Also take out pins that differ from what was generated; other pins stay in the take",
        default=True,
    )

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Why there is no take, or a layer already."""
        reason = take_blocker(context)
        if not reason and find_stack(find_character(context)) is not None:
            reason = "The take has a layer already; show it and key on it, or merge it first"
        return reason

    def work(self, context: bpy.types.Context) -> str:
        """Layer."""
        armature = find_character(context)
        span = take_span(context.scene, armature)
        done = layer_edits(armature, span, max(1.0, self.fade * span.fps), pins=self.pins)
        text = f"{counted(done.poses, 'edited pose')} moved into '{done.stack.layer.name}'"
        return f"{text}. {', '.join(done.left[:3])} stayed in the take" if done.left else text


class _OnLayer(_KeysOperator):
    """Only with a layer, outside Tweak Mode."""

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Why there is no layer to work on."""
        armature = find_character(context)
        if armature is None or find_stack(armature) is None:
            return "The take has no layer; Layer makes one of your edits"
        if armature.animation_data.use_tweak_mode:
            return f"An NLA strip of '{armature.name}' is being tweaked; leave Tweak Mode (Tab) first"
        return ""


class COSPEECH_OT_merge_layer(_OnLayer, bpy.types.Operator):
    """Bake the layer into the take; your edits are edited keys and pins of it again, which Regenerate keeps"""

    bl_idname = "cospeech.merge_layer"
    bl_label = "Merge"

    def work(self, context: bpy.types.Context) -> str:
        """Merge."""
        armature = find_character(context)
        stack = find_stack(armature)
        done = merge_layer(armature, action_span(context.scene, armature, stack.base), stack)
        text = f"{counted(done.poses, 'edited pose')} merged into '{stack.base.name}', {done.frames} frames changed"
        return f"{text}. {', '.join(done.left[:3])} are locked, muted or driven: unchanged" if done.left else text


class COSPEECH_OT_mute_layer(_OnLayer, bpy.types.Operator):
    """Show the take as it was generated and work on it, or show it with the layer again"""

    bl_idname = "cospeech.mute_layer"
    bl_label = "Mute Layer"

    def work(self, context: bpy.types.Context) -> str:
        """Switch."""
        armature = find_character(context)
        stack = find_stack(armature)
        (hide if stack.shown else show)(armature, stack)
        return f"'{stack.layer.name}' is {'muted' if stack.shown else 'shown'}"


class COSPEECH_OT_edit_layer(_KeysOperator, bpy.types.Operator):
    """Key on the layer: new keys of the character go into it until this is switched off"""

    bl_idname = "cospeech.edit_layer"
    bl_label = "Key on Layer"

    @classmethod
    def blocker(cls, context: bpy.types.Context) -> str:
        """Why there is no layer to key on."""
        armature = find_character(context)
        stack = find_stack(armature) if armature is not None else None
        if stack is None:
            return "The take has no layer; Layer makes one of your edits"
        return "" if stack.shown else "The layer is muted; show it first"

    def work(self, context: bpy.types.Context) -> str:
        """Enter or leave the NLA's Tweak Mode on the layer's strips."""
        armature = find_character(context)
        stack = find_stack(armature)
        on = not armature.animation_data.use_tweak_mode
        for owner in owners(armature):
            if any(strips_of(owner, stack.layer)):
                _tweak(owner, stack.layer, on)
        return f"New keys go into '{stack.layer.name}'" if on else f"'{stack.layer.name}' is no longer keyed"


def _tweak(owner: compat.Owner, layer: bpy.types.Action, on: bool) -> None:
    data = owner.animation_data
    if on:
        for track in data.nla_tracks:
            for strip in track.strips:
                strip.select = strip.action == layer
        data.nla_tracks.active = next(track for track, _ in strips_of(owner, layer))
    data.use_tweak_mode = on


def counted(number: int, what: str) -> str:
    """``1 pose``, ``2 poses``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def simplified_text(done: Simplified) -> str:
    """``9,900 keys -> 1,240, largest error 1.8 mm, 0.6 degrees``."""
    text = f"{done.before:,} keys -> {done.after:,}, largest error {done.place * 1e3:.1f} mm"
    text += f", {np.degrees(done.turn):.1f} degrees"
    if done.shape:
        text += f", face {done.shape:.3f}"
    if done.guarded:
        text += f". {counted(done.guarded, 'channel')} locked, muted, driven or modified: unchanged"
    return text


CLASSES = (
    COSPEECH_OT_simplify,
    COSPEECH_OT_layer_edits,
    COSPEECH_OT_merge_layer,
    COSPEECH_OT_mute_layer,
    COSPEECH_OT_edit_layer,
)
