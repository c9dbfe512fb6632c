"""Metrics of what pins do to motion. Metres, seconds, float64; tracks are world points (T, N, 3)."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.hints.types import Target

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def velocity_steps(tracks: ArrayLike, fps: float) -> Array:
    """(T,) m/s: how much the velocity of the fastest changing track changes on each frame.

    The second difference |p(i+1) - 2 p(i) + p(i-1)| x fps, largest over the tracks; 0 on the first and last frame.
    """
    points = np.asarray(tracks, dtype=np.float64)
    steps = np.zeros(len(points))
    if len(points) > 2:
        steps[1:-1] = np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1).max(axis=-1) * fps
    return steps


def target_residuals(points: ArrayLike, targets: tuple[Target, ...]) -> Array:
    """(N,) millimetres from each target to its joint, from world joints (T, 55, 3)."""
    world = np.asarray(points, dtype=np.float64)
    found = [np.linalg.norm(world[target.frame, target.joint] - np.asarray(target.xyz)) for target in targets]
    return np.asarray(found, dtype=np.float64) * 1000.0


def diversity(clips: list[Array], chosen: Flags) -> float:
    """Metres: mean L1 distance of a point between two clips (T, N, 3) of a set, over all pairs and ``chosen`` frames.

    0 where there is one clip or no chosen frame.
    """
    if len(clips) < 2 or not chosen.any():
        return 0.0
    pairs = [np.abs(a[chosen] - b[chosen]).sum(axis=-1).mean() for a, b in combinations(clips, 2)]
    return float(np.mean(pairs))


def changed_bytes_outside(first: Array | ArrayLike, second: ArrayLike, window: tuple[int, int]) -> int:
    """How many bytes differ between two arrays (T, ...) on frames outside ``window`` (end exclusive)."""
    a, b = np.ascontiguousarray(first), np.ascontiguousarray(second)
    if a.shape != b.shape or a.dtype != b.dtype:
        return max(a.nbytes, b.nbytes)
    outside = np.ones(len(a), dtype=np.bool_)
    outside[window[0] : window[1]] = False
    one, two = np.ascontiguousarray(a[outside]), np.ascontiguousarray(b[outside])
    return int(np.count_nonzero(one.view(np.uint8) != two.view(np.uint8)))
