"""Syllables of words and of decoded phones: which phones belong together, and how they are stressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.speech.stress import FUNCTION_WORDS
from engine.speech.types import SILENCE, Phone, Word

_ONSETS = frozenset(
    """P R|P L|P Y|B R|B L|B Y|T R|T W|T Y|D R|D W|D Y|K R|K L|K W|K Y|G R|G L|G W|F R|F L|F Y|TH R|TH W|S P|S T|S K|
    S M|S N|S L|S W|S F|SH R|V Y|M Y|HH Y|S P R|S P L|S T R|S K R|S K W|S P Y|S K Y""".replace("\n", "")
    .replace("    ", "")
    .split("|")
)


@dataclass(frozen=True)
class Syllable:
    """Times of a syllable and of its vowel; ``stress`` of the vowel (1, 2, 0, or -1 unknown); its word or -1.

    ``content`` is False in function words (the, of, you ...) and where no word is known.
    """

    start: float
    end: float
    vowel: Phone
    stress: int
    word: int
    content: bool


def syllables(words: Sequence[Word], phones: Sequence[Phone]) -> list[Syllable]:
    """All syllables in time order: of the words' phones, and of the phones that belong to no word."""
    found: list[Syllable] = []
    spoken: set[Phone] = set()
    for number, word in enumerate(words):
        spoken.update(word.phones)
        spelling = word.text.lower().strip('.,;:!?"()').replace("\u2019", "'")
        found += _split(word.phones, number, spelling not in FUNCTION_WORDS)
    run: list[Phone] = []
    for phone in phones:
        if phone.label != SILENCE and phone.stress == -1 and phone not in spoken:
            run.append(phone)
            continue
        found += _split(run, -1, False)
        run = []
    found += _split(run, -1, False)
    return sorted(found, key=lambda syllable: syllable.start)


def _split(phones: Sequence[Phone], word: int, content: bool) -> list[Syllable]:
    """Syllables of a run of phones by the longest onset that English allows."""
    nuclei = [index for index, phone in enumerate(phones) if phone.is_vowel]
    found = []
    start = 0
    for number, nucleus in enumerate(nuclei):
        if number + 1 < len(nuclei):
            following = nuclei[number + 1]
            onset = following - 1 if following - nucleus > 1 else following
            while onset - 1 > nucleus and " ".join(phone.label for phone in phones[onset - 1 : following]) in _ONSETS:
                onset -= 1
            if phones[onset].label == "NG" and onset < following:
                onset += 1
        else:
            onset = len(phones)
        vowel = phones[nucleus]
        found.append(Syllable(phones[start].start, phones[onset - 1].end, vowel, vowel.stress, word, content))
        start = onset
    return found
