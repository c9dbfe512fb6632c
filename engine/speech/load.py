"""The way in: an audio file and a transcript -> Speech."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.errors import TranscriptError
from engine.speech.audio import load_audio
from engine.speech.transcript import Transcript, read_transcript
from engine.speech.types import SAMPLE_RATE, Prosody, Speech

Progress = Callable[[str, float], None]
_FOREIGN_SHARE = 0.5  # of words that no dictionary lists, by eye: from here the language is not English
_MIN_JUDGED = 8  # words that it takes to judge, by eye


def load_speech(
    audio_path: str | Path,
    transcript: str | Path | None = None,
    progress: Progress | None = None,
) -> Speech:
    """Read, align and analyse a line of dialogue.

    ``transcript``: a file (.txt, .srt, .vtt, .TextGrid), the text itself, or None (then phones are decoded and there
    are no words). ``progress(stage, fraction)`` is called with the stages "audio", "align", "prosody"; what it raises
    (Cancelled) passes through. Words are corrected afterwards, by :func:`engine.speech.correct.corrected`.

    The same files give the same result. Raises AudioError and TranscriptError with one sentence for the user.
    """
    report = progress or _ignore
    report("audio", 0.0)
    text = read_transcript(transcript) if transcript is not None else None
    waveform, digest = load_audio(Path(audio_path))
    if text is not None:
        text = _checked(text, len(waveform) / SAMPLE_RATE)
    report("align", 0.0)
    from engine.speech.align import align, decode
    from engine.speech.prosody import analyse

    if text is None:
        aligned = decode(waveform, lambda fraction: report("align", fraction))
    else:
        aligned = align(waveform, text, lambda fraction: report("align", fraction))
    report("prosody", 0.0)
    prosody = analyse(waveform, aligned.words, aligned.phones, lambda fraction: report("prosody", fraction))
    report("prosody", 1.0)
    return Speech(
        waveform=waveform,
        words=aligned.words,
        phones=aligned.phones,
        prosody=prosody,
        transcript=text.text if text else "",
        transcribed=text is not None,
        audio_hash=digest,
        warnings=(*_language_warning(text), *aligned.warnings),
        source=str(audio_path),
    )


def silence(seconds: float) -> Speech:
    """Nothing said for so long."""
    waveform = np.zeros(max(1, round(seconds * SAMPLE_RATE)), np.float32)
    nothing = np.zeros(0, np.float32)
    prosody = Prosody(f0=nothing, energy=nothing, accents=(), phrases=(), pauses=())
    digest = hashlib.sha256(waveform.tobytes()).hexdigest()
    return Speech(waveform, (), (), prosody, transcript="", transcribed=False, audio_hash=digest)


def _ignore(_stage: str, _fraction: float) -> None:
    return


def _checked(transcript: Transcript, seconds: float) -> Transcript:
    """The transcript, the times that it brought along checked against the audio's length and each other."""
    words = list(transcript.words)
    previous = 0.0
    for index, word in enumerate(words):
        if word.times is None:
            continue
        start, end = word.times
        if not (0.0 <= start < end <= seconds + 0.5) or start >= seconds:
            raise TranscriptError(
                f'Word {index} ("{word.text}") is given the times {start:.2f}-{end:.2f} s, which are not inside the '
                f"audio (0-{seconds:.2f} s); correct them"
            )
        if start < previous - 1e-3:
            raise TranscriptError(
                f'Word {index} ("{word.text}") is given a time before the word that precedes it; correct it'
            )
        previous = start
        words[index] = replace(word, times=(start, min(end, seconds)))
    return replace(transcript, words=tuple(words))


def _language_warning(transcript: Transcript | None) -> tuple[str, ...]:
    from engine.speech.lexicon import is_word

    spoken = [token for word in transcript.words for token in word.spoken] if transcript else []
    unknown = sum(not is_word(token) for token in spoken)
    if len(spoken) >= _MIN_JUDGED and unknown > _FOREIGN_SHARE * len(spoken):
        return ("The transcript does not look English; Cospeech understands English only, so expect wrong times",)
    return ()
