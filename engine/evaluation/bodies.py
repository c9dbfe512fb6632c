"""Joints and face vertices as the published evaluation poses them: on the user's SMPL-X model, else on our own body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import FACE_JOINTS, JAW
from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import ASSETS, JOINT_COUNT, default_skeleton
from engine.evaluation.pairs import Pair, Row
from engine.evaluation.published import vertex_distance_2024, vertex_error, vertex_velocity_distance

if TYPE_CHECKING:
    from engine.body.smplx_model import BodyModel

Array = NDArray[np.float64]

CHUNK = 128  # frames posed at a time, by eye
OWN_JOINTS = "joints of our own skeleton, not of the speaker's body (--smplx)"
NEEDS_MODEL = "needs the vertices of your SMPL-X model (--smplx FOLDER)"


def local_positions(motion: Motion, betas: NDArray[np.float32], model: BodyModel | None) -> Array:
    """(T, 165) metres: joints without place and turn of the root, face at rest, in a body of shape ``betas`` (300,)."""
    poses = motion.poses.astype(np.float64)
    poses[:, [0, *FACE_JOINTS]] = 0.0
    if model is None:
        points, _ = default_skeleton().forward(poses, np.zeros((motion.frames, 3)))
        return points.reshape(motion.frames, -1)
    return _posed(model, axis_angle_to_matrix(poses), betas, None, vertices=False).reshape(motion.frames, -1)


def _posed(
    model: BodyModel,
    turned: Array,
    betas: NDArray[np.float32],
    expressions: NDArray[np.float32] | None,
    *,
    vertices: bool,
) -> Array:
    import torch

    from engine.body.smplx_model import Shape

    faces = None if expressions is None else torch.from_numpy(expressions)
    shape = Shape.of(torch.from_numpy(betas), faces)
    with torch.inference_mode():
        found = (model.vertices if vertices else model.joints)(torch.from_numpy(turned.astype(np.float32)), shape)
    return np.asarray(found.numpy(), dtype=np.float64)


@dataclass
class FaceDistances:
    """LVD, its 2024 reading, and MSE of face vertices, frames of all takes pooled (docs/sources/emage.md,
    section 6)."""

    velocity: float = 0.0
    position: float = 0.0
    square: float = 0.0
    frames: int = 0
    pairs: int = 0

    def add(self, predicted: Iterator[Array], target: Iterator[Array]) -> None:
        """Take in a take's vertices (T, 3V), in pieces; a piece starts with the last frame of the one before."""
        for number, (first, second) in enumerate(zip(predicted, target, strict=True)):
            known = 0 if number == 0 else 1
            self.velocity += vertex_velocity_distance(first, second) * len(first)
            self.position += vertex_distance_2024(first, second) * (len(first) - 1)
            self.square += vertex_error(first[known:], second[known:]) * (len(first) - known)
            self.frames += len(first) - known
        self.pairs += 1

    def rows(self, tag: str, unit: str, note: str) -> list[Row]:
        """The three figures; ``tag`` goes behind their names."""
        steps = max(1, self.frames - self.pairs)
        return [
            Row(f"LVD{tag}", self.velocity / self.frames, unit, note),
            Row(f"LVD{tag} 2024", self.position / steps, unit, "as the 2024 code has it: a distance, no velocity"),
            Row(f"MSE{tag} (face)", self.square / self.frames, f"{unit}2", note),
        ]


def face_rows(pairs: list[Pair], model: BodyModel | None) -> list[Row]:
    """LVD and MSE on the vertices of the user's model; without it named as missing, beside what can be measured."""
    if model is not None:
        distances = FaceDistances()
        for pair in pairs:
            betas = pair.real.betas
            distances.add(*(_face_pieces(model, motion, betas) for motion, _ in pair.sides))
        return distances.rows("", "m", f"{model.vertex_count} vertices; published tables print 1e5 x LVD and 1e8 x MSE")
    rows = [Row("LVD", None, note=NEEDS_MODEL), Row("MSE (face)", None, note=NEEDS_MODEL)]
    return rows + _surrogate_rows(pairs)


def _face_pieces(model: BodyModel, motion: Motion, betas: NDArray[np.float32]) -> Iterator[Array]:
    turned = np.tile(np.eye(3), (motion.frames, JOINT_COUNT, 1, 1))
    turned[:, JAW] = axis_angle_to_matrix(motion.poses[:, JAW])
    for part in _pieces(motion.frames):
        found = _posed(model, turned[part], betas, motion.expressions[part], vertices=True)
        yield found.reshape(len(found), -1)


def _pieces(frames: int) -> Iterator[slice]:
    for first in range(0, frames, CHUNK):
        yield slice(max(0, first - 1), min(frames, first + CHUNK))


def _surrogate_rows(pairs: list[Pair]) -> list[Row]:
    """The same figures on our mannequin where all takes have ARKit curves, else on jaw and expression numbers."""
    distances = FaceDistances()
    if all(motion.blendshapes is not None for pair in pairs for motion, _ in pair.sides):
        for pair in pairs:
            distances.add(*(_mannequin_pieces(motion) for motion, _ in pair.sides))
        return distances.rows("-mannequin", "m", "surrogate: our mannequin's face, moved by the ARKit curves")
    if not all(motion.expressions.any() for pair in pairs for motion, _ in pair.sides):
        return []
    for pair in pairs:
        distances.add(*(_numbers(motion) for motion, _ in pair.sides))
    return distances.rows("-numbers", "", "surrogate: jaw rotation (rad) and the 100 expression numbers as they are")


def _numbers(motion: Motion) -> Iterator[Array]:
    values = np.concatenate([motion.poses[:, JAW], motion.expressions], axis=1, dtype=np.float64)
    for part in _pieces(motion.frames):
        yield values[part]


def _mannequin_pieces(motion: Motion) -> Iterator[Array]:
    assert motion.blendshapes is not None
    moves = _mannequin_moves()
    for part in _pieces(motion.frames):
        yield np.asarray(motion.blendshapes[part].astype(np.float64) @ moves)


@cache
def _mannequin_moves() -> Array:
    """(52, 3V) metres: how each ARKit shape moves the coordinates of those mannequin points that any shape moves."""
    with np.load(ASSETS / "mannequin" / "mannequin.npz", allow_pickle=False) as data:
        ids, moves, counts = data["shape_ids"].astype(np.int64), data["shape_moves"], data["shape_counts"]
    points, places = np.unique(ids, return_inverse=True)
    out = np.zeros((len(counts), len(points), 3))
    out[np.repeat(np.arange(len(counts)), counts), places] = moves
    return out.reshape(len(counts), -1)
