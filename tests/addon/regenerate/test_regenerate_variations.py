"""Variations: takes beside the take that differ only in the window; compared in place, one of them kept."""

from __future__ import annotations

import bpy

from addon.regenerate.variations import place_among, variations_of
from addon.takes.shelf import takes_of
from tests.support.regenerate_shot import FIRST, LAST, changed, everything, mia, outside, regenerate, take


def test_variations_lie_beside_the_take_and_differ_only_in_the_window(scene):
    take_before, whole, name = take(), everything(take(), first=0, end=0), take().name
    assert bpy.ops.cospeech.variations(first=FIRST, last=LAST, count=3) == {"FINISHED"}
    assert take() == take_before
    assert everything(take(), first=0, end=0) == whole
    original, *made = variations_of(mia())
    assert (original.name, len(made)) == (name, 3)
    assert [variation.name.rpartition("_")[2] for variation in made] == ["1", "2", "3"]
    looks = [everything(variation, first=FIRST, end=LAST + 1, inside=True) for variation in made]
    assert all(changed(looks[a], looks[b]) for a, b in ((0, 1), (1, 2), (0, 2)))
    for variation in made:
        assert everything(variation, first=FIRST, end=LAST + 1) == outside()
    for owner in (mia(), bpy.data.shape_keys[0]):
        tracks = owner.animation_data.nla_tracks
        assert [(track.mute, track.strips[0].action) for track in tracks] == [(True, action) for action in made]
    assert place_among(mia()) == (0, 3)


def test_variations_are_stepped_through_in_place_and_one_is_kept(scene):
    original = take()
    assert not bpy.ops.cospeech.step_variation.poll()
    bpy.ops.cospeech.variations(first=FIRST, last=LAST, count=3)
    made = variations_of(mia())[1:]
    seen = []
    for by in (1, 1, 1, 1, -1, -1):
        assert bpy.ops.cospeech.step_variation(by=by) == {"FINISHED"}
        seen.append((take(), place_among(mia())[0]))
    assert [number for _, number in seen] == [1, 2, 3, 0, 3, 2]
    assert seen[0][0] == made[0]
    assert bpy.data.shape_keys[0].animation_data.action == take()
    frames = outside()
    assert frames == everything(original, first=FIRST, end=LAST + 1)
    kept = take()
    assert bpy.ops.cospeech.keep_variation() == {"FINISHED"}
    assert take() == kept
    assert set(takes_of(mia())) == {kept, original}
    assert len(bpy.data.actions) == 2
    assert not bpy.ops.cospeech.step_variation.poll()
    assert regenerate().startswith("Regenerated")


def test_keeping_the_take_removes_all_variations(scene):
    original = take()
    bpy.ops.cospeech.variations(first=FIRST, last=LAST, count=2)
    bpy.ops.ed.undo_push(message="made")
    bpy.ops.cospeech.keep_variation()
    assert (takes_of(mia()), take(), list(bpy.data.actions)) == ([original], original, [original])
    bpy.ops.ed.undo_push(message="kept")
    bpy.ops.ed.undo()
    assert len(bpy.data.actions) == 3
    assert place_among(mia()) == (0, 2)
