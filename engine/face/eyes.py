"""Eyes: directions to ARKit eyeLook channels, gaze events with small saccades, lids that follow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk
from engine.face.easing import add_event
from engine.face.lips import column
from engine.plan.types import Event, GesturePlan

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

FULL_DEGREES = 30.0  # what a weight of 1 means on the mannequin, as it was made
EYE_CHANNELS = tuple(f"eyeLook{way}{side}" for side in ("Left", "Right") for way in ("In", "Out", "Up", "Down"))
MAX_YAW = 28.0  # degrees, by eye: farther the head turns
MAX_PITCH = 20.0  # degrees, by eye
SACCADE = 0.035  # s, for the small ones, by eye
VERGENCE = 0.8  # degrees each eye turns in for a listener about two metres away (eyes 6.3 cm apart)


def eye_channels(left: Floats, right: Floats) -> Array:
    """Weights (T, 8) in the order of EYE_CHANNELS from the direction of each eye.

    ``left`` and ``right`` (T, 2) are degrees against the head: yaw, positive to the character's left, and pitch,
    positive up. The left eye turns out to the left, the right eye in.
    """
    left, right = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    inward = np.stack([-left[:, 0], right[:, 0]], axis=1)
    pitch = np.stack([left[:, 1], right[:, 1]], axis=1)
    parts = np.stack([inward, -inward, pitch, -pitch], axis=2)
    return np.asarray(np.clip(parts / FULL_DEGREES, 0.0, 1.0).reshape(len(left), 8), dtype=np.float64)


def gaze_angles(plan: GesturePlan, times: Array, rng: np.random.Generator) -> Array:
    """Directions of both eyes (T, 2, 2), eye by yaw and pitch in degrees, from the plan's gaze events alone.

    Used where nobody has shared the gaze between head and eyes. Small saccades keep the eyes alive.
    """
    yaw, pitch = np.zeros(len(times)), np.zeros(len(times))
    for event in plan.gaze:
        add_event(yaw, times, event, event.amount)
        add_event(pitch, times, event, _elevation(event))
    small = _small_saccades(times, plan.seconds, rng)
    yaw = np.clip(yaw, -MAX_YAW, MAX_YAW) + small[:, 0]
    pitch = np.clip(pitch, -MAX_PITCH, MAX_PITCH) + small[:, 1]
    return np.stack(
        [np.stack([yaw - VERGENCE, pitch], axis=1), np.stack([yaw + VERGENCE, pitch], axis=1)],
        axis=1,
    )


def _elevation(event: Event) -> float:
    """Pitch of a gaze event in degrees, up positive; "up" and "down" without a figure mean 9."""
    if event.kind in ("up", "down"):
        return (1.0 if event.kind == "up" else -1.0) * (abs(event.extra) or 9.0)
    return event.extra


def _small_saccades(times: Array, seconds: float, rng: np.random.Generator) -> Array:
    """(T, 2) degrees: steps every 0.6-2.5 s within about 1.5 degrees."""
    count = int(max(seconds, 0.0) / 0.6) + 3
    starts = np.cumsum(rng.uniform(0.6, 2.5, count)) - 1.0
    places = np.clip(rng.normal(0.0, 0.7, (count, 2)), -1.6, 1.6) * np.array([1.0, 0.6])
    index = np.clip(np.searchsorted(starts, times, "right") - 1, 0, count - 1)
    before = places[np.maximum(index - 1, 0)]
    way = minimum_jerk((times - starts[index]) / SACCADE)[:, None]
    return np.asarray(before + way * (places[index] - before), dtype=np.float64)


def turn_eyes(curves: Array, angles: Array) -> None:
    """Write the eyes' directions ``angles`` (T, 2, 2) into curves (T, 52), in place; lids follow up and down."""
    weights = eye_channels(angles[:, 0], angles[:, 1])
    for index, name in enumerate(EYE_CHANNELS):
        curves[:, column(name)] = weights[:, index]
    for side in ("Left", "Right"):
        down, up = curves[:, column(f"eyeLookDown{side}")], curves[:, column(f"eyeLookUp{side}")]
        curves[:, column(f"eyeBlink{side}")] += 0.30 * down
        curves[:, column(f"eyeWide{side}")] += 0.25 * up
