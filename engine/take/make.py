"""The whole way from an audio file to a take on disk; the command line and the server both call it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.errors import CospeechError
from engine.face.emotions import NEUTRAL, find_emotion
from engine.generators.base import PARTS, ROLES, Generator, Progress, Request
from engine.generators.published.choose import PUBLISHED
from engine.plan.speakers import NOBODY, Speaker, find_speaker
from engine.plan.types import STYLES, GesturePlan
from engine.speech.types import Speech
from engine.take.progress import Course
from engine.version import __version__

if TYPE_CHECKING:
    from engine.hints.types import Hints
    from engine.take.decide import Decision

GENERATORS = ("default", *PUBLISHED)
WEIGHS_MEANING = ("default", "semtalk")
ALIGNING = 0.93  # the share of the aligner in the time that listening takes
JOINS = ("rest", "partial", "next")


@dataclass(frozen=True)
class TakeOptions:
    """What the user asks for; paths as text. ``fps`` is the rate of the take's frames (any, 23.976 too).

    ``hints``: a file of engine.hints; then only its window is made anew. ``edits``: plan edits (engine.plan.edit) on
    the plan given, ``words``: corrected word times (index, start, end) in seconds. ``window`` "auto" narrows the hints'
    window to what edits and words touch. ``role``: "speak", "listen" (reacts to the line, mouth closed) or "idle".
    ``weights``: the folder of a published generator's weights. ``emotion`` (assets/emotions.json) lies over the face
    with a strength 0..1. ``gaze``: the place that is looked at, metres left, up and forward as a Motion has them.
    ``emphasis``: stretches (start, end, amount) in seconds where words show more (to 1) or less (to -1), for generators
    that weigh it (engine.plan.emphasis); without any a plan keeps its own, an amount of 0 takes it away. ``smplx``: the
    user's own SMPL-X model (file or folder); then the default generator's face is written as expression and jaw too.
    """

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
    hints: str = ""
    edits: tuple[Mapping[str, Any], ...] = ()
    words: tuple[tuple[int, float, float], ...] = ()
    window: str = ""
    role: str = "speak"
    weights: str = ""
    emotion: str = NEUTRAL
    emotion_strength: float = 1.0
    gaze: tuple[float, float, float] | None = None
    emphasis: tuple[tuple[float, float, float], ...] = ()
    smplx: str = ""

    def checked(self) -> TakeOptions:
        """These options, or CospeechError with the first thing that is wrong with them."""
        unknown = [part for part in self.parts if part not in PARTS]
        if self.generator not in GENERATORS:
            raise CospeechError(f"There is no generator '{self.generator}'; choose one of: {', '.join(GENERATORS)}")
        if self.style not in STYLES:
            raise CospeechError(f"There is no style '{self.style}'; choose one of: {', '.join(STYLES)}")
        if self.generator != "default":
            self._check_published()
        else:
            find_speaker(self.speaker)
        if unknown or not self.parts:
            named = ", ".join(unknown) or "none"
            raise CospeechError(f"Body parts asked for: {named}; choose from: {', '.join(PARTS)}")
        if not 0.5 <= self.energy <= 1.5:
            raise CospeechError(f"The energy is {self.energy:g}; choose a value from 0.5 to 1.5")
        find_emotion(self.emotion, self.emotion_strength)
        if self.smplx:
            from engine.face.expressions import check_smplx

            check_smplx(self.smplx)
        if not 1.0 <= self.fps <= 240.0:
            raise CospeechError(f"The frame rate is {self.fps:g}; choose a rate from 1 to 240 frames per second")
        if self.seed < 0:
            raise CospeechError(f"The seed is {self.seed}; choose 0 or a whole number above it")
        if self.device not in ("auto", "cpu", "cuda"):
            raise CospeechError(f"There is no device '{self.device}'; choose auto, cpu or cuda")
        self._check_gaze()
        if self.role not in ROLES:
            raise CospeechError(f"There is no role '{self.role}'; choose one of: {', '.join(ROLES)}")
        self._check_changes()
        return self

    def identity(self) -> Speaker:
        """Whose ways the plan has; published systems have speakers of their own."""
        return find_speaker(self.speaker) if self.generator == "default" else NOBODY

    def _check_gaze(self) -> None:
        if self.gaze is None:
            return
        if not (len(self.gaze) == 3 and _are_numbers(*self.gaze)):
            raise CospeechError("What is looked at is no place; give three numbers x,y,z in metres: left, up, forward")
        if wrong := _too_near(self.gaze):
            raise CospeechError(f"{wrong}; move it further away")

    def _check_changes(self) -> None:
        if self.window not in ("", "auto"):
            raise CospeechError(f"The window is '{self.window}'; choose 'auto' or leave it out")
        if not all(len(entry) == 3 and _are_numbers(*entry) for entry in self.words):
            raise CospeechError("Corrected word times are a word's number, its start and its end in seconds; mend them")
        if self.emphasis and self.generator not in WEIGHS_MEANING:
            raise CospeechError(
                f"'{self.generator}' does not weigh meaning, so emphasis can't be heard; use: "
                f"{', '.join(WEIGHS_MEANING)}"
            )
        if self.emphasis and self.role != "speak":
            raise CospeechError("Only who speaks has words to emphasise; leave the emphasis out")
        if not all(len(e) == 3 and _are_numbers(*e) and 0 <= e[0] < e[1] and abs(e[2]) <= 1 for e in self.emphasis):
            raise CospeechError("Emphasis is start and end in seconds and an amount from -1 to 1; mend it")

    def _check_published(self) -> None:
        """CospeechError for what a published system can't do, and where its weights are not given."""
        if not self.weights:
            raise CospeechError(
                f"The generator '{self.generator}' needs its published weights; give their folder with --weights, "
                "or in Cospeech's preferences"
            )
        if self.edits:
            raise CospeechError(f"'{self.generator}' follows no gesture plan, so it can't be edited; use 'default'")
        if self.gaze is not None:
            raise CospeechError(f"'{self.generator}' can't be told where to look; use the default generator for that")
        if self.role != "speak":
            raise CospeechError(f"'{self.generator}' only speaks; use the default generator for listening")


