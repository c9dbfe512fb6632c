"""The evaluation's table: what is equal scores as equal, what is worse scores worse, what is missing is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hints_takes import DEMO, real_take

from engine.errors import CospeechError
from engine.evaluation.report import as_json, evaluate, semantic_weight, table
from engine.models.checkpoints import CheckpointError, load_feature_network
from engine.models.fgd import FeatureNetwork


def rows_of(*arguments, **options) -> dict[str, float | None]:
    return {row.name: row.value for row in evaluate(*arguments, **options)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Real takes, the same as predictions, shaken ones, and their audio."""
    root = tmp_path_factory.mktemp("takes")
    samples, rate = soundfile.read(DEMO / "demo.flac")
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
    assert {"FGD", "BC", "SRGR", "LVD", "MSE (face)"} == set(absent)
    assert all(absent.values())
    json.dumps(as_json(rows))
    assert len(table(rows)) == len(rows)


def test_the_published_extractor_is_used_where_it_is_given(folders, tmp_path):
    torch.manual_seed(0)
    network = FeatureNetwork(((330, 330, 210), (210, 210, 120), (120, 240, 240), (240, 240, 240)))
    state = {f"module.encoder.{key}": value for key, value in network.state_dict().items()}
    torch.save({"model_state": state}, tmp_path / "net.bin")
    assert rows_of(folders / "same", folders / "real", extractor=tmp_path / "net.bin")["FGD"] == pytest.approx(
        0, abs=1e-2
    )
    (tmp_path / "cut.bin").write_bytes((tmp_path / "net.bin").read_bytes()[:500])
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.bin")
    for name, words in (("cut.bin", "can't be read"), ("other.bin", "no feature network"), ("none.bin", "no file")):
        with pytest.raises(CheckpointError, match=words):
            load_feature_network(tmp_path / name)


def test_semantic_labels_weigh_frames(folders, tmp_path):
    lines = ["deictic\t1.0\t2.0\t1.0\t0.8\tthis", "beat\t3.0\t3.5\t0.5\t0.1\tx", "broken line"]
    for seed in (0, 1):
        (tmp_path / f"2_a_0_{seed}.txt").write_text("\n".join(lines))
    weight = semantic_weight(tmp_path / "2_a_0_0.txt", 120)
    assert weight[30:60].tolist() == [0.8] * 30
    assert weight[90:105].tolist() == [0.1] * 15
    assert weight.sum() == pytest.approx(0.8 * 30 + 0.1 * 15)
    same = rows_of(folders / "same", folders / "real", labels=tmp_path)["SRGR"]
    shaken = rows_of(folders / "shaken", folders / "real", labels=tmp_path)["SRGR"]
    assert same > shaken


def test_folders_that_do_not_fit_are_a_sentence(folders, tmp_path):
    with pytest.raises(CospeechError, match="no folder"):
        evaluate(tmp_path / "nowhere", folders / "real")
    with pytest.raises(CospeechError, match="No take in"):
        evaluate(Path(tmp_path), folders / "real")
