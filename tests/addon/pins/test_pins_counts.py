"""The panel's counts: as collect has them, cheap to draw, kept until something changes. Menus: every operator."""

from __future__ import annotations

import re
from pathlib import Path

import bpy
import pytest

from addon.pins import counts as counts_module
from addon.pins import menus
from addon.pins.counts import COUNTS, Count, Counts, count_text
from addon.takes.apply import apply_take
from addon.takes.span import take_span
from tests.support.addon_clips import curves_of, lively_take, pose
from tests.support.collected import collect

FRAMES = 30


@pytest.fixture
def mia(mia):
    apply_take(bpy.context, mia, lively_take(FRAMES, 24.0), start_frame=1)
    return mia


def test_texts():
    assert count_text(Count(3, 12), 1) == "3 pins, 12 edited keys kept, 1 target"
    assert count_text(Count(1, 1), 0) == "1 pin, 1 edited key kept"
    assert count_text(Count(0, 0), 2) == "2 targets"
    assert count_text(Count(), 0) == "Nothing is pinned"
    assert count_text(None, 5) == "Counting..."


def test_counts_are_those_of_collect_and_follow_operators(mia, blank):
    assert COUNTS.update(bpy.context) == Count()
    assert COUNTS.get(bpy.context) == Count()
    blank.frame_set(5)
    pose(mia, "head", "neck")
    bpy.ops.cospeech.pin()
    for fcurve in list(curves_of(mia.animation_data.action).values())[:3]:
        fcurve.keyframe_points[9].co[1] += 0.5
    collected = collect(bpy.context, mia, take_span(blank, mia))
    assert COUNTS.update(bpy.context) == Count(collected.pinned, collected.edited) == Count(2, 1)
    assert COUNTS.get(bpy.context) == Count(2, 1)


def test_another_take_or_no_take_is_counted_anew(mia, monkeypatch):
    monkeypatch.setattr(counts_module, "REST_SECONDS", 3600.0)  # it is still the same moment when the timer looks
    counts = Counts()
    assert counts.get(bpy.context) is None
    counts.update(bpy.context)
    assert counts.get(bpy.context) == Count()
    apply_take(bpy.context, mia, lively_take(FRAMES, 24.0), start_frame=1)
    assert counts.get(bpy.context) is None
    assert counts.tick() > 0.0  # something has just changed: wait
    mia.animation_data.action = None
    assert counts.get(bpy.context) is None
    assert counts.update(bpy.context) == Count()


def test_drawing_compares_no_keys(mia, monkeypatch):
    counted: list[object] = []
    compare = counts_module.search_pins
    monkeypatch.setattr(counts_module, "search_pins", lambda *asked: (counted.append(asked), compare(*asked))[1])
    COUNTS.update(bpy.context)
    assert len(counted) == 1
    for _ in range(100):
        assert COUNTS.get(bpy.context) == Count()
    assert len(counted) == 1


def test_every_operator_of_pins_is_in_a_menu(addon):
    from addon.pins import ops, pose_ops, target_ops

    drawn = re.findall(r'"(cospeech\.\w+)"', Path(menus.__file__).read_text())
    wanted = {cls.bl_idname for module in (ops, pose_ops, target_ops) for cls in module.CLASSES}
    assert wanted == set(drawn)
    for name in wanted:
        assert getattr(bpy.ops.cospeech, name.partition(".")[2]).get_rna_type().description


def test_labels_fit_a_narrow_sidebar(addon):  # 16 letters were seen whole in half a row at 960x600
    source = Path(menus.__file__).with_name("panel.py").read_text()
    assert all(len(text) <= 16 for text in re.findall(r'text="([^"]*)"', source))
