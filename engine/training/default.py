"""Train the default gesture realiser: an auto-decoder over corpus clips (one latent a clip), in the phase domain."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import CospeechError
from engine.models.phase_gesture import (
    FORMAT,
    HARMONICS,
    MODEL_JOINTS,
    OUTPUTS,
    PHASE_RANGE,
    ClipInfo,
    GestureModel,
    phase_features,
)
from engine.rotations import geodesic_angle, matrix_from_6d
from engine.training.corpus import Clip, read_corpus

Progress = Callable[[str, float], None]
Array = NDArray[np.float64]

LATENT = 24
CLASS_WIDTH = 16
HIDDEN = (448, 448, 448, 448)
GRID = 301
BATCH = 1024
PAIR_SHARE = 0.2
LATENT_NOISE = 0.04
LATENT_DECAY = 1e-6
# Errors of the arm chain move the hand most; the idle arm of a one-handed clip matters little.
TORSO_WEIGHT, ARM_WEIGHT, WRIST_WEIGHT, FINGER_WEIGHT, IDLE_WEIGHT = 2.0, 4.0, 2.0, 1.0, 0.1
GROUPS = {
    "torso": tuple(range(7)),
    "left_arm": (7, 8, 9),
    "left_fingers": tuple(range(10, 25)),
    "right_arm": (25, 26, 27),
    "right_fingers": tuple(range(28, 43)),
}


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Clips on a common phase grid: ``targets`` (clips, GRID, 258), ``tables`` (clips, 256) phases at evenly spread
    clip times, ``partners`` a list of clip indices of the same class and hands, ``classes`` (clips,)."""

    targets: Tensor
    tables: Tensor
    partners: list[list[int]]
    classes: Tensor
    weights: Tensor


