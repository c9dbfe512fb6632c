"""What goes on in an arm whose stroke is over: it drifts, it trembles, and it beats on the words that are stressed.

People who hold a pose while they speak on go on marking the stress with it (superimposed beats; McNeill 1992, ch. 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import minimum_jerk_power
from engine.generators.gestures.authored_table import authored
from engine.generators.gestures.performance import rotation_exp
from engine.generators.gestures.timing import Slot
from engine.generators.life.postures import MIRROR
from engine.models.phase_gesture import BEAT_CLASSES
from engine.plan.links import class_times

Array = NDArray[np.float64]

# By eye.
LONG_HOLD = 0.6  # s from the apex: shorter ones need no life of their own
HOLD_DRIFT, DRIFT_RATES = np.radians(0.5), (0.31, 0.73)  # rad, Hz
TREMOR, TREMOR_RATES, RAISED = np.radians(0.006), (8.7, 10.6), 0.4  # rad, Hz, seconds until it is there
# Hands that touch the body, of the recorded classes: they come as recorded, and lie still.
TOUCHING = frozenset(["me", "think", "plea"])
# A beat while holding, by eye: extension of the elbow and flexion of the wrist (rad), the swing up before it (share),
# and
# when (s).
BEAT_ELBOW, BEAT_WRIST, UPSWING = np.radians(5.0), np.radians(6.0), 0.4
BEFORE_BEAT, DOWN, BACK = 0.34, 0.16, 0.36
AFTER_APEX, BEFORE_END, APART = 0.34, 0.24, 0.42
FADING = 0.8  # every beat of a hold is so much as large as the one before, by eye


@cache
def still_classes() -> frozenset[str]:
    """Classes whose hold is no place for a beat: the hand lies on something, or moves by itself, or is a beat."""
    names = {form.gclass for form in authored().forms if form.touch or class_times(form.gclass).goes_on}
    return TOUCHING | BEAT_CLASSES | names


def held_until(slot: Slot) -> float:
    """When a hold is over: where the way back begins, or where the next gesture has taken over."""
    return slot.until if slot.fall == 0.0 else slot.hold_end


def hold_beats(gclass: str, slot: Slot, accents: Sequence[float], following: float) -> list[float]:
    """The accents (seconds, ascending) on which a held pose is beaten, before the next gesture, at ``following``
    seconds, begins."""
    if gclass in still_classes():
        return []
    end = min(held_until(slot), following) - BEFORE_END
    found: list[float] = []
    for accent in accents:
        inside = slot.apex + AFTER_APEX <= accent <= end
        if inside and (not found or accent - found[-1] >= APART):
            found.append(float(accent))
    return found


def beat(moved: Array, beats: Sequence[float], side: str, times: Array, sizes: Array) -> None:
    """Beat with a held arm, in place: ``moved`` (n, >= 2, 3, 3) local rotations of shoulder, elbow, wrist.

    ``sizes`` (2, ...) radians of the layer's random phases, from which no two beats are alike.
    """
    extended, flexed = np.zeros(len(times)), np.zeros(len(times))
    for number, time in enumerate(beats):
        size = FADING**number * (1.0 + 0.25 * np.sin(sizes.ravel()[number % sizes.size]))
        up = minimum_jerk_power((times - time + BEFORE_BEAT) / (BEFORE_BEAT - 0.5 * DOWN))
        down = minimum_jerk_power((times - time + DOWN) / DOWN)
        back = minimum_jerk_power((times - time) / BACK)
        swing = -UPSWING * (up - down) + down - back
        later = minimum_jerk_power((times - time + 0.6 * DOWN) / DOWN)
        extended += size * swing
        flexed += size * (-UPSWING * (up - later) + later - minimum_jerk_power((times - time - 0.4 * DOWN) / BACK))
    mirror = MIRROR if side == "right" else np.ones(3)
    turns = (np.array([0.0, BEAT_ELBOW, 0.0]) * mirror, np.array([0.0, 0.0, -BEAT_WRIST]) * mirror)
    for joint, turn, share in zip((1, 2), turns, (extended, flexed), strict=True):
        if joint < moved.shape[1]:
            moved[:, joint] = moved[:, joint] @ rotation_exp(share[:, None] * turn)


def sway(moved: Array, slot: Slot, side: str, phases: Array, times: Array) -> None:
    """Half a degree of slow drift in shoulder, elbow and wrist of a long hold, none at either end; in place."""
    stop = held_until(slot)
    if stop - slot.apex < LONG_HOLD:
        return
    bump = minimum_jerk_power((times - slot.apex) / 0.4) * minimum_jerk_power((stop - times) / 0.4)
    phases = phases[: min(3, moved.shape[1])]
    slow, fast = (2.0 * np.pi * rate * times[:, None, None] for rate in DRIFT_RATES)
    waves = np.sin(slow + phases[..., 0]) + 0.6 * np.sin(fast + phases[..., 1])
    waves = waves * (MIRROR if side == "left" else 1.0)
    moved[:, : len(phases)] = moved[:, : len(phases)] @ rotation_exp(HOLD_DRIFT * bump[:, None, None] * waves)


def tremble(moved: Array, slot: Slot, side: str, phases: Array, times: Array) -> None:
    """The physiological tremor of a raised arm: 8 to 12 Hz, a twentieth of a millimetre at the wrist; in place.

    Nobody sees it; a motion without it is smoother than any that was ever recorded.
    """
    stop = slot.until if slot.fall == 0.0 else slot.finish
    raised = minimum_jerk_power((times - slot.begin) / RAISED) * minimum_jerk_power((stop - times) / RAISED)
    turns = 2.0 * np.pi * times[:, None, None]
    waves = np.sin(TREMOR_RATES[0] * turns + phases[:2, ..., 0]) + np.sin(TREMOR_RATES[1] * turns + phases[:2, ..., 1])
    waves = waves * (MIRROR if side == "left" else 1.0)
    moved[:, :2] = moved[:, :2] @ rotation_exp(TREMOR * raised[:, None, None] * waves)
