"""ARKit curves as expression and jaw of a body model file, made by rule with a face of landmarks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.body.motion import Motion, arkit_names
from engine.body.skeleton import ASSETS, default_skeleton
from engine.errors import CospeechError
from engine.face.expressions import (
    JAW,
    LOWER_INNER,
    UPPER_INNER,
    ExpressionMap,
    expression_map,
    solve,
    with_expressions,
)
from engine.hints.types import Hints
from engine.take.options import TakeOptions
from tests.support.small_smplx import COUNT, NAME, small_arrays

WIDER = 1.08  # the model's face against our mannequin's
TRIANGLE = 1e-4 * np.array([[1.0, 0.0, 0.0], [-0.5, 1.0, 0.0], [-0.5, -1.0, 0.0]])
LOWER = (*range(31 + 7, 31 + 12), *LOWER_INNER)  # of the mouth's landmarks those that go with the jaw


@cache
def face() -> tuple[np.ndarray, np.ndarray]:
    with np.load(ASSETS / "mannequin" / "landmarks.npz") as data:
        return data["rest"].astype(np.float64), data["moves"].astype(np.float64)


def arrays() -> dict[str, np.ndarray]:
    """The small body with a small triangle at each landmark. Its expressions are random mixtures of thirty of the
    shapes, without those of the jaw, and noise; the lower lip goes with the jaw."""
    rest, moves = face()
    rng = np.random.default_rng(4)
    found = small_arrays()
    skeleton = default_skeleton()
    jaw = skeleton.rest[JAW]
    place = jaw + WIDER * (rest - [0.0, skeleton.standing_height, 0.0] - jaw)
    more = (place[:, None] + TRIANGLE).reshape(-1, 3)
    weights = np.zeros((len(more), 55))
    owner = np.where(np.isin(np.arange(51), LOWER), JAW, 15)
    weights[np.arange(len(more)), np.repeat(owner, 3)] = 1.0
    shapes = np.zeros((len(more), 3, 400))
    used = [i for i, name in enumerate(arkit_names()) if not name.startswith("jaw")]
    mixed = np.einsum("ek,klc->elc", rng.normal(0.0, 0.4, (100, len(used))), moves[used]) + rng.normal(
        0, 5e-5, (100, 51, 3)
    )
    shapes[:, :, 300:] = np.repeat(WIDER * mixed.transpose(1, 2, 0), 3, axis=0)
    count = COUNT + len(more)
    return {
        **found,
        "v_template": np.concatenate([found["v_template"], more]),
        "shapedirs": np.concatenate([found["shapedirs"], shapes]),
        "posedirs": np.concatenate([found["posedirs"], np.zeros((len(more), 3, 486))]),
        "J_regressor": np.pad(found["J_regressor"], ((0, 0), (0, len(more)))),
        "weights": np.concatenate([found["weights"], weights]),
        "f": np.arange(COUNT, count).reshape(-1, 3).astype(np.uint32),
        "lmk_faces_idx": np.arange(51),
        "lmk_bary_coords": np.full((51, 3), 1.0 / 3.0),
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smplx")
    np.savez(folder / NAME, **arrays())
    return folder


def moved(model: Path, **weights: float) -> np.ndarray:
    """Displacement (51, 3), metres, of the model's landmarks under ARKit weights, posed by the model itself."""
    import torch

    from engine.body.rotations import axis_angle_to_matrix
    from engine.body.smplx_model import Shape, load_body_model

    curves = np.zeros((1, 52))
    for name, value in weights.items():
        curves[0, arkit_names().index(name)] = value
    expression, jaw = expression_map(str(model)).expressions(curves)
    body = load_body_model(model)
    pose = np.zeros((1, 55, 3))
    pose[:, JAW] = jaw
    rotations = torch.from_numpy(axis_angle_to_matrix(pose)).float()
    shape = Shape(torch.zeros((1, 300)), torch.from_numpy(expression))
    placed = body.vertices(rotations, shape)[0].numpy()[COUNT:].reshape(51, 3, 3).mean(axis=1)
    return placed - body.template.numpy()[COUNT:].reshape(51, 3, 3).mean(axis=1)


def gap(displacement: np.ndarray) -> float:
    return float((displacement[list(UPPER_INNER)] - displacement[list(LOWER_INNER)])[:, 1].mean())


