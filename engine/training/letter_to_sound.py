"""Trains the letter-to-sound model: a joint n-gram over letter-and-phones pairs, from pocketsphinx's dictionary.

    python -m engine.training.letter_to_sound [--out assets/speech/letter_to_sound.npz] [--held 0.05]

Every dictionary word is aligned letter by letter with zero to two phones each (hard EM), and an interpolated
Kneser-Ney n-gram is counted over the pairs (Bisani & Ney 2008, "Joint-sequence models", describe the family). The
phone error rate is measured on held-out words with a model that has not seen them; the stored model sees all words.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from engine.speech.letters import END, LetterModel, hash_tokens, pronounce
from engine.speech.lexicon import dictionary
from engine.speech.lexicon import listed as listed_phones

Pair = tuple[str, tuple[str, ...]]
# By eye; the error that they lead to is in assets/speech/README.md.
ORDER = 6  # letter-and-phones pairs of the longest n-gram
DISCOUNT = 0.8  # counts, Kneser-Ney's
MIN_COUNT = {3: 1, 4: 1, 5: 2, 6: 3}  # times that an n-gram of this order must be seen
_CHUNKS = 2  # phones of a letter, at most


def training_words() -> list[tuple[str, tuple[str, ...]]]:
    """Plain words of the dictionary with their first pronunciation; those with far more phones than letters are left
    out (spelled acronyms)."""
    rows = []
    for word, pronunciations in dictionary().items():
        phones = pronunciations[0]
        if word.replace("'", "").isalpha() and word.isascii() and len(word) > 1 and len(phones) <= 1.5 * len(word):
            rows.append((word, phones))
    return rows


def align_pairs(rows: Sequence[tuple[str, tuple[str, ...]]], rounds: int = 5) -> list[list[Pair]]:
    """The rows as sequences of (letter, phones) by hard EM; rows that no path explains are left out."""
    costs: dict[Pair, float] = {}
    aligned: list[list[Pair]] = []
    for turn in range(rounds):
        sample = rows[:: 8 if turn < rounds - 2 else 1]
        aligned = [found for row in sample if (found := _best_path(row, costs))]
        counts = Counter(pair for found in aligned for pair in found)
        letters: Counter[str] = Counter()
        for (letter, _), count in counts.items():
            letters[letter] += count
        costs = {pair: -math.log(count / letters[pair[0]]) for pair, count in counts.items()}
    return aligned


def _best_path(row: tuple[str, tuple[str, ...]], costs: dict[Pair, float]) -> list[Pair] | None:
    word, phones = row
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for index, letter in enumerate(word):
        column: dict[int, tuple[float, int]] = {}
        for at, (cost, _) in best[-1].items():
            for used in range(_CHUNKS + 1):
                if at + used > len(phones):
                    break
                pair = (letter, phones[at : at + used])
                # before the first counts: one phone a letter, near the diagonal
                guess = (0.5, 0.0, 1.5)[used] + 0.2 * abs((at + used) / len(phones) - (index + 1) / len(word))
                total = cost + (costs.get(pair, 12.0) if costs else guess)
                if total < column.get(at + used, (math.inf, 0))[0]:
                    column[at + used] = (total, at)
        best.append(column)
    at = len(phones)
    if at not in best[-1]:
        return None
    path: list[Pair] = []
    for index in range(len(word) - 1, -1, -1):
        start = best[index + 1][at][1]
        path.append((word[index], phones[start:at]))
        at = start
    return path[::-1]


def train(aligned: Iterable[list[Pair]]) -> LetterModel:
    """The pruned Kneser-Ney n-gram of the aligned words."""
    aligned = list(aligned)
    common = Counter(pair for row in aligned for pair in row)
    pairs = [pair for pair, count in common.most_common() if count >= 3]
    index = {pair: number + END + 1 for number, pair in enumerate(pairs)}
    counts: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(ORDER + 1)]
    for row in aligned:
        if all(pair in index for pair in row):
            tokens = (END, *(index[pair] for pair in row), END)
            for end in range(2, len(tokens) + 1):
                gram = tokens[max(0, end - ORDER) : end]
                counts[len(gram)][gram] += 1  # shorter than ORDER only where the word begins
    for order in range(ORDER - 1, 0, -1):  # Kneser-Ney: a shorter n-gram counts the contexts that it follows
        for gram in counts[order + 1]:
            counts[order][gram[1:]] += 1
    return _model(pairs, counts)


def _model(pairs: list[Pair], counts: list[Counter[tuple[int, ...]]]) -> LetterModel:
    probability: dict[tuple[int, ...], float] = {}
    total = sum(counts[1].values())
    for gram, count in counts[1].items():
        probability[gram] = count / total
    backoff: dict[tuple[int, ...], float] = {}
    for order in range(2, ORDER + 1):
        by_context: defaultdict[tuple[int, ...], list[tuple[tuple[int, ...], int]]] = defaultdict(list)
        for gram, count in counts[order].items():
            by_context[gram[:-1]].append((gram, count))
        minimum = MIN_COUNT.get(order, 1)
        for context, followers in by_context.items():
            if order > 2 and context not in probability:
                continue
            whole = sum(count for _, count in followers)
            kept = [(gram, count) for gram, count in followers if count >= minimum and gram[1:] in probability]
            if not kept:
                continue
            freed = 1.0 - sum(count - DISCOUNT for _, count in kept) / whole
            for gram, count in kept:
                probability[gram] = (count - DISCOUNT) / whole + freed * probability[gram[1:]]
            backoff[context] = freed
    grams = sorted(probability, key=hash_tokens)
    log = np.array([math.log(probability[gram]) for gram in grams])
    back = np.array([math.log(backoff.get(gram, 1.0)) for gram in grams])
    return LetterModel(
        letters=tuple(letter for letter, _ in pairs),
        phones=tuple(phones for _, phones in pairs),
        keys=np.array([hash_tokens(gram) for gram in grams], np.uint32),
        log_probability=np.clip(np.round(-log * 16), 0, 255).astype(np.uint8),
        log_backoff=np.clip(np.round(-back * 16), 0, 255).astype(np.uint8),
    )


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Levenshtein distance of two phone sequences."""
    row = list(range(len(second) + 1))
    for number, left in enumerate(first, 1):
        previous, row[0] = row[0], number
        for column, right in enumerate(second, 1):
            previous, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, previous + (left != right))
    return row[-1]


