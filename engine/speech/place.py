"""Finds where the tokens of a transcript are said, window by window, so that time and memory stay linear.

A window is first aligned strictly (every token in order). Where scores say that the transcript does not fit, it is
aligned again loosely: tokens may be missing from the audio and audio from the transcript.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from engine.speech.decoder import Decoder, Token, TokenTimes
from engine.speech.denoise import NoiseReducer
from engine.speech.energy import energy_db, quietest, recorded_part, voice_threshold
from engine.speech.types import PROSODY_HOP, SAMPLE_RATE, Floats, Phone

Advance = Callable[[float], None]

# Scores are pocketsphinx's a frame, set on English recordings; the rest by eye.
_WINDOW = (8.0, 13.0)  # s after a window's start, in which it is cut at the quietest moment
_LOOK_AHEAD = 2.0  # s heard beyond the cut
_MAX_LAST = 16.0  # s of the last window
_TOKENS_PER_SECOND = 6.5  # of fast speech
_DOUBT_ONE, _DOUBT_TWO = -60.0, -44.0  # scores: of one token, of the better of two neighbours
_USUAL = -15.0  # median score of clean speech; noisy speech shifts the limits, by _LENIENCE at most
_LENIENCE, _JUDGED = -25.0, 8  # score, and tokens that it takes to judge
_HOPELESS, _NOISY_DB = -47.0, 22.0  # score of what is garbage; loud over quiet frames of a noisy recording
_MISSES = 5  # windows without a single word at the start, after which the span is given up
_UNEXPLAINED = 0.7  # s of voice without a token that call for the loose search
_RETRY_TOKENS = 8  # passed over together, at most, to be tried once more
_SHORT, _SHORT_SLACK = 3, 15.0  # phones of a short token, and the score by which it may be worse
_JUMP_COST, _TOKEN_COST, _MAX_JUMP_COST = 4.0, 1.5, 24.0  # of passing over tokens, in phones
_MIN_GAP = 0.08  # s of audio left in which a token is looked for


@dataclass(frozen=True)
class Span:
    """Tokens [first, last) that are said somewhere between ``start`` and ``end`` seconds."""

    first: int
    last: int
    start: float
    end: float


class Placer:
    """Places tokens in one waveform. ``placed[i]`` is token i's times in seconds from the start, or None."""

    def __init__(self, waveform: Floats, tokens: Sequence[Token], decoder: Decoder) -> None:
        self.waveform, self.tokens, self.decoder = waveform, tokens, decoder
        self.placed: list[TokenTimes | None] = [None] * len(tokens)
        self.noise = NoiseReducer(waveform)
        self.energy = energy_db(waveform)
        self.threshold = voice_threshold(self.energy)
        self.recorded = recorded_part(self.energy)
        self._scores: list[float] = []
        self._wide: Decoder | None = None

    def place(self, span: Span, advance: Advance) -> None:
        """Place the tokens of ``span``; ``advance`` hears the time reached, and may raise to stop."""
        span = replace(span, start=max(span.start, self.recorded[0]), end=min(span.end, self.recorded[1]))
        position, first, misses = span.start, span.first, 0
        while first < span.last and span.end - position > _MIN_GAP:
            advance(position)
            cut, end = self._window(position, span.end)
            last_window = end >= span.end
            usual = int((end - position) * _TOKENS_PER_SECOND)
            last = span.last if last_window else min(span.last, first + usual + 8)
            found, doubtful = self._strictly((position, cut, end), first, last)
            if doubtful:
                last = min(span.last, first + usual + 20 + 120 * misses)
                loose = self._loosely(position, end, first, last)
                found = found if self._is_noise(found, loose) else loose
            kept = [times for times in found if last_window or 0.5 * (times.start + times.end) < cut]
            for times in kept:
                self.placed[times.index] = times
            misses = 0 if kept else misses + 1
            if last_window or (misses > _MISSES and first == span.first):
                break  # the end, or a transcript of something else
            position = kept[-1].end if kept else cut
            first = kept[-1].index + 1 if kept else first
        self._retry_gaps(span)

    def voiced_seconds(self, start: float, end: float) -> float:
        """Seconds of voice between two times, by loudness."""
        piece = self.energy[max(0, round(start / PROSODY_HOP)) : max(0, round(end / PROSODY_HOP))]
        return float((piece > self.threshold).sum()) * PROSODY_HOP

    def _window(self, start: float, end: float) -> tuple[float, float]:
        """(cut, end of the window): words are kept up to the cut and only listened for beyond."""
        if end - start <= _MAX_LAST:
            return end, end
        cut = quietest(self.energy, start + _WINDOW[0], start + _WINDOW[1])
        return cut, min(cut + _LOOK_AHEAD, end)

    def _audio(self, start: float, end: float) -> Floats:
        return self.noise.clean(self.waveform[max(0, round(start * SAMPLE_RATE)) : round(end * SAMPLE_RATE)])

    def _strictly(self, window: tuple[float, float, float], first: int, last: int) -> tuple[list[TokenTimes], bool]:
        """The window's tokens, all in order, and whether one should doubt that they are said there."""
        start, cut, end = window
        audio = self._audio(start, end)
        found = self.decoder.align(audio, self.tokens[first:last], complete=cut >= end)
        if found is None:
            found = self._wide_decoder().align(audio, self.tokens[first:last], complete=cut >= end)
        if found is None:
            return [], True
        moved = [_moved(times, start, first) for times in found]
        certain = [times for times in moved if times.end <= cut]
        if self._is_doubtful(certain, start, cut if len(certain) == len(moved) else moved[len(certain)].start):
            return moved, True
        self._scores += [times.score for times in certain]
        return moved, False

    def _is_noise(self, strict: Sequence[TokenTimes], loose: Sequence[TokenTimes]) -> bool:
        """Whether poor scores come from a poor recording, not from a wrong transcript: bad nowhere, and middling
        everywhere, so that the loose search hears little but garbage."""
        if self.noise.snr > _NOISY_DB or len(strict) < _JUDGED or len(loose) > 0.5 * len(strict):
            return False
        return float(np.median([times.score for times in strict])) > _HOPELESS

    def _wide_decoder(self) -> Decoder:
        """A decoder that gives up on fewer paths, made when noise first calls for it."""
        if self._wide is None:
            self._wide = Decoder(wide=True)
        return self._wide

    def _limit(self, doubt: float, found: Sequence[TokenTimes] = ()) -> float:
        """The score that calls for doubt, lower where speech as a whole scores low: in noise, or for an odd voice."""
        scores = [times.score for times in found] if len(found) >= _JUDGED else self._scores[-_JUDGED * 5 :]
        usual = float(np.median(scores)) if scores else _USUAL
        return doubt + max(_LENIENCE, min(0.0, usual - _USUAL))

    def _is_doubtful(self, found: Sequence[TokenTimes], start: float, end: float) -> bool:
        scores = [times.score for times in found]
        one, two = self._limit(_DOUBT_ONE, found), self._limit(_DOUBT_TWO, found)
        if any(times.score < one - _slack(times) for times in found) or any(
            max(pair) < two for pair in pairwise(scores)
        ):
            return True
        edges = [start, *(time for times in found for time in (times.start, times.end)), end]
        gaps = zip(edges[0::2], edges[1::2], strict=True)
        return any(self.voiced_seconds(left, right) > _UNEXPLAINED for left, right in gaps)

    def _loosely(self, start: float, end: float, first: int, last: int) -> list[TokenTimes]:
        found = self.decoder.align_loosely(self._audio(start, end), self.tokens[first:last])
        rising = _rising([_moved(times, start, first) for times in found], first)
        limit = self._limit(_DOUBT_ONE, rising)
        return [times for times in _without_strays(rising) if times.score > limit]

    def _retry_gaps(self, span: Span) -> None:
        """Tokens passed over between placed ones are tried once more, strictly, in just the audio between these."""
        index = span.first
        while index < span.last:
            if self.placed[index] is not None:
                index += 1
                continue
            stop = index
            while stop < span.last and self.placed[stop] is None:
                stop += 1
            if stop - index <= _RETRY_TOKENS:
                self._retry(index, stop, span)
            index = stop

    def _retry(self, first: int, last: int, span: Span) -> None:
        before = self.placed[first - 1] if first > span.first else None
        after = self.placed[last] if last < span.last else None
        start, end = before.end if before else span.start, after.start if after else span.end
        phones = sum(min(len(said) for said in token) for token in self.tokens[first:last])
        if end - start < max(_MIN_GAP, 0.03 * phones) or end - start > _MAX_LAST:
            return
        found = self.decoder.align(self._audio(start, end), self.tokens[first:last], True)
        if found and all(times.score > self._limit(_DOUBT_TWO) - _slack(times) for times in found):
            for times in found:
                moved = _moved(times, start, first)
                if self.voiced_seconds(moved.start, moved.end) > 0.3 * (moved.end - moved.start):
                    self.placed[moved.index] = moved


