"""What every part of the planner shares: the line, its tokens, the rules' hits, style, energy, random streams."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from engine.plan.rules import Hit, find_hits
from engine.plan.speakers import Speaker
from engine.plan.tables import Style, Tables, load_tables
from engine.plan.text import Token, TopicBoundary, read_tokens, topic_boundaries
from engine.speech.types import Accent, Speech


@dataclass(frozen=True, eq=False)
class Context:
    """One planning job. ``voice`` is (first, last) second of voice, ``boundaries`` where the topic may shift."""

    speech: Speech
    tables: Tables
    style_name: str
    style: Style
    energy: float
    seed: int
    right_handed: bool
    tokens: tuple[Token, ...]
    hits: tuple[Hit, ...]
    accents: tuple[Accent, ...]
    boundaries: tuple[TopicBoundary, ...]
    voice: tuple[float, float]

    def rng(self, stream: str) -> np.random.Generator:
        """A generator of its own for each part, from a stable hash: adding a blink never moves a gesture."""
        text = f"{self.speech.transcript}\x00{self.speech.audio_hash}\x00{self.seed}\x00{stream}"
        digest = hashlib.sha256(text.encode("utf-8")).digest()
        return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))

    @property
    def speech_seconds(self) -> float:
        """Seconds of speech: first to last voice, of pauses no more than their first second."""
        first, last = self.voice
        idle = sum(
            max(0.0, min(pause.end, last) - max(pause.start, first) - 1.0) for pause in self.speech.prosody.pauses
        )
        return max(0.0, last - first - idle)


def _voice(speech: Speech) -> tuple[float, float]:
    phrases = speech.prosody.phrases
    starts = [phrase.start for phrase in phrases] or [word.start for word in speech.words]
    ends = [phrase.end for phrase in phrases] or [word.end for word in speech.words]
    if not starts:
        return 0.0, 0.0
    return max(0.0, min(starts)), min(speech.seconds, max(ends))


def build_context(speech: Speech, style: str, energy: float, seed: int, speaker: Speaker) -> Context:
    """Read the tables and the line; style and energy are already checked."""
    tables = speaker.tables(load_tables())
    tokens = read_tokens(speech, tables.lexicon) if speech.transcribed else ()
    accents = tuple(sorted(speech.prosody.accents, key=lambda accent: accent.time))
    return Context(
        speech=speech,
        tables=tables,
        style_name=style,
        style=tables.styles[style],
        energy=energy,
        seed=seed,
        right_handed=speaker.handedness == "right",
        tokens=tokens,
        hits=find_hits(tokens, tables),
        accents=accents,
        boundaries=topic_boundaries(speech),
        voice=_voice(speech),
    )
