"""The one training loop: any task that gives losses for a batch, on one device or many, resumed to the same bytes.

What a step draws (its batch, its masks, its dropout) follows from the seed and the step's number alone, so a run that
was cut and resumed goes on as if nothing had been. ``torchrun`` starts one process a device; each takes its share of
every batch.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import CospeechError

Progress = Callable[[str, float], None]
Batch = dict[str, Tensor]
FORMAT = 1  # number of the checkpoint's layout
LAST = "last"


@dataclass(frozen=True)
class RunOptions:
    """How to train. ``batch`` is a device's; ``rate`` the learning rate, a tenth of it from step ``decay_at`` on (0:
    never).

    The optimiser is AdamW, which without ``weight_decay`` is Adam to the bit. ``clip`` limits the gradient's norm (0:
    not). ``bf16`` computes in bfloat16 where that is safe (autocast).
    """

    steps: int
    batch: int
    rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip: float = 0.0
    decay_at: int = 0
    seed: int = 222
    device: str = "cpu"
    bf16: bool = False
    save_every: int = 500
    log_every: int = 10

    def checked(self) -> RunOptions:
        """These options, or CospeechError with what can't be."""
        if self.steps < 1 or self.batch < 1:
            raise CospeechError("Steps and batch must be 1 or more; correct the options")
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise CospeechError("There is no CUDA device here; train with --device cpu, or on a machine that has one")
        return self


class Task(Protocol):
    """What is trained: ``losses`` is a module whose forward takes a batch and gives named losses, summed and minimised;
    ``trained`` the part of it that is saved; ``items`` how many there are; ``kind`` and ``sizes`` describe it."""

    kind: str
    losses: nn.Module
    trained: nn.Module
    items: int
    sizes: dict[str, Any]

    def batch(self, items: NDArray[np.int64], step: int) -> Batch:
        """The tensors of these items."""
        ...

    def prepare(self, step: int, options: RunOptions) -> None:
        """What is done before a step, beside gradients; the same in every process and in a resumed run."""
        ...


@dataclass(frozen=True, eq=False)
class Trained:
    """What a run gives: the last step's number, and for every logged step its losses."""

    step: int
    history: list[dict[str, float]]


def train(task: Task, options: RunOptions, out: Path, progress: Progress) -> Trained:
    """Train, from the last saved step in ``out`` on; saves there every ``save_every`` steps and at the end.

    ``out/last`` holds model.safetensors, optimizer.pt and run.json, and is replaced in one step.
    """
    options = options.checked()
    rank, world = _join_others(options)
    device = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if options.device == "cuda" else options.device)
    torch.manual_seed(options.seed)
    module = task.losses.to(device).train()
    optimizer = torch.optim.AdamW(
        [p for p in module.parameters() if p.requires_grad],
        lr=options.rate,
        betas=options.betas,
        weight_decay=options.weight_decay,
    )
    step, history = _resumed(task, optimizer, out, device)
    runner: nn.Module = module
    if world > 1:
        runner = nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)
    with _board(out if rank == 0 else None) as log:
        while step < options.steps:
            for group in optimizer.param_groups:
                group["lr"] = options.rate * (0.1 if options.decay_at and step >= options.decay_at else 1.0)
            task.prepare(step, options)
            share = batch_of(task.items, options, step, rank, world)
            torch.manual_seed(_seed(options.seed, step, rank))
            batch = {name: value.to(device) for name, value in task.batch(share, step).items()}
            with _precision(options, device):
                losses: dict[str, Tensor] = runner(batch)
                total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            if options.clip:
                nn.utils.clip_grad_norm_(module.parameters(), options.clip)
            optimizer.step()
            step += 1
            if rank == 0 and (step % options.log_every == 0 or step == options.steps or step == 1):
                row = {"step": float(step), "total": total.item(), **{name: v.item() for name, v in losses.items()}}
                history.append(row)
                log(row)
            if rank == 0 and (step % options.save_every == 0 or step == options.steps):
                save_run(task, optimizer, out, step, history, options)
            progress("train", step / options.steps)
    _part(world)
    return Trained(step, history)


