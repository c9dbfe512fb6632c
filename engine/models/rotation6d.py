"""Rotations as the published networks convert them, in torch: 6D is the first two rows of the matrix.

Kept apart from :mod:`engine.body.rotations`, because parity asks for their formulas: an older way from matrix to
quaternion, which loses accuracy near half a turn, and their thresholds for small angles.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMALL_ANGLE = 1e-6  # rad, the published networks' threshold (docs/sources/emage.md, section 2.3)
SHORTEST = 1e-12  # no unit, of a row's length, as published there


def matrix_from_6d(six: Tensor) -> Tensor:
    """(..., 6) -> (..., 3, 3) by Gram-Schmidt on the two rows (Zhou et al. 2019)."""
    first, second = six[..., :3], six[..., 3:]
    x = functional.normalize(first, dim=-1, eps=SHORTEST)
    y = functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1, eps=SHORTEST)
    return torch.stack([x, y, torch.cross(x, y, dim=-1)], dim=-2)


def matrix_to_6d(matrix: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 6)."""
    return matrix[..., :2, :].reshape(*matrix.shape[:-2], 6)


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 4), real part first: four square roots, signs from the skew part."""
    m00, m11, m22 = matrix[..., 0, 0], matrix[..., 1, 1], matrix[..., 2, 2]
    real = 0.5 * _root(1 + m00 + m11 + m22)
    parts = [0.5 * _root(1 + m00 - m11 - m22), 0.5 * _root(1 - m00 + m11 - m22), 0.5 * _root(1 - m00 - m11 + m22)]
    signs = [
        matrix[..., 2, 1] - matrix[..., 1, 2],
        matrix[..., 0, 2] - matrix[..., 2, 0],
        matrix[..., 1, 0] - matrix[..., 0, 1],
    ]
    signed = [torch.where((part < 0) != (sign < 0), -part, part) for part, sign in zip(parts, signs, strict=True)]
    return torch.stack([real, *signed], dim=-1)


def _root(values: Tensor) -> Tensor:
    """Square root, 0 for negative values, with a gradient of 0 there."""
    positive = values > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, values, torch.ones_like(values))), 0.0)


def quaternion_to_axis_angle(quaternion: Tensor) -> Tensor:
    """(..., 4), real part first -> (..., 3) radians."""
    length = torch.linalg.vector_norm(quaternion[..., 1:], dim=-1, keepdim=True)
    half = torch.atan2(length, quaternion[..., :1])
    angle = 2 * half
    return quaternion[..., 1:] / _half_sine(half, angle)


def axis_angle_to_quaternion(axis_angle: Tensor) -> Tensor:
    """(..., 3) radians -> (..., 4), real part first."""
    angle = torch.linalg.vector_norm(axis_angle, dim=-1, keepdim=True)
    half = 0.5 * angle
    return torch.cat([torch.cos(half), axis_angle * _half_sine(half, angle)], dim=-1)


def _half_sine(half: Tensor, angle: Tensor) -> Tensor:
    """sin(angle / 2) / angle, by its series for small angles."""
    small = angle.abs() < SMALL_ANGLE
    return torch.where(small, 0.5 - angle * angle / 48, torch.sin(half) / torch.where(small, 1.0, angle))


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """(..., 4), real part first, of any length above 0 -> (..., 3, 3)."""
    r, i, j, k = quaternion.unbind(-1)
    scale = 2.0 / (quaternion * quaternion).sum(-1)
    rows = [
        [1 - scale * (j * j + k * k), scale * (i * j - k * r), scale * (i * k + j * r)],
        [scale * (i * j + k * r), 1 - scale * (i * i + k * k), scale * (j * k - i * r)],
        [scale * (i * k - j * r), scale * (j * k + i * r), 1 - scale * (i * i + j * j)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """(..., 3) radians -> (..., 3, 3)."""
    return quaternion_to_matrix(axis_angle_to_quaternion(axis_angle))


def axis_angle_to_6d(axis_angle: Tensor) -> Tensor:
    """(..., 3) radians -> (..., 6)."""
    return matrix_to_6d(axis_angle_to_matrix(axis_angle))


def six_to_axis_angle(six: Tensor) -> Tensor:
    """(..., 6) -> (..., 3) radians."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix_from_6d(six)))
