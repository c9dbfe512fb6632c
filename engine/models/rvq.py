"""SemTalk's motion codecs: convolutions to a quarter of the frames, six codebooks on each other's residuals.

Sizes and names are those of the release. The codebooks are learned by running means, not by gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# SemTalk's release (docs/sources/semtalk.md, section 3).
RATIO = 4  # frames a token
DILATIONS = (9, 3, 1)  # frames, in this order both ways
BLOCK_DROPOUT = 0.2  # share of channels
MEAN_PACE = 0.99  # share of a running sum that a batch leaves
DEAD_BELOW = 1.0  # latents that chose a code, in the running count
TEMPERATURE = 0.5  # no unit, of the noise that codes are drawn with
JITTER = 0.01  # no unit, noise on repeated rows
NO_CODE = -1  # no unit, ours: in the place of a code
RUNNING = ("sums", "counts")


@dataclass(frozen=True)
class RvqSize:
    """Motion channels, latent width, rows of a codebook, codebooks."""

    channels: int
    width: int = 256
    codes: int = 256
    levels: int = 6


@dataclass(frozen=True, eq=False)
class Residuals:
    """``latent`` (B, N, D), the sum of the chosen rows with the encoder's gradient; ``indices`` (B, N, levels);
    ``commitment``, the mean over levels of the squared distance from a level's residual to its row."""

    latent: Tensor
    indices: Tensor
    commitment: Tensor


class DilatedBlock(nn.Module):
    """x + dropout(1x1 conv(ReLU(dilated conv(ReLU(x))))) on (B, width, N)."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(width, width, 3, 1, dilation, dilation)
        self.conv2 = nn.Conv1d(width, width, 1)
        self.drop = nn.Dropout(BLOCK_DROPOUT)

    def forward(self, values: Tensor) -> Tensor:
        """(B, width, N) -> the same shape."""
        change = self.conv2(functional.relu(self.conv1(functional.relu(values))))
        out: Tensor = values + self.drop(change)
        return out


class DilatedStack(nn.Module):
    """Three dilated blocks, the widest first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*(DilatedBlock(width, dilation) for dilation in DILATIONS))

    def forward(self, values: Tensor) -> Tensor:
        """(B, width, N) -> the same shape."""
        out: Tensor = self.model(values)
        return out


def _conv(inputs: int, outputs: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, 3, 1, 1)


class RvqEncoder(nn.Module):
    """Motion to a quarter of its frames."""

    def __init__(self, size: RvqSize) -> None:
        super().__init__()
        width = size.width
        halves = [nn.Sequential(nn.Conv1d(width, width, 4, 2, 1), DilatedStack(width)) for _ in range(2)]
        self.model = nn.Sequential(_conv(size.channels, width), nn.ReLU(), *halves, _conv(width, width))

    def forward(self, motion: Tensor) -> Tensor:
        """(B, T, channels) -> (B, T / 4, width)."""
        out: Tensor = self.model(motion.transpose(1, 2)).transpose(1, 2)
        return out


class RvqDecoder(nn.Module):
    """Latents to four frames each."""

    def __init__(self, size: RvqSize) -> None:
        super().__init__()
        width = size.width
        doubles = [
            nn.Sequential(DilatedStack(width), nn.Upsample(scale_factor=2.0, mode="nearest"), _conv(width, width))
            for _ in range(2)
        ]
        last = [_conv(width, width), nn.ReLU(), _conv(width, size.channels)]
        self.model = nn.Sequential(_conv(width, width), nn.ReLU(), *doubles, *last)

    def forward(self, latents: Tensor) -> Tensor:
        """(B, N, width) -> (B, 4 N, channels)."""
        out: Tensor = self.model(latents.transpose(1, 2)).transpose(1, 2)
        return out


