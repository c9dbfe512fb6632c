"""The speech that the published system hears: the file as librosa loads it, nothing mended."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import AudioError
from engine.speech.librosa_once import librosa
from engine.speech.types import SAMPLE_RATE, Speech


def published_wave(speech: Speech, rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """The line's audio file (N,) at ``rate`` as the releases load it (docs/sources/emage.md, section 4): channels
    averaged, no offset taken off and no peak limited. It is read anew; AudioError where it is gone or another one by
    now. Speech without a file is its waveform."""
    if not speech.source:
        wave = librosa().resample(speech.waveform, orig_sr=SAMPLE_RATE, target_sr=rate)
        return np.asarray(wave, dtype=np.float32)

    path = Path(speech.source)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(f"The audio file {path} can't be read again ({error.strerror}); check the path") from error
    if digest != speech.audio_hash:
        raise AudioError(f"{path.name} has changed since it was heard; generate again")
    wave, _ = librosa().load(path, sr=rate, mono=True, dtype=np.float32)
    return np.asarray(wave, dtype=np.float32)
