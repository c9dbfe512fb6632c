"""The front end on speech whose word times are known exactly (synthesised, see speech_bench.py) and on real clips."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioError, Cancelled, TranscriptError
from engine.speech.align import align
from engine.speech.correct import corrected
from engine.speech.load import load_speech
from engine.speech.transcript import transcript_from_text
from engine.speech.types import SILENCE, Speech
from tests.places import DATA, SPEECH

CLIPS = sorted(DATA.glob("known_*.json"))
CLIP = DATA / "known_slt_40.flac"  # The old clock on the wall has been wrong for thirty years.
TEXT = "The old clock on the wall has been wrong for thirty years."


def truth(clip: Path) -> dict[str, list[list[float]]]:
    return json.loads(clip.with_suffix(".json").read_text())


def check_shape(speech: Speech) -> None:
    """What every Speech keeps: phones cover the audio without gaps, words rise, their phones lie inside them."""
    assert speech.phones[0].start == 0.0
    assert speech.phones[-1].end == pytest.approx(speech.seconds)
    for before, after in zip(speech.phones, speech.phones[1:], strict=False):
        assert before.end == pytest.approx(after.start, abs=1e-6)
        assert before.end > before.start
    starts = [word.start for word in speech.words]
    assert starts == sorted(starts)
    for word in speech.words:
        assert 0.0 <= word.start <= word.end <= speech.seconds + 1e-6
        if word.phones:
            assert word.phones[0].start == pytest.approx(word.start, abs=1e-6)
            assert word.phones[-1].end == pytest.approx(word.end, abs=1e-6)
    assert len(speech.prosody.f0) == len(speech.prosody.energy) == len(speech.waveform) // 160 + 1


def test_known_times() -> None:
    errors = []
    for file in CLIPS:
        known = truth(file)
        speech = load_speech(file.with_suffix(".flac"), str(known["text"]))
        check_shape(speech)
        assert speech.warnings == ()
        assert len(speech.words) == len(known["words"])
        errors += [abs(word.start - row[1]) for word, row in zip(speech.words, known["words"], strict=True)]
    assert len(errors) >= 60
    assert np.median(errors) <= 0.015
    assert np.quantile(errors, 0.9) <= 0.040


def shared_clips() -> list[tuple[str, str]]:
    if not SPEECH.exists():
        return []
    with (SPEECH / "ljspeech" / "transcripts.csv").open() as file:
        rows = list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))
    clips = [(f"ljspeech/{row[0]}.wav", row[1]) for row in rows]
    return [*clips, *((name, (SPEECH / f"{Path(name).stem}.txt").read_text()) for name in ("jfk.wav", "sonnet001.mp3"))]


@pytest.mark.shared
@pytest.mark.skipif(not SPEECH.exists(), reason="needs ../shared/speech beside the checkout")
def test_every_shared_clip_aligns() -> None:
    for name, text in shared_clips():
        speech = load_speech(SPEECH / name, text)
        check_shape(speech)
        assert speech.warnings == (), name
        assert all(word.placed for word in speech.words), name
        energy = speech.prosody.energy
        loud = [energy[round(word.start * 100) : round(word.end * 100) + 1].max() for word in speech.words]
        assert np.quantile(loud, 0.1) > -22.0, name  # nearly every word is audible where it was put
        quiet = [energy[round(p.start * 100) : round(p.end * 100)].mean() for p in speech.prosody.pauses]
        assert not quiet or np.mean(quiet) < -25.0, name
        middle = [0.5 * (word.start + word.end) for word in speech.words]
        assert not any(p.start + 0.05 < time < p.end - 0.05 for time in middle for p in speech.prosody.pauses), name
        assert 0.3 < len(speech.prosody.accents) / speech.seconds < 2.5, name


def test_a_word_that_is_not_said_is_named_and_the_rest_aligns() -> None:
    speech = load_speech(CLIP, TEXT.replace("wall", "wall hippopotamus"))
    assert [word.text for word in speech.words if not word.placed] == ["hippopotamus"]
    assert len(speech.warnings) == 1
    assert '"hippopotamus"' in speech.warnings[0]
    check_shape(speech)
    found = [word for word in speech.words if word.placed]
    errors = [abs(word.start - row[1]) for word, row in zip(found, truth(CLIP)["words"], strict=True)]
    assert np.median(errors) < 0.02
    assert max(errors) < 0.25  # next to it, a neighbour may suffer


def test_a_word_missing_from_the_transcript_disturbs_nobody() -> None:
    speech = load_speech(CLIP, TEXT.replace(" clock", "").replace(" thirty", ""))
    known = [row for row in truth(CLIP)["words"] if row[0] not in ("clock", "thirty")]
    assert all(word.placed for word in speech.words)
    errors = [abs(word.start - row[1]) for word, row in zip(speech.words, known, strict=True)]
    assert np.median(errors) < 0.03
    assert sorted(errors)[-3] < 0.1  # a word beside each gap may stretch into it


def test_a_wrong_transcript_is_told() -> None:
    speech = load_speech(
        CLIP, "Bananas grow quickly underneath purple umbrellas whenever giraffes dance beside Gregory"
    )
    assert any("does not seem to belong" in warning for warning in speech.warnings)
    check_shape(speech)
    assert len(speech.words) == 11
    assert sum(phone.label != SILENCE for phone in speech.phones) > 10  # the mouth still moves


def test_numbers_and_odd_words(tmp_path: Path) -> None:
    """A written number is one word whose phones are those of all that is said for it."""
    speech = load_speech(CLIP, TEXT.replace("thirty", "30"))
    word = next(word for word in speech.words if word.text == "30")
    assert [phone.label for phone in word.phones][:1] == ["TH"]
    known = next(row for row in truth(CLIP)["words"] if row[0] == "thirty")
    assert word.start == pytest.approx(known[1], abs=0.04)
    odd = load_speech(CLIP, TEXT.replace("clock", "klokk"))
    assert all(word.placed for word in odd.words)


def test_word_times_correct_the_aligner() -> None:
    times = {2: (0.55, 0.9), 6: (1.5, 1.7)}
    speech = corrected(load_speech(CLIP, TEXT), times)
    for index, (start, end) in times.items():
        assert (speech.words[index].start, speech.words[index].end) == (start, end)
        assert speech.words[index].phones[0].start == start
    assert speech.words[2].stressed_vowel is not None
    check_shape(load_speech(CLIP, TEXT))


@pytest.mark.parametrize(
    "times",
    [
        {99: (0.1, 0.2)},
        {0: (2.0, 1.0)},
        {0: (-1.0, 0.5)},
        {3: (50.0, 51.0)},
        {1: (2.0, 2.1), 3: (1.0, 1.1)},
    ],
)
def test_impossible_word_times(times: dict[int, tuple[float, float]]) -> None:
    with pytest.raises(TranscriptError):
        corrected(load_speech(CLIP, TEXT), times)


def test_textgrid_times_are_honoured(tmp_path: Path) -> None:
    rows = truth(CLIP)["words"]
    shifted = [(row[0], row[1] + 0.03, row[2] + 0.03) for row in rows]
    intervals = "".join(
        f'        intervals [{n}]:\n            xmin = {start}\n            xmax = {end}\n            text = "{text}"\n'
        for n, (text, start, end) in enumerate(shifted, 1)
    )
    seconds = soundfile.info(CLIP).duration
    file = tmp_path / "t.TextGrid"
    file.write_text(
        f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = {seconds}\n'
        f"tiers? <exists>\nsize = 1\n"
        f'item []:\n    item [1]:\n        class = "IntervalTier"\n        name = "words"\n        xmin = 0\n'
        f"        xmax = {seconds}\n        intervals: size = {len(shifted)}\n{intervals}"
    )
    speech = load_speech(CLIP, file)
    for word, (text, start, end) in zip(speech.words, shifted, strict=True):
        assert (word.text, round(word.start, 4), round(word.end, 4)) == (text, round(start, 4), round(end, 4))
        assert word.phones
        assert word.phones[0].start == pytest.approx(start)


def two_clips(folder: Path) -> tuple[Path, list[list[float]], list[str]]:
    """Two known clips with 4 s of hiss between them."""
    names = ("known_slt_40", "known_rms_26")
    rng = np.random.default_rng(0)
    parts, rows, texts, time = [], [], [], 0.0
    for name in names:
        audio, rate = soundfile.read(DATA / f"{name}.flac", dtype="float32")
        known = truth(DATA / f"{name}.json")
        rows += [[row[0], row[1] + time, row[2] + time] for row in known["words"]]
        texts.append(str(known["text"]))
        parts += [audio, rng.normal(0, 1e-4, 4 * rate).astype(np.float32)]
        time += len(audio) / rate + 4.0
    file = folder / "two.wav"
    soundfile.write(file, np.concatenate(parts), 16000)
    return file, rows, texts


def stamp(seconds: float) -> str:
    return f"00:00:{int(seconds):02d},{round(seconds % 1 * 1000):03d}"


def test_subtitles_anchor_words(tmp_path: Path) -> None:
    audio, rows, texts = two_clips(tmp_path)
    first = len(texts[0].split())
    cues = [(rows[0][1], rows[first - 1][2]), (rows[first][1], rows[-1][2])]
    file = tmp_path / "t.srt"
    for shift, warned in ((0.0, False), (30.0, True)):
        timed = enumerate(zip(cues, texts, strict=True), 1)
        file.write_text("\n".join(f"{n}\n{stamp(a + shift)} --> {stamp(b + shift)}\n{t}\n" for n, ((a, b), t) in timed))
        speech = load_speech(audio, file)
        errors = [abs(word.start - row[1]) for word, row in zip(speech.words, rows, strict=True)]
        assert np.median(errors) < 0.015
        assert max(errors) < 0.2
        assert any("subtitle times" in warning for warning in speech.warnings) == warned


def test_without_transcript_phones_are_decoded() -> None:
    speech = load_speech(CLIP)
    check_shape(speech)
    assert speech.words == ()
    assert not speech.transcribed
    labels = [phone.label for phone in speech.phones if phone.label != SILENCE]
    assert len(labels) > 15
    assert speech.prosody.accents
    assert all(accent.word == -1 for accent in speech.prosody.accents)
    assert load_speech(CLIP).phones == speech.phones


def test_same_files_same_result() -> None:
    first, second = load_speech(CLIP, TEXT), load_speech(CLIP, TEXT)
    assert first.words == second.words
    assert first.phones == second.phones
    assert first.prosody.accents == second.prosody.accents
    np.testing.assert_array_equal(first.prosody.f0, second.prosody.f0)


@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (8000, 1)])
def test_other_rates_give_the_same_times(tmp_path: Path, rate: int, channels: int) -> None:
    import soxr

    audio, base = soundfile.read(CLIP, dtype="float32")
    file = tmp_path / "a.wav"
    soundfile.write(file, np.stack([soxr.resample(audio, base, rate)] * channels, axis=1), rate)
    speech = load_speech(file, TEXT)
    errors = [abs(word.start - row[1]) for word, row in zip(speech.words, truth(CLIP)["words"], strict=True)]
    assert np.median(errors) < 0.02
    assert np.quantile(errors, 0.9) < 0.06


def test_noise_at_15_db() -> None:
    audio, rate = soundfile.read(CLIP, dtype="float32")
    rng = np.random.default_rng(1)
    level = np.sqrt(np.mean(audio[np.abs(audio) > 0.01] ** 2)) * 10 ** (-15 / 20)
    noisy = (audio + rng.normal(0, level, len(audio))).astype(np.float32)
    words = align(noisy, transcript_from_text(TEXT), lambda _fraction: None).words
    errors = [abs(word.start - row[1]) for word, row in zip(words, truth(CLIP)["words"], strict=True)]
    assert all(word.placed for word in words)
    assert np.median(errors) < 0.03
    assert rate == 16000


def test_silence_that_an_editor_put_around_a_noisy_line_changes_nothing(tmp_path: Path) -> None:
    """Digital silence says nothing of the recording's noise."""
    audio, rate = soundfile.read(CLIP, dtype="float32")
    noisy = audio + np.random.default_rng(0).normal(0.0, audio.std() / 10**0.6, len(audio)).astype(np.float32)
    quiet = np.zeros(6 * rate, np.float32)
    found = []
    for name, wave in (("plain", noisy), ("padded", np.concatenate([quiet, noisy, quiet]))):
        soundfile.write(tmp_path / f"{name}.wav", wave, rate, subtype="FLOAT")
        found.append(load_speech(tmp_path / f"{name}.wav", TEXT))
    plain, padded = found
    assert plain.warnings == padded.warnings == ()
    apart = np.abs([b.start - 6.0 - a.start for a, b in zip(plain.words, padded.words, strict=True)])
    assert np.median(apart) <= 0.01
    assert apart.max() <= 0.08


