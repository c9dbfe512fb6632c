"""Several gaps of one base, filled one after the other: each bridge stands on the result of the one before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import CospeechError

NEXT_FILE = "next_{}.npz"


def checked_windows(windows: Any) -> list[tuple[int, int]]:
    """The windows (first, end) of a request; CospeechError where they are none."""
    try:
        return [(int(first), int(end)) for first, end in windows]
    except (TypeError, ValueError) as error:
        raise CospeechError("The gaps to bridge are pairs of frames, first and end; give them again") from error


def hints_for(folder: Path, hints: str, number: int, window: tuple[int, int], take: str) -> str:
    """Write the hints for a window, on the base of ``hints`` or of a ``take`` made of it; returns the file's name."""
    from engine.body.motion import Motion
    from engine.hints import load_hints, save_hints

    given = load_hints(folder / hints)
    base = Motion.load(take) if take else given.base
    name = NEXT_FILE.format(number)
    save_hints(folder / name, replace(given, base=replace(base, plan=None), window=window))
    return name
