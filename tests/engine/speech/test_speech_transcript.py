"""Transcripts: encodings, numbers and abbreviations, subtitles, TextGrids, and sentences for what can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import TranscriptError
from engine.speech.spoken import spoken_form
from engine.speech.transcript import read_transcript, transcript_from_text

WORDS = {"nasa", "hello", "it's", "o'clock", "rock", "'em"}


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("1455", "fourteen fifty five"),
        ("2024", "twenty twenty four"),
        ("2005", "two thousand five"),
        ("1900", "nineteen hundred"),
        ("1990s", "nineteen nineties"),
        ("42", "forty two"),
        ("250", "two hundred fifty"),
        ("1,000", "one thousand"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("3.14", "three point one four"),
        ("0.5", "zero point five"),
        ("007", "oh oh seven"),
        ("1st", "first"),
        ("22nd,", "twenty second"),
        ("$5", "five dollars"),
        ("$1", "one dollar"),
        ("$3.50", "three dollars fifty cents"),
        ("£9.99", "nine pounds ninety nine pence"),
        ("$2m", "two million dollars"),
        ("15%", "fifteen percent"),
        ("5kg", "five kilograms"),
        ("10-20", "ten to twenty"),
        ("3:30pm", "three thirty p m"),
        ("5:00", "five o'clock"),
        ("555-0134", "five five five oh one three four"),
        ("Mr.", "mister"),
        ("Dr.", "doctor"),
        ("e.g.", "for example"),
        ("U.S.", "u s"),
        ("FBI", "f b i"),
        ("NASA", "nasa"),
        ("mp3", "m p three"),
        ("AT&T", "a t and t"),
        ("self-substantial", "self substantial"),
        ("mother-in-law's", "mother in law's"),
        ("It’s", "it's"),
        ("“Hello,”", "hello"),
        ("café", "cafe"),
        ("O'Clock", "o'clock"),
        ("'em", "'em"),
        ("'quoted'", "quoted"),
        ("½", "one half"),
        ("—", ""),
        ("...", ""),
    ],
)
def test_spoken_forms(written: str, spoken: str) -> None:
    assert " ".join(spoken_form(written, WORDS.__contains__)) == spoken


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=12))
def test_spoken_form_never_fails_and_gives_plain_words(written: str) -> None:
    for word in spoken_form(written):
        assert word
        assert set(word) <= set("abcdefghijklmnopqrstuvwxyz'")


def test_words_stay_as_written() -> None:
    transcript = transcript_from_text("Mr. Smith paid $5 million — in 1999!\nWell-known, isn't it?  [laughs]")
    assert [word.text for word in transcript.words] == [
        "Mr.", "Smith", "paid", "$5", "million —", "in", "1999!", "Well-known,", "isn't", "it?"
    ]  # fmt: skip
    said = [" ".join(word.spoken) for word in transcript.words]
    assert said[3:5] == ["five", "million dollars"]
    assert said[6] == "nineteen ninety nine"
    assert said[7] == "well known"


def test_dashes_part_words() -> None:
    assert [word.text for word in transcript_from_text("life—and death--or so").words] == [
        "life—",
        "and",
        "death--",
        "or",
        "so",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "It’s a naïve café “test”.\r\nSecond line."
    file = tmp_path / "t.txt"
    file.write_bytes(text.encode(encoding))
    transcript = read_transcript(file)
    assert [word.text for word in transcript.words] == ["It’s", "a", "naïve", "café", "“test”.", "Second", "line."]
    assert transcript.words[2].spoken == ("naive",)


def test_text_or_path(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_text("from a file")
    assert read_transcript(str(file)).words[0].text == "from"
    assert read_transcript("Said in so many words").words[0].text == "Said"


def test_srt_cues(tmp_path: Path) -> None:
    file = tmp_path / "t.srt"
    file.write_text(
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello there,</i>\nmy friend.\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\n[music]\n\n3\n00:00:05,000 --> 00:00:06,250\nGoodbye.\n",
        encoding="utf-8-sig",
    )
    transcript = read_transcript(file)
    assert [word.text for word in transcript.words] == ["Hello", "there,", "my", "friend.", "Goodbye."]
    assert [(cue.first, cue.last, cue.start, cue.end) for cue in transcript.cues] == [
        (0, 4, 1.0, 2.5),
        (4, 5, 5.0, 6.25),
    ]


TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 2
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 0.9
            text = "Hello"
        intervals [3]:
            xmin = 0.9
            xmax = 1.4
            text = "cat"
        intervals [4]:
            xmin = 1.4
            xmax = 2
            text = "sil"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.9
            text = "spn"
        intervals [2]:
            xmin = 0.9
            xmax = 1.0
            text = "K"
        intervals [3]:
            xmin = 1.0
            xmax = 1.3
            text = "AE1"
        intervals [4]:
            xmin = 1.3
            xmax = 1.4
            text = "T"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_textgrid(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "t.TextGrid"
    file.write_text(TEXTGRID, encoding=encoding)
    words = read_transcript(file).words
    assert [(word.text, word.times) for word in words] == [("Hello", (0.5, 0.9)), ("cat", (0.9, 1.4))]
    assert words[0].phones == ()
    assert [(phone.label, phone.start, phone.stress) for phone in words[1].phones] == [
        ("K", 0.9, -1),
        ("AE", 1.0, 1),
        ("T", 1.3, -1),
    ]


def test_textgrid_with_other_phones_gives_words_alone(tmp_path: Path) -> None:
    file = tmp_path / "t.TextGrid"
    file.write_text(TEXTGRID.replace("AE1", "æ"), encoding="utf-8")
    assert [word.phones for word in read_transcript(file).words] == [(), ()]


def sentence(path: Path | str) -> str:
    with pytest.raises(TranscriptError) as caught:
        read_transcript(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "; " in text or ", so " in text or ", or " in text
    return text


def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert "does not exist" in sentence(tmp_path / "no.txt")
    assert "is a folder" in sentence(tmp_path)
    for name, data, part in [
        ("empty.txt", b"", "holds no words"),
        ("dots.txt", b"... -- !", "holds no words"),
        ("binary.txt", bytes(range(32)) * 40, "not a text file"),
        ("russian.txt", "Привет, как дела? Всё хорошо.".encode(), "English only"),
        ("chinese.srt", "1\n00:00:01,000 --> 00:00:02,000\n你好世界\n".encode(), "English only"),
        ("empty.srt", b"", "holds no subtitles"),
        ("broken.TextGrid", b"not a grid", "can't be read as a TextGrid"),
    ]:
        (tmp_path / name).write_bytes(data)
        assert part in sentence(tmp_path / name), name
    assert "holds no words" in sentence("   ")
