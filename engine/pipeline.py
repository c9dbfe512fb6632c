"""The whole way from an audio file to a take on disk; the command line and the server both call it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import CospeechError
from engine.generators.base import PARTS, Generator, Progress, Request
from engine.motion import Motion
from engine.plan.types import STYLES, GesturePlan
from engine.speech.types import Speech
from engine.version import __version__

GENERATORS = ("default",)
ALIGNING = 0.93  # the share of the aligner in the time that listening takes
JOINS = ("rest", "partial", "next")


@dataclass(frozen=True)
class TakeOptions:
    """What the user asks for; paths as text. ``fps`` is the rate of the take's frames (any, 23.976 too)."""

    audio: str
    transcript: str = ""
    plan: str = ""
    generator: str = "default"
    style: str = "explain"
    speaker: str = "default"
    energy: float = 1.0
    parts: tuple[str, ...] = PARTS
    in_place: bool = False
    fps: float = 30.0
    seed: int = 0
    device: str = "auto"

    def checked(self) -> TakeOptions:
        """These options, or CospeechError with the first thing that is wrong with them."""
        unknown = [part for part in self.parts if part not in PARTS]
        if self.generator not in GENERATORS:
            raise CospeechError(f"There is no generator '{self.generator}'; choose one of: {', '.join(GENERATORS)}")
        if self.style not in STYLES:
            raise CospeechError(f"There is no style '{self.style}'; choose one of: {', '.join(STYLES)}")
        if self.speaker != "default":
            raise CospeechError(f"There is no speaker '{self.speaker}'; this version knows only 'default'")
        if unknown or not self.parts:
            named = ", ".join(unknown) or "none"
            raise CospeechError(f"Body parts asked for: {named}; choose from: {', '.join(PARTS)}")
        if not 0.5 <= self.energy <= 1.5:
            raise CospeechError(f"The energy is {self.energy:g}; choose a value from 0.5 to 1.5")
        if not 1.0 <= self.fps <= 240.0:
            raise CospeechError(f"The frame rate is {self.fps:g}; choose a rate from 1 to 240 frames per second")
        if self.seed < 0:
            raise CospeechError(f"The seed is {self.seed}; choose 0 or a whole number above it")
        if self.device not in ("auto", "cpu", "cuda"):
            raise CospeechError(f"There is no device '{self.device}'; choose auto, cpu or cuda")
        return self


def make_generator(options: TakeOptions) -> Generator:
    """The generator that the options name. Imports are local: a cold start pays only for what it uses."""
    from engine.generators.default import DefaultGenerator

    return DefaultGenerator.bundled()


def read_plan(path: str) -> GesturePlan:
    """A plan from a JSON file as ``inspect --plan`` and takes hold it."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CospeechError(f"The plan {path} can't be opened ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CospeechError(f"The plan {path} is not JSON; choose a plan saved by this version") from error
    if not isinstance(data, dict):
        raise CospeechError(f"The plan {path} is not a plan; choose one saved by this version")
    plan = GesturePlan.from_dict(data)
    if wrong := _wrong_in(plan):
        raise CospeechError(f"The plan {path} can't be performed: {wrong}; correct it")
    return plan


def _wrong_in(plan: GesturePlan) -> str:
    """The first thing in a plan, which people edit by hand, that no body can perform; "" where there is none."""
    for number, phrase in enumerate(plan.phrases):
        times = (phrase.onset, phrase.apex, phrase.hold_end, phrase.retract_end)
        if not _are_numbers(*times, phrase.amplitude):
            return f"gesture {number} has a time or an amplitude that is not a number"
        if not times[0] < times[1] <= times[2] <= times[3]:
            return f"gesture {number} has no onset before its apex, hold end and return"
        if phrase.join not in JOINS:
            return f"gesture {number} ends by '{phrase.join}', which is none of: {', '.join(JOINS)}"
    for group in ("head", "brows", "gaze", "blinks", "breaths", "shifts", "smiles"):
        for number, event in enumerate(getattr(plan, group)):
            if not _are_numbers(
                event.start, event.apex, event.end, event.amount, event.hold, event.extra, event.cycles
            ):
                return f"{group} {number} has a value that is not a number"
    return "" if _are_numbers(plan.seconds, plan.energy, plan.seed) else "its seconds, energy or seed is not a number"


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def hear(options: TakeOptions, progress: Progress) -> Speech:
    """The line of the options: its audio, aligned with its transcript. It serves any number of takes."""
    from engine.speech.load import load_speech

    def heard(stage: str, fraction: float) -> None:
        done = {"align": ALIGNING * fraction, "prosody": ALIGNING + (1.0 - ALIGNING) * fraction}
        progress("speech", done.get(stage, 0.0))

    return load_speech(options.audio, Path(options.transcript) if options.transcript else None, progress=heard)


def make_take(options: TakeOptions, progress: Progress, speech: Speech | None = None) -> Motion:
    """Generate one take, of ``speech`` where it was heard before. ``progress(stage, fraction)`` may raise Cancelled."""
    from engine.plan.planner import plan_gestures

    options = options.checked()
    plan = read_plan(options.plan) if options.plan else None
    if speech is None:
        speech = hear(options, progress)
    progress("plan", 0.0)
    if plan is None:
        plan = plan_gestures(speech, options.style, options.energy, options.seed)
    request = Request(
        speech=speech,
        plan=plan,
        fps=options.fps,
        seed=options.seed,
        style=options.style,
        speaker=options.speaker,
        energy=options.energy,
        parts=options.parts,
        in_place=options.in_place,
    )
    generator = make_generator(options)
    motion = generator.generate(request, progress)
    return Motion(
        poses=motion.poses,
        trans=motion.trans,
        fps=motion.fps,
        expressions=motion.expressions,
        blendshapes=motion.blendshapes,
        betas=motion.betas,
        plan=plan.to_dict(),
        provenance={
            **(motion.provenance or {}),
            "engine": __version__,
            "generator": options.generator,
            "seed": options.seed,
            "audio": Path(options.audio).name,
            "audio_hash": speech.audio_hash,
            "options": asdict(options),
            "warnings": list(speech.warnings),
        },
    )
