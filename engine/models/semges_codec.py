"""SemGes' motion prior: a convolutional VQ-VAE a part, one code a frame, commitment adapted to the use of the codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.codecs import Quantized, Quantizer, VectorCodec
from engine.models.layers import CODEC_SLOPE, ResidualConv

# SemGes' release (docs/sources/semges.md, section 2).
COMMITMENT = 1.0  # no unit, weight at the start
COMMITMENT_RANGE = (0.1, 2.0)  # no unit
FEW_CODES = 2.0  # codes in use (perplexity), below which the weight grows
GROWTH, DECAY = 1.05, 0.95  # a call, factors
WIDTH, CODES = 512, 256  # channels of a latent, rows of a codebook


class AdaptiveQuantizer(Quantizer):
    """Nearest code; after every call the commitment grows where hardly two codes are used, and decays otherwise.

    The release keeps it outside the state dict and changes it in evaluation too (docs/sources/semges.md, section 2), so
    a run of calls is needed to reproduce its losses.
    """

    def __init__(self, codes: int, width: int) -> None:
        super().__init__(codes, width, COMMITMENT)

    def forward(self, latents: Tensor) -> Quantized:
        """Quantise with a straight-through gradient, then adapt the commitment for the next call."""
        found = super().forward(latents)
        factor = GROWTH if float(found.perplexity) < FEW_CODES else DECAY
        single = torch.tensor(self.commitment, dtype=torch.float32) * factor
        self.commitment = float(single.clamp(*COMMITMENT_RANGE))
        return found


class _Convolutions(nn.Module):
    """A chain of layers over time, on (B, T, channels)."""

    def __init__(self, steps: list[nn.Module]) -> None:
        super().__init__()
        self.main = nn.Sequential(*steps)
        for layer in self.modules():
            if isinstance(layer, nn.Conv1d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="leaky_relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, values: Tensor) -> Tensor:
        """(B, T, in) -> (B, T, out)."""
        out: Tensor = self.main(values.transpose(1, 2)).transpose(1, 2)
        return out


def _step(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv1d(inputs, outputs, 3, 1, 1), nn.BatchNorm1d(outputs), nn.LeakyReLU(CODEC_SLOPE)]


@dataclass(frozen=True)
class SemgesCodecSize:
    """Motion channels, width of latents, rows of the codebook."""

    channels: int
    width: int = WIDTH
    codes: int = CODES


class SemgesCodec(VectorCodec):
    """VQ-VAE of one part (docs/sources/semges.md, section 2); sees 6 frames to each side in, 7 out."""

    def __init__(self, size: SemgesCodecSize) -> None:
        super().__init__()
        self.size = size
        width = size.width
        self.encoder = _Convolutions(
            [*_step(size.channels, width), ResidualConv(width), *_step(width, width), ResidualConv(width)]
        )
        self.quantizer = AdaptiveQuantizer(size.codes, width)
        self.decoder = _Convolutions(
            [
                ResidualConv(width),
                ResidualConv(width),
                *_step(width, width),
                *_step(width, size.channels),
                nn.Conv1d(size.channels, size.channels, 3, 1, 1),
            ]
        )
