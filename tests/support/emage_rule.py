"""Weights computed by rule (tests/golden/emage/README.md, section 1), so that parity needs no weight file."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.models.codecs import CodecSize, MotionAutoencoder, MotionCodec
from engine.models.emage import Emage, EmageSize
from engine.models.emage_motion import PART_JOINTS, EmageCodecs
from engine.models.fgd import FeatureNetwork

CODEC_SIZES = {
    "face": CodecSize(106, 256, 2, 256),
    "upper": CodecSize(78, 256, 2, 256),
    "hands": CodecSize(180, 256, 2, 256),
    "lower": CodecSize(61, 256, 4, 256),
    "global": CodecSize(61, 256, 4),
}
# Of the published feature network: (inputs, outputs, pooled) of every level.
PUBLISHED_WIDTHS = ((330, 330, 210), (210, 210, 120), (120, 240, 240), (240, 240, 240))
QUIET = ("feat_extractor.0.bn1.", "feat_extractor.0.downsample.1.")


def value(tag: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The tensor of a state dict's entry."""
    seed = zlib.crc32(f"{tag}/{key}".encode())
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)
    last = key.rsplit(".", 1)[-1]
    if key.endswith("running_var"):
        out = np.exp(0.1 * noise) * (0.005 if any(name in key for name in QUIET) else 1.0)
    elif key.endswith("running_mean"):
        out = 0.05 * noise
    elif "quantizer.embedding" in key:
        out = noise
    elif "speaker_embedding" in key:
        out = 0.3 * noise
    elif key == "mask_embedding":
        out = 0.1 * noise
    elif last.endswith("bias"):
        out = 0.02 * noise
    elif len(shape) == 1:
        out = 1.0 + 0.02 * noise
    else:
        out = _gain(tag, last, shape) * noise / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(out, dtype=np.float32))


def _gain(tag: str, last: str, shape: tuple[int, ...]) -> float:
    if tag == "emage":
        return 1.3 if len(shape) == 3 else 3.0 if last == "in_proj_weight" else 1.0
    return 1.5 if tag == "fgd" else 1.2


def filled(module: nn.Module, tag: str) -> nn.Module:
    """The module with every entry by the rule, but for those that are constructed."""
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if key.rsplit(".", 1)[-1] in ("num_batches_tracked", "pe", "mask") or (tag == "fgd" and ".common." in key):
                continue
            tensor.copy_(value(tag, key, tuple(tensor.shape)))
        if tag in CODEC_SIZES:
            bias = module.state_dict()[f"decoder.main.{2 + 2 * CODEC_SIZES[tag].depth}.bias"]
            joints = len(PART_JOINTS["lower" if tag == "global" else tag])
            bias[: 6 * joints] += torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]).repeat(joints)
    return module.eval()


def emage(speakers: int = 1) -> Emage:
    """The transformer by rule."""
    model = Emage(EmageSize(speakers=speakers))
    filled(model, "emage")
    return model


def codec(tag: str) -> MotionCodec | MotionAutoencoder:
    """One codec, or the auto-encoder of global motion, by rule."""
    size = CODEC_SIZES[tag]
    made = MotionAutoencoder(size) if tag == "global" else MotionCodec(size)
    filled(made, tag)
    return made


def codecs() -> EmageCodecs:
    """All codecs by rule."""
    return EmageCodecs({part: codec(part) for part in ("face", "upper", "hands", "lower")}, codec("global"))


def feature_network(folder: Path) -> FeatureNetwork:
    """The network of FGD by rule, its masks and pools from the published topology."""
    network = FeatureNetwork(PUBLISHED_WIDTHS)
    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            if not key.endswith("mask") and ".common." not in key:
                tensor.copy_(value("fgd", f"encoder.{key}", tuple(tensor.shape)))
    return with_topology(network, folder).eval()


@torch.no_grad()
def with_topology(network: FeatureNetwork, folder: Path) -> FeatureNetwork:
    """The network with masks and pools of the published skeleton."""
    topology = json.loads((folder / "fgd_topology.json").read_text(encoding="utf-8"))
    for level, (layer, (inputs, outputs, pooled)) in enumerate(zip(network.layers, PUBLISHED_WIDTHS, strict=True)):
        edges = topology["edges"][level]
        near = torch.from_numpy(_near(edges)).float()
        block = near.repeat_interleave(outputs // len(edges), 0).repeat_interleave(inputs // len(edges), 1)
        for conv in (layer[0].residual[0], layer[0].shortcut):
            conv.mask.copy_(block[..., None].expand_as(conv.mask))
        if pooled != outputs:
            groups, width = topology["pooling"][level], outputs // len(edges)
            for row, group in enumerate(groups):
                for edge in group:
                    for channel in range(width):
                        layer[0].common[0].weight[row * width + channel, edge * width + channel] = 1.0 / len(group)
    return network


def _near(edges: list[list[int]]) -> np.ndarray:
    """Which edges see each other: those that share a joint, and those that share one with such an edge."""
    touch = np.array([[bool(set(a) & set(b)) for b in edges] for a in edges])
    return (touch.astype(int) @ touch.astype(int)) > 0
