"""Regenerate at other rates, in Euler angles, on other bodies, for other roles."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from addon.rig.recognise import recognise
from addon.rig.skeleton import REST
from addon.takes.apply import take_meta
from addon.takes.curves import read_curves
from addon.takes.keys import bone_path
from addon.takes.span import take_span
from tests.places import LINE
from tests.support.addon_clips import curves_of
from tests.support.regenerate_shot import FIRST, LAST, keys_at, make_shot, mia, outside, regenerate, take, toes


@pytest.mark.parametrize(
    ("fps", "base", "mode"), [(24, 1.001, "QUATERNION"), (60, 1.0, "QUATERNION"), (24, 1.0, "XYZ")]
)
def test_other_rates_and_euler_rigs(addon, tmp_path, fps, base, mode):
    make_shot(tmp_path, fps=fps, base=base, mode=mode)
    channel, width = ("rotation_euler", 3) if mode == "XYZ" else ("rotation_quaternion", 4)
    names = [("OBMia", bone_path("left_elbow", channel), index) for index in range(width)]
    for name in names:
        curves_of(take())[name].keyframe_points[90 - 11].type = "EXTREME"
    before, at = outside(), keys_at(take(), 90)
    regenerate()
    assert outside() == before
    after = keys_at(take(), 90)
    assert all(after[name] == at[name] for name in names)
    span = take_span(bpy.context.scene, mia())
    joints = read_curves(mia(), recognise(mia()), span).poses
    assert np.abs(np.diff(joints, axis=0))[FIRST - 14 : LAST - 8].max() < 60.0 / fps


def test_a_rig_with_longer_legs_stands_on_the_floor_before_and_after(addon, tmp_path):
    rest = REST * 1.15
    make_shot(tmp_path, rest=rest)
    armature, rig = mia(), recognise(mia())
    span = take_span(bpy.context.scene, armature)
    assert np.abs(toes(armature, rig, span) - 0.02).max() < 0.01
    before = outside()
    regenerate()
    assert outside() == before
    assert np.abs(toes(armature, rig, span) - 0.02).max() < 0.01
    trans = read_curves(armature, rig, span).trans
    steps = np.linalg.norm(np.diff(trans, axis=0), axis=-1)
    assert steps[FIRST - 13 : LAST - 9].max() < 0.02


def test_a_listener_stays_a_listener_and_another_line_is_another_line(scene, tmp_path):
    from addon.client.provenance import Provenance
    from addon.takes.line import LineError, find_line, is_of_line

    made = {"audio": LINE.name, "options": {"audio": str(LINE), "role": "listen"}}
    assert find_line(scene, Provenance(made)).role == "listen"
    assert find_line(scene, Provenance(made)).transcript == LINE.with_suffix(".txt")
    assert find_line(scene, Provenance({"options": {"role": "idle", "audio": ""}})).audio is None
    assert find_line(scene, Provenance()).audio == LINE
    moved = {"audio": LINE.name, "options": {"audio": f"C:\\elsewhere\\{LINE.name}"}}
    assert find_line(scene, Provenance(moved)).audio == LINE  # the shot lies on another machine now
    assert is_of_line(scene, take())
    scene.cospeech.audio = str(tmp_path / "other.wav")
    assert not is_of_line(scene, take())
    assert find_line(scene, take_meta(take()).provenance).audio == LINE
    with pytest.raises(LineError, match="does not say which audio it was made from"):
        find_line(scene, Provenance())
