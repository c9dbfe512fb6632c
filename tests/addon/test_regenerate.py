"""Regenerate on real bpy with the real engine: exact where pinned, untouched outside, one undo step, or a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
from addon_clips import add_face, curves_of, key_values, snapshot
from test_regenerate_window import everything, keys_at

from addon.client.take_file import read_take
from addon.generate.ops import by_uid
from addon.regenerate.ops import COSPEECH_OT_regenerate
from addon.regenerate.variations import place_among, variations_of
from addon.rig.armature import create_armature
from addon.rig.recognise import recognise
from addon.rig.skeleton import PART_JOINTS, REST
from addon.setup.engine import SESSION
from addon.takes.apply import action_meta
from addon.takes.curves import read_curves
from addon.takes.keys import bone_path, shape_path
from addon.takes.shelf import takes_of
from addon.takes.span import take_span

ROOT = Path(__file__).resolve().parents[2]
DEMO = next((ROOT / "assets/demo").glob("demo.[fw]*"))
FIRST, LAST = 60, 130
pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv/bin/python").is_file(), reason="the engine's environment .venv is not set up"
)


def make_shot(folder: Path, *, fps: int = 24, base: float = 1.0, rest=None, mode: str = "QUATERNION") -> Path:
    """A saved file with a generated take of the demo line on a character, beginning on frame 11."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, base
    mia = create_armature(bpy.context, "Mia", rest)
    add_face(mia)
    for bone in mia.pose.bones:
        bone.rotation_mode = mode
    scene.cospeech.character, scene.cospeech.audio = mia, str(DEMO)
    scene.cospeech.start_frame = 11
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    path = folder / f"shot_{fps}_{mode}.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path


@pytest.fixture(scope="module")
def shot(addon, tmp_path_factory):
    return make_shot(tmp_path_factory.mktemp("shot"))


@pytest.fixture
def scene(shot):
    bpy.ops.wm.open_mainfile(filepath=str(shot))
    return bpy.context.scene


def mia() -> bpy.types.Object:
    return bpy.data.objects["Mia"]


def take() -> bpy.types.Action:
    return mia().animation_data.action


def regenerate(**asked) -> str:
    """Regenerate frames FIRST..LAST unless something else is asked; returns the note."""
    asked = {"first": FIRST, "last": LAST} | asked if "range" not in asked else asked
    assert bpy.ops.cospeech.regenerate(**asked) == {"FINISHED"}
    return SESSION.note


def pin(bone: str, frame: int, value: tuple[float, ...] = ()) -> list[object]:
    """Set a bone's rotation on a frame, and pin it; returns the names of its curves."""
    curves, names = curves_of(take()), []
    for index in range(4):
        name = ("OBMia", bone_path(bone, "rotation_quaternion"), index)
        point = curves[name].keyframe_points[frame - 11]
        assert point.co[0] == frame
        point.type = "EXTREME"
        if value:
            point.co[1] = value[index]
        curves[name].update()
        names.append(name)
    return names


def changed(before: dict[object, bytes], after: dict[object, bytes]) -> set[object]:
    return {name for name in before if before[name] != after[name]}


def outside() -> dict[object, bytes]:
    return everything(take(), first=FIRST, end=LAST + 1)


def inside() -> dict[object, bytes]:
    return everything(take(), first=FIRST, end=LAST + 1, inside=True)


def test_a_window_changes_and_nothing_outside_of_it_does(scene):
    scene.frame_set(33)
    before, within, look = outside(), inside(), snapshot()
    assert regenerate().startswith(f"Regenerated frames {FIRST}-{LAST} in ")
    assert outside() == before
    assert len(changed(within, inside())) > 150
    after = snapshot()
    for name in ("actions", "objects", "meshes", "scenes", "collections", "scene", "rate", "view", "animation"):
        assert after[name] == look[name], name


def test_a_pinned_bone_keeps_its_keys_to_the_bit_and_the_way_to_it_is_smooth(scene):
    names = pin("left_elbow", 90, (0.8, 0.0, 0.0, 0.6))
    before = keys_at(take(), 90)
    note = regenerate()
    after = keys_at(take(), 90)
    assert all(after[name] == before[name] for name in names)
    assert "1 pin" in note
    curve = curves_of(take())[names[3]]
    values = key_values(curve)[:, 1]
    steps = np.abs(np.diff(values))[80 - 11 : 100 - 11]
    assert steps.max() < 0.25
    assert not np.array_equal(after[("OBMia", bone_path("head", "rotation_quaternion"), 0)], b"")


