"""What a classifier sees of a gesture: its form over measured phases, and how it moves. For ``generalisation``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body.rotations import matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.models.phase_gesture import MODEL_JOINTS, RATE

Array = NDArray[np.float64]

# Bands of angular speed, Hz, and a floor: the power of 0.01 degrees of white noise, which nobody sees.
BANDS = ((0.3, 1.5), (1.5, 3.0), (3.0, 5.0), (5.0, 8.0), (8.0, 15.1))
POWER_FLOOR = 1e-3
SPECTRUM = 256
# Frames that count as the gesture around its measured onset and return.
MARGIN = 6
# Where form is sampled: in steps of the measured phases (before, onset, arrival, leaving, return, after).
MOMENTS = np.concatenate([[0.0], np.linspace(1.0, 2.0, 6), np.linspace(2.0, 3.0, 5)[1:], np.linspace(3.0, 5.0, 7)[1:]])
KEY_MOMENTS = (0, 6, 10, 15)
CHAINS = ((13, 16, 18, 20), (14, 17, 19, 21))
PLACE = {joint: place for place, joint in enumerate(MODEL_JOINTS)}
FINGERS = (tuple(range(10, 25)), tuple(range(28, 43)))
TRUNK = tuple(range(7))
MOVING_GROUPS = (
    (0, 1, 2, 3, 4),
    (5, 6),
    *((base,) for side in (7, 25) for base in (side, side + 1, side + 2)),
    *FINGERS,
)


@dataclass(frozen=True, eq=False)
class Seen:
    """A gesture as features: ``form`` (poses over its phases), ``motion`` (durations, speeds, spectra), ``measures``
    (MEASURES, of the faster used wrist) and ``angles`` (n, 129) rotation vectors of its frames, radians."""

    form: Array
    motion: Array
    measures: Array
    angles: Array

    @property
    def all(self) -> Array:
        """Form and motion together."""
        return np.concatenate([self.form, self.motion])


MEASURES = ("top speed m/s", "mean speed m/s", "jerk / speed 1/s2", "duration s")


def arms(rotations: Array) -> tuple[Array, Array, Array]:
    """(n, 43, 3, 3) -> elbows and wrists (n, 2, 3), metres from the chest joint in its frame, and the hands' rotations
    (n, 2, 3, 3) in that frame; left, then right."""
    offsets = default_skeleton().offsets
    elbows, wrists, hands = [], [], []
    for collar, shoulder, elbow, wrist in CHAINS:
        turn = rotations[:, PLACE[collar]]
        point = offsets[collar] + turn @ offsets[shoulder]
        turn = turn @ rotations[:, PLACE[shoulder]]
        point = point + turn @ offsets[elbow]
        elbows.append(point)
        turn = turn @ rotations[:, PLACE[elbow]]
        wrists.append(point + turn @ offsets[wrist])
        hands.append(turn @ rotations[:, PLACE[wrist]])
    return np.stack(elbows, axis=1), np.stack(wrists, axis=1), np.stack(hands, axis=1)


def look(rotations: Array, hands: str) -> Seen:
    """Features of a gesture (n, 43, 3, 3) at 30 fps; ``hands`` "right" or "both" says whose phases count.

    Phases are measured here, by the same rule for real and generated motion, so that neither length nor lead differ.
    """
    elbows, wrists, frames = arms(rotations)
    used = [1] if hands == "right" else [0, 1]
    knots = _phases(wrists[:, used])
    vectors = matrix_to_axis_angle(rotations)
    form = _form(knots, elbows, wrists, frames, vectors)
    span = slice(max(int(knots[1]) - MARGIN, 0), min(int(knots[4]) + MARGIN + 1, len(wrists)))
    paths = [_path(wrists[span, side]) for side in (0, 1)]
    durations = np.log(np.maximum(np.diff(knots[1:5]), 1.0) / RATE)
    motion = np.concatenate([durations, *paths, _spectra(rotations[span])])
    measures = np.max([_measures(wrists[span, side]) for side in used], axis=0)
    return Seen(form, motion, np.append(measures, (knots[4] - knots[1]) / RATE), vectors.reshape(len(vectors), -1))


def _phases(wrists: Array) -> Array:
    """(6,) frames: before, onset (10 % of the largest way), arrival and leaving (90 %), return (10 %), after."""
    away = np.linalg.norm(wrists - wrists[0], axis=-1).max(axis=1)
    left = np.linalg.norm(wrists - wrists[-1], axis=-1).max(axis=1)
    peak = max(int(away.argmax()), 1)
    far = np.flatnonzero(away > 0.9 * away.max())
    arrival = max(int(far[0]), 1)
    onset = min(int(np.flatnonzero(away[: peak + 1] <= 0.1 * away.max())[-1]), arrival - 1)
    leaving = max(int(far[-1]), arrival + 1)
    back = max(int(np.flatnonzero(left >= 0.1 * left.max())[-1]), leaving + 1)
    return np.array([onset - 4.0, onset, arrival, leaving, back, back + 4.0])


def _form(knots: Array, elbows: Array, wrists: Array, frames: Array, vectors: Array) -> Array:
    spots = np.clip(np.interp(MOMENTS, np.arange(6.0), knots), 0.0, len(wrists) - 1.0)
    low = np.minimum(spots.astype(np.int64), len(wrists) - 2)
    part = (spots - low)[:, None]

    def at(values: Array) -> Array:
        flat = values.reshape(len(values), -1)
        return np.asarray(flat[low] + part * (flat[low + 1] - flat[low]))

    curls = np.linalg.norm(vectors[:, [*FINGERS[0], *FINGERS[1]]], axis=-1)
    keys = list(KEY_MOMENTS)
    pieces = [at(wrists), at(frames[..., 1]), at(frames[..., 0]), at(elbows)[keys]]
    pieces += [at(curls)[keys], at(vectors[:, list(TRUNK)])[keys]]
    return np.concatenate([piece.ravel() for piece in pieces])


def _path(points: Array) -> Array:
    """(8,) of a wrist's path (n, 3): logarithms of speeds, acceleration and jerk; when it is fastest; its turns."""
    speed = np.linalg.norm(np.gradient(points, 1.0 / RATE, axis=0), axis=-1)
    acceleration = np.linalg.norm(np.diff(points, 2, axis=0), axis=-1) * RATE**2
    jerk = np.linalg.norm(np.diff(points, 3, axis=0), axis=-1) * RATE**3
    logs = np.log(
        [
            speed.max() + 0.01,
            speed.mean() + 0.01,
            np.median(speed) + 0.01,
            acceleration.max() + 0.1,
            jerk.max() + 0.1,
            jerk.mean() + 0.1,
        ]
    )
    turns = np.sum((speed[1:-1] < speed[:-2]) & (speed[1:-1] < speed[2:]) & (speed[1:-1] > 0.05))
    return np.concatenate([logs, [speed.argmax() / len(speed), turns]])


