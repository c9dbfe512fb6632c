"""What SemTalk reads of a line: a word of its vocabulary on every frame, and a sentence for every window."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from engine.generators.published.semtalk_hearing import Hearing
from engine.models.semtalk_windows import FRAME_RATE, WINDOW
from engine.models.vocabulary import Interval, Vocabulary, spoken
from engine.speech.types import Speech


def word_rows(speech: Speech, frames: int, vocabulary: Vocabulary, hearing: Hearing) -> NDArray[np.int64]:
    """(T,) rows of the vocabulary."""
    return vocabulary.frames(spoken(speech, silence=not hearing.silent_unknown), frames, FRAME_RATE)


def sentences(speech: Speech, starts: Sequence[int], frames: int, hearing: Hearing) -> list[str]:
    """What is said in each window of 64 frames from ``starts`` on, of a line of so many frames. As released, a word
    said twice in a row is once in it."""
    words = spoken(speech, silence=False)
    return [window_text(words, start, min(WINDOW, frames - start), hearing) for start in starts]


def window_text(words: Sequence[Interval], first: int, frames: int, hearing: Hearing) -> str:
    """The words that are the first to hold one of the frames from ``first`` on, without silences."""
    times = np.arange(first, first + max(0, frames)) / FRAME_RATE
    said, free = [], np.ones(len(times), dtype=np.bool_)
    for start, end, mark in words:
        inside = free & (times >= start) & (times <= end)
        free &= ~inside
        if inside.any() and mark.strip():
            said.append(mark)
    return " ".join([word for word, _ in groupby(said)] if hearing.silent_unknown else said)
