"""Metrics of motion. Metres, seconds, radians in, float64 throughout; tracks are world points (T, N, 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfiltfilt
from scipy.spatial.transform import Rotation

from engine.body.joints import FEET, WRISTS
from engine.body.skeleton import Skeleton

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

LAST_FINGER_JOINTS = (27, 30, 33, 36, 39, 42, 45, 48, 51, 54)  # SMPL-X ends a finger at the root of its last phalanx
LAST_PHALANX = 0.8  # its length, of the phalanx before, by eye
PLANTED_ANKLE_M = 0.11  # our ankle stands at 0.078 m; the 0.09 of mocap labels is for ankles at 0.06
PLANTED_TOE_M = 0.05  # of capture labels (docs/sources/metrics.md, section 6)
PLANTED_SPEED = 0.30  # m/s: 1 cm a frame at 30 fps (docs/sources/metrics.md, section 6)
LOW_PASS_HZ = 10.0  # of the bands (docs/sources/bands.md, section 3)


def hand_tracks(poses: ArrayLike, trans: ArrayLike, skeleton: Skeleton) -> Array:
    """World tracks (T, 12, 3) of both wrists and of the ten fingertips, from poses (T, 55, 3) and trans (T, 3)."""
    points, world = skeleton.forward(poses, trans)
    last = list(LAST_FINGER_JOINTS)
    tips = points[:, last] + LAST_PHALANX * (world[:, last] @ skeleton.offsets[last][..., None])[..., 0]
    return np.concatenate([points[:, list(WRISTS)], tips], axis=1)


def mean_jerk(tracks: ArrayLike, fps: float) -> float:
    """m/s3: the mean of |third difference| x fps^3 over frames and tracks; 0 below four frames."""
    points = np.asarray(tracks, dtype=np.float64)
    if len(points) < 4:
        return 0.0
    return float(np.linalg.norm(np.diff(points, n=3, axis=0), axis=-1).mean() * fps**3)


def without_shake(tracks: ArrayLike, fps: float) -> Array:
    """Tracks (T, ...) low-passed at 10 Hz; those too slow or too short to be filtered come back as they are."""
    points = np.asarray(tracks, dtype=np.float64)
    if fps > 2.0 * LOW_PASS_HZ and len(points) > 15:
        points = sosfiltfilt(butter(4, LOW_PASS_HZ, fs=fps, output="sos"), points, axis=0)
    return np.asarray(points)


def rough_jerk(tracks: ArrayLike, fps: float) -> Array:
    """(T, N) m/s3 of tracks (T, N, 3) by third differences, in which shake from frame to frame counts in full; central
    differences, as :func:`low_passed` takes them, are blind for it."""
    points = np.asarray(tracks, dtype=np.float64)
    padded = np.concatenate([points[:1], points, np.repeat(points[-1:], 2, axis=0)])
    return np.asarray(np.linalg.norm(np.diff(padded, n=3, axis=0), axis=-1) * fps**3)


def low_passed(tracks: ArrayLike, fps: float) -> tuple[Array, Array]:
    """Jerk (T, N) m/s3 and speed (T, N) m/s of 10 Hz low-passed tracks; their means' ratio is banded in
    docs/sources/bands.md.

    Derivatives by central differences. Rates of 20 fps and below, and clips of 15 frames and below, are not filtered.
    """
    points = without_shake(tracks, fps)
    jerk: Array = points
    for _ in range(3):
        jerk = np.gradient(jerk, axis=0) * fps
    speed = np.gradient(points, axis=0) * fps
    return np.linalg.norm(jerk, axis=-1), np.linalg.norm(speed, axis=-1)


def planted_feet(points: ArrayLike, fps: float) -> Flags:
    """(T, 2): left and right foot stand on the floor, from world joints (T, 55, 3).

    Ankle and toe base low and both slower than 0.3 m/s (docs/sources/metrics.md, section 6, contact labels).
    """
    world = np.asarray(points, dtype=np.float64)
    out = np.zeros((len(world), 2), dtype=np.bool_)
    for side, (ankle, toe) in enumerate(FEET):
        speed = _horizontal_speed(world[:, [ankle, toe]], fps).max(axis=-1)
        low = (world[:, ankle, 1] < PLANTED_ANKLE_M) & (world[:, toe, 1] < PLANTED_TOE_M)
        out[:, side] = low & (speed < PLANTED_SPEED)
    return out


def foot_slide(points: ArrayLike, planted: Flags, fps: float) -> float:
    """cm/s: mean horizontal speed of toe bases and ankles of feet while ``planted`` (T, 2); 0 where none ever is."""
    world = np.asarray(points, dtype=np.float64)
    speeds = [
        _horizontal_speed(world[:, list(joints)], fps).mean(axis=-1)[planted[:, side]]
        for side, joints in enumerate(FEET)
    ]
    moving = np.concatenate(speeds)
    return float(moving.mean() * 100.0) if len(moving) else 0.0


def _horizontal_speed(points: Array, fps: float) -> Array:
    """(T, N) m/s between neighbouring frames, the larger of the two sides' mean; zeros for a single frame."""
    if len(points) < 2:
        return np.zeros(points.shape[:2])
    step = np.linalg.norm(np.diff(points[..., [0, 2]], axis=0), axis=-1) * fps
    padded = np.concatenate([step[:1], step, step[-1:]])
    return np.asarray(0.5 * (padded[1:] + padded[:-1]), dtype=np.float64)


def rotation_error_degrees(first: ArrayLike, second: ArrayLike) -> Array:
    """Angle in degrees between rotations given as axis-angle (..., 3), by atan2 of the relative quaternion."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    relative = Rotation.from_rotvec(a.reshape(-1, 3)).inv() * Rotation.from_rotvec(b.reshape(-1, 3))
    quat = np.asarray(relative.as_quat())
    angle: Array = np.degrees(2.0 * np.arctan2(np.linalg.norm(quat[:, :3], axis=-1), np.abs(quat[:, 3])))
    return angle.reshape(np.broadcast_shapes(a.shape, b.shape)[:-1])
