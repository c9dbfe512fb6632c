"""EMAGE in small: a folder in the published layout with seeded weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from engine.body.motion import Motion
from engine.body.rotations import matrix_to_axis_angle
from engine.generators.life.body import base_motion
from engine.generators.published.network_hints import network_channels
from engine.models.codecs import CodecSize, MotionAutoencoder, MotionCodec
from engine.models.emage import Emage, EmageSize
from engine.models.emage_motion import split_parts
from engine.plan.listener import plan_idle
from engine.speech.load import silence

SIZE = EmageSize(
    hidden=32, audio=16, motion=24, codes=16, speakers=3, inner=48, body_layers=2, face_layers=1, period=64
)
GENTLE = {"face": 0.3, "upper": 0.5, "hands": 0.5, "lower": 0.12}
CHANNELS = {"face": 106, "upper": 78, "hands": 180, "lower": 61}


def small_release(folder: Path, kind: str = "safetensors", seed: int = 0) -> dict[str, nn.Module]:
    """A folder in the published layout with small random weights; returns the modules."""
    made = small_modules(seed)
    write_release(folder, made, kind)
    return made


def standing_release(folder: Path, seed: int = 0) -> None:
    """The same, but its codecs' decoders move gently around a person who stands: every code is a pose near that."""
    made = small_modules(seed)
    body = standing_channels()
    parts = split_parts(body, torch.zeros(1, 1, 100))
    with torch.no_grad():
        for part in CHANNELS:
            codec = made[f"emage_vq/{part}"]
            assert isinstance(codec, MotionCodec)
            last = codec.decoder.main[-1]
            assert isinstance(last, nn.Conv1d)
            last.weight.mul_(GENTLE[part])
            last.bias.copy_(parts[part][0, 0])  # type: ignore[union-attr]
            codec.quantizer.embedding.weight.mul_(4.0)
        globe = made["emage_vq/global"]
        assert isinstance(globe, MotionAutoencoder)
        last = globe.decoder.main[-1]
        assert isinstance(last, nn.Conv1d)
        last.weight.mul_(2.0)
        last.bias.copy_(torch.zeros_like(last.bias))  # type: ignore[union-attr, arg-type]
        last.bias[55] = body[0, 0, 331]  # type: ignore[index]
    write_release(folder, made)


def standing_channels() -> torch.Tensor:
    """(1, 1, 337) of a standing person as the network sees one."""
    local, trans = base_motion(plan_idle(silence(1.0), "explain", 1.0, 0), np.zeros(1), 0)
    still = Motion(poses=matrix_to_axis_angle(local).astype(np.float32), trans=trans.astype(np.float32), fps=30.0)
    return torch.from_numpy(network_channels(still).astype(np.float32))[None]


def small_modules(seed: int) -> dict[str, nn.Module]:
    """The modules of a release by their folder."""
    torch.manual_seed(seed)
    made: dict[str, nn.Module] = {"": Emage(SIZE)}
    for part, channels in CHANNELS.items():
        made[f"emage_vq/{part}"] = MotionCodec(CodecSize(channels, 16, 4 if part == "lower" else 2, 16))
    made["emage_vq/global"] = MotionAutoencoder(CodecSize(61, 16, 4))
    return made


def write_release(folder: Path, made: dict[str, nn.Module], kind: str = "safetensors") -> None:
    """Write modules in the published layout."""
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
