"""What the tests of published generators ask for: a line of noise with words, and a window of it around a pin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engine.body.motion import Motion
from engine.generators.base import Request
from engine.hints import Hints
from engine.plan.planner import plan_gestures
from engine.take.options import TakeOptions
from tests.support.plan_speech import say

TEXT = (
    "We built this place for you, and we mean every single word of it. Come in, look around, and tell me what you see."
)
WINDOW, PIN, WRIST = (60, 150), 100, 20  # frames, a frame, a joint


def request(seconds: float = 0.0, fps: float = 30.0, **options: Any) -> Request:
    """TEXT, planned; its sound is noise, whole or cut at ``seconds``."""
    speech = say(TEXT)
    wave = np.random.default_rng(3).normal(0.0, 0.1, len(speech.waveform)).astype(np.float32)
    speech = replace(speech, waveform=wave[: round(seconds * 16000)] if seconds else wave, audio_hash=f"{seconds}" * 9)
    return Request(speech, plan_gestures(speech, "explain", 1.0, 0), TakeOptions(audio="", fps=fps, **options))


def around_a_pin(base: Motion) -> Hints:
    """WINDOW of this take, the joint WRIST pinned on PIN where it is not."""
    rotations, mask = base.poses.copy(), np.zeros(base.poses.shape[:2], np.bool_)
    rotations[PIN, WRIST] += 0.3
    mask[PIN, WRIST] = True
    return Hints(base=base, window=WINDOW, rotations=rotations, rotation_mask=mask)


def check_around_a_pin(made: Motion, hints: Hints) -> None:
    """The pin, and all outside the window, to the bit."""
    base, rotations = hints.base, hints.rotations
    assert made.poses[PIN, WRIST].tobytes() == rotations[PIN, WRIST].tobytes()
    outside = np.r_[0 : WINDOW[0], WINDOW[1] : base.frames]
    for name in ("poses", "trans", "blendshapes", "expressions"):
        assert getattr(made, name)[outside].tobytes() == getattr(base, name)[outside].tobytes(), name


def check_windows(generator: Any, asked: Request, every: int) -> None:
    """Windows of 40 frames, one ``every`` so many, change what is inside of them and nothing else."""
    base = generator.generate(asked, quiet)
    for first in range(0, base.frames - 5, every):
        window = (first, min(base.frames, first + 40))
        made = generator.generate(replace(asked, hints=Hints(base=base, window=window)), quiet)
        outside = np.r_[0 : window[0], window[1] : base.frames]
        assert made.poses[outside].tobytes() == base.poses[outside].tobytes()
        assert made.poses[slice(*window)].tobytes() != base.poses[slice(*window)].tobytes()


def quiet(_stage: str, _fraction: float) -> None:
    """Nobody watches."""
