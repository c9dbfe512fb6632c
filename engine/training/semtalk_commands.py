"""``python -m engine train semtalk-rvq``, ``semtalk-base`` and ``semtalk-sparse``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import CospeechError
from engine.training.options import (
    Batch,
    Bf16,
    Data,
    Device,
    Out,
    Seed,
    Smplx,
    Speakers,
    Steps,
    body_model,
    numbers,
    parts_named,
    run,
)

if TYPE_CHECKING:
    from engine.models.hubert import Hubert as HubertModel
    from engine.models.semtalk_motion import SemTalkCodecs

Codecs = Annotated[Path, typer.Option(help="Folder of a run of semtalk-rvq, or of the published codecs.")]
Hubert = Annotated[Path, typer.Option(help="Folder facebook/hubert-large-ls960-ft as the hub has it.")]
Hidden = Annotated[int, typer.Option(min=8, help="Width of the large layers, a multiple of 8.")]
Layers = Annotated[int, typer.Option(min=1, help="Layers of the body's decoder; the face's has half of them.")]
Epochs = Annotated[float, typer.Option(min=0.01, help="Epochs of the whole training, by which the mask grows.")]
PublishedHearing = Annotated[
    bool, typer.Option("--published-hearing", help="Hear as the release does, its faults included.")
]


def semtalk_rvq_command(
    data: Data,
    out: Out,
    part: Annotated[str, typer.Option(help="face, upper, hands, lower, global or all.")] = "all",
    steps: Steps = 95_000,
    batch: Batch = 64,
    width: Annotated[int, typer.Option(min=4, help="Width of the latents.")] = 256,
    codes: Annotated[int, typer.Option(min=2, help="Rows of each of the six codebooks.")] = 256,
    rate: Annotated[float, typer.Option(min=0.0, help="Learning rate.")] = 1.5e-4,
    smplx: Smplx = None,
    speakers: Speakers = "",
    seed: Seed = 2021,
    device: Device = "cpu",
    bf16: Bf16 = False,
) -> None:
    """Train SemTalk's codecs and its network of global motion, each into its own folder of --out."""
    import torch

    from engine.models.codecs import CodecSize
    from engine.models.rvq import RvqSize
    from engine.training.emage_data import read_data
    from engine.training.emage_vq import CHANNELS, CODEC_PARTS, CodecTask
    from engine.training.loop import RunOptions, Task
    from engine.training.mesh import mesh_note
    from engine.training.semtalk import BETAS, RvqTask

    parts = parts_named(part, CODEC_PARTS)
    body = body_model(smplx)
    found = read_data(data, "train", numbers(speakers), body=body)
    print(mesh_note(body, smplx))
    for name in parts:
        torch.manual_seed(seed)  # of the first weights
        options = RunOptions(steps, batch, rate, BETAS, seed=seed, device=device, bf16=bf16)
        task: Task
        if name == "global":
            task = CodecTask(found, name, CodecSize(CHANNELS[name], width, 4), body=body)
        else:
            task = RvqTask(found, name, RvqSize(CHANNELS[name], width, codes), body)
        run(name, task, options, out / name)


def semtalk_base_command(
    data: Data,
    codecs: Codecs,
    hubert: Hubert,
    out: Out,
    steps: Steps = 27_000,
    batch: Batch = 64,
    hidden: Hidden = 768,
    layers: Layers = 8,
    rate: Annotated[float, typer.Option(min=0.0, help="Learning rate.")] = 5e-5,
    epochs: Epochs = 200.0,
    published_losses: Annotated[
        bool, typer.Option("--published-losses", help="The release's losses, their fault included.")
    ] = False,
    published_hearing: PublishedHearing = False,
    speakers: Speakers = "",
    seed: Seed = 2021,
    device: Device = "cpu",
    bf16: Bf16 = False,
) -> None:
    """Train SemTalk's base network on trained codecs."""
    import torch

    from engine.generators.published.semtalk_hearing import FITTING, MENDED
    from engine.models.semtalk import SemTalkBase
    from engine.training.emage_data import read_data
    from engine.training.loop import RunOptions
    from engine.training.semtalk import BETAS, CLIP, NetworkTask, network_size, read_semtalk

    found = read_data(data, "train", numbers(speakers))
    together = read_codecs(codecs)
    hearing = FITTING if published_hearing else MENDED
    speech = read_semtalk(data, found, listening(listener(hubert, device)), hearing)
    torch.manual_seed(seed)  # of the first weights
    model = SemTalkBase(network_size(together, speech, found.speakers, hidden, layers))
    task = NetworkTask(model, found, speech, together, batch, published_losses, epochs)
    options = RunOptions(steps, batch, rate, BETAS, clip=CLIP, seed=seed, device=device, bf16=bf16)
    run("semtalk-base", task, options, out)


