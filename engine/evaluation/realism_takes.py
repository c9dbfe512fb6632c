"""What ``evaluate --realism`` looks at: takes of a folder of speech, the captured corpus, a file of BEAT2."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from engine.body.joints import CHEST, WRISTS
from engine.body.motion import Motion
from engine.body.skeleton import ASSETS, default_skeleton
from engine.errors import CospeechError
from engine.evaluation.accents import SpeechSound, hear_accents
from engine.evaluation.realism_measures import FPS, Stroke, Subject
from engine.models.phase_gesture import BEAT_CLASSES
from engine.plan.links import class_times, windup
from engine.plan.types import GesturePlan
from engine.speech.types import Speech
from engine.training.corpus import NO_GESTURE, recordings, usable

AUDIO = (".wav", ".flac", ".ogg", ".mp3")
STROKE_SPEED = 0.3  # m/s from the chest: a peak above this is a stroke (docs/sources/real_clip.md, section 3)
STROKE_GAP = 0.2  # s from peak to peak, by eye
ARRIVED = 0.15  # share of its highest speed, by eye: a hand that goes slower has arrived


@dataclass(frozen=True)
class Line:
    """A recording and its transcript (a file, the text, or none)."""

    audio: Path
    transcript: str | None


@dataclass(frozen=True, eq=False)
class Spoken:
    """A line, aligned; and what is heard of it without its words."""

    line: Line
    speech: Speech
    sound: SpeechSound


@dataclass(frozen=True, eq=False)
class Clip:
    """A named clip under one heading: a style, "corpus" or "beat2"."""

    name: str
    column: str
    subject: Subject


def speech_lines(folder: Path) -> list[Line]:
    """All recordings below a folder with the transcript beside each: ``<name>.txt`` or a row of transcripts.csv."""
    if not folder.is_dir():
        raise CospeechError(f"There is no folder {folder}; give a folder of speech with transcripts")
    found = []
    for audio in sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO):
        beside, table = audio.with_suffix(".txt"), audio.with_name("transcripts.csv")
        text = str(beside) if beside.is_file() else _row(table, audio.stem) if table.is_file() else None
        found.append(Line(audio, text))
    if not found:
        raise CospeechError(f"{folder} holds no speech ({', '.join(AUDIO)}); give a folder of recordings")
    return found


def _row(table: Path, name: str) -> str | None:
    rows = csv.reader(table.read_text(encoding="utf-8").splitlines(), delimiter="|", quoting=csv.QUOTE_NONE)
    return next((row[-1] for row in rows if len(row) > 1 and row[0] == name), None)


def demo_lines() -> list[Line]:
    """The line that comes with Cospeech."""
    return [Line(ASSETS / "demo" / "demo.flac", str(ASSETS / "demo" / "demo.txt"))]


def hear_lines(lines: list[Line], tell: Callable[[str, float], None]) -> list[Spoken]:
    """The lines aligned for the generator, and heard by ear alone. ``tell(stage, fraction)`` hears how far it is."""
    from engine.speech.load import load_speech

    found = []
    for number, line in enumerate(lines):
        tell(f"hearing {line.audio.stem}", number / len(lines))
        speech = load_speech(line.audio, line.transcript)
        found.append(Spoken(line, speech, hear_accents(speech.waveform, speech.prosody.f0)))
    return found


def take_clips(lines: list[Spoken], style: str, seed: int, tell: Callable[[str, float], None]) -> Iterator[Clip]:
    """A take of every line in a style, by the bundled generator."""
    from engine.take.make import make_take
    from engine.take.options import TakeOptions

    for number, spoken in enumerate(lines):
        tell(f"{style}, seed {seed}", number / len(lines))
        options = TakeOptions(audio=str(spoken.line.audio), style=style, seed=seed, fps=FPS)
        motion = make_take(options, lambda *_: None, spoken.speech)
        yield Clip(spoken.line.audio.stem, style, take_subject(motion, spoken.sound))


def take_subject(motion: Motion, sound: SpeechSound | None) -> Subject:
    """A take of ours with the strokes of its plan."""
    if motion.plan is None:
        raise CospeechError("The take holds no gesture plan; give one that Cospeech generated")
    plan = GesturePlan.from_dict(motion.plan)
    strokes = tuple(
        Stroke(
            phrase.onset,
            phrase.apex,
            phrase.hold_end,
            phrase.retract_end,
            {"left": (0,), "right": (1,)}.get(phrase.hands, (0, 1)),
            phrase.gclass in BEAT_CLASSES or class_times(phrase.gclass).strikes,
            phrase.semantic,
            phrase.stress_onset if phrase.semantic else None,
            windup(phrase),
            class_times(phrase.gclass).goes_on,
        )
        for phrase in plan.phrases
    )
    shifts = np.array([(event.start, event.apex) for event in plan.shifts if event.kind == "shift"])
    return Subject(motion, strokes, sound, shifts.reshape(-1, 2), planned=True)


def corpus_clips(folder: Path) -> list[Clip]:
    """The captured corpus: gestures with their measured phases, and idles, of which nothing is active."""
    height = np.array([0.0, default_skeleton().standing_height, 0.0])
    clips = []
    for row, poses, trans in recordings(folder):
        gesture = usable(row) and not row["duplicate_of"]
        if not gesture and row["group"] != "idle":
            continue
        motion = Motion(poses.astype(np.float32), (trans + height).astype(np.float32), FPS)
        strokes = (_corpus_stroke(row),) if gesture else ()
        clips.append(Clip(row["clip"], "corpus", Subject(motion, strokes)))
    if not clips:
        raise CospeechError(NO_GESTURE.format(folder))
    return clips


def _corpus_stroke(row: dict[str, str]) -> Stroke:
    onset, apex, hold_end, back = (float(row[name]) for name in ("m_onset", "m_apex0", "m_apex1", "m_return"))
    sides = {"left": (0,), "right": (1,)}.get(row["hands"], (0, 1))
    return Stroke(onset, apex, hold_end, back, sides, row["gclass"] in BEAT_CLASSES)


def beat2_clip(file: Path) -> Clip:
    """A take of BEAT2 (.npz); the speech beside it (same name) is heard where there is some."""
    motion = Motion.load(file)
    motion = replace(motion if motion.fps == FPS else motion.resampled(FPS), plan=None)
    audio = next((file.with_suffix(end) for end in AUDIO if file.with_suffix(end).is_file()), None)
    sound = None
    if audio is not None:
        from engine.speech.audio import load_audio
        from engine.speech.prosody import pitch

        wave, _ = load_audio(audio)
        sound = hear_accents(wave, pitch(wave, lambda _: None))
    return Clip(file.stem, "beat2", Subject(motion, found_strokes(motion), sound, restless=True))


def found_strokes(motion: Motion) -> tuple[Stroke, ...]:
    """Strokes of a motion without a plan: every peak of a wrist's speed from the chest, from the slow moment before it
    to the one after."""
    points, world = default_skeleton().forward(motion.poses.astype(np.float64), motion.trans.astype(np.float64))
    away = (points[:, list(WRISTS)] - points[:, None, CHEST]) @ world[:, CHEST]
    found = []
    for side in (0, 1):
        speed = gaussian_filter1d(np.linalg.norm(np.gradient(away[:, side], 1.0 / FPS, axis=0), axis=-1), 1.0)
        peaks, _ = find_peaks(
            speed, height=STROKE_SPEED, distance=round(STROKE_GAP * FPS), prominence=0.5 * STROKE_SPEED
        )
        slow, _ = find_peaks(-speed)
        for peak in peaks:
            before, after = slow[slow < peak], slow[slow > peak]
            start = (before[-1] if len(before) else 0) / FPS
            last = after[0] if len(after) else len(speed) - 1
            arrived = np.flatnonzero(speed[peak:last] < ARRIVED * speed[peak])  # else the middle of a hold
            end = (peak + arrived[0] if len(arrived) else last) / FPS
            found.append(Stroke(start, end, end, end, (side,), beat=True))
    return tuple(sorted(found, key=lambda stroke: stroke.apex))
