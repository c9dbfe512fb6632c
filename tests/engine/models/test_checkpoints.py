"""EMAGE's weights from a folder: sizes from tensors, two file kinds, and one sentence for everything that is wrong."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from engine.models.checkpoints import CheckpointError, load_emage
from engine.models.codecs import CodecSize
from engine.models.emage import Emage
from engine.models.emage_windows import choose_codes, decode_line, infer, joined
from tests.support.small_emage import CHANNELS, SIZE, small_release


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_folder_loads_with_the_sizes_of_its_tensors(tmp_path, kind):
    made = small_release(tmp_path, kind)
    found = load_emage(tmp_path)
    assert found.model.size == SIZE
    assert found.config == {"pose_fps": 30}
    assert found.codecs.codec("lower").size == CodecSize(61, 16, 4, 16)
    for key, value in made[""].state_dict().items():
        assert torch.equal(found.model.state_dict()[key], value)
    assert not found.model.training
    wave = torch.randn(1, 16000 * 3)
    with torch.inference_mode():
        line = joined(infer(found.model, found.codecs, wave, torch.tensor([2])), 90)
        codes = choose_codes(found.codecs, line)
        motion, trans = decode_line(found.codecs, codes, torch.zeros(1, 3))
    assert motion.axis_angle.shape == (1, 90, 55, 3)
    assert trans.shape == (1, 90, 3)
    assert set(codes) == set(CHANNELS)


def broken(tmp_path, change) -> str:
    small_release(tmp_path)
    change(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        load_emage(tmp_path)
    sentence = str(caught.value)
    assert sentence.count("\n") == 0
    assert "emage_audio" in sentence
    return sentence


def test_a_missing_folder_file_or_codec_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="no folder"):
        load_emage(tmp_path / "nowhere")
    assert "neither model.safetensors nor" in broken(tmp_path / "a", lambda f: (f / "model.safetensors").unlink())
    gone = tmp_path / "b" / "emage_vq" / "hands" / "model.safetensors"
    assert "hands" in broken(tmp_path / "b", lambda f: gone.unlink())


def test_a_truncated_file_is_named(tmp_path):
    def cut(folder):
        path = folder / "emage_vq" / "face" / "model.safetensors"
        path.write_bytes(path.read_bytes()[:1000])

    assert "damaged" in broken(tmp_path, cut)


def test_a_pickle_with_code_is_refused(tmp_path):
    def poison(folder):
        (folder / "model.safetensors").unlink()
        torch.save({"a": Emage}, folder / "pytorch_model.bin")

    assert "can't be read as weights" in broken(tmp_path, poison)


def test_weights_of_another_model_are_named(tmp_path):
    other = {"layer.weight": torch.zeros(3, 3)}
    assert "not EMAGE" in broken(tmp_path / "a", lambda f: save_file(other, f / "model.safetensors"))
    swap = "emage_vq/upper/model.safetensors"
    assert "not a motion codec" in broken(tmp_path / "b", lambda f: save_file(other, f / swap))

    def exchange(folder):
        (folder / "emage_vq/upper/model.safetensors").write_bytes(
            (folder / "emage_vq/hands/model.safetensors").read_bytes()
        )

    assert "upper needs 78" in broken(tmp_path / "c", exchange)


def test_partial_weights_say_what_they_lack(tmp_path):
    def drop(folder):
        state = {key: value.clone() for key, value in Emage(SIZE).state_dict().items() if key != "face_cls.fc1.bias"}
        save_file(state, folder / "model.safetensors")

    assert "lack face_cls.fc1.bias" in broken(tmp_path, drop)


def test_unknown_tensors_and_wrong_shapes_are_named(tmp_path):
    def add(folder):
        state = {key: value.clone() for key, value in Emage(SIZE).state_dict().items()}
        save_file({**state, "extra.weight": torch.zeros(1)}, folder / "model.safetensors")

    def reshape(folder):
        state = {key: value.clone() for key, value in Emage(SIZE).state_dict().items()}
        save_file({**state, "face_out_proj.bias": torch.zeros(5)}, folder / "model.safetensors")

    assert "unknown extra.weight" in broken(tmp_path / "a", add)
    assert "other shapes" in broken(tmp_path / "b", reshape)
