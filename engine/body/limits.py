"""Soft joint limits: identity inside the range, C1 at its border, saturating a few degrees beyond (assets/postures)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.body.curves import soft_clamp
from engine.body.kinematics import normalized, steady_arctan2, swing_twist
from engine.body.skeleton import ASSETS, default_skeleton

Array = NDArray[np.float64]

_MIRROR = np.diag([-1.0, 1.0, 1.0])  # no unit: the mirror at x = 0
_AXES = "xyz"


@dataclass(frozen=True, eq=False)
class JointLimit:
    """Limits of one joint in radians; ``low`` and ``high`` (4,): swing x, y, z and twist about ``axis``; infinite where
    free. ``cone`` bounds the angle of the bone (along ``axis``) from ``centre``. ``mirrored`` for right sides."""

    joint: int
    axis: Array
    low: Array
    high: Array
    soft: float
    centre: Array
    cone: float
    mirrored: bool


@cache
def joint_limits() -> tuple[JointLimit, ...]:
    """All limits of assets/postures/limits.json, right sides mirrored from the left."""
    data = json.loads((ASSETS / "postures" / "limits.json").read_text(encoding="utf-8"))
    soft = float(np.radians(data["soft"]))
    out = []
    for name, entry in data["joints"].items():
        out.append(_read(name, entry, soft, False))
        if name.startswith("left_"):
            out.append(_read("right_" + name.removeprefix("left_"), entry, soft, True))
    return tuple(out)


def _read(name: str, entry: dict[str, Any], soft: float, mirrored: bool) -> JointLimit:
    ranges = [entry.get(key, (-np.inf, np.inf)) for key in (*_AXES, "twist")]
    low, high = np.radians(np.array(ranges, dtype=np.float64)).T
    return JointLimit(
        joint=default_skeleton().index(name),
        axis=np.array(entry["axis"], dtype=np.float64),
        low=low,
        high=high,
        soft=soft,
        centre=normalized(entry.get("centre", entry["axis"])),
        cone=float(np.radians(entry.get("cone", 360.0))),
        mirrored=mirrored,
    )


def limit_rotations(rotations: Array, limit: JointLimit) -> tuple[Array, Array]:
    """Local rotations (T, 3, 3) of one joint within its limit, and which frames (T,) were changed.

    Unchanged frames are returned bit for bit.
    """
    work = _MIRROR @ rotations @ _MIRROR if limit.mirrored else rotations
    changed = np.zeros(len(work), dtype=bool)
    out = work
    if np.isfinite(limit.low).any() or np.isfinite(limit.high).any():
        out, changed = _limit_ranges(work, limit)
    if limit.cone < 2.0 * np.pi:
        out, bent = _limit_cone(out, limit)
        changed |= bent
    if limit.mirrored:
        out = _MIRROR @ out @ _MIRROR
    return np.where(changed[:, None, None], out, rotations), changed


def _limit_ranges(work: Array, limit: JointLimit) -> tuple[Array, NDArray[np.bool_]]:
    swing, twist = swing_twist(work, limit.axis)
    parts = np.concatenate([swing, twist[:, None]], axis=-1)
    changed = np.any((parts < limit.low) | (parts > limit.high), axis=-1)
    if not changed.any():
        return work, changed
    kept = soft_clamp(parts[changed], limit.low, limit.high, limit.soft)
    out = work.copy()
    turned = Rotation.from_rotvec(kept[:, :3]) * Rotation.from_rotvec(kept[:, 3:] * limit.axis)
    out[changed] = turned.as_matrix()
    return out, changed


def _limit_cone(work: Array, limit: JointLimit) -> tuple[Array, NDArray[np.bool_]]:
    bone = work @ limit.axis
    axis = np.cross(limit.centre, bone)
    angle = steady_arctan2(np.linalg.norm(axis, axis=-1), bone @ limit.centre)
    changed = angle > limit.cone
    if not changed.any():
        return work, changed
    back = soft_clamp(angle[changed], -np.inf, limit.cone, limit.soft) - angle[changed]
    out = work.copy()
    out[changed] = Rotation.from_rotvec(normalized(axis[changed]) * back[:, None]).as_matrix() @ work[changed]
    return out, changed
