"""SemTalk and SemGes as the scene's generator: small seeded weights in the published layouts, the real engine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import bpy
import pytest
from regenerate_shot import ROOT, everything, make_shot, outside, pin, regenerate, take

from addon.setup.engine import BASE_PACKAGE
from addon.setup.weights_ops import FINDING
from addon.takes.apply import action_meta
from tests.limits import HANG_SECONDS

PYTHON = ROOT / ".venv/bin/python"
WRITE = """
import sys
from importlib import import_module
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests/engine"]
import_module("small_" + sys.argv[3]).small_release(Path(sys.argv[2]))
"""
SYSTEMS = {"semtalk": "SemTalk", "semges": "SemGes"}
pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="the engine's environment .venv is not set up")


@pytest.fixture(scope="module")
def shot(addon, tmp_path_factory) -> Path:
    """A saved file with a take of the demo line by the default generator."""
    return make_shot(tmp_path_factory.mktemp("shot"))


@pytest.fixture(params=SYSTEMS)
def system(request, shot, tmp_path_factory):
    """One system, its weights set in the preferences and chosen in the scene of the shot."""
    folder = tmp_path_factory.mktemp("weights") / request.param
    folder.mkdir()
    subprocess.run([str(PYTHON), "-c", WRITE, str(ROOT), str(folder), request.param], check=True, timeout=HANG_SECONDS)
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
