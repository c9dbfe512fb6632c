"""EMAGE in small: a folder in the published layout with seeded weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from engine.models.codecs import CodecSize, MotionAutoencoder, MotionCodec
from engine.models.emage import Emage, EmageSize

SIZE = EmageSize(
    hidden=32, audio=16, motion=24, codes=16, speakers=3, inner=48, body_layers=2, face_layers=1, period=64
)
CHANNELS = {"face": 106, "upper": 78, "hands": 180, "lower": 61}


def small_release(folder: Path, kind: str = "safetensors", seed: int = 0) -> dict[str, nn.Module]:
    """A folder in the published layout with small random weights; returns the modules."""
    torch.manual_seed(seed)
    made: dict[str, nn.Module] = {"": Emage(SIZE)}
    for part, channels in CHANNELS.items():
        made[f"emage_vq/{part}"] = MotionCodec(CodecSize(channels, 16, 4 if part == "lower" else 2, 16))
    made["emage_vq/global"] = MotionAutoencoder(CodecSize(61, 16, 4))
    for name, module in made.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        state = {key: value.clone() for key, value in module.state_dict().items()}
        if not name:  # stored by the release, never run
            state["transformer_en_layer.norm1.weight"] = torch.ones(32)
        if kind == "safetensors":
            save_file(state, place / "model.safetensors")
        else:
            torch.save(state, place / "pytorch_model.bin")
    (folder / "config.json").write_text('{"pose_fps": 30}')
    return made
