"""A decoded gesture: what the network (or the corpus) says an arm does, as smooth curves over the clip's own time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from engine.body.joints import ARMS, SIDES
from engine.body.rotations import continuous_axis_angle, matrix_to_6d
from engine.body.skeleton import default_skeleton
from engine.generators.gestures.choice import Choice
from engine.models.phase_gesture import (
    LEFT_ARM,
    MIRROR_SIGNS,
    MODEL_JOINTS,
    TORSO,
    GestureSource,
    Landmarks,
    orthonormal_rows,
)

Array = NDArray[np.float64]

DECODE_RATE = 30.0  # Hz, of the recordings
LEAD = 0.1  # s before and after a clip that are decoded too, by eye
# Sigma in seconds. Planned preparations are shorter than recorded ones, which adds jerk above 4 Hz; this takes it out
# again (6 Hz: half) and leaves the stroke (1 Hz: 2 %).
SMOOTHING = 0.023
ARM_OF = dict(zip(SIDES, ARMS, strict=True))
# An arm that moves less than this share of the other one takes over the other one's progress; by eye.
COLLAR_IN_TORSO = {"left": 5, "right": 6}  # positions in TORSO
STILL_SHARE = 0.25
MIRRORED = tuple(MODEL_JOINTS.index(default_skeleton().mirror[joint]) for joint in MODEL_JOINTS)
IN_MODEL = {joint: place for place, joint in enumerate(MODEL_JOINTS)}


@dataclass(frozen=True, eq=False)
class Performance:
    """A decoded gesture over clip time: ``curve`` gives 43 x 6 rotation values, then progress out of and back to rest
    for the left and the right wrist (4 values); ``first`` and ``last`` are the rotations (43, 3, 3) at the first and
    the last movement; ``gain`` enlarges what was recorded too small; ``peak`` is the top speed of a wrist on its way to
    the apex, m/s at the clip's own pace."""

    curve: BSpline
    marks: Landmarks
    first: Array
    last: Array
    gain: float
    peak: float

    def at(self, seconds: Array, joints: tuple[int, ...]) -> Array:
        """(n, len(joints), 3, 3) rotations of SMPL-X joints at clip times (n,)."""
        six = self._values(seconds)[:, :-4].reshape(len(seconds), -1, 6)
        return orthonormal_rows(six[:, [IN_MODEL[joint] for joint in joints]])

    def progress(self, seconds: Array, sides: tuple[str, ...]) -> tuple[Array, Array]:
        """Two (n,) arrays from 0 to 1, both rising: way from rest to apex, way from hold to rest; mean of ``sides``."""
        values = np.clip(self._values(seconds)[:, -4:], 0.0, 1.0).reshape(-1, 2, 2)
        mean = values[:, [SIDES.index(side) for side in sides]].mean(axis=1)
        return mean[:, 0], mean[:, 1]

    def wrists(self, seconds: float) -> Array:
        """(2, 3) left and right wrist at a clip time, metres from the chest joint in its frame."""
        points = []
        for side in SIDES:
            arm = self.at(np.array([seconds]), (TORSO[COLLAR_IN_TORSO[side]], *ARM_OF[side][:2]))[0]
            points.append(wrist_track(arm[0], arm[1], arm[2], side))
        return np.array(points)

    def ends(self, joints: tuple[int, ...]) -> tuple[Array, Array]:
        """Rotations (len(joints), 3, 3) at the first and the last movement."""
        places = [IN_MODEL[joint] for joint in joints]
        return self.first[places], self.last[places]

    def _values(self, seconds: Array) -> Array:
        return np.asarray(self.curve(np.clip(seconds, self.curve.t[0], self.curve.t[-1])))


def decode(model: GestureSource, choice: Choice) -> Performance:
    """Decode a performance once, on its own time; sides swapped or doubled as chosen."""
    marks = model.landmarks(choice.recipe)
    count = int(np.ceil((marks.end - marks.start + 2.0 * LEAD) * DECODE_RATE)) + 4
    seconds = np.linspace(marks.start - LEAD, marks.end + LEAD, count)
    rotations = model.decode(choice.recipe, seconds)
    if choice.doubled:
        twin = _mirrored(rotations)
        left, trunk = [IN_MODEL[j] for j in LEFT_ARM], [IN_MODEL[j] for j in TORSO]
        rotations = rotations.copy()
        rotations[:, left] = twin[:, left]
        middle = matrix_to_6d(rotations[:, trunk]) + matrix_to_6d(twin[:, trunk])
        rotations[:, trunk] = orthonormal_rows(middle)
    elif choice.mirror:
        rotations = _mirrored(rotations)
    rotations = orthonormal_rows(gaussian_filter1d(matrix_to_6d(rotations), SMOOTHING * DECODE_RATE, axis=0))
    progress, peak = _progress(rotations, seconds, marks)
    values = np.concatenate([matrix_to_6d(rotations).reshape(count, -1), progress], axis=1)
    curve = make_interp_spline(seconds, values, k=3)
    ends = np.asarray(curve([marks.start, marks.end]))[:, :-4].reshape(2, len(MODEL_JOINTS), 6)
    first, last = orthonormal_rows(ends)
    return Performance(curve, marks, first, last, choice.gain, peak)


