"""From the demo speech to the mannequin's own mesh: the lips meet on every m, b and p, and part on vowels."""

from __future__ import annotations

import numpy as np
import pytest

from addon.rig.mannequin import data
from tests.places import DEMO, TRANSCRIPT

pytest.importorskip("pocketsphinx", reason="the engine's packages are only in .venv")

from engine.body.motion import arkit_names
from engine.face.curves import face_curves
from engine.plan.planner import plan_gestures
from engine.speech.load import load_speech
from tests.support.mannequin_points import shaped


@pytest.fixture(scope="module")
def line():
    speech = load_speech(DEMO, TRANSCRIPT)
    return speech, plan_gestures(speech, "narrate", 1.0, 0)


@pytest.mark.parametrize("fps", [24.0, 23.976, 30.0])
def test_lips_meet_on_every_bilabial_and_part_on_vowels(line, fps):
    speech, plan = line
    figure = data.load()
    curves = face_curves(speech, plan, np.arange(round(speech.seconds * fps)) / fps, 0)

    def gap(frame: int) -> float:
        amounts = {name: float(value) for name, value in zip(arkit_names(), curves[frame], strict=True) if value > 1e-4}
        row = shaped(figure, **amounts)[figure.lips]
        return float(np.linalg.norm(row - row[::-1], axis=1)[: len(row) // 2 + 1].max())

    bilabials = [phone for phone in speech.phones if phone.label in ("M", "B", "P")]
    assert len(bilabials) >= 8
    for phone in bilabials:
        frames = range(int((phone.start - 0.04) * fps), int((phone.end + 0.02) * fps) + 2)
        assert min(gap(frame) for frame in frames) < 0.0015, phone
    vowels = [phone for phone in speech.phones if phone.is_vowel][::3]
    opened = [gap(round(0.5 * (phone.start + phone.end) * fps)) for phone in vowels]
    assert np.median(opened) > 0.005
