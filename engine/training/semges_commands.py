"""``python -m engine train semges-vq`` and ``semges``."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from engine.training.options import (
    Bf16,
    Data,
    Device,
    Out,
    Seed,
    Speakers,
    Steps,
    numbers,
    parts_named,
    run,
)

Hubert = Annotated[Path, typer.Option(help="Folder facebook/hubert-base-ls960 as the hub has it.")]


def semges_vq_command(
    data: Data,
    out: Out,
    part: Annotated[str, typer.Option(help="hands, body or all.")] = "all",
    steps: Steps = 100_000,
    batch: Annotated[int, typer.Option(min=1, help="Windows a step and device; the rate grows with it.")] = 256,
    width: Annotated[int, typer.Option(min=4, help="Width of the latents.")] = 512,
    codes: Annotated[int, typer.Option(min=2, help="Rows of the codebook.")] = 256,
    rate: Annotated[float, typer.Option(min=0.0, help="Learning rate; 0: the release's for this batch.")] = 0.0,
    speakers: Speakers = "",
    seed: Seed = 2021,
    device: Device = "cpu",
    bf16: Bf16 = False,
) -> None:
    """Train SemGes' codecs of hands and body on SMPL-X motion, each into its own folder of --out."""
    import torch

    from engine.training.emage_data import read_data
    from engine.training.loop import RunOptions
    from engine.training.semges import CODEC_BETAS, CODEC_RATE, CODEC_RATE_BATCH, PARTS, SemgesCodecTask

    parts = parts_named(part, PARTS)
    found = read_data(data, "train", numbers(speakers))
    chosen = rate or CODEC_RATE * batch / CODEC_RATE_BATCH
    for name in parts:
        options = RunOptions(
            steps, batch, chosen, CODEC_BETAS, decay_at=round(steps * 0.975), seed=seed, device=device, bf16=bf16
        )
        torch.manual_seed(seed)  # of the first weights
        run(name, SemgesCodecTask(found, name, width, codes), options, out / name)


def semges_command(
    data: Data,
    codecs: Annotated[Path, typer.Option(help="Folder of a run of semges-vq.")],
    hubert: Hubert,
    out: Out,
    steps: Steps = 40_000,
    batch: Annotated[int, typer.Option(min=1, help="Windows a step and device.")] = 128,
    width: Annotated[int, typer.Option(min=16, help="Width of the trunk, a multiple of 8.")] = 256,
    blocks: Annotated[int, typer.Option(min=1, help="Blocks of the trunk.")] = 12,
    rate: Annotated[float, typer.Option(min=0.0, help="Learning rate.")] = 5e-4,
    published_losses: Annotated[
        bool, typer.Option("--published-losses", help="The release's losses, their faults included.")
    ] = False,
    speakers: Speakers = "",
    seed: Seed = 2021,
    device: Device = "cpu",
    bf16: Bf16 = False,
) -> None:
    """Train SemGes' second stage on trained codecs; ``--out``/release is a folder that the generator takes."""
    import torch

    from engine.models.hubert import hubert_steps
    from engine.models.hubert_folder import load_hubert
    from engine.models.semges import PAIR, SemgesSize
    from engine.models.semges_checkpoints import BODY, HANDS, load_codec, networks_in
    from engine.training.emage_data import read_data
    from engine.training.loop import RunOptions
    from engine.training.semges import NETWORK_BETAS, NETWORK_CLIP, SemgesTask, read_semges
    from engine.training.semges_losses import PUBLISHED_FAULTS, SemgesFaults

    found = read_data(data, "train", numbers(speakers))
    listener = load_hubert(hubert, device)
    speech = read_semges(data, found, lambda wave: hubert_steps(listener, wave))
    files = networks_in(codecs, (HANDS, BODY))
    pair = load_codec(files[HANDS]), load_codec(files[BODY])
    size = replace(
        SemgesSize(),
        words=speech.vocabulary.size,
        audio=PAIR * listener.size.width,
        width=width,
        inner=width * 3 // 2,
        latent=pair[0].size.width,
        speakers=max(found.speakers, 1),
        blocks=blocks,
    )
    faults = PUBLISHED_FAULTS if published_losses else SemgesFaults()
    torch.manual_seed(seed)  # of the first weights
    task = SemgesTask(found, speech, pair, size, faults)
    options = RunOptions(steps, batch, rate, NETWORK_BETAS, clip=NETWORK_CLIP, seed=seed, device=device, bf16=bf16)
    run("semges", task, options, out)
    release = out / "release"
    for name, file in ((HANDS, files[HANDS].path), (BODY, files[BODY].path)):
        place = release / name / "model.safetensors"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    shutil.copyfile(out / "last" / "model.safetensors", release / "model.safetensors")
    speech.vocabulary.save(release / "vocab.json")
    if not (release / "hubert").exists():
        shutil.copytree(hubert, release / "hubert")
