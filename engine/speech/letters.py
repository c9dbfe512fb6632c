"""Letters -> phones for words that no dictionary lists: beam search over a joint n-gram of letter-and-phones pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MODEL_FILE = Path(__file__).resolve().parents[2] / "assets" / "speech" / "letter_to_sound.npz"
END = 0  # no unit: the token before the first and after the last letter
_ORDER = 6  # tokens, as trained (engine/training/letter_to_sound.py)
_BEAM = 8  # hypotheses that are kept, by eye
_STEP = 1 / 16  # no unit, as trained: quantisation of the stored logarithms
# No unit, by eye: what a pair costs that was never seen, a little more than the largest stored logarithm (255 / 16).
_UNSEEN = 16.0


def hash_tokens(tokens: tuple[int, ...]) -> int:
    """A 32-bit FNV-1a style hash of token numbers (stable, unlike Python's)."""
    value = 2166136261
    for token in tokens:
        value = ((value ^ token) * 16777619 + 12345) & 0xFFFFFFFFFFFF
        value ^= value >> 23
    return value & 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class LetterModel:
    """The pairs (token n + 1 is ``letters[n]`` said as ``phones[n]``) and an n-gram over them.

    ``keys`` (N,) uint32 sorted hashes; ``log_probability`` and ``log_backoff`` (N,) uint8, negative logs in 1/16.
    """

    letters: tuple[str, ...]
    phones: tuple[tuple[str, ...], ...]
    keys: NDArray[np.uint32]
    log_probability: NDArray[np.uint8]
    log_backoff: NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write the model as a compressed .npz without pickles."""
        path.parent.mkdir(parents=True, exist_ok=True)
        pairs = np.array(
            [f"{letter} {' '.join(phones)}".strip() for letter, phones in zip(self.letters, self.phones, strict=True)]
        )
        np.savez_compressed(
            path,
            pairs=pairs.astype("S"),
            keys=self.keys,
            log_probability=self.log_probability,
            log_backoff=self.log_backoff,
        )

    def cost(self, tokens: tuple[int, ...]) -> float:
        """Negative log probability of the last token after the others, with backing off."""
        total = 0.0
        while True:
            found = self._find(tokens)
            if found is not None:
                return total + float(self.log_probability[found]) * _STEP
            if len(tokens) == 1:
                return total + _UNSEEN
            context = self._find(tokens[:-1])
            if context is not None:
                total += float(self.log_backoff[context]) * _STEP
            tokens = tokens[1:]

    def _find(self, tokens: tuple[int, ...]) -> int | None:
        key = np.uint32(hash_tokens(tokens))
        index = int(self.keys.searchsorted(key))
        return index if index < len(self.keys) and self.keys[index] == key else None


@lru_cache(maxsize=1)
def letter_model() -> LetterModel:
    """The stored model."""
    with np.load(MODEL_FILE, allow_pickle=False) as file:
        pairs = [pair.decode().split() for pair in file["pairs"]]
        return LetterModel(
            tuple(pair[0] for pair in pairs),
            tuple(tuple(pair[1:]) for pair in pairs),
            file["keys"],
            file["log_probability"],
            file["log_backoff"],
        )


def pronounce(word: str, model: LetterModel | None = None) -> tuple[str, ...]:
    """The likeliest phones of a lower-case word; characters that the model has never seen are passed over."""
    model = model or letter_model()
    choices: dict[str, list[int]] = {}
    for number, letter in enumerate(model.letters):
        choices.setdefault(letter, []).append(number + END + 1)
    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, (END,))]
    for letter in word:
        if letter not in choices:
            continue
        grown = [
            (cost + model.cost((*tokens[-_ORDER + 1 :], token)), (*tokens, token))
            for cost, tokens in beam
            for token in choices[letter]
        ]
        beam = sorted(grown)[:_BEAM]
    _, tokens = min((cost + model.cost((*tokens[-_ORDER + 1 :], END)), tokens) for cost, tokens in beam)
    return tuple(phone for token in tokens if token != END for phone in model.phones[token - END - 1])
