"""SemGes in small: a folder in the published layout with seeded weights, HuBERT in small beside them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from engine.models.hubert import HubertSize
from engine.models.semges import Semges, SemgesSize
from engine.models.semges_codec import SemgesCodec, SemgesCodecSize
from engine.models.semges_motion import BEAT_CHANNELS, SMPLX_CHANNELS
from tests.support.small_semtalk import small_hubert

HUBERT = HubertSize(width=24, layers=2, heads=4, inner=32, channels=(8,) * 7, place_kernel=8, place_groups=2)
SIZE = SemgesSize(words=16, word_width=12, text=24, audio=48, width=32, inner=40, latent=16, speakers=4, blocks=2)
WORDS = ["", "we", "built", "this", "place", "for", "you", "hello", "and", "welcome", "the", "to"]
UPRIGHT = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])


def small_release(folder: Path, beat: bool = True, seed: int = 0) -> dict[str, nn.Module]:
    """A folder in the published layout with small random weights, poses near the T-pose; returns the modules."""
    torch.manual_seed(seed)
    hands, body = BEAT_CHANNELS if beat else SMPLX_CHANNELS
    made: dict[str, nn.Module] = {
        "hand/last_1900": SemgesCodec(SemgesCodecSize(hands, 16, 16)),
        "body/last_1900": SemgesCodec(SemgesCodecSize(body, 16, 16)),
        "last_60": Semges(SIZE),
    }
    for name, module in made.items():
        if isinstance(module, SemgesCodec):
            nn.init.normal_(module.quantizer.embedding.weight)
            with torch.no_grad():
                last = module.decoder.main[-1]
                last.weight.mul_(0.3)
                last.bias.copy_(UPRIGHT.repeat(module.size.channels // 6))
        path = folder / f"{name}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {f"module.{key}": value.clone() for key, value in module.state_dict().items()}
        if name == "last_60":  # stored by the release, without effect
            state["module.index_map.bias"] = torch.ones(4)
        torch.save({"model_state": state}, path)
    small_hubert(folder / "hubert-base-ls960", HUBERT)
    (folder / "vocab.json").write_text(json.dumps({word: 4 + row for row, word in enumerate(WORDS)}))
    return made
