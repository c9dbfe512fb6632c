"""Made-up speech for the face's tests: phones with times, an energy curve that follows them, a plan."""

from __future__ import annotations

import numpy as np

from engine.plan.types import Event, GesturePlan
from engine.speech.types import PROSODY_HOP, SAMPLE_RATE, SILENCE, VOWELS, Phone, Prosody, Speech


def phones_of(entries: list[tuple[str, float]], start: float = 0.3) -> tuple[Phone, ...]:
    """Phones in a row from (label, seconds), primary stress on every vowel, silence before and after."""
    out, cursor = [Phone(SILENCE, 0.0, start)], start
    for label, length in entries:
        out.append(Phone(label, cursor, cursor + length, 1 if label in VOWELS else -1))
        cursor += length
    out.append(Phone(SILENCE, cursor, cursor + 0.6))
    return tuple(out)


def speech_of(phones: tuple[Phone, ...], transcribed: bool = True, seconds: float | None = None) -> Speech:
    """Speech around phones: loud vowels, softer consonants, silence at -50 dB."""
    length = seconds or phones[-1].end
    at = np.arange(round(length / PROSODY_HOP) + 1) * PROSODY_HOP
    energy = np.full(len(at), -50.0, np.float32)
    f0 = np.zeros(len(at), np.float32)
    for phone in phones:
        inside = (at >= phone.start) & (at < phone.end)
        energy[inside] = -50.0 if phone.label == SILENCE else -4.0 if phone.is_vowel else -15.0
        f0[inside] = 140.0 if phone.is_vowel else 0.0
    return Speech(
        waveform=np.zeros(round(length * SAMPLE_RATE), np.float32),
        words=(),
        phones=phones,
        prosody=Prosody(f0, energy, (), (), ()),
        transcript="",
        transcribed=transcribed,
        audio_hash="",
    )


def plan_of(seconds: float, style: str = "explain", **groups: tuple[Event, ...]) -> GesturePlan:
    """A plan with nothing but the given groups of events."""
    return GesturePlan(seconds, style, 1, 1.0, (), **groups)


def frames(seconds: float, fps: float, phase: float = 0.0) -> np.ndarray:
    """Frame times of a clip, the first one ``phase`` frames late."""
    return (np.arange(max(1, round(seconds * fps))) + phase) / fps
