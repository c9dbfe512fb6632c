"""Hints on disk: what is written comes back, and every fault is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.body.skeleton import default_skeleton
from engine.hints import Hints, HintsError, Target, load_hints, satisfy, save_hints
from tests.support.hints_takes import same_bytes, small_take

FRAMES = 12


def full_hints() -> Hints:
    rng = np.random.default_rng(0)
    base = small_take(1, FRAMES)
    return Hints(
        base,
        (2, 9),
        rng.normal(size=(FRAMES, 55, 3)),
        rng.random((FRAMES, 55)) < 0.3,
        base.trans + 0.1,
        rng.random(FRAMES) < 0.3,
        rng.random((FRAMES, 52)),
        rng.random((FRAMES, 52)) < 0.3,
        (Target(20, 4, (0.1, 1.2, 0.3), 0.002), Target(15, 5, (0.0, 1.5, 2.0))),
        rng.random(55) < 0.5,
        False,
        True,
        default_skeleton().rest * 1.1,
        0.7,
    )


@pytest.mark.parametrize("inline", [True, False])
def test_what_is_written_comes_back(tmp_path: Path, inline: bool) -> None:
    hints = full_hints()
    (tmp_path / "takes").mkdir()
    hints.base.save(tmp_path / "takes" / "base.npz")
    save_hints(tmp_path / "h.npz", hints, None if inline else tmp_path / "takes" / "base.npz")
    read = load_hints(tmp_path / "h.npz")
    assert (read.window, read.targets, read.fps) == (hints.window, hints.targets, hints.fps)
    assert (read.free_trans, read.free_face, read.support_seconds) == (False, True, 0.7)
    for name in ("rotations", "rotation_mask", "trans", "trans_mask", "blendshapes", "blendshape_mask", "free_joints"):
        assert same_bytes(getattr(read, name), getattr(hints, name)), name
    assert read.rest is not None
    assert same_bytes(read.rest, hints.rest)
    for name in ("poses", "trans", "expressions", "blendshapes", "betas"):
        assert same_bytes(getattr(read.base, name), getattr(hints.base, name)), name
    motion = small_take(2, FRAMES)
    assert same_bytes(satisfy(motion, read).poses, satisfy(motion, hints).poses)


def write(path: Path, **fields: object) -> Path:
    """A hints file of the given fields, with a base unless it is given as None."""
    base = small_take(1, FRAMES)
    arrays = {"base_poses": base.poses, "base_trans": base.trans, "fps": np.array(30.0), **fields}
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items() if value is not None})
    return path


def test_every_field_but_the_base_is_optional(tmp_path: Path) -> None:
    base = small_take(1, FRAMES)
    hints = load_hints(write(tmp_path / "h.npz", base_poses=base.poses.reshape(FRAMES, 165)))
    assert hints.window == (0, FRAMES)
    assert not hints.rotation_mask.any()
    assert hints.targets == ()
    assert same_bytes(hints.base.poses, base.poses)


def entry(**fields: object) -> str:
    return json.dumps([{"joint": "left_wrist", "frame": 3, "xyz": [0, 1, 0], **fields}])


FAULTS = [
    ({"base_poses": None}, "names no base take"),
    ({"fps": None}, "without a frame rate"),
    ({"fps": [30.0, 25.0]}, "fps is not one number"),
    ({"fps": np.nan}, "fps is not one number"),
    ({"base_poses": np.zeros((12, 54, 3))}, r"base_poses has shape \(12, 54, 3\)"),
    ({"base_poses": np.zeros((0, 55, 3))}, "base_poses has shape"),
    ({"base_trans": np.zeros((5, 3))}, "base take is not one"),
    ({"base_blendshapes": np.zeros((12, 51))}, "base take is not one"),
    ({"rotations": np.zeros((9, 55, 3))}, r"rotations has shape \(9, 55, 3\), expected \(12, 55, 3\)"),
    ({"rotation_mask": np.zeros((12, 54), bool)}, "rotation_mask has shape"),
    ({"trans_mask": np.zeros((12, 3), bool)}, "trans_mask has shape"),
    ({"blendshapes": np.zeros((12, 51))}, "blendshapes has shape"),
    ({"rotations": np.full((12, 55, 3), "x")}, "rotations holds no numbers"),
    ({"rotations": np.full((12, 55, 3), np.nan), "rotation_mask": np.ones((12, 55), bool)}, "not numbers"),
    ({"rest": np.zeros((54, 3))}, "rest has shape"),
    ({"free_joints": np.ones(54, bool)}, "free_joints has shape"),
    ({"free_face": [True, True]}, "free_face is not one number"),
    ({"support_seconds": 20.0}, "choose a value from 0.05 to 10 s"),
    ({"window": [3]}, "window is not two frame numbers"),
    ({"window": [0.5, 3.0]}, "window is not two frame numbers"),
    ({"window": [3, -1]}, "ends at frame -1"),
    ({"window": [5, 5]}, "not inside the take's 12 frames"),
    ({"window": [0, 13]}, "not inside the take's 12 frames"),
    ({"targets": "[{"}, "targets are not JSON"),
    ({"targets": '{"a": 1}'}, "targets are not a list"),
    ({"targets": "[3]"}, "Target 0 of the hints has no joint, frame and place"),
    ({"targets": entry(xyz=[1, 2])}, "Target 0 of the hints has no joint, frame and place"),
    ({"targets": entry(xyz=["a", 1, 2])}, "Target 0 of the hints has no joint, frame and place"),
    ({"targets": entry(frame=None)}, "Target 0 of the hints has no joint, frame and place"),
    ({"targets": entry(joint="left_tail")}, "a joint 'left_tail', which there is not"),
    ({"targets": entry(joint=3)}, "can't have a target"),
    ({"targets": entry(frame=12)}, "lies on frame 12"),
    ({"targets": entry(xyz=[float("inf"), 0, 0])}, "is not a place"),
    ({"targets": entry(tolerance_m=0)}, "is not a place"),
]


@pytest.mark.parametrize(("fields", "says"), FAULTS)
def test_faults_are_one_sentence(tmp_path: Path, fields: dict[str, object], says: str) -> None:
    with pytest.raises(HintsError, match=says) as caught:
        load_hints(write(tmp_path / "h.npz", **fields))
    text = str(caught.value)
    assert "\n" not in text
    assert "; " in text


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(HintsError, match="there is no file"):
        load_hints(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(HintsError, match="is not a readable"):
        load_hints(tmp_path / "text.npz")
    with pytest.raises(HintsError, match="choose a name"):
        save_hints(tmp_path, full_hints())


def test_the_base_file_is_checked(tmp_path: Path) -> None:
    lost = write(tmp_path / "h.npz", base_poses=None, base="gone.npz")
    with pytest.raises(HintsError, match=r"base take can't be read: there is no file .*gone\.npz"):
        load_hints(lost)
    small_take(1, FRAMES, fps=24.0).save(tmp_path / "base.npz")
    other = write(tmp_path / "r.npz", base_poses=None, base="base.npz", fps=30.0)
    with pytest.raises(HintsError, match="at 30 frames per second, but their base take is at 24"):
        load_hints(other)
    ntsc = write(tmp_path / "n.npz", base_poses=None, base="base.npz", fps=None)
    assert load_hints(ntsc).fps == 24.0
