"""Read the gesture corpus (SmartBody clips in SMPL-X form, see its README) into clean canonical clips."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.signal import butter, sosfiltfilt

from engine.body.joints import CHEST, FINGERS, WRISTS
from engine.body.rotations import axis_angle_to_matrix, continuous_axis_angle, geodesic_angle, matrix_to_6d
from engine.body.skeleton import JOINT_COUNT, default_skeleton, mirror_poses
from engine.errors import CospeechError
from engine.models.phase_gesture import (
    BEAT_CLASSES,
    MIRROR_CLASS,
    MODEL_JOINTS,
    ClipInfo,
    Landmarks,
    orthonormal_rows,
)

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

RATE = 30.0  # Hz, the corpus's
PAD = 15  # frames before and after a clip, by eye: half a second for filters to settle
ROUGH_ACTORS = ("PN", "Utah")
ROUGH_CUTOFF = 5.5  # Hz, by eye: what an uneven time base adds lies above
SNAP_DEGREES = 40.0  # a frame, as the corpus's flags: no finger is so fast
SKIPPED_FLAGS = ("body_snap",)
PHASE_COLUMNS = ("m_onset", "m_apex0", "m_apex1", "m_return")
NO_GESTURE = "The corpus in {} holds no usable gesture; choose the folder of the gesture corpus"


@dataclass(frozen=True, eq=False)
class Clip:
    """A cleaned clip in canonical form. ``six`` (n, 43, 6) at RATE, frame i at ``(i - PAD) / RATE`` seconds."""

    info: ClipInfo
    six: Array

    @property
    def seconds(self) -> Array:
        """(n,) clip times of the frames."""
        return (np.arange(len(self.six)) - PAD) / RATE

    def span(self) -> Array:
        """(n,) times at RATE from the first to the last movement."""
        return np.arange(self.info.landmarks.start, self.info.landmarks.end, 1.0 / RATE)

    def at(self, seconds: Array) -> Array:
        """6D rotations (m, 43, 6) at clip times (m,), by a cubic spline; held outside the padded clip."""
        times = self.seconds
        curve = make_interp_spline(times, self.six.reshape(len(times), -1), k=3)
        flat = np.asarray(curve(np.clip(seconds, times[0], times[-1])), dtype=np.float64)
        return matrix_to_6d(orthonormal_rows(flat.reshape(len(flat), *self.six.shape[1:])))


def read_corpus(folder: Path) -> tuple[Clip, ...]:
    """All usable gesture clips, in the order of clips.csv; CospeechError where the folder is not the corpus."""
    clips = tuple(_clip(row, poses.astype(np.float64)) for row, poses, _ in recordings(folder) if usable(row))
    if not clips:
        raise CospeechError(NO_GESTURE.format(folder))
    return clips


def recordings(folder: Path) -> Iterator[tuple[dict[str, str], Floats, Floats]]:
    """Row of clips.csv, poses (n, 55, 3) and trans (n, 3) of all clips, as stored; CospeechError where a file lacks."""
    table, arrays, index = folder / "clips.csv", folder / "poses_straightarm.npz", folder / "gestures.npz"
    for file in (table, arrays, index):
        if not file.is_file():
            raise CospeechError(f"There is no {file.name} in {folder}; choose the folder of the gesture corpus")
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with np.load(arrays, allow_pickle=False) as data:
        poses = data["poses"].reshape(-1, JOINT_COUNT, 3)
    with np.load(index, allow_pickle=False) as data:
        offsets, trans = data["offsets"], data["trans"]
    for number, row in enumerate(rows):
        part = slice(int(offsets[number]), int(offsets[number + 1]))
        yield row, poses[part], trans[part]


def usable(row: dict[str, str]) -> bool:
    """Whether a row is a gesture with measured phases and without a torn body."""
    flags = row["flags"].split("|")
    return (
        row["group"] == "gesture"
        and all(row[name] for name in PHASE_COLUMNS)
        and not any(flag in flags for flag in SKIPPED_FLAGS)
    )


def _clip(row: dict[str, str], poses: Array) -> Clip:
    flags = row["flags"].split("|")
    if "finger_snap" in flags:
        poses = _bridge_snaps(poses)
    gclass, hands = row["gclass"], row["hands"]
    if hands == "left":
        poses, _ = mirror_poses(poses, np.zeros((len(poses), 3)))
        gclass, hands = MIRROR_CLASS.get(gclass, gclass), "right"
    matrices = axis_angle_to_matrix(np.pad(poses, ((PAD, PAD), (0, 0), (0, 0)), mode="edge"))
    if row["actor"] in ROUGH_ACTORS:
        matrices = _low_pass(matrices)
    wrists, chest = _wrists(matrices)
    used = wrists[:, 1:] if hands == "right" else wrists
    landmarks, excursion = _landmarks(row, used)
    # A take that exists twice is learned twice but drawn once; a gesture too small to be seen is not drawn.
    shared = not row["duplicate_of"] and "very_small" not in flags
    begin = round(max(landmarks.start, 0.0) * RATE) + PAD
    rest = tuple(np.round((wrists[begin] @ chest[begin]).ravel(), 3).tolist())
    info = ClipInfo(row["clip"], gclass, hands, landmarks, round(excursion, 4), rest, shared)
    return Clip(info, matrix_to_6d(matrices[:, list(MODEL_JOINTS)]))


def _bridge_snaps(poses: Array) -> Array:
    """Replace finger frames around one-frame pops by a cubic through their surroundings."""
    matrices = axis_angle_to_matrix(poses)
    out = continuous_axis_angle(poses)
    frames = np.arange(len(poses))
    for joint in FINGERS:
        steps = np.degrees(geodesic_angle(matrices[1:, joint], matrices[:-1, joint]))
        bad = np.zeros(len(poses), dtype=bool)
        for frame in np.flatnonzero(steps > SNAP_DEGREES):
            bad[max(0, frame - 3) : frame + 5] = True
        if bad.any() and (~bad).sum() > 4:
            vectors = continuous_axis_angle(poses[~bad, joint])
            for axis in range(3):
                out[bad, joint, axis] = np.interp(frames[bad], frames[~bad], vectors[:, axis])
    return out


def _low_pass(matrices: Array) -> Array:
    """Zero-phase Butterworth at ROUGH_CUTOFF on the 6D form, for sets with an uneven time base."""
    sections = butter(2, ROUGH_CUTOFF, fs=RATE, output="sos")
    smooth = sosfiltfilt(sections, matrix_to_6d(matrices), axis=0, padtype="even")
    return orthonormal_rows(smooth)


def _wrists(matrices: Array) -> tuple[Array, Array]:
    """(n, 2, 3) left and right wrist relative to the chest joint, model axes, metres; (n, 3, 3) the chest's frame."""
    points, world = default_skeleton().forward_matrices(matrices, np.zeros((len(matrices), 3)))
    return points[:, list(WRISTS)] - points[:, [CHEST]], world[:, CHEST]


