"""ARKit curves as the expression and jaw of the user's own SMPL-X model: least squares on its own shapes.

Where each ARKit shape takes 51 landmarks of a face is read from our mannequin (assets/mannequin/landmarks.npz). The
model's file names the same landmarks on its own mesh, so each shape becomes the expression coefficients that move the
model's landmarks likewise, by ridge regression (docs/sources/lipsync.md, section 4); shapes of the jaw turn the jaw
first. The result is one matrix; the distances between the lips, which closures live from, weigh most.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import JAW
from engine.body.motion import EXPRESSION_COUNT, Motion, arkit_names
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import ASSETS, JOINT_COUNT
from engine.errors import CospeechError

if TYPE_CHECKING:
    from engine.hints.types import Hints

Array = NDArray[np.float64]

LANDMARKS = 51  # of the face in SMPL-X's file
# Landmarks in the order of that file (68-point markup without the jaw's line); the inner lips facing each other.
UPPER_INNER, LOWER_INNER = (44, 45, 46), (50, 49, 48)
BROWS, NOSE, EYES, MOUTH = slice(0, 10), slice(10, 19), slice(19, 31), slice(31, 51)
# By eye, where no source is named.
WEIGHTS = ((BROWS, 1.0), (NOSE, 0.5), (EYES, 0.8), (MOUTH, 1.5))  # no unit
GAP_WEIGHT = 5.0  # no unit, of the distances between the lips
MM = 1e-3  # m
RIDGE = 0.35  # an expression of one standard deviation costs as much as so many squared millimetres
JAW_RIDGE = 20.0  # the same for one radian
TURN = 0.1  # rad by which the jaw is turned to see what it moves
MOST_EXPRESSION = 4.0  # standard deviations; beyond them the model's shapes mean nothing
MOST_JAW = 0.5  # rad, twice a wide opening (docs/sources/lipsync.md, section 4)


@dataclass(frozen=True, eq=False)
class ExpressionMap:
    """``matrix`` (52, 103): what each ARKit weight adds to the 100 expression coefficients and the jaw's axis-angle."""

    matrix: Array

    def expressions(self, curves: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Expression (T, 100) and jaw axis-angle (T, 3), radians, of ARKit curves (T, 52)."""
        found = np.asarray(curves, dtype=np.float64) @ self.matrix
        expression = np.clip(found[:, :EXPRESSION_COUNT], -MOST_EXPRESSION, MOST_EXPRESSION)
        jaw = np.clip(found[:, EXPRESSION_COUNT:], -MOST_JAW, MOST_JAW)
        return expression.astype(np.float32), jaw.astype(np.float32)


def check_smplx(path: str) -> None:
    """CospeechError where the model can't be used: missing, damaged, of another kind, or without landmarks."""
    expression_map(path)


def expression_map(path: str) -> ExpressionMap:
    """The map for a model file, or the folder that holds it; solved once for every version of the file."""
    from engine.body.smplx_model import find_body_model

    file = find_body_model(Path(path).expanduser())
    return _solved(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _solved(file: Path, _written: int) -> ExpressionMap:
    from engine.body.smplx_model import load_body_model

    model = load_body_model(file)
    faces, shares = _landmarks(file, len(model.faces))
    corners = model.faces.numpy()[faces]  # (51, 3) vertices

    def on_landmarks(values: Array) -> Array:
        """(..., V, 3) -> (..., 51, 3)."""
        return np.asarray(np.einsum("...lcd,lc->...ld", values[..., corners, :], shares))

    own = on_landmarks(model.template.numpy().astype(np.float64))
    directions = model.shapes.numpy().astype(np.float64)[..., -EXPRESSION_COUNT:]
    moved = on_landmarks(np.moveaxis(directions, -1, 0))  # (100, 51, 3)
    return ExpressionMap(solve(own, np.concatenate([moved, on_landmarks(_jaw_moves(model))])))


def _jaw_moves(model: Any) -> Array:
    """(3, V, 3) metres a radian: what a turn of the jaw about each axis moves."""
    import torch

    from engine.body.smplx_model import Shape

    turns = np.zeros((6, JOINT_COUNT, 3))
    turns[:3, JAW], turns[3:, JAW] = TURN * np.eye(3), -TURN * np.eye(3)
    still = Shape(torch.zeros((1, 300)), torch.zeros((1, EXPRESSION_COUNT)))
    with torch.inference_mode():
        posed = model.vertices(torch.from_numpy(axis_angle_to_matrix(turns)).float(), still).numpy().astype(np.float64)
    return np.asarray((posed[:3] - posed[3:]) / (2.0 * TURN))


def _landmarks(file: Path, faces: int) -> tuple[NDArray[np.int64], Array]:
    """Triangle (51,) and barycentric shares (51, 3) of the model's static landmarks."""
    try:
        with np.load(file, allow_pickle=False) as data:
            triangles, shares = data["lmk_faces_idx"].astype(np.int64), data["lmk_bary_coords"].astype(np.float64)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise CospeechError(
            f"{file.name} holds no face landmarks (lmk_faces_idx, lmk_bary_coords); get it from its project again"
        ) from error
    fits = triangles.shape == (LANDMARKS,) and shares.shape == (LANDMARKS, 3) and np.isfinite(shares).all()
    if not fits or triangles.min() < 0 or triangles.max() >= faces:
        raise CospeechError(f"{file.name} has other face landmarks than SMPL-X; get the model from its project again")
    return triangles, shares


def solve(own: Array, moved: Array) -> Array:
    """The matrix (52, K): coefficients that move a face with landmarks ``own`` (51, 3) as each ARKit shape does.

    ``moved`` (K, 51, 3): what one unit of each coefficient moves, the jaw's three last. CospeechError where the
    landmarks are no face.
    """
    with np.load(ASSETS / "mannequin" / "landmarks.npz", allow_pickle=False) as data:
        rest, moves = data["rest"].astype(np.float64), data["moves"].astype(np.float64)
    scale, turn = _similarity(rest, own)
    left, right = _rows(moved), _rows(scale * moves @ turn.T)  # (rows, K), (rows, 52)
    out = np.zeros((len(moves), len(moved)))
    opens = [index for index, name in enumerate(arkit_names()) if name.startswith("jaw")]
    # First the jaw alone: expressions could part the lips too, and the chin would stay.
    out[opens, -3:] = _ridge(left[:, -3:], right[:, opens], JAW_RIDGE)
    out[:, :-3] = _ridge(left[:, :-3], right - left[:, -3:] @ out[:, -3:].T, RIDGE)
    return out


def _ridge(columns: Array, wanted: Array, cost: float) -> Array:
    """(N, K) coefficients of ``columns`` (rows, K) that come nearest to each of ``wanted`` (rows, N)."""
    normal = columns.T @ columns + cost * np.eye(columns.shape[1])
    return np.asarray(np.linalg.solve(normal, columns.T @ wanted).T)


def _rows(moves: Array) -> Array:
    """Weighted millimetres (rows, N) of displacements (N, 51, 3): each landmark, and the lips against each other."""
    weight = np.zeros(LANDMARKS)
    for part, value in WEIGHTS:
        weight[part] = value
    gaps = moves[:, list(UPPER_INNER)] - moves[:, list(LOWER_INNER)]
    both = np.concatenate([moves * weight[:, None], gaps * GAP_WEIGHT], axis=1) / MM
    return np.asarray(both.reshape(len(moves), -1).T)


def _similarity(rest: Array, own: Array) -> tuple[float, Array]:
    """Scale and rotation (3, 3) that bring the landmarks ``rest`` to ``own`` (Umeyama 1991)."""
    a, b = rest - rest.mean(axis=0), own - own.mean(axis=0)
    left, size, right = np.linalg.svd(b.T @ a)
    if size[1] < 1e-3 * size[0] or (b**2).sum() < 1e-8:
        raise CospeechError("The model's face landmarks lie in one place; get the SMPL-X model from its project again")
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return float((size * sign).sum() / (a**2).sum()), np.asarray((left * sign) @ right)


def with_expressions(motion: Motion, path: str, hints: Hints | None = None) -> Motion:
    """The take with expression and jaw of its ARKit curves. With hints only in their window, and not on pinned jaws."""
    if motion.blendshapes is None:
        return motion
    expression, jaw = expression_map(path).expressions(motion.blendshapes)
    poses, expressions = motion.poses.copy(), motion.expressions.copy()
    rows = np.ones(motion.frames, np.bool_)
    if hints is not None:
        rows[:] = False
        rows[slice(*hints.window)] = hints.free_face
    expressions[rows] = expression[rows]
    if hints is not None:
        rows &= ~hints.rotation_mask[:, JAW]
        rows &= bool(hints.free_joints[JAW])
    poses[rows, JAW] = jaw[rows]
    return replace(motion, poses=poses, expressions=expressions)
