"""The command line: generate, inspect, doctor, convert, train, serve."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from engine.course import Course
from engine.errors import CospeechError
from engine.generators.base import PARTS
from engine.motion import Motion, check_target
from engine.pipeline import TakeOptions, hear, make_takes, missed, rate_of, read_plan, told
from engine.training.commands import train_app

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(train_app, name="train")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def main() -> None:
    """Run the command line; a user's error is one sentence on stderr and status 1."""
    try:
        app()
    except CospeechError as error:
        print(f"cospeech: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def generate(
    audio: Annotated[str, typer.Argument(help="Speech: wav, flac, ogg, mp3 ...")],
    out: Annotated[Path, typer.Option(help="The take to write (.npz).")],
    transcript: Annotated[str, typer.Option(help="What is said: .txt, .srt or .TextGrid.")] = "",
    generator: Annotated[str, typer.Option(help="default or emage.")] = "default",
    weights: Annotated[str, typer.Option(help="Folder of a published generator's weights.")] = "",
    plan: Annotated[str, typer.Option(help="A gesture plan (JSON) to follow instead of planning anew.")] = "",
    hints: Annotated[str, typer.Option(help="What is fixed, and the window to make anew (.npz).")] = "",
    style: Annotated[str, typer.Option(help="calm, explain, narrate or excited.")] = "explain",
    speaker: Annotated[str, typer.Option(help="Speaker preset or its .json file; for published generators a number.")] = "default",
    energy: Annotated[float, typer.Option(help="0.5 to 1.5: rate and size of gestures.")] = 1.0,
    parts: Annotated[str, typer.Option(help="Comma-separated body parts.")] = ",".join(PARTS),
    in_place: Annotated[bool, typer.Option("--in-place", help="Keep pelvis and feet where they stand.")] = False,
    fps: Annotated[float | None, typer.Option(help="Frame rate of the take; the hints' own, else 30.")] = None,
    role: Annotated[str, typer.Option(help="speak, listen (to this line) or idle.")] = "speak",
    seed: Annotated[int, typer.Option(help="Another seed, another performance.")] = 0,
    variations: Annotated[int, typer.Option(min=1, help="Number of takes; seeds count up from --seed.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Json = False,
) -> None:
    """Make a take from speech."""
    options = TakeOptions(
        audio=audio,
        transcript=transcript,
        plan=plan,
        generator=generator,
        weights=weights,
        style=style,
        speaker=speaker,
        energy=energy,
        parts=tuple(part.strip() for part in parts.split(",") if part.strip()),
        in_place=in_place,
        fps=30.0 if fps is None else fps,
        seed=seed,
        device=device,
        hints=hints,
        role=role,
    ).checked()
    paths = _targets(out, variations, seed, (audio, transcript, plan, hints))
    if plan:
        read_plan(plan)  # a wrong one is told before minutes of listening
    if hints and fps is None:
        options = replace(options, fps=rate_of(hints))
    takes = []
    with _Bar(quiet=as_json) as bar:
        course = Course(bar, variations)
        speech = hear(options, course)
        seeds = tuple(seed + index for index in range(variations))
        for path, motion in zip(paths, make_takes(options, seeds, course, speech), strict=True):
            motion.save(path)
            takes.append({"path": str(path), "frames": motion.frames, "fps": motion.fps, **told(motion)})
    if as_json:
        print(json.dumps({"takes": takes}, ensure_ascii=False))
        return
    for take in takes:
        print(f"{take['path']}: {take['frames']} frames at {take['fps']:g} fps")
        for warning in [*take["warnings"], *missed(take["targets"])]:
            print(f"  note: {warning}")


def _targets(out: Path, variations: int, seed: int, sources: tuple[str, ...]) -> list[Path]:
    """The files to write. CospeechError before the work, where one can't be written or is what a take is made from."""
    check_target(out)
    numbered = [out.with_name(f"{out.stem}_{seed + index}{out.suffix}") for index in range(variations)]
    paths = numbered if variations > 1 else [out]
    read = [Path(source).resolve() for source in sources if source]
    for path in paths:
        if path.resolve() in read:
            raise CospeechError(f"The take would replace {path.name}, from which it is made; choose another --out")
        check_target(path)
    return paths


class _Bar:
    """A progress callback that draws a rich progress bar on stderr, or nothing."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=quiet or not console.is_terminal)
        self._task = self._progress.add_task("", total=1.0)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, stage: str, fraction: float) -> None:
        self._progress.update(self._task, description=stage, completed=fraction)


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A take (.npz) or an audio file.")],
    transcript: Annotated[str, typer.Option(help="For audio: what is said.")] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Print only the take's gesture plan as JSON.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is in a take or in a line of speech."""
    from engine.inspection import describe_file, lines_of

    report = describe_file(file, transcript)
    if plan:
        if not report.get("plan"):
            raise CospeechError(f"{file.name} holds no gesture plan; only takes generated by Cospeech have one")
        report = report["plan"]
    if as_json or plan:
        print(json.dumps(report, ensure_ascii=False, indent=None if as_json else 1))
    else:
        print("\n".join(lines_of(report)))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check that the engine works here: packages, devices, weights, two seconds of motion."""
    from engine.inspection import examine_installation, lines_of

    report = examine_installation()
    print(json.dumps(report, ensure_ascii=False) if as_json else "\n".join(lines_of(report)))
    if not report["ready"]:
        raise CospeechError(str(report["problem"]))


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A take or a BEAT2 / SMPL-X .npz.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    to: Annotated[str, typer.Option(help="cospeech or beat2.")] = "cospeech",
    fps: Annotated[float, typer.Option(help="Resample to this rate; 0 keeps the file's.")] = 0.0,
    flat_hands: Annotated[bool, typer.Option("--flat-hands", help="Read a foreign file's hands as absolute.")] = False,
) -> None:
    """Convert between our takes and BEAT2's layout, and between frame rates."""
    if to not in ("cospeech", "beat2"):
        raise CospeechError(f"There is no format '{to}'; choose cospeech or beat2")
    if source.resolve() == out.resolve():
        raise CospeechError("Source and target are the same file; choose another name for --out")
    motion = Motion.load(source, flat_hands=flat_hands)
    if fps:
        motion = motion.resampled(TakeOptions(audio="", fps=fps).checked().fps)
    if to == "beat2":
        motion.to_beat2(out)
    else:
        motion.save(out)
    print(f"{out}: {motion.frames} frames at {motion.fps:g} fps")


@app.command()
def evaluate(
    pred: Annotated[Path, typer.Option(help="Folder of generated takes (.npz).")],
    gt: Annotated[Path, typer.Option(help="Folder of real takes of the same names.")],
    audio: Annotated[Path | None, typer.Option(help="Folder of their speech, for beat consistency.")] = None,
    extractor: Annotated[Path | None, typer.Option(help="The published feature network, for FGD.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Folder of BEAT2's semantic labels, for SRGR.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures here as JSON too.")] = None,
    as_json: Json = False,
) -> None:
    """Measure generated takes against real ones."""
    from engine.evaluation.report import as_json as figures
    from engine.evaluation.report import evaluate as measure
    from engine.evaluation.report import table

    rows = measure(pred, gt, audio, extractor, labels)
    if out is not None:
        out.write_text(json.dumps(figures(rows), indent=1), encoding="utf-8")
    print(json.dumps(figures(rows)) if as_json else "\n".join(table(rows)))


@app.command()
def serve() -> None:
    """Speak JSON-RPC on stdin and stdout, for Blender."""
    from engine.serve import serve_stdio

    serve_stdio()