def phone_error_rate(model: LetterModel, rows: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[float, float]:
    """(phone errors per phone, share of words with an error), against the nearest listed pronunciation."""
    errors = phones = wrong = 0
    for word, _ in rows:
        said = pronounce(word, model)
        distance, length = min((edit_distance(said, listed), len(listed)) for listed in listed_phones(word))
        errors, phones, wrong = errors + distance, phones + length, wrong + (distance > 0)
    return errors / max(phones, 1), wrong / max(len(rows), 1)


def is_held(word: str, share: float) -> bool:
    """Whether a word is kept apart; its inflections go with it, so that the figure is not flattered by them."""
    return zlib.crc32(word.replace("'", "")[:5].encode()) % 10_000 < share * 10_000


def main() -> None:
    """Train, measure, store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("assets/speech/letter_to_sound.npz"))
    parser.add_argument("--held", type=float, default=0.05, help="share of words kept apart to measure on")
    options = parser.parse_args()
    rows = training_words()
    aligned = align_pairs(rows)
    print(f"{len(rows)} words, {len(aligned)} aligned")
    held = [row for row in rows if is_held(row[0], options.held)]
    seen = [row for row in aligned if not is_held("".join(letter for letter, _ in row), options.held)]
    phones, words = phone_error_rate(train(seen), held)
    print(f"held-out: {len(held)} words, phone error rate {phones:.3f}, words wrong {words:.3f}")
    model = train(aligned)
    model.save(options.out)
    print(f"{options.out}: {len(model.keys)} n-grams, {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
