"""How far the lips are apart, as a model of ARKit channels.

The convention is ARKit's, and our mannequin's mesh follows it: ``jawOpen`` opens the jaw with the lips apart;
``mouthClose`` brings the lips together against an open jaw, so that they meet where it equals ``jawOpen``;
``mouthUpperUp``, ``mouthLowerDown``, ``mouthFunnel`` and ``mouthStretch`` part the lips; ``mouthPress``, ``mouthRoll``
and ``mouthPucker`` do not. Gaps are in units of the opening that ``jawOpen`` = 1 gives.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import arkit_names

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

# What channels at 1 part the lips by, in units of the opening, by eye on the mannequin's mesh.
UPPER_UP = 0.25
LOWER_DOWN = 0.30
FUNNEL = 0.40
STRETCH = 0.12


@cache
def column(name: str) -> int:
    """Column of an ARKit channel in our arrays."""
    return arkit_names().index(name)


def pair(curves: Floats, name: str) -> Array:
    """Mean of a left and right channel (T,) of curves (T, 52)."""
    left, right = curves[:, column(f"{name}Left")], curves[:, column(f"{name}Right")]
    return np.asarray((left.astype(np.float64) + right) * 0.5, dtype=np.float64)


def lip_gap(curves: Floats) -> Array:
    """Opening between the lips (T,) of ARKit curves (T, 52); 0 or less is closed."""
    jaw = curves[:, column("jawOpen")].astype(np.float64) - curves[:, column("mouthClose")]
    return np.asarray(
        jaw
        + UPPER_UP * pair(curves, "mouthUpperUp")
        + LOWER_DOWN * pair(curves, "mouthLowerDown")
        + FUNNEL * curves[:, column("mouthFunnel")]
        + STRETCH * pair(curves, "mouthStretch"),
        dtype=np.float64,
    )
