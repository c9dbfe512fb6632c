"""The published metrics, with their constants and their faults (docs/sources/emage.md, section 6,
docs/sources/metrics.md, sections 1-5).

Positions are metres, 55 joints, 30 frames a second; what the published code computes wrongly is named where it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import sqrtm
from scipy.signal import argrelextrema

from engine.body.joints import PART_JOINTS
from engine.body.kinematics import steady_arctan2
from engine.body.skeleton import ASSETS

Array = NDArray[np.float64]

# The releases' (docs/sources/metrics.md, sections 1 to 5), where it is not said otherwise.
FPS = 30.0  # Hz
AUDIO_RATE, AUDIO_HOP = 16000, 512  # Hz and samples, of the onset detector
BEAT_JOINTS = PART_JOINTS["upper"]
BEAT_SIGMA = 0.3  # s; so wide that beats at random score 0.6 and more
TIGHT_SIGMA = 0.1  # s, ours
SHIFTS = (-7.0, -4.0, 4.0, 7.0)  # s by which onsets are shifted for the chance level, by eye
BEAT_ORDER = 7  # frames either side of a minimum
BEAT_SPEED = 0.10  # of a joint's mean speed
MARGIN = 60  # frames left out at both ends
REGULARISER = 1e-6  # on a covariance's diagonal
SEMANTIC_DEGREES = 4.0  # SRGR: largest sum of a joint's three Euler differences, as BEAT and SemGes call it
SEMANTIC_RADIANS = 0.1  # and the default of the same routine, which makes sense in radians alone
SEMANTIC_SCALE = 0.165  # 0..1, mean semantic score of BEAT's frames
NO_JOINT = -1  # no unit: in the place of a joint that SMPL-X lacks
# BEAT's 47 joints in its order (docs/sources/semges.md, section 1.1) as joints of SMPL-X, which has no metacarpals:
# spine, neck, upper neck; right collar, shoulder, elbow, wrist, middle, ring, little, index, thumb; the same on the
# left.
BEAT_AS_SMPLX = (3, 12, 15, 14, 17, 19, 21, 43, 44, 45, NO_JOINT, 49, 50, 51, NO_JOINT, 46, 47, 48, NO_JOINT, 40, 41,
                 42, 52, 53, 54, 13, 16, 18, 20, 28, 29, 30, NO_JOINT, 34, 35, 36, NO_JOINT, 31, 32, 33, NO_JOINT, 25,
                 26, 27, 37, 38, 39)  # fmt: skip


@cache
def mean_speeds() -> Array:
    """(55,) m/s by which BC scales each joint's speed: a statistic of BEAT2 (assets/evaluation)."""
    stored = json.loads((ASSETS / "evaluation" / "mean_speed.json").read_text(encoding="utf-8"))
    return np.array(stored["mean_speed"], dtype=np.float64)


def frechet_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Frechet distance between Gaussians fitted to features (N, D) and (M, D) (Heusel et al. 2017, section 3)."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    small = REGULARISER * np.eye(len(one))
    root = np.real(sqrtm((one + small) @ (two + small)))
    apart = a.mean(axis=0) - b.mean(axis=0)
    return float(apart @ apart + np.trace(one) + np.trace(two) - 2.0 * np.trace(root))


@dataclass
class L1Diversity:
    """Mean absolute distance from each clip's mean pose, summed over 165 coordinates; frames of all clips pooled."""

    total: float = 0.0
    frames: int = 0

    def add(self, positions: ArrayLike) -> None:
        """Take in a clip (T, 165)."""
        clip = np.asarray(positions, dtype=np.float64)
        self.total += float(np.abs(clip - clip.mean(axis=0)).sum())
        self.frames += len(clip)

    @property
    def value(self) -> float:
        """The mean over all frames so far."""
        return self.total / max(1, self.frames)


def vertex_velocity_distance(predicted: ArrayLike, target: ArrayLike) -> float:
    """LVD: mean absolute difference of the vertices' frame-to-frame movement, (T, 3V) metres each.

    The published divisor is T, not T - 1.
    """
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(target, dtype=np.float64)
    return float(np.abs(np.diff(a, axis=0) - np.diff(b, axis=0)).sum() / a.size)