def _mirrored(rotations: Array) -> Array:
    return rotations[:, list(MIRRORED)] * MIRROR_SIGNS


def wrist_track(collar: Array, shoulder: Array, elbow: Array, side: str) -> Array:
    """(n, 3) wrist from the chest joint in its frame, metres, from local rotations (n, 3, 3)."""
    offsets = default_skeleton().offsets
    upper, fore, hand = ARM_OF[side]
    reach = offsets[fore] + elbow @ offsets[hand]
    out = offsets[upper] + np.einsum("...ij,...j->...i", shoulder, reach)
    return np.asarray(offsets[TORSO[COLLAR_IN_TORSO[side]]] + np.einsum("...ij,...j->...i", collar, out))


def _progress(rotations: Array, seconds: Array, marks: Landmarks) -> tuple[Array, float]:
    """(n, 4): for the left, then the right wrist, progress from rest to apex and from hold to rest, monotone; and the
    top speed on the way to the apex."""
    columns, ways, peak = [], [], 0.0
    arrived, leaving = max(marks.settle, marks.apex0 + 0.1), min(marks.leave, marks.back - 0.1)
    for side in SIDES:
        collar, shoulder, elbow = (rotations[:, IN_MODEL[j]] for j in (TORSO[COLLAR_IN_TORSO[side]], *ARM_OF[side][:2]))
        track = wrist_track(collar, shoulder, elbow, side)
        speed = np.linalg.norm(np.gradient(track, seconds, axis=0), axis=1)
        peak = max(peak, float(speed[seconds <= arrived].max()))
        away = np.linalg.norm(track - track[np.searchsorted(seconds, marks.start)], axis=1)
        away[seconds <= marks.start] = 0.0
        back = np.linalg.norm(track - track[np.searchsorted(seconds, marks.end) - 1], axis=1)
        back[seconds >= marks.end] = 0.0
        left = np.maximum.accumulate(back[::-1])[::-1]
        top = max(away[seconds <= arrived].max(), 1e-6)
        bottom = max(float(np.interp(leaving, seconds, left)), 1e-6)
        columns.append([np.minimum(np.maximum.accumulate(away) / top, 1.0), 1.0 - np.minimum(left / bottom, 1.0)])
        ways.append(top)
    for still, moving in ((0, 1), (1, 0)):
        if ways[still] < STILL_SHARE * ways[moving]:
            columns[still] = columns[moving]
    return np.asarray(gaussian_filter1d(np.array(columns).reshape(4, -1).T, 1.0, axis=0)), peak


def transposed(matrices: Array) -> Array:
    """(..., 3, 3) inverse rotations."""
    return np.swapaxes(matrices, -1, -2)


def rotation_log(matrices: Array) -> Array:
    """(n, k, 3, 3) -> (n, k, 3) rotation vectors, continuous along n."""
    lower = matrices[..., (2, 0, 1), (1, 2, 0)] - matrices[..., (1, 2, 0), (2, 0, 1)]
    sine = 0.5 * np.sqrt(np.sum(lower * lower, axis=-1))
    cosine = 0.5 * (matrices[..., 0, 0] + matrices[..., 1, 1] + matrices[..., 2, 2] - 1.0)
    angle = np.arctan2(sine, cosine)
    vectors = lower * np.where(sine > 1e-8, 0.5 * angle / np.maximum(sine, 1e-8), 0.5)[..., None]
    if angle.max(initial=0.0) < 2.2:
        return np.asarray(vectors)
    # Near half a turn that formula loses its digits, and the vector may flip from frame to frame.
    exact = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec().reshape(vectors.shape)
    return continuous_axis_angle(exact) if len(exact) > 1 else np.asarray(exact)


def rotation_exp(vectors: Array) -> Array:
    """(..., 3) -> (..., 3, 3) by Rodrigues' formula."""
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    square = x * x + y * y + z * z
    angle = np.sqrt(np.maximum(square, 1e-16))
    a = np.sin(angle) / angle
    b = 0.5 * (np.sin(0.5 * angle) / (0.5 * angle)) ** 2
    out = np.empty((*vectors.shape, 3))
    out[..., 0, 0] = 1.0 - b * (y * y + z * z)
    out[..., 1, 1] = 1.0 - b * (x * x + z * z)
    out[..., 2, 2] = 1.0 - b * (x * x + y * y)
    for i, j, turn, (first, second) in ((0, 1, -z, (x, y)), (0, 2, y, (x, z)), (1, 2, -x, (y, z))):
        shared, skew = b * first * second, a * turn
        out[..., i, j] = shared + skew
        out[..., j, i] = shared - skew
    return out
