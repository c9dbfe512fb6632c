"""HuBERT from a folder as the model hub keeps it: config.json with model.safetensors or pytorch_model.bin.

Read without the hub's own library; nothing is fetched.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from engine.models.checkpoints import CheckpointError, State, built, error_text, read_state
from engine.models.hubert import Hubert, HubertSize

BASE_SOURCE = "the folder facebook/hubert-base-ls960 as the hub has it"
LARGE_SOURCE = "the folder facebook/hubert-large-ls960-ft as the hub has it"
INSIDE = "hubert."  # before every name where a recogniser was built around the model
RECOGNISER = ("lm_head.", "projector.", "classifier.")
PLACES = "encoder.pos_conv_embed.conv."
NEWER_NAMES = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
EXPECTED = {"hidden_act": "gelu", "feat_extract_activation": "gelu"}


def load_hubert(folder: Path, device: str = "cpu", source: str = BASE_SOURCE) -> Hubert:
    """The model in ``folder``, in eval mode; CheckpointError says in a sentence what is missing or unfit."""
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}; choose {source}")
    size = hubert_size(folder, source)
    state = named_state(read_state(folder, source))
    state.setdefault("masked_spec_embed", torch.zeros(size.width))
    return built(Hubert, size, state, folder, source).eval().to(device)


def hubert_size(folder: Path, source: str = BASE_SOURCE) -> HubertSize:
    """The sizes that the folder's config.json gives; what it leaves out is as in the base model."""
    path = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if config.get("model_type") != "hubert":
            raise CheckpointError(f"{path} is not the configuration of HuBERT; choose {source}")
        stable, norm = config.get("do_stable_layer_norm", False), config.get("feat_extract_norm", "group")
        plain = all(config.get(name, value) == value for name, value in EXPECTED.items())
        usual = config.get("feat_proj_layer_norm", True) and not config.get("conv_pos_batch_norm", False)
        if (norm == "layer") != stable or not plain or not usual:
            raise CheckpointError(f"{path} describes a HuBERT of another kind than the published ones; choose {source}")
        base = HubertSize()
        return HubertSize(
            width=int(config.get("hidden_size", base.width)),
            layers=int(config.get("num_hidden_layers", base.layers)),
            heads=int(config.get("num_attention_heads", base.heads)),
            inner=int(config.get("intermediate_size", base.inner)),
            channels=tuple(config.get("conv_dim", base.channels)),
            kernels=tuple(config.get("conv_kernel", base.kernels)),
            strides=tuple(config.get("conv_stride", base.strides)),
            conv_bias=bool(config.get("conv_bias", base.conv_bias)),
            large=bool(stable),
            place_kernel=int(config.get("num_conv_pos_embeddings", base.place_kernel)),
            place_groups=int(config.get("num_conv_pos_embedding_groups", base.place_groups)),
            epsilon=float(config.get("layer_norm_eps", base.epsilon)),
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} can't be read ({error_text(error)}); choose {source}") from error


def named_state(state: State) -> State:
    """The tensors under the names that the model has, whichever version of the hub's library wrote them."""
    out: State = {}
    for key, value in state.items():
        if key.startswith(RECOGNISER):
            continue
        name = key.removeprefix(INSIDE)
        if name.startswith(PLACES):
            last = name.removeprefix(PLACES)
            name = PLACES + NEWER_NAMES.get(last, last)
        out[name] = value
    return out
