"""HuBERT's speech features (Hsu et al. 2021), both published shapes, with the parameter names of the hub's folders.

The base model norms the first convolution over time and each layer's output; the large one norms every convolution over
its channels and each layer's input. Which one it is says the folder's configuration (:mod:`hubert_folder`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.models.attention import ProjectedAttention

SHORTEST_VARIANCE = 1e-7  # of full scale, squared, as the hub's feature extractor
STRIDE, FIELD = 320, 400  # samples between features, and samples that one looks at: HuBERT's convolutions
CHUNK = 1000  # features at once (docs/sources/semtalk.md, section 4.1)


@dataclass(frozen=True)
class HubertSize:
    """Sizes; the defaults are hubert-base-ls960's. ``kernels`` and ``strides`` are those of the convolutions over the
    wave, ``place_kernel`` and ``place_groups`` those of the convolution that tells places in time. ``large``: norms
    come first, and every convolution has one."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 3072
    channels: tuple[int, ...] = (512,) * 7
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    conv_bias: bool = False
    large: bool = False
    place_kernel: int = 128
    place_groups: int = 16
    epsilon: float = 1e-5

    def frames(self, samples: int) -> int:
        """Features that so many samples give; 0 where there are too few for one."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = (samples - kernel) // stride + 1
        return max(0, samples)


def normalized(wave: Tensor) -> Tensor:
    """(B, N) with zero mean and unit variance in each row, as the published processor does it."""
    mean = wave.mean(-1, keepdim=True)
    variance = wave.var(-1, keepdim=True, unbiased=False)
    return (wave - mean) / torch.sqrt(variance + SHORTEST_VARIANCE)


class WaveConv(nn.Module):
    """A strided convolution, its norm, GELU."""

    def __init__(self, size: HubertSize, index: int) -> None:
        super().__init__()
        inputs = size.channels[index - 1] if index else 1
        outputs = size.channels[index]
        self.conv = nn.Conv1d(inputs, outputs, size.kernels[index], size.strides[index], bias=size.conv_bias)
        self.over_channels = size.large
        if size.large:
            self.layer_norm: nn.Module = nn.LayerNorm(outputs)
        elif index == 0:
            self.layer_norm = nn.GroupNorm(outputs, outputs)
        else:
            self.layer_norm = nn.Identity()

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, N) -> (B, outputs, N / stride)."""
        out: Tensor = self.conv(values)
        out = self.layer_norm(out.transpose(1, 2)).transpose(1, 2) if self.over_channels else self.layer_norm(out)
        return functional.gelu(out)


