"""Layers of SemTalk that its two networks share (docs/sources/semtalk.md, section 5). Sequences are (B, T, width)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.attention import Decoder, DecoderLayer, KeysValues

# SemTalk's release (docs/sources/semtalk.md, section 5): slope below zero, levels that are predicted, heads and layers.
SLOPE = 0.2
RESIDUAL_LEVELS = (1, 2, 3, 4, 5)
RESIDUAL_HEADS, RESIDUAL_DEPTH = 8, 3


class Mlp(nn.Module):
    """Linear, leaky ReLU, linear."""

    def __init__(self, inputs: int, inner: int, outputs: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(inputs, inner), nn.LeakyReLU(SLOPE), nn.Linear(inner, outputs))

    def forward(self, values: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        out: Tensor = self.mlp(values)
        return out


class SpeechConv(nn.Sequential):
    """HuBERT's features to one of the network's width: convolution, BatchNorm, GELU, convolution."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(
            nn.Conv1d(inputs, width, 3, 1, 1, bias=False),
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Conv1d(width, width, 3, 1, 1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, inputs) -> (B, T, width)."""
        out: Tensor = super().forward(features.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-untyped-call]
        return out


class Halving(nn.Conv1d):
    """Two steps into one, by a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 2, 2)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T / 2, width)."""
        return super().forward(sequence.transpose(1, 2)).transpose(1, 2)


class Mixing(nn.Linear):
    """Two streams into one, their shares weighed for every channel.

    The linear map's outputs 2 c and 2 c + 1 belong to channel c: the first weighs the *second* stream.
    """

    def __init__(self, width: int) -> None:
        super().__init__(2 * width, 2 * width)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:  # type: ignore[override]
        """(B, T, width) twice -> (B, T, width)."""
        scores = super().forward(torch.cat([first, second], dim=-1))
        shares = scores.unflatten(-1, (-1, 2)).softmax(-1)  # type: ignore[no-untyped-call]
        mixed: Tensor = first * shares[..., 1] + second * shares[..., 0]
        return mixed


class CodePredictor(nn.Module):
    """Levels 1 to 5 of a part's tokens from level 0 and the speech (residual code prediction).

    Level k reads level 0 and the levels before it; the release feeds its own latents back, never the codes chosen.
    """

    def __init__(self, width: int, codes: int) -> None:
        super().__init__()
        layer = DecoderLayer(width, RESIDUAL_HEADS, 4 * width)
        for level in RESIDUAL_LEVELS:
            self.add_module(f"cross_attn_{level}", Decoder(layer, RESIDUAL_DEPTH))
            self.add_module(f"classfier_{level}", Mlp(width, width, codes))  # spelled as the release stores it
            if level > 1:
                self.add_module(f"map_zq{level}", nn.Linear(level * width, width))

    def known(self, speech: Tensor) -> list[list[KeysValues]]:
        """Keys and values of the speech (B, T, width) for every level's layers."""
        return [self._decoder(level).known(speech) for level in RESIDUAL_LEVELS]

    def forward(self, first: Tensor, known: list[list[KeysValues]]) -> tuple[Tensor, Tensor]:
        """Level 0's latent (B, N, width) -> latents (B, N, 6, width) and logits (B, N, 5, codes) of levels 1 to 5."""
        latents, logits = [first], []
        for level, memory in zip(RESIDUAL_LEVELS, known, strict=True):
            seen = first if level == 1 else self.get_submodule(f"map_zq{level}")(torch.cat(latents, dim=-1))
            latents.append(self._decoder(level)(seen, memory) + seen)
            logits.append(self.get_submodule(f"classfier_{level}")(latents[-1]))
        return torch.stack(latents, dim=-2), torch.stack(logits, dim=-2)

    def _decoder(self, level: int) -> Decoder:
        return cast(Decoder, self.get_submodule(f"cross_attn_{level}"))


def pooled(sequence: Tensor, steps: int) -> Tensor:
    """(B, T, width) -> (B, T / steps, width), means of so many steps."""
    return functional.avg_pool1d(sequence.transpose(1, 2), steps).transpose(1, 2)
