"""The words of a line as the rules see them: normal forms, lemmas, sentences, clauses, stressed syllables, accents."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

import numpy as np

from engine.plan.tables import Lexicon
from engine.speech.types import PROSODY_HOP, Accent, Phone, Speech, Word

# By eye, where no source is named.
CLAUSE_PAUSE = 0.15  # s of silence that end a clause without a comma
SENTENCE_PAUSE = 0.6  # s that end a sentence of a transcript without full stops
TOPIC_PAUSE = 0.6  # s before a new topic (docs/sources/semantics.md, section 12)
TOPIC_SPACING = 20.0  # s from new topic to new topic
_EDGE = re.compile(r"^[^\w']+|[^\w']+$")
_CLOSERS = "\"'”’)]"


@dataclass(frozen=True)
class Token:
    """A word with what the rules ask of it. Times in seconds; ``strength`` is the prominence of its accent, 0..1.

    ``stress_onset`` is the start of its stressed syllable, ``peak`` the accent's peak (or the loudest moment of the
    stressed vowel), ``accented`` whether an accent was found on it, ``phrase`` its intonation phrase or -1.
    """

    index: int
    raw: str
    norm: str
    lemmas: frozenset[str]
    start: float
    end: float
    stress_onset: float
    stress_end: float
    peak: float
    strength: float
    accented: bool
    content: bool
    sentence: int
    sentence_position: int
    clause_start: bool
    clause_end: bool
    question: bool
    phrase: int
    phrase_end: float
    rheme: bool


@dataclass(frozen=True)
class TopicBoundary:
    """A pause at which the topic may shift: seconds, and whether the transcript has a paragraph there."""

    start: float
    end: float
    paragraph: bool


def normalise(text: str) -> str:
    """Lower case, typographic quotes made plain, outer punctuation removed."""
    plain = text.lower().replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    return _EDGE.sub("", plain).strip("'")


def lemmas(norm: str, lexicon: Lexicon) -> frozenset[str]:
    """The word itself and what it may be an inflection of (generous: a trigger list decides)."""
    found = {norm}
    if norm in lexicon.irregular:
        found.add(lexicon.irregular[norm])
    base = norm[:-2] if norm.endswith("'s") else norm
    found.add(base)
    for ending, instead in (("ies", ("y",)), ("es", ("", "e")), ("s", ("",)), ("ied", ("y",)), ("ed", ("", "e"))):
        if base.endswith(ending) and len(base) - len(ending) >= 2:
            found.update(base[: -len(ending)] + tail for tail in instead)
    for ending in ("ing", "ed"):
        stem = base[: -len(ending)]
        if base.endswith(ending) and len(stem) >= 2:
            found.update((stem, stem + "e"))
            if len(stem) >= 3 and stem[-1] == stem[-2]:
                found.add(stem[:-1])
    return frozenset(found)


def _stressed_syllable(word: Word) -> tuple[float, float]:
    """Start and end of the stressed syllable: its vowel, at most two consonants before it, the rest to the next one."""
    vowel = word.stressed_vowel
    if vowel is None:
        return word.start, word.end
    phones = [phone for phone in word.phones if phone.label != "SIL"]
    at = phones.index(vowel)
    first = at
    while first > 0 and at - first < 2 and not phones[first - 1].is_vowel:
        first -= 1
    if all(not phone.is_vowel for phone in phones[:at]):
        first = 0
    last = _coda_end(phones, at)
    return phones[first].start, last


def _coda_end(phones: list[Phone], at: int) -> float:
    following = [index for index in range(at + 1, len(phones)) if phones[index].is_vowel]
    if not following:
        return phones[-1].end
    return phones[max(at, following[0] - 2)].end


def _loudest(speech: Speech, start: float, end: float) -> float:
    energy = speech.prosody.energy
    first = min(max(0, int(start / PROSODY_HOP)), max(0, len(energy) - 1))
    last = min(len(energy), max(first + 1, int(np.ceil(end / PROSODY_HOP))))
    if last <= first:
        return 0.5 * (start + end)
    return (first + int(np.argmax(energy[first:last]))) * PROSODY_HOP


def _best_accents(speech: Speech) -> dict[int, Accent]:
    best: dict[int, Accent] = {}
    for accent in speech.prosody.accents:
        if accent.word >= 0 and (accent.word not in best or accent.strength > best[accent.word].strength):
            best[accent.word] = accent
    return best


def _ends_with(raw: str, marks: str) -> bool:
    text = raw.rstrip(_CLOSERS)
    return bool(text) and text[-1] in marks


def _sentences(speech: Speech) -> list[int]:
    """Sentence number of every word: split at . ! ? and, where the transcript has none, at long pauses."""
    words = speech.words
    punctuated = sum(_ends_with(word.text, ".!?…") for word in words) * 40 >= len(words)
    numbers: list[int] = []
    current = 0
    for index, word in enumerate(words):
        numbers.append(current)
        gap = words[index + 1].start - word.end if index + 1 < len(words) else 0.0
        if _ends_with(word.text, ".!?…") or (not punctuated and gap >= SENTENCE_PAUSE):
            current += 1
    return numbers


def read_tokens(speech: Speech, lexicon: Lexicon) -> tuple[Token, ...]:
    """The words of ``speech`` for the rules; empty without a transcript."""
    words, accents, sentences = speech.words, _best_accents(speech), _sentences(speech)
    asks = {sentences[i] for i, word in enumerate(words) if _ends_with(word.text, "?")}
    phrase_starts = [phrase.start for phrase in speech.prosody.phrases]
    tokens: list[Token] = []
    for index, word in enumerate(words):
        gap_before = word.start - words[index - 1].end if index else 1.0
        gap_after = words[index + 1].start - word.end if index + 1 < len(words) else 1.0
        begins = index == 0 or _ends_with(words[index - 1].text, ".!?…,;:—-") or gap_before >= CLAUSE_PAUSE
        ends = _ends_with(word.text, ".!?…,;:—-") or gap_after >= CLAUSE_PAUSE
        new_sentence = index == 0 or sentences[index] != sentences[index - 1]
        position = 0 if new_sentence else tokens[-1].sentence_position + 1
        norm = normalise(word.text)
        onset, end, peak, strength = _prominence(speech, word, accents.get(index))
        phrase = bisect.bisect_right(phrase_starts, word.start + 0.02) - 1
        span = speech.prosody.phrases[phrase] if phrase >= 0 else None
        late = span is None or word.start - span.start >= 0.4 * (span.end - span.start)
        tokens.append(
            Token(
                index=index,
                raw=word.text,
                norm=norm,
                lemmas=lemmas(norm, lexicon),
                start=word.start,
                end=word.end,
                stress_onset=onset,
                stress_end=end,
                peak=peak,
                strength=strength,
                accented=index in accents,
                content=bool(norm) and norm not in lexicon.stop_words,
                sentence=sentences[index],
                sentence_position=position,
                clause_start=begins,
                clause_end=ends,
                question=sentences[index] in asks,
                phrase=phrase,
                phrase_end=max(word.end, span.end) if span is not None else word.end,
                rheme=late,
            )
        )
    return tuple(tokens)


def _prominence(speech: Speech, word: Word, accent: Accent | None) -> tuple[float, float, float, float]:
    """Stressed syllable's start and end, peak, strength; an accent outside the stressed syllable keeps its own."""
    onset, end = _stressed_syllable(word)
    if accent is not None:
        if onset - 0.05 <= accent.time <= end + 0.12:
            return onset, end, accent.time, accent.strength
        return accent.syllable_start, accent.syllable_end, accent.time, accent.strength
    vowel = word.stressed_vowel
    peak = _loudest(speech, vowel.start, vowel.end) if vowel is not None else _loudest(speech, onset, end)
    return onset, end, peak, 0.0


