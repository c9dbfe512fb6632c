"""The text half of CLIP (Radford et al. 2021), with the parameter names of the hub's folders."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.attention import ProjectedAttention

GELU_PACE = 1.702  # no unit, CLIP's "quick" GELU


@dataclass(frozen=True)
class ClipTextSize:
    """Sizes; the defaults are ViT-B/32's. ``quick``: the GELU is its sigmoid approximation, as published."""

    width: int = 512
    layers: int = 12
    heads: int = 8
    inner: int = 2048
    words: int = 49408
    places: int = 77
    outputs: int = 512
    quick: bool = True
    epsilon: float = 1e-5


class ClipMlp(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, size: ClipTextSize) -> None:
        super().__init__()
        self.quick = size.quick
        self.fc1, self.fc2 = nn.Linear(size.width, size.inner), nn.Linear(size.inner, size.width)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        inner = self.fc1(sequence)
        inner = inner * torch.sigmoid(GELU_PACE * inner) if self.quick else functional.gelu(inner)
        out: Tensor = self.fc2(inner)
        return out


class ClipLayer(nn.Module):
    """Attention and feed-forward with norms before them."""

    def __init__(self, size: ClipTextSize) -> None:
        super().__init__()
        self.self_attn = ProjectedAttention(size.width, size.heads, causal=True)
        self.layer_norm1 = nn.LayerNorm(size.width, eps=size.epsilon)
        self.mlp = ClipMlp(size)
        self.layer_norm2 = nn.LayerNorm(size.width, eps=size.epsilon)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, L, width) -> (B, L, width)."""
        sequence = sequence + self.self_attn(self.layer_norm1(sequence))
        out: Tensor = sequence + self.mlp(self.layer_norm2(sequence))
        return out


class ClipEmbeddings(nn.Module):
    """Tokens and their places."""

    def __init__(self, size: ClipTextSize) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(size.words, size.width)
        self.position_embedding = nn.Embedding(size.places, size.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) int64 -> (B, L, width)."""
        out: Tensor = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        return out


class ClipEncoder(nn.Module):
    """The layers."""

    def __init__(self, size: ClipTextSize) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ClipLayer(size) for _ in range(size.layers))


class ClipTextTower(nn.Module):
    """Embeddings, layers, norm."""

    def __init__(self, size: ClipTextSize) -> None:
        super().__init__()
        self.embeddings = ClipEmbeddings(size)
        self.encoder = ClipEncoder(size)
        self.final_layer_norm = nn.LayerNorm(size.width, eps=size.epsilon)


class ClipText(nn.Module):
    """A sentence's tokens -> its vector, not normalised."""

    def __init__(self, size: ClipTextSize) -> None:
        super().__init__()
        self.size = size
        self.text_model = ClipTextTower(size)
        self.text_projection = nn.Linear(size.width, size.outputs, bias=False)

    def forward(self, tokens: Tensor, last: Tensor) -> Tensor:
        """Tokens (B, L) int64, of which number ``last`` (B,) ends the sentence -> (B, outputs)."""
        sequence = self.text_model.embeddings(tokens)
        for layer in self.text_model.encoder.layers:
            sequence = layer(sequence)
        sequence = self.text_model.final_layer_norm(sequence)
        out: Tensor = self.text_projection(sequence[torch.arange(len(last)), last])
        return out
