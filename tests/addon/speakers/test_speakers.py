"""Speakers in Blender: presets chosen, saved and deleted; takes made and made anew by one; with the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import pytest

from addon.plan.stale import stale_reasons
from addon.setup import engine
from addon.speakers import ops
from addon.speakers.presets import PresetError, bundled, factors, nobody, read, write
from addon.speakers.props import speaker_option
from addon.takes.apply import action_meta
from tests.places import needs_engine
from tests.support.regenerate_shot import mia, regenerate, take


@pytest.fixture
def speaker(addon, tmp_path, monkeypatch):
    """The scene's speaker in an empty file, with a folder for presets of its own."""
    monkeypatch.setattr(engine, "user_folder", lambda: tmp_path)
    monkeypatch.setattr(ops, "user_folder", lambda: tmp_path)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return bpy.context.scene.cospeech_speaker


def saved(name: str) -> Path:
    return ops.presets_folder() / f"{name}.json"


def test_nobody_is_told_by_name_and_a_preset_whole(speaker):
    assert speaker_option(bpy.context.scene) == "default"
    assert bpy.ops.cospeech.choose_speaker(preset="ines") == {"FINISHED"}
    told = json.loads(speaker_option(bpy.context.scene))
    assert told == read(bundled()["ines"])
    assert (told["handedness"], told["rests"]["loose_front"]) == ("left", 2.5)
    assert bpy.ops.cospeech.choose_speaker(preset="default") == {"FINISHED"}
    assert speaker_option(bpy.context.scene) == "default"


def test_every_number_has_a_slider_with_its_range(speaker):
    for factor in factors():
        slider = speaker.bl_rna.properties[factor.id]
        assert (slider.soft_min, slider.soft_max) == pytest.approx((factor.low, factor.high))
        assert slider.description == factor.about


def test_a_speaker_is_saved_chosen_again_and_deleted(speaker):
    bpy.ops.cospeech.choose_speaker(preset="tobias")
    speaker.rate = 1.5
    assert bpy.ops.cospeech.save_speaker(name="Ada B.", about="Quick") == {"FINISHED"}
    assert speaker.preset == "Ada B"
    values = read(saved("Ada B"))
    assert (values["rate"], values["about"]) == (1.5, "Quick")
    assert values["likes"] == read(bundled()["tobias"])["likes"]
    bpy.ops.cospeech.choose_speaker(preset="marlow")
    bpy.ops.cospeech.choose_speaker(preset="Ada B")
    assert speaker.rate == 1.5
    assert bpy.ops.cospeech.delete_speaker() == {"FINISHED"}
    assert not saved("Ada B").exists()
    assert speaker.rate == 1.5
    assert not bpy.ops.cospeech.delete_speaker.poll()


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "needs a name"), ("../..", "needs a name"), ("Ines", "comes with Cospeech"), ("default", "comes with")],
)
def test_names_that_can_not_be_saved(speaker, name, message):
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.cospeech.save_speaker(name=name)
    assert not ops.presets_folder().exists()


def test_nothing_of_the_users_is_replaced_unasked(speaker):
    bpy.ops.cospeech.save_speaker(name="Ada")
    speaker.size = 1.3
    before = saved("Ada").read_bytes()
    with pytest.raises(RuntimeError, match="already; choose another name, or Replace"):
        bpy.ops.cospeech.save_speaker(name="Ada")
    assert saved("Ada").read_bytes() == before
    bpy.ops.cospeech.save_speaker(name="Ada", replace=True)
    assert read(saved("Ada"))["size"] == pytest.approx(1.3)


def test_damaged_and_vanished_presets_get_a_sentence(speaker):
    ops.presets_folder().mkdir()
    saved("broken").write_text('{"rate": "fast"}', "utf-8")
    with pytest.raises(RuntimeError, match=r"broken\.json is no preset"):
        bpy.ops.cospeech.choose_speaker(preset="broken")
    with pytest.raises(RuntimeError, match="There is no speaker 'gone' any more"):
        bpy.ops.cospeech.choose_speaker(preset="gone")
    saved("wild").write_text(json.dumps({"rate": 99}), "utf-8")
    assert read(saved("wild"))["rate"] == 1.6
    with pytest.raises(PresetError, match="can't be saved"):
        write(saved("wild") / "inside", {**nobody(), "name": "x"})


@needs_engine
def test_takes_are_made_by_the_speaker_and_say_so(speaker, shot):
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    plain = action_meta(take())["plan"]
    assert "speaker" not in plan_of(plain)
    settings = bpy.context.scene.cospeech_speaker
    bpy.ops.cospeech.choose_speaker(preset="ines")
    assert stale_reasons(bpy.context, mia()) == ["Speaker differs"]
    regenerate(range="TAKE", same_seed=True)
    plan = plan_of(action_meta(take())["plan"])
    assert plan["speaker"]["name"] == "ines"
    assert plan["phrases"] != plan_of(plain)["phrases"]
    assert stale_reasons(bpy.context, mia()) == []
    bpy.ops.cospeech.save_speaker(name="My Ines")  # another name, the same person
    assert settings.preset == "My Ines"
    assert stale_reasons(bpy.context, mia()) == []
    settings.tempo = 1.3
    assert stale_reasons(bpy.context, mia()) == ["Speaker differs"]


def plan_of(plan: object) -> dict[str, object]:
    return json.loads(plan) if isinstance(plan, str) else dict(plan)  # type: ignore[call-overload]
