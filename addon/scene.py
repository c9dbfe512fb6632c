"""What a scene says of itself, and the names of its settings' choices: the ground on which all features stand."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

NO_CHARACTER = "Choose a character, or add one with Add Character"
# Numbers are the bits of an enum that holds several.
PARTS = (
    ("face", "Face", "Mouth, brows, lids and eyes", 1),
    ("hands", "Hands", "Fingers", 2),
    ("upper", "Upper Body", "Spine, neck, head and arms", 4),
    ("lower", "Legs", "Hips to toes; without them seated or standing legs stay as they are", 8),
    ("root", "Root", "Place and turn of the pelvis", 16),
)
ALL_PARTS = {part[0] for part in PARTS}
KEYED_PARTS = bpy.props.EnumProperty(
    name="Parts",
    description="Body parts to key; the others stay untouched",
    items=PARTS,
    options={"ENUM_FLAG"},
    default=ALL_PARTS,
)
RANGES = (
    ("AUTO", "Automatic", "Gestures edited in the plan, else between selected keys, else preview range, else the take"),
    ("SELECTED", "Selected Keys", "From the first to the last selected key of the character, as in the Dope Sheet"),
    ("PREVIEW", "Preview Range", "The scene's preview range"),
    ("TAKE", "Whole Take", "Every frame of the take"),
    ("CUSTOM", "Frames", "The frames given here"),
)
SCOPES = (
    ("PARTS", "Body Parts", "The parts chosen in Performance"),
    ("SELECTED_BONES", "Selected Bones", "Bones selected in Pose Mode; the face with the jaw or an eye"),
    ("BONE_COLLECTIONS", "Visible Collections", "Bones of the bone collections that are shown; the face with the jaw"),
)


def scene_rate(scene: bpy.types.Scene) -> float:
    """The scene's frame rate, 23.976 too."""
    return float(scene.render.fps / scene.render.fps_base)


def take_start(scene: bpy.types.Scene) -> int:
    """The scene frame on which a new take begins."""
    settings = scene.cospeech
    return int(scene.frame_current if settings.use_current_frame else settings.start_frame)


def by_uid(blocks: Iterable[bpy.types.ID], uid: str) -> bpy.types.ID | None:
    """The data-block of that session id: names change while a job runs."""
    return next((block for block in blocks if str(block.session_uid) == uid), None)


def find_character(context: bpy.types.Context) -> bpy.types.Object | None:
    """The scene's character; where none is set, the active armature."""
    chosen = context.scene.cospeech.character
    if chosen is not None and chosen.name in context.scene.objects:
        return chosen
    active = context.active_object
    return active if active is not None and active.type == "ARMATURE" else None


def character_blocker(context: bpy.types.Context) -> str:
    """Why there is no character to work with in this scene; empty where there is one."""
    armature = context.scene.cospeech.character
    if armature is None:
        return NO_CHARACTER
    if armature.name not in context.scene.objects:
        return f"'{armature.name}' is not in this scene; choose another character"
    return ""