def test_an_edited_key_is_a_pin(scene):
    curves = curves_of(take())
    names = [("OBMia", bone_path("right_elbow", "rotation_quaternion"), index) for index in range(4)]
    point = curves[names[1]].keyframe_points[100 - 11]
    point.co[1] += 0.2
    curves[names[1]].update()
    jaw = ("KEKey", shape_path("jawOpen"), 0)
    curves[jaw].keyframe_points[95 - 11].co[1] = 0.9
    before, before_jaw = keys_at(take(), 100), keys_at(take(), 95)
    note = regenerate()
    after = keys_at(take(), 100)
    assert all(after[name] == before[name] for name in names)
    assert keys_at(take(), 95)[jaw] == before_jaw[jaw]
    assert "edited keys kept" in note
    again = keys_at(take(), 100)
    regenerate()  # they stay edited: what was kept is not what the engine made
    assert all(keys_at(take(), 100)[name] == again[name] for name in names)


def test_the_same_request_gives_the_same_bytes_and_another_seed_others(scene):
    regenerate(seed=5)
    first = inside()
    regenerate(seed=6)
    assert changed(first, inside())
    regenerate(seed=5)
    assert inside() == first


def test_a_new_seed_each_time_or_the_same_one(scene):
    regenerate()
    regenerate()
    regenerate(same_seed=True)
    assert [entry["seed"] for entry in action_meta(take())["regenerated"]] == [1, 2, 2]
    assert action_meta(take())["regenerated"][0] == {"first": FIRST - 11, "end": LAST - 10, "seed": 1}


def test_only_the_parts_asked_for_change(scene):
    within = inside()
    regenerate(parts={"hands", "face"}, seed=3)
    fingers = {bone_path(recognise(mia()).bones[joint], "rotation_quaternion") for joint in PART_JOINTS["hands"]}
    face = {bone_path(bone, "rotation_quaternion") for bone in ("jaw", "left_eye_smplhf", "right_eye_smplhf")}
    paths = {name[1] for name in changed(within, inside())}
    assert paths & fingers
    assert {path for path in paths if not path.startswith("key_blocks")} <= fingers | face


def test_selected_bones_and_shown_collections_are_scopes(scene):
    bpy.context.view_layer.objects.active = mia()
    bpy.ops.object.mode_set(mode="POSE")
    bones = mia().pose.bones if bpy.app.version >= (5, 0, 0) else mia().data.bones
    for bone in bones:
        bone.select = bone.name in {"left_shoulder", "left_elbow"}
    within = inside()
    regenerate(scope="SELECTED_BONES")
    wanted = {bone_path(name, "rotation_quaternion") for name in ("left_shoulder", "left_elbow")}
    assert {name[1] for name in changed(within, inside())} == wanted
    for bone in bones:
        bone.select = False
    with pytest.raises(RuntimeError, match="No bone of 'Mia' is selected"):
        bpy.ops.cospeech.regenerate(scope="SELECTED_BONES")
    for collection in mia().data.collections_all:
        collection.is_visible = collection.name == "Hand Left"
    within = inside()
    regenerate(scope="BONE_COLLECTIONS")
    paths = {name[1] for name in changed(within, inside())}
    assert paths
    assert all('"left_' in path for path in paths)


def select_keys(*frames: int, bones: tuple[str, ...] = ("head",)) -> None:
    for name, curve in curves_of(take()).items():
        if any(f'"{bone}"' in name[1] for bone in bones):
            for frame in frames:
                curve.keyframe_points[frame - 11].select_control_point = True


def window() -> tuple[int, int]:
    entry = action_meta(take())["regenerated"][-1]
    return entry["first"] + 11, entry["end"] + 10


def test_the_range_is_between_selected_keys_else_preview_else_the_take(scene):
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (11, 11 + action_meta(take())["frames"] - 1)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 1, 40
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (11, 40)
    select_keys(70)
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (11, 40)
    select_keys(90)
    regenerate(range="AUTO", parts={"hands"})
    assert window() == (70, 90)
    regenerate(range="PREVIEW", parts={"hands"})
    assert window() == (11, 40)
    scene.cospeech.edit_range, scene.cospeech.edit_first, scene.cospeech.edit_last = "CUSTOM", 50, 55
    scene.cospeech.parts = {"hands"}
    assert bpy.ops.cospeech.regenerate() == {"FINISHED"}
    assert window() == (50, 55)


def test_in_pose_mode_keys_of_bones_that_are_not_selected_do_not_count(scene):
    select_keys(70, 90)
    select_keys(30, 110, bones=("left_knee",))
    bpy.context.view_layer.objects.active = mia()
    bpy.ops.object.mode_set(mode="POSE")
    bones = mia().pose.bones if bpy.app.version >= (5, 0, 0) else mia().data.bones
    for bone in bones:
        bone.select = bone.name == "head"
    regenerate(range="SELECTED", parts={"hands"})
    assert window() == (70, 90)


