"""SemTalk's folder: files known by contents, sizes from tensors, one sentence for everything that is wrong."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from engine.generators.published.semtalk_folder import load_release
from engine.models.checkpoints import CheckpointError
from engine.models.hubert import HubertSize
from engine.models.rvq import RvqSize
from engine.models.semtalk_checkpoints import load_semtalk
from tests.support.small_semtalk import CHANNELS, SIZE, WORDS, small_hubert, small_release


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("semtalk")
    return folder, small_release(folder)


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole[0], tmp_path / "copy")


def test_a_folder_loads_with_the_sizes_of_its_tensors(whole):
    folder, made = whole
    found = load_release(folder)
    networks = found.networks
    assert networks.base.size.hubert == networks.sparse.size.hubert == SIZE.hubert
    assert (networks.base.size.face_layers, networks.sparse.size.words) == (SIZE.face_layers, SIZE.words)
    assert networks.sparse.size.sentence == SIZE.sentence
    for part, channels in CHANNELS.items():
        assert networks.codecs.codec(part).size == RvqSize(channels, SIZE.width, SIZE.codes)
    for name, module in (("best_base", networks.base), ("best_sparse", networks.sparse)):
        state = module.state_dict()
        assert all(torch.equal(value, state[key]) for key, value in made[name].state_dict().items())
        assert not module.training
    assert found.hubert.name == "hubert-large-ls960-ft"
    assert found.vocabulary.rows == {word: 4 + index for index, word in enumerate(WORDS)}
    assert found.sentences(["the thing", ""]).shape == (2, SIZE.sentence)


def test_files_of_older_torch_load(copy):
    path = copy / "best_base.bin"
    torch.save(torch.load(path, weights_only=True), path, _use_new_zipfile_serialization=False)
    assert load_semtalk(copy).base.size.hubert == SIZE.hubert


def refused(folder, *told: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_release(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for part in told:
        assert part in sentence


def test_what_is_missing_is_named(copy):
    with pytest.raises(CheckpointError, match="no folder"):
        load_semtalk(copy / "nowhere")
    (copy / "pretrained_vq" / "rvq_hands_500.bin").unlink()
    refused(copy, "the codec of the hands", "rvq_hands_500")
    (copy / "best_sparse.bin").unlink()
    refused(copy, "the sparse network and the codec of the hands")


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("hubert-large-ls960-ft", "facebook/hubert-large-ls960-ft"),
        ("clip-vit-base-patch32", "openai/clip-vit-base-patch32"),
        ("vocab.pkl", "vocab.pkl"),
    ],
)
def test_front_ends_that_are_missing_are_named(copy, gone, told):
    path = copy / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    refused(copy, told)


def test_two_of_a_kind_are_named(copy):
    shutil.copy(copy / "best_base.bin", copy / "last_base.bin")
    refused(copy, "best_base.bin", "last_base.bin", "keep one")


def test_damaged_and_foreign_files_are_named(copy):
    path = copy / "best_base.bin"
    path.write_bytes(path.read_bytes()[:900])
    refused(copy, "best_base.bin", "damaged")


def test_missing_and_unknown_entries_are_named(copy):
    path = copy / "best_sparse.bin"
    stored = torch.load(path, weights_only=True)
    del stored["model_state"]["module.gate.bias"]
    torch.save(stored, path)
    refused(copy, "lack gate.bias")
    stored["model_state"] |= {"module.gate.bias": torch.zeros(2), "module.gate.extra": torch.zeros(2)}
    torch.save(stored, path)
    refused(copy, "unknown gate.extra")
    del stored["model_state"]["module.gate.extra"]
    stored["model_state"]["module.gate.bias"] = torch.zeros(3)
    torch.save(stored, path)
    refused(copy, "other shapes")


def test_hubert_of_another_width_is_named(copy):
    small_hubert(copy / "hubert-large-ls960-ft", HubertSize(width=32, layers=1, heads=2, inner=8, channels=(4,) * 7))
    refused(copy, "32 features", "24")
    (copy / "hubert-large-ls960-ft" / "config.json").write_text(
        json.dumps({"model_type": "hubert", "hidden_size": "x"})
    )
    refused(copy, "config.json", "hubert-large-ls960-ft")


def test_a_vocabulary_of_other_weights_is_named(copy):
    (copy / "vocab.json").write_text(json.dumps({"word": SIZE.words}))
    refused(copy, f"{SIZE.words + 1} words", "vocab.pkl")
