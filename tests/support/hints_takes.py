"""Takes that the tests of hints share: small made-up ones, and real ones generated once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.hints import Hints
from engine.take.make import make_take
from tests.support.regen import OPTIONS, line, silent_progress


def small_take(seed: int, frames: int = 40, fps: float = 30.0, amount: float = 0.4) -> Motion:
    """A smooth made-up motion, the body about upright at standing height, with a face."""
    rng = np.random.default_rng(seed)

    def curves(width: int, size: float) -> np.ndarray:
        # Smoothed on a longer clip, so that no end is flatter than the rest.
        noise = gaussian_filter1d(rng.normal(size=(frames + 80, width)), 6.0, axis=0)[40:-40]
        return size * noise * 4.0

    standing = np.array([0.0, default_skeleton().standing_height, 0.0])
    return Motion(
        poses=curves(165, amount).reshape(frames, 55, 3).astype(np.float32),
        trans=(standing + curves(3, 0.03)).astype(np.float32),
        fps=fps,
        expressions=curves(100, 0.3).astype(np.float32),
        blendshapes=np.clip(0.2 + curves(52, 0.2), 0.0, 1.0).astype(np.float32),
    )


@cache
def real_take(seed: int, fps: float = 30.0) -> Motion:
    """The demo line by the default generator."""
    return make_take(replace(OPTIONS, style="excited", seed=seed, fps=fps), silent_progress, line())


def same_bytes(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and first.tobytes() == second.tobytes()


def check_exact(result: Motion, motion: Motion, hints: Hints) -> None:
    """Pins, what is not free, and all outside the window, byte for byte."""
    inside = np.zeros(hints.frames, np.bool_)
    inside[slice(*hints.window)] = True
    base = hints.base
    for name in ("poses", "trans", "expressions", "blendshapes"):
        assert same_bytes(getattr(result, name)[~inside], getattr(base, name)[~inside]), name
    pinned = hints.rotation_mask & inside[:, None]
    assert same_bytes(result.poses[pinned], hints.rotations[pinned])
    locked = inside[:, None] & ~hints.free_joints & ~pinned
    assert same_bytes(result.poses[locked], base.poses[locked])
    rooted = hints.trans_mask & inside
    assert same_bytes(result.trans[rooted], hints.trans[rooted])
    weights = hints.blendshape_mask & inside[:, None]
    assert same_bytes(result.blendshapes[weights], hints.blendshapes[weights])
    assert np.isfinite(result.poses).all()
    assert result.frames == motion.frames
