"""Pins from elsewhere: a pose of another take, the pose of the nearest pin; and the way from pin to pin."""

from __future__ import annotations

import bpy

from ..rig.recognise import first_names
from ..scene import find_character, scene_rate
from ..takes.apply import take_meta
from ..takes.shelf import takes_of
from ..takes.span import TakeSpan, whole_span
from ..ui import Blocked, OperatorResult
from .items import Item, all_items, selected_items
from .ops import PinOperator
from .scope import Place, active_take, bones_blocker, find_place, take_blocker
from .write import PinError, pin, pinned_frames, stored_values

DIRECTIONS = (
    ("NEAREST", "Nearest", "The nearest pin before or after this frame"),
    ("PREVIOUS", "Previous", "The last pin before this frame"),
    ("NEXT", "Next", "The first pin after this frame"),
)


def other_takes(context: bpy.types.Context) -> list[bpy.types.Action]:
    """The character's takes but the active one."""
    armature = find_character(context)
    if armature is None or armature.animation_data is None:
        return []
    return [action for action in takes_of(armature) if action != armature.animation_data.action]


def _search_takes(_: bpy.types.Operator, context: bpy.types.Context, text: str) -> list[str]:
    return [action.name for action in other_takes(context) if text.lower() in action.name.lower()]


def poses_blocker(context: bpy.types.Context) -> str:
    """Why no pose of another take can be pinned to the selected bones; empty where one can."""
    reason = bones_blocker(context)
    if not reason and not other_takes(context):
        reason = "The character has no other take; generate another one first"
    return reason


class COSPEECH_OT_pin_from_take(PinOperator, bpy.types.Operator):
    """Pin the selected bones on this frame in the pose that another take has there"""

    bl_idname = "cospeech.pin_from_take"
    bl_label = "Pin Pose from Take"

    take: bpy.props.StringProperty(
        name="Take", description="Take to copy the pose from", search=_search_takes, options={"SKIP_SAVE"}
    )
    offset: bpy.props.IntProperty(
        name="Offset",
        description="Frames after the same moment of that take; negative for before",
        default=0,
        options={"SKIP_SAVE"},
    )

    blocker = staticmethod(poses_blocker)

    def invoke(self, context: bpy.types.Context, _: bpy.types.Event) -> OperatorResult:
        """Ask for the take."""
        if not self.take:
            self.take = other_takes(context)[0].name
        return set(context.window_manager.invoke_props_dialog(self))

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Pin."""
        place = find_place(context, "FRAME")
        action = next((action for action in other_takes(context) if action.name == self.take), None)
        if action is None:
            raise PinError(f"'{place.armature.name}' has no other take '{self.take}'; choose one of the Takes panel")
        source = _span_of(context.scene, action)
        shift = source.start - place.span.start + self.offset
        frame = place.items[0][1][0] + shift
        if not source.start <= frame < source.end:
            raise PinError(
                f"'{action.name}' has frames {source.start}-{source.end - 1} and none at {frame:g}; change the offset"
            )
        return pin_poses(place, action, shift)


class COSPEECH_OT_snap_to_pin(PinOperator, bpy.types.Operator):
    """Pin the selected bones on this frame in the pose of their nearest pin"""

    bl_idname = "cospeech.snap_to_pin"
    bl_label = "Snap to Pin"

    direction: bpy.props.EnumProperty(name="Pin", items=DIRECTIONS, default="NEAREST", options={"SKIP_SAVE"})

    blocker = staticmethod(bones_blocker)

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Snap each bone."""
        place = find_place(context, "FRAME")
        now = place.items[0][1][0]
        found: list[tuple[Item, float]] = []
        for item, _ in place.items:
            frame = choose(pinned_frames([item], place.action), now, self.direction)
            if frame is not None and not item.guarded(place.action):
                found.append((item, frame))
        if not found:
            raise PinError("The selected bones have no other pin there; pin a pose of theirs first")
        for item, frame in found:
            values = stored_values(item, place.action, frame)
            if values is not None:
                pin(item, place.action, now, values)
        place.action.update_tag()
        pinned = sorted({item.name for item, _ in found})
        return "INFO", f"Pinned {first_names(pinned)} as on frame {found[0][1]:g}"


class COSPEECH_OT_jump_to_pin(Blocked, bpy.types.Operator):
    """Go to the next pin of the selected bones; of the whole take where none is selected"""

    bl_idname = "cospeech.jump_to_pin"
    bl_label = "Jump to Pin"
    bl_options = {"REGISTER", "UNDO"}

    direction: bpy.props.EnumProperty(name="Pin", items=DIRECTIONS, default="NEXT", options={"SKIP_SAVE"})

    blocker = staticmethod(take_blocker)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Set the current frame, and nothing else."""
        scene = context.scene
        try:
            armature, span = active_take(context)
        except PinError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        items = selected_items(armature) or list(all_items(armature))
        frame = choose(pinned_frames(items, span.action), scene.frame_current_final, self.direction)
        if frame is None:
            self.report(
                {"WARNING"}, f"There is no pin {'before' if self.direction == 'PREVIOUS' else 'after'} this frame"
            )
            return {"CANCELLED"}
        scene.frame_set(int(frame // 1), subframe=frame % 1)
        return {"FINISHED"}


def pin_poses(place: Place, action: bpy.types.Action, shift: float) -> tuple[str, str]:
    """Pin the items on their frames in the poses that another take has ``shift`` frames later."""
    free = [(item, frames) for item, frames in place.items if not item.guarded(place.action)]
    done: set[str] = set()
    for item, frames in free:
        for frame in frames:
            values = stored_values(item, action, frame + shift)
            if values is not None:
                pin(item, place.action, frame, values)
                done.add(item.name)
    left = {item.name for item, _ in place.items} - done
    if not done:
        raise PinError(f"'{action.name}' does not move {first_names(sorted(left))}, or their channels are locked here")
    place.action.update_tag()
    text = f"Pinned {first_names(sorted(done))} as in '{action.name}'"
    return ("WARNING", f"{text}. {first_names(sorted(left))} stayed") if left else ("INFO", text)


def choose(frames: list[float], now: float, direction: str) -> float | None:
    """The next of the frames in a direction; a pin on this very frame is none."""
    near = 1e-3
    before = [frame for frame in frames if frame < now - near]
    after = [frame for frame in frames if frame > now + near]
    if direction == "PREVIOUS":
        after = []
    elif direction == "NEXT":
        before = []
    candidates = [*before[-1:], *after[:1]]
    return min(candidates, key=lambda frame: abs(frame - now)) if candidates else None


def _span_of(scene: bpy.types.Scene, action: bpy.types.Action) -> TakeSpan:
    """The frames of a take that is not the active one."""
    span = whole_span(action, take_meta(action), scene_rate(scene))
    if not span.fits(scene):
        raise PinError(
            f"'{action.name}' was made at {span.fps:g} frames per second and the scene runs at {scene_rate(scene):g}; "
            "choose a take of this rate"
        )
    return span


CLASSES = (COSPEECH_OT_pin_from_take, COSPEECH_OT_snap_to_pin, COSPEECH_OT_jump_to_pin)
