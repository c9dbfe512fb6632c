"""What the lips do, as a model of ARKit channels: when they touch, and when the lower lip touches the upper teeth.

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
# mouthRollLower, measured on the mannequin's mesh (build.py bench --face) where it is not said otherwise.
ROLL_NEEDED = 0.79  # brings the lower lip to the upper teeth behind a nearly closed jaw
ROLL_FREE = 0.06  # the opening up to which that is enough
ROLL_PER_OPENING = 2.0  # more roll for a wider opening, a unit of it
ROLL_GAP = 0.26  # of a whole roll, by eye

# In units of the opening, by eye.
CLOSED = 1e-3  # a gap at or below this is a closed mouth
OPEN = 0.03  # a vowel whose gap stays below this is mis-closed
TEETH_SHOWN = 0.12  # mouthUpperUp that clears the upper teeth for the lower lip


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


def teeth_gap(curves: Floats) -> Array:
    """Distance of the lower lip from the upper teeth (T,); 0 or less is contact.

    The jaw, ``mouthLowerDown`` and ``mouthFunnel`` take the lip away, ``mouthRollLower`` tucks it in: numbers from the
    mannequin's mesh. There is no contact while the upper lip hangs over the teeth: what ``mouthUpperUp`` lacks of 0.12
    counts as gap.
    """
    opening = curves[:, column("jawOpen")].astype(np.float64) + LOWER_DOWN * pair(curves, "mouthLowerDown")
    opening += FUNNEL * curves[:, column("mouthFunnel")]
    needed = ROLL_NEEDED + ROLL_PER_OPENING * np.maximum(opening - ROLL_FREE, 0.0)
    away = ROLL_GAP * (needed - curves[:, column("mouthRollLower")])
    hidden = np.maximum(TEETH_SHOWN - pair(curves, "mouthUpperUp"), 0.0)
    return np.asarray(np.where(hidden > 0.0, np.maximum(away, hidden), away), dtype=np.float64)


def lips_closed(curves: Floats) -> NDArray[np.bool_]:
    """Frames (T,) where the lips touch."""
    return np.asarray(lip_gap(curves) <= CLOSED, dtype=np.bool_)


def lip_on_teeth(curves: Floats) -> NDArray[np.bool_]:
    """Frames (T,) with a labiodental contact."""
    return np.asarray(teeth_gap(curves) <= CLOSED, dtype=np.bool_)
