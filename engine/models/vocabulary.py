"""The words that a published network knows, by the row of its embedding, and the rows of a line's frames.

A release keeps them as a pickle of an object of its own. Only its tables of words are read, by an unpickler that builds
nothing but plain containers and numbers: a file from somebody else must not run code here.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.checkpoints import CheckpointError, error_text
from engine.speech.types import Speech

# Rows of the table, as the releases have them (docs/sources/semges.md, section 3.2).
PAD, SOS, EOS, UNK = range(4)
SPECIAL = 4
BLANK = " "
TABLE = "word2index"
FILES = ("vocab.json", "vocab.txt", "vocab.pkl")
PUNCTUATION = str.maketrans(dict.fromkeys(",.?!", " "))
OUTER = "\"'`.,;:?!()[]{}<>-\u2013\u2014\u2026\u201c\u201d\u2018\u2019 "

Interval = tuple[float, float, str]


@dataclass(frozen=True)
class Vocabulary:
    """``rows``: word -> row of the embedding; 0 to 3 are padding, start, end and unknown."""

    rows: Mapping[str, int]

    @property
    def size(self) -> int:
        """Rows of the embedding."""
        return 1 + max(self.rows.values(), default=SPECIAL - 1)

    def row(self, word: str) -> int:
        """The row of a word as written, else in lower case, else the one of unknown words."""
        found = self.rows.get(word)
        return self.rows.get(word.lower(), UNK) if found is None else found

    def frames(self, intervals: Sequence[Interval], frames: int, fps: float) -> NDArray[np.int64]:
        """(frames,) the row of the first interval (start, end, mark; both ends inside) at each frame's time; a mark of
        one space is padding, time outside of all is unknown."""
        out = np.full(frames, UNK, np.int64)
        times = np.arange(frames) / fps
        for start, end, mark in reversed(intervals):
            first, last = np.searchsorted(times, start, "left"), np.searchsorted(times, end, "right")
            out[first:last] = PAD if mark == BLANK else self.row(mark)
        return out

    def save(self, path: Path) -> None:
        """Write it as JSON, words in the order of their rows."""
        ordered = dict(sorted(self.rows.items(), key=lambda item: item[1]))
        path.write_text(json.dumps({TABLE: ordered}, ensure_ascii=False, indent=0), encoding="utf-8")


def collected(marks: Iterable[str]) -> Vocabulary:
    """A vocabulary of all marks in order, punctuation as spaces, as the releases collect theirs from TextGrids: the
    empty mark of silence has a row too."""
    rows: dict[str, int] = {}
    for mark in marks:
        for word in mark.translate(PUNCTUATION).split(" "):
            rows.setdefault(word, SPECIAL + len(rows))
    return Vocabulary(rows)


def spoken(speech: Speech, silence: bool = True) -> list[Interval]:
    """The words of a line as a TextGrid would hold them, lower case and without outer punctuation; with ``silence``
    also the empty intervals between them, which the networks were trained with."""
    out: list[Interval] = []
    clock = 0.0
    for word in speech.words:
        if silence and word.start > clock:
            out.append((clock, word.start, ""))
        out.append((word.start, word.end, word.text.strip(OUTER).lower()))
        clock = word.end
    if silence and speech.seconds > clock:
        out.append((clock, speech.seconds, ""))
    return out


def read_vocabulary(folder: Path, source: str) -> Vocabulary:
    """From ``vocab.json`` ({word: row}, {"word2index": ...} or a list), ``vocab.txt`` (a word a line, from row 0 on) or
    the release's ``vocab.pkl``; CheckpointError where there is none or it is something else."""
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise CheckpointError(f"{folder} holds none of {', '.join(FILES)}; choose {source}")
    try:
        if path.suffix == ".txt":
            table: Any = path.read_text(encoding="utf-8").split("\n")
        elif path.suffix == ".json":
            table = json.loads(path.read_text(encoding="utf-8"))
        else:
            table = _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
        rows = _rows(table)
    except Exception as error:  # a pickle that is not one raises whatever its bytes happen to say
        raise CheckpointError(f"{path} can't be read as a vocabulary ({error_text(error)}); choose {source}") from error
    if not rows or min(rows.values()) < 0:
        raise CheckpointError(f"{path} holds no words with their rows; choose {source}")
    return Vocabulary(rows)


def _rows(table: Any) -> dict[str, int]:
    inner = table.state.get(TABLE) if isinstance(table, _Plain) else table
    if isinstance(inner, list):
        return {str(word): row for row, word in reversed(list(enumerate(inner)))}
    if not isinstance(inner, dict):
        raise ValueError(f"it has no {TABLE}")
    inner = inner.get(TABLE, inner)
    return {str(word): int(row) for word, row in dict(inner).items()}


class _Plain:
    """Stands for any object of a pickle: keeps what it is given, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.state = state


class _PlainUnpickler(pickle.Unpickler):
    """Builds containers, texts and numbers; every class and function of the file becomes :class:`_Plain`."""

    def find_class(self, module: str, name: str) -> Any:
        """No name of the file is looked up."""
        del module, name
        return _Plain
