"""The mouth: contacts on output frames, open vowels, still pauses, coarticulation, lag."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.body.motion import arkit_names
from engine.errors import CospeechError
from engine.face.coarticulation import covered
from engine.face.curves import face_curves
from engine.face.lips import column, lip_gap, pair
from engine.face.visemes import viseme_table
from engine.speech.types import VOWELS, Phone
from tests.places import SHARED
from tests.support.face_speech import OPEN, frames, lip_on_teeth, lips_closed, phones_of, plan_of, speech_of

RATES = (24.0, 24000.0 / 1001.0, 25.0, 30.0, 60.0)
CONSONANTS = ("M", "B", "P", "F", "V", "T", "S", "SH", "W", "K", "L", "R", "TH", "HH")
SOUNDS = st.lists(
    st.tuples(st.sampled_from(CONSONANTS * 2 + tuple(sorted(VOWELS))), st.floats(0.04, 0.22)), min_size=4, max_size=40
)


def own_frames(phone: Phone, times: np.ndarray) -> np.ndarray:
    """Frames inside the phone, else the nearest ones (both, when the phone lies between them)."""
    inside = np.flatnonzero((times >= phone.start) & (times <= phone.end))
    if len(inside):
        return inside
    middle = 0.5 * (phone.start + phone.end)
    distance = np.abs(times - middle)
    return np.flatnonzero(distance <= distance.min() + 0.25 * np.median(np.diff(times)))


def spoken(sounds: list[tuple[str, float]], fps: float, phase: float = 0.0) -> tuple[tuple, np.ndarray, np.ndarray]:
    phones = phones_of(sounds)
    times = frames(phones[-1].end, fps, phase)
    return phones, times, face_curves(speech_of(phones), plan_of(phones[-1].end), times, seed=3)


@settings(max_examples=120, deadline=None)
@given(sounds=SOUNDS, fps=st.sampled_from(RATES), phase=st.floats(0.0, 0.999))
def test_every_bilabial_closes_on_a_frame(sounds: list[tuple[str, float]], fps: float, phase: float) -> None:
    phones, times, curves = spoken(sounds, fps, phase)
    closed, bitten = lips_closed(curves), lip_on_teeth(curves)
    for phone in phones:
        if phone.label in ("M", "B", "P"):
            assert closed[own_frames(phone, times)].any(), f"{phone} stays open"
        if phone.label in ("F", "V"):
            mine = own_frames(phone, times)
            assert bitten[mine].any() or closed[mine].all(), f"{phone} has no contact"
    assert np.isfinite(curves).all()
    assert curves.min() >= 0.0
    assert curves.max() <= 1.0


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("cluster", [("M", "P"), ("B", "M"), ("M", "F"), ("F", "M"), ("P", "P"), ("V", "B")])
def test_clusters_and_word_edges_close(fps: float, cluster: tuple[str, str]) -> None:
    sounds = [("M", 0.04), ("AA", 0.11), *[(label, 0.04) for label in cluster], ("IY", 0.1), ("B", 0.04)]
    for phase in np.linspace(0.0, 0.95, 12):
        phones, times, curves = spoken(sounds, fps, phase)
        closed, bitten = lips_closed(curves), lip_on_teeth(curves)
        for phone in phones:
            if phone.label in ("M", "B", "P"):
                assert closed[own_frames(phone, times)].any()
            if phone.label in ("F", "V"):
                mine = own_frames(phone, times)
                assert bitten[mine].any() or closed[mine].all()


def test_vowels_between_closures_are_open() -> None:
    rng = np.random.default_rng(5)
    shut = total = 0
    for fps in RATES:
        sounds = []
        for _ in range(300):
            sounds.append((str(rng.choice(["M", "B", "P", "F", "T", "S"])), rng.uniform(0.05, 0.12)))
            sounds.append((str(rng.choice(sorted(VOWELS))), rng.uniform(0.06, 0.22)))
        phones, times, curves = spoken(sounds, fps)
        gap = lip_gap(curves)
        for phone in phones:
            inside = (times >= phone.start) & (times < phone.end)
            if phone.is_vowel and inside.any():
                total += 1
                shut += bool(gap[inside].max() < OPEN)
    assert total > 1000
    assert shut <= 0.02 * total


def test_a_mouth_without_contacts_never_closes_while_speaking() -> None:
    phones, times, curves = spoken([("AA", 0.12), ("K", 0.08), ("EH", 0.12), ("L", 0.07), ("AO", 0.15)] * 3, 30.0)
    inside = (times > phones[1].start + 0.05) & (times < phones[-1].start - 0.05)
    assert lip_gap(curves)[inside].min() > OPEN


def test_pauses_are_closed_and_still() -> None:
    phones = (*phones_of([("M", 0.08), ("AA", 0.2), ("S", 0.1)])[:-1], Phone("SIL", 0.68, 2.2))
    phones += (Phone("P", 2.2, 2.28), Phone("OW", 2.28, 2.5, 1), Phone("SIL", 2.5, 3.0))
    times = frames(3.0, 60.0)
    curves = face_curves(speech_of(phones), plan_of(3.0), times, seed=1)
    mouth = [i for i, name in enumerate(arkit_names()) if name.startswith(("mouth", "jaw", "tongue"))]
    pause = (times > 0.68 + 0.25) & (times < 2.2 - 0.2)
    assert np.ptp(curves[pause][:, mouth], axis=0).max() < 1e-6
    assert lips_closed(curves)[pause].all()
    assert curves[(times > 0.4) & (times < 0.55), column("jawOpen")].max() > 0.25


def test_curves_have_no_one_frame_spikes() -> None:
    sounds = [("S", 0.09), ("AE", 0.14), ("T", 0.06), ("IY", 0.1), ("W", 0.07), ("AY", 0.2), ("SH", 0.1), ("UW", 0.14)]
    _, _, curves = spoken(sounds * 3, 60.0)
    steps = np.diff(curves[:, [column(name) for name in ("jawOpen", "mouthFunnel", "mouthPucker")]], axis=0)
    turns = (steps[1:] * steps[:-1] < 0.0) & (np.minimum(np.abs(steps[1:]), np.abs(steps[:-1])) > 0.05)
    assert not turns.any()
    assert np.abs(steps).max() < 0.16


def test_rounding_starts_before_its_vowel_and_earlier_than_it_lingers() -> None:
    phones, _, _ = spoken([("AH", 0.12), ("T", 0.1), ("UW", 0.16), ("T", 0.1), ("AH", 0.12)], 60.0)
    times = frames(phones[-1].end, 200.0)
    pucker = face_curves(speech_of(phones), plan_of(2.0), times, seed=1)[:, column("mouthPucker")]
    vowel = next(phone for phone in phones if phone.label == "UW")
    half = times[pucker > 0.5 * pucker.max()]
    assert 0.02 <= vowel.start - half[0] <= 0.13
    assert vowel.start < times[pucker.argmax()] < vowel.end
    assert vowel.start - half[0] > half[-1] - vowel.end


def test_fast_speech_undershoots_and_stress_and_loudness_open() -> None:
    slow = spoken([("T", 0.1), ("AA", 0.22)] * 5, 60.0)[2][:, column("jawOpen")].max()
    fast = spoken([("T", 0.05), ("AA", 0.06)] * 5, 60.0)[2][:, column("jawOpen")].max()
    assert fast < 0.85 * slow
    phones = phones_of([("T", 0.08), ("AH", 0.12), ("D", 0.08)])
    weak = tuple(Phone(p.label, p.start, p.end, 0 if p.is_vowel else -1) for p in phones)
    times = frames(phones[-1].end, 60.0)
    jaws = [face_curves(speech_of(p), plan_of(1.0), times, 1)[:, column("jawOpen")].max() for p in (phones, weak)]
    assert jaws[1] < 0.85 * jaws[0]
    wide = face_curves(speech_of(phones), plan_of(1.0), times, 1, energy=1.5)[:, column("jawOpen")].max()
    assert wide > 1.05 * jaws[0]


def test_quiet_vowels_of_a_line_open_less_than_loud_ones() -> None:
    phones = phones_of([("T", 0.08), ("AA", 0.16)] * 6)
    speech = speech_of(phones)
    vowels = [phone for phone in phones if phone.is_vowel]
    times = frames(phones[-1].end, 60.0)
    energy = speech.prosody.energy.copy()
    for phone in vowels[::2]:
        energy[round(phone.start * 100) : round(phone.end * 100)] -= 14.0
    quiet = replace(speech, prosody=replace(speech.prosody, energy=energy))
    jaw = face_curves(quiet, plan_of(phones[-1].end), times, 1)[:, column("jawOpen")]
    opened = [jaw[(times >= phone.start) & (times < phone.end)].max() for phone in vowels]
    assert max(opened[2::2]) < 0.8 * min(opened[1::2])


def test_visemes_differ_for_twenty_groups_and_name_all_phones() -> None:
    table = viseme_table()
    assert len(table.parts) == 40
    shapes = []
    for parts in table.parts.values():
        shape = np.concatenate([table.targets[viseme] * share for viseme, share in parts][:1])
        if all(np.abs(shape - other).max() > 0.02 for other in shapes):
            shapes.append(shape)
    assert len(shapes) >= 20
    assert all(abs(sum(share for _, share in parts) - 1.0) < 1e-9 for parts in table.parts.values())


def test_left_and_right_are_nearly_alike() -> None:
    _, _, curves = spoken([("IY", 0.15), ("S", 0.1), ("F", 0.1), ("AE", 0.2)] * 3, 30.0)
    left, right = curves[:, column("mouthStretchLeft")], curves[:, column("mouthStretchRight")]
    assert 0.0 < np.abs(left - right).max() < 0.06
    assert pair(curves, "mouthStretch").max() > 0.15


def test_holes_and_overlaps_between_phones_are_covered() -> None:
    rough = [Phone("AA", 0.5, 0.7), Phone("T", 0.71, 0.8), Phone("S", 0.75, 0.9), Phone("IY", 1.4, 1.5)]
    row = covered(rough, 2.0)
    assert [phone.label for phone in row] == ["SIL", "AA", "T", "S", "SIL", "IY", "SIL"]
    assert all(a.end == pytest.approx(b.start, abs=0.011) for a, b in pairwise(row))


@pytest.mark.parametrize("transcribed", [True, False])
def test_without_a_transcript_the_mouth_still_closes(transcribed: bool) -> None:
    phones = phones_of([("M", 0.06), ("AA", 0.15), ("B", 0.06), ("OW", 0.2)] * 3)
    times = frames(phones[-1].end, 24.0)
    curves = face_curves(speech_of(phones, transcribed), plan_of(2.0), times, 1)
    closed = lips_closed(curves)
    assert all(closed[own_frames(phone, times)].any() for phone in phones if phone.label in "MBP")
    assert curves[:, column("jawOpen")].max() > 0.2


def test_without_phones_the_jaw_follows_the_energy() -> None:
    phones = phones_of([("AA", 0.15), ("S", 0.12)] * 4)
    heard = speech_of(phones)
    mute = speech_of((Phone("SIL", 0.0, phones[-1].end),))
    times = frames(phones[-1].end, 30.0)
    curves = face_curves(type(heard)(**{**vars(heard), "phones": (), "transcribed": False}), plan_of(2.0), times, 1)
    assert curves[:, column("jawOpen")].max() > 0.2
    assert lips_closed(curves)[times > phones[-1].start + 0.3].all()
    assert face_curves(mute, plan_of(2.0), times, 1)[:, column("jawOpen")].max() == 0.0


def test_same_seed_same_bytes_other_seed_other_face() -> None:
    phones = phones_of([("M", 0.06), ("AA", 0.15), ("S", 0.1)] * 4)
    times = frames(phones[-1].end, 30.0)
    speech, plan = speech_of(phones), plan_of(phones[-1].end)
    first, again = (face_curves(speech, plan, times, 7) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert (face_curves(speech, plan, times, 8) != first).any()


def test_asking_for_fewer_frames_gives_the_same_frames() -> None:
    phones = phones_of([("M", 0.05), ("AA", 0.15), ("F", 0.05), ("IY", 0.1)] * 6)
    times = frames(phones[-1].end, 24.0)
    speech, plan = speech_of(phones), plan_of(phones[-1].end)
    whole = face_curves(speech, plan, times, 2)
    np.testing.assert_array_equal(face_curves(speech, plan, times[20:50], 2)[4:-4], whole[24:46])


def test_bad_times_are_refused_with_a_sentence() -> None:
    speech, plan = speech_of(phones_of([("AA", 0.2)])), plan_of(1.0)
    with pytest.raises(CospeechError, match="ascending"):
        face_curves(speech, plan, np.array([0.0, 0.0]), 1)
    with pytest.raises(CospeechError, match="eye_angles"):
        face_curves(speech, plan, np.arange(3.0), 1, eye_angles=np.zeros((2, 2, 2)))


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared beside the checkout")
@pytest.mark.skipif(find_spec("engine.speech.load") is None, reason="engine.speech.load is not written yet")
@pytest.mark.parametrize("name", ["jfk.wav", "sonnet001.mp3"])
def test_the_mouth_opens_with_the_voice(name: str) -> None:
    load = import_module("engine.speech.load")
    source = SHARED / "speech" / name
    speech = load.load_speech(source, source.with_suffix(".txt"))
    times = frames(speech.seconds, 60.0)
    curves = face_curves(speech, plan_of(speech.seconds), times, 1)
    fine = np.arange(0.0, speech.seconds, 0.001)
    level = np.clip(1.0 + speech.prosody.energy / 30.0, 0.0, 1.0)
    voice = np.interp(fine, np.arange(len(level)) * 0.01, level)
    mouth = np.interp(fine, times, lip_gap(curves))
    voice, mouth = voice - voice.mean(), mouth - mouth.mean()
    lags = np.arange(-200, 201)
    match = [voice[200:-200] @ mouth[200 + lag : len(mouth) - 200 + lag] for lag in lags]
    assert abs(int(lags[int(np.argmax(match))])) <= 33
