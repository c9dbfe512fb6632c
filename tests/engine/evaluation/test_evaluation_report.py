"""The evaluation's table: what is equal scores as equal, what is worse scores worse, what is missing is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from engine.body.motion import Motion, arkit_names
from engine.body.rotations import axis_angle_to_matrix, matrix_to_6d
from engine.body.skeleton import default_skeleton
from engine.body.smplx_model import Shape, load_body_model
from engine.cli import app
from engine.errors import CospeechError
from engine.evaluation.metrics import rotation_error_degrees
from engine.evaluation.pairs import read_pairs
from engine.evaluation.published import vertex_error, vertex_velocity_distance
from engine.evaluation.report import as_json, evaluate, stored_rotations, table
from engine.hints import Hints, Target, satisfy, save_hints
from engine.models.checkpoints import CheckpointError, load_feature_network
from engine.models.fgd import FeatureNetwork
from engine.speech.audio import load_audio
from engine.speech.librosa_once import librosa
from engine.training.beat2_text import label_scores
from tests.places import DEMO
from tests.support.hints_takes import real_take, small_take
from tests.support.small_smplx import write_small


def rows_of(*arguments, **options) -> dict[str, float | None]:
    return {row.name: row.value for row in evaluate(*arguments, **options)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Real takes, the same as predictions, shaken ones, and their audio."""
    root = tmp_path_factory.mktemp("takes")
    samples, rate = soundfile.read(DEMO)
    for name in ("real", "same", "shaken", "audio"):
        (root / name).mkdir()
    for seed in (0, 1):
        take = real_take(seed)
        take.save(root / "real" / f"2_a_0_{seed}.npz")
        take.save(root / "same" / f"2_a_0_{seed}_output.npz")
        noise = np.random.default_rng(seed).normal(0.0, 0.05, take.poses.shape).astype(np.float32)
        replace(take, poses=take.poses + noise).save(root / "shaken" / f"2_a_0_{seed}.npz")
        soundfile.write(root / "audio" / f"2_a_0_{seed}.wav", samples, rate)
    return root


def test_a_copy_scores_as_the_real_takes_do(folders):
    rows = rows_of(folders / "same", folders / "real", folders / "audio")
    assert rows["clips"] == 2
    assert rows["FGD-kin"] == pytest.approx(0.0, abs=1e-3)
    assert rows["BC"] == pytest.approx(rows["BC real"])
    assert rows["jerk"] == pytest.approx(rows["jerk real"])
    assert rows["L1div"] == pytest.approx(rows["L1div real"])
    assert rows["foot slide"] < 0.2
    assert 0.0 < rows["BC shifted"] <= 1.0
    assert rows["BC sigma 0.1"] < rows["BC"]


def test_shaken_takes_score_worse(folders):
    good = rows_of(folders / "same", folders / "real")
    bad = rows_of(folders / "shaken", folders / "real")
    assert bad["FGD-kin"] > good["FGD-kin"] + 0.1
    assert bad["jerk"] > 3.0 * good["jerk"]
    assert bad["L1div"] > good["L1div"]


def test_what_is_missing_is_named(folders):
    rows = evaluate(folders / "same", folders / "real")
    absent = {row.name: row.note for row in rows if row.value is None}
    gate = {"gate precision", "gate recall"}
    assert {"FGD", "BC", "SRGR", "LVD", "MSE (face)", "pin error"} | gate == set(absent)
    assert all(absent.values())
    json.dumps(as_json(rows))
    assert len(table(rows)) == len(rows)


def test_the_published_extractor_is_used_where_it_is_given(folders, tmp_path):
    torch.manual_seed(0)
    network = FeatureNetwork(((330, 330, 210), (210, 210, 120), (120, 240, 240), (240, 240, 240)))
    for name, buffer in network.named_buffers():
        if "common" in name:  # pooling matrices come with the weights
            buffer.copy_(torch.rand_like(buffer) / buffer.shape[1])
    state = {f"module.encoder.{key}": value for key, value in network.state_dict().items()}
    torch.save({"model_state": state}, tmp_path / "net.bin")
    rows = rows_of(folders / "same", folders / "real", extractor=tmp_path / "net.bin")
    assert rows["FGD"] == pytest.approx(0, abs=1e-2)
    assert rows["FGD real/real"] > 0.02
    assert rows_of(folders / "shaken", folders / "real", extractor=tmp_path / "net.bin")["FGD"] > 0.02
    (tmp_path / "cut.bin").write_bytes((tmp_path / "net.bin").read_bytes()[:500])
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.bin")
    for name, words in (("cut.bin", "can't be read"), ("other.bin", "no feature network"), ("none.bin", "no file")):
        with pytest.raises(CheckpointError, match=words):
            load_feature_network(tmp_path / name)


