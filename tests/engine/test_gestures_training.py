"""The corpus reader, the gesture network's training, and its numpy twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import CospeechError
from engine.generators.gestures import perform
from engine.generators.library import CorpusLibrary
from engine.models.phase_gesture import (
    MODEL_JOINTS,
    OUTPUTS,
    GestureModel,
    Recipe,
    orthonormal_rows,
    phase_features,
)
from engine.plan.types import GesturePhrase
from engine.rotations import geodesic_angle, matrix_from_6d
from engine.skeleton import ASSETS, default_skeleton
from engine.training.corpus import PAD, RATE, read_corpus
from engine.training.default import PhaseNet, errors, train_default

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
WEIGHTS = ASSETS / "weights" / "default.safetensors"
shared = [
    pytest.mark.shared,
    pytest.mark.skipif(not CORPUS.exists(), reason="needs the gesture corpus in ../shared/corpus"),
]


@pytest.fixture(scope="module")
def clips():
    return read_corpus(CORPUS)


def quiet(stage, fraction):
    assert stage
    assert 0.0 <= fraction <= 1.0


def test_the_bundled_weights_are_small_and_open():
    assert WEIGHTS.stat().st_size <= 10_000_000
    model = GestureModel.load(WEIGHTS)
    assert model.metadata["errors_degrees"]["all"] < 1.0
    assert "LGPL" in model.metadata["licence"]


def test_numpy_and_torch_compute_the_same_network():
    model = GestureModel.load(WEIGHTS)
    tensors = {name: torch.from_numpy(value) for name, value in model._tensors.items()}
    clips, classes = tensors["latents"].shape[0], tensors["classes"].shape[0]
    net = PhaseNet(clips, classes, tensors["output_mean"], tensors["output_std"])
    net.load_state_dict(tensors)
    phase = np.linspace(-0.9, 4.9, 40)
    with torch.no_grad():
        features = torch.from_numpy(phase_features(phase))
        raw = net(features, torch.full((40,), 3), net.latents[5].expand(40, -1)) * net.output_std + net.output_mean
    expected = orthonormal_rows(raw.numpy().reshape(40, len(MODEL_JOINTS), 6))
    assert np.allclose(model.evaluate(phase, 3, model.latent_of(5)), expected, atol=2e-5)


def test_latents_between_and_beside_clips_decode_to_sound_poses():
    model = GestureModel.load(WEIGHTS)
    rng = np.random.default_rng(0)
    pairs = [(i, j) for i, a in enumerate(model.clips) for j, b in enumerate(model.clips[:i]) if a.gclass == b.gclass]
    for first, second in rng.permutation(pairs)[:12]:
        recipe = Recipe(int(first), int(second), 0.35, rng.standard_normal(24), 0.12)
        marks = model.landmarks(recipe)
        decoded = model.decode(recipe, np.arange(marks.start, marks.end, 1.0 / 30.0))
        assert np.allclose(np.linalg.det(decoded), 1.0, atol=1e-9)
        assert np.degrees(geodesic_angle(decoded[1:], decoded[:-1])).max() < 45.0


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x00" * 64])
def test_unreadable_weights_are_named(tmp_path, content):
    file = tmp_path / "mine.safetensors"
    file.write_bytes(content)
    with pytest.raises(CospeechError, match=r"mine\.safetensors"):
        GestureModel.load(file)
    with pytest.raises(CospeechError, match=r"gone\.safetensors"):
        GestureModel.load(tmp_path / "gone.safetensors")


def test_a_folder_that_is_no_corpus_is_named(tmp_path):
    with pytest.raises(CospeechError, match=r"clips\.csv"):
        read_corpus(tmp_path)


class TestCorpus:
    """With the corpus beside the checkout."""

    pytestmark = shared

    def test_clips_are_clean_and_canonical(self, clips):
        assert len(clips) == 254
        assert {clip.info.hands for clip in clips} == {"right", "both"}
        assert len({clip.info.gclass for clip in clips}) == 33
        assert sum(not clip.info.shared for clip in clips) >= 20
        for clip in clips:
            marks = clip.info.landmarks
            ordered = [marks.start, marks.onset, marks.apex0, marks.apex1, marks.back, marks.end]
            assert ordered == sorted(ordered), clip.info.name
            assert marks.settle <= marks.leave <= marks.end
            assert marks.apex0 <= marks.beat <= marks.end
            assert clip.six.shape[1:] == (len(MODEL_JOINTS), 6)
            turns = np.degrees(geodesic_angle(*(matrix_from_6d(clip.six[s]) for s in (slice(1, None), slice(-1)))))
            assert turns.max() < 48.0, clip.info.name

    def test_a_padded_clip_holds_still_at_both_ends_and_is_its_frames(self, clips):
        clip = clips[0]
        assert np.array_equal(clip.six[0], clip.six[PAD - 2])
        assert np.allclose(clip.at(np.array([10 / RATE]))[0], clip.six[10 + PAD], atol=1e-6)

    def test_left_handed_clips_were_mirrored_to_the_right(self, clips):
        skeleton = default_skeleton()
        for clip in [entry for entry in clips if entry.info.name.endswith("_YouLf01")][:2]:
            local = np.broadcast_to(np.eye(3), (len(clip.six), 55, 3, 3)).copy()
            local[:, list(MODEL_JOINTS)] = orthonormal_rows(clip.six)
            points, _ = skeleton.forward_matrices(local, np.zeros((len(local), 3)))
            way = np.ptp(points[:, [20, 21]], axis=0).max(axis=1)
            assert way[1] > 3.0 * way[0]

    def test_training_learns_and_repeats_to_the_byte(self, tmp_path, clips):
        first = train_default(CORPUS, tmp_path / "a", 4, 3, quiet)
        again = train_default(CORPUS, tmp_path / "b", 4, 3, quiet)
        longer = train_default(CORPUS, tmp_path / "c", 50, 3, quiet)
        assert first == again
        files = [tmp_path / name / "default.safetensors" for name in ("a", "b")]
        assert files[0].read_bytes() == files[1].read_bytes()
        assert longer["all"] < 0.9 * first["all"]
        assert GestureModel.load(files[0]).clips == tuple(clip.info for clip in clips)

    def test_the_bundled_weights_know_this_corpus(self, clips):
        model = GestureModel.load(WEIGHTS)
        assert [clip.name for clip in model.clips] == [clip.info.name for clip in clips]
        assert errors(model, clips[:1])["right_arm"] < 2.0

    def test_the_corpus_itself_performs_behind_the_same_interface(self, clips):
        library = CorpusLibrary(clips)
        times = np.arange(120) / 30.0
        poses = np.broadcast_to(np.eye(3), (120, 55, 3, 3)).copy()
        phrase = GesturePhrase(0, 1.6, 2.0, 2.4, 3.0, "X", "you", "right", 1.0, -1, True, 2.0, 1.9)
        out = perform(poses, (phrase,), times, 0, "explain", library)
        assert np.degrees(geodesic_angle(out[62], poses[62])).max() > 20.0
        recipe = Recipe(0, 0, 0.0, np.zeros(24), 0.0)
        assert np.allclose(library.decode(recipe, np.array([0.5])), orthonormal_rows(clips[0].at(np.array([0.5]))))

    def test_no_steps_is_refused(self, tmp_path):
        with pytest.raises(CospeechError, match="step"):
            train_default(CORPUS, tmp_path, 0, 0, quiet)


def test_outputs_are_all_joints_in_6d():
    assert len(MODEL_JOINTS) * 6 == OUTPUTS
    assert sorted({*MODEL_JOINTS}) == sorted(MODEL_JOINTS)
