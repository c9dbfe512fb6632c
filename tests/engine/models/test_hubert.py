"""HuBERT from a folder of the hub's layout, and its features in pieces."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.models.checkpoints import CheckpointError
from engine.models.hubert import CHUNK, FIELD, STRIDE, HubertSize, hubert_steps, normalized
from engine.models.hubert_folder import LARGE_SOURCE, load_hubert
from tests.support.small_semtalk import HUBERT, small_hubert

BASE = HubertSize(width=24, layers=2, heads=4, inner=32, channels=(8,) * 7, place_kernel=8, place_groups=2)


@pytest.mark.parametrize("size", [HUBERT, BASE], ids=["large", "base"])
def test_a_folder_gives_the_same_model(tmp_path, size):
    torch.manual_seed(0)
    made = small_hubert(tmp_path, size)
    found = load_hubert(tmp_path)
    assert found.size == size
    wave = normalized(torch.randn(2, 8000))
    with torch.inference_mode():
        assert torch.equal(found(wave), made(wave))
        assert found(wave).shape == (2, size.frames(8000), size.width)


def test_older_and_newer_names_and_recognisers_load(tmp_path):
    torch.manual_seed(0)
    made = small_hubert(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    place = "encoder.pos_conv_embed.conv."
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        state[f"{place}parametrizations.weight.{new}"] = state.pop(place + old)
    del state["masked_spec_embed"]
    state = {f"hubert.{key}": value for key, value in state.items()} | {"lm_head.weight": torch.zeros(32, 24)}
    save_file(state, tmp_path / "model.safetensors")
    wave = normalized(torch.randn(1, 4000))
    with torch.inference_mode():
        assert torch.equal(load_hubert(tmp_path)(wave), made(wave))


def test_what_is_wrong_with_a_folder_is_a_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="no folder"):
        load_hubert(tmp_path / "nowhere", source=LARGE_SOURCE)
    small_hubert(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change in ({"model_type": "wav2vec2"}, {"feat_extract_norm": "group"}, {"hidden_act": "relu"}):
        (tmp_path / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(CheckpointError, match="HuBERT"):
            load_hubert(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(CheckpointError, match=r"lack encoder\.layers\.2"):
        load_hubert(tmp_path)


@pytest.mark.parametrize("samples", [400, 719, 720, CHUNK * STRIDE - 1, CHUNK * STRIDE + 200, CHUNK * STRIDE + 5000])
def test_long_waves_are_heard_in_pieces_of_one_line(tmp_path, samples):
    torch.manual_seed(0)
    model = small_hubert(tmp_path)
    wave = np.random.default_rng(0).normal(0.0, 0.1, samples).astype(np.float32)
    steps = hubert_steps(model, wave)
    assert steps.shape == ((samples - (FIELD - STRIDE)) // STRIDE, HUBERT.width)
    sound = normalized(torch.from_numpy(wave)[None])
    with torch.inference_mode():
        first = model(sound[:, : CHUNK * STRIDE + FIELD - STRIDE])[0].numpy()
    assert np.array_equal(steps[: len(first)], first[: len(steps)])
    if samples == CHUNK * STRIDE + 200:  # the last piece is too short to be heard
        assert len(steps) == CHUNK
