"""What happens to Regenerate while the engine works, and what keeps it from running: a kept file, or a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import bpy
import pytest

from addon.client.take_file import read_take
from addon.regenerate.ops import COSPEECH_OT_regenerate
from addon.scene import by_uid
from addon.setup.engine import SESSION
from addon.takes.apply import action_meta
from addon.takes.keys import bone_path
from tests.places import LINE
from tests.support.addon_clips import curves_of, snapshot
from tests.support.regenerate_shot import (
    FIRST,
    LAST,
    Plain,
    changed,
    everything,
    meanwhile,
    mia,
    outside,
    pin,
    take,
    window,
)


def test_what_is_in_the_way_is_a_sentence_and_changes_nothing(scene, tmp_path):
    before = snapshot()
    for asked, sentence in (
        ({"first": 90, "last": 60}, "The range 90-60 is empty"),
        ({"first": 5000, "last": 6000}, "Frames 5000-6000 lie outside the take"),
        ({"range": "SELECTED"}, "No key of the character is selected"),
        ({"range": "PREVIEW"}, "The scene has no preview range"),
        ({"parts": set()}, "Choose at least one body part"),
    ):
        with pytest.raises(RuntimeError, match=sentence) as caught:
            bpy.ops.cospeech.regenerate(**asked)
        assert "Traceback" not in str(caught.value)
    assert snapshot() == before
    assert SESSION.job is None
    assert not list(Path(bpy.app.tempdir).glob("cospeech_*"))


def test_grey_buttons_say_why(scene, tmp_path):
    scene.render.fps = 30
    with pytest.raises(RuntimeError, match="The take was made at 24 frames per second and the scene runs at 30"):
        bpy.ops.cospeech.regenerate()
    scene.render.fps = 24
    line = tmp_path / "other.wav"
    meta = action_meta(take())
    meta["provenance"]["audio"], meta["provenance"]["options"]["audio"] = "gone.wav", str(tmp_path / "gone.wav")
    kept = take()["cospeech"]
    take()["cospeech"] = json.dumps(meta)
    with pytest.raises(RuntimeError, match=r"The take's audio gone.wav is gone; choose it again as Audio"):
        bpy.ops.cospeech.regenerate()
    shutil.copyfile(LINE, tmp_path / "gone.wav")
    assert bpy.ops.cospeech.regenerate.poll()
    take()["cospeech"] = kept
    scene.cospeech.audio = str(line)
    assert bpy.ops.cospeech.regenerate.poll()  # the take's own audio is still where it was
    action = take()
    mia().animation_data.action = None
    with pytest.raises(RuntimeError, match="The active Action of 'Mia' is not a Cospeech take"):
        bpy.ops.cospeech.regenerate()
    data = mia().animation_data
    strip = data.nla_tracks.new().strips.new("x", 11, action)
    data.nla_tracks.active, strip.select = data.nla_tracks[0], True
    data.use_tweak_mode = True
    with pytest.raises(RuntimeError, match="leave Tweak Mode"):
        bpy.ops.cospeech.regenerate()
    data.use_tweak_mode = False
    scene.cospeech.character = None
    with pytest.raises(RuntimeError, match="Choose a character"):
        bpy.ops.cospeech.regenerate()


def test_renaming_and_undo_while_the_engine_works_are_no_matter(scene):
    bpy.ops.ed.undo_push(message="before")
    scene.frame_set(44)
    bpy.ops.ed.undo_push(message="frame")
    before = outside()

    def rename() -> None:
        bpy.ops.ed.undo()
        bpy.context.scene.name, mia().animation_data.action.name = "Shot 12", "Renamed"

    assert meanwhile(rename) == ""
    assert outside() == before
    assert window() == (FIRST, LAST)
    assert take().name == "Renamed"


def test_a_pin_set_while_the_engine_works_is_kept(scene):
    names: list[object] = []
    assert meanwhile(lambda: names.extend(pin("left_elbow", 90, (0.8, 0.0, 0.0, 0.6)))) == ""
    points = [curves_of(take())[name].keyframe_points[90 - 11] for name in names]
    assert [point.co[1] for point in points] == pytest.approx([0.8, 0.0, 0.0, 0.6])
    assert {point.type for point in points} == {"EXTREME"}


def test_another_active_take_meanwhile_does_not_get_the_window(scene):
    asked_of = take()
    before = everything(asked_of, first=FIRST, end=LAST + 1, inside=True)

    def switch() -> None:
        mia().animation_data.action = None
        bpy.data.shape_keys[0].animation_data.action = None

    uid = str(asked_of.session_uid)
    report = meanwhile(switch)
    assert report == ""
    asked_of = by_uid(bpy.data.actions, uid)
    assert mia().animation_data.action is None
    assert changed(before, everything(asked_of, first=FIRST, end=LAST + 1, inside=True))


@pytest.mark.parametrize("what", ["character", "take", "rate"])
def test_a_result_that_has_no_place_any_more_is_kept_as_a_file(scene, what):
    def lose() -> None:
        if what == "character":
            bpy.data.objects.remove(mia())
        elif what == "take":
            bpy.data.actions.remove(take())
        else:
            scene.render.fps = 25

    report = meanwhile(lose)
    assert {"character": "The character is gone", "take": "The take is gone"}.get(what, "other frames") in report
    kept = Path(report.partition("kept as ")[2].partition(";")[0])
    assert read_take(kept).frames > 100
    kept.unlink()


def test_cancelling_changes_nothing(scene):
    before = snapshot()
    asked = Plain()
    method, params = COSPEECH_OT_regenerate.request(asked, bpy.context)
    job = SESSION.start(method, params, asked._order.files)
    assert bpy.ops.cospeech.cancel() == {"FINISHED"}
    job.wait()
    SESSION.finish()
    assert snapshot() == before


def test_a_change_beside_the_window_meanwhile_is_told(scene):
    from addon.regenerate.apply import changed_meanwhile

    asked = Plain()
    COSPEECH_OT_regenerate.request(asked, bpy.context)
    order, rows = asked._order, (FIRST - 11, LAST - 10)
    assert not changed_meanwhile(mia(), order.ticket, order.base, rows)
    curve = curves_of(take())["OBMia", bone_path("left_elbow", "rotation_quaternion"), 1]
    curve.keyframe_points[rows[1]].co[1] += 0.1
    assert changed_meanwhile(mia(), order.ticket, order.base, rows)


def test_a_take_linked_from_another_file_is_a_sentence(scene, shot, tmp_path):
    name = take().name
    shutil.copyfile(shot, tmp_path / "library.blend")
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.actions = [name]
    mia().animation_data.action = next(action for action in bpy.data.actions if action.library)
    with pytest.raises(RuntimeError, match="is linked from another file; make it local first"):
        bpy.ops.cospeech.regenerate()
