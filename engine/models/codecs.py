"""Motion codecs: a convolutional VQ-VAE a body part, and the auto-encoder of global motion (EMAGE)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.layers import MotionDecoder, MotionEncoder


@dataclass(frozen=True, eq=False)
class Quantized:
    """``latent`` (B, T, D) codebook rows with the encoder's gradient; ``loss`` codebook and commitment; ``perplexity``
    of the codes in use."""

    latent: Tensor
    loss: Tensor
    perplexity: Tensor


class Quantizer(nn.Module):
    """Nearest-neighbour vector quantisation (van den Oord et al. 2017, equations 1-3), no EMA, no restarts."""

    def __init__(self, codes: int, width: int, commitment: float = 1.0) -> None:
        super().__init__()
        self.commitment = commitment
        self.embedding = nn.Embedding(codes, width)
        nn.init.uniform_(self.embedding.weight, -1.0 / codes, 1.0 / codes)

    def distances(self, latents: Tensor) -> Tensor:
        """Squared distances (..., codes) of latents (..., D) to the codebook, by the expanded square; in float32 under
        autocast too, as bfloat16 finds another code nearest in a frame of a hundred."""
        book = self.embedding.weight
        flat = latents.reshape(-1, latents.shape[-1]).float()
        with torch.autocast(latents.device.type, enabled=False):
            out = (flat**2).sum(1, keepdim=True) + (book**2).sum(1) - 2.0 * flat @ book.t()
        return out.reshape(*latents.shape[:-1], len(book))

    def indices(self, latents: Tensor) -> Tensor:
        """Codes (...) int64 nearest to latents (..., D); of equal ones the first."""
        return self.distances(latents).argmin(-1)

    def rows(self, indices: Tensor) -> Tensor:
        """Codebook rows (..., D)."""
        out: Tensor = self.embedding(indices)
        return out

    def forward(self, latents: Tensor) -> Quantized:
        """Quantise with a straight-through gradient."""
        indices = self.indices(latents)
        rows = self.rows(indices)
        loss = functional.mse_loss(rows, latents.detach()) + self.commitment * functional.mse_loss(
            rows.detach(), latents
        )
        share = torch.bincount(indices.flatten(), minlength=len(self.embedding.weight)) / indices.numel()
        perplexity = torch.exp(-(share * torch.log(share + 1e-10)).sum())
        return Quantized(latents + (rows - latents).detach(), loss, perplexity)


@dataclass(frozen=True)
class CodecSize:
    """Sizes of a codec: motion channels, latent width, convolution layers each way, codebook rows."""

    channels: int
    latent: int
    depth: int
    codes: int = 0


class VectorCodec(nn.Module):
    """What VQ-VAEs with one code a frame share; each names its encoder, quantiser and decoder."""

    encoder: nn.Module
    quantizer: Quantizer
    decoder: nn.Module

    def forward(self, motion: Tensor) -> tuple[Tensor, Quantized]:
        """(B, T, channels) -> its reconstruction, and the quantiser's losses."""
        found = self.quantizer(self.encoder(motion))
        return self.decoder(found.latent), found

    def to_indices(self, motion: Tensor) -> Tensor:
        """(B, T, channels) -> codes (B, T)."""
        return self.quantizer.indices(self.encoder(motion))

    def decode(self, indices: Tensor) -> Tensor:
        """Codes (B, T) -> motion (B, T, channels)."""
        out: Tensor = self.decoder(self.quantizer.rows(indices))
        return out


class MotionCodec(VectorCodec):
    """Convolutional VQ-VAE of one body part, one code a frame."""

    encoder: MotionEncoder
    decoder: MotionDecoder

    def __init__(self, size: CodecSize, commitment: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.encoder = MotionEncoder(size.channels, size.latent, size.depth)
        self.quantizer = Quantizer(size.codes, size.latent, commitment)
        self.decoder = MotionDecoder(size.channels, size.latent, size.depth)


class MotionAutoencoder(nn.Module):
    """The same convolutions without a codebook: EMAGE's predictor of root translation from the lower body."""

    def __init__(self, size: CodecSize) -> None:
        super().__init__()
        self.size = size
        self.encoder = MotionEncoder(size.channels, size.latent, size.depth)
        self.decoder = MotionDecoder(size.channels, size.latent, size.depth)

    def forward(self, motion: Tensor) -> Tensor:
        """(B, T, channels) -> (B, T, channels)."""
        out: Tensor = self.decoder(self.encoder(motion))
        return out
