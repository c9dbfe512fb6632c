"""Builds the demo speech from demo.markup.json: Festival's slt voice, prosody by Praat, pauses by hand.

Run from the repository root, on Debian with `festival` and `festvox-us-slt-hts` installed:

    .venv/bin/python assets/demo/make_demo.py [OUT_DIR]

Writes demo.flac, demo.txt and demo.words.json into OUT_DIR (default: beside this file).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import parselmouth
import soundfile
from parselmouth.praat import call, run

HERE = Path(__file__).resolve().parent
SILENCE = "pau"
FLOOR_DBFS = -68.0  # a digital zero between sentences sounds like a dropout and upsets voice activity detectors
PITCH_STEP_S = 0.005

SCHEME = """
(voice_{voice})
(set! hts_engine_params (append hts_engine_params '(("-r" {speed}))))
(set! utt (Utterance Text "{text}"))
(utt.synth utt)
(utt.save.wave utt "{wav}" 'riff)
(mapcar (lambda (i) (format t "word %s %s %s\\n" (item.name i) (item.feat i "word_start") (item.feat i "word_end")))
        (utt.relation.items utt 'Word))
(mapcar (lambda (i) (format t "phone %s %s %s\\n" (item.name i) (item.feat i "segment_start") (item.feat i "end")))
        (utt.relation.items utt 'Segment))
"""


@dataclass(frozen=True)
class Span:
    """A word or phone: text, start and end in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Line:
    """One sentence as sound: samples (N,) at `rate` Hz, with its words and phones."""

    samples: np.ndarray
    rate: int
    words: tuple[Span, ...]
    phones: tuple[Span, ...]


def synthesise(text: str, voice: str, speed: float) -> Line:
    """One sentence from Festival, with the times its duration model gave to words and phones."""
    with tempfile.TemporaryDirectory() as folder:
        wav, scheme = Path(folder) / "line.wav", Path(folder) / "line.scm"
        scheme.write_text(SCHEME.format(voice=voice, speed=speed, text=text, wav=wav), encoding="utf-8")
        out = subprocess.run(["festival", "-b", str(scheme)], capture_output=True, text=True, check=True).stdout
        samples, rate = soundfile.read(wav)
    rows = [line.split() for line in out.splitlines() if line.startswith(("word ", "phone "))]
    spans = {
        kind: tuple(Span(r[1], float(r[2]), float(r[3])) for r in rows if r[0] == kind) for kind in ("word", "phone")
    }
    return Line(samples, rate, join_contractions(spans["word"], text), spans["phone"])


def join_contractions(words: tuple[Span, ...], text: str) -> tuple[Span, ...]:
    """Festival speaks "don't" as two words; the transcript has one."""
    written = re.findall(r"[A-Za-z']+", text)
    out: list[Span] = []
    for word in words:
        if word.text.startswith("'") or (out and out[-1].text + word.text in written):
            out[-1] = Span(out[-1].text + word.text, out[-1].start, word.end)
        else:
            out.append(word)
    if [w.text.lower() for w in out] != [w.lower() for w in written]:
        raise SystemExit(f"Festival's words {[w.text for w in out]} differ from the text {written}")
    return tuple(replace(w, text=t) for w, t in zip(out, written, strict=True))


def bump(times: np.ndarray, start: float, end: float) -> np.ndarray:
    """A raised cosine (N,) over a word, with skirts of 60 ms so that neighbours rise and fall with it."""
    middle, half = (start + end) / 2, (end - start) / 2 + 0.06
    return np.where(np.abs(times - middle) < half, 0.5 + 0.5 * np.cos(np.pi * (times - middle) / half), 0.0)


def shape(line: Line, accents: dict[str, list[float]], pitch_range: float, final_rise: float) -> Line:
    """Wider pitch range, accents [semitones, lengthening] on named words and a final rise, by PSOLA."""
    sound = parselmouth.Sound(line.samples, sampling_frequency=line.rate)
    manipulation = call(sound, "To Manipulation", PITCH_STEP_S, 75, 400)
    f0 = sound.to_pitch(PITCH_STEP_S, 75, 400)
    times, hertz = f0.xs(), f0.selected_array["frequency"]
    times, hertz = times[hertz > 0], hertz[hertz > 0]
    semitones = 12 * np.log2(hertz / np.median(hertz)) * pitch_range
    marked = [(w, *accents[w.text]) for w in line.words if w.text in accents]
    for word, height, _ in marked:
        semitones += height * bump(times, word.start, word.end)
    last = line.words[-1]
    semitones += final_rise * np.clip((times - last.start) / (times[-1] - last.start), 0, 1) ** 1.5
    tier = call("Create PitchTier", "f0", 0, sound.duration)
    for time, value in zip(times, np.median(hertz) * 2 ** (bounded(semitones) / 12), strict=True):
        call(tier, "Add point", float(time), float(value))
    call([manipulation, tier], "Replace pitch tier")
    grid, ratio = stretch_curve(marked, sound.duration)
    durations = call("Create DurationTier", "rate", 0, sound.duration)
    for time, value in zip(grid, ratio, strict=True):
        call(durations, "Add point", float(time), float(value))
    call([manipulation, durations], "Replace duration tier")
    samples = call(manipulation, "Get resynthesis (overlap-add)").values[0]
    # Praat interpolates the tier linearly, so the trapezium rule gives the new times exactly.
    new = np.concatenate([[0.0], np.cumsum((ratio[1:] + ratio[:-1]) / 2 * np.diff(grid))])

    def moved(spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple(Span(s.text, *np.interp([s.start, s.end], grid, new).tolist()) for s in spans)

    words = moved(line.words)
    clock = np.arange(len(samples)) / line.rate
    gain_db = np.zeros(len(samples))
    for word, (_, height, _) in zip([w for w in words if w.text in accents], marked, strict=True):
        gain_db += 0.5 * height * bump(clock, word.start, word.end)
    return Line(samples * 10 ** (gain_db / 20), line.rate, words, moved(line.phones))


def bounded(semitones: np.ndarray) -> np.ndarray:
    """Within +9 and -6 semitones of the median, softly: the range of a lively speaker."""
    limit = np.where(semitones > 0, 9.0, 6.0)
    return limit * np.tanh(semitones / limit)


def stretch_curve(marked: list[tuple[Span, float, float]], duration: float) -> tuple[np.ndarray, np.ndarray]:
    """Times (N,) and lengthening (N,): 1 outside the marked words, steps of 5 ms at their edges."""
    points = {0.0: 1.0, duration: 1.0}
    for word, _, ratio in marked:
        points |= {word.start: 1.0, word.start + 0.005: ratio, word.end - 0.005: ratio, word.end: 1.0}
    grid = np.array(sorted(points))
    return grid, np.array([points[t] for t in grid])


def trim(line: Line) -> Line:
    """Without the silence at both ends."""
    spoken = [p for p in line.phones if p.text != SILENCE]
    start, end = spoken[0].start, spoken[-1].end

    def moved(spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple(Span(s.text, s.start - start, s.end - start) for s in spans if s.start < end and s.end > start)

    fade = int(0.012 * line.rate)
    samples = line.samples[int(start * line.rate) : int(end * line.rate) + fade].copy()
    samples[-fade:] *= np.linspace(1, 0, fade)
    samples[: fade // 4] *= np.linspace(0, 1, fade // 4)
    return Line(samples, line.rate, moved(line.words), moved(line.phones))


def add_pauses(line: Line, pauses: dict[str, float]) -> Line:
    """Silence of so many seconds after the first word of that name, cut where the words meet."""
    for text, seconds in pauses.items():
        word = next(w for w in line.words if w.text == text)
        silence = next((p for p in line.phones if p.text == SILENCE and abs(p.start - word.end) < 0.01), None)
        if silence is None:
            raise SystemExit(f"no phrase break after {text!r} to lengthen; add a comma to the markup")
        cut = (silence.start + silence.end) / 2
        at = int(cut * line.rate)
        gap = np.zeros(int(seconds * line.rate))

        def moved(spans: tuple[Span, ...], cut: float = cut, shift: float = len(gap) / line.rate) -> tuple[Span, ...]:
            return tuple(Span(s.text, s.start + shift * (s.start > cut), s.end + shift * (s.end > cut)) for s in spans)

        samples = np.concatenate([line.samples[:at], gap, line.samples[at:]])
        line = Line(samples, line.rate, moved(line.words), moved(line.phones))
    return line


def assemble(markup: dict) -> Line:
    """All sentences in a row, with their pauses, at the wanted level over a faint noise floor."""
    run("random_initializeWithSeedUnsafelyButPredictably (1)")
    rate = markup["sample_rate"]
    chunks, words, phones = [np.zeros(int(markup["lead_s"] * rate))], [], []
    for row in markup["lines"]:
        line = synthesise(row["text"], markup["voice"], row["speed"])
        line = shape(line, row.get("accents", {}), markup["pitch_range"], row.get("final_rise", 0.0))
        line = add_pauses(trim(line), row.get("inner_pauses_s", {}))
        # Sentences of one talk lie within a decibel or two of each other; the voice alone drifts by more.
        voiced = line.samples[np.abs(line.samples) > 0.01]
        samples = line.samples * (0.1 / np.sqrt(np.mean(voiced**2)))
        offset = sum(map(len, chunks)) / rate
        words += [Span(w.text, w.start + offset, w.end + offset) for w in line.words]
        phones += [Span(p.text, p.start + offset, p.end + offset) for p in line.phones]
        chunks += [samples, np.zeros(int(row["pause_s"] * rate))]
    chunks.append(np.zeros(int(markup["tail_s"] * rate)))
    samples = np.concatenate(chunks)
    speech = np.concatenate([samples[int(w.start * rate) : int(w.end * rate)] for w in words])
    samples *= 10 ** (markup["level_dbfs"] / 20) / np.sqrt(np.mean(speech**2))
    over = np.abs(samples) > 0.6
    samples[over] = np.sign(samples[over]) * (0.6 + 0.3 * np.tanh((np.abs(samples[over]) - 0.6) / 0.3))
    samples += np.random.default_rng(1).normal(0, 10 ** (FLOOR_DBFS / 20), len(samples))
    return Line(samples, rate, tuple(words), tuple(phones))


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    markup = json.loads((HERE / "demo.markup.json").read_text(encoding="utf-8"))
    talk = assemble(markup)
    soundfile.write(out / "demo.flac", talk.samples, talk.rate, subtype="PCM_16")
    (out / "demo.txt").write_text("\n".join(row["text"] for row in markup["lines"]) + "\n", encoding="utf-8")
    table = {
        "sample_rate": talk.rate,
        "duration_s": round(len(talk.samples) / talk.rate, 4),
        "words": [{"text": w.text, "start_s": round(w.start, 4), "end_s": round(w.end, 4)} for w in talk.words],
        "phones": [{"text": p.text, "start_s": round(p.start, 4), "end_s": round(p.end, 4)} for p in talk.phones],
    }
    (out / "demo.words.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
