"""The authored gestures: clear of the body, within the wrist's limits, right fingers, mirrored, varied, exact."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise

import numpy as np
import pytest

from engine.body.kinematics import swing_twist
from engine.body.rotations import axis_angle_to_matrix, geodesic_angle
from engine.body.skeleton import ASSETS, default_skeleton
from engine.body.solids import arm_samples, body_distance, hand_distance
from engine.errors import CospeechError
from engine.generators.gestures import authored as authored_module
from engine.generators.gestures import authored_table
from engine.generators.gestures.authored import (
    RESTS,
    Repertoire,
    SizedRecipe,
    _built,
    authored_classes,
    authored_clips,
    takes,
)
from engine.generators.gestures.authored_arm import DRAG_MOST, FIRM
from engine.generators.gestures.authored_table import authored
from engine.generators.gestures.perform import perform
from engine.generators.life.postures import spine_rest
from engine.models.phase_gesture import MODEL_JOINTS, TORSO, VARIATIONS, GestureModel
from engine.plan.types import GesturePhrase

SKELETON = default_skeleton()
MIRROR_SIGNS = np.outer([-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0])
ALONG = np.array([1.0, 0.0, 0.0])
DEEPEST = 0.006
NUMBERS = {"one": {"index"}, "two": {"index", "middle"}, "three": {"index", "middle", "ring"},
           "four": {"index", "middle", "ring", "pinky"}, "five": {"index", "middle", "ring", "pinky"}}  # fmt: skip
COUNTS = {f"count_{name}": fingers for name, fingers in NUMBERS.items()}
COUNTS |= {f"order_{name}": NUMBERS[name] for name in ("one", "two", "three")}
FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def noise_of(seed, form):
    return np.zeros(VARIATIONS) if seed == 0 else np.random.default_rng([seed, form]).standard_normal(VARIATIONS)


@cache
def performance(take, seed, amplitude=1.0):
    return _built(take, noise_of(seed, take.form).tobytes(), amplitude)


def full_body(built, seconds):
    local = np.broadcast_to(axis_angle_to_matrix(spine_rest()), (len(seconds), 55, 3, 3)).copy()
    local[:, list(MODEL_JOINTS)] = built.rotations(seconds)
    return local


@cache
def course(take, seed, size):
    """A performance, and the body at twelve of its moments a second."""
    built = performance(take, seed, size)
    seconds = np.arange(0.0, built.right.spans.end, 1.0 / 12.0)
    return built, seconds, full_body(built, seconds)


def posed(built, seconds):
    return SKELETON.forward_matrices(full_body(built, seconds), np.zeros((len(seconds), 3)))


def cases():
    """Every form plain from every rest, and varied from one rest after the other, small, medium and large."""
    for take in takes():
        yield take, 0, 1.0
        for seed, size in enumerate((1.0, 0.75, 1.3, 1.0, 1.3, 0.85), start=1):
            if RESTS[(take.form + seed) % len(RESTS)] == take.rest:
                yield take, seed, size


def test_every_form_keeps_clear_of_the_body_and_of_the_other_hand():
    deep = {}
    for take, seed, size in cases():
        built, _, local = course(take, seed, size)
        points, world = SKELETON.forward_matrices(local, np.zeros((len(local), 3)))
        samples = [arm_samples(SKELETON, points, side) for side in (0, 1)]
        depth = [
            body_distance(samples[1], points, world)[0].min(),
            hand_distance(samples[1], points, world, 0)[0].min(),
        ]
        if built.left is not None:
            depth.append(body_distance(samples[0], points, world)[0].min())
        if min(depth) < -DEEPEST:
            deep[authored().forms[take.form].gclass, take.rest, seed] = np.round(1e3 * np.array(depth))
    assert not deep


def hand_angles(local, side):
    """(n, 2) flexion and deviation of a hand against its forearm, left-handed, from local rotations."""
    elbow, wrist = local[:, 18 + side], local[:, 20 + side]
    if side:
        elbow, wrist = elbow * MIRROR_SIGNS, wrist * MIRROR_SIGNS
    twist = swing_twist(elbow, ALONG)[1]
    half = axis_angle_to_matrix(twist[:, None] * ALONG)
    swing = swing_twist(half @ wrist, ALONG)[0]
    return np.stack([-swing[:, 2], swing[:, 1]], axis=1)


def test_wrists_stay_within_the_firm_limits():
    still, moving, beyond = np.radians(7.0), float(DRAG_MOST) + np.radians(7.0), {}
    for take, seed, size in cases():
        built, seconds, local = course(take, seed, size)
        held = (seconds > built.right.spans.done + 0.15) & (seconds < built.right.spans.leave)
        for side in (0, 1) if built.left is not None else (1,):
            angles = hand_angles(local, side)
            over = np.maximum(FIRM[1:, 0] - angles, angles - FIRM[1:, 1]).max(axis=1)
            if over.max() > moving or over[held].max(initial=0.0) > still:
                beyond[authored().forms[take.form].gclass, seed, side] = np.degrees(over.max())
    assert not beyond


def test_no_form_asks_for_a_broken_wrist_at_its_keys():
    """The turn of the forearm too, in the pose that is held (a little beyond the firm limit is the soft one's)."""
    worst = {}
    for take in takes():
        built = performance(take, 0)
        spans, form = built.right.spans, authored().forms[take.form]
        angles = built.right.state(np.array([spans.leave - 0.05]))[0, 6:]
        over = np.degrees(np.maximum(FIRM[:, 0] - angles, angles - FIRM[:, 1]).max())
        if over > 6.0:
            worst[form.gclass, take.rest] = over
    assert not worst


def flexions(points, side=1):
    """Degrees each finger is bent, summed over its first two joints; and the thumb tip's way to the little finger."""
    first, wrist, bends = 25 + 15 * side, points[20 + side], {}
    for number, name in enumerate(FINGERS[:4]):
        chain = [wrist, *(points[first + 3 * number + joint] for joint in range(3))]
        bones = [later - before for before, later in pairwise(chain)]
        bends[name] = sum(
            np.degrees(np.arccos(np.clip(one @ two / np.linalg.norm(one) / np.linalg.norm(two), -1.0, 1.0)))
            for one, two in pairwise(bones)
        )
    bends["thumb"] = float(np.linalg.norm(points[first + 14] - points[first + 6]))
    return bends


@pytest.mark.parametrize("seed", range(7))
def test_numbers_show_the_right_fingers(seed):
    for take in takes():
        gclass = authored().forms[take.form].gclass
        if gclass not in COUNTS:
            continue
        built = performance(take, seed)
        spans = built.right.spans
        for moment in (spans.paths[-1] + 0.12, spans.leave - 0.08):
            points, _ = posed(built, np.array([moment]))
            bends = flexions(points[0])
            assert all(bends[name] < 45.0 for name in COUNTS[gclass]), (gclass, take.rest, bends)
            assert all(bends[name] > 110.0 for name in set(FINGERS[:4]) - COUNTS[gclass]), (gclass, take.rest, bends)
            assert (bends["thumb"] > 0.085) == (gclass == "count_five"), (gclass, bends)


@pytest.fixture(scope="module")
def model():
    return GestureModel.load(ASSETS / "weights" / "default.safetensors")


def phrase(gclass, hands):
    return GesturePhrase(
        id=3, onset=2.0, apex=2.5, hold_end=3.2, retract_end=3.9, lexeme="X", gclass=gclass, hands=hands, amplitude=1.0,
        word=-1, semantic=True, accent=2.5, stress_onset=2.4, join="rest",
    )  # fmt: skip


def test_the_left_hand_is_the_mirror_image_of_the_right_one(model):
    times = np.arange(150) / 30.0
    base = np.broadcast_to(axis_angle_to_matrix(np.zeros((55, 3))), (150, 55, 3, 3)).copy()
    base[:, 16], base[:, 17] = axis_angle_to_matrix(np.array([[0.1, 0.0, -1.2], [0.1, 0.0, 1.2]]))
    mirror = list(SKELETON.mirror)
    for gclass in ("count_two", "wave", "heart", "temple", "fist_beat", "cycle"):
        right = perform(base, (phrase(gclass, "right"),), times, 9, "explain", model)
        left = perform(base, (phrase(gclass, "left"),), times, 9, "explain", model)
        assert np.degrees(geodesic_angle(right[80, 17], base[80, 17])) > 15.0, gclass
        assert np.allclose(left, right[:, mirror] * MIRROR_SIGNS, atol=1e-9), gclass


def test_the_two_hands_of_a_mirrored_form_are_mirror_images_but_not_when_varied():
    take = next(take for take in takes() if authored().forms[take.form].gclass == "plane_flat" and take.rest == "sides")
    seconds = np.linspace(0.9, 1.6, 8)

    def apart(built):
        points, _ = posed(replace(built, trunk=replace(built.trunk, angles=np.zeros(3))), seconds)
        return np.abs(points[:, 20] * [-1.0, 1.0, 1.0] - points[:, 21]).max()

    assert apart(performance(take, 0)) < 0.01
    assert apart(performance(take, 1)) > 0.003


def test_the_same_noise_gives_the_same_bytes_and_another_one_is_seen_to_differ(model):
    source = Repertoire(model)
    first = len(source.clips) - len(authored_clips())
    alike = {}
    for number, take in enumerate(takes()):
        if take.rest != "sides":
            continue
        seconds = np.linspace(0.0, performance(take, 1).right.spans.leave, 9)
        recipes = [
            SizedRecipe(first + number, first + number, 0.0, noise_of(seed, take.form), 0.5) for seed in (1, 1, 2)
        ]
        one, again, other = ((_built.cache_clear(), source.decode(recipe, seconds))[1].tobytes() for recipe in recipes)
        assert one == again, take
        shape = (9, len(MODEL_JOINTS), 3, 3)
        away = geodesic_angle(np.frombuffer(one).reshape(shape), np.frombuffer(other).reshape(shape))
        if np.degrees(away.max()) < 4.0:
            alike[authored().forms[take.form].gclass] = np.degrees(away.max())
    assert not alike


@pytest.mark.parametrize("gclass", ["halt", "expand", "place_right", "temple"])
def test_arms_leave_their_ways_as_recorded_ones_do_but_not_their_keys(model, gclass):
    source = Repertoire(model)
    number = next(i for i, clip in enumerate(source.clips) if source.is_authored(i) and clip.gclass == gclass)
    recipe = SizedRecipe(number, number, 0.0, noise_of(5, number), 0.0)
    form, built = source._build(recipe)
    marks, first = built.marks, len(TORSO)
    keys = np.array([marks.apex0, marks.apex1])
    way = np.linspace(marks.start, marks.end, 60)
    written, shown = (
        np.concatenate([one(keys), one(way)])[:, first:] for one in (built.rotations, partial(source.decode, recipe))
    )
    beside = np.degrees(geodesic_angle(written, shown))
    assert beside[:2].max() < 0.01
    assert 2.0 < beside[2:, 18:21].max() < 16.5
    if form.hands != "both":
        assert beside[:, :18].max() < 1e-6


def test_what_the_file_says_is_complete():
    forms = authored().forms
    assert len(authored_classes()) >= 75
    assert len(authored_clips()) == len(forms) * len(RESTS)
    readme = (authored_table.FOLDER / "README.md").read_text(encoding="utf-8")
    assert not [name for name in sorted(authored_classes()) if f"`{name}`" not in readme]
    used = {key.hand for form in forms for key in (*form.right, *form.left)}
    used |= {key.shake.hand for form in forms for key in (*form.right, *form.left) if key.shake is not None}
    assert set(authored().hands.shapes) <= used


def damage(name, text):
    def change(folder):
        (folder / name).write_text(text, encoding="utf-8")

    return change


def edit(change):
    def apply(folder):
        data = json.loads((folder / "forms.json").read_text(encoding="utf-8"))
        change(data["forms"])
        (folder / "forms.json").write_text(json.dumps(data), encoding="utf-8")

    return apply


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "hands.json").unlink(),
        lambda folder: (folder / "forms.json").unlink(),
        damage("forms.json", '{"forms": {"wave": [{"hands"'),
        damage("forms.json", "[]"),
        damage("hands.json", '{"fingers": {}, "hands": {"open": {"index": "straight"}}}'),
        edit(lambda forms: forms["wave"][0]["right"][0].update(hand="claw")),
        edit(lambda forms: forms["wave"][0]["right"][0].update(at=[1.0, 0.3])),
        edit(lambda forms: forms["wave"][0]["right"][0].pop("take")),
        edit(lambda forms: forms["wave"][0].update(right=[])),
        edit(lambda forms: forms["wave"][0].update(hands="three")),
        edit(lambda forms: forms["wave"][0].update(colour="red")),
        edit(lambda forms: forms.update(wave=3)),
    ],
)
def test_a_damaged_table_is_told_in_one_sentence(harm, tmp_path, monkeypatch):
    for name in ("forms.json", "hands.json"):
        (tmp_path / name).write_bytes((authored_table.FOLDER / name).read_bytes())
    monkeypatch.setattr(authored_table, "FOLDER", tmp_path)
    authored_table.authored.__wrapped__()
    harm(tmp_path)
    with pytest.raises(CospeechError, match=r"^The authored gestures in .* can't be read \(.*\); reinstall$"):
        authored_table.authored.__wrapped__()


def test_a_damaged_table_of_times_is_told_in_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "times.json"
    monkeypatch.setattr(authored_module, "TIMES_FILE", path)
    for text in (None, "{", '{"clips": [{"name": "x"}]}'):
        if text is not None:
            path.write_text(text, encoding="utf-8")
        with pytest.raises(CospeechError, match="can't be read"):
            authored_clips.__wrapped__()
    path.write_text('{"clips": []}', encoding="utf-8")
    with pytest.raises(CospeechError, match="not of these authored gestures"):
        authored_clips.__wrapped__()


def test_the_table_of_times_is_what_the_forms_measure(tmp_path):
    authored_module.write_times(tmp_path / "times.json")
    found = json.loads((tmp_path / "times.json").read_text(encoding="utf-8"))
    kept = json.loads(authored_module.TIMES_FILE.read_text(encoding="utf-8"))
    assert found["classes"].keys() == kept["classes"].keys()
    for old, new in zip(kept["clips"], found["clips"], strict=True):
        assert old["name"] == new["name"]
        assert np.allclose(old["landmarks"], new["landmarks"], atol=0.02), old["name"]
