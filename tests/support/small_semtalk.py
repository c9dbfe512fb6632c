"""SemTalk in small: a folder in the published layout with seeded weights, HuBERT and CLIP in small beside them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from engine.models.clip_folder import BEGIN, END, WORD_END, byte_letters
from engine.models.clip_text import ClipText, ClipTextSize
from engine.models.codecs import CodecSize, MotionAutoencoder
from engine.models.hubert import Hubert, HubertSize
from engine.models.rvq import Rvq, RvqSize
from engine.models.semtalk import SemTalkBase, SemTalkSparse
from engine.models.semtalk_body import SemTalkSize

SIZE = SemTalkSize(
    hubert=24, width=16, wide=32, codes=16, speakers=3, inner=48, inner_small=24, face_layers=1, body_layers=2,
    words=16, word_width=10, sentence=20,
)  # fmt: skip
HUBERT = HubertSize(
    width=24, layers=2, heads=4, inner=32, channels=(8,) * 7, conv_bias=True, large=True, place_kernel=8, place_groups=2
)
CHANNELS = {"face": 106, "upper": 78, "hands": 180, "lower": 61}
NAMES = {"face": "rvq_face_600", "upper": "rvq_upper_500", "hands": "rvq_hands_500", "lower": "rvq_lower_600"}
WORDS = ["", "we", "built", "this", "place", "for", "you", "every", "word", "come", "look"]


class Vocab:
    """A vocabulary as the data set pickles one."""

    def __init__(self) -> None:
        self.word2index = {word: 4 + index for index, word in enumerate(WORDS)}
        self.word_embedding_weights = torch.ones(3).numpy()


def small_release(folder: Path, seed: int = 0) -> dict[str, nn.Module]:
    """A folder in the published layout with small random weights; returns SemTalk's own modules."""
    torch.manual_seed(seed)
    made: dict[str, nn.Module] = {"best_base": SemTalkBase(SIZE), "best_sparse": SemTalkSparse(SIZE)}
    for part, channels in CHANNELS.items():
        codec = Rvq(RvqSize(channels, SIZE.width, SIZE.codes))
        for layer in codec.quantizer.layers:
            nn.init.normal_(layer.codebook)
        made[f"pretrained_vq/{NAMES[part]}"] = codec
    made["pretrained_vq/last_1700_foot"] = MotionAutoencoder(CodecSize(61, 16, 4))
    for name, module in made.items():
        path = folder / f"{name}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {f"module.{key}": value.clone() for key, value in module.state_dict().items()}
        if "/" not in name:  # stored by the release, without effect
            state["module.transformer_en_layer.norm1.weight"] = torch.ones(32)
        torch.save({"model_state": state, "epoch": 3}, path)
    small_hubert(folder / "hubert-large-ls960-ft")
    small_clip(folder / "clip-vit-base-patch32")
    (folder / "vocab.pkl").write_bytes(pickle.dumps(Vocab()))
    return made


def small_hubert(folder: Path, size: HubertSize = HUBERT) -> Hubert:
    """HuBERT in small, in the hub's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    model = Hubert(size).eval()
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors")
    config = {
        "model_type": "hubert", "hidden_size": size.width, "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads, "intermediate_size": size.inner, "conv_dim": list(size.channels),
        "conv_kernel": list(size.kernels), "conv_stride": list(size.strides), "conv_bias": size.conv_bias,
        "do_stable_layer_norm": size.large, "feat_extract_norm": "layer" if size.large else "group",
        "num_conv_pos_embeddings": size.place_kernel, "num_conv_pos_embedding_groups": size.place_groups,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return model


def small_clip(folder: Path) -> ClipText:
    """CLIP's text half in small, in the hub's layout, with a tokenizer of single letters and a few merges."""
    folder.mkdir(parents=True, exist_ok=True)
    merges = [("t", "h"), ("th", "e" + WORD_END), ("i", "n"), ("in", "g" + WORD_END), ("t", "he" + WORD_END)]
    letters = byte_letters()
    tokens = [*letters, *(letter + WORD_END for letter in letters), *(a + b for a, b in merges[:4]), BEGIN, END]
    size = ClipTextSize(width=16, layers=2, heads=2, inner=24, words=len(tokens), places=77, outputs=SIZE.sentence)
    model = ClipText(size).eval()
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file({**state, "logit_scale": torch.ones(())}, folder / "model.safetensors")
    text = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
        "vocab_size": len(tokens), "max_position_embeddings": 77, "hidden_act": "quick_gelu",
    }  # fmt: skip
    config = {"model_type": "clip", "text_config": text, "projection_dim": SIZE.sentence}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    return model
