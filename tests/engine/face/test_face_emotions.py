"""Emotions lie over the speaking face and leave its contacts alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.body.skeleton import ASSETS
from engine.errors import CospeechError
from engine.face.curves import face_curves
from engine.face.emotions import NEUTRAL, emotions, find_emotion
from engine.face.lips import column, pair
from engine.take.options import TakeOptions
from tests.support.face_speech import frames, lip_on_teeth, lips_closed, phones_of, plan_of, speech_of

PHONES = phones_of([("M", 0.07), ("AA", 0.14), ("F", 0.08), ("IY", 0.12), ("B", 0.07), ("UW", 0.16), ("V", 0.07)] * 3)
FELT = [name for name in emotions() if name != NEUTRAL]


def felt(name: str, strength: float = 1.0, fps: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    times = frames(PHONES[-1].end, fps)
    plan = plan_of(PHONES[-1].end)
    return times, face_curves(speech_of(PHONES), plan, times, 1, emotion=name, strength=strength)


def test_five_emotions_with_the_add_ons_names_are_there() -> None:
    assert list(emotions()) == ["neutral", "happy", "sad", "angry", "surprised"]
    table = json.loads((ASSETS / "emotions.json").read_text(encoding="utf-8"))["emotions"]
    assert all(0.0 < weight <= 1.0 for entry in table.values() for weight in entry["offsets"].values())


@pytest.mark.parametrize("name", FELT)
@pytest.mark.parametrize("fps", [24.0, 30.0])
def test_contacts_hold_under_every_emotion(name: str, fps: float) -> None:
    times, curves = felt(name, fps=fps)
    closed, bitten = lips_closed(curves), lip_on_teeth(curves)
    for phone in PHONES:
        mine = (times >= phone.start - 0.5 / fps) & (times <= phone.end + 0.5 / fps)
        if phone.label in ("M", "B"):
            assert closed[mine].any()
        if phone.label in ("F", "V"):
            assert bitten[mine].any()
    assert curves.min() >= 0.0
    assert curves.max() <= 1.0


@pytest.mark.parametrize("name", FELT)
def test_the_mouth_is_still_in_the_pause_and_strength_grows(name: str) -> None:
    times, full = felt(name)
    mouth = [column(entry) for entry in ("jawOpen", "mouthSmileLeft", "mouthFrownRight", "mouthPressLeft")]
    pause = times > PHONES[-1].start + 0.3
    assert np.ptp(full[pause][:, mouth], axis=0).max() < 1e-6
    plain, half = felt(NEUTRAL)[1], felt(name, 0.5)[1]
    away = [float(np.abs(curves - plain).mean()) for curves in (half, full)]
    assert 0.3 * away[1] < away[0] < 0.7 * away[1]


def test_without_strength_nothing_is_felt() -> None:
    assert felt("angry", 0.0)[1].tobytes() == felt(NEUTRAL)[1].tobytes()


def test_each_emotion_is_recognisable_by_its_shapes() -> None:
    plain = felt(NEUTRAL)[1]
    for name, shape in (
        ("happy", "mouthSmile"),
        ("sad", "mouthFrown"),
        ("angry", "browDown"),
        ("surprised", "eyeWide"),
    ):
        others = [felt(other)[1] for other in FELT if other != name]
        own = pair(felt(name)[1], shape).mean() - pair(plain, shape).mean()
        assert own > 0.2
        assert all(pair(other, shape).mean() - pair(plain, shape).mean() < 0.6 * own for other in others)


def test_a_smile_gives_way_to_rounding() -> None:
    times, curves = felt("happy")
    spread, rounded = (next(p for p in PHONES if p.label == label) for label in ("IY", "UW"))
    smile = pair(curves, "mouthSmile")
    inside = [
        (times > phone.start + 0.3 * (phone.end - phone.start)) & (times < phone.end) for phone in (spread, rounded)
    ]
    assert smile[inside[0]].max() > 1.3 * smile[inside[1]].min()


def test_wrong_options_are_one_sentence() -> None:
    with pytest.raises(CospeechError, match="no emotion 'bored'; choose one of: neutral, happy"):
        TakeOptions(audio="a.wav", emotion="bored").checked()
    with pytest.raises(CospeechError, match="strength is 1\\.5; choose a value from 0 to 1"):
        find_emotion("happy", 1.5)
