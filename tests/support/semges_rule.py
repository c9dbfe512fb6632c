"""SemGes' weights and inputs computed by rule (tests/golden/semges/README.md), so that parity needs no weight file."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import nn

from engine.models.hubert import Hubert, HubertSize
from engine.models.semges import Semges
from engine.models.semges_codec import SemgesCodec, SemgesCodecSize

CHANNELS = {"hand": 228, "body": 54}
SPEAKERS = ("spearker_encoder_hand.0.weight", "spearker_encoder_body.0.weight")


def normal(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers of a name, float64."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(shape)


def value(prefix: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor of a state dict's entry."""
    noise = normal(prefix + key, shape)
    last = key.rsplit(".", 1)[-1]
    if last == "running_var":
        out = 1.0 + 0.1 * np.abs(noise)
    elif last == "running_mean":
        out = 0.1 * noise
    elif last == "weight_g":
        out = 1.0 + 0.1 * noise
    elif key.endswith("quantizer.embedding.weight") or key in SPEAKERS:
        out = noise
    elif key == "text_encoder.embedding.weight":
        out = 0.3 * noise
    elif key == "masked_spec_embed":
        out = 0.0 * noise
    elif last == "bias":
        out = 0.05 * noise
    elif len(shape) == 1:
        out = 1.0 + 0.1 * noise
    else:
        out = noise / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(out, dtype=np.float32))


def filled(module: nn.Module, prefix: str) -> nn.Module:
    """The module with every entry by the rule, but for those that are constructed or are names of others."""
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if not (key.endswith("num_batches_tracked") or ".network.0.net." in key):
                tensor.copy_(value(prefix, key, tuple(tensor.shape)))
    return module.eval()


def codec(part: str) -> SemgesCodec:
    """The codec of hand or body by rule."""
    return filled(SemgesCodec(SemgesCodecSize(CHANNELS[part])), f"vq_{part}.")


def network() -> Semges:
    """The second stage by rule."""
    return filled(Semges(), "semges.")


def hubert() -> Hubert:
    """HuBERT's base model by rule."""
    return filled(Hubert(HubertSize()), "hubert.")
