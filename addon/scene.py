"""What a scene says of itself, and the names of its settings' choices: the ground on which all features stand.

Also where the features' own properties of Blender's types are read, so that each has a type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import bpy

if TYPE_CHECKING:
    from .face.props import CospeechFace
    from .generate.props import CospeechScene
    from .pins.props import CospeechTarget
    from .plan.props import CospeechPlan
    from .speakers.props import CospeechSpeaker

Block = TypeVar("Block", bound=bpy.types.ID)
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


# The features' ``PROPERTIES`` add these to Blender's types when the add-on is registered; bpy's stubs cannot know them.


def settings_of(scene: bpy.types.Scene) -> CospeechScene:
    """The scene's Cospeech settings."""
    return scene.cospeech  # type: ignore[attr-defined]  # ours


def speaker_of(scene: bpy.types.Scene) -> CospeechSpeaker:
    """Who speaks in the scene."""
    return scene.cospeech_speaker  # type: ignore[attr-defined]  # ours


def jumps_to_plan(scene: bpy.types.Scene) -> bool:
    """Whether choosing a gesture or a word of the plan goes to its frame."""
    return scene.cospeech_plan_jump  # type: ignore[attr-defined]  # ours


def plan_of(action: bpy.types.Action) -> CospeechPlan:
    """The plan of a take."""
    return action.cospeech_plan  # type: ignore[attr-defined]  # ours


def face_of(armature: bpy.types.Object) -> CospeechFace:
    """The mapping of a character's face."""
    return armature.cospeech_face  # type: ignore[attr-defined]  # ours


def targets_of(armature: bpy.types.Object) -> bpy.types.bpy_prop_collection_idprop[CospeechTarget]:
    """A character's targets."""
    return armature.cospeech_targets  # type: ignore[attr-defined]  # ours


def chosen_target(armature: bpy.types.Object) -> int:
    """The index of the target that is chosen in the list."""
    return armature.cospeech_target  # type: ignore[attr-defined]  # ours


def choose_target(armature: bpy.types.Object, index: int) -> None:
    """Choose a target in the list."""
    armature.cospeech_target = index  # type: ignore[attr-defined]  # ours


def scene_rate(scene: bpy.types.Scene) -> float:
    """The scene's frame rate, 23.976 too."""
    return float(scene.render.fps / scene.render.fps_base)


def take_start(scene: bpy.types.Scene) -> int:
    """The scene frame on which a new take begins."""
    settings = settings_of(scene)
    return int(scene.frame_current if settings.use_current_frame else settings.start_frame)


def by_uid(blocks: Iterable[Block], uid: str) -> Block | None:
    """The data-block of that session id: names change while a job runs."""
    return next((block for block in blocks if str(block.session_uid) == uid), None)


def find_character(context: bpy.types.Context) -> bpy.types.Object | None:
    """The scene's character; where none is set, the active armature."""
    chosen = settings_of(context.scene).character
    if chosen is not None and chosen.name in context.scene.objects:
        return chosen
    active = context.active_object
    return active if active is not None and active.type == "ARMATURE" else None


def character_blocker(context: bpy.types.Context) -> str:
    """Why there is no character to work with in this scene; empty where there is one."""
    armature = settings_of(context.scene).character
    if armature is None:
        return NO_CHARACTER
    if armature.name not in context.scene.objects:
        return f"'{armature.name}' is not in this scene; choose another character"
    return ""
