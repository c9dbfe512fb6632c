"""Speech with phone times from the synthesiser: Debian's flite where it is installed, else the one committed clip.

``python -m tests.bench.face_speech`` writes the committed clip anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from engine.speech.audio import load_audio
from engine.speech.types import SAMPLE_RATE, SILENCE, Phone
from tests.bench.speech_bench import FLITE_VOICES, SENTENCES, Flite
from tests.places import DATA

KNOWN = DATA / "face_slt.flac"
KNOWN_TEXTS = ("Pepper and pumpkin make a good base for soup,", "but five fresh fish swam very far.")
OURS = {"PAU": SILENCE, "H#": SILENCE, "AX": "AH"}  # flite's names where they differ from ours
RATES = (0.75, 1.0, 1.35)  # of the phones' lengths: fast, plain, slow
PAUSE = 0.55  # s, after each sentence


def phones_of(truth: dict[str, Any]) -> tuple[Phone, ...]:
    """The synthesiser's phones, neighbouring silences as one; their stress is not told."""
    out: list[Phone] = []
    for name, start, end in truth["phones"]:
        label = OURS.get(name.upper(), name.upper())
        if out and label == out[-1].label == SILENCE:
            out[-1] = Phone(SILENCE, out[-1].start, end)
        else:
            out.append(Phone(label, start, end))
    return tuple(out)


def synthesise(folder: Path, clips: int) -> list[Path]:
    """Write that many lines of two sentences as audio with their truth as JSON beside, every voice and rate in turn.

    Without flite on this machine: the committed clip alone.
    """
    try:
        flite = Flite()
    except OSError:
        return [KNOWN]
    texts = _by_lips(SENTENCES)
    written = []
    for number in range(clips):
        pair = [texts[(2 * number + part) % len(texts)] for part in range(2)]
        voice, rate = FLITE_VOICES[number % len(FLITE_VOICES)], RATES[number // len(FLITE_VOICES) % len(RATES)]
        path = folder / f"{voice}_{number:02d}.flac"
        speak(flite, voice, pair, rate, path)
        written.append(path)
    return written


def speak(flite: Flite, voice: str, texts: Sequence[str], rate: float, path: Path) -> None:
    """Write sentences with a pause after each as 16 kHz FLAC, and their truth beside it."""
    pieces: list[np.ndarray] = []
    phones: list[list[Any]] = []
    at, scratch = 0.0, path.with_suffix(".wav")
    for text in texts:
        truth = flite.speak(voice, text, scratch, rate)
        waveform, _ = load_audio(scratch)
        pieces += [waveform, np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)]
        phones += [[name, round(start + at, 4), round(end + at, 4)] for name, start, end in truth["phones"]]
        at = round(sum(map(len, pieces)) / SAMPLE_RATE, 4)
        phones.append(["pau", phones[-1][2], at])
    scratch.unlink()
    joined = np.concatenate(pieces)
    joined *= 0.09 / np.abs(joined).max()  # fewer bits to store; the front end sets its own level
    soundfile.write(path, joined, SAMPLE_RATE, subtype="PCM_16", compression_level=1.0)
    truth_file = {"text": " ".join(texts), "voice": voice, "rate": rate, "phones": phones}
    path.with_suffix(".json").write_text(json.dumps(truth_file) + "\n", encoding="utf-8")


def _by_lips(sentences: Sequence[str]) -> list[str]:
    """Those with the most lip sounds first."""
    return sorted(sentences, key=lambda text: -sum(text.lower().count(letter) for letter in "mbpfv") / len(text))


def truth_of(audio: Path) -> dict[str, Any]:
    """Text, phones, voice and rate of a clip."""
    found: dict[str, Any] = json.loads(audio.with_suffix(".json").read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    speak(Flite(), "slt", KNOWN_TEXTS, 1.0, KNOWN)
