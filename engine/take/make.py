"""The whole way from an audio file to a take; the command line and the server both call it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.generators.base import Generator, Progress, Request
from engine.plan.types import GesturePlan
from engine.speech.types import Speech
from engine.take.options import TakeOptions
from engine.take.plan_file import read_plan
from engine.take.progress import Course
from engine.version import __version__

if TYPE_CHECKING:
    from engine.hints.types import Hints
    from engine.take.decide import Decision

ALIGNING = 0.93  # the share of the aligner in the time that listening takes


def make_generator(options: TakeOptions) -> Generator:
    """The generator that the options name. Imports are local: a cold start pays only for what it uses."""
    from engine.generators.default import BUNDLED_WEIGHTS

    if options.abilities.needs_weights:
        from engine.generators.published.choose import published_generator

        return published_generator(options.generator, options.weights, options.device)
    return _default_generator(BUNDLED_WEIGHTS.stat().st_mtime_ns if BUNDLED_WEIGHTS.exists() else 0)


@lru_cache(maxsize=1)
def _default_generator(_written: int) -> Generator:
    """The bundled generator, read once for every version of its file: the server makes take after take with it."""
    from engine.generators.default import DefaultGenerator

    return DefaultGenerator.bundled()


def hear(options: TakeOptions, progress: Progress) -> Speech:
    """The line of the options: its audio, aligned with its transcript. It serves any number of takes."""
    from engine.speech.load import load_speech

    if not options.audio and options.role == "idle" and options.hints:
        return quiet_speech(options)

    def hearing(stage: str, fraction: float) -> None:
        done = {"align": ALIGNING * fraction, "prosody": ALIGNING + (1.0 - ALIGNING) * fraction}
        progress("speech", done.get(stage, 0.0))

    transcript = Path(options.transcript) if options.transcript else None
    return with_corrections(load_speech(options.audio, transcript, progress=hearing), options)


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
        if not generator.abilities.plans:  # its hands know nothing of planned gestures, so the take claims none
            decision = replace(decision, plan=unplanned(decision.plan, decision.hints, generator.abilities.head))
        request = Request(speech, decision.plan, chosen, decision.hints, decision.origin, decision.fixed)
        motion = generator.generate(request, course)
        if options.smplx and not generator.abilities.needs_weights:  # published networks have expressions of their own
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
            "options": options.record(),
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


def outcome_of(motion: Motion) -> dict[str, Any]:
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
