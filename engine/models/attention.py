"""Post-norm transformer layers with the parameter names of ``torch.nn.TransformerEncoderLayer`` and ``DecoderLayer``.

Batch first, no masks. Written out, because inference wants the keys and values of a fixed memory computed once for many
windows, which torch's own layers hide.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

KeysValues = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """Multi-head attention; parameters named as in ``torch.nn.MultiheadAttention``."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def keys_values(self, memory: Tensor) -> KeysValues:
        """Keys and values (B, heads, S, width / heads) of a memory (B, S, width)."""
        width = memory.shape[-1]
        both = functional.linear(memory, self.in_proj_weight[width:], self.in_proj_bias[width:])
        keys, values = both[..., :width], both[..., width:]
        return self._split(keys), self._split(values)

    def attend(self, query: Tensor, known: KeysValues) -> Tensor:
        """(B, T, width) of queries (B, T, width) over keys and values made before."""
        width = query.shape[-1]
        asked = self._split(functional.linear(query, self.in_proj_weight[:width], self.in_proj_bias[:width]))
        dropout = self.dropout if self.training else 0.0
        found = functional.scaled_dot_product_attention(asked, *known, dropout_p=dropout)
        out: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))
        return out

    def over_itself(self, sequence: Tensor) -> Tensor:
        """Self-attention, its three projections in one product."""
        parts = functional.linear(sequence, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        asked, keys, values = (self._split(part) for part in parts)
        dropout = self.dropout if self.training else 0.0
        found = functional.scaled_dot_product_attention(asked, keys, values, dropout_p=dropout)
        out: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))
        return out

    def _split(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:2], self.heads, -1).transpose(1, 2)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each with a residual and a LayerNorm after it; ReLU."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, dropout)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        out = self.norm1(sequence + self.drop(self.self_attn.over_itself(sequence)))
        return _feed_forward(self, out, self.norm2)


class DecoderLayer(nn.Module):
    """Self-attention, attention over a memory, feed-forward; each with a residual and a LayerNorm after it; ReLU."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, dropout)
        self.multihead_attn = Attention(width, heads, dropout)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, sequence: Tensor, known: KeysValues) -> Tensor:
        """(B, T, width) with the memory's keys and values -> (B, T, width)."""
        out = self.norm1(sequence + self.drop(self.self_attn.over_itself(sequence)))
        out = self.norm2(out + self.drop(self.multihead_attn.attend(out, known)))
        return _feed_forward(self, out, self.norm3)


def _feed_forward(layer: EncoderLayer | DecoderLayer, values: Tensor, norm: nn.LayerNorm) -> Tensor:
    inner = layer.drop(functional.relu(layer.linear1(values)))
    out: Tensor = norm(values + layer.drop(layer.linear2(inner)))
    return out


class Encoder(nn.Module):
    """A stack of encoder layers that start as copies of one."""

    def __init__(self, layer: EncoderLayer, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(deepcopy(layer) for _ in range(count))

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        for layer in self.layers:
            sequence = layer(sequence)
        return sequence


class Decoder(nn.Module):
    """A stack of decoder layers that start as copies of one."""

    def __init__(self, layer: DecoderLayer, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(deepcopy(layer) for _ in range(count))

    def known(self, memory: Tensor) -> list[KeysValues]:
        """Keys and values of a memory (B, S, width) for every layer."""
        return [layer.multihead_attn.keys_values(memory) for layer in self.layers]  # type: ignore[union-attr, operator]

    def forward(self, sequence: Tensor, known: list[KeysValues]) -> Tensor:
        """(B, T, width), and what :meth:`known` made of the memory -> (B, T, width)."""
        for layer, pair in zip(self.layers, known, strict=True):
            sequence = layer(sequence, pair)
        return sequence


class ProjectedAttention(nn.Module):
    """Self-attention with a projection each, named as in the hub's HuBERT and CLIP; ``causal``: it looks back only."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        asked, keys, values = (
            project(sequence).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        found = functional.scaled_dot_product_attention(asked, keys, values, is_causal=self.causal)
        out: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))
        return out
