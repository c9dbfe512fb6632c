"""Frechet distances that need no published weights (docs/sources/metrics.md, section 1), and never to be read as the
published one.

FGD-kin compares how hands, elbows and head move in windows of a second. FGD-PCA compares whole windows of joint
rotations, fingers included, and says little of jitter. MMD-kin is a second number on FGD-kin's features, without bias
where takes are few (Gretton et al. 2012, equation 3, with the kernel of Sejdinovic et al. 2013, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import FACE_JOINTS
from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix, matrix_to_6d
from engine.evaluation.bodies import local_positions
from engine.evaluation.pairs import Row
from engine.evaluation.published import FPS, frechet_distance

Array = NDArray[np.float64]

# Ours (docs/sources/metrics.md, section 1), by eye where that page says nothing.
KINETIC_WINDOW, KINETIC_STRIDE = 30, 15  # frames
STILL_SPEED = 0.05  # m/s
BANDS_HZ = ((0.5, 2.0), (2.0, 5.0), (5.0, 15.0))
POSE_WINDOW, POSE_STRIDE = 32, 16  # frames
DIMENSIONS = 64  # principal components at most
ROWS_A_DIMENSION = 4  # fewer, and the covariance is noise
SPREAD = 1e-3  # entries of rotation matrices that vary less are not blown up
SMALL = 1e-6  # no unit, keeps what is divided by from zero


def kinetic_features(positions: Array) -> Array:
    """(windows, 17) from joints (T, 165): speed of wrists (mean and spread), elbows and head, height of the wrists and
    distance between them, extent of the hands' space, share of still frames, and the wrists' motion in three bands."""
    points = positions.reshape(len(positions), -1, 3)
    speed = np.linalg.norm(np.gradient(points, 1.0 / FPS, axis=0), axis=-1)
    rows = []
    for start in range(0, len(points) - KINETIC_WINDOW + 1, KINETIC_STRIDE):
        part = slice(start, start + KINETIC_WINDOW)
        hands, pace = points[part][:, [20, 21]], speed[part]
        rows.append(
            [
                *pace[:, [20, 21]].mean(axis=0),
                *pace[:, [20, 21]].std(axis=0),
                pace[:, [18, 19]].mean(),
                pace[:, 15].mean(),
                *hands[..., 1].mean(axis=0),
                np.linalg.norm(hands[:, 0] - hands[:, 1], axis=-1).mean(),
                np.ptp(hands, axis=0).max(),
                float((pace[:, [20, 21]] < STILL_SPEED).mean()),
                *_band_levels(hands).ravel(),
            ]
        )
    return np.array(rows).reshape(-1, 11 + 2 * len(BANDS_HZ))


def _band_levels(hands: Array) -> Array:
    """(2, bands): log of each wrist's root mean square motion (mm) in a band, from places (T, 2, 3)."""
    window = np.hanning(len(hands))[:, None, None]
    power = (np.abs(np.fft.rfft((hands - hands.mean(axis=0)) * window, axis=0)) ** 2).sum(axis=-1) / len(hands) ** 2
    hertz = np.fft.rfftfreq(len(hands), 1.0 / FPS)
    levels = [power[(hertz >= low) & (hertz < high)].sum(axis=0) for low, high in BANDS_HZ]
    millimetres = 1000.0 * np.sqrt(np.stack(levels, axis=-1))
    return np.asarray(np.log(millimetres + 0.1))


