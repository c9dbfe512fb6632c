"""Pronunciations: pocketsphinx's bundled CMUdict, then inflections and compounds of its words, then letter to sound."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

from engine.speech.letters import pronounce
from engine.speech.stress import word_stress
from engine.speech.types import VOWELS

Pronunciation = tuple[str, ...]
_MAX_PRONUNCIATIONS = 4  # of a word, by eye: each makes the search larger
_VOICELESS = frozenset(["P", "T", "K", "F", "TH"])
LONGEST_WORD = 64  # letters, by eye; what is longer is no word, and the rest of it is not said
_SIBILANTS = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
_SUFFIXES: dict[str, Pronunciation] = {
    "ing": ("IH", "NG"), "in'": ("IH", "N"), "er": ("ER",), "ers": ("ER", "Z"), "est": ("AH", "S", "T"),
    "ly": ("L", "IY"),
    "ness": ("N", "AH", "S"), "less": ("L", "AH", "S"), "ful": ("F", "AH", "L"), "able": ("AH", "B", "AH", "L"),
    "ish": ("IH", "SH"), "ment": ("M", "AH", "N", "T"), "like": ("L", "AY", "K"), "ward": ("W", "ER", "D"),
    "wise": ("W", "AY", "Z"), "'ll": ("AH", "L"), "'ve": ("AH", "V"), "eth": ("AH", "TH"), "y": ("IY",), "th": ("TH",),
}  # fmt: skip
_PREFIXES: dict[str, Pronunciation] = {
    "un": ("AH", "N"), "re": ("R", "IY"), "non": ("N", "AA", "N"), "pre": ("P", "R", "IY"), "dis": ("D", "IH", "S"),
    "mis": ("M", "IH", "S"), "over": ("OW", "V", "ER"), "under": ("AH", "N", "D", "ER"), "anti": ("AE", "N", "T", "IY"),
    "super": ("S", "UW", "P", "ER"), "out": ("AW", "T"), "micro": ("M", "AY", "K", "R", "OW"),
    "semi": ("S", "EH", "M", "IY"),
}  # fmt: skip


@lru_cache(maxsize=1)
def _lines() -> list[str]:
    """The dictionary's 135 000 lines, ``word phones`` or ``word(2) phones``, sorted; taken apart when asked for."""
    return sorted(dictionary_file().read_text(encoding="utf-8").splitlines())


def _entry(word: str) -> str | None:
    """The phones of a word as they are written, or None."""
    start = f"{word} "
    place = bisect_left(_lines(), start)
    found = place < len(_lines()) and _lines()[place].startswith(start)
    return _lines()[place][len(start) :] if found else None


def is_word(word: str) -> bool:
    """Whether the dictionary lists a word (lower case)."""
    return _entry(word) is not None


@lru_cache(maxsize=50_000)
def listed(word: str) -> tuple[Pronunciation, ...]:
    """The dictionary's pronunciations of a word (lower case), the usual one first; none when it is not there."""
    found = []
    entry = _entry(word)
    while entry is not None:
        found.append(tuple(entry.split()))
        entry = _entry(f"{word}({len(found) + 1})")
    return tuple(found)


def dictionary() -> dict[str, tuple[Pronunciation, ...]]:
    """Every word of pocketsphinx's dictionary, in alphabetical order, with its pronunciations (for training)."""
    words = (line.partition(" ")[0] for line in _lines() if " " in line)
    return {word: listed(word) for word in words if not word.endswith(")")}


def dictionary_file() -> Path:
    """pocketsphinx's CMUdict."""
    import pocketsphinx

    return Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))


@lru_cache(maxsize=20_000)
def pronunciations(word: str) -> tuple[Pronunciation, ...]:
    """The pronunciations of a spoken word (lower case letters and apostrophes), at least one, the likeliest first."""
    word = word[:LONGEST_WORD]
    found = listed(word) or listed(word.replace("'", "")) or derived(word)
    if found:
        return found[:_MAX_PRONUNCIATIONS]
    letters = re.sub(r"[^a-z']", "", word)
    return (pronounce(letters) or ("AH",),)