def _paragraph_starts(speech: Speech) -> set[int]:
    """Indices of words that begin a paragraph (after a blank line), where transcript and words agree in number."""
    blocks = [block.split() for block in re.split(r"\n\s*\n", speech.transcript)]
    if sum(map(len, blocks)) != len(speech.words):
        return set()
    starts: set[int] = set()
    count = 0
    for block in blocks[:-1]:
        count += len(block)
        starts.add(count)
    return starts


def topic_boundaries(speech: Speech) -> tuple[TopicBoundary, ...]:
    """Where the topic may shift: paragraphs, then the longest pauses (0.6 s or more) at sentence ends, 20 s apart.

    Without a transcript every long pause counts as a sentence end. In order of time.
    """
    words, paragraphs = speech.words, _paragraph_starts(speech)
    ends = [word.end for word in words]
    found: list[TopicBoundary] = []
    for pause in speech.prosody.pauses:
        inside = pause.start > 0.3 and pause.end < speech.seconds - 0.3
        if not inside or pause.end - pause.start < 0.3:
            continue
        after = bisect.bisect_right(ends, pause.start + 0.1)
        paragraph = after in paragraphs
        closes = after == 0 or not words or _ends_with(words[min(after, len(words)) - 1].text, ".!?…:")
        if paragraph or (closes and pause.end - pause.start >= TOPIC_PAUSE):
            found.append(TopicBoundary(pause.start, pause.end, paragraph))
    kept: list[TopicBoundary] = []
    times: list[float] = []
    for boundary in sorted(found, key=lambda entry: (not entry.paragraph, entry.start - entry.end)):
        at = bisect.bisect_left(times, boundary.start)
        near = times[max(0, at - 1) : at + 1]
        if all(abs(boundary.start - time) >= TOPIC_SPACING for time in near):
            times.insert(at, boundary.start)
            kept.append(boundary)
    return tuple(sorted(kept, key=lambda entry: entry.start))
