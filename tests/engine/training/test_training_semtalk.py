"""SemTalk's training in miniature: codecs, base, sparse network, generate; and the faults of the release."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.body.motion import Motion
from engine.errors import CospeechError
from engine.generators.published.semtalk_folder import load_release
from engine.generators.published.semtalk_hearing import MENDED
from engine.models.semtalk import SemTalkBase
from engine.models.semtalk_body import PARTS
from engine.models.semtalk_checkpoints import load_codecs
from engine.training.emage_data import read_data
from engine.training.semtalk import NetworkTask, hidden_share, network_size, read_semtalk
from engine.training.semtalk_losses import SemTalkBatch, base_losses, level_losses
from tests.support.commands import run
from tests.support.small_semtalk import small_clip, small_hubert


@pytest.fixture(scope="module")
def trained(one_take, tmp_path_factory) -> tuple[Path, list[dict[str, object]]]:
    """Codecs and networks after a few steps, and what the commands said."""
    out = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    small_hubert(out / "hubert")
    small_clip(out / "clip")
    small = ("--data", one_take, "--batch", "4", "--seed", "1")
    said = run(
        "train", "semtalk-rvq", *small, "--out", out / "rvq", "--steps", "20", "--rate", "3e-3", "--width", "16",
        "--codes", "16",
    )  # fmt: skip
    network = (
        *small, "--codecs", out / "rvq", "--hubert", out / "hubert", "--hidden", "32", "--layers", "1",
        "--rate", "3e-3", "--steps", "5",
    )  # fmt: skip
    said += run("train", "semtalk-base", *network, "--out", out / "base")
    more = ("--clip", out / "clip", "--base", out / "base")
    said += run("train", "semtalk-sparse", *network, "--out", out / "net", *more)
    return out, said


def test_losses_fall_and_a_release_is_written(trained):
    out, said = trained
    codecs = ["face", "upper", "hands", "lower", "global"]
    assert [row["model"] for row in said] == [*codecs, "semtalk-base", "semtalk-sparse"]
    for row in said:
        assert row["last_loss"] < 0.95 * row["first_loss"], row
    found = load_release(out / "net/release")
    assert found.hearing == MENDED
    assert found.vocabulary.row("hello") >= 4


def test_the_release_performs(trained, tmp_path):
    out, _ = trained
    words = ("--transcript", "assets/demo/demo.txt", "--out", tmp_path / "take.npz", "--speaker", "2")
    run("generate", "assets/demo/demo.flac", *words, "--generator", "semtalk", "--weights", out / "net/release")
    motion = Motion.load(tmp_path / "take.npz")
    assert np.isfinite(motion.poses).all()
    assert np.ptp(motion.poses[:, 17], axis=0).max() > 0.01


def test_a_resumed_codec_is_the_same_to_the_bit(one_take, tmp_path):
    small = ("--data", one_take, "--batch", "4", "--seed", "1", "--part", "face", "--width", "8", "--codes", "8")
    run("train", "semtalk-rvq", *small, "--out", tmp_path / "whole", "--steps", "6")
    run("train", "semtalk-rvq", *small, "--out", tmp_path / "cut", "--steps", "3")
    run("train", "semtalk-rvq", *small, "--out", tmp_path / "cut", "--steps", "6")
    both = [(tmp_path / name / "face/last/model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert both[0] == both[1]


def test_the_mask_grows_and_then_stays():
    assert [hidden_share(epoch) for epoch in (0.0, 130.0, 200.0)] == pytest.approx([0.05, 0.35875, 0.35875])


def test_without_speech_all_levels_count_and_as_published_the_finest_alone(trained, one_take):
    out, _ = trained
    data, codecs = read_data(one_take, "train"), load_codecs(out / "rvq")
    heard = read_semtalk(one_take, data, lambda wave: np.zeros(((len(wave) - 80) // 320, 24), np.float32), MENDED)
    torch.manual_seed(0)
    model = SemTalkBase(network_size(codecs, heard, data.speakers, 32, 1)).eval()
    rows = NetworkTask(model, data, heard, codecs, 4).batch(np.arange(2), 0)
    codes = {part: torch.randint(0, 16, (2, 16, 6)) for part in PARTS}
    hidden = torch.rand_like(rows["motion"]) < 0.5
    batch = SemTalkBatch(
        rows["hubert"], rows["beat"], rows["words"], rows["sentence"], rows["speaker"][:, None].expand(-1, 64),
        rows["motion"], codes, hidden, torch.zeros(2, 16),
    )  # fmt: skip
    with torch.no_grad():
        mended, published = (base_losses(model, codecs, batch, published=flag) for flag in (False, True))
        silent = model(model.hear(rows["hubert"], rows["beat"]), batch.shown("self"), False)
        levels = level_losses(silent.tokens, codes, PARTS)
    assert float(published["codes_self"]) == pytest.approx(float(levels[-1]), rel=1e-5)
    assert float(mended["codes_self"]) == pytest.approx(
        sum(float(loss) / (i + 1) for i, loss in enumerate(levels)), rel=1e-5
    )
    assert set(mended) == set(published)


def test_what_is_missing_is_a_sentence(one_take, trained, tmp_path):
    out, _ = trained
    with pytest.raises(CospeechError, match="semtalk-base"):
        run(
            "train", "semtalk-sparse", "--data", one_take, "--codecs", out / "rvq", "--hubert", out / "hubert",
            "--clip", out / "clip", "--base", tmp_path, "--out", tmp_path,
        )  # fmt: skip
    with pytest.raises(CospeechError, match="the codec of the face"):
        load_codecs(tmp_path)
    with pytest.raises(CospeechError, match="no part 'feet'"):
        run("train", "semtalk-rvq", "--data", one_take, "--out", tmp_path, "--part", "feet")
