"""How a line is said: f0, energy, pauses, phrases and pitch accents.

Accents combine what makes a syllable prominent in English: an f0 excursion above its surroundings, loudness, length
against the vowel's usual one, lexical stress, and being the last content word of its phrase (the nuclear accent).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.speech.energy import energy_db, runs, voice_threshold
from engine.speech.syllables import Syllable, syllables
from engine.speech.types import (
    PROSODY_HOP,
    SAMPLE_RATE,
    SILENCE,
    Accent,
    Floats,
    Pause,
    Phone,
    Phrase,
    Prosody,
    Word,
)

Advance = Callable[[float], None]
Doubles = NDArray[np.float64]

# By eye, where no source is named.
PAUSE_SECONDS = 0.12  # from here a silence is a pause
PHRASE_PAUSE_SECONDS = 0.2  # from here it ends a phrase
_QUIET_SECONDS = 0.25  # of quiet that count as a pause although the aligner heard phones there
_CHUNK, _MARGIN = 20.0, 0.2  # s analysed at once, and beyond its ends: Praat's window at 65 Hz is 0.05 s
_FLOOR_HZ, _CEILING_HZ = 65.0, 500.0  # of the first look: speaking voices
_ACCENT_DISTANCE = 0.2  # s from accent to accent
_ACCENT_SCORE = 0.55  # no unit, of the weighted sum below
_ACCENTED_SHARE = 0.7  # of the content words' stressed syllables, at least
# Weights of what makes prominent, each in standard deviations within the line.
_WEIGHTS = {"f0": 0.35, "rise": 0.2, "energy": 0.3, "length": 0.25}
_CONTENT, _NUCLEAR, _FUNCTION, _UNSTRESSED = 0.5, 0.6, 0.7, 1.5  # added or taken off by kind of syllable
_SURROUNDINGS = 0.9  # s either side that a vowel stands out from


def analyse(waveform: Floats, words: Sequence[Word], phones: Sequence[Phone], advance: Advance) -> Prosody:
    """The prosody of a line. ``advance`` hears fractions 0..1 and may raise to stop."""
    seconds = len(waveform) / SAMPLE_RATE
    f0 = pitch(waveform, advance)
    energy = energy_db(waveform)
    threshold = voice_threshold(energy)
    pauses = find_pauses(phones, energy, threshold, seconds)
    phrases = find_phrases(pauses, words, seconds)
    voiced = energy[(f0 > 0) & (energy > threshold)]
    energy = energy - np.float32(np.quantile(voiced if len(voiced) else energy, 0.95))
    accents = find_accents(syllables(words, phones), phrases, f0, energy)
    return Prosody(f0, energy.astype(np.float32), accents, phrases, pauses)


def pitch(waveform: Floats, advance: Advance) -> Floats:
    """f0 in Hz at i x 10 ms, 0 where unvoiced (Praat's autocorrelation), (N // 160 + 1,) float32.

    The range is set from the speaker's own quartiles after a first look at part of the audio.
    """
    count = round(PROSODY_HOP * SAMPLE_RATE)
    f0 = np.zeros(len(waveform) // count + 1, np.float32)
    seconds = len(waveform) / SAMPLE_RATE
    starts = np.arange(0.0, seconds, _CHUNK)
    sample = starts[:: max(1, len(starts) // 3)]
    first = np.concatenate([_pitch_chunk(waveform, start, _FLOOR_HZ, _CEILING_HZ) for start in sample])
    voiced = first[first > 0]
    floor, ceiling = _FLOOR_HZ, _CEILING_HZ
    if len(voiced) > 30:
        low, high = np.quantile(voiced, [0.25, 0.75])
        floor, ceiling = max(_FLOOR_HZ, 0.72 * float(low)), min(600.0, max(1.9 * float(high), 1.5 * float(low)))
    for start in starts:
        advance(float(start) / seconds)
        piece = _pitch_chunk(waveform, start, floor, ceiling)
        at = round(start / PROSODY_HOP)
        f0[at : at + len(piece)] = piece[: len(f0) - at]
    return f0


def _pitch_chunk(waveform: Floats, start: float, floor: float, ceiling: float) -> Floats:
    """f0 at start + i x 10 ms for one chunk."""
    import parselmouth

    low = max(0.0, start - _MARGIN)
    high = min(len(waveform) / SAMPLE_RATE, start + _CHUNK + _MARGIN)
    count = round((min(high, start + _CHUNK) - start) / PROSODY_HOP) + 1
    piece = waveform[round(low * SAMPLE_RATE) : round(high * SAMPLE_RATE)].astype(np.float64)
    if len(piece) < 3.2 * SAMPLE_RATE / floor:
        return np.zeros(count, np.float32)
    sound = parselmouth.Sound(piece, SAMPLE_RATE)
    found = sound.to_pitch_ac(time_step=PROSODY_HOP, pitch_floor=floor, pitch_ceiling=ceiling)
    values = found.selected_array["frequency"]
    index = np.round((start - low + np.arange(count) * PROSODY_HOP - found.x1) / PROSODY_HOP).astype(int)
    inside = (index >= 0) & (index < len(values))
    return np.where(inside, values[np.clip(index, 0, len(values) - 1)], 0.0).astype(np.float32)


def find_pauses(phones: Sequence[Phone], energy: Floats, threshold: float, seconds: float) -> tuple[Pause, ...]:
    """Stretches of 0.12 s or more that are silent by the phones, or quiet for 0.25 s by their energy."""
    silent = np.zeros(len(energy), bool)
    for phone in phones:
        if phone.label == SILENCE:
            silent[round(phone.start / PROSODY_HOP) : round(phone.end / PROSODY_HOP)] = True
    for first, last in runs(energy < threshold):
        if last - first >= _QUIET_SECONDS / PROSODY_HOP:
            silent[first:last] = True
    found = [(first * PROSODY_HOP, min(last * PROSODY_HOP, seconds)) for first, last in runs(silent)]
    return tuple(Pause(start, end) for start, end in found if end - start >= PAUSE_SECONDS - 1e-6)


def find_phrases(pauses: Sequence[Pause], words: Sequence[Word], seconds: float) -> tuple[Phrase, ...]:
    """What lies between pauses of 0.2 s or more, with the words whose middle is inside."""
    borders = [(pause.start, pause.end) for pause in pauses if pause.end - pause.start >= PHRASE_PAUSE_SECONDS - 1e-6]
    edges = [0.0, *(time for border in borders for time in border), seconds]
    middles = np.array([0.5 * (word.start + word.end) for word in words])
    found = []
    for start, end in zip(edges[0::2], edges[1::2], strict=True):
        if end - start < 2 * PROSODY_HOP:
            continue
        first, last = np.searchsorted(middles, [start, end]) if len(middles) else (0, 0)
        found.append(Phrase(start, end, int(first), int(last)))
    return tuple(found)


def find_accents(
    candidates: Sequence[Syllable], phrases: Sequence[Phrase], f0: Floats, energy: Floats
) -> tuple[Accent, ...]:
    """The prominent syllables. Strength is the rank of the score within the line, 0..1."""
    if not candidates:
        return ()
    tones = _semitones(f0)
    scores = _scores(candidates, phrases, tones, energy)
    content = [
        scores[number] for number, syllable in enumerate(candidates) if syllable.content and syllable.stress == 1
    ]
    limit = min(_ACCENT_SCORE, float(np.quantile(content, 1.0 - _ACCENTED_SHARE))) if content else _ACCENT_SCORE
    chosen: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if scores[index] < limit:
            break
        middle = candidates[index].vowel.start
        if all(abs(candidates[other].vowel.start - middle) >= _ACCENT_DISTANCE for other in chosen):
            chosen.append(int(index))
    ranks = {index: 1.0 - place / len(chosen) for place, index in enumerate(chosen)}
    found = []
    for index in sorted(chosen):
        syllable = candidates[index]
        found.append(Accent(_peak(syllable, tones, energy), ranks[index], syllable.word, syllable.start, syllable.end))
    return tuple(found)


def _semitones(f0: Floats) -> Doubles:
    """f0 in semitones over the line's median, NaN where unvoiced."""
    voiced = f0 > 0
    tones = np.full(len(f0), np.nan)
    if voiced.any():
        tones[voiced] = 12.0 * np.log2(f0[voiced] / np.median(f0[voiced]))
    return tones


def _scores(candidates: Sequence[Syllable], phrases: Sequence[Phrase], tones: Doubles, energy: Floats) -> Doubles:
    raw = {name: np.zeros(len(candidates)) for name in _WEIGHTS}
    usual = _usual_lengths(candidates)
    for number, syllable in enumerate(candidates):
        vowel = syllable.vowel
        inner = _slice(vowel.start - 0.01, vowel.end + 0.03, len(energy))
        around = _slice(vowel.start - _SURROUNDINGS, vowel.end + _SURROUNDINGS, len(energy))
        here, there = _voiced(tones[inner]), _voiced(tones[around])
        if len(here) and len(there):
            raw["f0"][number] = here.max() - np.median(there)
            raw["rise"][number] = here.max() - here.min()
        loud = energy[around]
        raw["energy"][number] = energy[inner].max() - np.median(loud[loud > -30.0]) if (loud > -30.0).any() else 0.0
        raw["length"][number] = np.log((vowel.end - vowel.start) / usual[vowel.label])
    total = np.zeros(len(candidates))
    for name, weight in _WEIGHTS.items():
        spread = float(np.std(raw[name])) or 1.0
        total += weight * np.clip((raw[name] - np.median(raw[name])) / spread, -2.0, 2.5)
    for number, syllable in enumerate(candidates):
        if syllable.word >= 0:
            if not syllable.content:
                total[number] -= _FUNCTION
            else:
                total[number] += _CONTENT if syllable.stress == 1 else -_UNSTRESSED
    for number in _nuclear(candidates, phrases):
        total[number] += _NUCLEAR
    return total


def _usual_lengths(candidates: Sequence[Syllable]) -> dict[str, float]:
    """The mean length of each vowel in this line, drawn to the mean of all by what four more examples would weigh."""
    lengths: dict[str, list[float]] = {}
    for syllable in candidates:
        lengths.setdefault(syllable.vowel.label, []).append(max(0.01, syllable.vowel.end - syllable.vowel.start))
    overall = float(np.mean([length for found in lengths.values() for length in found]))
    return {label: (sum(found) + 4 * overall) / (len(found) + 4) for label, found in lengths.items()}


def _nuclear(candidates: Sequence[Syllable], phrases: Sequence[Phrase]) -> list[int]:
    """For each phrase, the last stressed syllable of a content word."""
    found = []
    for phrase in phrases:
        inside = [
            number
            for number, syllable in enumerate(candidates)
            if phrase.first <= syllable.word < phrase.last and syllable.content and syllable.stress == 1
        ]
        if inside:
            found.append(inside[-1])
    return found


def _slice(start: float, end: float, count: int) -> slice:
    first = min(max(0, round(start / PROSODY_HOP)), count - 1)
    return slice(first, max(first + 1, min(count, round(end / PROSODY_HOP))))


def _voiced(tones: Doubles) -> Doubles:
    return tones[~np.isnan(tones)]


def _peak(syllable: Syllable, tones: Doubles, energy: Floats) -> float:
    """The time inside the syllable where f0 and energy together are highest (energy alone where unvoiced)."""
    part = _slice(syllable.vowel.start, syllable.vowel.end, len(energy))
    height = energy[part].astype(np.float64) / 3.0  # 3 dB weigh as much as a semitone
    height = height + np.where(np.isnan(tones[part]), -2.0, np.nan_to_num(tones[part]))
    time = (part.start + int(np.argmax(height))) * PROSODY_HOP
    return float(min(max(time, syllable.start), syllable.end))