def test_semantic_labels_weigh_frames(folders, tmp_path):
    lines = ["deictic\t1.0\t2.0\t1.0\t0.8\tthis", "beat\t3.0\t3.5\t0.5\t0.1\tx", "broken line"]
    for seed in (0, 1):
        (tmp_path / f"2_a_0_{seed}.txt").write_text("\n".join(lines))
    weight = label_scores(tmp_path / "2_a_0_0.txt", 120)
    assert weight[30:61].tolist() == pytest.approx([0.8] * 31)  # closed: a frame on the end counts
    assert weight[90:106].tolist() == pytest.approx([0.1] * 16)
    assert weight.sum() == pytest.approx(0.8 * 31 + 0.1 * 16)
    (tmp_path / "two.txt").write_text("a\t0\t1\t1\t0.3\tx\nb\t0.5\t2\t1.5\t0.9\ty")
    two = label_scores(tmp_path / "two.txt", 90)
    assert two[[0, 30, 31, 60, 61]].tolist() == pytest.approx([0.3, 0.3, 0.9, 0.9, 0.0])  # of two, the first
    same = evaluate(folders / "same", folders / "real", labels=tmp_path)
    copy, wide = (next(row for row in same if row.name == name) for name in ("SRGR", "SRGR 0.1 rad"))
    frames = real_take(0).frames
    assert copy.value == pytest.approx((0.8 * 31 + 0.1 * 16) / frames / 0.165)
    assert copy.value == wide.value
    assert "41 of BEAT's 47" in copy.note
    shaken = rows_of(folders / "shaken", folders / "real", labels=tmp_path)
    assert shaken["SRGR"] < shaken["SRGR 0.1 rad"] < copy.value
    empty = tmp_path / "empty"
    empty.mkdir()
    assert rows_of(folders / "same", folders / "real", labels=empty)["SRGR"] is None


def test_folders_that_do_not_fit_are_a_sentence(folders, tmp_path):
    with pytest.raises(CospeechError, match="no folder"):
        evaluate(tmp_path / "nowhere", folders / "real")
    with pytest.raises(CospeechError, match="No take in"):
        evaluate(Path(tmp_path), folders / "real")
    for name in ("audio", "labels", "smplx", "hints"):
        with pytest.raises(CospeechError, match="no folder"):
            evaluate(folders / "same", folders / "real", **{name: tmp_path / "nowhere"})


def test_the_network_sees_hands_as_the_files_hold_them(folders, tmp_path):
    """The published network was trained on BEAT2's stored poses, whose hands are relative to smplx's mean hand."""
    take = real_take(0)
    take.to_beat2(tmp_path / "a.npz")
    stored = np.load(tmp_path / "a.npz")["poses"].reshape(-1, 55, 3)
    wanted = matrix_to_6d(axis_angle_to_matrix(stored)).reshape(len(stored), -1)
    assert np.allclose(stored_rotations(Motion.load(tmp_path / "a.npz")), wanted, atol=1e-5)
    assert not np.allclose(
        stored_rotations(take)[:, 150:],
        matrix_to_6d(axis_angle_to_matrix(take.poses[:, 25:])).reshape(len(stored), -1),
        atol=0.05,
    )


def test_onsets_are_heard_between_the_margins(folders):
    pair = read_pairs(folders / "same", folders / "real", folders / "audio")[0]
    length = (pair.frames - 120) / 30.0
    assert len(pair.onsets) > 5
    assert 0.0 <= pair.onsets.min() <= pair.onsets.max() <= length
    wave, _ = load_audio(folders / "audio" / f"{pair.name}.wav")
    alone = librosa().onset.onset_detect(y=wave[32000 : int((pair.frames - 60) / 30 * 16000)], sr=16000, units="time")
    assert np.allclose(pair.onsets, alone)


def test_takes_at_another_rate_and_length_are_cut_alike(tmp_path):
    long = real_take(0)
    for name in ("real", "other"):
        (tmp_path / name).mkdir()
    long.save(tmp_path / "real" / "a.npz")
    short = long.sampled(np.arange(400) / 60.0, 60.0)
    short.save(tmp_path / "other" / "res_a.npz")
    pair = read_pairs(tmp_path / "other", tmp_path / "real", None)[0]
    assert pair.predicted.frames == pair.real.frames == 200
    assert np.array_equal(pair.real.poses, long.poses[:200])  # at its own rate nothing is resampled
    assert np.abs(pair.predicted.trans - long.trans[:200]).max() < 1e-4


