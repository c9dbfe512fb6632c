"""Fit Range: extends the scene's frames on a click, and never unasked."""

from __future__ import annotations

import bpy
import pytest

from addon.client.take_file import Take
from addon.rig.armature import create_armature
from addon.takes.apply import apply_take
from addon.takes.fit_range import beyond
from addon.takes.span import take_span
from tests.support.addon_clips import lively_take

FPS = 24.0


@pytest.fixture
def mia(blank):
    armature = create_armature(bpy.context, "Mia")
    blank.cospeech.character = armature
    clip = lively_take(60, FPS)
    apply_take(bpy.context, armature, Take(clip.poses, clip.trans, FPS), start_frame=5)
    return armature


def test_the_scene_s_range_grows_to_the_take_on_a_click_only(mia, blank):
    blank.frame_start, blank.frame_end = 1, 40
    assert beyond(blank, take_span(blank, mia)) == "The scene ends at 40, the take at 64"
    assert bpy.ops.cospeech.fit_range() == {"FINISHED"}
    assert (blank.frame_start, blank.frame_end) == (1, 64)
    with pytest.raises(RuntimeError, match="includes the whole take"):
        bpy.ops.cospeech.fit_range()


def test_a_later_begin_is_told_and_nothing_becomes_shorter(mia, blank):
    blank.frame_start, blank.frame_end = 10, 400
    assert beyond(blank, take_span(blank, mia)) == "The scene begins at 10, the take at 5"
    bpy.ops.cospeech.fit_range()
    assert (blank.frame_start, blank.frame_end) == (5, 400)


def test_a_preview_range_is_left_alone(mia, blank):
    blank.frame_end = 40
    blank.use_preview_range = True
    assert beyond(blank, take_span(blank, mia)) == ""
    with pytest.raises(RuntimeError, match="preview range is set"):
        bpy.ops.cospeech.fit_range()
    blank.use_preview_range = False


def test_without_a_take_it_says_why(blank):
    with pytest.raises(RuntimeError, match="Choose a character"):
        bpy.ops.cospeech.fit_range()
    blank.cospeech.character = create_armature(bpy.context, "Mia")
    with pytest.raises(RuntimeError, match="not a Cospeech take"):
        bpy.ops.cospeech.fit_range()
