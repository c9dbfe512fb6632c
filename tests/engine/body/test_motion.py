"""Motion: its file, foreign files, resampling, and the sentences for damaged ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.body.motion import Motion, arkit_names, frame_count
from engine.body.rotations import axis_angle_to_matrix, geodesic_angle
from engine.body.skeleton import ASSETS
from engine.errors import TakeError


def wavy(frames: int = 60, fps: float = 30.0) -> Motion:
    """A smooth made-up clip in which every joint, the root and the face move."""
    t = np.arange(frames)[:, None, None] / fps
    joint = np.arange(55)[None, :, None]
    poses = 0.4 * np.sin(t * 3.0 + joint + np.arange(3))
    trans = np.stack([0.1 * np.sin(t[:, 0, 0]), np.full(frames, 1.3), t[:, 0, 0] * 0.05], axis=1)
    shapes = 0.5 + 0.5 * np.sin(t[:, 0] * 5.0 + np.arange(52))
    return Motion(poses, trans, fps, blendshapes=shapes, plan={"a": 1}, provenance={"seed": 3})


def test_a_take_comes_back_as_it_was_saved(tmp_path):
    motion = wavy()
    motion.save(tmp_path / "take.npz")
    again = Motion.load(tmp_path / "take.npz")
    assert np.array_equal(again.poses, motion.poses)
    assert np.array_equal(again.trans, motion.trans)
    assert np.array_equal(again.blendshapes, motion.blendshapes)
    assert (again.fps, again.plan, again.provenance) == (30.0, {"a": 1}, {"seed": 3})
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "take.npz").read_bytes()


def test_blendshapes_are_matched_by_name(tmp_path):
    motion = wavy(3)
    motion.save(tmp_path / "take.npz")
    with np.load(tmp_path / "take.npz") as data:
        arrays = {name: data[name] for name in data.files}
    order = np.random.default_rng(0).permutation(52)
    arrays["blendshapes"], arrays["blendshape_names"] = motion.blendshapes[:, order], np.array(arkit_names())[order]
    np.savez(tmp_path / "other.npz", **arrays)
    assert np.array_equal(Motion.load(tmp_path / "other.npz").blendshapes, motion.blendshapes)


def test_beat2_hands_are_relative_to_the_mean_hand(tmp_path):
    mean = json.loads((ASSETS / "hand_mean.json").read_text())
    np.savez(tmp_path / "beat2.npz", poses=np.zeros((4, 165)), trans=np.zeros((4, 3)), betas=np.zeros(300),
             expressions=np.zeros((4, 100)), mocap_frame_rate=30, gender="neutral", model="smplx2020")  # fmt: skip
    motion = Motion.load(tmp_path / "beat2.npz")
    assert np.allclose(motion.poses[0, 25:40], mean["left"])
    assert np.allclose(motion.poses[0, 40:55], mean["right"])
    assert not Motion.load(tmp_path / "beat2.npz", flat_hands=True).poses.any()
    motion.to_beat2(tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as data:
        assert np.abs(data["poses"]).max() < 1e-6
        assert "hand_reference" not in data.files


@pytest.mark.parametrize(("arrays", "said"), [
    ({"trans": np.zeros((2, 3))}, "no poses"),
    ({"poses": np.zeros((2, 72)), "trans": np.zeros((2, 3))}, "not SMPL-X motion"),
    ({"poses": np.zeros((2, 165)), "trans": np.zeros((3, 3))}, "trans has shape"),
    ({"poses": np.full((2, 165), np.nan), "trans": np.zeros((2, 3))}, "not numbers"),
    ({"poses": np.zeros((2, 165)), "trans": np.zeros((2, 3)), "mocap_frame_rate": 0}, "frame rate"),
])  # fmt: skip
def test_unfit_files_are_refused_in_one_sentence(tmp_path, arrays, said):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(TakeError, match=said):
        Motion.load(tmp_path / "bad.npz")


def test_missing_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(TakeError, match="There is no file"):
        Motion.load(tmp_path / "none.npz")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    with pytest.raises(TakeError, match="not a readable"):
        Motion.load(tmp_path / "junk.npz")
    wavy().save(tmp_path / "cut.npz")
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TakeError, match="not a readable"):
        Motion.load(tmp_path / "cut.npz")


def test_a_failed_save_leaves_the_old_take(tmp_path, monkeypatch):
    wavy(4).save(tmp_path / "take.npz")
    before = (tmp_path / "take.npz").read_bytes()

    def full(member, *_, **__):
        member.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(TakeError, match="No space left"):
        wavy(8).save(tmp_path / "take.npz")
    assert (tmp_path / "take.npz").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["take.npz"]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([24.0, 23.976, 25.0, 29.97, 60.0, 120.0]), st.integers(1, 90))
def test_resampling_keeps_duration_range_and_the_curve(fps, frames):
    motion = wavy(frames)
    other = motion.resampled(fps)
    assert other.frames == frame_count(motion.seconds, fps)
    assert other.blendshapes.min() >= 0.0
    assert other.blendshapes.max() <= 1.0
    if frames >= 30:
        times = np.minimum(np.arange(other.frames) / fps, (frames - 1) / 30.0)
        exact = 0.4 * np.sin(times[:, None, None] * 3.0 + np.arange(55)[None, :, None] + np.arange(3))
        off = geodesic_angle(axis_angle_to_matrix(exact), axis_angle_to_matrix(other.poses))
        assert np.degrees(off).max() < 0.05


def test_resampling_follows_large_turns_the_short_way():
    angles = np.linspace(0.0, 3.0 * np.pi, 90)
    poses = np.zeros((90, 55, 3))
    poses[:, 0, 1] = np.angle(np.exp(1j * angles))
    motion = Motion(poses, np.zeros((90, 3)), 30.0).resampled(60.0)
    step = geodesic_angle(axis_angle_to_matrix(motion.poses[:-1, 0]), axis_angle_to_matrix(motion.poses[1:, 0]))
    assert step.max() < 0.06


def test_clips_have_at_least_one_frame():
    assert frame_count(0.001, 24.0) == 1
    assert frame_count(2.0, 23.976) == 48
