"""Look At: with the real engine the keyed eyes lie on the object, wherever it and the character are."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from addon.gaze.place import look_blocker, look_note, look_options, looked_at
from addon.plan.stale import stale_reasons
from addon.regenerate.request import Asked, make_order
from addon.rig.armature import create_armature
from addon.rig.recognise import recognise
from addon.rig.skeleton import LEFT_EYE, REST, RIGHT_EYE, standing_height
from addon.speakers.choice import chosen
from addon.takes.apply import action_meta, apply_take
from tests.places import DATA, DEMO, ROOT
from tests.support.addon_clips import add_face, lively_take
from tests.support.rigs import model_space_rig

CLIP = DATA / "face_slt.flac"
START = 5
needs_engine = pytest.mark.skipif(
    not (ROOT / ".venv/bin/python").is_file(), reason="the engine's environment .venv is not set up"
)
TURNED = Matrix.LocRotScale((1.0, -2.0, 0.3), Matrix.Rotation(1.9, 3, "Z") @ Matrix.Rotation(0.2, 3, "X"), (1.6,) * 3)
EYES = REST[[LEFT_EYE, RIGHT_EYE]].mean(axis=0) + np.array([0.0, standing_height(REST), 0.0])


@pytest.fixture
def mia(blank):
    return cast(create_armature(bpy.context, "Mia"), CLIP)


def cast(armature, audio):
    settings = bpy.context.scene.cospeech
    settings.character, settings.audio, settings.start_frame = armature, str(audio), START
    return armature


def thing(name: str, location=(0.0, 0.0, 0.0), parent=None) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(obj)
    obj.parent, obj.location = parent, location
    bpy.context.view_layer.update()
    return obj


def in_front(armature, left: float, up: float, ahead: float) -> tuple[float, float, float]:
    """A world place by metres, of the character's own size, from the eyes of a standing character."""
    rig = recognise(armature)
    place = rig.rest[[LEFT_EYE, RIGHT_EYE]].mean(axis=0) + np.array([left, standing_height(rig.rest) + up, ahead])
    return tuple(armature.matrix_world @ Vector(rig.axes @ place * rig.unit))


def generate(**settings) -> bpy.types.Action:
    scene = bpy.context.scene
    for name, value in settings.items():
        setattr(scene.cospeech, name, value)
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    return scene.cospeech.character.animation_data.action


def place(armature) -> np.ndarray | None:
    found = look_options(bpy.context, armature, START, chosen(bpy.context.scene)).get("gaze")
    return None if found is None else np.array(found)


