"""Which syllable of an English word is stressed. pocketsphinx's dictionary has no stress marks, so they are predicted:
a small linear model says which vowels are stressed, rules choose the primary one among them, and the dictionary words
that the model gets wrong are listed as exceptions (training: engine/training/word_stress.py)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.speech.types import VOWELS

MODEL_FILE = Path(__file__).resolve().parents[2] / "assets" / "speech" / "word_stress.npz"
BUCKETS = 1 << 15  # features are hashed into, chosen: the size of assets/speech/word_stress.npz
FUNCTION_WORDS = frozenset(
    """a an the and or but nor so as if than that of to in on at by for from with into onto upon about over under
    i me my you your he him his she her it its we us our they them their who whom whose which what
    am is are was were be been being do does did have has had can could will would shall should may might must
    there this these those some any i'm you're he's she's it's we're they're i've you've we've they've i'll you'll
    he'll she'll it'll we'll they'll i'd you'd he'd she'd we'd they'd that's there's who's what's let's
    because while when where until since though although
    'em 'tis til thy thou thee""".split()
)
_SELF_STRESSED = ("ee", "ees", "eer", "eers", "ese", "ette", "ettes", "esque", "self", "selves", "aire", "ique", "oon")
_RETRACTING = ("ary", "aries", "arily", "ory", "ories", "mony", "monies", "ator", "ators", "ative", "atively", "ature")
_VERB_PREFIXES = ("under", "over", "inter", "super", "un", "mis", "re", "dis", "out", "contra", "intro")
_COMPOUND_FIRST = ("every", "any", "some", "no", "news", "grand", "eye", "head", "hand", "home", "house", "book",
                   "fire",
                   "water", "air", "school", "class", "wood", "foot", "back", "down", "sun", "snow", "day", "night",
                   "work", "play", "sea", "land", "door", "bed", "break", "butter", "candle", "copy")  # fmt: skip


@dataclass(frozen=True, eq=False)
class StressModel:
    """``weights`` (BUCKETS,) int8 of hashed features and ``scale``; ``exceptions``: word -> stressed vowels, "010"."""

    weights: NDArray[np.int8]
    scale: float
    exceptions: dict[str, str]


@lru_cache(maxsize=1)
def stress_model() -> StressModel:
    """The stored model."""
    with np.load(MODEL_FILE, allow_pickle=False) as file:
        lines = bytes(file["exceptions"]).decode().split("\n")
        return StressModel(file["weights"], float(file["scale"]), dict(line.split(":") for line in lines if line))


@lru_cache(maxsize=20_000)
def word_stress(word: str, phones: tuple[str, ...], model: StressModel | None = None) -> tuple[int, ...]:
    """Stress of each phone of a spoken (lower-case) word: 1 primary, 2 secondary, 0 unstressed vowel, -1 consonant.

    Function words of one syllable are unstressed; every other word has exactly one primary stress if it has a vowel.
    """
    vowels = [index for index, phone in enumerate(phones) if phone in VOWELS]
    stress = [0 if phone in VOWELS else -1 for phone in phones]
    if not vowels or (len(vowels) == 1 and word in FUNCTION_WORDS):
        return tuple(stress)
    stressed = _stressed_vowels(word, phones, vowels, model or stress_model()) if len(vowels) > 1 else [0]
    primary = primary_stress(word, phones, stressed)
    for number in stressed:
        stress[vowels[number]] = 2
    stress[vowels[primary]] = 1
    return tuple(stress)


def _stressed_vowels(word: str, phones: Sequence[str], vowels: Sequence[int], model: StressModel) -> list[int]:
    listed = model.exceptions.get(word, "")
    if len(listed) == len(vowels):
        return [number for number, mark in enumerate(listed) if mark == "1"]
    scores = [int(model.weights[list(row)].sum()) for row in stress_features(word, phones)]
    return [number for number, score in enumerate(scores) if score > 0] or [int(np.argmax(scores))]


def primary_stress(word: str, phones: Sequence[str], stressed: Sequence[int]) -> int:
    """The number of the vowel with primary stress among the ``stressed`` ones (vowel numbers, at least one)."""
    if len(stressed) == 1:
        return stressed[0]
    vowels = [index for index, phone in enumerate(phones) if phone in VOWELS]
    base = word.removesuffix("'s")
    if base.startswith(_COMPOUND_FIRST) and stressed[0] == 0:
        return 0
    last = stressed[-1]
    tail = tuple(phones[vowels[last] :])
    if last == len(vowels) - 1:
        if base.endswith(_SELF_STRESSED) or base.startswith(_VERB_PREFIXES):
            return last
        return stressed[-2]
    if base.endswith(_RETRACTING) or _is_inflected_verb_end(base, tail):
        return stressed[-2]
    return last


def _is_inflected_verb_end(word: str, tail: tuple[str, ...]) -> bool:
    """Whether the last stressed vowel starts -ated, -izer, -ified ...: secondary after the verb's own stress."""
    if tail[:2] in (("EY", "T"), ("AY", "Z"), ("AY", "D")) or tail[:1] == ("AY",):
        return word.endswith(("ated", "ating", "ator", "ater", "ized", "izing", "izer", "ised", "ising", "iser",
                              "ifying",                              "ifier", "lying"))  # fmt: skip
    return False


def stress_features(word: str, phones: Sequence[str]) -> list[tuple[int, ...]]:
    """For each vowel, the buckets of its hashed features: sounds around it, place in the word, spelling of the ends."""
    vowels = [index for index, phone in enumerate(phones) if phone in VOWELS]
    count = len(vowels)
    spelling = word.removesuffix("'s").replace("'", "")
    rows = []
    for number, index in enumerate(vowels):
        here = phones[index]
        before = phones[vowels[number - 1]] if number else "#"
        after = phones[vowels[number + 1]] if number + 1 < count else "#"
        end = vowels[number + 1] if number + 1 < count else len(phones)
        coda = " ".join(phones[index + 1 : end])
        start = vowels[number - 1] + 1 if number else 0
        onset = " ".join(phones[start:index])
        place = f"{min(number, 4)}/{min(count, 6)}"
        names = [
            "bias",
            place,
            f"{here}",
            f"{here}{place}",
            f"{before}<{here}{number == 0}",
            f"{here}>{after}",
            f"{before}<{here}>{after}{place}",
            f"{here}|{coda}|{count - number}",
            f"{onset}|{here}|{number}",
            f"{onset}|{here}|{coda}",
            f"{len(coda.split())}{len(onset.split())}{place}",
            f"{' '.join(p for p in phones if p in VOWELS)}{number}",
        ]
        names += [f"-{spelling[-size:]}{count - number}" for size in range(1, 7)]
        names += [f"{spelling[:size]}-{number}{count > 2}" for size in range(1, 6)]
        rows.append(tuple(zlib.crc32(name.encode()) % BUCKETS for name in names))
    return rows
