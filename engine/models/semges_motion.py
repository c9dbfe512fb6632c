"""BEAT's 141 pose channels, which the release performs: 47 joints of three Euler degrees (semges.md section 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.rotation6d import matrix_from_6d, matrix_to_6d

JOINTS = 47
BODY_JOINTS = (*range(6), *range(25, 28))
HAND_JOINTS = (*range(6, 25), *range(28, 47))


def euler_to_matrix(degrees: Tensor) -> Tensor:
    """(..., 3) degrees -> (..., 3, 3): Rx(a) Ry(b) Rz(c), for column vectors."""
    sine, cosine = torch.sin(torch.deg2rad(degrees)), torch.cos(torch.deg2rad(degrees))
    (sa, sb, sc), (ca, cb, cc) = sine.unbind(-1), cosine.unbind(-1)
    rows = [
        [cb * cc, -cb * sc, sb],
        [ca * sc + sa * sb * cc, ca * cc - sa * sb * sc, -sa * cb],
        [sa * sc - ca * sb * cc, sa * cc + ca * sb * sc, ca * cb],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def matrix_to_euler(matrix: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 3) degrees, the inverse of :func:`euler_to_matrix` away from gimbal lock."""
    second = torch.asin(matrix[..., 0, 2].clamp(-1.0, 1.0))
    first = torch.atan2(-matrix[..., 1, 2], matrix[..., 2, 2])
    third = torch.atan2(-matrix[..., 0, 1], matrix[..., 0, 0])
    return torch.rad2deg(torch.stack([first, second, third], dim=-1))


def euler_to_6d(degrees: Tensor) -> Tensor:
    """(..., 3 J) degrees -> (..., 6 J), as the codecs see motion."""
    matrix = euler_to_matrix(degrees.reshape(*degrees.shape[:-1], -1, 3))
    return matrix_to_6d(matrix).flatten(-2)


def joint_matrices(six: Tensor) -> Tensor:
    """(..., 6 J) -> (..., J, 3, 3)."""
    return matrix_from_6d(six.reshape(*six.shape[:-1], -1, 6))


def split_pose(degrees: Tensor) -> tuple[Tensor, Tensor]:
    """(..., 141) -> degrees of the hands (..., 114) and of the body (..., 27)."""
    joints = degrees.reshape(*degrees.shape[:-1], JOINTS, 3)
    return joints[..., list(HAND_JOINTS), :].flatten(-2), joints[..., list(BODY_JOINTS), :].flatten(-2)


def whole_matrices(hands: Tensor, body: Tensor) -> Tensor:
    """6D channels (..., 228) and (..., 54) -> (..., 47, 3, 3), in the order of the 141 channels."""
    first = joint_matrices(hands)
    out = torch.empty(*first.shape[:-3], JOINTS, 3, 3, dtype=first.dtype, device=first.device)
    out[..., list(HAND_JOINTS), :, :] = first
    out[..., list(BODY_JOINTS), :, :] = joint_matrices(body)
    return out
