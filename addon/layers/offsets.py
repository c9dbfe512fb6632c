"""What lies between a generated and an edited value, and how a layer puts it back: as Blender's NLA combines. No bpy.

Quaternions combine as products, the layer's turn first; scales as products; all other values are added.
"""

from __future__ import annotations

import numpy as np

from ..rig.convert import Array

QUATERNION, SCALE = "rotation_quaternion", "scale"


def kind_of(path: str) -> str:
    """The property at the end of an RNA path."""
    return path.rpartition(".")[2]


def identity(kind: str, width: int) -> Array:
    """What changes nothing (width,)."""
    if kind == QUATERNION:
        return np.array([1.0, 0.0, 0.0, 0.0])
    return np.full(width, 1.0 if kind == SCALE else 0.0)


def offsets(kind: str, base: Array, now: Array) -> Array:
    """What a layer must hold (n, width) to make ``now`` (n, width) of ``base``."""
    if kind == QUATERNION:
        turned = _product(_unit(base) * (1.0, -1.0, -1.0, -1.0), _unit(now))
        return np.where(turned[:, :1] < 0.0, -turned, turned)
    return now / base if kind == SCALE else now - base


def combined(kind: str, base: Array, layer: Array, influence: Array | float = 1.0) -> Array:
    """``base`` (n, width) under a ``layer`` (n, width) that acts with an influence (n, 1) of 0 to 1."""
    if kind == QUATERNION:
        return _product(_unit(base), _power(_unit(layer), influence))
    if kind == SCALE:
        return base * (1.0 + (layer - 1.0) * influence)
    return base + layer * influence


def _unit(quaternions: Array) -> Array:
    length = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    return np.where(length > 0.0, quaternions / np.where(length > 0.0, length, 1.0), (1.0, 0.0, 0.0, 0.0))


def _power(quaternions: Array, share: Array | float) -> Array:
    """A part of each turn (n, 4)."""
    if np.all(share == 1.0):
        return quaternions
    sine = np.linalg.norm(quaternions[:, 1:], axis=-1, keepdims=True)
    half = np.arctan2(sine, quaternions[:, :1]) * share
    axis = quaternions[:, 1:] / np.where(sine > 0.0, sine, 1.0)
    return np.concatenate([np.cos(half), axis * np.sin(half)], axis=-1)


def _product(first: Array, second: Array) -> Array:
    """Quaternion products (n, 4)."""
    w, x, y, z = np.moveaxis(first, -1, 0)
    a, b, c, d = np.moveaxis(second, -1, 0)
    return np.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        axis=-1,
    )
