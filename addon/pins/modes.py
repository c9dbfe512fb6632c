"""A bone whose rotation mode was changed after the take was written: its keys are compared as rotations."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import bpy
import numpy as np

from .. import compat
from ..rig.convert import Array
from ..takes.curves import WIDTHS, as_quaternions, rotation_channel, sample
from ..takes.keys import ROTATION_PATHS, bone_path
from ..takes.reference import CurveKeys, Reference, reference_values

SAME_ROTATION = 1e-4  # rad: converting keys in single precision is some 1e-6 off


def edited_in_another_mode(
    bone: bpy.types.PoseBone, curves: list[CurveKeys], reference: Reference, channels: compat.Channels
) -> list[CurveKeys]:
    """The keys of a bone's present rotation channel, edited only where they turn it otherwise than the generator did.

    Where the reference has no rotation of the bone at all the keys come back as they are.
    """
    frames = np.unique(np.concatenate([keys.frames for keys in curves]))
    written = _written(bone, reference, channels, frames)
    if not written or not len(frames):
        return curves
    present = getattr(bone, rotation_channel(bone.rotation_mode))
    values = np.tile(np.array(present, dtype=np.float64), (len(frames), 1))
    for keys in curves:
        values[:, keys.curve.array_index] = sample(keys.curve, frames)
    now = as_quaternions(bone.rotation_mode, values)
    candidates = [_angle(now, quats) <= SAME_ROTATION for quats in written]
    same = max(candidates, key=lambda flags: int(flags.sum()))
    return [replace(keys, edited=~same[np.searchsorted(frames, keys.frames)]) for keys in curves]


def _written(bone: bpy.types.PoseBone, reference: Reference, channels: compat.Channels, frames: Array) -> list[Array]:
    """What was written of the bone in another mode, as quaternions (n, 4); for angles in each order they may have."""
    found = []
    for channel in ROTATION_PATHS:
        names = [(channels.slot.handle, bone_path(bone.name, channel), index) for index in range(WIDTHS[channel])]
        rows = [reference.rows.get(name) for name in names]
        if None in rows:
            continue
        values = np.stack([reference_values(reference, row, frames) for row in rows], axis=-1).astype(np.float64)
        for mode in _modes(channel):
            found.append(as_quaternions(mode, values))
    return found


def _modes(channel: str) -> list[str]:
    if channel == "rotation_euler":
        return ["".join(order) for order in permutations("XYZ")]
    return ["QUATERNION" if channel == "rotation_quaternion" else "AXIS_ANGLE"]


def _angle(first: Array, second: Array) -> Array:
    """Angle (n,) between rotations in radians, precise for small ones; NaN where there is none."""
    a = first / np.linalg.norm(first, axis=-1, keepdims=True)
    b = second / np.linalg.norm(second, axis=-1, keepdims=True)
    chord = np.minimum(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    return 4.0 * np.arcsin(np.clip(0.5 * chord, 0.0, 1.0))
