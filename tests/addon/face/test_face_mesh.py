"""The spoken face on the evaluated mannequin: a short clip whose phone times the synthesiser told, at 24 and 30 fps.

The figures are those of ``build.py bench --face``, which has many clips and the aligner; here the phones are given.
"""

from __future__ import annotations

from functools import cache

import bpy
import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile", reason="the engine's packages are only in .venv")

from addon.client.take_file import Take  # noqa: E402
from engine.body.skeleton import default_skeleton  # noqa: E402
from engine.face.curves import face_curves  # noqa: E402
from engine.face.emotions import emotions  # noqa: E402
from engine.plan.types import GesturePlan  # noqa: E402
from engine.speech.prosody import analyse  # noqa: E402
from engine.speech.types import Phone, Speech  # noqa: E402
from tests.bench.face_figures import LIPS_MEET, MEETING, ON_TEETH, Tally, count, near, wants_teeth  # noqa: E402
from tests.bench.face_mesh import Parts, perform  # noqa: E402
from tests.bench.face_speech import KNOWN, phones_of, truth_of  # noqa: E402


@cache
def line() -> tuple[Speech, tuple[Phone, ...]]:
    """The clip as the engine hears it when its phones are known."""
    phones = phones_of(truth_of(KNOWN))
    waveform, _ = soundfile.read(KNOWN, dtype="float32")
    prosody = analyse(waveform, (), phones, lambda _: None)
    return Speech(waveform, (), phones, prosody, "", True, ""), phones


def spoken(fps: float, **feeling: object) -> Take:
    speech, _ = line()
    times = np.arange(round(speech.seconds * fps)) / fps
    curves = face_curves(speech, GesturePlan(speech.seconds, "explain", 1, 1.0, ()), times, 1, **feeling)
    trans = np.zeros((len(times), 3), np.float32)
    trans[:, 1] = default_skeleton().standing_height
    poses = np.zeros((len(times), 55, 3), np.float32)
    poses[:, 15, 1] = 0.3 * np.sin(3.0 * times)  # a head that turns is no movement of the mouth
    return Take(poses=poses, trans=trans, fps=fps, blendshapes=curves)


@pytest.mark.parametrize("fps", [24.0, 30.0])
def test_lips_teeth_pauses_and_lag_on_the_mesh(blank, fps):
    bpy.ops.cospeech.add_character()
    speech, phones = line()
    take = spoken(fps)
    times = np.arange(len(take.poses)) / fps
    mouth = perform(blank.cospeech.character, take, Parts(), wants_teeth(phones, times, fps))
    tally = Tally()
    count(tally, KNOWN.stem, phones, speech.waveform, fps, mouth.gap, mouth.bite, mouth.lips)
    assert (len(tally.closed), len(tally.bitten)) == (10, 7)
    assert np.mean(tally.closed) >= 0.98, tally.missed
    assert np.mean(tally.bitten) >= 0.85, tally.missed  # one of eight; the bench has the share of many
    assert np.mean(tally.shut_vowels) <= 0.02
    assert len(tally.pause_mm_s) >= 2
    assert max(tally.pause_mm_s) < 1.0
    assert abs(tally.pooled_lag_ms()) <= 33.0
    assert np.median(tally.vowel_mm) > 4.0


@pytest.mark.parametrize("name", [name for name in emotions() if name != "neutral"])
def test_contacts_hold_on_the_mesh_under_every_emotion(blank, name):
    bpy.ops.cospeech.add_character()
    _, phones = line()
    whole = spoken(24.0, emotion=name)
    end = round(2.4 * 24.0)
    take = Take(whole.poses[:end], whole.trans[:end], whole.fps, whole.blendshapes[:end])
    times = np.arange(end) / 24.0
    mouth = perform(blank.cospeech.character, take, Parts(), wants_teeth(phones, times, 24.0))
    for phone in phones:
        frames = near(phone, times, 24.0)
        if phone.label in ("M", "B", "P") and frames.any():
            assert mouth.gap[frames, :MEETING].max(axis=1).min() <= LIPS_MEET, phone
        if phone.label in ("F", "V") and frames.any():
            assert np.nanmin(mouth.bite[frames]) <= 2.0 * ON_TEETH, phone
