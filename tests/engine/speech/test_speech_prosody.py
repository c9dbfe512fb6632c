"""f0, energy, pauses, phrases, syllables and accents on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.speech.energy import energy_db, quietest, runs
from engine.speech.prosody import analyse, find_phrases, pitch
from engine.speech.syllables import syllables
from engine.speech.types import SAMPLE_RATE, SILENCE, Pause, Phone, Word


def voice(f0: np.ndarray, loudness: np.ndarray) -> np.ndarray:
    """A buzz of ten harmonics: f0 in Hz and loudness at every sample."""
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 11))
    return np.asarray(0.1 * loudness * tone, np.float32)


def nothing(_fraction: float) -> None:
    return


@pytest.mark.parametrize("base", [90.0, 130.0, 230.0, 380.0])
def test_f0_follows_a_known_glide(base: float) -> None:
    """45 s are several chunks: no seam, no octave error, right grid (value i at i x 10 ms)."""
    seconds = 45.0
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    known = base * 2 ** (0.25 * np.sin(2 * np.pi * 0.35 * time))
    f0 = pitch(voice(known, np.ones_like(time)), nothing)
    assert len(f0) == len(time) // 160 + 1
    grid = known[::160][10:-10]
    voiced = f0[10 : 10 + len(grid)]
    assert (voiced > 0).mean() > 0.99
    error = 12 * np.abs(np.log2(voiced[voiced > 0] / grid[voiced > 0]))
    assert np.quantile(error, 0.99) < 0.25


def test_noise_is_unvoiced() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * SAMPLE_RATE).astype(np.float32)
    assert (pitch(noise, nothing) > 0).mean() < 0.05


def test_energy_is_rms_at_its_time() -> None:
    waveform = np.zeros(3 * SAMPLE_RATE, np.float32)
    waveform[SAMPLE_RATE : 2 * SAMPLE_RATE] = 0.5
    energy = energy_db(waveform)
    assert energy[150] == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert energy[50] == -100.0
    assert energy[100] == pytest.approx(20 * np.log10(0.5) - 3.0, abs=0.2)
    assert abs(quietest(energy, 0.5, 2.8) - 2.5) > 0.5 or energy[round(quietest(energy, 0.5, 2.8) * 100)] == -100.0


def test_runs() -> None:
    assert runs(np.array([True, False, True, True, False, True])) == [(0, 1), (2, 4), (5, 6)]
    assert runs(np.zeros(4, bool)) == []


def word(text: str, labels: str, start: float, length: float = 0.1) -> Word:
    phones = []
    for number, label in enumerate(labels.split()):
        stress = int(label[-1]) if label[-1].isdigit() else -1
        phones.append(Phone(label.rstrip("012"), start + number * length, start + (number + 1) * length, stress))
    return Word(text, phones[0].start, phones[-1].end, tuple(phones))


def test_syllables_take_the_longest_onset() -> None:
    found = syllables([word("extra", "EH1 K S T R AH0", 0.0)], [])
    assert [(round(s.start, 3), round(s.end, 3), s.stress) for s in found] == [(0.0, 0.2, 1), (0.2, 0.6, 0)]
    found = syllables([word("singing", "S IH1 NG IH0 NG", 0.0)], [])
    assert round(found[0].end, 3) == 0.3
    found = syllables(
        [], [Phone("M", 0.0, 0.1), Phone("AA", 0.1, 0.2), Phone(SILENCE, 0.2, 0.5), Phone("OW", 0.5, 0.6)]
    )
    assert [(s.start, s.end, s.word) for s in found] == [(0.0, 0.2, -1), (0.5, 0.6, -1)]


def test_phrases_hold_their_words() -> None:
    words = [word("a", "AH0", start) for start in (0.3, 0.6, 1.5, 1.8)]
    pauses = [Pause(0.0, 0.25), Pause(0.8, 0.93), Pause(1.1, 1.4), Pause(2.0, 3.0)]
    phrases = find_phrases(pauses, words, 3.0)
    assert [(p.start, p.end, p.first, p.last) for p in phrases] == [(0.25, 1.1, 0, 2), (1.4, 2.0, 2, 4)]


def test_the_raised_and_louder_syllable_carries_the_accent() -> None:
    """Twelve equal words, of which two are higher and louder; accents sit on these, at their peak."""
    words, time = [], 0.3
    for number in range(12):
        words.append(word(f"mama{number}", "M AA1 M AH0", time))
        time += 0.4
    seconds = time + 0.5
    clock = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    f0, loudness = np.full(len(clock), 120.0), np.where((clock > 0.3) & (clock < time), 1.0, 1e-4)
    peaks = []
    for number in (3, 8):
        peak = words[number].phones[1].start + 0.05
        peaks.append(peak)
        bump = np.exp(-(((clock - peak) / 0.06) ** 2))
        f0 += 45.0 * bump
        loudness *= 1 + bump
    phones = [phone for entry in words for phone in entry.phones]
    phones = [Phone(SILENCE, 0.0, 0.3), *phones, Phone(SILENCE, time, seconds)]
    prosody = analyse(voice(f0, loudness), words, phones, nothing)
    strongest = sorted(prosody.accents, key=lambda accent: -accent.strength)[:2]
    assert sorted(accent.word for accent in strongest) == [3, 8]
    for accent, peak in zip(sorted(strongest, key=lambda accent: accent.time), peaks, strict=True):
        assert accent.time == pytest.approx(peak, abs=0.03)
        assert accent.syllable_start <= accent.time <= accent.syllable_end
    assert strongest[0].strength == 1.0
    assert all(0.0 < accent.strength <= 1.0 for accent in prosody.accents)
    assert len(prosody.phrases) == 1
    assert [round(pause.end - pause.start, 1) for pause in prosody.pauses] == [0.3, 0.5]
    voiced = prosody.energy[(prosody.f0 > 0) & (prosody.energy > -20)]
    assert np.quantile(voiced, 0.95) == pytest.approx(0.0, abs=0.3)


def test_words_without_voice_give_no_accent() -> None:
    silence = np.random.default_rng(0).normal(0, 1e-3, 2 * SAMPLE_RATE).astype(np.float32)
    prosody = analyse(silence, [], [Phone(SILENCE, 0.0, 2.0)], nothing)
    assert prosody.accents == ()
    assert len(prosody.pauses) == 1
