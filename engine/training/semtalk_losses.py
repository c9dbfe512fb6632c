"""The losses of SemTalk's two networks against its frozen codecs (docs/sources/semtalk.md, section 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.semtalk import SemTalkBase, SemTalkSparse, rhythm_loss
from engine.models.semtalk_body import BODY, PARTS, Shown, Tokens
from engine.models.semtalk_motion import SEED, SemTalkCodecs

LATENT_WEIGHT = 3.0 / 6.0  # no unit, six levels (docs/sources/semtalk.md, section 8)
PASSES = ("full", "self", "word")


@dataclass(frozen=True, eq=False)
class SemTalkBatch:
    """Windows of 64 frames. ``hubert`` (B, T, 1024), ``beat`` (B, T, 3), ``words`` (B, T), ``sentence`` (B, 512),
    ``speaker`` (B, T), ``motion`` (B, T, 337), ``codes`` (B, N, 6) of every part, ``hidden`` (B, T, 337) True where the
    random passes hide a channel, ``meaning`` (B, N) 0..1 the annotated semantic score of the tokens."""

    hubert: Tensor
    beat: Tensor
    words: Tensor
    sentence: Tensor
    speaker: Tensor
    motion: Tensor
    codes: dict[str, Tensor]
    hidden: Tensor
    meaning: Tensor

    def shown(self, name: str) -> Shown:
        """What a pass sees: the seed frames alone, or what the random mask leaves."""
        if name != "full":
            return Shown(self.motion, self.hidden, self.speaker)
        hidden = torch.ones_like(self.hidden)
        hidden[:, :SEED] = False
        return Shown(self.motion, hidden, self.speaker)


def base_losses(
    model: SemTalkBase, codecs: SemTalkCodecs, batch: SemTalkBatch, published: bool = False
) -> dict[str, Tensor]:
    """The terms whose plain sum the base is trained on.

    ``published`` keeps a fault of the release: without speech only the finest level's codes count, as often as the
    coarsest level's would.
    """
    memory = model.hear(batch.hubert, batch.beat)
    losses: dict[str, Tensor] = {}
    for name in PASSES:
        found = model(memory, batch.shown(name), use_speech=name != "self")
        losses[f"latent_{name}"] = latent_loss(found.tokens, batch.codes, codecs, PARTS)
        levels = level_losses(found.tokens, batch.codes, PARTS)
        losses[f"codes_{name}"] = levels[-1] if published and name == "self" else weighed(levels)
        if name == "full":
            losses["rhythm_face"] = rhythm_loss(found.moved["face"], memory.pulse["face"])
            losses["rhythm_hands"] = rhythm_loss(found.moved["hands"], memory.pulse["hands"])
    return losses


def sparse_losses(model: SemTalkSparse, codecs: SemTalkCodecs, batch: SemTalkBatch) -> dict[str, Tensor]:
    """The terms whose plain sum the sparse network is trained on; a token without meaning counts for nothing."""
    memory = model.hear(batch.hubert, batch.words, batch.sentence)
    wanted = (batch.meaning > 0).long()
    losses = {"gate": functional.cross_entropy(memory.gate.flatten(0, 1), wanted.flatten())}
    for name in PASSES:
        found = model(memory, batch.shown(name), use_speech=name != "self")
        losses[f"latent_{name}"] = latent_loss(found, batch.codes, codecs, BODY, batch.meaning)
        losses[f"codes_{name}"] = weighed(level_losses(found, batch.codes, BODY, batch.meaning))
    return losses


def latent_loss(
    found: Tokens, codes: dict[str, Tensor], codecs: SemTalkCodecs, parts: tuple[str, ...], weight: Tensor | None = None
) -> Tensor:
    """Squared distance of the latents to the codebook rows, half of the sum over parts; ``weight`` (B, N) of tokens."""
    total = torch.zeros(())
    for part in parts:
        error = (found.latents[part] - codecs.codec(part).quantizer.rows(codes[part])) ** 2
        total = total + (error if weight is None else error * weight[..., None, None]).mean()
    return LATENT_WEIGHT * total


def level_losses(
    found: Tokens, codes: dict[str, Tensor], parts: tuple[str, ...], weight: Tensor | None = None
) -> Tensor:
    """(6,) likelihood losses of the levels' codes, summed over parts; ``weight`` (B, N) of tokens."""
    total = torch.zeros(())
    for part in parts:
        likely = functional.cross_entropy(found.logits[part].flatten(0, 2), codes[part].flatten(), reduction="none")
        likely = likely.reshape(codes[part].shape)
        total = total + (likely if weight is None else likely * weight[..., None]).mean((0, 1))
    return total


def weighed(levels: Tensor) -> Tensor:
    """Levels (6,) summed with weights 1, 1/2, 1/3 ..."""
    return (levels / torch.arange(1, len(levels) + 1, device=levels.device)).sum()
