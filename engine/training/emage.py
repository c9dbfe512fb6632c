"""Training of EMAGE's transformer on frozen codecs (docs/sources/emage.md, section 8.1)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.emage import PARTS, Emage, EmageSize
from engine.models.emage_motion import EmageCodecs, split_parts
from engine.training.emage_data import EmageData
from engine.training.emage_losses import EmageBatch, training_losses
from engine.training.loop import Batch, RunOptions
from engine.training.start import start_transformer

# EMAGE's release (docs/sources/emage.md, section 8.1).
SCHEDULE_EPOCHS = 400
SHARE_START, SHARE_RISE = 0.05, 0.95  # of channels that are hidden


def hidden_share(epoch: float, published: bool, step: int = 0, steps_per_epoch: int = 135) -> float:
    """The share of channels that the random passes hide.

    Intended: from 5 % to all of them over 400 epochs. As published, an operator's precedence makes it step / 135 x 400
    x 0.95 + 0.05: all hidden from the second step on (docs/sources/emage.md, Q6).
    """
    if published:
        return min(1.0, step / steps_per_epoch * SCHEDULE_EPOCHS * SHARE_RISE + SHARE_START)
    return min(1.0, epoch / SCHEDULE_EPOCHS * SHARE_RISE + SHARE_START)


class TransformerLosses(nn.Module):
    """The six losses of a batch; the codecs are frozen and no part of what is trained."""

    def __init__(self, model: Emage, codecs: EmageCodecs) -> None:
        super().__init__()
        self.model = model
        self._codecs = [codecs.eval().requires_grad_(False)]  # in a list: not a sub-module

    @property
    def codecs(self) -> EmageCodecs:
        """The frozen codecs."""
        return self._codecs[0]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Named losses; their sum is trained on."""
        device = batch["motion"].device
        codecs = self.codecs.to(device)
        with torch.no_grad(), torch.autocast(device.type, enabled=False):  # in bfloat16 other codes are nearest
            parts = split_parts(batch["motion"], batch["expressions"])
            codes = {part: codecs.codec(part).to_indices(parts[part]) for part in PARTS}
        hidden = torch.rand_like(batch["motion"]) < batch["share"]
        found = EmageBatch(batch["wave"], batch["speaker"], batch["motion"], codes, hidden)
        return training_losses(self.model, codecs, found)


class TransformerTask:
    """EMAGE's transformer on windows of a data set.

    ``published_start``: torch's own start, as the release had it, instead of one from the data (a mend, see
    :mod:`engine.training.start`).
    """

    kind = "emage"

    def __init__(
        self,
        data: EmageData,
        codecs: EmageCodecs,
        size: EmageSize,
        batch: int,
        published_schedule: bool = False,
        epochs: float = float(SCHEDULE_EPOCHS),
        published_start: bool = False,
    ) -> None:
        model = Emage(size)
        if not published_start:
            start_transformer(model, codecs, data.channels, codes_of(data, codecs))
        self.trained: nn.Module = model
        self.losses: nn.Module = TransformerLosses(model, codecs)
        self.items = len(data.pieces)
        self.sizes: dict[str, Any] = asdict(size)
        self._data, self._published, self._epochs = data, published_schedule, epochs
        self._steps_per_epoch = max(1, self.items // batch)

    def prepare(self, step: int, options: RunOptions) -> None:
        """Nothing but gradients."""

    def batch(self, items: NDArray[np.int64], step: int) -> Batch:
        """Motion, expressions, speech and speakers of these windows, and the share of channels to hide."""
        motion, expressions = self._data.motion(items)
        wave, speaker = self._data.speech(items)
        epoch = step / self._steps_per_epoch * SCHEDULE_EPOCHS / self._epochs
        share = hidden_share(epoch, self._published, step, self._steps_per_epoch)
        return {
            "motion": motion,
            "expressions": expressions,
            "wave": wave,
            "speaker": speaker,
            "share": torch.tensor(share),
        }


@torch.no_grad()
def codes_of(data: EmageData, codecs: EmageCodecs) -> dict[str, list[Tensor]]:
    """Every part's codes (1, T) of all clips."""
    parts = list(data.clip_parts())
    return {part: [codecs.codec(part).to_indices(values[part]) for values in parts] for part in PARTS}
