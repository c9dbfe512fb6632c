"""Transcript and waveform -> words and phones with times; without a transcript, phones alone.

Words come from the strict and loose searches of place.py; boundaries are refined; words that were not found get
interpolated times; voice that no word explains gets decoded phones, so that the mouth moves there too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.speech.decoder import Decoder, TokenTimes
from engine.speech.energy import energy_db, quietest, runs, voice_threshold
from engine.speech.lexicon import pronunciations, stresses
from engine.speech.place import Placer, Span
from engine.speech.refine import refine_boundaries
from engine.speech.transcript import Transcript, TranscriptWord
from engine.speech.types import PROSODY_HOP, SAMPLE_RATE, SILENCE, Floats, Phone, Word

Advance = Callable[[float], None]

MISMATCH = 0.35  # share of words found, by eye; below it the transcript is said not to belong to the audio
_NAMED = 8  # lost words that the warning names, by eye
_CUE_MARGIN = 0.3  # s around a cue's times, by eye: subtitles are rarely exact
_MERGE_GAP = 0.35  # s, by eye: timed words that stand nearer are one stretch
_EDGE = 0.05  # s heard beyond given times, by eye
_MAX_GROUP = 11.0  # s of a stretch, by eye: what one search takes
_DECODE = (7.0, 11.0)  # s, by eye: a longer stretch is cut at its quietest moment in this range
_MIN_DECODE = 0.3  # s of voice without a word that are decoded, by eye
_PHONE_SECONDS = 0.09  # s of a phone in fluent English, by eye
_SNAP = 0.03  # s, three frames of the aligner, by eye: shorter silences between phones are closed


@dataclass(frozen=True)
class Aligned:
    """Words (in the transcript's order), all phones from 0 to the end without gaps, and sentences for the user."""

    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    warnings: tuple[str, ...]


def align(waveform: Floats, transcript: Transcript, advance: Advance) -> Aligned:
    """Align a transcript. ``advance`` hears fractions 0..1 and may raise to stop."""
    seconds = len(waveform) / SAMPLE_RATE
    words, warnings = transcript.words, []
    owners = [number for number, word in enumerate(words) for _ in word.spoken]
    tokens = [pronunciations(spoken) for word in words for spoken in word.spoken]
    placer = Placer(waveform, tokens, Decoder())
    for span in _spans(transcript, owners, seconds):
        placer.place(span, lambda time: advance(0.9 * time / seconds))
    if transcript.cues and _share(placer.placed) < MISMATCH:
        warnings.append(
            "The subtitle times do not fit the audio, so they were not used; check that the right file is chosen"
        )
        placer = Placer(waveform, tokens, placer.decoder)
        placer.place(Span(0, len(tokens), 0.0, seconds), lambda time: advance(0.9 * time / seconds))
    placed = refine_boundaries(waveform, _without_overlaps(placer.placed), seconds)
    found = _words(words, owners, placed, seconds)
    warnings += _warnings(found)
    phones = _fill(found, waveform, lambda fraction: advance(0.9 + 0.1 * fraction))
    return Aligned(tuple(found), tuple(phones), tuple(warnings))


def decode(waveform: Floats, advance: Advance) -> Aligned:
    """The phones of speech without a transcript; no words."""
    energy = energy_db(waveform)
    seconds = len(waveform) / SAMPLE_RATE
    phones = _decoded(waveform, energy, [(0.0, seconds)], advance)
    return Aligned((), tuple(_with_silences(phones, seconds)), ())


def _share(placed: Sequence[TokenTimes | None]) -> float:
    return sum(times is not None for times in placed) / max(len(placed), 1)


def _spans(transcript: Transcript, owners: Sequence[int], seconds: float) -> list[Span]:
    """Where to look for which tokens: by cues, by times given for words, else anywhere."""
    first_token = [0] * (len(transcript.words) + 1)
    for owner in owners:
        first_token[owner + 1] += 1
    for number in range(len(transcript.words)):
        first_token[number + 1] += first_token[number]
    groups: list[tuple[int, int, float, float]] = []
    if transcript.cues:
        for cue in transcript.cues:
            _merge(groups, (cue.first, cue.last, cue.start - _CUE_MARGIN, cue.end + _CUE_MARGIN), -_CUE_MARGIN)
    else:
        groups = _timed_groups(transcript.words, seconds)
    return [
        Span(first_token[first], first_token[last], max(0.0, start), min(seconds, end))
        for first, last, start, end in groups
    ]


def _timed_groups(words: Sequence[TranscriptWord], seconds: float) -> list[tuple[int, int, float, float]]:
    """(first word, last, start, end): runs of words with times, and the runs without times between them."""
    timed: list[tuple[int, int, float, float]] = []
    free: list[tuple[int, int, float, float]] = []
    number = 0
    while number < len(words):
        times = words[number].times
        last = number + 1
        if times is not None:
            _merge(timed, (number, last, *times), _MERGE_GAP)
        else:
            while last < len(words) and words[last].times is None:
                last += 1
            before = words[number - 1].times if number else None
            after = words[last].times if last < len(words) else None
            free.append((number, last, before[1] if before else 0.0, after[0] if after else seconds))
        number = last
    return sorted([(*group[:2], group[2] - _EDGE, group[3] + _EDGE) for group in timed] + free)


def _merge(groups: list[tuple[int, int, float, float]], new: tuple[int, int, float, float], gap: float) -> None:
    """Append ``new``, joined to the last group when it follows closely and the two stay short."""
    if groups and groups[-1][1] == new[0]:
        first, _, start, end = groups[-1]
        if new[2] - end < gap and new[3] - start < _MAX_GROUP and end <= new[3]:
            groups[-1] = (first, new[1], start, new[3])
            return
    groups.append(new)


def _without_overlaps(placed: Sequence[TokenTimes | None]) -> list[TokenTimes | None]:
    """Tokens of neighbouring windows may overlap: small overlaps are halved, of large ones the better token stays."""
    result = list(placed)
    previous = -1
    for index, times in enumerate(result):
        if times is None:
            continue
        before = result[previous] if previous >= 0 else None
        if before is not None and times.start < before.end:
            overlap = before.end - times.start
            if overlap > 0.5 * min(times.end - times.start, before.end - before.start):
                if times.score > before.score:
                    result[previous] = None
                else:
                    result[index] = None
                    continue
            else:
                middle = before.end - 0.5 * overlap
                result[previous] = _stretched(before, before.start, middle)
                result[index] = _stretched(times, middle, times.end)
        previous = index
    return result


def _stretched(times: TokenTimes, start: float, end: float) -> TokenTimes:
    return replace(times, start=start, end=end, phones=stretch(times.phones, start, end))


def stretch(phones: Sequence[Phone], start: float, end: float) -> tuple[Phone, ...]:
    """The phones mapped linearly so that they span ``start`` to ``end``."""
    if not phones:
        return ()
    first, length = phones[0].start, max(phones[-1].end - phones[0].start, 1e-6)
    scale = (end - start) / length
    return tuple(
        replace(phone, start=start + (phone.start - first) * scale, end=start + (phone.end - first) * scale)
        for phone in phones
    )


def _words(
    written: Sequence[TranscriptWord], owners: Sequence[int], placed: Sequence[TokenTimes | None], seconds: float
) -> list[Word]:
    tokens: list[list[TokenTimes | None]] = [[] for _ in written]
    for owner, times in zip(owners, placed, strict=True):
        tokens[owner].append(times)
    words: list[Word | None] = []
    for word, parts in zip(written, tokens, strict=True):
        found = [(spoken, times) for spoken, times in zip(word.spoken, parts, strict=True) if times is not None]
        phones = tuple(phone for spoken, times in found for phone in _stressed(spoken, times.phones))
        if word.times is not None:
            words.append(_timed_word(word, phones))
        elif 2 * len(found) > len(parts):
            start, end = max(0.0, phones[0].start), min(seconds, phones[-1].end)
            words.append(Word(word.text, start, end, stretch(phones, start, end)))
        else:
            words.append(None)
    return _interpolated(written, words, seconds)


def _stressed(spoken: str, phones: Sequence[Phone]) -> list[Phone]:
    marks = stresses(spoken, tuple(phone.label for phone in phones))
    return [replace(phone, stress=mark) for phone, mark in zip(phones, marks, strict=True)]


def _timed_word(word: TranscriptWord, found: tuple[Phone, ...]) -> Word:
    """A word whose times the user gave: its own phones, else the aligner's, else the dictionary's, fitted into them."""
    assert word.times is not None
    start, end = word.times
    if word.phones:
        marks = stresses(word.spoken[0], tuple(phone.label for phone in word.phones))
        phones = tuple(
            phone if phone.stress >= 0 else replace(phone, stress=mark)
            for phone, mark in zip(word.phones, marks, strict=True)
        )
        return Word(word.text, start, end, phones)
    overlap = min(end, found[-1].end) - max(start, found[0].start) if found else 0.0
    if overlap < 0.3 * (end - start):
        found = tuple(phone for spoken in word.spoken for phone in _nominal(spoken))
    return Word(word.text, start, end, stretch(found, start, end))


def _nominal(spoken: str) -> list[Phone]:
    """The dictionary's phones at unit-like durations, vowels half as long again as consonants."""
    phones, time = [], 0.0
    for label in pronunciations(spoken)[0]:
        phone = Phone(label, time, time)
        time += 1.5 if phone.is_vowel else 1.0
        phones.append(replace(phone, end=time))
    return _stressed(spoken, phones)


def _interpolated(written: Sequence[TranscriptWord], words: list[Word | None], seconds: float) -> list[Word]:
    """The words, with estimated times for those not found: by length, between their found neighbours."""
    result: list[Word] = []
    number = 0
    while number < len(words):
        word = words[number]
        if word is not None:
            result.append(word)
            number += 1
            continue
        last = number
        while last < len(words) and words[last] is None:
            last += 1
        lengths = [sum(len(pronunciations(spoken)[0]) for spoken in word.spoken) for word in written[number:last]]
        needed = _PHONE_SECONDS * sum(lengths)
        after = words[last] if last < len(words) else None
        start = result[-1].end if result else 0.0
        end = max(start, after.start if after is not None else seconds)
        if not result and after is not None:
            start = max(start, end - needed)
        elif after is None and result:
            end = min(end, start + needed)
        scale = (end - start) / sum(lengths)
        for text, length in zip((word.text for word in written[number:last]), lengths, strict=True):
            result.append(Word(text, start, start + length * scale, placed=False))
            start += length * scale
        number = last
    return result


def _warnings(words: Sequence[Word]) -> list[str]:
    lost = [word.text.strip('.,;:!?"') for word in words if not word.placed]
    if not lost:
        return []
    if len(words) - len(lost) < MISMATCH * len(words):
        return [
            f"The transcript does not seem to belong to this audio: {len(words) - len(lost)} of its {len(words)} words "
            "were found; check that it says, in English, what is spoken"
        ]
    names = ", ".join(f'"{text}"' for text in lost[:_NAMED]) + (
        f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    )
    what = "1 word was" if len(lost) == 1 else f"{len(lost)} words were"
    return [
        f"{what} not found in the audio and got estimated times: {names}; correct the transcript, or give their times"
    ]


def _fill(words: Sequence[Word], waveform: Floats, advance: Advance) -> list[Phone]:
    """All phones: the words', decoded ones where there is voice without a word, silence elsewhere."""
    seconds = len(waveform) / SAMPLE_RATE
    phones = [phone for word in words for phone in word.phones]
    energy = energy_db(waveform)
    threshold = voice_threshold(energy)
    gaps, time = [], 0.0
    for start, end in [*((phone.start, phone.end) for phone in phones), (seconds, seconds)]:
        if start - time > _MIN_DECODE:
            voiced = energy[round(time / PROSODY_HOP) : round(start / PROSODY_HOP)] > threshold
            if any(last - first > _MIN_DECODE / PROSODY_HOP for first, last in runs(voiced)):
                gaps.append((time, start))
        time = max(time, end)
    decoded = _decoded(waveform, energy, gaps, advance) if gaps else []
    return _with_silences(sorted([*phones, *decoded], key=lambda phone: phone.start), seconds)


def _decoded(
    waveform: Floats, energy: Floats, stretches: Sequence[tuple[float, float]], advance: Advance
) -> list[Phone]:
    """Phones decoded without words in some stretches of the audio (silences left out)."""
    decoder = Decoder(phone_loop=True)
    found: list[Phone] = []
    for number, (first, last) in enumerate(stretches):
        start = first
        while last - start > 0.05:
            advance((number + start / max(last, 1e-6)) / (len(stretches) + 1))
            end = last if last - start <= _DECODE[1] else quietest(energy, start + _DECODE[0], start + _DECODE[1])
            for phone in decoder.phones(waveform[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]):
                low, high = max(start, start + phone.start), min(end, start + phone.end)
                if phone.label != SILENCE and high - low > 0.01:
                    found.append(Phone(phone.label, low, high))
            start = end
    return found


def _with_silences(phones: Sequence[Phone], seconds: float) -> list[Phone]:
    """The phones with SIL between them, so that they cover 0..seconds; slivers of silence go to the phone before."""
    result: list[Phone] = []
    time = 0.0
    for phone in phones:
        start, end = max(phone.start, time), min(phone.end, seconds)
        if end <= start:
            continue
        if start - time > _SNAP or (not result and start > 0):
            result.append(Phone(SILENCE, time, start))
        elif result and start > time:
            result[-1] = replace(result[-1], end=start)
        result.append(replace(phone, start=start, end=end))
        time = end
    if seconds > time:
        result.append(Phone(SILENCE, time, seconds))
    return result
