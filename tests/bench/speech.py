"""Speech of a wanted length with its transcript: LJ Speech clips where ../shared is there, else our demo line."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

from tests.places import DEMO, SPEECH, TRANSCRIPT

LJSPEECH = SPEECH / "ljspeech"
GAP_SECONDS = 0.4


def clips() -> list[tuple[Path, str]]:
    """Audio files and their texts."""
    table = LJSPEECH / "transcripts.csv"
    if table.is_file():
        rows = csv.reader(table.read_text(encoding="utf-8").splitlines(), delimiter="|", quoting=csv.QUOTE_NONE)
        return [(LJSPEECH / f"{name}.wav", text) for name, text in rows]
    return [(DEMO, TRANSCRIPT.read_text(encoding="utf-8").replace("\n", " "))]


def make_line(folder: Path, seconds: float) -> tuple[Path, Path]:
    """Write a wav of at least ``seconds``, cut there at a clip's end, and its transcript."""
    pieces: list[np.ndarray] = []
    texts: list[str] = []
    length, rate = 0, 0
    sources = clips()
    index = 0
    while not rate or length < seconds * rate:
        path, text = sources[index % len(sources)]
        samples, rate = soundfile.read(path, dtype="float32")
        pieces += [samples, np.zeros(int(GAP_SECONDS * rate), np.float32)]
        texts.append(text)
        length += len(samples) + len(pieces[-1])
        index += 1
    audio = folder / f"line_{round(seconds)}.wav"
    soundfile.write(audio, np.concatenate(pieces), rate)
    transcript = audio.with_suffix(".txt")
    transcript.write_text("\n".join(texts), encoding="utf-8")
    return audio, transcript
