"""``python -m engine train ...``"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import CospeechError

if TYPE_CHECKING:
    from engine.body.smplx_model import BodyModel
    from engine.training.loop import Trained

train_app = typer.Typer(no_args_is_help=True, help="Train a model.")

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


@train_app.command("default")
def train_default_command(
    corpus: Annotated[Path, typer.Option(help="Folder of the gesture corpus.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights.")],
) -> None:
    """Train the default generator's gesture model: in closed form, in seconds."""
    from engine.training.default import train_default

    metrics: dict[str, Any] = train_default(corpus, out, quiet)
    print(json.dumps(metrics, indent=1))


@train_app.command("import-smartbody")
def import_smartbody_command(
    source: Annotated[Path, typer.Argument(help="SmartBody's folder data/behaviorsets, with its .skm and .sk files.")],
    out: Annotated[Path, typer.Argument(help="Folder for the gesture corpus.")],
) -> None:
    """Rebuild the gesture corpus from SmartBody's published motions."""
    from engine.training.smartbody_corpus import import_smartbody

    counts = import_smartbody(source, out, quiet)
    print(f"{out}: {counts['clips']} clips; {counts['left_out']} motions left out")


@train_app.command("sample-data")
def sample_data_command(
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    clips: Annotated[int, typer.Option(min=1, help="How many takes.")] = 5,
) -> None:
    """Write a small data set in BEAT2's layout from our own motion and speech."""
    from engine.training.sample_data import write_sample

    names = write_sample(out, clips, lambda *_: None)
    print(f"{out}: {len(names)} takes")


@train_app.command("emage-vq")
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
    from engine.training.loop import RunOptions, train
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
        report(name, shown(train(task, options, out / name, quiet)))


@train_app.command("emage")
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
    from engine.training.loop import RunOptions, train

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
    trained = train(task, options, out, quiet)
    write_release(out, folders)
    report("emage", shown(trained))


def body_model(folder: Path | None) -> BodyModel | None:
    """The user's SMPL-X model, where one is given."""
    from engine.body.smplx_model import load_body_model

    return None if folder is None else load_body_model(folder)


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


def report(name: str, row: dict[str, Any]) -> None:
    """One line of JSON."""
    print(json.dumps({"model": name, **row}), flush=True)


def shown(trained: Trained) -> dict[str, Any]:
    """First and last loss of a run, and its step."""
    if not trained.history:  # not the first process of several
        return {"step": trained.step}
    first, last = trained.history[0], trained.history[-1]
    return {"step": trained.step, "first_loss": round(first["total"], 5), "last_loss": round(last["total"], 5)}
