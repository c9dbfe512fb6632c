"""Where the eyes of a posed body look, as the face needs it, and the blinks that go with their large shifts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import EYES
from engine.body.kinematics import steady_arctan2
from engine.plan.types import Event

# By eye.
LARGE = 18.0  # degrees in the head within SPAN: a gaze shift of about 25, of which the head has not made its part yet
SPAN = 0.12  # s: as long as a large saccade
APART = 0.4  # s: a blink is not made where another one is nearer than this
CLOSING, OPENING = 0.07, 0.22  # s (docs/sources/semantics.md, section 7)


def eye_angles(local: NDArray[np.float64]) -> NDArray[np.float64]:
    """Yaw (to the left positive) and pitch (up positive) of both eyes relative to the head, degrees, (T, 2, 2)."""
    forward = local[:, list(EYES)][..., :, 2]
    yaw = steady_arctan2(forward[..., 0], forward[..., 2])
    pitch = np.arcsin(np.clip(forward[..., 1], -1.0, 1.0))
    return np.asarray(np.degrees(np.stack([yaw, pitch], axis=-1)), dtype=np.float64)


def shift_blinks(
    times: NDArray[np.float64], angles: NDArray[np.float64], blinks: tuple[Event, ...]
) -> tuple[Event, ...]:
    """The blinks of a plan, and one for every large shift of the eyes (:func:`eye_angles` at ``times`` (T,) seconds)
    that has none near.

    Almost no shift above 33 degrees is made with open lids (Evinger et al. 1994, Exp. Brain Res. 100). Planned shifts
    have their blinks in the plan; these are for looks about an audience, and for gaze that a person set.
    """
    if len(times) < 3:
        return blinks
    middle = angles.mean(axis=1)
    before = np.stack([np.interp(times - SPAN, times, middle[:, axis]) for axis in (0, 1)], axis=-1)
    sizes = np.hypot(*(middle - before).T)
    taken = [event.apex for event in blinks]
    found = []
    for index in np.flatnonzero(sizes > LARGE):
        near = np.abs(times - times[index]) < APART
        if index != np.flatnonzero(near)[np.argmax(sizes[near])]:
            continue
        apex = float(times[index]) - 0.5 * SPAN
        if all(abs(apex - other) >= APART for other in taken):
            found.append(Event("blink", apex - CLOSING, apex, apex + OPENING, 1.0))
    return tuple(sorted([*blinks, *found], key=lambda event: event.start))
