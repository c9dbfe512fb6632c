"""The metrics of the EMAGE evaluation, with its constants and its faults (emage.md section 6).

Positions are metres, 55 joints, 30 frames a second; what the published code computes wrongly is named where it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import sqrtm
from scipy.signal import argrelextrema

Array = NDArray[np.float64]

FPS = 30.0
BEAT_JOINTS = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21)
BEAT_SIGMA = 0.3
BEAT_ORDER = 7
BEAT_SPEED = 0.10
MARGIN = 60  # frames left out at both ends
REGULARISER = 1e-6


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
    heard = np.asarray(onsets, dtype=np.float64)
    if not len(heard):
        return 0.0
    scores = []
    for joint in BEAT_JOINTS:
        moments = beats[joint] / FPS
        if not len(moments):
            scores.append(0.0)
            continue
        nearest = np.abs(heard[:, None] - moments[None]).min(axis=1)
        scores.append(float(np.exp(-(nearest**2) / (2.0 * sigma**2)).mean()))
    return float(np.mean(scores))
