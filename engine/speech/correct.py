"""Word times corrected by hand: the words meant move with their phones, everything else stays where it was heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.errors import TranscriptError
from engine.speech.types import SILENCE, Phone, Speech, Word

SHORTEST_WORD = 0.03  # s, three frames of the aligner
GAP = 0.001  # s, by eye: a smaller gap is rounding


def corrected(speech: Speech, times: Mapping[int, tuple[float, float]]) -> Speech:
    """The line with words ``index -> (start, end)`` seconds where the user put them.

    Their phones are stretched with them; neighbours that would overlap give way down to 30 ms, and then are pushed on.
    Nothing is heard again, so no other word moves by a millisecond. Accents are found anew, since syllables moved.
    TranscriptError says which time can't be.
    """
    if not times:
        return speech
    if not speech.words:
        raise TranscriptError("Word times need a transcript; add the transcript or leave the times out")
    words = list(speech.words)
    for index, (start, end) in sorted(times.items()):
        if not 0 <= index < len(words):
            raise TranscriptError(
                f"Word times are given for word {index}, but the transcript has words 0 to {len(words) - 1}"
            )
        if not (0.0 <= start < end <= speech.seconds + 0.5) or start >= speech.seconds:
            raise TranscriptError(
                f'Word {index} ("{words[index].text}") is given the times {start:.2f}-{end:.2f} s, which are not '
                f"inside the audio (0-{speech.seconds:.2f} s); correct them"
            )
        words[index] = moved(words[index], float(start), float(min(end, speech.seconds)))
    for index in sorted(times):
        _make_room(words, index, times, speech.seconds)
    phones = _line_of(words, speech.seconds)
    from engine.speech.prosody import analyse

    prosody = analyse(speech.waveform, words, phones, lambda _: None)
    return replace(speech, words=tuple(words), phones=phones, prosody=prosody)


def moved(word: Word, start: float, end: float) -> Word:
    """The word at other times, its phones stretched with it."""
    scale = (end - start) / max(word.end - word.start, 1e-6)
    phones = tuple(
        replace(phone, start=start + (phone.start - word.start) * scale, end=start + (phone.end - word.start) * scale)
        for phone in word.phones
    )
    return replace(word, start=start, end=end, phones=phones, placed=True)


def _make_room(words: list[Word], index: int, given: Mapping[int, tuple[float, float]], seconds: float) -> None:
    """Shorten the neighbours that overlap a corrected word, and push those on whose 30 ms have no room any more."""
    edge = words[index].start
    for other in range(index - 1, -1, -1):
        if words[other].end <= edge:
            break
        start = min(words[other].start, edge - SHORTEST_WORD)
        _check_room(words, index, other, given, start >= 0.0)
        words[other] = moved(words[other], start, edge)
        edge = start
    edge = words[index].end
    for other in range(index + 1, len(words)):
        if words[other].start >= edge:
            break
        end = max(words[other].end, edge + SHORTEST_WORD)
        _check_room(words, index, other, given, end <= seconds)
        words[other] = moved(words[other], edge, end)
        edge = end


def _check_room(
    words: list[Word], index: int, other: int, given: Mapping[int, tuple[float, float]], fits: bool
) -> None:
    if fits and other not in given:
        return
    word = words[index]
    raise TranscriptError(
        f'Word {index} ("{word.text}") at {word.start:.2f}-{word.end:.2f} s leaves no room for '
        f'"{words[other].text}"; correct that one too'
    )


def _line_of(words: list[Word], seconds: float) -> tuple[Phone, ...]:
    """The phones of all words in a row, silence between them."""
    out: list[Phone] = []
    clock = 0.0
    for word in words:
        for phone in word.phones:
            if phone.start - clock > GAP:
                out.append(Phone(SILENCE, clock, phone.start))
            out.append(phone)
            clock = phone.end
    if seconds - clock > GAP:
        out.append(Phone(SILENCE, clock, seconds))
    return tuple(out)
