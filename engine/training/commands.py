"""``python -m engine train ...``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.training.emage_commands import emage_command, emage_vq_command
from engine.training.options import quiet
from engine.training.semges_commands import semges_command, semges_vq_command
from engine.training.semtalk_commands import semtalk_base_command, semtalk_rvq_command, semtalk_sparse_command

app = typer.Typer(name="train", add_completion=False, no_args_is_help=True, help="Train a model.")


@app.command("default")
def train_default_command(
    corpus: Annotated[Path, typer.Option(help="Folder of the gesture corpus.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights.")],
) -> None:
    """Train the default generator's gesture model: in closed form, in seconds."""
    from engine.training.default import train_default

    metrics: dict[str, Any] = train_default(corpus, out, quiet)
    print(json.dumps(metrics, indent=1))


@app.command("import-smartbody")
def import_smartbody_command(
    source: Annotated[Path, typer.Argument(help="SmartBody's folder data/behaviorsets, with its .skm and .sk files.")],
    out: Annotated[Path, typer.Argument(help="Folder for the gesture corpus.")],
) -> None:
    """Rebuild the gesture corpus from SmartBody's published motions."""
    from engine.training.smartbody_corpus import import_smartbody

    counts = import_smartbody(source, out, quiet)
    print(f"{out}: {counts['clips']} clips; {counts['left_out']} motions left out")


@app.command("sample-data")
def sample_data_command(
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    clips: Annotated[int, typer.Option(min=1, help="How many takes.")] = 5,
) -> None:
    """Write a small data set in BEAT2's layout from our own motion and speech."""
    from engine.training.sample_data import write_sample

    names = write_sample(out, clips, lambda *_: None)
    print(f"{out}: {len(names)} takes")


app.command("emage-vq")(emage_vq_command)
app.command("emage")(emage_command)
app.command("semges-vq")(semges_vq_command)
app.command("semges")(semges_command)
app.command("semtalk-rvq")(semtalk_rvq_command)
app.command("semtalk-base")(semtalk_base_command)
app.command("semtalk-sparse")(semtalk_sparse_command)
