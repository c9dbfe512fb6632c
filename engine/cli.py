"""The command line: generate, inspect, doctor, convert, serve."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from engine.body.motion import Motion, check_target
from engine.errors import CospeechError
from engine.face.emotions import NEUTRAL
from engine.generators.abilities import PARTS
from engine.take.make import hear, make_takes, missed, outcome_of, rate_of
from engine.take.options import TakeOptions
from engine.take.plan_file import read_plan
from engine.take.progress import Bar, Course

# Commands with the folder that holds them; the extension leaves these folders out.
DEVELOPERS_COMMANDS = {"evaluate": "evaluation", "train": "training"}


class _Commands(TyperGroup):
    """The commands below, and those of DEVELOPERS_COMMANDS, which are imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names for --help: of the developers' commands only those that are here."""
        return [*super().list_commands(ctx), *filter(_is_here, DEVELOPERS_COMMANDS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or none; CospeechError for one that isn't in the extension."""
        if cmd_name not in DEVELOPERS_COMMANDS:
            return super().get_command(ctx, cmd_name)
        if not _is_here(cmd_name):
            raise CospeechError(f"The extension has no '{cmd_name}'; run it in a checkout of Cospeech's repository")
        return get_command(import_module(f"engine.{DEVELOPERS_COMMANDS[cmd_name]}.commands").app)


def _is_here(name: str) -> bool:
    return (Path(__file__).parent / DEVELOPERS_COMMANDS[name] / "commands.py").is_file()


app = typer.Typer(
    cls=_Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__
)

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
    generator: Annotated[str, typer.Option(help="default, emage, semtalk or semges.")] = "default",
    weights: Annotated[str, typer.Option(help="Folder of a published generator's weights.")] = "",
    plan: Annotated[str, typer.Option(help="A gesture plan (JSON) to follow instead of planning anew.")] = "",
    hints: Annotated[str, typer.Option(help="What is fixed, and the window to make anew (.npz).")] = "",
    style: Annotated[str, typer.Option(help="calm, explain, narrate or excited.")] = "explain",
    speaker: Annotated[
        str, typer.Option(help="Speaker preset or its .json file; for published generators a number.")
    ] = "default",
    energy: Annotated[float, typer.Option(help="0.5 to 1.5: rate and size of gestures.")] = 1.0,
    emotion: Annotated[str, typer.Option(help="neutral, happy, sad, angry or surprised: how it feels.")] = NEUTRAL,
    emotion_strength: Annotated[float, typer.Option(help="0 to 1: how much of the emotion shows.")] = 1.0,
    parts: Annotated[str, typer.Option(help="Comma-separated body parts.")] = ",".join(PARTS),
    in_place: Annotated[bool, typer.Option("--in-place", help="Keep pelvis and feet where they stand.")] = False,
    fps: Annotated[float | None, typer.Option(help="Frame rate of the take; the hints' own, else 30.")] = None,
    smplx: Annotated[
        str, typer.Option(help="Your SMPL-X model (file or folder): the face as its expression and jaw too.")
    ] = "",
    role: Annotated[str, typer.Option(help="speak, listen (to this line) or idle.")] = "speak",
    gaze: Annotated[str, typer.Option(help="Where to look: x,y,z in metres, left, up from the floor, forward.")] = "",
    emphasis: Annotated[
        list[str] | None,
        typer.Option(help="START:END:VALUE, seconds and -1 to 1: words there show less or more. As often as needed."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another performance.")] = 0,
    variations: Annotated[int, typer.Option(min=1, help="Number of takes; seeds count up from --seed.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: Json = False,
) -> None:
    """Make a take from speech."""
    given = dict(locals())  # every option by its name, most as TakeOptions has them
    asked = {name: value for name, value in given.items() if name not in ("out", "variations", "as_json")}
    asked["parts"] = tuple(part.strip() for part in parts.split(",") if part.strip())
    asked["fps"] = 30.0 if fps is None else fps
    asked["gaze"] = _place(gaze)
    asked["emphasis"] = tuple(_stretch(text) for text in emphasis or ())
    options = TakeOptions(**asked).checked()
    if hints and fps is None:
        options = replace(options, fps=rate_of(hints))
    _write_takes(options, out, variations, as_json)


def _write_takes(options: TakeOptions, out: Path, variations: int, as_json: bool) -> None:
    """Make the takes of these options, seeds counting up, and say what came of them."""
    paths = _targets(out, variations, options.seed, (options.audio, options.transcript, options.plan, options.hints))
    if options.plan:
        read_plan(options.plan)  # a wrong one is told before minutes of listening
    takes = []
    with Bar(quiet=as_json) as bar:
        course = Course(bar, variations)
        speech = hear(options, course)
        seeds = tuple(options.seed + index for index in range(variations))
        for path, motion in zip(paths, make_takes(options, seeds, course, speech), strict=True):
            motion.save(path)
            takes.append({"path": str(path), "frames": motion.frames, "fps": motion.fps, **outcome_of(motion)})
    if as_json:
        print(json.dumps({"takes": takes}, ensure_ascii=False))
        return
    for take in takes:
        print(f"{take['path']}: {take['frames']} frames at {take['fps']:g} fps")
        for warning in [*take["warnings"], *missed(take["targets"])]:
            print(f"  note: {warning}")


def _stretch(text: str) -> tuple[float, float, float]:
    """Start, end and amount of emphasis from "START:END:VALUE"."""
    try:
        start, end, amount = (float(part) for part in text.split(":"))
    except ValueError:
        raise CospeechError(f"--emphasis is '{text}'; give start, end and amount as 1.2:2.0:0.8") from None
    return start, end, amount


def _place(text: str) -> tuple[float, float, float] | None:
    """A place from "x,y,z"; None where nothing is given."""
    if not text.strip():
        return None
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise CospeechError(f"--gaze is '{text}'; give three numbers x,y,z in metres: left, up, forward") from None
    return x, y, z


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
def serve() -> None:
    """Speak JSON-RPC on stdin and stdout, for Blender."""
    from engine.serve import serve_stdio

    serve_stdio()