def test_shortest_clip(tmp_path: Path) -> None:
    audio, rate = soundfile.read(CLIP, dtype="float32")
    row = truth(CLIP)["words"][2]
    start = round(row[1] * rate)
    file = tmp_path / "short.wav"
    soundfile.write(file, audio[start : start + round(0.3 * rate)], rate)
    for text in ("clock", None, "a much longer sentence than three tenths of a second can ever hold"):
        check_shape(load_speech(file, text))
    soundfile.write(file, audio[start : start + round(0.2 * rate)], rate)
    with pytest.raises(AudioError):
        load_speech(file, "clock")


def test_progress_and_cancel() -> None:
    seen: list[tuple[str, float]] = []
    load_speech(CLIP, TEXT, progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert list(dict.fromkeys(stage for stage, _ in seen)) == ["audio", "align", "prosody"]
    assert all(0.0 <= fraction <= 1.0 for _, fraction in seen)

    for victim in ("align", "prosody"):

        def stop(stage: str, _fraction: float, victim: str = victim) -> None:
            if stage == victim:
                raise Cancelled

        with pytest.raises(Cancelled):
            load_speech(CLIP, TEXT, progress=stop)


def test_foreign_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="English"):
        load_speech(CLIP, "Старые часы на стене тридцать лет шли неправильно")
    german = (
        "Zwölf Boxkämpfer jagen Viktor quer übern großen Sylter Deich während nachmittags Regenschauer niederprasselten"
    )
    assert any("does not look English" in warning for warning in load_speech(CLIP, german).warnings)
