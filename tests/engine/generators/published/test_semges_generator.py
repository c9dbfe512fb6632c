"""SemGes as a generator, from a folder in the published layout with small weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.body.rotations import axis_angle_to_matrix
from engine.errors import CospeechError
from engine.generators.base import Request
from engine.generators.published.semges import HEAD, JOINTS, NECK, SemgesGenerator, SemgesOptions
from engine.hints import Hints
from engine.models.checkpoints import CheckpointError
from engine.models.semges import features_at, paired
from engine.models.semges_checkpoints import load_semges
from engine.models.semges_windows import (
    OVERLAP,
    WINDOW,
    faded,
    mended_line,
    published_line,
    published_windows,
    window_count,
)
from engine.plan.planner import plan_gestures
from engine.take.options import TakeOptions
from tests.support.plan_speech import say
from tests.support.small_semges import small_release

HOP = WINDOW - OVERLAP
LINE = "Hello and welcome. We built this place for you, and it is larger than you think."


@pytest.fixture(scope="module")
def releases(tmp_path_factory) -> dict[str, Path]:
    made = {name: tmp_path_factory.mktemp(name) for name in ("beat", "smplx")}
    small_release(made["beat"])
    small_release(made["smplx"], beat=False)
    return made


@lru_cache
def speech():
    made = say(LINE)
    noise = np.random.default_rng(3).normal(0.0, 0.1, round(made.seconds * 16000)).astype(np.float32)
    return replace(made, waveform=noise)


def request(hints: Hints | None = None, **options) -> Request:
    plan = replace(plan_gestures(speech(), "explain", 1.0, 1), phrases=())
    return Request(speech(), plan, TakeOptions(audio="", seed=1, **options), hints)


def quiet(_stage: str, _fraction: float) -> None:
    pass


@pytest.fixture(scope="module", params=["beat", "smplx"])
def generator(releases, request) -> SemgesGenerator:
    return SemgesGenerator.from_folder(releases[request.param])


def test_arms_are_the_networks_and_the_rest_the_defaults(generator):
    motion = generator.generate(request(), quiet)
    around = generator._body.generate(request(), quiet)
    assert motion.frames == around.frames
    others = [joint for joint in range(55) if joint not in JOINTS]
    legs = [joint for joint in others if joint not in (23, 24)]
    turned = axis_angle_to_matrix(motion.poses.astype(np.float64))
    before = axis_angle_to_matrix(around.poses.astype(np.float64))
    np.testing.assert_allclose(turned[:, legs], before[:, legs], atol=1e-5)
    np.testing.assert_array_equal(motion.trans, around.trans)
    apart = np.abs(turned[:, JOINTS] - before[:, JOINTS]).max(axis=(0, 2, 3))
    assert (apart > 0.02).all()
    assert not {NECK, HEAD} & set(JOINTS)
    assert motion.blendshapes is not None
    assert motion.blendshapes.max() > 0.1


def test_the_same_request_gives_the_same_bytes(generator):
    first, second = (generator.generate(request(), quiet) for _ in range(2))
    assert first.poses.tobytes() == second.poses.tobytes()


def test_speakers_differ_and_unknown_ones_get_a_sentence(generator):
    first, second = (generator.generate(request(speaker=name), quiet) for name in ("0", "3"))
    assert not np.array_equal(first.poses[:, JOINTS], second.poses[:, JOINTS])
    with pytest.raises(CospeechError, match="choose 0 to 3"):
        generator.generate(request(speaker="4"), quiet)


def test_only_the_parts_asked_for(generator):
    hands = generator.generate(request(parts=("hands",)), quiet)
    assert hands.blendshapes is None
    assert hands.poses[:, 25:].any()
    assert not hands.poses[:, :22].any()


def test_a_window_is_made_anew_around_a_pin(generator):
    base = generator._body.generate(request(), quiet)
    window = (40, 100)
    mask = np.zeros((base.frames, 55), bool)
    mask[70, 18] = True
    rotations = base.poses.copy()
    rotations[70, 18] = (0.0, -1.2, 0.1)
    hints = Hints(base=base, window=window, rotations=rotations, rotation_mask=mask)
    made = generator.generate(request(hints=hints), quiet)
    outside = [frame for frame in range(base.frames) if not window[0] <= frame < window[1]]
    assert made.poses[outside].tobytes() == base.poses[outside].tobytes()
    np.testing.assert_array_equal(made.poses[70, 18], rotations[70, 18])
    assert not np.array_equal(made.poses[window[0] : window[1]], base.poses[window[0] : window[1]])
    steps = np.abs(np.diff(axis_angle_to_matrix(made.poses.astype(np.float64)), axis=0)).max(axis=(1, 2, 3))
    inside = np.delete(steps[window[0] : window[1] - 1], [29, 30])
    assert steps[window[0] - 1] <= inside.max() + 1e-6
    assert steps[window[1] - 1] <= inside.max() + 1e-6


def test_other_rates(generator):
    motion = generator.generate(request(fps=24.0), quiet)
    assert motion.fps == 24.0


class TestMends:
    """Each shows the release's fault, and its absence."""

    def test_the_release_puts_out_more_time_than_it_hears_and_mended_as_much(self, releases):
        models = load_semges(releases["beat"])
        frames = 10 * WINDOW
        words, speaker = torch.full((1, frames), 4), torch.tensor([0])
        heard = [torch.zeros(1, WINDOW, 48)] * published_windows(frames)
        with torch.inference_mode():
            published = published_line(models.model, models.codecs, heard, words, speaker)
            heard = [torch.zeros(1, WINDOW, 48)] * window_count(frames)
            mended = mended_line(models.model, models.codecs, heard, words, speaker, frames)
        assert published.hands.shape[1] / (published_windows(frames) * HOP + OVERLAP) > 1.11
        assert mended.hands.shape[1] == frames
        assert window_count(frames) * HOP + OVERLAP >= frames

    def test_the_release_hears_sixty_percent_of_a_window_and_mended_all(self):
        times = torch.arange(113.0)[None, :, None] / 50.0  # features that tell their own time
        seconds = WINDOW / 15
        assert float(paired(times, WINDOW).max()) < 0.6 * seconds
        mended = features_at(times, 0, WINDOW, 15.0)
        assert float(mended.max()) > 0.98 * seconds - 0.03
        middles = (torch.arange(2.0 * WINDOW) + 0.5) / 30.0 - 0.0125
        inner = slice(1, -2)
        torch.testing.assert_close(mended.flatten()[inner], middles[inner], atol=1e-4, rtol=0)

    def test_overlaps_are_faded(self):
        windows = [torch.full((1, WINDOW, 1), value) for value in (0.0, 1.0, 0.0)]
        line = faded(windows)[0, :, 0]
        assert len(line) == 3 * HOP + OVERLAP
        assert float(line.diff().abs().max()) <= 0.2 + 1e-6

    def test_published_mode_performs_too(self, releases):
        generator = SemgesGenerator.from_folder(releases["beat"], options=SemgesOptions.published())
        made, mended = (
            run.generate(request(), quiet) for run in (generator, SemgesGenerator.from_folder(releases["beat"]))
        )
        assert made.frames == mended.frames
        assert not np.array_equal(made.poses[:, JOINTS], mended.poses[:, JOINTS])


