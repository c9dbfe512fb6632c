"""The line of dialogue that a take was made from: its audio and transcript, wherever the shot lies by now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath

import bpy

from ..client.provenance import IDLE, SPEAK, Provenance, TakeMeta
from ..scene import settings_of
from ..speech.transcript import find_transcript
from .apply import META_KEY, parse_meta

LOST = "The take does not say which audio it was made from; choose the audio of the line"


@dataclass(frozen=True)
class Line:
    """The files of a line, None where there is none, and what the character does: "speak", "listen" or "idle"."""

    audio: Path | None
    transcript: Path | None
    role: str = SPEAK


class LineError(Exception):
    """The line's audio is not to be found; ``str(error)`` is one sentence for the user."""


def find_line(scene: bpy.types.Scene, provenance: Provenance) -> Line:
    """Audio and transcript of a take: the scene's, where they have the take's name, else where the take was made.

    A take that does not say where it comes from is of the scene's line. LineError where no file is left.
    """
    settings = settings_of(scene)
    made, role = provenance.audio, provenance.role
    name = _name_of(made)
    chosen = Path(bpy.path.abspath(settings.audio)) if settings.audio else None
    if chosen is not None and _is_it(chosen, name, role) and chosen.is_file():
        named = bpy.path.abspath(settings.transcript) if settings.transcript else ""
        return Line(chosen, find_transcript(chosen, named), role)
    if not name and role == IDLE:
        return Line(None, None, role)
    if not name:
        raise LineError(LOST)
    audio = Path(made)
    if not audio.is_file():
        raise LineError(f"The take's audio {name} is gone; choose it again as Audio")
    transcript = Path(provenance.transcript)
    return Line(audio, transcript if transcript.is_file() else find_transcript(audio, ""), role)


def _is_it(chosen: Path, name: str, role: str) -> bool:
    return chosen.name == name if name else role != IDLE


def is_of_line(scene: bpy.types.Scene, action: bpy.types.Action) -> bool:
    """Whether a take was made from the audio that the scene names now; cheap enough for every redraw."""
    chosen = settings_of(scene).audio
    if not chosen:
        return True
    text = action.get(META_KEY, "")
    made = _audio_name(text) if isinstance(text, str) else ""
    return not made or made == _name_of(chosen)


@lru_cache(maxsize=16)
def _audio_name(text: str) -> str:
    return _name_of(TakeMeta(parse_meta(text)).provenance.audio)


def _name_of(path: str) -> str:
    return PurePath(path.replace("\\", "/")).name
