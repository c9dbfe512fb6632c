"""``python -m engine train emage-vq`` and ``emage``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from engine.training.options import (
    Batch,
    Bf16,
    Data,
    Device,
    Out,
    PublishedStart,
    Seed,
    Smplx,
    Speakers,
    Steps,
    body_model,
    numbers,
    parts_named,
    run,
)


def emage_vq_command(
    data: Data,
    out: Out,
    part: Annotated[str, typer.Option(help="face, upper, hands, lower, global or all.")] = "all",
    steps: Steps = 95_000,
    batch: Batch = 64,
    latent: Annotated[int, typer.Option(min=4, help="Width of latents, and number of codes.")] = 256,
    rate: Annotated[float, typer.Option(min=0.0, help="Learning rate.")] = 3e-4,
    published_codebook: Annotated[
        bool, typer.Option("--published-codebook", help="Leave unused codes unused, as the release did.")
    ] = False,
    published_start: PublishedStart = False,
    smplx: Smplx = None,
    published_face: Annotated[
        bool, typer.Option("--published-face", help="The release's face mesh losses, jaw and expressions swapped.")
    ] = False,
    speakers: Speakers = "",
    seed: Seed = 222,
    device: Device = "cpu",
    bf16: Bf16 = False,
) -> None:
    """Train EMAGE's codecs, each into its own folder of --out."""
    import torch

    from engine.training.emage_data import read_data
    from engine.training.emage_vq import BETAS, CODEC_PARTS, CodecTask, codec_size
    from engine.training.loop import RunOptions
    from engine.training.mesh import mesh_note

    parts = parts_named(part, CODEC_PARTS)
    body = body_model(smplx)
    found = read_data(data, "train", numbers(speakers), body=body)
    print(mesh_note(body, smplx))
    for name in parts:
        decay = 0 if name == "upper" else round(steps * 0.975)  # epoch 780 of 800
        options = RunOptions(steps, batch, rate, BETAS, decay_at=decay, seed=seed, device=device, bf16=bf16)
        size, revive = codec_size(name, latent, latent), not published_codebook
        torch.manual_seed(seed)  # of the first weights
        task = CodecTask(
            found, name, size, revive=revive, body=body, published_face=published_face, published_start=published_start
        )
        run(name, task, options, out / name)


def emage_command(
    data: Data,
    codecs: Annotated[Path, typer.Option(help="Folder of the codecs: a run of emage-vq, or a published emage_vq.")],
    out: Out,
    steps: Steps = 100_000,
    batch: Batch = 56,
    hidden: Annotated[int, typer.Option(min=8, help="Width of the transformer, a multiple of 8.")] = 768,
    body_layers: Annotated[int, typer.Option(min=1, help="Layers of the body's attention over speech.")] = 8,
    face_layers: Annotated[int, typer.Option(min=1, help="Layers of the face's attention over speech.")] = 4,
    rate: Annotated[float, typer.Option(min=0.0, help="Learning rate.")] = 1.5e-4,
    epochs: Annotated[float, typer.Option(min=0.01, help="Epochs over which the mask grows from 5 to 100 %.")] = 400.0,
    published_schedule: Annotated[
        bool, typer.Option("--published-schedule", help="The release's mask schedule, its fault included.")
    ] = False,
    published_start: PublishedStart = False,
    smplx: Smplx = None,
    speakers: Speakers = "",
    seed: Seed = 222,
    device: Device = "cpu",
    bf16: Bf16 = False,
) -> None:
    """Train EMAGE's transformer on trained codecs; ``--out``/release is a folder as published."""
    import torch

    from engine.models.checkpoints import load_codecs
    from engine.models.emage import EmageSize
    from engine.training.emage import TransformerTask
    from engine.training.emage_data import read_data
    from engine.training.loop import RunOptions

    found = read_data(data, "train", numbers(speakers), body=body_model(smplx))
    folders = {name: codec_folder(codecs, name) for name in ("face", "upper", "hands", "lower", "global")}
    together = load_codecs(folders)
    size = EmageSize(
        hidden=hidden,
        audio=max(8, hidden // 3),
        motion=max(8, hidden // 3),
        codes=together.codec("face").size.codes,
        speakers=found.speakers,
        inner=2 * hidden,
        body_layers=body_layers,
        face_layers=face_layers,
    )
    torch.manual_seed(seed)  # of the first weights
    task = TransformerTask(found, together, size, batch, published_schedule, epochs, published_start)
    options = RunOptions(steps, batch, rate, seed=seed, device=device, bf16=bf16)
    run("emage", task, options, out)
    write_release(out, folders)


def codec_folder(codecs: Path, part: str) -> Path:
    """Where a part's weights lie: in a run's ``last`` folder, or as published."""
    run = codecs / part / "last"
    return run if run.is_dir() else codecs / part


def write_release(out: Path, folders: dict[str, Path]) -> Path:
    """A folder in the published layout from the run's last step and its codecs."""
    release = out / "release"
    release.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(out / "last" / "model.safetensors", release / "model.safetensors")
    for part, folder in folders.items():
        place = release / "emage_vq" / part
        place.mkdir(parents=True, exist_ok=True)
        weights = next(path for path in (folder / "model.safetensors", folder / "pytorch_model.bin") if path.is_file())
        shutil.copyfile(weights, place / weights.name)
    (release / "config.json").write_text(json.dumps({"model_type": "emage_audio"}), encoding="utf-8")
    return release