def stresses(word: str, phones: Pronunciation) -> tuple[int, ...]:
    """Stress of each phone: 1 primary, 2 secondary, 0 unstressed vowel, -1 consonant."""
    return word_stress(word, phones)


def derived(word: str, depth: int = 2) -> tuple[Pronunciation, ...]:
    """Pronunciations of an inflection, derivation or compound of dictionary words; none when it is not one."""
    if depth == 0 or len(word) < 4:
        return ()
    for rule in (_inflected, _suffixed, _prefixed, _compound):
        found = rule(word, depth)
        if found:
            return found
    return ()


def _bases(stem: str, vowel_suffix: bool) -> list[str]:
    """The spellings that a stem may have had: bake-d, stop(p)-ed, hurri-ed."""
    found = [stem]
    if vowel_suffix:
        short = re.search(r"(?:^|[^aeiou])[aeiou][^aeiouwxy]$", stem)  # else its consonant would have doubled
        found.insert(0 if short else 1, stem + "e")
        if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeiouy":
            found.append(stem[:-1])
    if stem.endswith("i"):
        found.insert(0, stem[:-1] + "y")
    return found


def _known(bases: list[str], depth: int) -> tuple[Pronunciation, ...]:
    for base in bases:
        if len(base) > 2 and is_word(base):
            return listed(base)
    for base in bases:
        found = derived(base, depth - 1) if len(base) > 4 else ()
        if found:
            return found
    return ()


def _inflected(word: str, depth: int) -> tuple[Pronunciation, ...]:
    """-s, -'s, -ed, -'d, -'st: their sound follows the last phone."""
    for ending in ("'s", "s'", "s", "es"):
        if word.endswith(ending) and not word.endswith(("ss", "ness", "less")):
            known = _known(_bases(word.removesuffix(ending), ending == "es"), depth)
            if known:
                return tuple((*phones, *_plural(phones[-1])) for phones in known)
    for ending in ("'d", "ed"):
        if word.endswith(ending):
            known = _known(_bases(word.removesuffix(ending), vowel_suffix=True), depth)
            if known:
                return tuple((*phones, *_past(phones[-1])) for phones in known)
    if word.endswith("'st"):
        return tuple(
            (*phones, "S", "T") for phones in _known(_bases(word.removesuffix("'st"), vowel_suffix=True), depth)
        )
    return ()


def _plural(last: str) -> Pronunciation:
    if last in _SIBILANTS:
        return ("IH", "Z")
    return ("S",) if last in _VOICELESS else ("Z",)


def _past(last: str) -> Pronunciation:
    if last in ("T", "D"):
        return ("IH", "D")
    return ("T",) if last in _VOICELESS or last in ("S", "SH", "CH") else ("D",)


def _suffixed(word: str, depth: int) -> tuple[Pronunciation, ...]:
    for ending, sounds in sorted(_SUFFIXES.items(), key=lambda entry: -len(entry[0])):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            known = _known(_bases(word.removesuffix(ending), ending[0] in "aeiy"), depth)
            if known:
                return tuple((*phones, *sounds) for phones in known)
    return ()


def _prefixed(word: str, _depth: int) -> tuple[Pronunciation, ...]:
    for start, sounds in _PREFIXES.items():
        rest = word.removeprefix(start)
        if rest != word and len(rest) > 3 and is_word(rest):
            return tuple((*sounds, *phones) for phones in listed(rest))
    return ()


def _compound(word: str, _depth: int) -> tuple[Pronunciation, ...]:
    """wood|cutters: the most even split into two dictionary words of three letters or more."""
    splits = [at for at in range(3, len(word) - 2) if is_word(word[:at]) and is_word(word[at:])]
    if not splits:
        splits = [at for at in range(3, len(word) - 3) if is_word(word[:at]) and derived(word[at:], 1)]
    if not splits:
        return ()
    at = min(splits, key=lambda at: abs(at - len(word) / 2))
    second = listed(word[at:]) or derived(word[at:], 1)
    if not any(phone in VOWELS for phone in second[0]):
        return ()
    return ((*listed(word[:at])[0], *second[0]),)
