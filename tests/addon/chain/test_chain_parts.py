"""What chaining is made of: places, merged plans, transitions, pinned ends, a listener's turn. No engine."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from addon.chain.lines import OWN, TURN, find_takes, fitting_takes, mark_pins, place_lines, read_line
from addon.chain.listen import look_yaw
from addon.chain.merge import ChainError, Line, build_chain, chain_meta, check_lines
from addon.chain.turn import LARGEST, turned
from addon.client.provenance import TakeMeta
from addon.client.take_file import Take
from addon.rig.armature import create_armature
from addon.rig.recognise import recognise
from addon.takes.apply import action_meta, apply_take, set_meta
from addon.takes.chained import line_at, line_edits, line_words, merged_plan
from addon.takes.keys import bone_path
from addon.takes.shelf import takes_of
from engine.body.skeleton import default_skeleton
from engine.plan.types import GesturePlan
from tests.support.addon_clips import curves_of, key_values, lively_take

FPS = 24.0
EXTREME = bpy.types.Keyframe.bl_rna.properties["type"].enum_items["EXTREME"].value


def line(name: str, start: int, frames: int, seed: int = 0, plan: dict[str, object] | None = None) -> Line:
    clip = lively_take(frames, FPS, seed)
    meta = {"start_frame": start, "frames": frames, "fps": FPS, "plan": plan, "provenance": {"seed": seed}}
    return Line(name, start, clip.poses, clip.trans, clip.blendshapes, TakeMeta(meta))


def plan(words: int, phrases: int, seconds: float) -> dict[str, object]:
    times = np.linspace(0.2, seconds - 0.5, max(words, phrases, 1))
    return {
        "seconds": seconds, "style": "calm", "seed": 3, "energy": 1.0,
        "words": [[f"w{n}", float(times[n]), float(times[n]) + 0.1] for n in range(words)],
        "phrases": [
            {"id": 2 * n, "onset": float(times[n]) - 0.1, "apex": float(times[n]), "hold_end": float(times[n]) + 0.1,
             "retract_end": float(times[n]) + 0.3, "lexeme": "BEAT_MID", "gclass": "beat_mid", "hands": "right",
             "amplitude": 1.0, "word": n if n < words else -1, "semantic": False, "accent": float(times[n]),
             "stress_onset": float(times[n])}
            for n in range(phrases)
        ],
        "blinks": [{"kind": "blink", "start": 0.1, "apex": 0.2, "end": 0.3, "amount": 1.0, "word": -1}],
        "accents": [0.5],
    }  # fmt: skip


def test_the_dialog_ticks_what_fits_together_the_active_take_first_and_the_newest_before_older_ones(mia):
    clip = lively_take(30, FPS)

    def made(start: int) -> bpy.types.Action:
        return apply_take(bpy.context, mia, Take(clip.poses, clip.trans, FPS), start_frame=start)

    first, second, again, far, chain = made(1), made(31), made(5), made(70), made(1)
    set_meta(chain, {**action_meta(chain), "lines": [{}]})
    takes = takes_of(mia)
    assert takes[0] == chain
    assert fitting_takes(takes, chain) == [far, again]
    assert fitting_takes(takes, first) == [first, far, second]
    assert fitting_takes(takes, None) == [far, again]


def test_a_chain_holds_every_line_untouched_and_passes_from_one_to_the_next():
    lines = [line("a", 11, 30, 1), line("b", 60, 20, 2)]
    chain = build_chain(lines, before=5, after=7)
    assert (chain.start, chain.frames, chain.gaps) == (6, 81 - 6 + 6, ((0, 5), (35, 54), (74, 81)))
    for part in lines:
        rows = slice(part.start - 6, part.end - 6)
        assert np.array_equal(chain.poses[rows], part.poses)
        assert np.array_equal(chain.trans[rows], part.trans)
        assert np.array_equal(chain.blendshapes[rows], part.blendshapes)
    assert np.allclose(chain.poses[:5], lines[0].poses[0], atol=1e-6)
    assert np.allclose(chain.poses[74:], lines[1].poses[-1], atol=1e-6)
    steps = (
        Rotation.from_rotvec(chain.poses[34:55, 16]).inv() * Rotation.from_rotvec(chain.poses[33:54, 16])
    ).magnitude()
    assert steps.max() < 0.3
    assert build_chain([line("a", 11, 30)]).gaps == ()


def test_lines_that_overlap_or_leave_no_room_are_refused_with_a_sentence():
    with pytest.raises(ChainError, match="'a' and 'b' overlap on frames 20 to 40"):
        check_lines([line("a", 11, 30, 1), line("b", 20, 30, 2)], FPS)
    with pytest.raises(ChainError, match="are 2 frames; leave at least 5"):
        check_lines([line("a", 11, 30, 1), line("b", 43, 30, 2)], FPS)
    check_lines([line("a", 11, 30, 1), line("b", 46, 30, 2)], FPS)
    first = line("a", 11, 30, 1)
    second = line("b", 41, 30, 2)
    second.poses[0], second.trans[0] = first.poses[-1], first.trans[-1]
    check_lines([first, second], FPS)  # ends that meet need no room


def test_lines_in_turn_follow_each_other_by_the_gap_and_at_their_frames_they_are_sorted():
    lines = [line("b", 100, 20), line("a", 11, 30)]
    assert [(x.name, x.start) for x in place_lines(lines, OWN, 12)] == [("a", 11), ("b", 100)]
    assert [(x.name, x.start) for x in place_lines(lines, TURN, 12)] == [("b", 100), ("a", 132)]


def test_a_merged_plan_is_a_plan_and_its_edits_find_their_line_again():
    lines = [line("a", 11, 48, 1, plan(3, 2, 2.0)), line("b", 83, 48, 2, plan(2, 2, 2.0))]
    meta = chain_meta(build_chain(lines), FPS, 5)
    whole = TakeMeta(meta)
    merged = GesturePlan.from_dict(meta["plan"])
    assert [w[0] for w in merged.words] == ["w0", "w1", "w2", "w0", "w1"]
    assert [p.id for p in merged.phrases] == [0, 2, 3, 5]
    assert [p.word for p in merged.phrases] == [0, 1, 3, 4]
    assert merged.words[3][1] == pytest.approx(0.2 + 3.0)
    assert merged.phrases[2].apex == pytest.approx(0.2 + 3.0)
    assert [event.start for event in merged.blinks] == pytest.approx([0.1, 3.1])
    assert (line_at(whole, 11, 59), line_at(whole, 84, 100), line_at(whole, 50, 90)) == (0, 1, -1)
    edits = [
        {"op": "move", "id": 5, "apex": 4.5},
        {"op": "delete", "id": 2},
        {"op": "add", "word": 4, "lexeme": "", "hands": "left"},
    ]
    assert line_edits(whole, 1, edits) == [
        {"op": "move", "id": 2, "apex": 1.5},
        {"op": "add", "word": 1, "lexeme": "", "hands": "left"},
    ]
    assert line_edits(whole, 0, edits) == [{"op": "delete", "id": 2}]
    assert line_words(whole, 1, [(1, 0.1, 0.2), (4, 3.5, 3.75)]) == [(1, 0.5, 0.75)]


def test_a_chain_in_a_chain_remembers_the_lines_themselves():
    inner = [line("a", 11, 48, 1, plan(3, 2, 2.0)), line("b", 83, 48, 2, plan(2, 2, 2.0))]
    chain = build_chain(inner)
    whole = Line("c", 200, chain.poses, chain.trans, chain.blendshapes, TakeMeta(chain_meta(chain, FPS, 0)))
    outer = chain_meta(build_chain([line("z", 150, 24), whole]), FPS, 0)
    assert [(entry["name"], entry["start_frame"]) for entry in outer["lines"]] == [("z", 150), ("a", 200), ("b", 272)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_merged_ids_are_unique_and_words_belong_to_their_gestures(sizes):
    parts = [(plan(words, phrases, 3.0), 4.0 * n) for n, (words, phrases) in enumerate(sizes)]
    merged = merged_plan(parts, 4.0 * len(sizes))
    ids = [phrase["id"] for phrase in merged["phrases"]]
    assert len(set(ids)) == len(ids) == sum(phrases for _, phrases in sizes)
    for phrase in merged["phrases"]:
        if phrase["word"] >= 0:
            assert merged["words"][phrase["word"]][1] == pytest.approx(phrase["apex"])
    GesturePlan.from_dict(merged)


def test_takes_are_read_from_their_own_actions_also_when_another_is_active(mia, blank):
    clips = [lively_take(30, FPS, 1), lively_take(20, FPS, 2)]
    actions = [
        apply_take(bpy.context, mia, clip, start_frame=start) for clip, start in zip(clips, (11, 60), strict=True)
    ]
    rig = recognise(mia)
    for clip, action, start in zip(clips, actions, (11, 60), strict=True):
        read = read_line(blank, mia, rig, action)
        assert (read.start, read.frames) == (start, clip.frames)
        assert np.allclose(read.poses, clip.poses, atol=2e-6)
        assert np.allclose(read.trans, clip.trans, atol=1e-6)
        assert np.array_equal(read.blendshapes, clip.blendshapes)
    assert find_takes(mia, [actions[0].name]) == [actions[0]]
    with pytest.raises(ChainError, match="'Mia' has no take 'nothing'"):
        find_takes(mia, ["nothing"])
    blank.render.fps = 30
    with pytest.raises(ChainError, match="made at 24 frames per second and the scene runs at 30"):
        read_line(blank, mia, rig, actions[0])


def test_pins_of_a_line_are_pins_of_the_chain(mia):
    source = apply_take(bpy.context, mia, lively_take(10, FPS, 1), start_frame=11)
    path = bone_path("left_wrist", "rotation_quaternion")
    for (_, name, _), curve in curves_of(source).items():
        if name == path:
            curve.keyframe_points[3].type = "EXTREME"
            curve.keyframe_points[6].co[1] += 0.1  # an edited key is a pin, too
    chained = apply_take(bpy.context, mia, lively_take(40, FPS, 2), start_frame=1)
    assert mark_pins(mia, chained, [(source, 6)]) == 8
    for (_, name, _), curve in curves_of(chained).items():
        pinned = np.flatnonzero(key_values(curve, "type") == EXTREME)
        assert list(pinned) == ([14 + 6 - 1, 17 + 6 - 1] if name == path else [])


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_ends_are_pinned_to_the_pose_of_another_take(mia, blank, mode):
    for bone in mia.pose.bones:
        bone.rotation_mode = mode
    rig = recognise(mia)
    first = apply_take(bpy.context, mia, lively_take(30, FPS, 1), start_frame=11)
    second = apply_take(bpy.context, mia, lively_take(20, FPS, 2), start_frame=60)
    before = read_line(blank, mia, rig, first)
    untouched = read_line(blank, mia, rig, second)
    assert bpy.ops.cospeech.pin_ends(ends={"START"}, take=first.name) == {"FINISHED"}
    after = read_line(blank, mia, rig, second)
    assert np.allclose(after.poses[0], before.poses[-1], atol=2e-6)
    assert np.allclose(after.trans[0], before.trans[-1], atol=1e-6)
    assert np.array_equal(after.poses[1:], untouched.poses[1:])
    pinned = {
        frame
        for curve in curves_of(second).values()
        for frame in key_values(curve)[key_values(curve, "type") == EXTREME, 0]
    }
    assert pinned == {60.0}
    check_lines([before, place_lines([before, after], TURN, 0)[1]], FPS)


def test_ends_are_pinned_to_the_pose_shown_now_and_nothing_else_changes(mia, blank):
    rig = recognise(mia)
    apply_take(bpy.context, mia, lively_take(30, FPS, 1), start_frame=11)
    blank.frame_set(20)
    mia.pose.bones["left_elbow"].rotation_quaternion = (0.6, 0.0, 0.8, 0.0)
    shown = read_line(blank, mia, rig, mia.animation_data.action)
    assert bpy.ops.cospeech.pin_ends(ends={"START", "END"}) == {"FINISHED"}
    after = read_line(blank, mia, rig, mia.animation_data.action)
    assert np.allclose(after.poses[[0, -1], 16], shown.poses[9, 16], atol=2e-6)
    assert np.allclose(after.poses[0, 18], after.poses[-1, 18])
    assert not np.allclose(after.poses[0, 18], shown.poses[9, 18], atol=0.1)
    assert np.array_equal(after.poses[1:-1], shown.poses[1:-1])
    with pytest.raises(RuntimeError, match="no take 'nobody'"):
        bpy.ops.cospeech.pin_ends(ends={"START"}, take="nobody")
    with pytest.raises(RuntimeError, match="Choose the start"):
        bpy.ops.cospeech.pin_ends(ends=set())


def test_a_listener_turns_its_head_by_the_angle_asked_for():
    clip = lively_take(5, FPS)
    poses = np.zeros_like(clip.poses)
    for yaw in (-0.9, 0.0, 0.4, 3.0):
        made = turned(poses, yaw)
        head = Rotation.identity()
        for joint in (3, 6, 9, 12, 15):
            head = head * Rotation.from_rotvec(made[0, joint])
        seen = head.apply([0.0, 0.0, 1.0])
        assert np.arctan2(seen[0], seen[2]) == pytest.approx(np.clip(yaw, -LARGEST, LARGEST), abs=1e-5)
    joints, _ = default_skeleton().forward(turned(poses, 0.5), np.zeros((5, 3)))
    rest, _ = default_skeleton().forward(poses, np.zeros((5, 3)))
    assert np.allclose(joints[:, :3], rest[:, :3])
    same = turned(clip.poses, 0.5)
    untouched = [joint for joint in range(55) if joint not in (3, 6, 9, 12, 15)]
    assert np.array_equal(same[:, untouched], clip.poses[:, untouched])


def test_the_turn_comes_from_where_the_two_stand(mia, blank):
    zoe = create_armature(bpy.context, "Zoe")
    for place, wanted in (((2.0, 0.0, 0.0), 90.0), ((0.0, -2.0, 0.0), 0.0), ((-2.0, -2.0, 0.0), -45.0)):
        zoe.location = place
        bpy.context.view_layer.update()
        assert np.degrees(look_yaw(mia, recognise(mia), zoe, recognise(zoe))) == pytest.approx(wanted, abs=1e-3)
    mia.rotation_euler.z = np.radians(90.0)  # now faces +X
    zoe.location = (2.0, 0.0, 0.0)
    bpy.context.view_layer.update()
    assert np.degrees(look_yaw(mia, recognise(mia), zoe, recognise(zoe))) == pytest.approx(
        0.0, abs=0.5
    )  # the head is not over the origin


def test_grey_buttons_say_why(mia, blank):
    with pytest.raises(RuntimeError, match="'Mia' has no takes yet"):
        bpy.ops.cospeech.chain_takes()
    with pytest.raises(RuntimeError, match="has no take yet"):
        bpy.ops.cospeech.pin_ends()
    with pytest.raises(RuntimeError, match="no other armature in this scene to listen"):
        bpy.ops.cospeech.listen()
    create_armature(bpy.context, "Zoe")
    with pytest.raises(RuntimeError, match="not a Cospeech take"):
        bpy.ops.cospeech.listen()
    apply_take(bpy.context, mia, lively_take(10, FPS), start_frame=1)
    with pytest.raises(RuntimeError, match="Choose at least two takes"):
        bpy.ops.cospeech.chain_takes()
    with pytest.raises(RuntimeError, match="has no spoken line"):
        bpy.ops.cospeech.listen()
