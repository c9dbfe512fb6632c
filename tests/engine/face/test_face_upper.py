"""Blinks, brows, smiles, gaze and lids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.face.curves import face_curves
from engine.face.eyes import EYE_CHANNELS, eye_channels
from engine.face.lips import column, pair
from engine.plan.types import Event
from tests.support.face_speech import frames, lips_closed, phones_of, plan_of, speech_of

QUIET = speech_of(phones_of([("AA", 0.1)]), seconds=6.0)


def face(times: np.ndarray, seed: int = 1, style: str = "explain", **groups: tuple[Event, ...]) -> np.ndarray:
    return face_curves(QUIET, plan_of(6.0, style, **groups), times, seed)


@settings(max_examples=60, deadline=None)
@given(
    apex=st.floats(1.0, 5.0),
    close=st.floats(0.02, 0.15),
    reopen=st.floats(0.1, 0.4),
    fps=st.sampled_from([24.0, 24000.0 / 1001.0, 25.0, 30.0, 60.0]),
)
def test_a_blink_survives_on_both_eyes(apex: float, close: float, reopen: float, fps: float) -> None:
    times = frames(6.0, fps)
    curves = face(times, blinks=(Event("blink", apex - close, apex, apex + reopen, 1.0),))
    for side in ("Left", "Right"):
        lid = curves[:, column(f"eyeBlink{side}")]
        assert lid.max() >= 0.9
        assert abs(times[lid.argmax()] - apex) <= 0.51 / fps
        assert lid[np.abs(times - apex) > 0.45].max() < 0.2


def test_a_blink_closes_faster_than_it_opens() -> None:
    times = frames(6.0, 240.0)
    lid = face(times, blinks=(Event("blink", 2.92, 3.0, 3.25, 1.0),))[:, column("eyeBlinkLeft")]
    lid = lid - lid[0]
    shut = times[lid.argmax()]
    part = times[lid > 0.05]
    assert 0.04 <= shut - part[0] <= 0.10
    assert 0.12 <= part[-1] - shut <= 0.30


def test_small_blinks_stay_small() -> None:
    lid = face(frames(6.0, 30.0), blinks=(Event("blink", 2.9, 3.0, 3.2, 0.4),))[:, column("eyeBlinkLeft")]
    assert 0.35 < lid.max() < 0.5


def test_brows_rise_with_their_event_and_never_freeze() -> None:
    times = frames(6.0, 30.0)
    curves = face(times, brows=(Event("raise", 1.8, 2.0, 2.4, 0.5),))
    outer = pair(curves, "browOuterUp")
    assert abs(times[outer.argmax()] - 2.0) < 0.05
    assert outer.max() > 0.35
    quiet = curves[(times > 3.0)][:, column("browInnerUp")]
    assert 0.002 < np.ptp(quiet) < 0.12
    frown = face(times, brows=(Event("frown", 1.8, 2.0, 2.4, 0.8),))
    assert pair(frown, "browDown").max() > 0.5
    assert pair(frown, "browOuterUp").max() < 0.15


def test_a_smile_gives_way_to_rounding_and_closure() -> None:
    smile = (Event("smile", 0.0, 0.2, 3.0, 0.8, hold=2.5),)
    phones = phones_of([("IY", 0.3), ("UW", 0.3), ("M", 0.1)])
    times = frames(phones[-1].end, 60.0)
    curves = face_curves(speech_of(phones), plan_of(2.0, smiles=smile), times, 1)
    level = pair(curves, "mouthSmile")
    middle = {p.label: int(np.abs(times - 0.5 * (p.start + p.end)).argmin()) for p in phones[1:-1]}
    assert level[middle["UW"]] < 0.6 * level[middle["IY"]]
    assert level[middle["M"]] < 0.6 * level[middle["IY"]]
    assert lips_closed(curves)[middle["M"]]
    assert pair(curves, "cheekSquint").max() > 0.2


def test_styles_differ_at_the_eyes() -> None:
    times = frames(6.0, 30.0)
    wide = {style: pair(face(times, style=style), "eyeWide").mean() for style in ("calm", "explain", "excited")}
    assert wide["calm"] < wide["explain"] < wide["excited"]


@given(yaw=st.floats(-29.0, 29.0), pitch=st.floats(-29.0, 29.0))
def test_eye_channels_give_the_direction_back(yaw: float, pitch: float) -> None:
    eye = np.array([[yaw, pitch]])
    row = dict(zip(EYE_CHANNELS, eye_channels(eye, eye)[0], strict=True))
    assert 30.0 * (row["eyeLookOutLeft"] - row["eyeLookInLeft"]) == pytest.approx(yaw, abs=1e-6)
    assert 30.0 * (row["eyeLookInRight"] - row["eyeLookOutRight"]) == pytest.approx(yaw, abs=1e-6)
    assert 30.0 * (row["eyeLookUpLeft"] - row["eyeLookDownLeft"]) == pytest.approx(pitch, abs=1e-6)


def test_given_eye_angles_win_over_the_plan() -> None:
    times = frames(6.0, 30.0)
    plan = plan_of(6.0, gaze=(Event("side", 1.0, 1.1, 3.0, -20.0, hold=1.5),))
    angles = np.tile(np.array([15.0, -9.0]), (len(times), 2, 1))
    curves = face_curves(QUIET, plan, times, 1, eye_angles=angles)
    np.testing.assert_allclose(curves[:, column("eyeLookOutLeft")], 0.5, atol=1e-6)
    np.testing.assert_allclose(curves[:, column("eyeLookInRight")], 0.5, atol=1e-6)
    np.testing.assert_allclose(curves[:, column("eyeLookDownLeft")], 0.3, atol=1e-6)
    planned = face_curves(QUIET, plan, times, 1)
    at = int(np.abs(times - 2.0).argmin())
    assert planned[at, column("eyeLookInLeft")] > 0.5
    assert planned[at, column("eyeLookOutRight")] > 0.5


def test_lids_follow_the_eyes_down() -> None:
    times = frames(6.0, 30.0)
    level, down = (
        face_curves(QUIET, plan_of(6.0), times, 1, eye_angles=np.tile([0.0, pitch], (len(times), 2, 1)))
        for pitch in (0.0, -20.0)
    )
    assert pair(down, "eyeBlink").mean() > pair(level, "eyeBlink").mean() + 0.1


def test_eyes_are_alive_without_any_plan() -> None:
    curves = face(frames(6.0, 30.0))
    looks = curves[:, [column(name) for name in EYE_CHANNELS]]
    assert np.ptp(looks, axis=0).max() > 0.02
