"""Several gaps of one base are filled one after the other; what lies between them stays to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.errors import CospeechError
from engine.hints import Hints, load_hints, save_hints
from engine.take.bridge import checked_windows, hints_for
from engine.take.make import make_take
from engine.take.options import TakeOptions

FPS, FRAMES = 24.0, 120
WINDOWS = ((0, 24), (60, 84))


@pytest.fixture
def base() -> Motion:
    """Two different, still poses with gaps before them."""
    poses = np.zeros((FRAMES, 55, 3), np.float32)
    poses[:, 16, 2], poses[:, 17, 2] = -1.2, 1.2
    poses[72:, 18, 1] = -0.8
    trans = np.tile(np.array([0.0, default_skeleton().standing_height, 0.0], np.float32), (FRAMES, 1))
    return Motion(poses=poses, trans=trans, fps=FPS)


def test_each_bridge_stands_on_the_one_before_and_meets_its_neighbours(base: Motion, tmp_path: Path):
    save_hints(tmp_path / "hints.npz", Hints(base=base, window=WINDOWS[0]))
    take = ""
    for number, window in enumerate(checked_windows([list(window) for window in WINDOWS])):
        name = hints_for(tmp_path, "hints.npz", number, window, take)
        assert load_hints(tmp_path / name).window == window
        made = make_take(TakeOptions(audio="", role="idle", fps=FPS, hints=str(tmp_path / name)), lambda *_: None)
        take = str(tmp_path / f"take_{number}.npz")
        made.save(take)
    for first, end in ((24, 60), (84, 120)):
        assert np.array_equal(made.poses[first:end], base.poses[first:end])
        assert np.array_equal(made.trans[first:end], base.trans[first:end])
    turns = Rotation.from_rotvec(made.poses[:, :22].reshape(-1, 3).astype(float)).as_quat().reshape(FRAMES, 22, 4)
    steps = 2.0 * np.arccos(np.clip(np.abs(np.sum(turns[1:] * turns[:-1], axis=-1)), 0.0, 1.0))
    assert steps.max() < 0.12
    assert steps[:20].max() > 1e-4
    assert steps[62:82].max() > 1e-4


def test_gaps_that_are_none_are_a_sentence():
    with pytest.raises(CospeechError, match="pairs of frames"):
        checked_windows([[1, 2, 3]])
    with pytest.raises(CospeechError, match="pairs of frames"):
        checked_windows("ab")
