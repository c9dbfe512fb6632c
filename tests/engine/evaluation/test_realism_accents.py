"""The detector of accents that judges takes: built syllables are found, silence is a pause, the planner is unseen."""

from __future__ import annotations

import numpy as np

from engine.evaluation.accents import hear_accents
from tests.support.sung import sung


def test_louder_and_higher_syllables_are_accents_at_their_peak() -> None:
    starts = 0.4 + 0.24 * np.arange(24)
    strong = np.arange(24) % 3 == 1
    wave, f0 = sung(starts, np.where(strong, 0.5, 0.12), np.where(strong, 150.0, 110.0), 6.6)
    heard = hear_accents(wave, f0)
    peaks = starts[strong] + 0.08
    assert len(heard.nuclei) >= 20
    found = np.array([np.abs(heard.accents - peak).min() for peak in peaks])
    assert found.max() < 0.03
    assert len(heard.accents) <= 12  # the weak ones between them are not
    assert np.all(np.diff(heard.accents) > 0.2)


def test_a_silence_is_a_pause_and_voice_is_bounded_by_it() -> None:
    starts = np.concatenate([0.5 + 0.25 * np.arange(6), 4.0 + 0.25 * np.arange(6)])
    wave, f0 = sung(starts, np.full(12, 0.3), np.full(12, 120.0), 6.5)
    heard = hear_accents(wave, f0)
    assert abs(heard.voice[0] - 0.5) < 0.08
    assert abs(heard.voice[1] - 5.41) < 0.08
    inner = heard.pauses[(heard.pauses[:, 0] > 0.6) & (heard.pauses[:, 1] < 5.0)]
    assert abs(inner[:, 0].min() - 1.9) < 0.1
    assert abs(inner[:, 1].max() - 4.0) < 0.1
    # Of the long pause only the first second counts as speech.
    assert abs(heard.speech_seconds - (5.41 - 0.5 - (2.1 - 1.0))) < 0.25


def test_nothing_is_heard_in_silence() -> None:
    heard = hear_accents(np.zeros(32000, np.float32), np.zeros(201))
    assert len(heard.accents) == len(heard.nuclei) == 0
    assert heard.speech_seconds == 0.0


def test_the_voice_alone_decides_unvoiced_noise_has_no_nucleus() -> None:
    rng = np.random.default_rng(2)
    wave = 1e-4 * rng.standard_normal(48000)
    for start in range(8000, 40000, 6000):
        wave[start : start + 2500] += 0.2 * rng.standard_normal(2500) * np.hanning(2500)
    assert len(hear_accents(wave.astype(np.float32), np.zeros(301)).nuclei) == 0
