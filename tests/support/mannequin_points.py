"""The mannequin's points with shape keys on."""

from __future__ import annotations

import numpy as np

from addon.rig.mannequin.data import Mannequin


def shaped(figure: Mannequin, **amounts: float) -> np.ndarray:
    """(n, 3) points with shape keys applied as Blender does: linear, relative to the basis."""
    out = figure.points.astype(np.float64)
    for name, amount in amounts.items():
        ids, moves = figure.shapes[name]
        out[ids] += amount * moves
    return out
