"""Corrected word times: the word moves with its phones, neighbours give way, nothing else moves at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import TranscriptError
from engine.speech.correct import corrected
from engine.speech.types import SILENCE
from tests.support.plan_speech import say

SPEECH = say("We built this place for you, and we mean every single word of it. Come in and look around.")


def others(speech, indices):
    return [word for index, word in enumerate(speech.words) if index not in indices]


def test_nothing_given_changes_nothing():
    assert corrected(SPEECH, {}) is SPEECH


def test_a_word_moves_with_its_phones_and_no_other_word_moves():
    word = SPEECH.words[6]  # after a pause
    found = corrected(SPEECH, {6: (word.start - 0.1, word.end - 0.02)})
    assert (found.words[6].start, found.words[6].end) == pytest.approx((word.start - 0.1, word.end - 0.02))
    assert found.words[6].phones[0].start == pytest.approx(word.start - 0.1)
    assert found.words[6].phones[-1].end == pytest.approx(word.end - 0.02, abs=0.01)
    assert others(found, {6}) == others(SPEECH, {6})


def test_neighbours_give_way_to_a_longer_word():
    word, after = SPEECH.words[2], SPEECH.words[3]
    found = corrected(SPEECH, {2: (word.start, word.end + 0.05)})
    assert found.words[3].start == pytest.approx(word.end + 0.05)
    assert found.words[3].end == pytest.approx(after.end)
    assert others(found, {2, 3}) == others(SPEECH, {2, 3})


def test_a_word_that_jumps_over_others_pushes_them_on():
    far = SPEECH.words[5]
    found = corrected(SPEECH, {2: (far.start + 0.01, far.end)})
    assert [word.text for word in found.words] == [word.text for word in SPEECH.words]
    assert all(b.start >= a.end - 1e-9 for a, b in zip(found.words[2:], found.words[3:], strict=False))
    assert others(found, set(range(2, 10))) == others(SPEECH, set(range(2, 10)))


@settings(max_examples=60, deadline=None)
@given(
    index=st.integers(0, len(SPEECH.words) - 1),
    start=st.floats(-0.2, 0.2),
    stretch=st.floats(0.5, 1.6),
)
def test_phones_stay_in_order_and_inside_the_line(index, start, stretch):
    word = SPEECH.words[index]
    first = max(0.0, word.start + start)
    try:
        found = corrected(SPEECH, {index: (first, first + (word.end - word.start) * stretch)})
    except TranscriptError:  # no room at an end of the line: the sentences are tested below
        return
    clock = 0.0
    for phone in found.phones:
        assert phone.start >= clock - 1e-6
        assert phone.end > phone.start
        clock = phone.end
    assert clock <= SPEECH.seconds + 1e-6
    assert [p.label for p in found.phones if p.label != SILENCE] == [p.label for w in SPEECH.words for p in w.phones]
    assert [word.text for word in found.words] == [word.text for word in SPEECH.words]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({99: (0.0, 1.0)}, "has words 0 to"),
        ({1: (2.0, 1.0)}, "not inside the audio"),
        ({1: (-1.0, 1.0)}, "not inside the audio"),
        ({1: (50.0, 51.0)}, "not inside the audio"),
        ({8: (0.05, 0.1)}, "leaves no room"),
        ({1: (0.9, 1.3), 2: (1.0, 1.2)}, "leaves no room"),
    ],
)
def test_impossible_times_are_a_sentence(times, words):
    with pytest.raises(TranscriptError, match=words):
        corrected(SPEECH, times)