class TestFolder:
    def test_both_kinds_are_told_apart(self, releases):
        assert load_semges(releases["beat"]).beat
        assert not load_semges(releases["smplx"]).beat

    @pytest.mark.parametrize(
        ("lost", "message"),
        [
            ("hand/last_1900.bin", "lacks the codec of the hands"),
            ("last_60.bin", "lacks the second stage"),
            ("vocab.json", "holds none of vocab.json"),
            ("hubert-base-ls960/config.json", "lacks HuBERT"),
        ],
    )
    def test_what_is_missing_is_told(self, tmp_path, lost, message):
        small_release(tmp_path)
        (tmp_path / lost).unlink()
        with pytest.raises(CheckpointError, match=message):
            SemgesGenerator.from_folder(tmp_path)

    def test_mixed_kinds_are_refused(self, tmp_path):
        small_release(tmp_path)
        small_release(tmp_path / "other", beat=False)
        (tmp_path / "other/body/last_1900.bin").replace(tmp_path / "body/last_1900.bin")
        shutil.rmtree(tmp_path / "other")
        with pytest.raises(CheckpointError, match="of two kinds"):
            load_semges(tmp_path)

    def test_damaged_files_are_told(self, tmp_path):
        small_release(tmp_path)
        (tmp_path / "last_60.bin").write_bytes(b"nonsense")
        with pytest.raises(CheckpointError, match="can't be read as weights"):
            load_semges(tmp_path)

    def test_no_folder(self, tmp_path):
        with pytest.raises(CheckpointError, match="There is no folder"):
            load_semges(tmp_path / "gone")