def test_a_new_take_leaves_the_old_one_as_it_was(scene):
    old, whole = take(), everything(take(), first=0, end=0)
    regenerate(in_place=False)
    new = take()
    assert new != old
    assert everything(old, first=0, end=0) == whole
    assert new.name.endswith("_1")
    assert outside() == everything(old, first=FIRST, end=LAST + 1)
    assert changed(everything(old, first=FIRST, end=LAST + 1, inside=True), inside())
    assert takes_of(mia()) == [new, old] or takes_of(mia()) == [old, new]
    for owner in (mia(), bpy.data.shape_keys[0]):
        assert owner.animation_data.action == new
        assert [(track.mute, track.strips[0].action) for track in owner.animation_data.nla_tracks] == [(True, old)]
    assert action_meta(old).get("regenerated") is None


def test_one_undo_step_takes_it_back(scene):
    bpy.ops.ed.undo_push(message="before")
    within, whole = inside(), outside()
    regenerate()
    assert changed(within, inside())
    bpy.ops.ed.undo_push(message="after")  # background pushes none for a call with EXEC_DEFAULT
    bpy.ops.ed.undo()
    assert inside() == within
    assert outside() == whole
    assert action_meta(take()).get("regenerated") is None
    regenerate()
    assert outside() == whole


def test_markers_and_plan_are_those_of_the_new_motion(scene):
    own = take().pose_markers.new("My own")
    own.frame = 99
    regenerate()
    meta, markers = action_meta(take()), [(m.name, m.frame) for m in take().pose_markers]
    assert ("My own", 99) in markers
    for phrase in meta["plan"]["phrases"]:
        title = f"apex {phrase['lexeme']}" if phrase["semantic"] else "beat"
        assert (title, 11 + round(phrase["apex"] * 24)) in markers
    assert len(markers) == len(meta["plan"]["words"]) + len(meta["plan"]["phrases"]) + 1
    assert len(take().cospeech_plan.phrases) == len(meta["plan"]["phrases"])


def test_edits_of_the_plan_are_performed_where_they_are(scene):
    group = take().cospeech_plan
    index = next(i for i, phrase in enumerate(group.phrases) if phrase.apex > 100)
    apex = group.phrases[index].apex
    group.phrases[index].apex = apex + 4
    before = everything(take(), first=0, end=0)
    regenerate(range="AUTO")
    low, high = window()
    assert low < apex < high
    assert high - low < 200
    frames = {name: before[name] for name in before if before[name] != everything(take(), first=0, end=0)[name]}
    assert frames
    assert [entry["seed"] for entry in action_meta(take())["regenerated"]] == [0]
    assert not any(phrase.changed for phrase in take().cospeech_plan.phrases)
    take().cospeech_plan.phrases[index].apex += 3
    with pytest.raises(RuntimeError, match="regenerate with the range Automatic, or reset the edit"):
        bpy.ops.cospeech.regenerate(first=20, last=40)


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
    shutil.copyfile(DEMO, tmp_path / "gone.wav")
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


class Plain:
    """Stands in for the operator's self: nothing is set, and what ``request`` stores stays on it."""

    class properties:
        """No property is set."""

        @staticmethod
        def is_property_set(name: str) -> bool:
            return name in {"first", "last"}

    range, first, last, scope, seed, same_seed = "AUTO", FIRST, LAST, "PARTS", -1, False
    parts: frozenset[str] = frozenset()
    asked = COSPEECH_OT_regenerate.asked
    ordered = COSPEECH_OT_regenerate.ordered


def meanwhile(change) -> str:
    """Ask, let something happen while the engine works, apply; returns the report of a refusal."""
    from addon.regenerate.apply import results_of

    asked = Plain()
    method, params = COSPEECH_OT_regenerate.request(asked, bpy.context)
    job = SESSION.start(method, params, asked._order.files)
    try:
        change()
        job.wait()
        assert job.state == "DONE", job.message
        bpy.ops.cospeech.apply_window(
            "EXEC_DEFAULT", True, takes=results_of(job.result), ticket=asked._order.ticket.to_text()
        )
    except RuntimeError as error:
        return str(error)
    finally:
        SESSION.finish()
    return ""


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


def toes(armature, rig, span) -> np.ndarray:
    """Heights of the toe bases over the take, in metres."""
    scene, out = bpy.context.scene, []
    for frame in range(span.start, span.end, 5):
        scene.frame_set(frame)
        out.append([armature.pose.bones[rig.bones[joint]].head.z for joint in (10, 11)])
    return np.array(out)


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
