"""The scene's Cospeech settings: document data only, never job state."""

from __future__ import annotations

import bpy

from ..client.generators import declared
from ..face.emotion import EMOTIONS, NEUTRAL
from ..scene import KEYED_PARTS, RANGES, SCOPES
from ..ui import scaling

STYLES = (
    ("calm", "Calm", "Few, small gestures"),
    ("explain", "Explain", "The gestures of someone who explains"),
    ("narrate", "Narrate", "The livelier gestures of a story"),
    ("excited", "Excited", "Many, large gestures"),
)


def _is_armature(_: CospeechScene, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


def _is_somebody_else(self: CospeechScene, candidate: bpy.types.Object) -> bool:
    return candidate != self.character


def _start_frame_set(self: CospeechScene, _: bpy.types.Context) -> None:
    self.use_current_frame = False


class CospeechScene(bpy.types.PropertyGroup):
    """Settings of ``scene.cospeech``."""

    character: bpy.props.PointerProperty(
        name="Character",
        description="SMPL-X armature that performs",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    audio: bpy.props.StringProperty(
        name="Audio",
        description="Recorded line: wav, flac, ogg or mp3, up to 30 minutes",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    transcript: bpy.props.StringProperty(
        name="Transcript",
        description="What is said, in English: .txt, .srt or .TextGrid; empty takes the text file beside the audio",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    generator: bpy.props.EnumProperty(
        name="Generator",
        description="What performs the line",
        items=[generator.item for generator in declared().values()],
        options=set(),
    )
    speaker: bpy.props.IntProperty(
        name="Speaker",
        description="Number of the person in the weights whose manner is performed, from 0",
        min=0,
        default=0,
        options=set(),
    )
    style: bpy.props.EnumProperty(name="Style", items=STYLES, default="explain", options=set())
    energy: scaling("Energy", "How many gestures, and how large", 0.5, 1.5)
    emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="What the face shows while it speaks",
        items=EMOTIONS,
        default=NEUTRAL,
        options=set(),
    )
    emotion_strength: scaling("Emotion Strength", "How much of the emotion shows", 0.0, 1.0)
    look_at: bpy.props.PointerProperty(
        name="Look At",
        description="Whom the character speaks to, as placed on the take's first frame; empty: an audience in front",
        type=bpy.types.Object,
        poll=_is_somebody_else,
    )
    parts: KEYED_PARTS
    in_place: bpy.props.BoolProperty(
        name="In Place", description="Pelvis and feet stay where they stand", default=False, options=set()
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="Another seed, another performance", min=0, default=0, options=set()
    )
    use_current_frame: bpy.props.BoolProperty(
        name="At Current Frame", description="Begin the take at the current frame", default=True, options=set()
    )
    edit_range: bpy.props.EnumProperty(name="Range", items=RANGES, default="AUTO", options=set())
    edit_first: bpy.props.IntProperty(name="First", description="First frame to regenerate", default=1, options=set())
    edit_last: bpy.props.IntProperty(name="Last", description="Last frame to regenerate", default=1, options=set())
    edit_scope: bpy.props.EnumProperty(name="Scope", items=SCOPES, default="PARTS", options=set())
    edit_into_take: bpy.props.BoolProperty(
        name="Into This Take",
        description="Change the active take; otherwise it is put aside and a changed copy becomes active",
        default=True,
        options=set(),
    )
    edit_same_seed: bpy.props.BoolProperty(
        name="Same Seed", description="Keep the performance's seed instead of trying the next one", options=set()
    )
    edit_variations: bpy.props.IntProperty(
        name="Variations", description="How many variations to make", min=2, max=20, default=3, options=set()
    )
    start_frame: bpy.props.IntProperty(
        name="Start Frame",
        description="Scene frame on which the speech and the take begin",
        default=1,
        update=_start_frame_set,
        options=set(),
    )


CLASSES = (CospeechScene,)
PROPERTIES = ((bpy.types.Scene, "cospeech", bpy.props.PointerProperty(type=CospeechScene)),)