class WaveFeatures(nn.Module):
    """The convolutions from a wave to 50 features a second."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList(WaveConv(size, index) for index in range(len(size.channels)))

    def forward(self, wave: Tensor) -> Tensor:
        """(B, N) -> (B, T, channels)."""
        out = wave[:, None]
        for layer in self.conv_layers:
            out = layer(out)
        return out.transpose(1, 2)


class FeatureProjection(nn.Module):
    """Norm and linear map from the convolutions to the transformer."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(size.channels[-1], eps=size.epsilon)
        self.projection = nn.Linear(size.channels[-1], size.width)

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, channels) -> (B, T, width)."""
        out: Tensor = self.projection(self.layer_norm(features))
        return out


class PlaceWeight(nn.Module):
    """A convolution's weight stored as the length of every kernel tap and its direction (Salimans, Kingma 2016)."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(1, 1, size.place_kernel))
        self.weight_v = nn.Parameter(torch.empty(size.width, size.width // size.place_groups, size.place_kernel))
        self.bias = nn.Parameter(torch.zeros(size.width))
        nn.init.normal_(self.weight_v, std=(size.place_kernel * size.width) ** -0.5)

    def weight(self) -> Tensor:
        """(width, width / groups, kernel)."""
        length = torch.linalg.vector_norm(self.weight_v, dim=(0, 1), keepdim=True)
        weight: Tensor = self.weight_v * (self.weight_g / length)
        return weight


class PlaceConv(nn.Module):
    """Places in time by a grouped convolution."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.groups, self.padding = size.place_groups, size.place_kernel // 2
        self.conv = PlaceWeight(size)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width); an even kernel gives one step too many, which is dropped."""
        values = sequence.transpose(1, 2)
        out = functional.conv1d(values, self.conv.weight(), self.conv.bias, 1, self.padding, 1, self.groups)
        return functional.gelu(out[..., : sequence.shape[1]]).transpose(1, 2)


class HubertFeedForward(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(size.width, size.inner)
        self.output_dense = nn.Linear(size.inner, size.width)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        out: Tensor = self.output_dense(functional.gelu(self.intermediate_dense(sequence)))
        return out


class HubertLayer(nn.Module):
    """Attention and feed-forward with residuals; norms before them in the large model, after them in the base one."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.before = size.large
        self.attention = ProjectedAttention(size.width, size.heads, causal=False)
        self.layer_norm = nn.LayerNorm(size.width, eps=size.epsilon)
        self.feed_forward = HubertFeedForward(size)
        self.final_layer_norm = nn.LayerNorm(size.width, eps=size.epsilon)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        if self.before:
            sequence = sequence + self.attention(self.layer_norm(sequence))
            out: Tensor = sequence + self.feed_forward(self.final_layer_norm(sequence))
            return out
        sequence = self.layer_norm(sequence + self.attention(sequence))
        out = self.final_layer_norm(sequence + self.feed_forward(sequence))
        return out


class HubertEncoder(nn.Module):
    """Places, then the transformer's layers; the base model's norm comes before them, the large one's after them."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.late_norm = size.large
        self.pos_conv_embed = PlaceConv(size)
        self.layer_norm = nn.LayerNorm(size.width, eps=size.epsilon)
        self.layers = nn.ModuleList(HubertLayer(size) for _ in range(size.layers))

    def placed(self, sequence: Tensor) -> Tensor:
        """(B, T, width): what enters the first layer."""
        out: Tensor = sequence + self.pos_conv_embed(sequence)
        return out if self.late_norm else self.layer_norm(out)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        out = self.placed(sequence)
        for layer in self.layers:
            out = layer(out)
        return self.layer_norm(out) if self.late_norm else out


class Hubert(nn.Module):
    """Speech at 16 kHz, :func:`normalized` -> the last layer's features, 50 a second."""

    def __init__(self, size: HubertSize) -> None:
        super().__init__()
        self.size = size
        self.masked_spec_embed = nn.Parameter(torch.zeros(size.width))  # stored by the hub; only its training uses it
        self.feature_extractor = WaveFeatures(size)
        self.feature_projection = FeatureProjection(size)
        self.encoder = HubertEncoder(size)

    def forward(self, wave: Tensor) -> Tensor:
        """(B, N) -> (B, size.frames(N), width)."""
        out: Tensor = self.encoder(self.feature_projection(self.feature_extractor(wave)))
        return out


@torch.inference_mode()
def hubert_steps(
    model: Hubert, wave: NDArray[np.float32], progress: Callable[[float], None] = lambda _: None
) -> NDArray[np.float32]:
    """HuBERT's features (H, width) of a wave (N,), 320 samples each, in pieces of 1000: long lines take no more
    memory than short ones.

    H = (N - 80) // 320; where the last piece is too short for a feature, zeros stand in its place.
    """
    device = model.masked_spec_embed.device
    sound = normalized(torch.from_numpy(np.ascontiguousarray(wave))[None]).to(device)
    wanted = (len(wave) - (FIELD - STRIDE)) // STRIDE
    found: list[torch.Tensor] = []
    for first in range(0, len(wave), CHUNK * STRIDE):
        progress(first / len(wave))
        piece = sound[:, first : first + CHUNK * STRIDE + FIELD - STRIDE]
        if piece.shape[1] >= FIELD:
            found.append(model(piece)[0])
    steps = torch.cat(found)[:wanted].cpu().numpy()
    return np.concatenate([steps, np.zeros((wanted - len(steps), steps.shape[1]), np.float32)])
