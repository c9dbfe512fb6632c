"""What is said and meant in a take of BEAT2: words from TextGrids, semantic scores from label files.

``textgrid/<id>.TextGrid`` holds the words in its first tier, silence as empty intervals; ``sem/<id>.txt`` a line for
each stretch: name, start, end, duration, score, separated by tabs (docs/sources/semtalk.md, sections 4.3 and 4.6,
docs/sources/semges.md, section 3).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import CospeechError
from engine.models.vocabulary import Interval
from engine.training.beat2 import FPS

TEXTGRIDS, LABELS = "textgrid", "sem"


def word_intervals(folder: Path, name: str) -> list[Interval]:
    """(start, end, mark) of a take's first tier, silences too; CospeechError where the file is missing or unfit."""
    from praatio import textgrid

    path = folder / TEXTGRIDS / f"{name}.TextGrid"
    if not path.is_file():
        raise CospeechError(f"{path} is missing; words of BEAT2 lie in its folder {TEXTGRIDS}, get it too")
    try:
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="silence")
        tier = grid.tiers[0]
        return [(float(entry.start), float(entry.end), str(entry.label)) for entry in tier.entries]
    except Exception as error:  # praatio raises whatever its parsing trips over
        raise CospeechError(f"{path} can't be read as a TextGrid; get this take of BEAT2 again") from error


def semantic_scores(folder: Path, name: str, frames: int) -> NDArray[np.float32]:
    """(frames,) the score 0..1 of the first stretch at each frame's time; 0 outside of all."""
    return label_scores(folder / LABELS / f"{name}.txt", frames)


def label_scores(path: Path, frames: int) -> NDArray[np.float32]:
    """The same from a label file; a frame on a stretch's end belongs to it."""
    out = np.zeros(frames, np.float32)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise CospeechError(f"{path} can't be opened ({error.strerror}); semantic labels of BEAT2 lie there") from error
    times = np.arange(frames) / FPS
    for line in reversed(lines):
        cells = line.split("\t")
        try:
            start, end, score = float(cells[1]), float(cells[2]), float(cells[4])
        except (IndexError, ValueError):
            continue  # a heading
        out[(times >= start) & (times <= end)] = score
    return out