def make_generator(options: TakeOptions) -> Generator:
    """The generator that the options name. Imports are local: a cold start pays only for what it uses."""
    from engine.generators.default import BUNDLED_WEIGHTS

    if options.generator != "default":
        from engine.generators.published.choose import published_generator

        return published_generator(options.generator, options.weights, options.device)
    return _default_generator(BUNDLED_WEIGHTS.stat().st_mtime_ns if BUNDLED_WEIGHTS.exists() else 0)


@lru_cache(maxsize=1)
def _default_generator(_written: int) -> Generator:
    """The bundled generator, read once for every version of its file: the server makes take after take with it."""
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
    if not _are_numbers(*(plan.look_at or ())):
        return "what it looks at is not three numbers"
    if plan.look_at is not None and (wrong := _too_near(plan.look_at)):
        return wrong[0].lower() + wrong[1:]
    return "" if _are_numbers(plan.seconds, plan.energy, plan.seed) else "its seconds, energy or seed is not a number"


def _too_near(place: tuple[float, float, float]) -> str:
    """Why a place can't be looked at: it is in the head, or almost; "" where it can."""
    from engine.generators.life.headgaze import NEAREST, distance_to_eyes

    distance = distance_to_eyes(place)
    if distance >= NEAREST:
        return ""
    return f"What is looked at is {distance:.2f} m from the eyes, and must be {NEAREST:g} m away at least"


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def hear(options: TakeOptions, progress: Progress) -> Speech:
    """The line of the options: its audio, aligned with its transcript. It serves any number of takes."""
    from engine.speech.load import load_speech

    if not options.audio and options.role == "idle" and options.hints:
        return quiet_speech(options)

    def heard(stage: str, fraction: float) -> None:
        done = {"align": ALIGNING * fraction, "prosody": ALIGNING + (1.0 - ALIGNING) * fraction}
        progress("speech", done.get(stage, 0.0))

    transcript = Path(options.transcript) if options.transcript else None
    return with_corrections(load_speech(options.audio, transcript, progress=heard), options)


def with_corrections(speech: Speech, options: TakeOptions) -> Speech:
    """The line with the words' times that the user corrected; as it was heard where there are none."""
    from engine.speech.correct import corrected

    return corrected(speech, {int(index): (float(start), float(end)) for index, start, end in options.words})


def quiet_speech(options: TakeOptions) -> Speech:
    """Silence as long as the hints' base, for somebody who only stands there."""
    from engine.hints import load_hints
    from engine.speech.load import silence

    return silence(load_hints(Path(options.hints)).base.seconds)


def make_take(options: TakeOptions, progress: Progress, speech: Speech | None = None) -> Motion:
    """Generate one take, of ``speech`` where it was heard before. ``progress(stage, fraction)`` may raise Cancelled."""
    return next(make_takes(options, (options.seed,), progress, speech))


