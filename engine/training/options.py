"""What the commands of ``python -m engine train`` share: their options, and how they are read and reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import CospeechError

if TYPE_CHECKING:
    from engine.body.smplx_model import BodyModel
    from engine.training.loop import RunOptions, Task

Data = Annotated[Path, typer.Option(help="Folder in BEAT2's layout (one language).")]
Out = Annotated[Path, typer.Option(help="Folder of the run; started again, it goes on from its last saved step.")]
Steps = Annotated[int, typer.Option(min=1, help="Training steps.")]
Batch = Annotated[int, typer.Option(min=1, help="Windows a step and device.")]
Seed = Annotated[int, typer.Option(help="Seed.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Bf16 = Annotated[bool, typer.Option("--bf16", help="Compute in bfloat16 where that is safe.")]
Smplx = Annotated[
    Path | None, typer.Option(help="Folder of your SMPLX_NEUTRAL_2020.npz: losses on its mesh, contacts of its feet.")
]
PublishedStart = Annotated[
    bool, typer.Option("--published-start", help="Torch's own first weights, as released, not ones from the data.")
]
Speakers = Annotated[str, typer.Option(help="Comma-separated speaker numbers; empty: all.")]


def body_model(folder: Path | None) -> BodyModel | None:
    """The user's SMPL-X model, where one is given."""
    from engine.body.smplx_model import load_body_model

    return None if folder is None else load_body_model(folder)


def parts_named(part: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The parts that a command is to train: "all", or one by name; CospeechError where there is no such part."""
    parts = known if part == "all" else (part,)
    if not set(parts) <= set(known):
        raise CospeechError(f"There is no part '{part}'; choose all or one of: {', '.join(known)}")
    return parts


def numbers(text: str) -> tuple[int, ...]:
    """Speaker numbers from "1,2"."""
    try:
        return tuple(int(piece) for piece in text.split(",") if piece.strip())
    except ValueError as error:
        raise CospeechError(
            f"Speakers are numbers, and '{text}' is not a list of them; write for instance 1,2"
        ) from error


def quiet(_stage: str, _fraction: float) -> None:
    """No progress: the run's own file and TensorBoard show it."""


def run(name: str, task: Task, options: RunOptions, out: Path) -> None:
    """Train, and say in one line of JSON the step, the first and the last loss."""
    from engine.training.loop import train

    trained = train(task, options, out, quiet)
    row: dict[str, Any] = {"model": name, "step": trained.step}
    if trained.history:  # else this is not the first process of several
        first, last = trained.history[0], trained.history[-1]
        row |= {"first_loss": round(first["total"], 5), "last_loss": round(last["total"], 5)}
    print(json.dumps(row), flush=True)
