"""What SemTalk hears of a line: HuBERT's features and the beat, 30 frames a second.

The release hears with faults that its weights have learned to live with: speech at 22.05 kHz that HuBERT is told to be
at 16 kHz, and an amplitude that covers the line's first fifth of a second only. So there are three ways to hear:
PUBLISHED has every fault, for parity; FITTING keeps those that the published weights were trained on and mends the
others; MENDED has none, for weights that were trained so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.generators.published.feature_cache import FeatureCache
from engine.generators.published.network_audio import published_wave
from engine.models.hubert import FIELD, STRIDE, Hubert, hubert_steps
from engine.models.semtalk_windows import FRAME_RATE
from engine.speech.librosa_once import librosa
from engine.speech.types import SAMPLE_RATE, Speech

Floats = NDArray[np.float32]

SLOWED_RATE = 22050  # Hz, the release's fault (docs/sources/semtalk.md, section 4.1)
MEL_HOP = SAMPLE_RATE // FRAME_RATE
BEAT_HOP, BEAT_FRAME = 512, 1024  # samples (docs/sources/semtalk.md, section 4.2)


@dataclass(frozen=True)
class Hearing:
    """Which of the release's faults stay. ``slowed``: HuBERT hears 22.05 kHz as 16 kHz. ``flat_amplitude``: the
    amplitude's windows advance by a sample instead of a hop. ``drifting``: features are laid on 533 samples a frame,
    first to first and last to last, not on their times. ``silent_unknown``: a frame without a word is an unknown word,
    not the silence of the training."""

    slowed: bool
    flat_amplitude: bool
    drifting: bool
    silent_unknown: bool


PUBLISHED = Hearing(slowed=True, flat_amplitude=True, drifting=True, silent_unknown=True)
FITTING = Hearing(slowed=True, flat_amplitude=True, drifting=False, silent_unknown=False)
MENDED = Hearing(slowed=False, flat_amplitude=False, drifting=False, silent_unknown=False)


def line_frames(samples: int, hearing: Hearing) -> int:
    """Frames of a line of so many samples at 16 kHz."""
    frames = samples * FRAME_RATE // SAMPLE_RATE
    return min(frames, samples // MEL_HOP) if hearing.drifting else frames


def hubert_wave(speech: Speech, hearing: Hearing) -> Floats:
    """The wave (N,) that HuBERT is given; slowed, N is 22 050 a second."""
    return published_wave(speech, SLOWED_RATE) if hearing.slowed else speech.waveform


def on_frames(steps: Floats, frames: int, hearing: Hearing) -> Floats:
    """Features (H, width) -> (frames, width) by straight lines in time."""
    last = len(steps) - 1
    if hearing.drifting:
        place = np.arange(frames) * (last / max(1, frames - 1))
    else:
        rate = SLOWED_RATE if hearing.slowed else SAMPLE_RATE
        place = np.clip((np.arange(frames) / FRAME_RATE * rate - FIELD / 2) / STRIDE, 0, last)
    below = np.minimum(place.astype(np.int64), max(0, last - 1))
    share = (place - below).astype(np.float32)[:, None]
    above = np.minimum(below + 1, last)
    return np.asarray(steps[below] * (1 - share) + steps[above] * share, dtype=np.float32)


def hear(
    speech: Speech,
    load: Callable[[], Hubert],
    weights: str,
    hearing: Hearing,
    cache: FeatureCache,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Floats, Floats]:
    """HuBERT's features (T, width) and beat features (T, 3) of a line. The network is loaded only where the features of
    this audio by these ``weights`` are not known yet."""
    frames = line_frames(len(speech.waveform), hearing)

    def made() -> Floats:
        steps = hubert_steps(load(), hubert_wave(speech, hearing), progress)
        if hearing.drifting:
            return on_frames(steps, len(speech.waveform) // MEL_HOP, hearing)
        return on_frames(steps, frames, hearing)

    key = (
        f"hubert-{speech.audio_hash[:32]}-{weights}-{'s' if hearing.slowed else 'n'}{'d' if hearing.drifting else 't'}"
    )
    wave = published_wave(speech) if hearing.drifting else speech.waveform
    return cache.get(key, made)[:frames], beat_features(wave, hearing)[:frames]


def beat_features(wave: Floats, hearing: Hearing) -> Floats:
    """Amplitude, energy and onsets (T, 3) of a wave (N,) at 16 kHz, T = 30 N / 16000; not normalised."""
    count = -(-len(wave) // BEAT_HOP)
    frames = len(wave) * FRAME_RATE // SAMPLE_RATE
    longer = np.concatenate([wave, np.zeros(BEAT_FRAME + count, np.float32)])
    windows = sliding_window_view(longer, BEAT_FRAME)
    hopped = windows[::BEAT_HOP][:count]
    loud = windows[:count] if hearing.flat_amplitude else hopped
    onsets = np.zeros(count)
    found = librosa().onset.onset_detect(y=wave, sr=SAMPLE_RATE, hop_length=BEAT_HOP, units="frames")
    onsets[found[found < count]] = 1.0
    channels = (np.abs(loud).max(axis=1), (hopped**2).sum(axis=1), onsets)
    places = np.linspace(0, count - 1, frames)
    return np.stack([np.interp(places, np.arange(count), values) for values in channels], axis=-1).astype(np.float32)