def make_takes(
    options: TakeOptions, seeds: tuple[int, ...], progress: Progress, speech: Speech | None = None
) -> Iterator[Motion]:
    """One take a seed, of the same line and with the same hints.

    Progress tells one fraction over all stages and takes. Give a Course where the speech was heard for this job, or
    where the job goes on after these takes.
    """
    from engine.generators.unplanned import unplanned
    from engine.take.decide import decide

    options = options.checked()
    given = read_plan(options.plan) if options.plan else None
    hints = _read_hints(options) if options.hints else None
    course = progress if isinstance(progress, Course) else Course(progress, len(seeds))
    if speech is None:
        speech = hear(options, course)
    generator = make_generator(options)
    for seed in seeds:
        course.begin_take()
        course("plan", 0.0)
        chosen = replace(options, seed=seed)
        decision = decide(chosen, speech, given, hints)
        if not generator.performs_plan:  # its hands know nothing of planned gestures, so the take claims none
            decision = replace(decision, plan=unplanned(decision.plan, decision.hints, generator.performs_head))
        request = Request(
            speech=speech,
            plan=decision.plan,
            fps=options.fps,
            seed=seed,
            style=options.style,
            speaker=options.speaker,
            energy=options.energy,
            emotion=options.emotion,
            emotion_strength=options.emotion_strength,
            parts=options.parts,
            in_place=options.in_place,
            role=options.role,
            hints=decision.hints,
            standing=decision.standing,
            emphasis=decision.plan.emphasis.stretches if decision.plan.emphasis else (),
            fixed=decision.fixed,
        )
        motion = generator.generate(request, course)
        if options.smplx and options.generator == "default":  # the published ones have expressions of their own
            from engine.face.expressions import with_expressions

            motion = with_expressions(motion, options.smplx, decision.hints)
        yield _signed(motion, decision, chosen, speech)


def rate_of(hints: str) -> float:
    """The frame rate of the take that a hints file is for."""
    from engine.hints import load_hints

    return load_hints(Path(hints)).fps


def _read_hints(options: TakeOptions) -> Hints:
    from engine.hints import HintsError, load_hints

    hints = load_hints(Path(options.hints))
    if abs(hints.fps - options.fps) > 1e-3:
        raise HintsError(
            f"The hints are for a take at {hints.fps:g} frames per second, but {options.fps:g} are asked for; "
            "ask for the take's own rate"
        )
    return hints


def _signed(motion: Motion, decision: Decision, options: TakeOptions, speech: Speech) -> Motion:
    """The take with its plan and where it came from."""
    plan = motion.plan if decision.hints is not None and motion.plan is not None else decision.plan.to_dict()
    return replace(
        motion,
        plan=plan,
        provenance={
            **(motion.provenance or {}),
            "engine": __version__,
            "generator": options.generator,
            "seed": options.seed,
            "audio": Path(options.audio).name,
            "audio_hash": speech.audio_hash,
            "options": _as_json(options),
            "warnings": [*speech.warnings, *decision.notes],
            **_of_window(decision, plan),
        },
    )


def _of_window(decision: Decision, plan: Mapping[str, Any]) -> dict[str, Any]:
    changed = decision.given is not None and decision.given.to_dict() != plan
    if decision.hints is None:
        return {"plan_changed": True} if changed else {}
    window = None if decision.untouched else list(decision.hints.window)
    record = decision.record(GesturePlan.from_dict(plan))
    return {"window": window, "plan_changed": changed, **record}


def _as_json(options: TakeOptions) -> dict[str, Any]:
    """The options for the record; what was not asked for is left out where it came later than the first takes."""
    data = asdict(options)
    later = ("hints", "edits", "words", "window", "role", "weights", "gaze", "emphasis", "smplx")
    if options.hints:  # in a job's folder, whose name says nothing and is another one every time
        data |= {name: Path(data[name]).name for name in ("hints", "plan")}
    kept = {name: value for name, value in data.items() if name not in later or value not in ("", (), "speak", None)}
    if options.emotion == NEUTRAL:
        kept = {name: value for name, value in kept.items() if not name.startswith("emotion")}
    return kept


def told(motion: Motion) -> dict[str, Any]:
    """What the answer says of one take beside its path: warnings, window, reached targets, whether the plan changed."""
    provenance = motion.provenance or {}
    return {
        "warnings": provenance.get("warnings", []),
        "window": provenance.get("window"),
        "targets": provenance.get("hints", {}).get("targets", []),
        "plan_changed": bool(provenance.get("plan_changed", False)),
    }


def missed(targets: list[dict[str, Any]]) -> list[str]:
    """Sentences about the targets that could not be reached."""
    names = default_skeleton().names
    return [
        f"The target of {names[int(target['joint'])]} on frame {target['frame']} is out of reach by "
        f"{target['residual_mm']:.1f} mm"
        for target in targets
        if not target["reached"]
    ]
