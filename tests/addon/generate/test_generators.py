"""EMAGE as the scene's generator, on real bpy with the real engine and small seeded weights in the published layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from addon.plan.stale import maker, stale_reasons
from addon.setup.engine import BASE_PACKAGE, SESSION
from addon.setup.weights_ops import FINDING, found_text
from addon.takes.apply import action_meta
from tests.places import needs_engine
from tests.support.addon_clips import snapshot
from tests.support.regenerate_shot import (
    FIRST,
    LAST,
    changed,
    everything,
    inside,
    keys_at,
    mia,
    outside,
    pin,
    regenerate,
    take,
    window,
)

pytestmark = needs_engine


@pytest.fixture(scope="module")
def weights(weights_of) -> Path:
    """A folder as the published one."""
    return weights_of("emage")


@pytest.fixture
def preferences(addon, weights):
    """The add-on's preferences with the folder set, as where it is installed."""
    entry = bpy.context.preferences.addons.new()
    entry.module = BASE_PACKAGE
    entry.preferences.emage_weights = str(weights)
    yield entry.preferences
    for found in [entry for entry in bpy.context.preferences.addons if entry.module == BASE_PACKAGE]:
        bpy.context.preferences.addons.remove(found)


@pytest.fixture(scope="module")
def emage_shot(shot, weights, tmp_path_factory) -> Path:
    """A saved file whose take is by EMAGE, beside the default one."""
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    entry = bpy.context.preferences.addons.new()
    entry.module = BASE_PACKAGE
    entry.preferences.emage_weights = str(weights)
    settings = bpy.context.scene.cospeech
    settings.generator, settings.speaker, settings.seed = "emage", 1, 7
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    bpy.context.preferences.addons.remove(entry)
    path = tmp_path_factory.mktemp("emage") / "emage.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path


@pytest.fixture
def scene(shot, preferences):
    """The default's take, with EMAGE chosen."""
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    bpy.context.scene.cospeech.generator = "emage"
    return bpy.context.scene


@pytest.fixture
def emage_scene(emage_shot, preferences):
    bpy.ops.wm.open_mainfile(filepath=str(emage_shot))
    return bpy.context.scene


def stale() -> list[str]:
    return stale_reasons(bpy.context, mia())


def test_a_take_by_emage_is_a_take_and_says_so(emage_scene, weights):
    assert take().name.endswith("_7")
    meta = action_meta(take())
    source = meta["provenance"]
    assert (source["generator"], source["options"]["speaker"]) == ("emage", "1")
    assert source["options"]["weights"] == str(weights)
    assert meta["plan"]["words"]
    assert meta["plan"]["phrases"] == []
    assert maker(take()) == "emage"
    assert {marker.name for marker in take().pose_markers} >= {"Hello"}
    moving = [
        name for name, data in everything(take(), first=0, end=0).items() if "left_elbow" in str(name[1]) and data
    ]
    assert moving


def test_what_the_scene_chooses_against_what_the_take_was_made_by(emage_scene):
    settings = emage_scene.cospeech
    assert stale() == []
    settings.speaker = 2
    assert stale() == ["Speaker differs"]
    settings.generator = "default"
    assert stale() == ["Generator differs"]
    settings.generator, settings.speaker = "emage", 1
    assert stale() == []


def test_a_window_of_a_default_take_is_made_by_emage_around_a_pin(scene):
    assert stale() == ["Generator differs"]
    names = pin("left_elbow", 90, (0.8, 0.0, 0.0, 0.6))
    before, kept, within = outside(), keys_at(take(), 90), inside()
    note = regenerate()
    assert "1 pin kept" in note
    assert window() == (FIRST, LAST)
    assert outside() == before
    assert all(keys_at(take(), 90)[name] == kept[name] for name in names)
    assert len(changed(within, inside())) > 150
    meta = action_meta(take())
    assert meta["provenance"]["generator"] == "default"
    assert meta["regenerated"][-1]["generator"] == "emage"


def test_the_plan_claims_no_gesture_where_emage_performed(scene):
    rows = [(phrase.phrase_id, phrase.apex) for phrase in take().cospeech_plan.phrases]
    assert any(FIRST <= apex <= LAST for _, apex in rows)
    regenerate()
    after = [(phrase.phrase_id, phrase.apex) for phrase in take().cospeech_plan.phrases]
    assert after == [(number, apex) for number, apex in rows if not FIRST <= apex < LAST + 1]


