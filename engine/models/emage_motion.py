"""EMAGE's motion vectors: body parts in and out of 337 channels, decoding of codes, and root translation.

Channels of the whole body: 6 x 55 rotations (joint by joint), translation (3, metres), foot contacts (4).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.codecs import MotionAutoencoder, MotionCodec
from engine.models.emage import PARTS
from engine.models.rotation6d import axis_angle_to_6d, six_to_axis_angle

# EMAGE's release (docs/sources/emage.md, section 2): numbers of joints and channels, SMPL-X joints of each part.
JOINTS = 55
ROTATIONS = 6 * JOINTS
CHANNELS = ROTATIONS + 3 + 4
JAW = 22
PART_JOINTS: dict[str, tuple[int, ...]] = {
    "face": (JAW,),
    "upper": (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    "hands": tuple(range(25, 55)),
    "lower": (0, 1, 2, 4, 5, 7, 8, 10, 11),
}
LOWER_ROTATIONS = 6 * len(PART_JOINTS["lower"])
FPS = 30.0  # Hz


@dataclass(frozen=True, eq=False)
class DecodedMotion:
    """``axis_angle`` (B, T, 55, 3) radians; ``expression`` (B, T, 100); ``lower`` (B, T, 61) as the codec gives it;
    ``channels`` (B, T, 337), which the next window takes as its seed."""

    axis_angle: Tensor
    expression: Tensor
    lower: Tensor
    channels: Tensor


def whole_body(axis_angle: Tensor, trans: Tensor, contacts: Tensor) -> Tensor:
    """(B, T, 55, 3), (B, T, 3), (B, T, 4) -> (B, T, 337)."""
    return torch.cat([axis_angle_to_6d(axis_angle).flatten(2), trans, contacts], dim=-1)


def split_parts(channels: Tensor, expression: Tensor) -> dict[str, Tensor]:
    """Whole-body channels (B, T, 337) and expressions (B, T, 100) -> the four codecs' inputs."""
    six = channels[..., :ROTATIONS].unflatten(-1, (JOINTS, 6))  # type: ignore[no-untyped-call]
    parts = {part: six[:, :, list(joints)].flatten(2) for part, joints in PART_JOINTS.items()}
    parts["face"] = torch.cat([parts["face"], expression], dim=-1)
    parts["lower"] = torch.cat([parts["lower"], channels[..., ROTATIONS:]], dim=-1)
    return parts


class EmageCodecs(nn.Module):
    """The four codecs and the auto-encoder of global motion, as one thing that decodes."""

    def __init__(self, codecs: dict[str, MotionCodec], globe: MotionAutoencoder) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(codecs)
        self.globe = globe

    def codec(self, part: str) -> MotionCodec:
        """The codec of a body part."""
        found = self.parts[part]
        assert isinstance(found, MotionCodec)
        return found

    def decode(self, codes: dict[str, Tensor]) -> DecodedMotion:
        """Codes (B, T) of any of the parts -> motion; a part without codes stays in its zero pose, and eyes always."""
        return self.decode_rows({part: self.codec(part).quantizer.rows(values) for part, values in codes.items()})

    def decode_rows(self, rows: dict[str, Tensor]) -> DecodedMotion:
        """The same from codebook rows, or what lies between them, (B, T, D)."""
        return assembled({part: self.codec(part).decoder(rows[part]) for part in PARTS if part in rows})

    def translation(self, lower: Tensor, start: Tensor) -> Tensor:
        """Root translation (B, T, 3) in metres from the lower codec's output (B, T, 61), from ``start`` (B, 3) on.

        The auto-encoder gives horizontal velocities, which are summed up, and an absolute height.
        """
        found = self.globe(lower)[..., LOWER_ROTATIONS : LOWER_ROTATIONS + 3]
        out = torch.empty_like(found)
        for axis in (0, 2):
            out[..., axis] = integrate(found[..., axis], start[:, axis])
        out[..., 1] = found[..., 1]
        return out


def assembled(raw: dict[str, Tensor]) -> DecodedMotion:
    """What the parts' decoders put out, (B, T, C) each, as one body; absent parts stay in their zero pose, and eyes
    always."""
    like = next(iter(raw.values()))[..., 0]
    axis_angle = torch.zeros((*like.shape, JOINTS, 3), device=like.device)
    for part, values in raw.items():
        joints = list(PART_JOINTS[part])
        six = values[..., : 6 * len(joints)].unflatten(-1, (len(joints), 6))  # type: ignore[no-untyped-call]
        axis_angle[:, :, joints] = six_to_axis_angle(six)
    expression = raw["face"][..., 6:] if "face" in raw else torch.zeros((*like.shape, 100), device=like.device)
    lower = raw["lower"] if "lower" in raw else _upright_root(like)
    channels = whole_body(axis_angle, lower[..., LOWER_ROTATIONS:-4], lower[..., -4:])
    return DecodedMotion(axis_angle, expression, lower, channels)


def integrate(velocity: Tensor, start: Tensor) -> Tensor:
    """Places (B, T) from velocities (B, T) a second and first places (B,), by explicit Euler steps of a frame."""
    steps = torch.cat([start[:, None], velocity[:, :-1] / FPS], dim=1)
    return torch.cumsum(steps, dim=1)


def _upright_root(like: Tensor) -> Tensor:
    """The lower stream of a part that is not given: identity rotations, no translation, no contacts."""
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], device=like.device).repeat(len(PART_JOINTS["lower"]))
    return torch.cat([identity, torch.zeros(7, device=like.device)]).expand(*like.shape, -1)
