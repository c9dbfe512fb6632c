"""Takes to be measured: a generated one and the real one, cut alike; and the rows that a measurement gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import Motion
from engine.errors import CospeechError
from engine.evaluation.published import AUDIO_HOP, AUDIO_RATE, FPS, MARGIN

Array = NDArray[np.float64]

AUDIO_KINDS = (".wav", ".flac", ".mp3")


@dataclass(frozen=True)
class Row:
    """One figure: ``name``, ``value`` (None where it can't be had), ``unit``, and what is to be known of it."""

    name: str
    value: float | None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Pair:
    """A generated take and the real one, cut to the shorter, at 30 frames a second.

    ``onsets`` (N,) seconds in the speech from frame MARGIN on, None without speech; ``source`` the generated file.
    """

    name: str
    predicted: Motion
    real: Motion
    onsets: Array | None
    source: Path

    @property
    def sides(self) -> tuple[tuple[Motion, str], tuple[Motion, str]]:
        """Both takes, each with what is put behind the name of its rows."""
        return (self.predicted, ""), (self.real, " real")

    @property
    def frames(self) -> int:
        """Frames of either take."""
        return self.real.frames


def as_json(rows: list[Row]) -> dict[str, Any]:
    """Name -> value, unit, note."""
    return {row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in rows}


def table(rows: list[Row]) -> list[str]:
    """Lines to print."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        value = "-" if row.value is None else f"{row.value:.4g}"
        lines.append(f"{row.name:{width}}  {value:>10} {row.unit:6} {row.note}".rstrip())
    return lines


def read_pairs(predicted: Path, real: Path, audio: Path | None) -> list[Pair]:
    """The takes of both folders that belong together; CospeechError where none do."""
    for folder in (predicted, real, *([] if audio is None else [audio])):
        if not folder.is_dir():
            raise CospeechError(f"There is no folder {folder}; give folders of .npz takes, and of their speech")
    pairs = []
    for path in sorted(predicted.glob("*.npz")):
        match = partner(path, real, ".npz")
        if match is None:
            continue
        first, second = (Motion.load(file).resampled(FPS) for file in (path, match))
        frames = min(first.frames, second.frames)
        onsets = None if audio is None else _onsets(audio, match.stem, frames)
        pairs.append(Pair(match.stem, _cut(first, frames), _cut(second, frames), onsets, path))
    if not pairs:
        raise CospeechError(f"No take in {predicted} has a partner of the same name in {real}; check the two folders")
    return pairs


def partner(path: Path, folder: Path, suffix: str) -> Path | None:
    """The file in ``folder`` that belongs to a take: of its name, or without what generators add to theirs."""
    for stem in (path.stem, path.stem.removeprefix("res_").removesuffix("_output")):
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    return None


def _cut(motion: Motion, frames: int) -> Motion:
    shapes = motion.blendshapes
    return replace(
        motion,
        poses=motion.poses[:frames],
        trans=motion.trans[:frames],
        expressions=motion.expressions[:frames],
        blendshapes=None if shapes is None else shapes[:frames],
    )


def _onsets(folder: Path, name: str, frames: int) -> Array | None:
    """Onsets by librosa's detector in the speech between the margins of a take, as published: cut first, then heard."""
    from engine.speech.audio import load_audio
    from engine.speech.librosa_once import librosa

    path = next((found for found in sorted(folder.glob(f"{name}.*")) if found.suffix.lower() in AUDIO_KINDS), None)
    if path is None:
        return None
    wave, _ = load_audio(path)
    first, end = int(MARGIN / FPS * AUDIO_RATE), int((frames - MARGIN) / FPS * AUDIO_RATE)
    between = wave[first : max(first, end)]
    if len(between) < AUDIO_HOP:
        return np.zeros(0)
    found = librosa().onset.onset_detect(y=between, sr=AUDIO_RATE, hop_length=AUDIO_HOP, units="time")
    return np.asarray(found, dtype=np.float64)
