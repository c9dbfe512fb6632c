"""The emotion in the scene's settings: the engine is told, the take remembers, and says so when it differs."""

from __future__ import annotations

import json

import bpy
import numpy as np

from addon.compat import current_channels
from addon.face.emotion import EMOTIONS, emotion_options
from addon.plan.stale import stale_reasons
from addon.rig.armature import create_armature
from addon.takes.apply import action_meta
from addon.takes.keys import shape_path
from tests.places import DATA, ROOT, needs_engine
from tests.support.addon_clips import add_face

CLIP = DATA / "face_slt.flac"


def test_the_list_is_the_engine_s():
    table = json.loads((ROOT / "assets/emotions.json").read_text(encoding="utf-8"))["emotions"]
    assert [name for name, *_ in EMOTIONS] == list(table)


def test_a_neutral_face_asks_for_nothing(blank):
    assert emotion_options(blank.cospeech) == {}
    blank.cospeech.emotion, blank.cospeech.emotion_strength = "sad", 0.4
    assert emotion_options(blank.cospeech) == {"emotion": "sad", "emotion_strength": 0.4}


@needs_engine
def test_a_take_feels_what_was_asked_remembers_it_and_is_out_of_date_otherwise(blank):
    mia = create_armature(bpy.context, "Mia")
    face = add_face(mia)
    settings = blank.cospeech
    settings.character, settings.audio, settings.parts = mia, str(CLIP), {"face"}
    smiles = []
    for emotion in ("neutral", "happy"):
        settings.emotion = emotion
        assert bpy.ops.cospeech.generate() == {"FINISHED"}
        curve = current_channels(face.data.shape_keys).fcurves.find(shape_path("mouthSmileLeft"))
        smiles.append(np.mean([key.co[1] for key in curve.keyframe_points]))
        assert stale_reasons(bpy.context, mia) == []
    assert smiles[1] > smiles[0] + 0.2
    options = action_meta(mia.animation_data.action)["provenance"]["options"]
    assert (options["emotion"], options["emotion_strength"]) == ("happy", 1.0)
    settings.emotion_strength = 0.5
    assert stale_reasons(bpy.context, mia) == ["Emotion differs"]
    settings.emotion, settings.emotion_strength = "angry", 1.0
    assert stale_reasons(bpy.context, mia) == ["Emotion differs"]
    assert bpy.ops.cospeech.regenerate(first=blank.frame_current + 20, last=blank.frame_current + 60) == {"FINISHED"}
    brow = current_channels(face.data.shape_keys).fcurves.find(shape_path("browDownLeft"))
    values = np.array([key.co[1] for key in brow.keyframe_points])
    assert values[35:50].mean() > values[80:].mean() + 0.4