def test_an_open_jaw_turns_the_jaw_and_parts_the_lips(model: Path) -> None:
    _, moves = face()
    _, jaw = expression_map(str(model)).expressions(np.eye(52)[[arkit_names().index("jawOpen")]])
    assert 0.12 < jaw[0, 0] <= 0.5
    assert np.abs(jaw[0, 1:]).max() < 0.02
    wanted = WIDER * gap(moves[arkit_names().index("jawOpen")])
    assert gap(moved(model, jawOpen=1.0)) == pytest.approx(wanted, rel=0.2)


@pytest.mark.parametrize("opening", [0.06, 0.14, 0.4])
def test_lips_that_meet_on_our_mesh_meet_on_the_model(model: Path, opening: float) -> None:
    assert abs(gap(moved(model, jawOpen=opening, mouthClose=opening))) < 0.0012
    assert gap(moved(model, jawOpen=opening)) > 0.015 * opening


@pytest.mark.parametrize("name", ["mouthSmileLeft", "browDownRight", "mouthPucker", "eyeBlinkLeft", "mouthFunnel"])
def test_shapes_move_the_landmarks_as_ours_do(model: Path, name: str) -> None:
    wanted = WIDER * face()[1][arkit_names().index(name)]
    found = moved(model, **{name: 1.0})
    assert np.abs(found - wanted).max() < 0.25 * np.abs(wanted).max()


def test_left_and_right_stay_apart(model: Path) -> None:
    left, right = (np.linalg.norm(moved(model, **{f"mouthSmile{side}": 1.0}), axis=1) for side in ("Left", "Right"))
    assert left[31 + 6] > 5.0 * right[31 + 6]
    assert right[31] > 5.0 * left[31]


def test_coefficients_are_bounded(model: Path) -> None:
    expression, jaw = expression_map(str(model)).expressions(np.ones((2, 52)))
    assert np.abs(expression).max() <= 4.0
    assert np.abs(jaw).max() <= 0.5
    assert expression.shape == (2, 100)
    assert ExpressionMap(np.zeros((52, 103))).expressions(np.ones((3, 52)))[0].max() == 0.0


def take(frames: int = 8) -> Motion:
    curves = np.zeros((frames, 52), np.float32)
    curves[:, arkit_names().index("jawOpen")] = np.linspace(0.1, 0.6, frames)
    return Motion(np.zeros((frames, 55, 3), np.float32), np.zeros((frames, 3), np.float32), 30.0, blendshapes=curves)


def test_the_take_gets_expression_and_jaw_and_hints_keep_theirs(model: Path) -> None:
    base = take()
    whole = with_expressions(base, str(model))
    assert (np.diff(whole.poses[:, JAW, 0]) > 0.0).all()
    assert np.abs(whole.expressions).max() > 0.0
    assert np.abs(np.delete(whole.poses, JAW, axis=1)).max() == 0.0
    pinned = np.zeros((8, 55), np.bool_)
    pinned[4, JAW] = True
    hints = Hints(base, window=(2, 6), rotations=base.poses, rotation_mask=pinned)
    part = with_expressions(base, str(model), hints)
    changed = np.flatnonzero(np.abs(part.poses[:, JAW]).max(axis=1))
    assert changed.tolist() == [2, 3, 5]
    np.testing.assert_array_equal(part.expressions[2:6], whole.expressions[2:6])
    assert np.abs(part.expressions[[0, 1, 6, 7]]).max() == 0.0


def test_unfit_models_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CospeechError, match="There is no folder"):
        TakeOptions(audio="a.wav", smplx=str(tmp_path / "nowhere")).checked()
    made = arrays()
    np.savez(tmp_path / NAME, **{name: values for name, values in made.items() if name != "lmk_faces_idx"})
    with pytest.raises(CospeechError, match="holds no face landmarks"):
        expression_map(str(tmp_path))
    np.savez(tmp_path / NAME, **{**made, "lmk_faces_idx": np.arange(51) + 10**6})
    with pytest.raises(CospeechError, match="has other face landmarks than SMPL-X"):
        expression_map(str(tmp_path))
    with pytest.raises(CospeechError, match="lie in one place"):
        solve(np.zeros((51, 3)), np.zeros((103, 51, 3)))
