"""Curves that ease a value: the minimum-jerk step, the smooth step, and limits that bend instead of breaking.

The minimum-jerk step stands here three times: forms that are equal on paper round otherwise, and a take that is made
again shall have the same bytes. Face, gestures and body life keep each to their own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def minimum_jerk(phase: ArrayLike) -> Array:
    """0 at and below phase 0, 1 at and above 1, C2 between (Flash and Hogan 1985), multiplied out: the face's form."""
    u = _unit(phase)
    return np.asarray(u * u * u * (10.0 + u * (6.0 * u - 15.0)), dtype=np.float64)


def minimum_jerk_power(phase: ArrayLike) -> Array:
    """:func:`minimum_jerk` with a power in front: the form of gestures and of feet between two borders."""
    u = _unit(phase)
    return np.asarray(u**3 * (10.0 + u * (6.0 * u - 15.0)), dtype=np.float64)


def minimum_jerk_terms(phase: ArrayLike) -> Array:
    """:func:`minimum_jerk` term by term: the form of body life."""
    u = _unit(phase)
    return np.asarray(u**3 * (10.0 - 15.0 * u + 6.0 * u**2), dtype=np.float64)


def smooth_step(way: Array) -> Array:
    """From 0 to 1 for ``way`` in 0..1, C1 at both ends."""
    return np.asarray(way * way * (3.0 - 2.0 * way), dtype=np.float64)


def soft_clamp(values: Array, low: Array | float, high: Array | float, soft: float) -> Array:
    """Identity within [low, high]; beyond, C1 and saturating ``soft`` further on."""
    over, under = np.maximum(values - high, 0.0), np.maximum(low - values, 0.0)
    bent = np.where(over > 0.0, high + soft * (1.0 - np.exp(-over / soft)), values)
    return np.where(under > 0.0, low - soft * (1.0 - np.exp(-under / soft)), bent)


def soft_over(over: Array, room: float) -> Array:
    """What is over a border (0 where nothing is), C1 from zero on: it gets going within ``room``."""
    return np.asarray(over - room * (1.0 - np.exp(-over / room)), dtype=np.float64)


def saturated(values: Array, most: Array | float) -> Array:
    """Values that start with slope one and never get past ``most`` on either side."""
    return np.asarray(most * np.tanh(values / most), dtype=np.float64)


def _unit(phase: ArrayLike) -> Array:
    return np.clip(np.asarray(phase, dtype=np.float64), 0.0, 1.0)
