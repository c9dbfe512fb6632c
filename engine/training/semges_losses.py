"""SemGes' losses of both stages, with the faults of the release behind one option (docs/sources/semges.md, sections 2,
5 and 9)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.codecs import Quantized
from engine.models.semges import SemgesOutput
from engine.models.semges_codec import SemgesCodec
from engine.models.semges_motion import joint_matrices

KNEE = 0.1  # of Huber's loss (docs/sources/semges.md, section 5)


@dataclass(frozen=True)
class SemgesFaults:
    """Which faults of the release are kept.

    ``coherence_over_time``: latents are normed over the batch and compared with the words over time, once a channel;
    mended, the two embeddings of a frame are compared. ``relevance_detached``: the relevance loss is only shown and
    trains nothing; mended, it reaches the network through the straight-through codes.
    """

    coherence_over_time: bool = False
    relevance_detached: bool = False


PUBLISHED_FAULTS = SemgesFaults(coherence_over_time=True, relevance_detached=True)


@dataclass(frozen=True, eq=False)
class CodecLosses:
    """Reconstruction, velocity and acceleration of rotation matrices, and the quantiser's."""

    matrices: Tensor
    velocity: Tensor
    acceleration: Tensor
    quantiser: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, all of weight 1."""
        return self.matrices + self.velocity + self.acceleration + self.quantiser


def codec_losses(made: Tensor, target: Tensor, found: Quantized) -> CodecLosses:
    """Losses of 6D motion (B, T, 6 J): squares of rotations, absolute first and second differences."""
    here, there = joint_matrices(made), joint_matrices(target)
    apart = here - there
    first = torch.diff(apart, dim=1)
    second = torch.diff(first, dim=1)
    return CodecLosses((apart**2).mean(), first.abs().mean(), second.abs().mean(), found.loss)


@dataclass(frozen=True, eq=False)
class LatentLosses:
    """Losses of the second stage; ``rotations`` (B, T, J, 3, 3) are the decoded hands, then the body."""

    quantised_hands: Tensor
    quantised_body: Tensor
    coherence_hands: Tensor
    coherence_body: Tensor
    relevance: Tensor
    rotations: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, all of weight 1."""
        quantised = self.quantised_hands + self.quantised_body
        return quantised + self.coherence_hands + self.coherence_body + self.relevance


def latent_losses(
    out: SemgesOutput,
    hands: Tensor,
    body: Tensor,
    score: Tensor,
    codecs: tuple[SemgesCodec, SemgesCodec],
    faults: SemgesFaults,
) -> LatentLosses:
    """``hands`` and ``body`` are the real 6D motion (B, T, 6 J), ``score`` (B, T) the semantic labels, ``codecs`` those
    of hands and body, frozen."""
    quantised, coherence, decoded = [], [], []
    for latents, motion, codec in zip((out.hands, out.body), (hands, body), codecs, strict=True):
        with torch.no_grad():
            real = codec.encoder(motion)
            rows = codec.quantizer(real).latent
        chosen = codec.quantizer(latents).latent
        quantised.append(functional.mse_loss(chosen, rows))
        coherence.append(_coherence(out.words, real, faults))
        decoded.append(joint_matrices(codec.decoder(chosen)))
    made = torch.cat(decoded, dim=2)
    target = torch.cat([joint_matrices(hands), joint_matrices(body)], dim=2)
    relevance = _relevance(made.detach() if faults.relevance_detached else made, target, score)
    return LatentLosses(quantised[0], quantised[1], coherence[0], coherence[1], relevance, made)


def _coherence(words: Tensor, real: Tensor, faults: SemgesFaults) -> Tensor:
    if not faults.coherence_over_time:
        return (1.0 - functional.cosine_similarity(words, real, dim=-1, eps=1e-6)).mean()
    normed = real / torch.linalg.vector_norm(real, dim=0, keepdim=True)
    return (1.0 - functional.cosine_similarity(words, normed, dim=1, eps=1e-6)).mean()


def _relevance(made: Tensor, target: Tensor, score: Tensor) -> Tensor:
    """Huber on rotations, each difference weighed by 1 + score before the knee."""
    weight = (1.0 + score)[:, :, None, None, None]
    return functional.smooth_l1_loss(weight * target, weight * made, beta=KNEE)
