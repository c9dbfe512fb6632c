"""For the face's tests: made-up speech with its energy and plan; when the lips, or lip and teeth, touch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.face.lips import FUNNEL, LOWER_DOWN, Floats, column, lip_gap, pair
from engine.plan.types import Event, GesturePlan
from engine.speech.types import PROSODY_HOP, SAMPLE_RATE, SILENCE, VOWELS, Phone, Prosody, Speech

ROLL_NEEDED = 0.79  # mouthRollLower that brings the lower lip to the upper teeth behind a nearly closed jaw
ROLL_FREE = 0.06  # the opening up to which that is enough
ROLL_PER_OPENING = 2.0  # more roll for a wider opening
ROLL_GAP = 0.26  # of a whole roll
CLOSED = 1e-3  # a gap at or below this is a closed mouth
TEETH_SHOWN = 0.12  # mouthUpperUp that clears the upper teeth for the lower lip
OPEN = 0.03  # a vowel whose gap stays below this is mis-closed


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


def teeth_gap(curves: Floats) -> NDArray[np.float64]:
    """Distance of the lower lip from the upper teeth (T,); 0 or less is contact.

    The jaw, ``mouthLowerDown`` and ``mouthFunnel`` take the lip away, ``mouthRollLower`` tucks it in: numbers from the
    mannequin's mesh. There is no contact while the upper lip hangs over the teeth: what ``mouthUpperUp`` lacks of 0.12
    counts as gap.
    """
    opening = curves[:, column("jawOpen")].astype(np.float64) + LOWER_DOWN * pair(curves, "mouthLowerDown")
    opening += FUNNEL * curves[:, column("mouthFunnel")]
    needed = ROLL_NEEDED + ROLL_PER_OPENING * np.maximum(opening - ROLL_FREE, 0.0)
    away = ROLL_GAP * (needed - curves[:, column("mouthRollLower")])
    hidden = np.maximum(TEETH_SHOWN - pair(curves, "mouthUpperUp"), 0.0)
    return np.asarray(np.where(hidden > 0.0, np.maximum(away, hidden), away), dtype=np.float64)


def lips_closed(curves: Floats) -> NDArray[np.bool_]:
    """Frames (T,) where the lips touch."""
    return np.asarray(lip_gap(curves) <= CLOSED, dtype=np.bool_)


def lip_on_teeth(curves: Floats) -> NDArray[np.bool_]:
    """Frames (T,) with a labiodental contact."""
    return np.asarray(teeth_gap(curves) <= CLOSED, dtype=np.bool_)
