"""The motion of SemGes: BEAT's 141 channels, 47 joints of three Euler degrees, as the release has it, and SMPL-X parts
as our own weights have it (docs/sources/semges.md, sections 1 and 10)."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.rotation6d import (
    axis_angle_to_matrix,
    matrix_from_6d,
    matrix_to_6d,
    matrix_to_quaternion,
    quaternion_to_axis_angle,
)

# BEAT's joints in its own order and SMPL-X's (docs/sources/semges.md, sections 1.1 and 10); channels are 6 a joint.
JOINTS = 47
BODY_JOINTS = (*range(6), *range(25, 28))
HAND_JOINTS = (*range(6, 25), *range(28, 47))
SMPLX_BODY = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19)
SMPLX_HANDS = (20, 21, *range(25, 55))
BEAT_CHANNELS = (6 * len(HAND_JOINTS), 6 * len(BODY_JOINTS))
SMPLX_CHANNELS = (6 * len(SMPLX_HANDS), 6 * len(SMPLX_BODY))
SPINE, NECKS = (3, 6, 9), (12, 15)
# For left and right: the wrist among BEAT's joints, its collar, SMPL-X's collar to wrist, its first finger joint.
SIDES = ((28, 25, (13, 16, 18, 20), 25), (6, 3, (14, 17, 19, 21), 40))
# BEAT's joints after the wrist, of index, middle, pinky, ring and thumb, SMPL-X's order; of four the first lies in the
# palm.
FINGERS = ((12, 13, 14, 15), (1, 2, 3), (8, 9, 10, 11), (4, 5, 6, 7), (16, 17, 18))


def joint_matrices(six: Tensor) -> Tensor:
    """(..., 6 J) -> (..., J, 3, 3)."""
    return matrix_from_6d(six.reshape(*six.shape[:-1], -1, 6))


def whole_matrices(hands: Tensor, body: Tensor) -> Tensor:
    """6D channels (..., 228) and (..., 54) -> (..., 47, 3, 3), in the order of the 141 channels."""
    first = joint_matrices(hands)
    out = torch.empty(*first.shape[:-3], JOINTS, 3, 3, dtype=first.dtype, device=first.device)
    out[..., list(HAND_JOINTS), :, :] = first
    out[..., list(BODY_JOINTS), :, :] = joint_matrices(body)
    return out


def smplx_pose(hands: Tensor, body: Tensor) -> Tensor:
    """6D channels of either kind -> axis-angle (..., 55, 3) radians of an SMPL-X pose, zero where the networks know
    nothing. BEAT's joints are turned over as they are: both rest poses are taken for the same T-pose."""
    if (hands.shape[-1], body.shape[-1]) == BEAT_CHANNELS:
        return _of_beat(whole_matrices(hands, body))
    local = torch.eye(3, dtype=hands.dtype, device=hands.device).expand(*hands.shape[:-1], 55, 3, 3).clone()
    local[..., list(SMPLX_HANDS), :, :] = joint_matrices(hands)
    local[..., list(SMPLX_BODY), :, :] = joint_matrices(body)
    return _axis_angle(local)


def smplx_parts(poses: Tensor) -> tuple[Tensor, Tensor]:
    """Axis-angle (..., 55, 3) -> 6D channels of hands (..., 192) and body (..., 66), what our own weights perform."""
    six = matrix_to_6d(axis_angle_to_matrix(poses))
    return six[..., list(SMPLX_HANDS), :].flatten(-2), six[..., list(SMPLX_BODY), :].flatten(-2)


def _of_beat(beat: Tensor) -> Tensor:
    """(..., 47, 3, 3) -> (..., 55, 3): the spine's one turn shared by three joints, bones of the palm folded into the
    fingers' first joints."""
    out = torch.zeros(*beat.shape[:-3], 55, 3, dtype=beat.dtype, device=beat.device)
    turns = _axis_angle(beat)
    out[..., list(SPINE), :] = turns[..., :1, :] / len(SPINE)
    out[..., list(NECKS), :] = turns[..., 1:3, :]
    for wrist, collar, arm, finger in SIDES:
        out[..., list(arm[:3]), :] = turns[..., collar : collar + 3, :]
        out[..., arm[3], :] = turns[..., wrist, :]
        for place, joints in enumerate(FINGERS):
            inner, *others = [wrist + joint for joint in joints]
            first = beat[..., inner, :, :] @ beat[..., others[0], :, :] if len(joints) > 3 else beat[..., inner, :, :]
            rest = others[1:] if len(joints) > 3 else others
            at = finger + 3 * place
            out[..., at, :] = _axis_angle(first)
            out[..., [at + 1, at + 2], :] = turns[..., rest, :]
    return out


def _axis_angle(matrix: Tensor) -> Tensor:
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))
