"""Trains the stress model from Festival's lexicon (Debian's festlex-cmu: CMUdict 0.4 with stress, free licence).

    python -m engine.training.word_stress [--lexicon /usr/share/festival/dicts/cmu/cmudict-0.4.out]

The lexicon marks stressed and unstressed syllables (primary and secondary alike). A logistic regression over hashed
features learns them for pocketsphinx's pronunciations of the same words; the words that it gets wrong are stored.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.speech.lexicon import is_word, listed
from engine.speech.stress import BUCKETS, MODEL_FILE, StressModel, stress_features
from engine.speech.types import VOWELS
from engine.training.letter_to_sound import is_held

Row = tuple[str, tuple[str, ...], str]
_EPOCHS = 40  # by eye
_DECAY = 3e-6  # of weights, a step, by eye


def read_lexicon(path: Path) -> list[Row]:
    """(word, pocketsphinx's phones, pattern such as "010") of words with several vowels whose vowel counts agree."""
    rows: dict[str, Row] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        match = re.match(r'\("([a-z\']+)" \S+ \((.*)\)\)', line)
        if not match or match.group(1) in rows or not is_word(match.group(1)):
            continue
        marks = "".join(re.findall(r"\) ([01])\)", match.group(2)))
        phones = listed(match.group(1))[0]
        if len(marks) == sum(phone in VOWELS for phone in phones) > 1 and "1" in marks:
            rows[match.group(1)] = (match.group(1), phones, marks)
    return list(rows.values())


def fit(rows: list[Row]) -> tuple[NDArray[np.int8], float]:
    """Weights of the logistic regression (Adagrad, minibatches), quantised: value = weight x scale."""
    features = np.array([row for word, phones, _ in rows for row in stress_features(word, phones)], np.int64)
    labels = np.array([mark == "1" for _, _, marks in rows for mark in marks], np.float64)
    weights, squares = np.zeros(BUCKETS), np.full(BUCKETS, 1e-2)
    rng = np.random.default_rng(0)
    for _ in range(_EPOCHS):
        for batch in np.array_split(rng.permutation(len(labels)), max(1, len(labels) // 512)):
            rows_used = features[batch]
            error = 1.0 / (1.0 + np.exp(-weights[rows_used].sum(axis=1))) - labels[batch]
            flat = rows_used.ravel()
            gradient = np.bincount(flat, np.repeat(error, rows_used.shape[1]), BUCKETS) + _DECAY * weights * len(batch)
            squares += gradient**2
            weights -= 0.3 * gradient / np.sqrt(squares)
    scale = float(np.abs(weights).max() / 127)
    return np.round(weights / scale).astype(np.int8), scale


def predicted(model: StressModel, word: str, phones: tuple[str, ...]) -> str:
    """The pattern without exceptions."""
    scores = [int(model.weights[list(row)].sum()) for row in stress_features(word, phones)]
    marks = "".join("1" if score > 0 else "0" for score in scores)
    return (
        marks
        if "1" in marks
        else "".join("1" if index == int(np.argmax(scores)) else "0" for index in range(len(scores)))
    )


def main() -> None:
    """Train, measure on held-out word families, store the model of all words and its exceptions."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lexicon", type=Path, default=Path("/usr/share/festival/dicts/cmu/cmudict-0.4.out"))
    options = parser.parse_args()
    rows = read_lexicon(options.lexicon)
    held = [row for row in rows if is_held(row[0], 0.1)]
    model = StressModel(*fit([row for row in rows if not is_held(row[0], 0.1)]), exceptions={})
    right = [predicted(model, word, phones) == marks for word, phones, marks in held]
    single = [ok for ok, row in zip(right, held, strict=True) if row[2].count("1") == 1]
    print(f"{len(rows)} words; held-out {len(held)}: whole pattern right {np.mean(right):.3f}, "
          f"with one stress {np.mean(single):.3f}")  # fmt: skip
    model = StressModel(*fit(rows), exceptions={})
    wrong = {word: marks for word, phones, marks in rows if predicted(model, word, phones) != marks}
    text = "\n".join(f"{word}:{marks}" for word, marks in sorted(wrong.items()))
    np.savez_compressed(
        MODEL_FILE,
        weights=model.weights,
        scale=np.float64(model.scale),
        exceptions=np.frombuffer(text.encode(), np.uint8),
    )
    print(f"{len(wrong)} exceptions; {MODEL_FILE.name} {MODEL_FILE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
