"""The generalisation protocol: what it can tell, what it must not, and its command."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.body.skeleton import default_skeleton
from engine.cli import app
from engine.errors import CospeechError
from engine.evaluation.generalisation import (
    Protocol,
    evaluate_design,
    generated_group,
    measured_clips,
    real_group,
    recall_error,
    take_folds,
)
from engine.evaluation.generalisation_classifiers import TWO_CLASS, kernel, linear, standardised, told_apart
from engine.evaluation.generalisation_features import arms, look
from engine.evaluation.generalisation_report import REACH, as_json, evaluate_gestures, table
from engine.models.phase_gesture import MODEL_JOINTS, orthonormal_rows
from engine.training import gesture_autodecoder, gesture_vae
from engine.training.corpus import read_corpus
from engine.training.gesture_autodecoder import train_autodecoder
from engine.training.gesture_designs import CONTROLS, DESIGNS, Copies, design
from engine.training.gesture_vae import train_vae
from tests.places import CORPUS

QUICK = Protocol(folds=2, per_class=24)


@pytest.fixture(scope="module")
def clips():
    return read_corpus(CORPUS)


@pytest.fixture(scope="module")
def few(clips):
    """Two classes that differ, a dozen clips each."""
    chosen = []
    for name in ("stop", "beat_low"):
        chosen += [clip for clip in clips if clip.info.gclass == name and clip.info.shared][:12]
    return tuple(chosen)


def silent(stage, fraction):
    assert stage
    assert 0.0 <= fraction <= 1.0


def test_the_area_under_the_curve_counts_pairs_and_ties():
    rng = np.random.default_rng(0)
    scores, real = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.4
    weights = rng.uniform(0.5, 2.0, 40)
    wins = total = 0.0
    for mine in np.flatnonzero(real):
        for theirs in np.flatnonzero(~real):
            weight = weights[mine] * weights[theirs]
            wins += weight * ((scores[mine] > scores[theirs]) + 0.5 * (scores[mine] == scores[theirs]))
            total += weight
    assert told_apart(scores, real, weights) == pytest.approx(wins / total)


def test_linear_and_kernel_classifiers_see_what_they_are_for():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((200, 6))
    targets = np.sign(rows[:, :1] + 0.3)
    known, asked = standardised(rows[:120], rows[120:])
    found = linear(0.1)(known, targets[:120], np.ones(120), asked)
    assert np.mean(np.sign(found) == targets[120:]) > 0.9
    wide = np.where(np.arange(200)[:, None] % 2 == 0, rows, 2.5 * rows)
    labels = np.where(np.arange(200)[:, None] % 2 == 0, 1.0, -1.0)
    known, asked = standardised(wide[:120], wide[120:])
    truth = labels[120:, 0] > 0
    assert told_apart(linear(0.1)(known, labels[:120], np.ones(120), asked)[:, 0], truth, np.ones(80)) < 0.7
    assert told_apart(kernel(0.3, 0.03)(known, labels[:120], np.ones(120), asked)[:, 0], truth, np.ones(80)) > 0.85


def test_rows_are_measured_in_units_of_the_known_ones():
    known, other = standardised(np.array([[0.0], [2.0]]), np.array([[1.0], [100.0]]))
    assert known.ravel() == pytest.approx([-1.0, 1.0], abs=1e-5)
    assert other.ravel() == pytest.approx([0.0, 5.0], abs=1e-5)


def test_an_unknown_design_is_named_and_nothing_is_no_design(tmp_path):
    for name in ("basis", *CONTROLS):
        assert design(name, 0)
    with pytest.raises(CospeechError, match="guess"):
        design("guess", 0)
    with pytest.raises(CospeechError, match="--designs"):
        evaluate_gestures(tmp_path, (), QUICK, silent)
    result = CliRunner().invoke(app, ["evaluate-gestures", "--corpus", str(tmp_path)])
    assert isinstance(result.exception, CospeechError)
    assert "clips.csv" in str(result.exception)


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.exists(), reason="needs the gesture corpus in ../shared/corpus")
class TestWithTheCorpus:
    """With the corpus beside the checkout."""

    def test_takes_stay_together_and_classes_are_dealt_evenly(self, clips):
        fold = take_folds(clips, 3, 0)
        assert np.array_equal(fold, take_folds(clips, 3, 0))
        assert not np.array_equal(fold, take_folds(clips, 3, 1))
        takes: dict[str, set[int]] = {}
        for clip, number in zip(clips, fold, strict=True):
            takes.setdefault(clip.take, set()).add(int(number))
        assert len(takes) < len(clips)
        assert all(len(folds) == 1 for folds in takes.values())
        for name in ("negation", "stop", "me"):
            counts = np.bincount(fold[[clip.info.gclass == name for clip in clips]], minlength=3)
            assert counts.min() >= 0.2 * counts.sum()

    def test_nine_classes_are_large_enough(self, clips):
        places = measured_clips(clips)
        assert len({clips[place].info.gclass for place in places}) == 9
        assert all(clips[place].info.shared for place in places)
        with pytest.raises(CospeechError, match="10 clips"):
            measured_clips(clips[:5])

    def test_features_are_of_the_gesture_not_of_its_lead_or_frame_grid(self, few):
        clip = few[0]
        marks = clip.info.landmarks
        seen = []
        for lead in (0.15, 0.25):
            seconds = np.arange(marks.start - lead, marks.end + lead, 1.0 / 30.0)
            seen.append(look(orthonormal_rows(clip.at(seconds)), clip.info.hands))
        other = real_group([few[-1]], np.random.default_rng(0)).seen[0]
        near = np.abs(seen[0].all - seen[1].all).mean()
        assert near < 0.2 * np.abs(seen[0].all - other.all).mean()

    def test_wrists_are_those_of_forward_kinematics(self, few):
        rotations = orthonormal_rows(few[0].six[20:24])
        local = np.broadcast_to(np.eye(3), (4, 55, 3, 3)).copy()
        local[:, list(MODEL_JOINTS)] = rotations
        local[:, [3, 6, 9]] = np.eye(3)
        points, world = default_skeleton().forward_matrices(local, np.zeros((4, 3)))
        elbows, wrists, hands = arms(rotations)
        assert np.allclose(wrists, points[:, [20, 21]] - points[:, [9]], atol=1e-9)
        assert np.allclose(elbows, points[:, [18, 19]] - points[:, [9]], atol=1e-9)
        assert np.allclose(hands, world[:, [20, 21]], atol=1e-9)

    def test_copies_pass_and_shaken_or_smoothed_ones_are_found_out(self, few):
        auc = {}
        for name in ("copies", "smoothed", "shaken"):
            figures = evaluate_design(few, design(name, 0), QUICK, silent)
            auc[name] = figures["told apart (AUC): best of all"].value
        assert auc["copies"] < 0.75
        assert min(auc["smoothed"], auc["shaken"]) > 0.9

    def test_every_figure_of_a_design_stands_in_table_and_json(self, few, tmp_path, monkeypatch):
        monkeypatch.setattr("engine.evaluation.generalisation_report.read_corpus", lambda _: few)
        report = evaluate_gestures(tmp_path, ("basis", "copies"), QUICK, silent)
        plain = json.loads(json.dumps(as_json(report)))
        assert plain["protocol"] == {"folds": 2, "per_class": 24, "seed": 0}
        lines = "\n".join(table(report))
        for name, _, _ in REACH:
            assert name in plain["designs"]["basis"]
            assert name in lines
        assert "reached: at most 0.65" in lines or "MISSED: at most 0.65" in lines
        auc = plain["designs"]["copies"]["told apart (AUC): best of all"]
        assert auc["low"] <= auc["value"] <= auc["high"]
        # An unseen take is nearer to its best latent than to any clip that was known.
        nearest, latent = (plain["designs"][name]["recalled: wrist cm"]["value"] for name in ("copies", "basis"))
        assert latent < nearest

    def test_a_clip_recalled_as_itself_has_no_error(self, few):
        truth = orthonormal_rows(few[0].at(few[0].span()))
        assert max(recall_error(few[0], truth)) < 1e-4
        (other,) = Copies(few[1:], lambda rotations: rotations).best(few[:1])
        assert min(recall_error(few[0], other)) > 0.5

    @pytest.mark.parametrize("train", [train_autodecoder, train_vae])
    def test_the_rivals_learn_perform_and_recall(self, few, train, monkeypatch):
        monkeypatch.setattr(gesture_vae, "FIT_STEPS", 20)
        monkeypatch.setattr(gesture_autodecoder, "BATCH", 256)
        few = few[::4]
        wild, trained, again = (train(few, steps, 0) for steps in (1, 40, 40))
        far = [
            np.mean([recall_error(clip, found)[2] for clip, found in zip(few, net.best(few), strict=True)])
            for net in (wild, trained)
        ]
        assert far[1] < far[0]
        groups = [generated_group(net, ["stop"], 2, np.random.default_rng(0)) for net in (trained, again)]
        assert np.array_equal(groups[0].rows(), groups[1].rows())
        assert set(groups[0].kind) <= {"stop right", "stop both"}

    def test_too_many_folds_are_refused(self, few):
        with pytest.raises(CospeechError, match="folds"):
            evaluate_design(few, design("copies", 0), Protocol(folds=11), silent)


def test_the_bundled_design_is_the_first_named():
    assert DESIGNS[0] == "basis"
    assert set(TWO_CLASS) >= {"linear", "kernel"}