def _measures(points: Array) -> Array:
    speed = np.linalg.norm(np.diff(points, axis=0), axis=-1) * RATE
    jerk = np.linalg.norm(np.diff(points, 3, axis=0), axis=-1) * RATE**3
    return np.array([speed.max(), speed.mean(), jerk.mean() / max(speed.mean(), 0.02)])


def _spectra(rotations: Array) -> Array:
    """Power of angular speed per joint group and band (logarithms), its slopes, mean and top."""
    turns = np.swapaxes(rotations[:-1], -1, -2) @ rotations[1:]
    rates = matrix_to_axis_angle(turns) * RATE
    window = np.hanning(len(rates))[:, None, None]
    power = np.abs(np.fft.rfft(rates * window, axis=0, n=max(SPECTRUM, len(rates)))) ** 2 / len(rates)
    frequencies = np.fft.rfftfreq(max(SPECTRUM, len(rates)), 1.0 / RATE)
    found = []
    for group in MOVING_GROUPS:
        joints = list(group)
        own = power[:, joints].sum(axis=(1, 2)) / len(joints)
        bands = [own[(frequencies >= low) & (frequencies < high)].sum() for low, high in BANDS]
        logs = np.log(np.array(bands) + POWER_FLOOR)
        speed = np.linalg.norm(rates[:, joints], axis=-1)
        found += [logs, np.diff(logs), np.log([speed.mean() + 0.01, speed.max() + 0.01])]
    return np.concatenate(found)
