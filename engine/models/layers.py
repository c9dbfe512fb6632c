"""Small layers that the published systems share. Motion is (B, T, channels); nothing here changes T."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

CODEC_SLOPE = 0.2  # no unit, below zero (docs/sources/emage.md, section 3.2)


class TwoLayers(nn.Module):
    """Linear, leaky ReLU, linear."""

    def __init__(self, inputs: int, inner: int, outputs: int, slope: float = 0.1) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(inputs, inner), nn.Linear(inner, outputs)
        self.slope = slope

    def forward(self, values: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        out: Tensor = self.fc2(functional.leaky_relu(self.fc1(values), self.slope))
        return out


class ResidualConv(nn.Module):
    """x + conv(leaky ReLU(conv(x))), kernel 3, on (B, channels, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(_conv(channels, channels), nn.LeakyReLU(CODEC_SLOPE), _conv(channels, channels))

    def forward(self, values: Tensor) -> Tensor:
        """(B, channels, T) -> the same shape."""
        out: Tensor = self.model(values)
        return out + values


def _conv(inputs: int, outputs: int) -> nn.Conv1d:
    layer = nn.Conv1d(inputs, outputs, 3, 1, 1)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class MotionEncoder(nn.Module):
    """Convolutions from motion channels to one latent a frame; looks 3 frames a layer to each side."""

    def __init__(self, channels: int, latent: int, depth: int) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for index in range(depth):
            steps += [_conv(latent if index else channels, latent), nn.LeakyReLU(CODEC_SLOPE), ResidualConv(latent)]
        self.main = nn.Sequential(*steps)

    def forward(self, motion: Tensor) -> Tensor:
        """(B, T, channels) -> (B, T, latent)."""
        out: Tensor = self.main(motion.transpose(1, 2)).transpose(1, 2)
        return out


class MotionDecoder(nn.Module):
    """Convolutions from one latent a frame to motion channels; looks 5 + depth frames to each side."""

    def __init__(self, channels: int, latent: int, depth: int) -> None:
        super().__init__()
        steps: list[nn.Module] = [ResidualConv(latent), ResidualConv(latent)]
        for index in range(depth):
            last = index == depth - 1
            steps += [_conv(latent, channels if last else latent), nn.LeakyReLU(CODEC_SLOPE)]
        self.main = nn.Sequential(*steps, _conv(channels, channels))
        self.sight = 5 + depth

    def forward(self, latents: Tensor) -> Tensor:
        """(B, T, latent) -> (B, T, channels)."""
        out: Tensor = self.main(latents.transpose(1, 2)).transpose(1, 2)
        return out


class PeriodicPositions(nn.Module):
    """Sinusoid positions (Vaswani et al. 2017, section 3.5), repeated after ``period`` frames; dropout after adding."""

    pe: Tensor

    def __init__(self, width: int, period: int, dropout: float = 0.1) -> None:
        super().__init__()
        pace = np.exp(np.arange(0, width, 2) * (-math.log(10000.0) / width))
        angles = np.arange(period)[:, None] * pace
        table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(period, width)
        both = np.concatenate([table, table])[None].astype(np.float32)
        self.register_buffer("pe", torch.from_numpy(both))
        self.drop = nn.Dropout(dropout)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> the same with positions added; T up to two periods."""
        out: Tensor = self.drop(sequence + self.pe[:, : sequence.shape[1]])
        return out
