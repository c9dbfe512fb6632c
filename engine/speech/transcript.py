"""Transcripts: plain text in any common encoding, SubRip or WebVTT cues, Praat TextGrids -> written words.

Words keep their written form; ``spoken`` is what is said for them. Cues and interval tiers bring times along.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import TranscriptError
from engine.speech.spoken import CURRENCIES, plain_ascii, spoken_form
from engine.speech.types import SILENCE, VOWELS, Phone

CONSONANTS = frozenset("B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split())
MAX_BYTES = 4_000_000  # chosen: hours of speech, far from what fills the memory
_SUBTITLES = (".srt", ".vtt")
_SILENCES = frozenset(["", "sil", "sp", "spn", "<eps>", "<sil>", "pau", "#", "_", "<p>", "<unk>", "noise", "[noise]"])
_SCALE_WORDS = frozenset(["hundred", "thousand", "million", "billion", "trillion"])
_FOREIGN_PHONES = {"AX": "AH", "AXR": "ER", "IX": "IH", "UX": "UW", "DX": "T", "EL": "L", "EM": "M", "EN": "N",
                   "H": "HH", "HV": "HH", "NX": "N", "Q": "SIL", "OH": "AO"}  # fmt: skip


@dataclass(frozen=True)
class TranscriptWord:
    """A written word, what is said for it (lower case), and its times and phones where the transcript gives them."""

    text: str
    spoken: tuple[str, ...]
    times: tuple[float, float] | None = None
    phones: tuple[Phone, ...] = ()


@dataclass(frozen=True)
class Cue:
    """A subtitle: the words [first, last) are said between ``start`` and ``end`` (seconds, roughly)."""

    first: int
    last: int
    start: float
    end: float


@dataclass(frozen=True)
class Transcript:
    """The words of a line of dialogue, the text that they came from, and the cues of a subtitle file."""

    words: tuple[TranscriptWord, ...]
    text: str
    cues: tuple[Cue, ...] = ()


def read_transcript(source: str | Path) -> Transcript:
    """A transcript from a file (.txt, .srt, .vtt, .TextGrid) or from the text itself.

    A Path is a file. A str is text, unless it is one line that ends like a transcript file's name.
    Raises TranscriptError with one sentence: missing, a folder, no text, no words, or not English (by its letters).
    """
    if isinstance(source, str) and not re.fullmatch(r"[^\n]+\.(txt|srt|vtt|textgrid)", source.strip(), re.IGNORECASE):
        return transcript_from_text(source)
    path = Path(source)
    data = _read_bytes(path)
    if path.suffix.lower() == ".textgrid":
        return _from_textgrid(path)
    text = _decode(data, path.name)
    if path.suffix.lower() in _SUBTITLES:
        return _from_subtitles(text, path)
    return transcript_from_text(text, path.name)


def transcript_from_text(text: str, name: str = "The transcript") -> Transcript:
    """The transcript of plain text. Notes in square brackets ([laughs]) are not spoken and are left out."""
    _check_english(text, name)
    words = _words(text)
    if not words:
        raise TranscriptError(f"{name} holds no words; write what is said, or leave the transcript out")
    return Transcript(tuple(words), text.strip())


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise TranscriptError(f"{path} is a folder; choose a .txt, .srt or .TextGrid file")
    if not path.exists():
        raise TranscriptError(f"The transcript {path} does not exist; check the path")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TranscriptError(f"{path.name} is too large for a transcript; choose a .txt, .srt or .TextGrid file")
        return path.read_bytes()
    except OSError as error:
        raise TranscriptError(f"{path} can't be opened ({error.strerror}); check its permissions") from error


def _decode(data: bytes, name: str) -> str:
    """The text of a file: by byte-order mark, else UTF-16 by its zero bytes, else UTF-8, else Windows-1252."""
    encodings = ["utf-8-sig", "cp1252", "latin-1"]
    if data.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        encodings = ["utf-32"]
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif data.count(0) > len(data) / 4:
        encodings = ["utf-16-be" if data[0::2].count(0) > data[1::2].count(0) else "utf-16-le"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if sum(char < " " and char not in "\t\n\r\f\v" for char in text) > len(text) / 50:
            break
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise TranscriptError(f"{name} is not a text file; save the transcript as plain text (.txt)")


def _check_english(text: str, name: str) -> None:
    letters = [char for char in plain_ascii(text) if char.isalpha()]
    foreign = sum(not char.isascii() for char in letters)
    if letters and foreign > 0.3 * len(letters):
        raise TranscriptError(
            f"{name} is not in English; Cospeech understands English only, so leave the transcript out"
        )


def _words(text: str) -> list[TranscriptWord]:
    text = re.sub(r"\[[^\]]*\]|<[^>]*>|[♪♫\ufeff\u200b]", " ", text)
    text = re.sub(r"(\w)(--+|—|―)(?=\w)", r"\1\2 ", text)
    words: list[TranscriptWord] = []
    for token in text.split():
        spoken = spoken_form(token, _in_dictionary)
        if spoken:
            words.append(TranscriptWord(token, spoken))
        elif words:  # bare punctuation belongs to the word before it: a dash is a break to the planner
            words[-1] = replace(words[-1], text=f"{words[-1].text} {token}")
    return _money_scales(words)


def _in_dictionary(word: str) -> bool:
    from engine.speech.lexicon import is_word

    return is_word(word)


def _money_scales(words: list[TranscriptWord]) -> list[TranscriptWord]:
    """ "$5 million" is said five million dollars: the unit moves behind the scale."""
    for index in range(len(words) - 1):
        word, following = words[index], words[index + 1]
        if word.text[0] in CURRENCIES and following.spoken[0] in _SCALE_WORDS and len(word.spoken) > 1:
            words[index] = replace(word, spoken=word.spoken[:-1])
            words[index + 1] = replace(following, spoken=(following.spoken[0], f"{CURRENCIES[word.text[0]][0]}s"))
    return words


def _from_subtitles(text: str, path: Path) -> Transcript:
    import pysubs2

    try:
        events = pysubs2.SSAFile.from_string(text, format_=path.suffix.lower()[1:]).events
    except Exception as error:  # the parser raises its own and Python's errors alike on damaged files
        raise TranscriptError(f"{path.name} can't be read as subtitles ({error}); export it again as .srt") from error
    words: list[TranscriptWord] = []
    cues: list[Cue] = []
    lines: list[str] = []
    for event in sorted(events, key=lambda event: (event.start, event.end)):
        lines.append(" ".join(str(event.plaintext).split()))
        found = _words(lines[-1])
        if found:
            start, end = event.start / 1000, max(event.end, event.start) / 1000
            cues.append(Cue(len(words), len(words) + len(found), start, end))
            words += found
    whole = "\n".join(lines)
    _check_english(whole, path.name)
    if not words:
        raise TranscriptError(f"{path.name} holds no subtitles with words; check the file, or leave the transcript out")
    return Transcript(tuple(words), whole, tuple(cues))


def _from_textgrid(path: Path) -> Transcript:
    from praatio import textgrid

    try:
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False, reportingMode="silence")
    except Exception as error:  # praatio raises whatever its parsing trips over
        raise TranscriptError(f"{path.name} can't be read as a TextGrid; save it again from Praat") from error
    tiers = [tier for tier in grid.tiers if type(tier).__name__ == "IntervalTier"]
    phone_tier = next((tier for tier in tiers if re.search(r"phon|seg|mau", tier.name, re.IGNORECASE)), None)
    named = [tier for tier in tiers if re.search(r"word|ort", tier.name, re.IGNORECASE)]
    word_tier = next(iter(named or [tier for tier in tiers if tier is not phone_tier]), None)
    if word_tier is None:
        raise TranscriptError(f"{path.name} has no interval tier with words; name the tier 'words'")
    phones = _tier_phones(phone_tier) if phone_tier is not None else []
    _check_english(" ".join(str(entry.label) for entry in word_tier.entries), path.name)
    words: list[TranscriptWord] = []
    cues: list[Cue] = []
    for entry in word_tier.entries:
        if str(entry.label).strip().lower() in _SILENCES:
            continue
        found = _words(str(entry.label))
        start, end = float(entry.start), float(entry.end)
        if len(found) == 1:
            inside = tuple(phone for phone in phones if start - 1e-4 <= 0.5 * (phone.start + phone.end) < end)
            words.append(replace(found[0], times=(start, end), phones=inside))
        elif found:  # a tier of utterances: its intervals are cues
            cues.append(Cue(len(words), len(words) + len(found), start, end))
            words += found
    if not words:
        raise TranscriptError(f"{path.name} holds no words; fill its word tier, or leave the transcript out")
    return Transcript(tuple(words), " ".join(word.text for word in words), tuple(cues))


def _tier_phones(tier: Any) -> list[Phone]:
    """The tier's phones, or none when its labels are not ARPAbet (then the aligner finds them)."""
    phones: list[Phone] = []
    for entry in tier.entries:
        label = str(entry.label).strip().upper()
        if label.lower() in _SILENCES:
            continue
        digit = label[-1] if label[-1:].isdigit() else ""
        name = label.rstrip("0123456789")
        name = _FOREIGN_PHONES.get(name, name)
        if name not in VOWELS and name not in CONSONANTS and name != SILENCE:
            return []
        stress = int(digit) if digit and name in VOWELS and int(digit) <= 2 else -1
        phones.append(Phone(name, float(entry.start), float(entry.end), stress))
    return phones
