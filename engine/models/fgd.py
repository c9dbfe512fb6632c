"""The feature network of the published Frechet gesture distance: skeleton-aware convolutions over joint rotations.

Aberman et al. 2020 (Skeleton-Aware Networks), in the sizes of EMAGE's evaluation: 330 rotation channels in, 240
features every 16 frames out. Masks and pooling matrices are stored with the weights, so no graph is built here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

MULTIPLE = 32  # frames that a clip is cut to a multiple of (docs/sources/metrics.md, section 1)
GROUPS = 10  # of channels that are normed together (docs/sources/emage.md, section 6.1)


class MaskedConv(nn.Module):
    """A convolution over time of which a stored mask keeps the pairs of joints that are near each other."""

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, padding: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel) * (inputs * kernel) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("mask", torch.ones(outputs, inputs, kernel))
        self.padding = padding

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, outputs, T / 2)."""
        return functional.conv1d(values, self.weight * self.mask, self.bias, 2, self.padding)


class Pool(nn.Module):
    """A stored matrix that averages neighbouring joints."""

    weight: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(outputs, inputs))

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, outputs, T)."""
        return self.weight @ values


class Level(nn.Module):
    """Convolution with GroupNorm beside a strided shortcut, then pooling where the level has one, then tanh."""

    def __init__(self, inputs: int, outputs: int, pooled: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(MaskedConv(inputs, outputs, 4, 1), nn.GroupNorm(GROUPS, outputs))
        self.shortcut = MaskedConv(inputs, outputs, 1, 0)
        self.common = nn.Sequential(*([Pool(outputs, pooled)] if pooled != outputs else []), nn.Tanh())

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, T) -> (B, pooled, T / 2)."""
        out: Tensor = self.common(self.residual(values) + self.shortcut(values))
        return out


class FeatureNetwork(nn.Module):
    """Rotations (B, T, 330) of all joints as 6D -> features (B, T' / 16, 240), T' the multiple of 32 below T.

    ``widths`` are (inputs, outputs, pooled) of every level. Statistics of GroupNorm run over the whole clip, so a clip
    is given as one piece.
    """

    def __init__(self, widths: tuple[tuple[int, int, int], ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(Level(*width)) for width in widths)

    def forward(self, rotations: Tensor) -> Tensor:
        """(B, T, 330) -> (B, T' / 16, 240)."""
        values = rotations[:, : rotations.shape[1] // MULTIPLE * MULTIPLE].transpose(1, 2)
        for layer in self.layers:
            values = layer(values)
        return values.transpose(1, 2)
