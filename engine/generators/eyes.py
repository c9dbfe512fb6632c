"""Where the eyes of a posed body look, as the face needs it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kinematics import steady_arctan2

EYES = (23, 24)


def eye_angles(local: NDArray[np.float64]) -> NDArray[np.float64]:
    """Yaw (to the left positive) and pitch (up positive) of both eyes relative to the head, degrees, (T, 2, 2)."""
    forward = local[:, list(EYES)][..., :, 2]
    yaw = steady_arctan2(forward[..., 0], forward[..., 2])
    pitch = np.arcsin(np.clip(forward[..., 1], -1.0, 1.0))
    return np.asarray(np.degrees(np.stack([yaw, pitch], axis=-1)), dtype=np.float64)