def pose_windows(motion: Motion) -> Array:
    """(windows, 32 x 306): 6D rotations of all joints but root, jaw and eyes."""
    poses = np.delete(motion.poses, (0, *FACE_JOINTS), axis=1)
    six = matrix_to_6d(axis_angle_to_matrix(poses)).reshape(motion.frames, -1)
    starts = range(0, motion.frames - POSE_WINDOW + 1, POSE_STRIDE)
    out = np.zeros((len(starts), POSE_WINDOW * six.shape[1]))
    for row, start in enumerate(starts):
        out[row] = six[start : start + POSE_WINDOW].ravel()
    return out


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal components of real windows: ``mean`` and ``scale`` (D,), ``axes`` (D, k)."""

    mean: Array
    scale: Array
    axes: Array

    @staticmethod
    def fitted(windows: Array) -> Projection:
        """The first components of (N, D) z-scored windows: DIMENSIONS, or as many as N rows can carry."""
        mean, scale = windows.mean(axis=0), np.maximum(windows.std(axis=0), SPREAD)
        scored = (windows - mean) / scale
        values, vectors = np.linalg.eigh(scored @ scored.T)
        count = min(DIMENSIONS, len(windows) // ROWS_A_DIMENSION)
        first = np.argsort(values)[::-1][:count]
        lengths = np.sqrt(np.maximum(values[first], SMALL))
        axes = np.asarray(scored.T @ vectors[:, first] / lengths)
        return Projection(mean, scale, axes)

    def __call__(self, windows: Array) -> Array:
        """(N, D) -> (N, k), in units of a real window's whole spread: real takes vary by 1 in all."""
        scored = (windows - self.mean) / self.scale / np.sqrt(windows.shape[1])
        return np.asarray(scored @ self.axes)


def discrepancy(first: Array, second: Array) -> float:
    """Unbiased squared maximum mean discrepancy of (N, D) and (M, D) with the distance as kernel.

    2 E|x - y| - E|x - x'| - E|y - y'|: about 0, on either side, where the two can't be told apart. A Gaussian kernel
    saturates: it called 5 degrees of jitter nearer to the real takes than 1 degree.
    """

    def apart(a: Array, b: Array) -> Array:
        squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2.0 * a @ b.T
        return np.asarray(np.sqrt(np.maximum(squares, 0.0)))

    def within(rows: Array) -> float:
        return float(apart(rows, rows)[~np.eye(len(rows), dtype=np.bool_)].mean())

    return 2.0 * float(apart(first, second).mean()) - within(first) - within(second)


def surrogate_rows(predicted: list[Motion], real: list[Motion]) -> list[Row]:
    """Rows of the surrogates for generated and real takes at 30 frames a second, each beside what real takes score
    against each other: the first half of the real takes' windows against the second."""
    return _kinetic_rows(predicted, real) + _pose_rows(predicted, real)


def _kinetic_rows(predicted: list[Motion], real: list[Motion]) -> list[Row]:
    first, second = (
        np.concatenate([kinetic_features(local_positions(motion, motion.betas, None)) for motion in side])
        for side in (predicted, real)
    )
    if len(first) < 2 or len(second) < 4:
        return [Row(name, None, note="needs longer takes") for name in ("FGD-kin", "MMD-kin")]
    scale = second.std(axis=0) + SMALL
    first, second = first / scale, second / scale
    half = len(second) // 2
    mixed = discrepancy(second[:half], second[half:])
    rows = [
        Row("MMD-kin", discrepancy(first, second), note="surrogate, on FGD-kin's features; 0: the same"),
        Row("MMD-kin real/real", mixed, note="half against half: the floor"),
    ]
    if min(len(first), half) <= second.shape[1]:
        return [Row("FGD-kin", None, note="needs more seconds of takes"), *rows]
    floor = frechet_distance(second[:half], second[half:])
    return [
        Row("FGD-kin", frechet_distance(first, second), note="surrogate, hand-made features of a second"),
        Row("FGD-kin real/real", floor, note="half against half: the floor"),
        *rows,
    ]


def _pose_rows(predicted: list[Motion], real: list[Motion]) -> list[Row]:
    first, second = (np.concatenate([pose_windows(motion) for motion in side]) for side in (predicted, real))
    if min(len(first), len(second)) < 4 * ROWS_A_DIMENSION:
        return [Row("FGD-PCA", None, note="needs more seconds of takes")]
    project = Projection.fitted(second)
    one, two = project(first), project(second)
    note = f"surrogate, {two.shape[1]} principal components of 32 frames of the real takes"
    half = len(two) // 2
    floor = frechet_distance(two[:half], two[half:])
    return [
        Row("FGD-PCA", frechet_distance(one, two), note=note),
        Row("FGD-PCA real/real", floor, note="half against half: the floor"),
    ]
