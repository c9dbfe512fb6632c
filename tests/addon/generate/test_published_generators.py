"""SemTalk and SemGes as the scene's generator: small seeded weights in the published layouts, the real engine."""

from __future__ import annotations

import bpy
import pytest

from addon.setup.engine import BASE_PACKAGE
from addon.setup.weights_ops import FINDING
from addon.takes.apply import action_meta
from tests.places import needs_engine
from tests.support.regenerate_shot import everything, outside, pin, regenerate, take

SYSTEMS = {"semtalk": "SemTalk", "semges": "SemGes"}
pytestmark = needs_engine


@pytest.fixture(params=SYSTEMS)
def system(request, shot, weights_of):
    """One system, its weights set in the preferences and chosen in the scene of the shot."""
    folder = weights_of(request.param)
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    entry = bpy.context.preferences.addons.new()
    entry.module = BASE_PACKAGE
    entry.preferences.published = request.param
    setattr(entry.preferences, f"{request.param}_weights", str(folder))
    bpy.context.scene.cospeech.generator = request.param
    yield request.param
    for found in [entry for entry in bpy.context.preferences.addons if entry.module == BASE_PACKAGE]:
        bpy.context.preferences.addons.remove(found)


def test_weights_are_tested_and_a_take_is_made_and_made_anew_around_a_pin(system):
    assert bpy.ops.cospeech.test_weights() == {"FINISHED"}
    assert FINDING.text.startswith(f"{SYSTEMS[system]}: ")
    names = pin("left_elbow", 90, (0.8, 0.0, 0.0, 0.6))
    before, kept = outside(), everything(take(), first=90, end=91, inside=True)
    regenerate()
    assert outside() == before
    after = everything(take(), first=90, end=91, inside=True)
    assert all(after[name] == kept[name] for name in names)
    assert action_meta(take())["regenerated"][-1]["generator"] == system
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    assert action_meta(take())["provenance"]["generator"] == system
    assert action_meta(take())["plan"]["phrases"] == []


def test_a_folder_that_is_not_set_is_a_sentence(system):
    other = next(name for name in SYSTEMS if name != system)
    bpy.context.scene.cospeech.generator = other
    with pytest.raises(RuntimeError, match=f"{SYSTEMS[other]} needs its published weights; set their folder"):
        bpy.ops.cospeech.generate()
