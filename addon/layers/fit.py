"""Cubic curves through a few of many samples, for hundreds of channels at once. numpy only, no bpy.

Between two keys a curve is the cubic that a Bezier segment of F-curves is when its handles reach a third of the way.
The values at the keys are those of the samples; the slopes are the least-squares ones over all samples between.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..rig.convert import Array, Flags

PRIOR = 1e-2  # weight of the samples' own slope at a key, of samples, by eye: for keys with few samples around them


def fit(values: Array, keys: Flags) -> tuple[Array, Array]:
    """Curves through ``values`` (C, T) at ``keys`` (C, T), where the first and the last frame of each channel are.

    Returns the curves on all frames (C, T), and their slopes at the keys, a frame, zero elsewhere (C, T).
    """
    flat, marks = values.ravel(), keys.ravel()
    places = np.flatnonzero(marks)
    length = np.diff(places, append=places[-1:] + 1).astype(np.float64)
    segment = np.cumsum(marks) - 1
    inner = np.flatnonzero(~marks)
    found = flat.copy()
    slopes = np.zeros(flat.size)
    prior = np.gradient(values, axis=1).ravel()[places] if values.shape[1] > 1 else np.zeros(len(places))
    if not len(inner):
        slopes[places] = prior
        return found.reshape(values.shape), slopes.reshape(values.shape)
    owner = segment[inner]
    along = length[owner]
    u = (inner - places[owner]) / along
    start = flat[places]
    rise = np.append(np.diff(start), 0.0)
    leave, arrive = u * (1.0 - u) ** 2, u * u * (u - 1.0)
    line = start[owner] + u * u * (3.0 - 2.0 * u) * rise[owner]
    rest = (flat[inner] - line) * along
    count = len(places)
    at_start = np.bincount(owner, leave * rest, count)
    at_end = np.bincount(owner, arrive * rest, count)
    square, cross = _products(1 << int(length.max()).bit_length())
    rows = length.astype(int)
    diagonal = square[rows]
    diagonal[1:] += square[rows[:-1]]
    right = at_start
    right[1:] += at_end[:-1]
    between = cross[rows]
    between[-1] = 0.0
    m = _tridiagonal(diagonal + PRIOR, between, right + PRIOR * prior, int(keys.sum(axis=1).max()))
    slopes[places] = m
    following = np.append(m[1:], 0.0)
    found[inner] = line + along * (leave * m[owner] + arrive * following[owner])
    return found.reshape(values.shape), slopes.reshape(values.shape)


@lru_cache(maxsize=32)
def _products(longest: int) -> tuple[Array, Array]:
    """For segments of 0..longest frames: the sums over their inner frames of what the two slopes do there, squared and
    crossed.
    """
    square, cross = np.zeros(longest + 1), np.zeros(longest + 1)
    for frames in range(2, longest + 1):
        u = np.arange(1, frames) / frames
        leave, arrive = frames * u * (1.0 - u) ** 2, frames * u * u * (u - 1.0)
        square[frames], cross[frames] = leave @ leave, leave @ arrive
    return square, cross


def _tridiagonal(diagonal: Array, between: Array, right: Array, longest: int) -> Array:
    """Solve symmetric, diagonally dominant systems in a row: ``between`` (n,) couples each unknown with the next one,
    and no more than ``longest`` are coupled. Cyclic reduction: every step halves the coupling for all at once.
    """
    above = between.copy()
    below = np.concatenate([[0.0], between[:-1]])
    middle, known = diagonal.copy(), right.copy()
    step = 1
    while step < longest:
        low = np.zeros_like(below)
        high = np.zeros_like(above)
        low[step:] = -below[step:] / middle[:-step]
        high[:-step] = -above[:-step] / middle[step:]
        new_middle, new_known = middle.copy(), known.copy()
        new_below, new_above = np.zeros_like(below), np.zeros_like(above)
        new_middle[step:] += low[step:] * above[:-step]
        new_middle[:-step] += high[:-step] * below[step:]
        new_known[step:] += low[step:] * known[:-step]
        new_known[:-step] += high[:-step] * known[step:]
        new_below[step:] = low[step:] * below[:-step]
        new_above[:-step] = high[:-step] * above[step:]
        below, above, middle, known = new_below, new_above, new_middle, new_known
        step *= 2
    out: Array = known / middle
    return out