def _slack(times: TokenTimes) -> float:
    """How much worse a short word may score: an "of" of three frames is said without fitting any model."""
    return _SHORT_SLACK if len(times.phones) <= _SHORT else 0.0


def _moved(times: TokenTimes, seconds: float, index: int) -> TokenTimes:
    phones = tuple(Phone(phone.label, phone.start + seconds, phone.end + seconds) for phone in times.phones)
    return replace(
        times, index=times.index + index, start=times.start + seconds, end=times.end + seconds, phones=phones
    )


def _rising(found: Sequence[TokenTimes], first: int) -> list[TokenTimes]:
    """The subsequence with rising indices of most phones: the loose search may jump, and jumps that pass over many
    tokens (the first counted from ``first``) must pay for themselves by what they find."""
    best: list[tuple[float, int]] = []  # (gain so far, previous)
    for number, times in enumerate(found):
        gain, previous = -_jump_cost(times.index - first), -1
        for k in range(number):
            if found[k].index < times.index:
                after = best[k][0] - _jump_cost(times.index - found[k].index - 1)
                if after > gain:
                    gain, previous = after, k
        best.append((gain + len(times.phones), previous))
    at = max(range(len(found)), key=lambda number: best[number][0], default=-1)
    if at < 0 or best[at][0] <= 0:
        return []
    chain = []
    while at >= 0:
        chain.append(found[at])
        at = best[at][1]
    return chain[::-1]


def _jump_cost(passed_over: int) -> float:
    return min(_JUMP_COST + _TOKEN_COST * passed_over, _MAX_JUMP_COST) if passed_over else 0.0


def _without_strays(found: Sequence[TokenTimes]) -> list[TokenTimes]:
    """Without short tokens that stand alone: any audio holds something like "the"."""
    kept = []
    for number, times in enumerate(found):
        neighbours = [found[k].index for k in (number - 1, number + 1) if 0 <= k < len(found)]
        if len(times.phones) >= 6 or any(abs(index - times.index) == 1 for index in neighbours):
            kept.append(times)
    return kept
