"""The corpus reader, the gesture model and its training."""

from __future__ import annotations

import numpy as np
import pytest

from engine.body.rotations import geodesic_angle, matrix_from_6d
from engine.body.skeleton import ASSETS, default_skeleton
from engine.errors import CospeechError
from engine.models.phase_gesture import (
    MODEL_JOINTS,
    VARIATIONS,
    GestureModel,
    Recipe,
    alike,
    orthonormal_rows,
    vary,
)
from engine.training.corpus import PAD, RATE, read_corpus
from engine.training.default import errors, train_default
from tests.places import CORPUS

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
    assert WEIGHTS.stat().st_size <= 4_000_000
    model = GestureModel.load(WEIGHTS)
    assert model.metadata["errors_degrees"]["all"] < 0.2
    assert "LGPL" in model.metadata["licence"]


def alone(clip):
    return Recipe(clip, clip, 0.0, np.zeros(VARIATIONS), 0.0)


def test_new_performances_are_sound_and_an_idle_arm_stays_the_clips():
    model = GestureModel.load(WEIGHTS)
    rng = np.random.default_rng(0)
    shared_clips = [place for place, clip in enumerate(model.clips) if clip.shared]
    for first in rng.permutation(shared_clips)[:16]:
        recipe = vary(model.clips, int(first), shared_clips, rng)
        marks = model.landmarks(recipe)
        seconds = np.arange(marks.start, marks.end, 1.0 / 30.0)
        decoded = model.decode(recipe, seconds)
        assert np.allclose(np.linalg.det(decoded), 1.0, atol=1e-9)
        assert np.degrees(geodesic_angle(decoded[1:], decoded[:-1])).max() < 45.0
        clip = model.clips[recipe.first]
        own = model.decode(alone(recipe.first), marks.warped(seconds, clip.landmarks))
        changed = np.degrees(geodesic_angle(decoded, own)).max(axis=0)
        assert changed[25:28].max() > 0.5
        if clip.hands == "right":
            assert changed[7:25].max() < 1e-5


def test_a_share_below_zero_moves_away_and_every_phase_keeps_a_length():
    model = GestureModel.load(WEIGHTS)
    rng = np.random.default_rng(1)
    for _ in range(60):
        first, second = (model.clips[int(place)].landmarks for place in rng.integers(len(model.clips), size=2))
        assert first.mixed(second, 0.0).phase_knots()[0] == pytest.approx(first.phase_knots()[0], abs=1e-9)
        toward, away = (first.mixed(second, share) for share in (0.4, -0.4))
        spans = [np.diff(marks.phase_knots()[0]) for marks in (first, second, toward, away)]
        assert all(span.min() > 0.0 for span in spans)
        assert np.all((spans[2] - spans[0]) * (spans[1] - spans[0]) >= -1e-9)
        assert np.all((spans[3] - spans[0]) * (spans[1] - spans[0]) <= 1e-9)
        for marks in (toward, away):
            assert marks.settle <= marks.leave <= marks.end
            assert marks.start < marks.beat < marks.end
            times = np.linspace(marks.start - 0.3, marks.end + 0.3, 200)
            assert np.all(np.diff(marks.warped(times, first)) > 0.0)
            assert np.allclose(marks.warped(times, marks), times)


def test_the_same_draw_gives_the_same_recipe_and_only_like_clips_are_mixed():
    clips = GestureModel.load(WEIGHTS).clips
    everything = list(range(len(clips)))
    for first in range(0, len(clips), 9):
        one, other = (vary(clips, first, everything, np.random.default_rng(3)) for _ in range(2))
        assert (one.second, one.mix) == (other.second, other.mix)
        assert np.array_equal(one.noise, other.noise)
        assert alike(clips[one.second], clips[first])
        assert one.mix == 0.0 or one.second != first


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

    def test_training_repeats_to_the_byte_and_gives_the_bundled_weights(self, tmp_path, clips):
        first = train_default(CORPUS, tmp_path / "a", quiet)
        again = train_default(CORPUS, tmp_path / "b", quiet)
        assert first == again
        files = [tmp_path / name / "default.safetensors" for name in ("a", "b")]
        assert files[0].read_bytes() == files[1].read_bytes()
        mine, bundled = GestureModel.load(files[0]), GestureModel.load(WEIGHTS)
        assert mine.clips == bundled.clips == tuple(clip.info for clip in clips)
        seconds = np.arange(0.0, 2.0, 0.1)
        for recipe in (alone(3), Recipe(3, 5, 0.4, np.ones(VARIATIONS), 0.2)):
            assert np.allclose(mine.decode(recipe, seconds), bundled.decode(recipe, seconds), atol=1e-3)

    def test_a_clip_comes_back_as_it_was(self, clips):
        assert errors(GestureModel.load(WEIGHTS), clips[:6])["right_arm"] < 0.2


def test_the_joints_of_the_model_are_named_once():
    assert sorted({*MODEL_JOINTS}) == sorted(MODEL_JOINTS)
