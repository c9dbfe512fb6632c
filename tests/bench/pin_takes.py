"""Lines and takes for the pins' test bed: every line is heard once, every take made once, in a scratch folder."""

from __future__ import annotations

import os
import pickle
from functools import lru_cache
from pathlib import Path

from engine.body.motion import Motion
from engine.generators.base import Request
from engine.generators.default import BUNDLED_WEIGHTS, DefaultGenerator
from engine.generators.window import make_window
from engine.hints.types import Hints
from engine.models.phase_gesture import GestureModel
from engine.speech.types import Speech
from engine.take.decide import decide
from engine.take.make import hear, make_take
from engine.take.options import TakeOptions
from tests.bench.pin_cases import PinCase
from tests.bench.pin_figures import Maker
from tests.bench.speech import LJSPEECH, clips

STYLE = "explain"


def lines() -> list[tuple[Path, str]]:
    """Audio files with their texts: all of ../shared/speech, else our demo line."""
    found = clips()
    for name in ("jfk.wav", "sonnet001.mp3"):
        audio = LJSPEECH.parent / name
        if audio.is_file():
            found.append((audio, audio.with_suffix(".txt").read_text(encoding="utf-8")))
    return found


def options(folder: Path, line: int, seed: int, fps: float) -> TakeOptions:
    """What makes the take."""
    return TakeOptions(
        audio=str(lines()[line][0]), transcript=str(folder / f"line_{line}.txt"), style=STYLE, fps=fps, seed=seed
    )


def prepare(folder: Path) -> list[float]:
    """Hear every line; returns their seconds."""
    seconds = []
    for number, (_, text) in enumerate(lines()):
        (folder / f"line_{number}.txt").write_text(text, encoding="utf-8")
        stored = folder / f"line_{number}.pickle"
        if not stored.is_file():
            speech = hear(options(folder, number, 0, 30.0), lambda *_: None)
            stored.write_bytes(pickle.dumps(speech))
        seconds.append(heard(folder, number).seconds)
    return seconds


@lru_cache(maxsize=32)
def heard(folder: Path, line: int) -> Speech:
    """A line as :func:`prepare` left it in our own scratch folder."""
    speech = pickle.loads((folder / f"line_{line}.pickle").read_bytes())
    assert isinstance(speech, Speech)
    return speech


@lru_cache(maxsize=96)
def take(folder: Path, line: int, seed: int, fps: float) -> Motion:
    """The unpinned take."""
    stored = folder / f"take_{line}_{seed}_{fps:.3f}.pickle"
    if stored.is_file():
        motion = pickle.loads(stored.read_bytes())
        assert isinstance(motion, Motion)
        return motion
    motion = make_take(options(folder, line, seed, fps), lambda *_: None, heard(folder, line))
    temporary = stored.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(pickle.dumps(motion))
    temporary.replace(stored)
    return motion


def exact_pass(folder: Path) -> Maker:
    """The exact pass alone, on takes made without knowing of the pins."""
    from engine.hints import satisfy

    def before(case: PinCase, seed: int, _: Hints) -> Motion:
        return take(folder, case.line, seed, case.fps)

    return Maker(before, lambda case, seed, hints: satisfy(before(case, seed, hints), hints))


def generator(folder: Path) -> Maker:
    """The default generator, as a job of Regenerate runs it."""
    made = DefaultGenerator.bundled()
    model = GestureModel.load(BUNDLED_WEIGHTS)

    def request(case: PinCase, seed: int, hints: Hints) -> Request:
        speech, asked = heard(folder, case.line), options(folder, case.line, seed, case.fps)
        decision = decide(asked, speech, None, hints)
        return Request(speech, decision.plan, asked, decision.hints, decision.origin, decision.fixed)

    def before(case: PinCase, seed: int, hints: Hints) -> Motion:
        return make_window(request(case, seed, hints), hints, model, lambda *_: None)

    return Maker(before, lambda case, seed, hints: made.generate(request(case, seed, hints), lambda *_: None))