def batch_of(items: int, options: RunOptions, step: int, rank: int = 0, world: int = 1) -> NDArray[np.int64]:
    """This process' items of a step: every epoch is a new order of all, each taken once."""
    if items < 1:
        raise CospeechError("The data holds no window to train on; give longer takes, or more of them")
    wide = options.batch * world
    places = np.arange(step * wide + rank * options.batch, step * wide + (rank + 1) * options.batch)
    epochs, within = np.divmod(places, items)
    orders = {e: np.random.default_rng([options.seed, int(e)]).permutation(items) for e in np.unique(epochs)}
    return np.array([orders[epoch][place] for epoch, place in zip(epochs, within, strict=True)], dtype=np.int64)


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint32)[0])


def _precision(options: RunOptions, device: torch.device) -> AbstractContextManager[Any]:
    return torch.autocast(device.type, dtype=torch.bfloat16) if options.bf16 else nullcontext()


def _join_others(options: RunOptions) -> tuple[int, int]:
    """(rank, world) as torchrun sets them."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if options.device == "cuda" else "gloo")
        atexit.register(_leave)
    return int(os.environ.get("RANK", "0")), world


def _leave() -> None:
    """End the group's threads while Python still runs: one that wakes later aborts the process, one time in ten.

    They end with the last who holds the group, and a parallel module holds it in a cycle.
    """
    torch.distributed.destroy_process_group()
    gc.collect()


def _part(world: int) -> None:
    """Nobody goes on before the last step is saved; the group stays for the next model of the same command."""
    if world > 1:
        torch.distributed.barrier()


def save_run(
    task: Task, optimizer: torch.optim.Optimizer, out: Path, step: int, history: Sequence[Any], options: RunOptions
) -> None:
    """Write ``out/last``, into a folder beside it first: a full disk or a power cut leaves the old one whole."""
    from safetensors.torch import save_file

    fresh = out / f".{LAST}.{os.getpid()}"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        state = {key: value.detach().cpu().contiguous().clone() for key, value in task.trained.state_dict().items()}
        save_file(
            state,
            fresh / "model.safetensors",
            metadata={"cospeech": json.dumps({"kind": task.kind, "sizes": task.sizes})},
        )
        torch.save(optimizer.state_dict(), fresh / "optimizer.pt")
        run = {"format": FORMAT, "kind": task.kind, "sizes": task.sizes, "step": step}
        run |= {"options": asdict(options), "history": list(history)}
        (fresh / "run.json").write_text(json.dumps(run, indent=1), encoding="utf-8")
        old = out / f".{LAST}.old"
        shutil.rmtree(old, ignore_errors=True)
        if (out / LAST).is_dir():
            (out / LAST).rename(old)
        fresh.rename(out / LAST)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise CospeechError(
            f"The run can't be saved in {out} ({error.strerror}); free some disk space and start the same command again"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _resumed(
    task: Task, optimizer: torch.optim.Optimizer, out: Path, device: torch.device
) -> tuple[int, list[dict[str, float]]]:
    from safetensors.torch import load_file

    last = out / LAST if (out / LAST).is_dir() else out / f".{LAST}.old"
    if not (last / "run.json").is_file():
        return 0, []
    run = json.loads((last / "run.json").read_text(encoding="utf-8"))
    if run.get("kind") != task.kind or run.get("sizes") != json.loads(json.dumps(task.sizes)):
        raise CospeechError(f"{out} holds a run of another model ({run.get('kind')}); choose another --out")
    task.trained.load_state_dict(load_file(last / "model.safetensors"))
    optimizer.load_state_dict(torch.load(last / "optimizer.pt", map_location=device, weights_only=True))
    return int(run["step"]), list(run["history"])


@contextmanager
def _board(out: Path | None) -> Iterator[Callable[[dict[str, float]], None]]:
    """What writes a row of losses for TensorBoard, where that package is installed and there is a folder; run.json
    holds the same numbers. Its thread ends with the run: a process that trains a hundred times would keep a hundred."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        out = None
    if out is None:
        yield lambda row: None
        return
    with SummaryWriter(str(out / "tensorboard")) as writer:

        def log(row: dict[str, float]) -> None:
            for name, value in row.items():
                if name != "step":
                    writer.add_scalar(name, value, int(row["step"]))

        yield log
