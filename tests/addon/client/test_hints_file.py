"""The add-on's hints file is what the engine reads."""

from __future__ import annotations

import resource
import signal

import numpy as np
import pytest

from addon.client.hints_file import HintsData, HintsFileError, write_hints
from addon.client.take_file import Take, write_take
from engine.hints.files import load_hints

T = 9


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_the_engine_reads_every_field(tmp_path):
    take = Take(poses=numbers(T, 55, 3), trans=numbers(T, 3), fps=24000 / 1001, blendshapes=np.zeros((T, 52)))
    write_take(tmp_path / "base.npz", take)
    rotation_mask, trans_mask = numbers(T, 55) > 0, numbers(T) > 0
    data = HintsData(
        base="base.npz",
        rotations=take.poses,
        rotation_mask=rotation_mask,
        trans=take.trans,
        trans_mask=trans_mask,
        blendshapes=take.blendshapes,
        blendshape_mask=np.eye(T, 52, dtype=bool),
        targets=[{"joint": "left_wrist", "frame": 3, "xyz": [0.1, 1.0, 0.2], "tolerance_m": 0.002}],
        window=(2, 7),
        fps=take.fps,
        free_joints=np.arange(55) > 3,
        free_trans=False,
        free_face=False,
        rest=numbers(55, 3).astype(np.float64),
        support_seconds=0.5,
    )
    write_hints(tmp_path / "hints.npz", data)
    hints = load_hints(tmp_path / "hints.npz")
    assert np.array_equal(hints.base.poses, take.poses)
    assert np.array_equal(hints.rotation_mask, rotation_mask)
    assert np.array_equal(hints.rotations, take.poses)
    assert np.array_equal(hints.trans_mask, trans_mask)
    assert np.array_equal(hints.blendshape_mask, np.eye(T, 52, dtype=bool))
    assert np.array_equal(hints.free_joints, np.arange(55) > 3)
    assert np.array_equal(hints.rest, data.rest)
    assert (hints.window, hints.free_trans, hints.free_face, hints.support_seconds) == ((2, 7), False, False, 0.5)
    (target,) = hints.targets
    assert (target.joint, target.frame, target.xyz, target.tolerance_m) == (20, 3, (0.1, 1.0, 0.2), 0.002)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["base.npz", "hints.npz"]


def test_an_inline_base_and_nothing_else(tmp_path):
    data = HintsData(base_poses=numbers(T, 55, 3), base_trans=numbers(T, 3), fps=30.0)
    write_hints(tmp_path / "hints.npz", data)
    hints = load_hints(tmp_path / "hints.npz")
    assert np.array_equal(hints.base.poses, data.base_poses)
    assert (hints.frames, hints.window, hints.targets) == (T, (0, T), ())
    assert not hints.rotation_mask.any()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "no take to stand on"),
        ({"base_poses": numbers(T, 55, 3)}, "no take to stand on"),
        ({"base": "a", "trans": numbers(T, 3), "trans_mask": np.ones(4, bool)}, "of 4 and of 9 frames"),
        ({"base": "a", "rotations": numbers(T, 54, 3)}, "rotations has shape"),
        ({"base": "a", "rest": numbers(54, 3)}, "rest has shape"),
        ({"base": "a", "trans_mask": np.ones(T, bool)}, "Pinned trans hold values that are not numbers"),
        ({"base": "a", "trans": numbers(T, 3) * np.nan, "trans_mask": np.ones(T, bool)}, "Pinned trans hold"),
    ],
)
def test_wrong_hints_are_a_sentence(fields, sentence):
    with pytest.raises(HintsFileError, match=sentence):
        HintsData(**fields)


def test_numbers_that_are_none_may_stand_where_nothing_is_fixed(tmp_path):
    values = numbers(T, 3)
    values[3] = np.nan
    HintsData(base="a", trans=values, trans_mask=np.arange(T) < 3)


def test_a_full_disk_and_a_missing_folder_leave_the_old_file(tmp_path):
    path = tmp_path / "hints.npz"
    write_hints(path, HintsData(base="old"))
    old = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(HintsFileError, match=r"Could not write .*hints\.npz \(.*\); free some disk space"):
            write_hints(path, HintsData(base="new", rotations=numbers(T, 55, 3)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    with pytest.raises(HintsFileError, match="Could not write"):
        write_hints(tmp_path / "no" / "hints.npz", HintsData(base="a"))
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
