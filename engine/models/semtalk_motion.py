"""SemTalk's motion: four codecs and the auto-encoder of global motion, from tokens to a body.

Parts and the 337 channels of the whole body are EMAGE's (:mod:`emage_motion`); the root's way is another one: here
global motion is found from the lower body's rotations and contacts, without the codec's translation, which nothing in
its training supervises.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from engine.models.codecs import MotionAutoencoder
from engine.models.emage_motion import LOWER_ROTATIONS, ROTATIONS, DecodedMotion, assembled, integrate
from engine.models.rotation6d import matrix_from_6d, matrix_to_6d
from engine.models.rvq import Rvq
from engine.models.semtalk_body import BODY

TRANS = slice(LOWER_ROTATIONS, LOWER_ROTATIONS + 3)  # of the lower part's channels (docs/sources/emage.md, section 2.2)
SEED = 4  # frames of a window that the one before gives (docs/sources/semtalk.md, section 9)


class SemTalkCodecs(nn.Module):
    """The codecs of face, upper, hands and lower, and the auto-encoder, as one thing that decodes."""

    def __init__(self, codecs: dict[str, Rvq], globe: MotionAutoencoder) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(codecs)
        self.globe = globe

    def codec(self, part: str) -> Rvq:
        """The codec of a body part."""
        return cast(Rvq, self.parts[part])

    def decode(self, tokens: dict[str, Tensor]) -> DecodedMotion:
        """Tokens (B, N, levels) of any of the parts -> motion (B, 4 N, ...); what is absent stays in its zero pose."""
        return self.decode_rows(self.rows(tokens))

    def rows(self, tokens: dict[str, Tensor]) -> dict[str, Tensor]:
        """Codebook rows (B, N, levels, D) of tokens."""
        return {part: self.codec(part).quantizer.rows(values) for part, values in tokens.items()}

    def decode_rows(self, rows: dict[str, Tensor]) -> DecodedMotion:
        """The same from codebook rows, or what lies between them."""
        return assembled({part: self.codec(part).decode_rows(values) for part, values in rows.items()})

    def translation(self, lower: Tensor, start: Tensor) -> Tensor:
        """Root translation (B, T, 3) in metres from the lower codec's output (B, T, 61), from ``start`` (B, 3) on."""
        six = lower[..., :LOWER_ROTATIONS].unflatten(-1, (-1, 6))  # type: ignore[no-untyped-call]
        clean = matrix_to_6d(matrix_from_6d(six)).flatten(-2)
        seen = torch.cat([clean, torch.zeros_like(lower[..., TRANS]), lower[..., TRANS.stop :]], dim=-1)
        return _travelled(self.globe(seen), start)

    def seed(self, tokens: dict[str, Tensor], start: Tensor, steady_root: bool = False) -> Tensor:
        """The last frames (B, 4, 337) of a window's tokens, for the next one to go on from.

        As released, the translation in them comes from channels that no training has touched, and starts at the line's
        ``start`` (B, 3) in every window; with ``steady_root`` it is the one that the take will have, from the window's
        ``start``. The face's joints are at rest.
        """
        motion = self.decode({part: tokens[part] for part in BODY})
        trans = self.translation(motion.lower, start) if steady_root else _travelled(motion.lower, start)
        channels = torch.cat([motion.channels[..., :ROTATIONS], trans, motion.channels[..., ROTATIONS + 3 :]], dim=-1)
        return channels[:, -SEED:]


def _travelled(channels: Tensor, start: Tensor) -> Tensor:
    """Places (B, T, 3) from channels (B, T, 61): horizontal velocities, summed up from ``start``, and a height."""
    found = channels[..., TRANS]
    across, along = (integrate(found[..., axis], start[:, axis]) for axis in (0, 2))
    return torch.stack([across, found[..., 1], along], dim=-1)