class PhaseNet(nn.Module):
    """The torch twin of GestureModel: class embeddings, latents and an MLP; tensors are named alike."""

    def __init__(self, clips: int, classes: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.classes = nn.Parameter(torch.randn(classes, CLASS_WIDTH) * 0.5)
        self.latents = nn.Parameter(torch.randn(clips, LATENT) * 0.3)
        widths = (2 * HARMONICS + CLASS_WIDTH + LATENT, *HIDDEN, OUTPUTS)
        self.layer = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.register_buffer("output_mean", mean)
        self.register_buffer("output_std", std)

    def forward(self, features: Tensor, class_index: Tensor, latent: Tensor) -> Tensor:
        """(B, 40), (B,), (B, 24) -> (B, 258) normalised 6D."""
        hidden: Tensor = self.layer[0](torch.cat([features, self.classes[class_index], latent], dim=1))
        for layer in list(self.layer)[1:]:
            hidden = layer(nn.functional.silu(hidden))
        return hidden


def train_default(corpus_dir: Path, out_dir: Path, steps: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Train on all usable clips and write ``default.safetensors`` into ``out_dir``; returns the metrics.

    The same corpus, steps, seed and machine give the same bytes. ``progress(stage, fraction)`` may raise Cancelled.
    """
    if steps < 1:
        raise CospeechError(f"Training needs at least one step, got {steps}; give --steps a positive number")
    progress("corpus", 0.0)
    clips = read_corpus(Path(corpus_dir))
    net, class_names = _fit(clips, steps, seed, progress)
    tensors = {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}
    config = _config(clips, class_names, steps, seed)
    model = GestureModel(tensors, config)
    progress("measure", 0.0)
    config["errors_degrees"] = errors(model, clips)
    _write(Path(out_dir), tensors, config)
    return {"clips": len(clips), "steps": steps, "seed": seed, **config["errors_degrees"]}


def _config(clips: tuple[Clip, ...], class_names: list[str], steps: int, seed: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "classes": class_names,
        "clips": [asdict(clip.info) for clip in clips],
        "steps": steps,
        "seed": seed,
        "licence": "LGPL-2.1-or-later; derived from USC Institute for Creative Technologies, SmartBody",
    }


def _write(out_dir: Path, tensors: dict[str, NDArray[np.float32]], config: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    target = out_dir / "default.safetensors"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        save_file(tensors, str(target), metadata={"config": json.dumps(config, sort_keys=True)})
        target.chmod(0o644)  # the library makes it readable by its owner only
    except OSError as error:
        raise CospeechError(f"Could not write {target} ({error.strerror}); choose another folder") from error


def held_out_errors(corpus_dir: Path, steps: int, seed: int, progress: Progress) -> dict[str, float]:
    """Errors in degrees on clips that the network never saw, for the model card: trained on the train split only, then
    only a latent is fitted to every other clip (of a known class)."""
    clips = read_corpus(Path(corpus_dir))
    seen = tuple(clip for clip in clips if clip.split == "train")
    net, class_names = _fit(seen, steps, seed, progress)
    new = tuple(clip for clip in clips if clip.split != "train" and clip.info.gclass in class_names)
    kinds = np.array([clip.info.gclass for clip in seen])
    starts = [net.latents.detach()[kinds == clip.info.gclass].mean(dim=0) for clip in new]
    net.latents = nn.Parameter(torch.stack(starts))
    data = _training_set(new, class_names)
    optimiser = torch.optim.Adam([net.latents], lr=1e-2)
    _optimise(net, data, optimiser, max(1, steps // 5), np.random.default_rng(seed), progress)
    tensors = {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}
    return errors(GestureModel(tensors, _config(new, class_names, steps, seed)), new)


def _fit(clips: tuple[Clip, ...], steps: int, seed: int, progress: Progress) -> tuple[PhaseNet, list[str]]:
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    class_names = sorted({clip.info.gclass for clip in clips})
    data = _training_set(clips, class_names)
    mean = data.targets.mean(dim=(0, 1))
    std = data.targets.std(dim=(0, 1)).clamp(min=0.02)
    net = PhaseNet(len(clips), len(class_names), mean, std)
    optimiser = torch.optim.Adam(
        [
            {"params": net.layer.parameters(), "lr": 1.5e-3},
            {"params": [net.latents, net.classes], "lr": 4e-3},
        ]
    )
    _optimise(net, data, optimiser, steps, np.random.default_rng(seed), progress)
    return net, class_names


def _optimise(
    net: PhaseNet,
    data: TrainingSet,
    optimiser: torch.optim.Optimizer,
    steps: int,
    rng: np.random.Generator,
    progress: Progress,
) -> None:
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    for step in range(steps):
        loss = _loss(net, data, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            progress("train", step / steps)


def _rate(step: int, steps: int) -> float:
    """Warm-up over the first 2 %, then cosine to 1 %."""
    warm = max(1, steps // 50)
    return min(1.0, (step + 1) / warm) * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * step / steps))))


def _training_set(clips: tuple[Clip, ...], class_names: list[str]) -> TrainingSet:
    grid = np.linspace(*PHASE_RANGE, GRID)
    targets, tables = [], []
    for clip in clips:
        marks = clip.info.landmarks
        seconds = np.linspace(marks.start - 0.4, marks.end + 0.4, 2048)
        phases = marks.phase(seconds)
        targets.append(clip.at(np.interp(grid, phases, seconds)).reshape(GRID, OUTPUTS))
        tables.append(np.interp(np.linspace(marks.start - 0.15, marks.end + 0.15, 256), seconds, phases))
    kinds = [(clip.info.gclass, clip.info.hands) for clip in clips]
    return TrainingSet(
        targets=torch.from_numpy(np.array(targets, dtype=np.float32)),
        tables=torch.from_numpy(np.array(tables, dtype=np.float32)),
        partners=[[j for j, kind in enumerate(kinds) if kind == kinds[i]] for i in range(len(clips))],
        classes=torch.tensor([class_names.index(clip.info.gclass) for clip in clips]),
        weights=torch.from_numpy(np.array([_weights(clip.info) for clip in clips], dtype=np.float32)),
    )


def _weights(info: ClipInfo) -> NDArray[np.float32]:
    """(258,) loss weights of a clip's outputs."""
    joints = np.full(len(MODEL_JOINTS), FINGER_WEIGHT, dtype=np.float32)
    joints[list(GROUPS["torso"])] = TORSO_WEIGHT
    for side in ("left", "right"):
        arm = list(GROUPS[f"{side}_arm"])
        joints[arm] = ARM_WEIGHT
        joints[arm[-1]] = WRIST_WEIGHT
    if info.hands == "right":
        joints[list(GROUPS["left_arm"] + GROUPS["left_fingers"])] = IDLE_WEIGHT
    return np.repeat(joints, 6)


def _loss(net: PhaseNet, data: TrainingSet, rng: np.random.Generator) -> Tensor:
    """Weighted squared 6D error of a batch of random clip moments; PAIR_SHARE of them between two clips of a kind, so
    that a latent between two clips decodes to the pose between theirs at the same phase."""
    first = rng.integers(len(data.partners), size=BATCH)
    second = np.array([data.partners[i][rng.integers(len(data.partners[i]))] for i in first])
    share = rng.uniform(0.0, 0.5, BATCH) * (rng.random(BATCH) < PAIR_SHARE)
    spot = rng.uniform(0.0, data.tables.shape[1] - 1.001, BATCH)
    low = spot.astype(np.int64)
    part = torch.from_numpy((spot - low).astype(np.float32))
    table = data.tables[first]
    rows = torch.arange(BATCH)
    phase = table[rows, low] * (1.0 - part) + table[rows, low + 1] * part
    mix = torch.from_numpy(share.astype(np.float32))[:, None]
    target = _at(data.targets, first, phase) * (1.0 - mix) + _at(data.targets, second, phase) * mix
    latent = net.latents[first] * (1.0 - mix) + net.latents[second] * mix
    noise = torch.from_numpy(rng.normal(0.0, LATENT_NOISE, latent.shape).astype(np.float32))
    features = torch.from_numpy(phase_features(phase.numpy()))
    out = net(features, data.classes[first], latent + noise) * net.output_std + net.output_mean
    weights = data.weights[first]
    error = (weights * (out - target) ** 2).sum() / weights.sum()
    return torch.as_tensor(error + LATENT_DECAY * (latent**2).mean())


def _at(targets: Tensor, clip: NDArray[np.int64], phase: Tensor) -> Tensor:
    """(B, 258) targets of clips at phases, linear on the grid."""
    spot = ((phase - PHASE_RANGE[0]) / (PHASE_RANGE[1] - PHASE_RANGE[0]) * (GRID - 1)).clamp(0, GRID - 1.001)
    low = spot.long()
    part = (spot - low)[:, None]
    index = torch.from_numpy(clip)
    return targets[index, low] * (1.0 - part) + targets[index, low + 1] * part


def errors(model: GestureModel, clips: tuple[Clip, ...]) -> dict[str, float]:
    """Mean joint angle error in degrees against the clips, per joint group (used hands only) and over all."""
    sums = {name: [0.0, 0.0] for name in GROUPS}
    for index, clip in enumerate(clips):
        marks = clip.info.landmarks
        seconds = np.arange(marks.start, marks.end, 1.0 / 30.0)
        latent = model.latent_of(index)
        decoded = model.evaluate(marks.phase(seconds), model.class_names.index(clip.info.gclass), latent)
        angles = np.degrees(geodesic_angle(decoded, matrix_from_6d(clip.at(seconds))))
        for name, joints in GROUPS.items():
            if name.startswith("left") and clip.info.hands == "right":
                continue
            sums[name][0] += float(angles[:, list(joints)].sum())
            sums[name][1] += angles[:, list(joints)].size
    total = np.sum(list(sums.values()), axis=0)
    merged = {name: round(value / max(count, 1.0), 3) for name, (value, count) in sums.items()}
    return {**merged, "all": round(float(total[0] / total[1]), 3)}