def test_faces_are_measured_on_the_model_and_else_on_what_is_there(folders, tmp_path):
    model = write_small(tmp_path / "model")
    for name in ("real", "off"):
        (tmp_path / name).mkdir()
    take = replace(small_take(1, 150), blendshapes=None, betas=np.linspace(-1, 1, 300, dtype=np.float32))
    rng = np.random.default_rng(0)
    off = replace(take, expressions=take.expressions + rng.normal(0, 0.3, (150, 100)).astype(np.float32))
    take.save(tmp_path / "real" / "a.npz")
    replace(off, betas=np.zeros(300, np.float32)).save(tmp_path / "off" / "a.npz")  # real betas are for both
    found = rows_of(tmp_path / "off", tmp_path / "real", smplx=model)
    body = load_body_model(model)
    meshes = []
    for motion in (off, take):
        turned = torch.eye(3).repeat(150, 55, 1, 1)
        turned[:, 22] = torch.from_numpy(axis_angle_to_matrix(motion.poses[:, 22])).float()
        shape = Shape.of(torch.from_numpy(take.betas), torch.from_numpy(motion.expressions))
        meshes.append(body.vertices(turned, shape).double().numpy().reshape(150, -1))
    assert found["LVD"] == pytest.approx(vertex_velocity_distance(*meshes), rel=1e-5)
    assert found["MSE (face)"] == pytest.approx(vertex_error(*meshes), rel=1e-5)
    assert found["LVD 2024"] == pytest.approx(np.abs(meshes[0][1:] - meshes[1][1:]).mean(), rel=0.02)
    assert set(found) >= {"LVD", "MSE (face)"}
    same = rows_of(tmp_path / "real", tmp_path / "real", smplx=model)
    assert same["LVD"] == same["MSE (face)"] == same["LVD 2024"] == 0.0
    assert same["L1div"] != pytest.approx(rows_of(tmp_path / "real", tmp_path / "real")["L1div"], rel=1e-6)
    numbers = rows_of(tmp_path / "off", tmp_path / "real")
    assert numbers["MSE-numbers (face)"] == pytest.approx(0.09 * 100 / 103, rel=0.05)
    curves = rows_of(folders / "shaken", folders / "real")
    assert curves["MSE-mannequin (face)"] == 0.0  # shaken joints, the same curves
    assert curves["LVD"] is None


def test_the_mannequin_moves_by_metres(tmp_path):
    for name in ("real", "open"):
        (tmp_path / name).mkdir()
    take = small_take(2, 60)
    still = replace(take, blendshapes=np.zeros((60, 52), np.float32))
    half = still.blendshapes.copy()
    half[:, arkit_names().index("jawOpen")] = 0.5
    still.save(tmp_path / "real" / "a.npz")
    replace(still, blendshapes=half).save(tmp_path / "open" / "a.npz")
    rows = rows_of(tmp_path / "open", tmp_path / "real")
    assert rows["LVD-mannequin"] == 0.0  # it stands open
    assert 1e-4 < rows["LVD-mannequin 2024"] < 0.02  # metres


def test_pin_errors_are_read_off_the_take(tmp_path):
    for name in ("real", "pinned", "hints"):
        (tmp_path / name).mkdir()
    base = real_take(0)
    mask = np.zeros((base.frames, 55), bool)
    mask[100, [16, 18]] = mask[130, 17] = True
    turned = base.poses.copy()
    turned[mask] += 0.2
    roots = np.zeros(base.frames, bool)
    roots[110] = True
    points, _ = default_skeleton().forward(base.poses, base.trans)
    far = Target(20, 120, tuple(points[120, 20] + (0.0, 0.05, 0.05)))
    hints = Hints(base, (90, 160), turned, mask, base.trans + np.float32(0.01), roots, targets=(far,))
    save_hints(tmp_path / "hints" / "a.npz", hints)
    base.save(tmp_path / "real" / "a.npz")
    satisfy(base, hints).save(tmp_path / "pinned" / "a.npz")
    held = rows_of(tmp_path / "pinned", tmp_path / "real", hints=tmp_path / "hints")
    assert held["pin error"] < 1e-4
    assert held["root pin error"] < 1e-3
    assert held["target error"] < 0.5
    assert held["outside the window"] == 0
    loose = rows_of(tmp_path / "real", tmp_path / "real", hints=tmp_path / "hints")
    assert loose["pin error"] == pytest.approx(rotation_error_degrees(base.poses[mask], turned[mask]).max(), rel=1e-4)
    assert loose["root pin error"] == pytest.approx(1000 * 0.01 * 3**0.5, rel=1e-3)
    assert loose["target error"] == pytest.approx(1000 * 0.05 * 2**0.5, rel=1e-2)
    moved = base.poses.copy()
    moved[10, 5] += 0.01
    replace(base, poses=moved).save(tmp_path / "pinned" / "a.npz")
    assert rows_of(tmp_path / "pinned", tmp_path / "real", hints=tmp_path / "hints")["outside the window"] == 3
    base.sampled(np.arange(50) / 30.0, 30.0).save(tmp_path / "pinned" / "a.npz")
    with pytest.raises(CospeechError, match="50 frames"):
        evaluate(tmp_path / "pinned", tmp_path / "real", hints=tmp_path / "hints")


def test_the_command_prints_a_table_and_writes_json(folders, tmp_path):
    words = [
        "evaluate",
        "--pred",
        str(folders / "same"),
        "--gt",
        str(folders / "real"),
        "--out",
        str(tmp_path / "f.json"),
    ]
    words += ["--smplx", str(write_small(tmp_path / "model")), "--audio", str(folders / "audio")]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    stored = json.loads((tmp_path / "f.json").read_text())
    assert stored["LVD"]["value"] == 0.0
    assert stored["BC sigma 0.1"]["value"] > 0.0
    assert len(done.output.splitlines()) == len(stored)
    assert "foot slide" in done.output
