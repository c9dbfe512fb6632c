"""Generate Gestures on real bpy with the real engine: one take, nothing else changed, errors as sentences."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import pytest

from tests.places import LINE, needs_engine
from tests.support.faults import begun, one_by_one

pytestmark = needs_engine


@pytest.fixture
def scene(addon):
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    bpy.ops.cospeech.add_character()
    scene.cospeech.audio = str(LINE)
    return scene


def job_folders() -> list[str]:
    return [path.name for path in Path(bpy.app.tempdir).glob("cospeech_*")]


def untouched(scene) -> tuple[object, ...]:
    """What a take must not change."""
    active = bpy.context.view_layer.objects.active
    return scene.frame_start, scene.frame_end, scene.frame_current, scene.render.fps, bpy.context.mode, active


def test_a_take_is_one_action_with_markers_and_the_speech_on_its_first_frame(scene):
    scene.frame_set(7)
    before = untouched(scene)
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    assert untouched(scene) == before
    action = scene.cospeech.character.animation_data.action
    assert action.frame_start == 7
    names = [marker.name for marker in action.pose_markers]
    assert "Hello" in names
    assert any(name.startswith("apex") or name == "beat" for name in names)
    (strip,) = [strip for strip in scene.sequence_editor.strips if strip.type == "SOUND"]
    assert int(strip.frame_start) == 7
    assert not job_folders()
    meta = json.loads(action["cospeech"])
    assert meta["provenance"]["generator"] == "default"


def test_again_makes_a_second_take_and_keeps_the_first_muted(scene):
    scene.cospeech.parts = {"face", "upper"}
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    first = scene.cospeech.character.animation_data.action
    scene.cospeech.seed = 4
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    data = scene.cospeech.character.animation_data
    assert data.action != first
    assert data.action.name.endswith("_4")
    assert [(track.mute, track.strips[0].action) for track in data.nla_tracks] == [(True, first)]
    assert len([strip for strip in scene.sequence_editor.strips if strip.type == "SOUND"]) == 1


def test_bad_audio_is_one_sentence_and_changes_nothing(scene, tmp_path):
    junk = tmp_path / "junk.wav"
    junk.write_bytes(b"not audio at all")
    for path in (junk, tmp_path / "missing.wav"):
        scene.cospeech.audio = str(path)
        with pytest.raises(RuntimeError, match=path.name) as caught:
            bpy.ops.cospeech.generate()
        assert "Traceback" not in str(caught.value)
    assert scene.cospeech.character.animation_data is None
    assert not bpy.data.actions
    assert not job_folders()


def test_grey_buttons_say_why(scene):
    scene.cospeech.audio = ""
    with pytest.raises(RuntimeError, match="Choose the audio"):
        bpy.ops.cospeech.generate()
    scene.cospeech.audio = str(LINE)
    scene.cospeech.character = None
    with pytest.raises(RuntimeError, match="Choose a character"):
        bpy.ops.cospeech.generate()
    with pytest.raises(RuntimeError, match="Nothing is running"):
        bpy.ops.cospeech.cancel()


def test_a_missing_engine_python_is_one_sentence(scene, monkeypatch):
    monkeypatch.setenv("COSPEECH_PYTHON", "/nowhere/python")
    with pytest.raises(RuntimeError, match=r"no Python at /nowhere/python; set the engine's Python"):
        bpy.ops.cospeech.generate()


def test_the_job_runs_modally_step_by_step_and_is_cancelled(scene, monkeypatch):
    from addon.generate.ops import COSPEECH_OT_generate
    from addon.setup.engine import SESSION
    from addon.setup.progress import note_icon

    one_by_one(monkeypatch)
    method, params = COSPEECH_OT_generate.request(_Plain(), bpy.context)
    job = SESSION.start(method, params)
    with pytest.raises(RuntimeError, match="already working"):
        bpy.ops.cospeech.generate()
    begun(job)
    assert bpy.ops.cospeech.cancel() == {"FINISHED"}
    job.wait()
    assert job.state == "CANCELLED"
    SESSION.finish()
    SESSION.tell(job.message, failed=False)  # as the operator's end does
    assert note_icon() == "INFO"
    assert not bpy.data.actions


class _Plain:
    """Stands in for the operator's self, on which ``request`` only stores what it needs later."""


def test_loading_a_file_ends_the_job(scene):
    from addon.setup.engine import SESSION

    job = SESSION.start("generate", {"options": {"audio": str(LINE)}})
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert SESSION.job is None
    assert not job.folder.exists()
