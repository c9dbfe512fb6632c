"""Pin, unpin and clear: bones, shapes, and keys in the Dope Sheet."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ..rig.recognise import first_names
from ..ui import OperatorResult, UndoOperator
from .counts import COUNTS
from .items import Item, all_items, selected_items, shape_items
from .scope import (
    Place,
    active_shape,
    active_take,
    current_frame,
    find_place,
    keys_or_bones_blocker,
    take_blocker,
)
from .write import PinError, Released, is_pinned, pin, pin_keys, release, visible_values

SOURCES = (
    ("AUTO", "Automatic", "In the Dope Sheet and Graph Editor the selected keys, elsewhere the selected bones"),
    ("FRAME", "Selected Bones", "The selected bones on the current frame"),
    ("KEYS", "Selected Keys", "The selected keys of the character"),
)
SCOPES = (
    ("SELECTED", "Selected Bones", "All pins of the selected bones"),
    ("WINDOW", "Preview Range", "All pins in the preview range"),
    ("ALL", "Whole Take", "All pins of the take"),
)
SHAPES = (
    ("ACTIVE", "Active Shape Key", "The active shape key of the face"),
    ("ALL", "Whole Face", "All shape keys of the face that a take moves"),
)
RESTORE = bpy.props.BoolProperty(
    name="Restore",
    description="Put the generator's values back, of edited keys too; without it they stay, and count as your edits",
    default=False,
    options={"SKIP_SAVE"},
)


class PinOperator(UndoOperator):
    """What the operators on pins share: they need a take, and the counts are up to date after them."""

    blocker = staticmethod(take_blocker)
    refusals = (PinError,)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Do it, and say what was done."""
        result = super().execute(context)
        COUNTS.forget()
        return result


class COSPEECH_OT_pin(PinOperator, bpy.types.Operator):
    """Pin the selected bones on this frame, or the selected keys: Regenerate leaves them exactly as they are"""

    bl_idname = "cospeech.pin"
    bl_label = "Pin"

    source: bpy.props.EnumProperty(name="What", items=SOURCES, default="AUTO", options={"SKIP_SAVE"})

    blocker = staticmethod(keys_or_bones_blocker)

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Pin."""
        place = find_place(context, self.source)
        return pin_place(place, visible=not place.by_keys)


class COSPEECH_OT_unpin(PinOperator, bpy.types.Operator):
    """Let Regenerate change the selected bones on this frame, or the selected keys, again"""

    bl_idname = "cospeech.unpin"
    bl_label = "Unpin"

    source: bpy.props.EnumProperty(name="What", items=SOURCES, default="AUTO", options={"SKIP_SAVE"})
    restore: RESTORE

    blocker = staticmethod(keys_or_bones_blocker)

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Unpin."""
        place = find_place(context, self.source)
        done = release(place.items, place.action, restore=self.restore)
        return release_note(done, "There is no pin; select pinned bones or keys")


class COSPEECH_OT_clear_pins(PinOperator, bpy.types.Operator):
    """Unpin all of the take, of the selected bones or of the preview range"""

    bl_idname = "cospeech.clear_pins"
    bl_label = "Clear Pins"

    scope: bpy.props.EnumProperty(name="Scope", items=SCOPES, default="ALL", options={"SKIP_SAVE"})
    restore: RESTORE

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Clear."""
        armature, span = active_take(context)
        scene = context.scene
        within: tuple[float, float] | None = None
        items: Iterable[Item] = all_items(armature)
        if self.scope == "SELECTED":
            items = selected_items(armature)
            if not items:
                raise PinError(f"Select bones of '{armature.name}' in Pose Mode, or clear the whole take")
        elif self.scope == "WINDOW":
            if not scene.use_preview_range:
                raise PinError("The scene has no preview range; set one with P in the Timeline")
            within = (scene.frame_preview_start, scene.frame_preview_end)
        done = release([(item, None) for item in items], span.action, within=within, restore=self.restore)
        return release_note(done, "There is no pin to clear")


class COSPEECH_OT_pin_shape(PinOperator, bpy.types.Operator):
    """Pin the active shape key, or the whole face, on this frame"""

    bl_idname = "cospeech.pin_shape"
    bl_label = "Pin Shape Key"

    shapes: bpy.props.EnumProperty(name="Which", items=SHAPES, default="ACTIVE", options={"SKIP_SAVE"})

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Pin."""
        return pin_place(_shape_place(context, self.shapes), visible=True)


