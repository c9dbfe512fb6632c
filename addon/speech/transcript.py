"""Which transcript goes with an audio file. No bpy."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".TextGrid", ".srt", ".txt")


def find_transcript(audio: Path, chosen: str) -> Path | None:
    """The chosen file, else the transcript of the same name beside the audio, else None."""
    if chosen:
        return Path(chosen)
    beside = (audio.with_suffix(suffix) for suffix in SUFFIXES)
    return next((path for path in beside if path.is_file()), None)