def vertex_error(predicted: ArrayLike, target: ArrayLike) -> float:
    """MSE over all frames and coordinates (T, 3V), square metres."""
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(target, dtype=np.float64)
    return float(np.mean((a - b) ** 2))


def vertex_distance_2024(predicted: ArrayLike, target: ArrayLike) -> float:
    """What the 2024 code prints as LVD: mean absolute distance of the vertices (T, 3V), the first frame left out.

    It takes the same vertices off both sides of its difference along time, so no velocity is left in it.
    """
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(target, dtype=np.float64)
    return float(np.abs(a[1:] - b[1:]).mean()) if len(a) > 1 else 0.0


def euler_xyz(matrices: ArrayLike) -> Array:
    """(..., 3, 3) -> (..., 3) radians a, b, c of Rx(a) Ry(b) Rz(c), as BEAT's files hold them."""
    m = np.asarray(matrices, dtype=np.float64)
    first = steady_arctan2(-m[..., 1, 2], m[..., 2, 2]).reshape(m.shape[:-2])
    last = steady_arctan2(-m[..., 0, 1], m[..., 0, 0]).reshape(m.shape[:-2])
    return np.stack([first, np.arcsin(np.clip(m[..., 0, 2], -1.0, 1.0)), last], axis=-1)


def semantic_recall(predicted: ArrayLike, target: ArrayLike, weight: ArrayLike, threshold: float) -> float:
    """SRGR: share of joints that come near the real take's, frames weighed by their semantic score (Liu et al. 2022,
    section 5).

    Euler angles (T, J, 3) in one unit with ``threshold``, which bounds the sum of a joint's three differences;
    ``weight`` (T,). As published, angles that differ by a whole turn count as far apart.
    """
    a, b = np.asarray(predicted, dtype=np.float64), np.asarray(target, dtype=np.float64)
    near = np.abs(a - b).sum(axis=-1) < threshold
    return float((near * np.asarray(weight, dtype=np.float64)[:, None]).mean() / SEMANTIC_SCALE)


def joint_speeds(positions: ArrayLike) -> Array:
    """(T, 55) m/s of positions (T, 165): central differences, one-sided at the ends."""
    clip = np.asarray(positions, dtype=np.float64)
    velocity = np.gradient(clip, 1.0 / FPS, axis=0)
    return np.asarray(np.linalg.norm(velocity.reshape(len(clip), -1, 3), axis=-1))


def motion_beats(
    positions: ArrayLike,
    mean_speed: ArrayLike,
    span: tuple[int, int],
    *,
    published: bool = True,
    threshold: float = BEAT_SPEED,
) -> list[Array]:
    """For each of the 55 joints the frames, counted from ``span``'s first, at which it slows down to a beat.

    ``mean_speed`` (55,) m/s scales each joint. ``published``: whether a minimum is fast enough to be a beat is read
    from the whole clip at an index counted from the span's start, as the published code does; else at the minimum.
    """
    speed = joint_speeds(positions) / np.asarray(mean_speed, dtype=np.float64)
    first, end = span
    beats = []
    for joint in range(speed.shape[1]):
        found = argrelextrema(speed[first:end, joint], np.less, order=BEAT_ORDER)[0]
        read = found if published else found + first
        beats.append(found[speed[read, joint] > threshold])
    return beats


def beat_consistency(beats: list[Array], onsets: ArrayLike, sigma: float = BEAT_SIGMA) -> float:
    """BC: how near a motion beat stands to each audio onset (seconds), averaged over the upper body's joints."""
    onset_times = np.asarray(onsets, dtype=np.float64)
    if not len(onset_times):
        return 0.0
    scores = []
    for joint in BEAT_JOINTS:
        moments = beats[joint] / FPS
        if not len(moments):
            scores.append(0.0)
            continue
        nearest = np.abs(onset_times[:, None] - moments[None]).min(axis=1)
        scores.append(float(np.exp(-(nearest**2) / (2.0 * sigma**2)).mean()))
    return float(np.mean(scores))
