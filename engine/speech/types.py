"""What the engine knows of a line of dialogue. Times are seconds from the start of the audio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SAMPLE_RATE = 16000  # Hz, what pocketsphinx's model and all published networks hear
PROSODY_HOP = 0.01  # s, the frame of pocketsphinx and Praat
SILENCE = "SIL"
VOWELS = frozenset(["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"])


@dataclass(frozen=True)
class Phone:
    """A phone with its times. ``label`` is ARPAbet without stress digit, or SIL for silence and noise.

    ``stress`` is 1 (primary), 2 (secondary), 0 (unstressed vowel) or -1 (consonant, silence, unknown).
    """

    label: str
    start: float
    end: float
    stress: int = -1

    @property
    def is_vowel(self) -> bool:
        """Whether the phone is a vowel."""
        return self.label in VOWELS


@dataclass(frozen=True)
class Word:
    """A word of the transcript as written (``text``, with its punctuation), its times and its phones.

    ``placed`` is False when the aligner could not find it and its times are interpolated.
    """

    text: str
    start: float
    end: float
    phones: tuple[Phone, ...] = ()
    placed: bool = True

    @property
    def stressed_vowel(self) -> Phone | None:
        """The vowel with primary stress, else the first vowel, else None."""
        vowels = [phone for phone in self.phones if phone.is_vowel]
        stressed = [phone for phone in vowels if phone.stress == 1]
        found = stressed or vowels
        return found[0] if found else None


@dataclass(frozen=True)
class Accent:
    """A pitch accent: time of its peak, prominence 0..1 (percentile within the line), index of its word or -1."""

    time: float
    strength: float
    word: int
    syllable_start: float
    syllable_end: float


@dataclass(frozen=True)
class Phrase:
    """An intonation phrase (between pauses of 0.2 s or more): times and word indices [first, last); may be empty."""

    start: float
    end: float
    first: int
    last: int


@dataclass(frozen=True)
class Pause:
    """A stretch without voice of at least 0.12 s; the ones before the first and after the last word are included."""

    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Prosody:
    """Curves at PROSODY_HOP (value i at time i x hop) and events.

    ``f0`` Hz, 0 where unvoiced; ``energy`` in dB relative to the line's 95th percentile of voiced frames.
    """

    f0: Floats
    energy: Floats
    accents: tuple[Accent, ...]
    phrases: tuple[Phrase, ...]
    pauses: tuple[Pause, ...]


@dataclass(frozen=True, eq=False)
class Speech:
    """A line of dialogue: mono 16 kHz waveform (N,) in -1..1, words, phones (silences included), prosody.

    ``transcribed`` is False when there was no transcript: then ``words`` is empty and phones are decoded roughly.
    ``warnings`` are sentences for the user, ``source`` is the path of the audio file, "" where there is none.
    """

    waveform: Floats
    words: tuple[Word, ...]
    phones: tuple[Phone, ...]
    prosody: Prosody
    transcript: str
    transcribed: bool
    audio_hash: str
    warnings: tuple[str, ...] = ()
    source: str = ""

    @property
    def seconds(self) -> float:
        """Duration of the audio."""
        return len(self.waveform) / SAMPLE_RATE
