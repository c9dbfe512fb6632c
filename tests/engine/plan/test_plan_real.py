"""The planner on real speech: rates, rests, meaning, blinks, gestures that suit their words."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from engine.plan.planner import plan_gestures
from engine.plan.types import STYLES
from engine.speech.load import load_speech
from engine.speech.types import Speech
from tests.places import SPEECH

BANDS = {
    "calm": ((8, 14), (0.50, 0.75), (0.15, 0.35), (14, 26)),
    "explain": ((14, 22), (0.30, 0.55), (0.25, 0.45), (16, 30)),
    "narrate": ((20, 28), (0.15, 0.40), (0.25, 0.45), (16, 30)),
    "excited": ((26, 36), (0.05, 0.25), (0.20, 0.40), (16, 30)),
}
SEEDS = range(6)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SPEECH.exists(), reason="../shared/speech is not there"),
]


@lru_cache
def clips() -> tuple[Speech, ...]:
    """The sonnet, the president, six sentences of the reader."""
    found = [load_speech(SPEECH / name, SPEECH / f"{Path(name).stem}.txt") for name in ("sonnet001.mp3", "jfk.wav")]
    with (SPEECH / "ljspeech" / "transcripts.csv").open(encoding="utf-8") as handle:
        rows = list(csv.reader(handle, delimiter="|", quoting=csv.QUOTE_NONE))[:6]
    return (*found, *(load_speech(SPEECH / "ljspeech" / f"{name}.wav", text) for name, text in rows))


@pytest.mark.parametrize("style", STYLES)
def test_real_speech_lands_in_the_bands(style: str) -> None:
    rate_band, outside_band, meaning_band, blink_band = BANDS[style]
    seconds = inside = blinks = near = 0.0
    meanings: list[bool] = []
    offsets: list[float] = []
    leads: list[float] = []
    for speech in clips():
        for seed in SEEDS:
            plan = plan_gestures(speech, style, 1.0, seed)
            seconds += plan.seconds
            inside += sum(phrase.retract_end - phrase.onset for phrase in plan.phrases)
            meanings += [phrase.semantic for phrase in plan.phrases]
            offsets += [phrase.apex - phrase.accent for phrase in plan.phrases if not phrase.semantic]
            leads += [phrase.stress_onset - phrase.onset for phrase in plan.phrases if phrase.semantic]
            blinks += len(plan.blinks)
            near += sum(
                any(pause.start - 0.15 <= event.apex <= pause.end + 0.15 for pause in speech.prosody.pauses)
                for event in plan.blinks
            )
    assert rate_band[0] <= 60 * len(meanings) / seconds <= rate_band[1]
    assert outside_band[0] <= 1 - inside / seconds <= outside_band[1]
    assert meaning_band[0] <= np.mean(meanings) <= meaning_band[1]
    assert blink_band[0] <= 60 * blinks / seconds <= blink_band[1]
    assert near / blinks > 0.5
    assert -0.060 <= np.median(offsets) <= 0.020
    assert 0.080 <= np.median(leads) <= 0.260


def test_gestures_suit_the_president_s_words() -> None:
    """Over some seeds: people gathered at "my fellow Americans", a negation at "ask not", no shake elsewhere."""
    (speech,) = [clip for clip in clips() if "fellow Americans" in clip.transcript]
    chosen = {
        (speech.words[phrase.word].text.strip(",."), phrase.gclass)
        for seed in range(20)
        for phrase in plan_gestures(speech, "narrate", 1.0, seed).phrases
        if phrase.semantic
    }
    assert ("Americans", "we") in chosen
    assert ("not", "negation") in chosen
    assert any(gclass == "you" for _, gclass in chosen)
    shaken = [
        speech.words[event.word].text
        for seed in range(20)
        for event in plan_gestures(speech, "narrate", 1.0, seed).head
        if event.kind == "shake"
    ]
    assert len(shaken) >= 8
    assert set(shaken) == {"not"}
