"""The mannequin: its data file, and its shapes as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from addon.rig.mannequin import data, head_form, make
from addon.rig.mannequin.looks import PLAIN, looks, thick
from addon.rig.skeleton import JOINTS
from addon.speakers.presets import bundled
from tests.support.mannequin_points import shaped

MM = 1e-3
FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def figure() -> data.Mannequin:
    return data.load()


@pytest.fixture(scope="module")
def made() -> dict[str, np.ndarray]:
    return make.make()


def lip_gap(figure: data.Mannequin, **amounts: float) -> np.ndarray:
    """(13,) distance of the lips' meeting line, from the middle to the corner, metres."""
    points = shaped(figure, **amounts)[figure.lips]
    return np.linalg.norm(points - points[::-1], axis=1)[: len(points) // 2 + 1]


def test_the_data_file_is_what_the_forms_make(made, figure):
    fresh = data.from_arrays(made)
    np.testing.assert_array_equal(fresh.corners, figure.corners)
    np.testing.assert_array_equal(fresh.sides, figure.sides)
    assert fresh.materials == figure.materials
    np.testing.assert_allclose(fresh.points, figure.points, atol=2e-5)
    zero = np.zeros_like(fresh.points, dtype=float)
    for name, (ids, moves) in fresh.shapes.items():
        a, b = zero.copy(), zero.copy()
        a[ids] = moves
        b[figure.shapes[name][0]] = figure.shapes[name][1]
        np.testing.assert_allclose(a, b, atol=5e-5, err_msg=name)


def test_size_and_proportions(figure):
    assert 8_000 <= len(figure.points) <= 20_000
    low, high = figure.points.min(0), figure.points.max(0)
    assert 1.70 < high[2] < 1.78
    assert abs(low[2]) < 1e-4
    assert 1.65 < high[0] - low[0] < 1.75
    feet = figure.points[figure.points[:, 2] < 1e-4]
    assert len(feet) > 100
    assert len(np.unique(np.sign(feet[:, 0]))) == 2


def test_every_shape_is_there_and_moves_something_visible(figure):
    assert list(figure.shapes) == data.names_of_shapes()
    assert len(figure.shapes) == 52
    for name, (ids, moves) in figure.shapes.items():
        assert len(ids) > 20, name
        longest = np.linalg.norm(moves, axis=1).max()
        assert 1 * MM < longest < 45 * MM, (name, longest)


def test_left_and_right_mirror_each_other(figure):
    np.testing.assert_allclose(figure.points[figure.mirror], figure.points * FLIP, atol=2e-6)
    np.testing.assert_array_equal(figure.mirror[figure.mirror], np.arange(len(figure.points)))
    for name in figure.shapes:
        other = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        if name in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
            other = {"mouthLeft": "mouthRight", "jawLeft": "jawRight"}.get(name, other)
        a, b = shaped(figure, **{name: 1.0}), shaped(figure, **{other: 1.0})
        np.testing.assert_allclose(a[figure.mirror], b * FLIP, atol=5e-6, err_msg=name)


def test_weights(figure):
    np.testing.assert_allclose(figure.shares.sum(1), 1.0, atol=1e-6)
    assert (figure.shares >= 0.0).all()
    used = {JOINTS[j] for j in np.unique(figure.bones[figure.shares > 0.0])}
    assert used == set(JOINTS) - {"jaw", "left_eye_smplhf", "right_eye_smplhf"}


def test_no_limb_hangs_on_the_wrong_bone(figure):
    strongest = np.array(JOINTS)[figure.bones[np.arange(len(figure.points)), figure.shares.argmax(1)]]
    x, z = figure.points[:, 0], figure.points[:, 2]
    side = np.where(np.char.startswith(strongest, "left_"), 1, np.where(np.char.startswith(strongest, "right_"), -1, 0))
    assert (side[x > 0.03] >= 0).all()
    assert (side[x < -0.03] <= 0).all()
    assert (strongest[z > 1.60] == "head").all()
    assert set(strongest[(z < 0.40) & (z > 0.15) & (x > 0)]) == {"left_knee"}
    assert set(strongest[(x > 0.27) & (x < 0.37)]) == {"left_shoulder"}
    assert set(strongest[(x > 0.80) & (x < 0.803) & (figure.points[:, 1] < 0.05)]) <= {"left_index1", "left_index2"}


@pytest.mark.parametrize("amount", [0.0, 0.15, 0.5, 0.8, 1.0])
def test_lips_meet_when_close_equals_open(figure, amount):
    assert lip_gap(figure, jawOpen=amount, mouthClose=amount).max() < 0.05 * MM
    assert lip_gap(figure, jawOpen=amount, mouthClose=amount, mouthPressLeft=0.4, mouthPressRight=0.4).max() < 1.5 * MM


def test_lips_that_are_closed_stay_closed_in_closed_shapes(figure):
    for name in (
        "mouthPucker",
        "mouthSmileLeft",
        "mouthFrownLeft",
        "mouthStretchLeft",
        "mouthDimpleRight",
        "mouthLeft",
    ):
        assert lip_gap(figure, **{name: 1.0}).max() < 1.5 * MM, name


def test_the_mouth_opens(figure):
    assert lip_gap(figure).max() < 0.01 * MM
    assert 20 * MM < lip_gap(figure, jawOpen=1.0)[0] < 40 * MM
    assert lip_gap(figure, jawOpen=0.5)[0] > 10 * MM
    assert lip_gap(figure, mouthFunnel=1.0)[0] > 4 * MM
    assert lip_gap(figure, mouthLowerDownLeft=1.0, mouthLowerDownRight=1.0)[0] > 4 * MM


def test_blink_shuts_the_lids_in_front_of_the_eyeball(figure):
    eye = head_form.EYE
    n = len(figure.lids)
    for amount in (0.0, 0.25, 0.5, 0.75, 1.0):
        rim = shaped(figure, eyeBlinkLeft=amount)[figure.lids]
        assert np.linalg.norm(rim - eye, axis=1).min() > head_form.EYEBALL - 0.1 * MM
    # the rim runs around the eye: a vertex of the upper lid faces the one of the lower lid at the same place along it
    k = (np.arange(n) + 3) % n
    place = np.argsort(k)
    upper, lower = rim[place[1 : n // 2]], rim[place[: n // 2 : -1]]
    assert np.linalg.norm(upper - lower, axis=1).max() < 0.2 * MM
    opened = shaped(figure)[figure.lids]
    assert np.ptp(opened[:, 2]) > 11 * MM


def test_gaze_turns_the_eyeball_by_thirty_degrees(figure):
    eye = head_form.EYE
    ids = figure.shapes["eyeLookOutLeft"][0]
    near = ids[np.abs(np.linalg.norm(figure.points[ids] - eye, axis=1) - head_form.EYEBALL) < 0.05 * MM]
    front = near[np.argmin(figure.points[near, 1])]
    for name, axis, sign in (("OutLeft", 0, 1), ("InLeft", 0, -1), ("UpLeft", 2, 1), ("DownLeft", 2, -1)):
        way = shaped(figure, **{f"eyeLook{name}": 1.0})[front] - eye
        angle = np.degrees(np.arctan2(sign * way[axis], -way[1]))
        assert angle == pytest.approx(30.0, abs=0.2), name


def test_another_rest_carries_the_figure_along(figure):
    np.testing.assert_allclose(data.fitted(figure, figure.rest).points, figure.points, atol=1e-6)
    taller = data.fitted(figure, figure.rest * 1.08)
    np.testing.assert_allclose(taller.points, figure.points * 1.08, atol=1e-5)
    longer = figure.rest.copy()
    arm = [i for i, name in enumerate(JOINTS) if name.startswith("left_") and figure.rest[i, 0] > 0.5]
    longer[arm, 0] += 0.03
    moved = data.fitted(figure, longer).points - figure.points
    hand = figure.points[:, 0] > 0.75
    np.testing.assert_allclose(moved[hand, 0], 0.03, atol=2e-4)
    assert np.abs(moved[figure.points[:, 0] < 0.1]).max() < 1e-6
    with pytest.raises(ValueError, match="55"):
        data.fitted(figure, figure.rest[:54])


def test_every_speaker_that_comes_with_cospeech_has_a_look():
    assert set(looks()) == {PLAIN, *bundled()}
    known = set(data.load().materials)
    assert all(set(look.colours) <= known and 0.85 <= look.girth <= 1.0 for look in looks().values())


def test_a_slender_figure_keeps_its_head_hands_and_feet(figure):
    slender = thick(figure, 0.9)
    moved = np.linalg.norm(slender.points - figure.points, axis=1)
    high = np.array([JOINTS.index(name) for name in ("head", "left_wrist", "right_middle1", "left_foot")])
    alone = (figure.shares * np.isin(figure.bones, high)).sum(axis=1) > 0.999
    assert alone.sum() > 500
    assert moved[alone].max() < 1e-7
    waist = np.abs(figure.points[:, 2] - 1.05) < 0.03
    trunk = waist & (np.abs(figure.points[:, 0]) < 0.25)
    assert 0.88 < np.ptp(slender.points[trunk, 0]) / np.ptp(figure.points[trunk, 0]) < 0.93
    flipped = slender.points[slender.mirror] * FLIP
    assert np.abs(flipped - slender.points).max() < 2e-4
    assert thick(figure, 1.0) is figure
