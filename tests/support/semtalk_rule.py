"""Weights computed by rule (tests/golden/semtalk/README.md), so that parity needs no weight file."""

from __future__ import annotations

import zlib
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from engine.models.codecs import CodecSize, MotionAutoencoder
from engine.models.fgd import FeatureNetwork
from engine.models.layers import CODEC_SLOPE, ResidualConv
from engine.models.rvq import Rvq, RvqSize
from engine.models.semtalk import SemTalkBase, SemTalkSparse
from engine.models.semtalk_body import SemTalkSize
from engine.models.semtalk_motion import SemTalkCodecs
from tests.places import ROOT
from tests.support import emage_rule

CHANNELS = {"face": 106, "upper": 78, "hands": 180, "lower": 61}
TABLES = ("spearker_encoder_body.weight", "spearker_encoder_face.weight", "text_pre_encoder_body.weight")
Model = TypeVar("Model", bound=nn.Module)


@cache
def value(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor of a state dict's entry; equal names of equal shape are one tensor."""
    noise = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).standard_normal(shape)
    if key.endswith("running_mean"):
        noise *= 0.02
    elif key.endswith("running_var"):
        noise = 1.0 + 0.1 * np.abs(noise)
    elif key.endswith("codebook"):
        noise *= 0.5 * 0.8 ** int(key.split(".")[-2])
    elif key in TABLES:
        noise *= 0.5
    elif key == "mask_embeddings":
        noise *= 768**-0.5
    elif key.endswith("bias"):
        noise *= 0.02
    elif len(shape) == 1:
        noise = 1.0 + 0.02 * noise
    else:
        noise /= np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(noise, dtype=np.float32))


def constructed(key: str) -> bool:
    """Whether an entry is left as the model makes it."""
    return key.endswith((".pe", "num_batches_tracked", ".mask", "common.0.weight"))


def filled(module: Model) -> Model:
    """The module with every entry by the rule, but for those that are constructed."""
    state = module.state_dict()
    made = {key: value(key, tuple(tensor.shape)) for key, tensor in state.items() if not constructed(key)}
    module.load_state_dict({**state, **made}, assign=True)
    return module.eval().requires_grad_(False)


def empty(make: type[Model], *sizes: object) -> Model:
    """A module whose parameters are not drawn first: there are 390 million of them."""
    from engine.models.checkpoints import Unfilled

    with Unfilled():
        return make(*sizes)


@cache
def base() -> SemTalkBase:
    """The base network by rule."""
    return filled(empty(SemTalkBase, SemTalkSize()))


@cache
def sparse() -> SemTalkSparse:
    """The sparse network by rule."""
    return filled(empty(SemTalkSparse, SemTalkSize()))


@cache
def codecs() -> SemTalkCodecs:
    """All codecs by rule."""
    parts = {part: filled(empty(Rvq, RvqSize(channels))) for part, channels in CHANNELS.items()}
    return SemTalkCodecs(parts, filled(empty(MotionAutoencoder, CodecSize(61, 256, 4))))


class FeatureAutoencoder(nn.Module):
    """The network with the decoder it was trained with: rotations (B, T, 330) -> features, and rotations again."""

    def __init__(self, widths: tuple[tuple[int, int, int], ...]) -> None:
        super().__init__()
        self.encoder = FeatureNetwork(widths)
        features, channels = widths[-1][2], widths[0][0]
        steps: list[nn.Module] = [ResidualConv(features), ResidualConv(features)]
        for index in range(len(widths)):
            outputs = channels if index == len(widths) - 1 else features
            steps += [nn.Upsample(scale_factor=2.0, mode="nearest"), nn.Conv1d(features, outputs, 3, 1, 1)]
            steps.append(nn.LeakyReLU(CODEC_SLOPE))
        self.decoder = nn.Module()
        self.decoder.main = nn.Sequential(*steps, nn.Conv1d(channels, channels, 3, 1, 1))

    def forward(self, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, 330) -> features (B, T' / 16, 240) and the reconstruction (B, T', 330)."""
        features = self.encoder(rotations)
        found: Tensor = self.decoder.main(features.transpose(1, 2))  # type: ignore[operator]
        return features, found.transpose(1, 2)


@cache
def feature_autoencoder() -> FeatureAutoencoder:
    """The network of FGD with its decoder by rule, masks and pools from the published topology."""
    network = FeatureAutoencoder(emage_rule.PUBLISHED_WIDTHS)
    emage_rule.with_topology(network.encoder, ROOT / "tests/golden/emage")
    return filled(network)
