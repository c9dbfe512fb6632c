"""load_audio: formats, rates, channels, and a sentence for everything that can't be used."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioError
from engine.speech.audio import load_audio


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def frequency(waveform: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum) * 16000 / len(waveform))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, np.stack([tone(1.0, rate)] * channels, axis=1), rate)
    waveform, digest = load_audio(file)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - 16000) <= 1
    assert abs(frequency(waveform) - 440.0) < 2.0
    assert 0.28 < np.abs(waveform[2000:-2000]).max() < 0.32
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("flac", "PCM_24"), ("ogg", "VORBIS"), ("wav", "FLOAT"), ("wav", "PCM_U8"), ("mp3", "MPEG_LAYER_III")],
)
def test_formats(tmp_path: Path, suffix: str, subtype: str) -> None:
    file = tmp_path / f"a.{suffix}"
    soundfile.write(file, tone(1.0, 44100), 44100, subtype=subtype)
    waveform, _ = load_audio(file)
    assert abs(len(waveform) - 16000) < 1200  # mp3 pads
    assert abs(frequency(waveform[2000:14000]) - 440.0) < 2.0


def test_mp3_named_wav(tmp_path: Path) -> None:
    mp3, wav = tmp_path / "a.mp3", tmp_path / "a.wav"
    soundfile.write(mp3, tone(1.0, 44100), 44100)
    wav.write_bytes(mp3.read_bytes())
    waveform, _ = load_audio(wav)
    assert abs(frequency(waveform[2000:14000]) - 440.0) < 2.0


def test_blocks_join_without_a_seam(tmp_path: Path) -> None:
    """20 s are several blocks; the resampled tone stays a tone across their borders."""
    file = tmp_path / "long.wav"
    soundfile.write(file, tone(20.0, 44100), 44100)
    waveform, _ = load_audio(file)
    ideal = tone(20.0, 16000)
    count = min(len(ideal), len(waveform)) - 400
    assert np.abs(waveform[400:count] - ideal[400:count]).max() < 2e-3


def test_opposite_phase_is_not_silence(tmp_path: Path) -> None:
    file = tmp_path / "phase.wav"
    soundfile.write(file, np.stack([tone(1.0, 16000), -tone(1.0, 16000)], axis=1), 16000)
    assert np.abs(load_audio(file)[0]).max() > 0.2


def test_too_loud_floats_and_offset_are_mended(tmp_path: Path) -> None:
    file = tmp_path / "hot.wav"
    soundfile.write(file, tone(1.0, 16000) * 20 + 0.5, 16000, subtype="FLOAT")
    waveform, _ = load_audio(file)
    assert np.abs(waveform).max() <= 1.0
    assert abs(float(waveform.mean())) < 1e-3


def sentence(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        load_audio(path)
    text = str(caught.value)
    assert "\n" not in text
    assert ";" in text  # what is wrong; what to do
    return text


def test_missing_folder_empty_and_unreadable(tmp_path: Path) -> None:
    assert "does not exist" in sentence(tmp_path / "no.wav")
    assert "is a folder" in sentence(tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "is empty" in sentence(tmp_path / "empty.wav")
    (tmp_path / "text.wav").write_text("this is no audio at all, not even a little of it" * 10)
    assert "can't be read as audio" in sentence(tmp_path / "text.wav")
    soundfile.write(tmp_path / "whole.flac", tone(2.0, 16000), 16000)
    cut = (tmp_path / "whole.flac").read_bytes()[:40]
    (tmp_path / "cut.flac").write_bytes(cut)
    sentence(tmp_path / "cut.flac")
    if os.geteuid() != 0:
        (tmp_path / "text.wav").chmod(0)
        sentence(tmp_path / "text.wav")


def test_silent_not_finite_too_short_and_too_long(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    soundfile.write(file, np.zeros(16000), 16000)
    assert "is silent" in sentence(file)
    soundfile.write(file, np.full(16000, 0.25), 16000)
    assert "is silent" in sentence(file)
    bad = tone(1.0, 16000)
    bad[500] = np.nan
    soundfile.write(file, bad, 16000, subtype="FLOAT")
    assert "NaN" in sentence(file)
    bad[500] = np.inf
    soundfile.write(file, bad, 16000, subtype="FLOAT")
    assert "infinite" in sentence(file)
    soundfile.write(file, tone(0.29, 16000), 16000)
    assert "at least 0.3 s" in sentence(file)
    soundfile.write(file, np.zeros(0), 16000)
    assert "at least 0.3 s" in sentence(file)
    soundfile.write(file, np.zeros(8000 * 1801, np.int16), 8000)
    assert "longer than 30 minutes" in sentence(file)


def test_shortest_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "short.wav"
    soundfile.write(file, tone(0.3, 16000), 16000)
    assert len(load_audio(file)[0]) == 4800