def misses(armature, obj) -> np.ndarray:
    """(frames,) degrees between where the left eye of the posed rig looks and the object, in the world."""
    scene, rig = bpy.context.scene, recognise(armature)
    action = armature.animation_data.action
    ahead = rig.basis[LEFT_EYE].T @ rig.axes @ np.array([0.0, 0.0, 1.0])
    out = []
    for frame in range(int(action.frame_start), int(action.frame_end) + 1):
        scene.frame_set(frame)
        world = armature.matrix_world
        bones = [armature.pose.bones[rig.bones[joint]] for joint in (LEFT_EYE, RIGHT_EYE)]
        eyes = np.mean([world @ bone.head for bone in bones], axis=0)
        looks = np.array(world.to_3x3() @ bones[0].matrix.to_3x3()) @ ahead
        away = np.array(obj.matrix_world.translation) - eyes
        cosine = looks @ away / np.linalg.norm(looks) / np.linalg.norm(away)
        out.append(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
    scene.frame_set(START)
    return np.array(out)


def attending(action) -> np.ndarray:
    """(frames,) bool: the plan has no thought that takes the eyes away, and the eyes had the time to come back."""
    meta = action_meta(action)
    times = np.arange(meta["frames"]) / meta["fps"]
    on = np.ones(len(times), bool)
    for event in meta["plan"]["gaze"]:
        if event["kind"] != "audience":
            on &= (times < event["start"] - 0.05) | (times > event["end"] + 0.15)
    return on


@needs_engine
def test_the_eyes_lie_on_the_object_while_the_plan_has_her_with_her_listener(mia):
    her = thing("Her", in_front(mia, 0.9, -0.2, 1.3))
    him = thing("Him", in_front(mia, -0.8, 0.1, 1.2))
    action = generate(audio=str(DEMO), look_at=her)
    on, off = attending(action), misses(mia, her)
    assert 0.5 < on.mean() < 0.98
    assert np.median(off[on]) < 2.0
    assert np.quantile(off[on], 0.95) < 5.0
    assert np.median(off[~on]) > 4.0
    assert np.median(misses(mia, him)) > 40.0
    assert stale_reasons(bpy.context, mia) == []
    bpy.context.scene.cospeech.look_at = him
    assert stale_reasons(bpy.context, mia) == ["Look At differs"]
    other = generate()
    assert np.median(misses(mia, him)[attending(other)]) < 2.0
    assert stale_reasons(bpy.context, mia) == []
    bpy.context.scene.cospeech.look_at = None
    assert stale_reasons(bpy.context, mia) == ["Look At differs"]
    generate()
    assert np.median(misses(mia, him)) > 20.0


@needs_engine
@pytest.mark.parametrize(
    "make",
    [
        lambda: create_armature(bpy.context, "Mia"),
        lambda: create_armature(bpy.context, "Mia", REST * 1.2),
        lambda: model_space_rig(REST * 0.85, y_up=True, roll=True, root="root"),
        lambda: model_space_rig(REST, y_up=True, roll=True, unit=100.0),
    ],
    ids=["our own", "tall", "another author's", "centimetres"],
)
def test_a_character_that_is_moved_turned_and_scaled_finds_it_too(blank, make):
    armature = cast(make(), CLIP)
    add_face(armature)
    armature.matrix_world = TURNED @ armature.matrix_world
    bpy.context.view_layer.update()
    her = thing("Her", in_front(armature, 0.5, -0.1, 0.9))
    action = generate(look_at=her)
    off = misses(armature, her)[attending(action)]
    assert np.median(off) < 2.0
    assert np.quantile(off, 0.95) < 5.0
    assert stale_reasons(bpy.context, armature) == []
    him = thing("Him", in_front(armature, -0.6, 0.1, 0.8))
    bpy.context.scene.cospeech.look_at = him
    assert bpy.ops.cospeech.regenerate(range="TAKE") == {"FINISHED"}  # on the rig's own skeleton
    off = misses(armature, him)[attending(armature.animation_data.action)]
    assert np.median(off) < 2.5
    assert np.quantile(off, 0.9) < 5.0


@needs_engine
def test_frames_made_anew_look_at_the_new_place_and_the_others_stay(mia):
    her, him = thing("Her", in_front(mia, 0.5, 0.0, 1.5)), thing("Him", in_front(mia, -0.7, 0.0, 1.2))
    action = generate(look_at=her)
    before, end = misses(mia, her), int(action.frame_end)
    bpy.context.scene.cospeech.look_at = him
    half = (START + end) // 2
    assert bpy.ops.cospeech.regenerate(first=half, last=end) == {"FINISHED"}
    assert np.array_equal(misses(mia, her)[: half - START], before[: half - START])
    assert np.quantile(misses(mia, him)[half - START + 15 :], 0.3) < 3.0
    assert stale_reasons(bpy.context, mia) == ["Look At differs"]  # the first half does not look there
    assert bpy.ops.cospeech.regenerate(range="TAKE") == {"FINISHED"}
    assert stale_reasons(bpy.context, mia) == []
    assert np.median(misses(mia, him)[attending(mia.animation_data.action)]) < 3.0


def test_the_place_is_that_of_the_first_frame_in_the_character_s_own_space(mia):
    her = thing("Her", (0.5, -2.0, 1.4))
    bpy.context.scene.cospeech.look_at = her
    assert np.allclose(place(mia), (0.5, 1.4, 2.0))  # Blender's (x, y, z) is (x, z, -y) of a motion
    mia.matrix_world = TURNED
    her.matrix_world = TURNED @ Matrix.Translation((0.5, -2.0, 1.4))
    bpy.context.view_layer.update()
    assert np.allclose(place(mia), (0.5, 1.4, 2.0), atol=1e-4)
    her.hide_viewport = True
    her.keyframe_insert("location", frame=START)
    her.location.x += 3.0
    her.keyframe_insert("location", frame=START + 20)
    bpy.context.scene.frame_set(START + 20)
    assert np.allclose(place(mia), (0.5, 1.4, 2.0), atol=1e-4)
    root = mia.pose.bones["root"]
    root.location.y = 1.0  # the bone that carries the body stands a metre further
    assert np.abs(place(mia) - (0.5, 1.4, 2.0)).max() > 0.9


def test_somebody_else_is_looked_at_in_the_eyes(mia):
    other = create_armature(bpy.context, "Tom")
    other.location = (1.0, -2.0, 0.0)
    bpy.context.scene.cospeech.look_at = other
    assert np.allclose(place(mia), np.add(EYES, (1.0, 0.0, 2.0)), atol=1e-3)


def test_a_bigger_body_sees_it_at_the_same_angle(blank):
    small, big = create_armature(bpy.context, "Mia"), create_armature(bpy.context, "Tall", REST * 1.25)
    her = thing("Her")
    blank.cospeech.character, blank.cospeech.look_at = small, her
    for size, armature in ((1.0, small), (1.25, big)):
        eyes = np.mean([armature.data.bones[n].head_local for n in ("left_eye_smplhf", "right_eye_smplhf")], axis=0)
        her.location = eyes + size * np.array([0.3, -1.2, 0.2])
        assert np.allclose(place(armature), np.add(EYES, (0.3, 0.2, 1.2)), atol=2e-3)


@pytest.mark.parametrize("how", ["data", "operator", "unlinked"])
def test_an_object_that_is_gone_breaks_nothing(mia, how):
    her = thing("Her", (0.5, -2.0, 1.4))
    scene = bpy.context.scene
    scene.cospeech.look_at = her
    assert place(mia) is not None
    if how == "data":
        bpy.data.objects.remove(her)
    elif how == "operator":
        with bpy.context.temp_override(selected_objects=[her], active_object=her):
            bpy.ops.object.delete()
    else:
        scene.collection.objects.unlink(her)
    assert looked_at(scene) is None
    assert place(mia) is None
    assert (look_note(scene) == "") == (scene.cospeech.look_at is None)
    assert look_blocker(scene, chosen(scene)) == ""


def test_what_hangs_from_the_character_or_can_not_be_heard_is_told(mia):
    scene = bpy.context.scene
    held = thing("Held", parent=mia)
    scene.cospeech.look_at = held
    assert "'Held' hangs from the character" in look_note(scene)
    with pytest.raises(RuntimeError, match="'Held' hangs from the character"):
        bpy.ops.cospeech.generate()
    scene.cospeech.look_at = thing("Her", (0.5, -2.0, 1.4))
    scene.cospeech.generator = "emage"
    assert look_note(scene) == "EMAGE can't be told where to look"
    assert place(mia) is None


@needs_engine
def test_an_object_in_the_head_is_one_sentence(mia):
    bpy.context.scene.cospeech.look_at = thing("Hat", in_front(mia, 0.0, 0.1, 0.0))
    with pytest.raises(RuntimeError, match=r"is 0\.10 m from the eyes.*move it further away"):
        bpy.ops.cospeech.generate()
    assert not bpy.data.actions


def test_one_click_makes_something_to_look_at(mia):
    scene = bpy.context.scene
    before = bpy.context.view_layer.objects.active, list(bpy.context.selected_objects)
    mia.matrix_world = TURNED
    assert bpy.ops.cospeech.look_at_new(distance=2.0) == {"FINISHED"}
    assert (bpy.context.view_layer.objects.active, list(bpy.context.selected_objects)) == before
    assert np.allclose(place(mia), np.add(EYES, (0.0, 0.0, 2.0)), atol=1e-4)
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.cospeech.look_at_camera()
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    assert bpy.ops.cospeech.look_at_camera() == {"FINISHED"}
    assert scene.cospeech.look_at == camera
    scene.cospeech.character = None
    with pytest.raises(RuntimeError, match="Choose a character"):
        bpy.ops.cospeech.look_at_new()


def test_a_take_is_out_of_date_where_the_object_is_elsewhere(mia):
    scene = bpy.context.scene
    her = thing("Her", (0.5, -2.0, 1.4))
    scene.cospeech.look_at = her
    take = lively_take(12, 24.0)
    made = {"generator": "default", "options": {"gaze": place(mia).tolist(), "speaker": "default"}}
    apply_take(bpy.context, mia, type(take)(take.poses, take.trans, take.fps, provenance=made), start_frame=START)
    assert stale_reasons(bpy.context, mia) == []
    her.location.x += 0.005
    assert stale_reasons(bpy.context, mia) == []
    her.location.x += 0.1
    assert stale_reasons(bpy.context, mia) == ["Look At differs"]
    mia.location.x += 0.105  # both moved
    assert stale_reasons(bpy.context, mia) == []
    her.hide_viewport = True
    mia.pose.bones["root"].location.y += 0.3
    assert stale_reasons(bpy.context, mia) == ["Look At differs"]
    mia.pose.bones["root"].location.y -= 0.3
    her.hide_viewport = False
    for frame, x in ((START, her.location.x), (START + 10, 4.0)):
        her.location.x = x
        her.keyframe_insert("location", frame=frame)
    for frame in (START, START + 10, 1):  # it goes away, and is in its place when the take begins
        scene.frame_set(frame)
        assert stale_reasons(bpy.context, mia) == []
    her.animation_data.action = None
    her.location.x = 3.0
    scene.cospeech.look_at = None
    assert stale_reasons(bpy.context, mia) == ["Look At differs"]


def test_the_order_of_a_window_has_the_place_and_that_of_a_listener_has_none(mia):
    scene = bpy.context.scene
    scene.cospeech.look_at = thing("Her", (0.5, -2.0, 1.4))
    take = lively_take(40, 24.0)
    for role, wanted in (("speak", [0.5, 1.4, 2.0]), ("listen", None)):
        made = {"generator": "default", "options": {"role": role, "audio": str(CLIP)}}
        apply_take(bpy.context, mia, type(take)(take.poses, take.trans, take.fps, provenance=made), start_frame=START)
        order = make_order(bpy.context, mia, Asked(range="CUSTOM", first=20, last=30))
        found = order.params["options"].get("gaze")
        assert found == wanted if wanted is None else np.allclose(found, wanted)


def test_undo_and_a_saved_file_keep_it(mia, tmp_path):
    her = thing("Her", (0.5, -2.0, 1.4))
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    bpy.context.scene.cospeech.look_at = her
    bpy.ops.ed.undo_push(message="look")
    bpy.ops.ed.undo()
    assert bpy.context.scene.cospeech.look_at is None
    bpy.ops.ed.redo()
    assert bpy.context.scene.cospeech.look_at.name == "Her"
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    scene = bpy.context.scene
    assert scene.cospeech.look_at == bpy.data.objects["Her"]
    assert np.allclose(place(scene.cospeech.character), (0.5, 1.4, 2.0))