def semtalk_sparse_command(
    data: Data,
    codecs: Codecs,
    hubert: Hubert,
    clip: Annotated[Path, typer.Option(help="Folder openai/clip-vit-base-patch32 as the hub has it.")],
    base: Annotated[Path, typer.Option(help="Folder of a run of semtalk-base.")],
    out: Out,
    steps: Steps = 27_000,
    batch: Batch = 64,
    hidden: Hidden = 768,
    layers: Layers = 8,
    rate: Annotated[float, typer.Option(min=0.0, help="Learning rate.")] = 5e-5,
    epochs: Epochs = 200.0,
    published_hearing: PublishedHearing = False,
    speakers: Speakers = "",
    seed: Seed = 2021,
    device: Device = "cpu",
    bf16: Bf16 = False,
) -> None:
    """Train SemTalk's sparse network; ``--out``/release is a folder that the generator takes."""
    import torch

    from engine.generators.published.semtalk_folder import MENDED_MARK
    from engine.generators.published.semtalk_hearing import FITTING, MENDED
    from engine.models.clip_folder import load_clip_text
    from engine.models.semtalk import SemTalkSparse
    from engine.training.emage_data import read_data
    from engine.training.loop import RunOptions
    from engine.training.semtalk import BETAS, CLIP, NetworkTask, network_size, read_semtalk

    weights = base / "last" / "model.safetensors"
    if not weights.is_file():
        raise CospeechError(f"{base} holds no run of semtalk-base; train one, and give its folder")
    found = read_data(data, "train", numbers(speakers))
    together = read_codecs(codecs)
    hearing = FITTING if published_hearing else MENDED
    encode = load_clip_text(clip, device)
    speech = read_semtalk(data, found, listening(listener(hubert, device)), hearing, lambda texts: encode(texts).cpu())
    torch.manual_seed(seed)  # of the first weights
    model = SemTalkSparse(network_size(together, speech, found.speakers, hidden, layers))
    task = NetworkTask(model, found, speech, together, batch, epochs=epochs)
    options = RunOptions(steps, batch, rate, BETAS, clip=CLIP, seed=seed, device=device, bf16=bf16)
    run("semtalk-sparse", task, options, out)
    if int(os.environ.get("RANK", "0")) == 0:
        release = write_release(out, weights, codec_files(codecs), {"hubert": hubert, "clip": clip})
        speech.vocabulary.save(release / "vocab.json")
        if not published_hearing:
            (release / MENDED_MARK).touch()


def write_release(out: Path, base: Path, codecs: dict[str, Path], hub: dict[str, Path]) -> Path:
    """The run's last step with the base's weights, the codecs and the hub's models in one folder."""
    release = out / "release"
    release.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(base, release / "base.safetensors")
    shutil.copyfile(out / "last" / "model.safetensors", release / "sparse.safetensors")
    for name, path in codecs.items():
        shutil.copyfile(path, release / f"{name}{path.suffix}")
    for name, folder in hub.items():
        if not (release / name).exists():
            shutil.copytree(folder, release / name)
    return release


def codec_files(folder: Path) -> dict[str, Path]:
    """The weight file of every codec and of global motion in a folder; CospeechError names what is missing."""
    from engine.models.semtalk_checkpoints import CODECS, find

    return {name: found.path for name, found in find(folder, CODECS).items()}


def read_codecs(folder: Path) -> SemTalkCodecs:
    """The codecs in a folder."""
    from engine.models.semtalk_checkpoints import load_codecs

    return load_codecs(folder)


def listener(folder: Path, device: str) -> HubertModel:
    """HuBERT from its folder."""
    from engine.models.hubert_folder import LARGE_SOURCE, load_hubert

    return load_hubert(folder, device, LARGE_SOURCE)


def listening(model: HubertModel) -> Callable:  # type: ignore[type-arg]
    """A wave -> its features."""
    from engine.models.hubert import hubert_steps

    return lambda wave: hubert_steps(model, wave)