def _landmarks(row: dict[str, str], wrists: Array) -> tuple[Landmarks, float]:
    """Landmarks of a padded clip from its table row and its used wrists (n, k, 3); and the excursion in metres."""
    onset, apex0, apex1, back = (float(row[name]) for name in PHASE_COLUMNS)
    seconds = (np.arange(len(wrists)) - PAD) / RATE
    away = np.linalg.norm(wrists - wrists[0], axis=-1).max(axis=1)
    left = np.linalg.norm(wrists - wrists[-1], axis=-1).max(axis=1)
    speed = np.linalg.norm(np.gradient(wrists, 1.0 / RATE, axis=0), axis=-1).max(axis=1)
    before = np.flatnonzero((seconds < apex0) & (away < 0.02 * away.max()))
    after = np.flatnonzero((seconds > apex1) & (left > 0.03 * away.max()))
    # From rest a smooth reach needs about 0.1 s for its first 2 %.
    start = min(float(seconds[before[-1]]) - 0.1 if len(before) else -0.1, onset - 0.06)
    end = max(float(seconds[after[-1]]) + 0.1 if len(after) else back, back + 0.08)
    apex1 = max(apex1, apex0 + 0.05)
    beat = _beat_time(seconds, wrists, speed, apex0, back)
    settle, leave = _quiet(
        seconds, speed, apex0 if row["gclass"] not in BEAT_CLASSES else max(apex0, beat - 0.05), back
    )
    rounded = [
        round(value, 4) for value in (start, onset, apex0, apex1, max(back, apex1 + 0.1), end, settle, leave, beat)
    ]
    return Landmarks(*rounded), float(away.max())


def _beat_time(seconds: Array, wrists: Array, speed: Array, apex0: float, back: float) -> float:
    """The reversal: end of the strike where the hand comes down hard after the rise, else where the rise ends."""
    rise = speed[(seconds <= apex0) & (seconds > apex0 - 0.6)].max()
    window = (seconds >= apex0) & (seconds <= min(apex0 + 0.55, back))
    times, moving = seconds[window], speed[window]
    down = -np.gradient(wrists[..., 1], 1.0 / RATE, axis=0).min(axis=1)[window]
    if len(times) < 3:
        return apex0 + 0.1
    peak = int(np.argmax(down))
    if down[peak] > 0.5 * rise and times[peak] < apex0 + 0.4:
        calm = np.flatnonzero(moving[peak:] < 0.3 * moving[peak])
        return float(times[peak + (calm[0] if len(calm) else len(moving) - 1 - peak)])
    calm = np.flatnonzero(moving < 0.2 * rise)
    return float(times[calm[0]]) if len(calm) else float(times[np.argmin(moving)])


def _quiet(seconds: Array, speed: Array, arrival: float, back: float) -> tuple[float, float]:
    """First and last quiet time between arrival and return; the slowest moment twice where nothing is quiet."""
    window = (seconds >= arrival) & (seconds <= back)
    times, moving = seconds[window], speed[window]
    peak_before = speed[(seconds <= arrival + 0.1) & (seconds > arrival - 0.6)].max()
    retract = int(np.argmax(moving * (times > arrival + 0.1)))
    calm_in = np.flatnonzero(moving[: retract + 1] < 0.25 * peak_before)
    calm_out = np.flatnonzero(moving[: retract + 1] < 0.25 * moving[retract])
    slowest = float(times[np.argmin(moving[: retract + 1])])
    settle = float(times[calm_in[0]]) if len(calm_in) else slowest
    leave = float(times[calm_out[-1]]) if len(calm_out) else slowest
    return (settle, leave) if leave > settle else (slowest, slowest + 0.01)
