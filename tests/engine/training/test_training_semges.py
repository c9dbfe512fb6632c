"""SemGes' training in miniature: codecs, second stage, generate; and the faults of the release, shown and absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.body.motion import Motion
from engine.errors import CospeechError
from engine.models.codecs import Quantized
from engine.models.semges import SemgesOutput
from engine.models.semges_checkpoints import load_semges
from engine.models.semges_codec import SemgesCodec, SemgesCodecSize
from engine.training.beat2_text import semantic_scores, word_intervals
from engine.training.semges_losses import PUBLISHED_FAULTS, SemgesFaults, codec_losses, latent_losses
from tests.support.commands import run
from tests.support.small_semges import HUBERT
from tests.support.small_semtalk import small_hubert

NAME = "2_sample_0_1_1"


@pytest.fixture(scope="module")
def trained(one_take, tmp_path_factory) -> tuple[Path, list[dict[str, object]]]:
    """Codecs and second stage after a few steps, and what the commands said."""
    out = tmp_path_factory.mktemp("run")
    small_hubert(out / "hubert", HUBERT)
    small = ("--batch", "16", "--seed", "1")
    said = run(
        "train", "semges-vq", "--data", one_take, "--out", out / "vq", "--steps", "40", "--rate", "2e-3",
        "--width", "16", "--codes", "16", *small,
    )  # fmt: skip
    said += run(
        "train", "semges", "--data", one_take, "--codecs", out / "vq", "--hubert", out / "hubert", "--out", out / "net",
        "--steps", "25", "--width", "32", "--blocks", "1", "--rate", "2e-3", *small,
    )  # fmt: skip
    return out, said


def test_losses_fall_and_a_release_is_written(trained):
    out, said = trained
    assert [row["model"] for row in said] == ["hands", "body", "semges"]
    for row, factor in zip(said, (0.5, 0.5, 0.8), strict=True):
        assert row["last_loss"] < factor * row["first_loss"], row
    models = load_semges(out / "net/release")
    assert not models.beat
    assert models.words.row("hello") >= 4


def test_the_same_command_gives_the_same_weights(one_take, tmp_path):
    for name in ("first", "second"):
        run(
            "train", "semges-vq", "--data", one_take, "--out", tmp_path / name, "--part", "body", "--steps", "3",
            "--batch", "4", "--width", "16", "--codes", "16",
        )  # fmt: skip
    first, second = (tmp_path / name / "body/last/model.safetensors" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_the_release_performs(trained, tmp_path):
    out, _ = trained
    demo = next(iter(Path("assets/demo").glob("demo.[fw]*")))
    words = ("--transcript", "assets/demo/demo.txt", "--out", tmp_path / "take.npz")
    run("generate", demo, *words, "--generator", "semges", "--weights", out / "net/release", "--speaker", "2")
    motion = Motion.load(tmp_path / "take.npz")
    assert np.ptp(motion.poses[:, 17], axis=0).max() > 0.01


def test_words_and_labels_of_a_sample_take(one_take):
    intervals = word_intervals(one_take, NAME)
    assert intervals[0][0] == 0.0
    assert {"hello", ""} <= {mark for _, _, mark in intervals}
    scores = semantic_scores(one_take, NAME, 400)
    assert set(np.unique(scores)) <= {np.float32(0.0), np.float32(0.1), np.float32(0.8)}
    assert 0.0 < scores.mean() < 0.8


def test_missing_words_and_labels_get_a_sentence(tmp_path):
    with pytest.raises(CospeechError, match="textgrid, get it too"):
        word_intervals(tmp_path, NAME)
    with pytest.raises(CospeechError, match="semantic labels of BEAT2 lie there"):
        semantic_scores(tmp_path, NAME, 10)
    broken = tmp_path / "textgrid" / f"{NAME}.TextGrid"
    broken.parent.mkdir()
    broken.write_text("nonsense")
    with pytest.raises(CospeechError, match="can't be read as a TextGrid"):
        word_intervals(tmp_path, NAME)


def second_stage(faults: SemgesFaults):
    """Losses of random latents, of which the hands' are a parameter."""
    torch.manual_seed(0)
    codecs = tuple(SemgesCodec(SemgesCodecSize(channels, 16, 16)).eval() for channels in (192, 66))
    for codec in codecs:
        torch.nn.init.normal_(codec.quantizer.embedding.weight)
    hands, body, words = (torch.randn(3, 20, 16, requires_grad=True) for _ in range(3))
    motion = [torch.randn(3, 20, channels) for channels in (192, 66)]
    out = SemgesOutput(hands, body, words)
    return out, motion, codecs, latent_losses(out, *motion, torch.rand(3, 20), codecs, faults)


def test_relevance_trains_the_network_and_in_the_release_nothing():
    out, _, _, losses = second_stage(SemgesFaults())
    losses.relevance.backward()
    assert float(out.hands.grad.norm()) > 0.0
    assert not second_stage(PUBLISHED_FAULTS)[3].relevance.requires_grad


def test_coherence_compares_embeddings_of_a_frame_and_in_the_release_channels_over_time():
    out, motion, codecs, _ = second_stage(SemgesFaults())
    real = codecs[0].encoder(motion[0]).detach()
    alike = SemgesOutput(out.hands, out.body, 3.0 * real)  # words that point where the motion's latents do
    mended = latent_losses(alike, *motion, torch.zeros(3, 20), codecs, SemgesFaults())
    published = latent_losses(alike, *motion, torch.zeros(3, 20), codecs, PUBLISHED_FAULTS)
    assert float(mended.coherence_hands) < 1e-5
    assert float(published.coherence_hands) > 0.01


def test_velocity_counts():
    still = torch.tensor([1.0, 0, 0, 0, 1.0, 0]).expand(1, 8, 6)
    jumpy = still + 0.1 * torch.tensor([1.0, -1.0]).repeat(4)[None, :, None] * torch.tensor([0, 1.0, 0, 0, 0, 0])
    nothing = Quantized(still, torch.zeros(()), torch.zeros(()))
    assert float(codec_losses(still, still, nothing).total) == 0.0
    assert float(codec_losses(jumpy, still, nothing).velocity) > 0.01
