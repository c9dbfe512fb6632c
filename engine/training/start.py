"""Weights that start from the data (a mend of the published start, which takes thousands of steps to get there).

Rotations in 6D are near (1, 0, 0, 0, 1, 0): of a raw channel a tenth or less is motion. With torch's own start a codec
first has to learn its mean pose. In the transformer a hidden channel, shown as a value near 0 among values near 1, is
noise as strong as all motion that is visible; layers that halve what they carry, added to positions and speaker of size
1, leave of the hints 2 thousandths at the class heads. Here the first layers see channels as if standardised, a hidden
channel is its mean, the layers between carry hints on at their size (He et al. 2015), and the last ones give the data's
mean and spread (Krahenbuhl et al. 2016). Shapes, names and what the trained weights mean stay as published.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.codecs import MotionCodec
from engine.models.emage import BODY, PARTS, Emage
from engine.models.emage_motion import EmageCodecs
from engine.models.layers import TwoLayers

STILL = 0.005  # of a channel's unit, by eye: one that varies less does not move, and is not magnified
# No channel is magnified more, by eye: at a window's borders convolutions see zeros beside values near 1.
NARROWEST = 0.05
SPEAKER_SPREAD = 0.02  # standard deviation, by eye: small beside what is heard


@dataclass(frozen=True, eq=False)
class Spread:
    """Mean and standard deviation (C,) of channels."""

    mean: Tensor
    deviation: Tensor


def spread(pieces: Iterable[Tensor]) -> Spread:
    """Of all rows of the pieces (..., C). ValueError where there is no row."""
    count, total, squares = 0, torch.zeros(()).double(), torch.zeros(()).double()
    for piece in pieces:
        rows = piece.detach().flatten(0, -2).double()
        count, total, squares = count + len(rows), total + rows.sum(0), squares + (rows**2).sum(0)
    if not count:
        raise ValueError("no rows to take a mean of")
    mean = total / count
    deviation = (squares / count - mean**2).clamp_min(0.0).sqrt()
    return Spread(mean.float(), deviation.float())


@torch.no_grad()
def see_standardised(layer: nn.Conv1d | nn.Linear, inputs: Spread) -> None:
    """The layer gives for its inputs what it gave before for (input - mean) / deviation, with deviations of moving
    channels from NARROWEST on; the others keep their scale."""
    shape = (1, -1, *[1] * (layer.weight.dim() - 2))
    scale = torch.where(inputs.deviation < STILL, 1.0, inputs.deviation.clamp_min(NARROWEST))
    layer.weight.div_(scale.reshape(shape))
    moved = (layer.weight * inputs.mean.reshape(shape)).flatten(1).sum(1)
    assert layer.bias is not None
    layer.bias.sub_(moved)


@torch.no_grad()
def give_spread(layer: nn.Conv1d | nn.Linear, outputs: Spread) -> None:
    """What the layer gives has this mean, and this deviation where it had one of 1."""
    layer.weight.mul_(outputs.deviation.reshape(-1, *[1] * (layer.weight.dim() - 1)))
    assert layer.bias is not None
    layer.bias.copy_(outputs.mean)


def carry(layer: nn.Linear, slope: float = 1.0) -> None:
    """Start a layer so that its output, through a leaky ReLU of this slope (1: none), is as large as its input."""
    nn.init.normal_(layer.weight, std=math.sqrt(2.0 / (1.0 + slope**2) / layer.in_features))
    nn.init.zeros_(layer.bias)


def carry_both(layers: TwoLayers) -> None:
    """The same for two layers."""
    carry(layers.fc1, layers.slope)
    carry(layers.fc2)


def start_codec(codec: MotionCodec, motion: Iterable[Tensor]) -> None:
    """Let a codec start at the mean and the spread of its part's channels (..., C)."""
    found = spread(motion)
    first, last = codec.encoder.main[0], codec.decoder.main[-1]
    assert isinstance(first, nn.Conv1d)
    assert isinstance(last, nn.Conv1d)
    see_standardised(first, found)
    give_spread(last, found)


def start_transformer(
    model: Emage, codecs: EmageCodecs, channels: Iterable[Tensor], codes: dict[str, list[Tensor]]
) -> None:
    """Let the transformer start from whole-body ``channels`` (..., 337) and every part's ``codes`` (...) in use.

    A hidden channel shows the data's mean, latents start at the mean and about the spread of the codebook rows in use,
    and class heads see them standardised.
    """
    seen = spread(channels)
    first = model.motion_encoder.main[0]
    assert isinstance(first, nn.Conv1d)
    see_standardised(first, seen)
    with torch.no_grad():
        model.mask_embedding.copy_(seen.mean)
    for voice in (model.speaker_embedding_body, model.speaker_embedding_face):
        nn.init.normal_(voice.weight, std=SPEAKER_SPREAD)
    for layer in (model.moton_proj, model.audio_face_motion_proj):
        carry(layer)
    between = [model.bodyhints_body, model.bodyhints_face]
    for layers in (*between, *(model.get_submodule(f"motion2latent_{part}") for part in BODY)):
        assert isinstance(layers, TwoLayers)
        carry_both(layers)
    for part in PARTS:
        rows = spread(codecs.codec(part).quantizer.rows(values) for values in codes[part])
        names = (f"motion_out_proj_{part}", f"motion_cls_{part}") if part in BODY else ("face_out_proj", "face_cls")
        out, head = (model.get_submodule(name) for name in names)
        assert isinstance(out, nn.Linear)
        assert isinstance(head, TwoLayers)
        carry(out)
        give_spread(out, rows)
        carry_both(head)
        see_standardised(head.fc1, rows)