class MeanCodebook(nn.Module):
    """One codebook, whose rows are running means of the latents that chose them.

    Training: the first batch's rows become the codebook; choices are drawn with Gumbel noise on the negative squared
    distance; a row whose running count falls below DEAD_BELOW is replaced by the batch's row of the same number. The
    running sums exist from the first batch on, and are in the state from then on, so that a training can be resumed; a
    release has none, and a training that starts from one makes new codebooks from its first batch, as the release does.
    """

    codebook: Tensor
    sums: Tensor | None
    counts: Tensor | None

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.zeros(codes, width))
        self.register_buffer("sums", None)
        self.register_buffer("counts", None)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *more: Any) -> None:
        for name in RUNNING:
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *more)

    def distances(self, latents: Tensor) -> Tensor:
        """Squared distances (..., codes) of latents (..., D), by the expanded square."""
        flat = latents.reshape(-1, latents.shape[-1])
        book = self.codebook.t()
        out = (flat**2).sum(1, keepdim=True) - 2.0 * flat @ book + (book**2).sum(0, keepdim=True)
        return out.reshape(*latents.shape[:-1], -1)

    def rows(self, indices: Tensor) -> Tensor:
        """Codebook rows (..., D); zeros where the index is NO_CODE."""
        found = functional.embedding(indices.clamp_min(0), self.codebook)
        return torch.where((indices == NO_CODE)[..., None], 0.0, found)

    def forward(self, latents: Tensor) -> Tensor:
        """Indices (B, N) of latents (B, N, D): the nearest, or in training a draw, after which the codebook follows."""
        if not self.training:
            return self.distances(latents).argmin(-1)
        with torch.no_grad():
            flat = latents.detach().flatten(0, 1)
            if self.sums is None:
                self._begin(flat)
            scores = -self.distances(flat) / TEMPERATURE
            noise = -torch.log(-torch.log(torch.rand_like(scores).clamp(1e-20, 1.0 - 1e-7)))
            return (scores + noise).argmax(-1).reshape(latents.shape[:-1])

    def follow(self, latents: Tensor, indices: Tensor) -> None:
        """Move the codebook's rows towards the latents (B, N, D) that chose them, and replace those nobody chooses."""
        assert self.sums is not None
        assert self.counts is not None
        flat = latents.detach().flatten(0, 1)
        chosen = functional.one_hot(indices.flatten(), len(self.codebook)).to(flat)
        self.sums = MEAN_PACE * self.sums + (1.0 - MEAN_PACE) * _of_all(chosen.t() @ flat)
        self.counts = MEAN_PACE * self.counts + (1.0 - MEAN_PACE) * _of_all(chosen.sum(0))
        alive = self.counts >= DEAD_BELOW
        means = self.sums / self.counts[:, None]
        self.codebook.copy_(torch.where(alive[:, None], means, self._enough(flat)))

    def _begin(self, flat: Tensor) -> None:
        self.codebook.copy_(self._enough(flat))
        self.sums, self.counts = self.codebook.clone(), torch.ones(len(self.codebook), device=flat.device)

    def _enough(self, flat: Tensor) -> Tensor:
        """As many rows as the codebook has: the batch's first ones, repeated with a little noise if it has fewer; where
        many processes train, the first one's."""
        codes = len(self.codebook)
        if len(flat) < codes:
            flat = flat.repeat(-(-codes // len(flat)), 1)
            flat = flat + torch.randn_like(flat) * JITTER / flat.shape[1] ** 0.5
        rows = flat[:codes].contiguous()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.broadcast(rows, 0)
        return rows


def _of_all(values: Tensor) -> Tensor:
    """The sum over all processes that train."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(values)
    return values


class ResidualQuantizer(nn.Module):
    """Codebooks one after the other, each on what the ones before leave (Zeghidour et al. 2021, algorithm 1)."""

    def __init__(self, size: RvqSize) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MeanCodebook(size.codes, size.width) for _ in range(size.levels))

    def forward(self, latents: Tensor) -> Residuals:
        """Quantise latents (B, N, D), with a straight-through gradient; in float32, for in bfloat16 other codes are
        nearest."""
        with torch.autocast(latents.device.type, enabled=False):
            return self._quantised(latents.float())

    def _quantised(self, latents: Tensor) -> Residuals:
        rest, total = latents, torch.zeros_like(latents)
        indices, losses = [], []
        for layer in self.layers:
            chosen = layer(rest)
            row = layer.rows(chosen)  # type: ignore[operator]
            losses.append(functional.mse_loss(rest, row))
            indices.append(chosen)
            if layer.training:
                layer.follow(rest, chosen)  # type: ignore[operator]
            rest, total = rest - row, total + row
        straight = latents + (total - latents).detach() if latents.requires_grad else total
        return Residuals(straight, torch.stack(indices, dim=-1), torch.stack(losses).mean())

    def rows(self, indices: Tensor) -> Tensor:
        """Rows (B, N, levels', D) of indices (B, N, levels'), levels' up to all of them."""
        parts = [layer.rows(column) for layer, column in zip(self.layers, indices.unbind(-1), strict=False)]  # type: ignore[operator]
        return torch.stack(parts, dim=-2)


class Rvq(nn.Module):
    """The codec of one body part."""

    def __init__(self, size: RvqSize) -> None:
        super().__init__()
        self.size = size
        self.encoder = RvqEncoder(size)
        self.quantizer = ResidualQuantizer(size)
        self.decoder = RvqDecoder(size)

    def forward(self, motion: Tensor) -> tuple[Tensor, Residuals]:
        """(B, T, channels) -> its reconstruction, and what the quantiser says; T a multiple of 4."""
        found = self.quantizer(self.encoder(motion))
        return self.decoder(found.latent), found

    def to_indices(self, motion: Tensor) -> Tensor:
        """(B, T, channels) -> tokens (B, T / 4, levels)."""
        out: Tensor = self.quantizer(self.encoder(motion)).indices
        return out

    def decode(self, indices: Tensor) -> Tensor:
        """Tokens (B, N, levels') -> motion (B, 4 N, channels); a missing level, or NO_CODE, adds nothing."""
        return self.decode_rows(self.quantizer.rows(indices))

    def decode_rows(self, rows: Tensor) -> Tensor:
        """Codebook rows (B, N, levels', D), or what lies between them -> motion (B, 4 N, channels)."""
        out: Tensor = self.decoder(rows.sum(-2))
        return out
