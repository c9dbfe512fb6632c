"""Blinks at phrase ends and brows before accents, from the plan to the face's curves (docs/sources/semantics.md,
section 7)."""

from __future__ import annotations

import numpy as np
import pytest

from engine.face.curves import face_curves
from engine.face.lips import pair
from engine.plan.planner import plan_gestures
from engine.speech.types import Speech
from tests.support.face_speech import frames
from tests.support.plan_speech import say

TEXT = (
    "We walked along the beach, and counted the ships far away. Nobody moved, nobody spoke, and the door closed. "
    "On the one hand it is cheap, but on the other hand it breaks. Our company has grown from ten people to two "
    "hundred. Every good story has a beginning, a middle, and an end. She put the box on top of the table."
)
BEFORE, AFTER = 0.12, 0.40  # around the end of a phrase, seconds


def lines() -> list[Speech]:
    return [say(TEXT, seed) for seed in range(4)]


def runs(flags: np.ndarray) -> np.ndarray:
    """First frame of every run of True."""
    return np.flatnonzero(flags & ~np.concatenate([[False], flags[:-1]]))


@pytest.mark.parametrize("fps", [24.0, 30.0])
def test_eyes_close_at_phrase_ends_far_more_often_than_by_chance(fps: float) -> None:
    near = total = 0
    covered, seconds = 0.0, 0.0
    for number, speech in enumerate(lines()):
        times = frames(speech.seconds, fps)
        plan = plan_gestures(speech, "explain", 1.0, number)
        lids = pair(face_curves(speech, plan, times, number), "eyeBlink")
        ends = np.array([phrase.end for phrase in speech.prosody.phrases])
        for frame in runs(lids > 0.7):
            offset = times[frame] - ends
            near += bool(((offset > -BEFORE) & (offset < AFTER)).any())
            total += 1
        covered += len(ends) * (BEFORE + AFTER)
        seconds += speech.seconds
        assert total >= 0.8 * sum(event.amount > 0.8 for event in plan.blinks)
    assert 15.0 <= 60.0 * total / seconds <= 40.0
    assert near / total >= 0.5
    assert near / total >= 1.8 * covered / seconds


def test_brows_begin_before_the_accented_syllable_and_stand_highest_on_the_accent() -> None:
    leads, peaks = [], []
    for number, speech in enumerate(lines()):
        times = frames(speech.seconds, 120.0)
        plan = plan_gestures(speech, "explain", 1.0, number)
        brow = pair(face_curves(speech, plan, times, number), "browOuterUp")
        accents = {accent.word: accent for accent in speech.prosody.accents}
        for event in plan.brows:
            if event.kind != "raise" or event.word not in accents or event.hold > 0.0:
                continue
            inside = np.flatnonzero((times >= event.start - 0.05) & (times <= event.end))
            rise = brow[inside] - brow[inside[0]]
            begin = times[inside[np.flatnonzero(rise > 0.05 * rise.max())[0]]]
            accent = accents[event.word]
            leads.append(accent.syllable_start - begin)
            peaks.append(times[inside[int(np.argmax(rise))]] - accent.time)
    assert len(leads) >= 12
    assert 0.0 < np.median(leads) < 0.12  # the event leads by 60..120 ms; the first tenth of a soft rise is not seen
    assert abs(float(np.median(peaks))) <= 0.06