class COSPEECH_OT_unpin_shape(PinOperator, bpy.types.Operator):
    """Let Regenerate change the active shape key, or the whole face, again on this frame"""

    bl_idname = "cospeech.unpin_shape"
    bl_label = "Unpin Shape Key"

    shapes: bpy.props.EnumProperty(name="Which", items=SHAPES, default="ACTIVE", options={"SKIP_SAVE"})
    restore: RESTORE

    def work(self, context: bpy.types.Context) -> tuple[str, str]:
        """Unpin."""
        place = _shape_place(context, self.shapes)
        done = release(place.items, place.action, restore=self.restore)
        return release_note(done, "The shape key has no pin on this frame")


def pin_place(place: Place, *, visible: bool) -> tuple[str, str]:
    """Pin what is meant, with what is seen or with the keys as they are; what is not ours to write is told."""
    free = [(item, frames) for item, frames in place.items if not item.guarded(place.action)]
    left = {item.name for item, _ in place.items} - {item.name for item, _ in free}
    free = [(item, frames) for item, frames in free if item.channels(place.action) is not None]
    if not free:
        raise PinError(_why_nothing(place, left))
    poses: set[tuple[str, float]] = set()
    for item, frames in free:
        if visible:
            pin(item, place.action, frames[0], visible_values(item))
        else:
            pin_keys(item, place.action, frames)
        poses |= {(item.name, frame) for frame in frames if is_pinned(item, place.action, frame)}
    place.action.update_tag()
    text = f"Pinned {len(poses)} pose{'' if len(poses) == 1 else 's'}"
    if left:
        return "WARNING", f"{text}. Driven, locked or muted channels of {first_names(sorted(left))} were left out"
    return "INFO", text


def release_note(done: Released, nothing: str) -> tuple[str, str]:
    """The sentence on what was released; PinError with ``nothing`` where that is none."""
    if not (done.unpinned or done.restored):
        raise PinError(nothing)
    parts = [f"{done.unpinned} unpinned"] if done.unpinned else []
    parts += [f"{done.restored} restored"] if done.restored else []
    return "INFO", ", ".join(parts).capitalize()


def _why_nothing(place: Place, left: set[str]) -> str:
    if left:
        return (
            f"The channels of {first_names(sorted(left))} are driven, locked, muted or modified; free them to pin them"
        )
    asked = {item.name for item, _ in place.items}
    return f"The take '{place.action.name}' does not animate {first_names(sorted(asked))}"


def _shape_place(context: bpy.types.Context, which: str) -> Place:
    armature, span = active_take(context)
    name = active_shape(context, armature)
    items = list(shape_items(armature, None if which == "ALL" else {name}))
    if not items:
        raise PinError(_no_shape(armature, name, which))
    frame = current_frame(context, span)
    return Place(armature, span, tuple((item, (frame,)) for item in items))


def _no_shape(armature: bpy.types.Object, name: str, which: str) -> str:
    if which == "ALL":
        return f"'{armature.name}' has no mesh with ARKit shape keys that can be keyed"
    if not name:
        return "Choose a shape key of the face in the mesh's Data properties"
    return f"The shape key '{name}' is none that a take moves; choose one of the 52 ARKit shapes"


CLASSES = (
    COSPEECH_OT_pin,
    COSPEECH_OT_unpin,
    COSPEECH_OT_clear_pins,
    COSPEECH_OT_pin_shape,
    COSPEECH_OT_unpin_shape,
)
