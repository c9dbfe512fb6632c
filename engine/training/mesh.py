"""A body part of EMAGE's codecs on the user's SMPL-X body: joints, vertices, contacts (docs/sources/emage.md,
sections 2.2 and 8.2).

Rotations are those of BEAT2's files, hands relative to smplx's mean hand; joints that a part does not hold are in the
files' zero pose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from engine.body.joints import FIRST_FINGER
from engine.body.skeleton import JOINT_COUNT
from engine.body.smplx_model import BodyModel, Shape
from engine.models.emage_motion import PART_JOINTS
from engine.models.rotation6d import axis_angle_to_matrix
from engine.training.beat2 import Floats, JointPlaces

CHUNK = 128  # frames posed at a time, measured: the published mesh of one frame takes 1.6 MB of transforms
NARROW = 1e-4  # rad, by eye: below it the series is exact in float32


def mesh_note(model: BodyModel | None, folder: Path | None = None) -> str:
    """What a training says of its losses on the mesh."""
    if model is None:
        return "SMPL-X mesh losses are off: no model was given (--smplx FOLDER); joints are those of our own skeleton"
    return f"SMPL-X mesh losses are on: {model.vertex_count} vertices of the model in {folder}"


def quaternion_from_matrix(matrix: Tensor) -> Tensor:
    """(N, 3, 3) -> (N, 4), real part first: from the largest of its four parts, so that gradients stay small.

    The networks' own conversion (rotation6d) has a gradient without bound near the identity, where hands often are.
    """
    m = matrix
    real = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    skew = [m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]]
    even = [m[:, 1, 0] + m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 2, 1] + m[:, 1, 2]]
    squares = [1 + real, *(1 + 2 * m[:, i, i] - real for i in range(3))]
    rows = [
        [squares[0], skew[0], skew[1], skew[2]],
        [skew[0], squares[1], even[0], even[1]],
        [skew[1], even[0], squares[2], even[2]],
        [skew[2], even[1], even[2], squares[3]],
    ]
    table = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)
    largest = torch.stack(squares, dim=-1).argmax(dim=-1)
    return functional.normalize(table[torch.arange(len(m), device=m.device), largest], dim=-1)


def rotation_vector(matrix: Tensor) -> Tensor:
    """(N, 3, 3) -> (N, 3) axis-angle in radians, with a gradient everywhere but at half a turn."""
    quaternion = quaternion_from_matrix(matrix)
    quaternion = torch.where(quaternion[:, :1] < 0, -quaternion, quaternion)
    imaginary, real = quaternion[:, 1:], quaternion[:, :1]
    square = (imaginary**2).sum(-1, keepdim=True)
    small = square < NARROW**2
    length = torch.where(small, torch.ones_like(square), square).sqrt()
    return imaginary * torch.where(small, 2.0 + square / 3.0, 2.0 * torch.atan2(length, real) / length)


def whole_pose(model: BodyModel, part: str, rotations: Tensor) -> Tensor:
    """(N, 55, 3, 3) of the body whose ``part`` has the stored ``rotations`` (N, J, 3, 3), all else in its zero pose."""
    count, mean = len(rotations), model.hand_mean
    identity = torch.eye(3, device=rotations.device).expand(count, FIRST_FINGER, 3, 3)
    body = [*identity.unbind(1), *axis_angle_to_matrix(mean).expand(count, -1, 3, 3).unbind(1)]
    turned = rotations.float()
    if part == "hands":  # the mean is added to the rotation vector, as smplx does
        vectors = rotation_vector(turned.flatten(0, 1)).unflatten(0, (count, -1)) + mean  # type: ignore[no-untyped-call]
        turned = axis_angle_to_matrix(vectors)
    for row, joint in enumerate(PART_JOINTS[part]):
        body[joint] = turned[:, row]
    return torch.stack(body, dim=1)


class PartBody:
    """The user's body with one part of it moved; all inputs and outputs lead with (B, T).

    Of ``rotations`` (B, T, J, 3, 3), ``betas`` (B, 300) and perhaps ``expression`` (B, T, 100). The root does not move.
    """

    def __init__(self, model: BodyModel, part: str) -> None:
        self.model, self.part = model, part

    def joints(self, rotations: Tensor, betas: Tensor) -> Tensor:
        """(B, T, 55, 3) metres."""
        return self._posed(self.model.joints, rotations, betas, None)

    def vertices(self, rotations: Tensor, betas: Tensor, expression: Tensor | None = None) -> Tensor:
        """(B, T, V, 3) metres."""
        return self._posed(self.model.vertices, rotations, betas, expression)

    def _posed(
        self, place: Callable[[Tensor, Shape], Tensor], rotations: Tensor, betas: Tensor, expression: Tensor | None
    ) -> Tensor:
        windows, frames = rotations.shape[:2]
        self.model.to(rotations.device)
        flat = rotations.flatten(0, 1)
        wide = betas.repeat_interleave(frames, dim=0)
        faces = torch.zeros((len(flat), 100), device=flat.device) if expression is None else expression.flatten(0, 1)
        run = partial(self._chunk, place)
        pieces = [
            # Posed again on the way back: kept, the transforms of 4096 published meshes would fill 6 GB.
            checkpoint(run, *(values[first : first + CHUNK] for values in (flat, wide, faces)), use_reentrant=False)
            for first in range(0, len(flat), CHUNK)
        ]
        return torch.cat(pieces).unflatten(0, (windows, frames))  # type: ignore[no-untyped-call,no-any-return]

    def _chunk(self, place: Callable[[Tensor, Shape], Tensor], turned: Tensor, betas: Tensor, faces: Tensor) -> Tensor:
        with torch.autocast(turned.device.type, enabled=False):
            return place(whole_pose(self.model, self.part, turned), Shape.of(betas, faces))


def model_places(model: BodyModel) -> JointPlaces:
    """Joints of the user's model with the speaker's betas, and the take's translation and expressions."""

    def places(poses: Floats, trans: Floats, betas: Floats, expressions: Floats) -> NDArray[np.float64]:
        model.cpu()
        vectors = torch.from_numpy(poses).reshape(-1, JOINT_COUNT, 3).clone()
        vectors[:, FIRST_FINGER:] += model.hand_mean
        turned = axis_angle_to_matrix(vectors)
        shape = Shape.of(torch.from_numpy(betas), torch.from_numpy(expressions))
        with torch.inference_mode():
            joints = model.joints(turned, shape).double().numpy()
        return np.asarray(joints + trans[:, None], dtype=np.float64)

    return places