def test_a_window_of_an_emage_take_is_made_by_the_default_around_a_pin(emage_scene):
    emage_scene.cospeech.generator = "default"
    names = pin("left_elbow", 90, (0.8, 0.0, 0.0, 0.6))
    before, kept, within = outside(), keys_at(take(), 90), inside()
    regenerate(seed=5)  # which has a gesture there
    assert outside() == before
    assert all(keys_at(take(), 90)[name] == kept[name] for name in names)
    assert len(changed(within, inside())) > 150
    assert action_meta(take())["regenerated"][-1]["generator"] == "default"
    assert all(FIRST <= phrase.apex <= LAST for phrase in take().cospeech_plan.phrases)
    assert len(take().cospeech_plan.phrases)


def test_a_window_of_an_emage_take_is_made_again_by_emage(emage_scene):
    names = pin("right_wrist", 100, (0.96, 0.28, 0.0, 0.0))
    before, kept, within = outside(), keys_at(take(), 100), inside()
    regenerate()
    assert outside() == before
    assert all(keys_at(take(), 100)[name] == kept[name] for name in names)
    assert changed(within, inside())
    assert "generator" not in action_meta(take())["regenerated"][-1]


def test_a_whole_take_made_anew_is_of_the_new_generator(scene):
    regenerate(range="TAKE")
    assert action_meta(take())["provenance"]["generator"] == "emage"
    assert len(take().cospeech_plan.phrases) == 0
    assert stale() == []


def test_words_of_an_emage_take_are_corrected(emage_scene):
    word = take().cospeech_plan.words[3]
    word.end += 2
    within = everything(take(), first=0, end=0)
    regenerate(range="AUTO")
    low, high = window()
    assert low <= word.start <= high
    assert changed(within, everything(take(), first=0, end=0))


def test_what_is_in_the_way_is_a_sentence(scene, preferences):
    preferences.emage_weights = ""
    before = snapshot()
    for action in (bpy.ops.cospeech.generate, bpy.ops.cospeech.regenerate):
        with pytest.raises(RuntimeError, match="EMAGE needs its published weights; set their folder"):
            action()
    with pytest.raises(RuntimeError, match="Set the folder EMAGE Weights first"):
        bpy.ops.cospeech.test_weights()
    preferences.emage_weights = "/nowhere/at all"
    for action in (bpy.ops.cospeech.generate, bpy.ops.cospeech.regenerate):
        with pytest.raises(RuntimeError, match=r"There is no folder /nowhere/at all; choose the folder H-Liu1997"):
            action()
    assert snapshot() == before


def test_plan_edits_and_variations_are_the_defaults(scene):
    with pytest.raises(RuntimeError, match="EMAGE moves the body alike every time"):
        bpy.ops.cospeech.variations(first=FIRST, last=LAST)
    group = take().cospeech_plan
    group.phrases[0].amplitude *= 0.8
    with pytest.raises(RuntimeError, match="EMAGE follows no plan, and gestures of the plan were edited"):
        bpy.ops.cospeech.regenerate(range="AUTO")
    scene.cospeech.generator = "default"
    assert bpy.ops.cospeech.regenerate.poll()
    assert bpy.ops.cospeech.variations.poll()


def test_a_listener_is_always_performed_by_the_default(scene):
    from addon.speakers.choice import chosen

    assert chosen(scene).generator.name == "emage"
    assert chosen(scene, "listen").options() == {"generator": "default", "speaker": "default"}


def test_an_unknown_speaker_is_a_sentence(scene):
    scene.cospeech.speaker = 9
    with pytest.raises(RuntimeError, match="These EMAGE weights have no speaker '9'; choose 0 to 2"):
        bpy.ops.cospeech.generate()


def test_weights_are_tested(preferences, weights, tmp_path):
    assert bpy.ops.cospeech.test_weights() == {"FINISHED"}
    assert (FINDING.folder, FINDING.failed) == (str(weights), False)
    assert FINDING.text == SESSION.note
    assert FINDING.text.startswith("EMAGE: ")
    assert FINDING.text.endswith(" parameters, 3 speakers")
    lacking = tmp_path / "lacking"
    shutil.copytree(weights, lacking)
    shutil.rmtree(lacking / "emage_vq" / "hands")
    preferences.emage_weights = str(lacking)
    with pytest.raises(RuntimeError, match=r"holds neither model.safetensors nor pytorch_model.bin; choose the folder"):
        bpy.ops.cospeech.test_weights()
    assert (FINDING.folder, FINDING.failed) == (str(lacking), True)
    assert "hands" in FINDING.text
    assert SESSION.job is None


def test_the_published_sizes_are_said_in_millions():
    found = {"generator": "emage", "parameters": 152_839_012, "speakers": 1}
    assert found_text(found) == "EMAGE: 153 million parameters, 1 speaker"


def test_generating_twice_gives_the_same_keys(scene):
    looks = []
    for _ in range(2):
        assert bpy.ops.cospeech.generate() == {"FINISHED"}
        looks.append(everything(take(), first=0, end=0))
    assert looks[0] == looks[1]
    assert np.all([bool(data) for data in looks[0].values()])
