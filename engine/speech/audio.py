"""Audio file -> mono waveform at 16 kHz, decoded and resampled in blocks: memory follows the result, not the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.errors import AudioError
from engine.speech.types import SAMPLE_RATE, Floats

MIN_SECONDS = 0.3  # by eye: less holds no word
MAX_SECONDS = 30 * 60.0  # chosen: longer is no line of dialogue
SILENT_PEAK = 2e-4  # of full scale (-74 dB), by eye: below the dither and hum of any usable recording
_BLOCK_FRAMES = 1 << 18  # samples of each channel, 1 MiB, by eye


def load_audio(path: Path | str) -> tuple[Floats, str]:
    """The waveform of an audio file and the SHA-256 (hex) of the file's bytes.

    Reads whatever libsndfile recognises by content (wav, flac, ogg, mp3 ...), at any rate and with any number of
    channels; channels are averaged. Returns (N,) float32 in -1..1 at 16 kHz.

    Raises AudioError with one sentence: missing, a folder, empty, unreadable, not finite, silent, shorter than 0.3 s
    or longer than 30 minutes.
    """
    path = Path(path)
    _check_file(path)
    waveform = _decode(path, channel=None)
    if max(waveform.max(), -waveform.min()) < SILENT_PEAK:
        waveform = _decode(path, channel=0)  # two channels in opposite phase average to nothing
    if float(np.ptp(waveform)) < SILENT_PEAK:
        raise AudioError(f"{path.name} is silent; choose a recording in which speech can be heard")
    waveform -= np.float32(waveform.mean(dtype=np.float64))
    peak = float(max(waveform.max(), -waveform.min()))
    if peak > 1.0:
        waveform /= np.float32(peak)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return waveform, digest


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise AudioError(f"{path} is a folder; choose an audio file")
        if not path.exists():
            raise AudioError(f"The audio file {path} does not exist; check the path")
        if path.stat().st_size == 0:
            raise AudioError(f"{path.name} is empty (0 bytes); export the recording again")
    except OSError as error:
        raise AudioError(f"{path} can't be opened ({error.strerror}); check the path and its permissions") from error


def _decode(path: Path, channel: int | None) -> Floats:
    """The resampled waveform: the mean of the channels, or one channel."""
    import soundfile
    import soxr

    blocks: list[Floats] = []
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = int(file.samplerate)
            _check_length(path, file.frames / rate, known=file.frames > 0)
            resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32") if rate != SAMPLE_RATE else None
            total = 0
            for block in _mono_blocks(file, channel):
                if not np.isfinite(block).all():
                    raise AudioError(f"{path.name} holds invalid samples (NaN or infinite); export the recording again")
                total += len(block)
                if total > (MAX_SECONDS + 1.0) * rate:
                    _check_length(path, total / rate, known=False)
                blocks.append(resampler.resample_chunk(block) if resampler else block)
            if resampler is not None:
                blocks.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise AudioError(f"{path.name} can't be read as audio; use a WAV, FLAC, OGG or MP3 file") from error
    _check_length(path, total / rate, known=True)
    return _joined(blocks)


def _mono_blocks(file: object, channel: int | None) -> Iterator[Floats]:
    while True:
        block = file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)  # type: ignore[attr-defined]
        if not len(block):
            return
        mono = block.mean(axis=1) if channel is None and block.shape[1] > 1 else block[:, channel or 0]
        yield np.ascontiguousarray(mono, np.float32)


def _joined(blocks: list[Floats]) -> Floats:
    """The blocks in one array; each is released once copied, so that the peak stays near the result's size."""
    waveform = np.empty(sum(len(block) for block in blocks), np.float32)
    end = len(waveform)
    while blocks:
        block = blocks.pop()
        waveform[end - len(block) : end] = block
        end -= len(block)
    return waveform


def _check_length(path: Path, seconds: float, known: bool) -> None:
    """``known`` False: the decoder gave no frame count, or decoding has not ended, so only "too long" can be told."""
    if seconds > MAX_SECONDS:
        raise AudioError(f"{path.name} is longer than 30 minutes; cut it into shorter files")
    if known and seconds < MIN_SECONDS:
        raise AudioError(f"{path.name} lasts {seconds:.2f} s; at least {MIN_SECONDS} s of speech are needed")
