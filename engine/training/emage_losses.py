"""The losses of EMAGE's transformer against its frozen codecs (docs/sources/emage.md, section 8.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.emage import PARTS, Emage, EmageOutput
from engine.models.emage_motion import EmageCodecs
from engine.models.emage_windows import SEED

# No unit, EMAGE's release (docs/sources/emage.md, sections 1.1 and 8.1).
LATENT_WEIGHT = 3.0
CODE_WEIGHTS = {"face": 0.0, "upper": 1.0, "hands": 1.0, "lower": 1.0}
PASSES = ("seed", "audio", "mask")


@dataclass(frozen=True, eq=False)
class EmageBatch:
    """Windows of one length: ``wave`` (B, N), ``speaker`` (B,), ``motion`` (B, T, 337), ``codes`` (B, T) of every part,
    ``hidden`` (B, T, 337) True where the random passes hide a channel."""

    wave: Tensor
    speaker: Tensor
    motion: Tensor
    codes: dict[str, Tensor]
    hidden: Tensor


def window_losses(found: EmageOutput, codes: dict[str, Tensor], codecs: EmageCodecs) -> tuple[Tensor, Tensor]:
    """(latent loss, code loss) of one pass: squared distance to the codebook rows, and the codes' likelihood."""
    latent, code = torch.zeros(()), torch.zeros(())
    for part in PARTS:
        rows = codecs.codec(part).quantizer.rows(codes[part])
        latent = latent + LATENT_WEIGHT * functional.mse_loss(found.latents[part], rows)
        likelihood = functional.cross_entropy(found.logits[part].flatten(0, 1), codes[part].flatten())
        code = code + CODE_WEIGHTS[part] * likelihood
    return latent, code


def training_losses(model: Emage, codecs: EmageCodecs, batch: EmageBatch) -> dict[str, Tensor]:
    """The six terms, whose plain sum is trained on: with the seed frames alone, with random channels, and with those
    but without audio. Speech is heard once for the three."""
    seed = torch.ones_like(batch.hidden)
    seed[:, :SEED] = False
    memory = model.hear(batch.wave, batch.motion.shape[1])
    losses: dict[str, Tensor] = {}
    for name, hidden, use_audio in zip(PASSES, (seed, batch.hidden, batch.hidden), (True, True, False), strict=True):
        found = model(memory, batch.speaker, batch.motion, hidden, use_audio)
        losses[f"rec_{name}"], losses[f"cls_{name}"] = window_losses(found, batch.codes, codecs)
    return losses
