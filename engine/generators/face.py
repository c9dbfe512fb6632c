"""The face of a request, as every generator shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.face.curves import face_curves, silent
from engine.generators.base import Request
from engine.generators.life.eyes import eye_angles, shift_blinks
from engine.plan.types import GesturePlan


def perform_face(
    request: Request, plan: GesturePlan, times: NDArray[np.float64], local: NDArray[np.float64]
) -> NDArray[np.float32]:
    """ARKit curves (T, 52) at ``times`` (T,) seconds, for a body with local rotations ``local`` (T, 55, 3, 3): the
    eyes are where it turns them, and blink when they go far. Who does not speak keeps the mouth closed.
    """
    angles = eye_angles(local)
    return face_curves(
        request.speech if request.options.role == "speak" else silent(request.speech),
        replace(plan, blinks=shift_blinks(times, angles, plan.blinks)),
        times,
        request.options.seed,
        request.options.energy,
        eye_angles=angles,
        emotion=request.options.emotion,
        strength=request.options.emotion_strength,
    )
