"""A rival of the default gesture model, kept for ``evaluate-gestures``: one latent a clip, learned with a network that
decodes (phase, class, latent) to poses. It was the bundled model before; the model card says why it is no more."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from engine.models.phase_gesture import (
    MODEL_JOINTS,
    PHASE_RANGE,
    ClipInfo,
    Landmarks,
    Recipe,
    orthonormal_rows,
)
from engine.training.corpus import Clip

Array = NDArray[np.float64]

OUTPUTS = len(MODEL_JOINTS) * 6
HARMONICS = 20
PHASE_PERIOD = 8.0
LATENT = 24
CLASS_WIDTH = 16
HIDDEN = (448, 448, 448, 448)
GRID = 301
BATCH = 1024
PAIR_SHARE = 0.2
LATENT_NOISE = 0.04
# Errors of the arm chain move the hand most; the idle arm of a one-handed clip matters little.
TORSO_WEIGHT, ARM_WEIGHT, WRIST_WEIGHT, FINGER_WEIGHT, IDLE_WEIGHT = 2.0, 4.0, 2.0, 1.0, 0.1
NOISE_SCALE = 0.6  # of the latents' own spread, a unit of Recipe.spread: 0.12 where 0.2 is asked for


def phase_features(phase: ArrayLike) -> NDArray[np.float32]:
    """(n,) phases -> (n, 2 * HARMONICS) float32 Fourier features over PHASE_PERIOD."""
    angles = np.outer(np.asarray(phase, dtype=np.float64), np.arange(1, HARMONICS + 1)) * (2.0 * np.pi / PHASE_PERIOD)
    return np.asarray(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Clips on a common phase grid: ``targets`` (clips, GRID, 258), ``tables`` (clips, 256) phases at evenly spread
    clip times, ``partners`` lists of clips of the same class and hands, ``classes`` (clips,), ``weights``."""

    targets: Tensor
    tables: Tensor
    partners: list[list[int]]
    classes: Tensor
    weights: Tensor


class PhaseNet(nn.Module):
    """Class embeddings, latents and an MLP of phase."""

    output_mean: Tensor
    output_std: Tensor

    def __init__(self, clips: int, classes: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.classes = nn.Parameter(torch.randn(classes, CLASS_WIDTH) * 0.5)
        self.latents = nn.Parameter(torch.randn(clips, LATENT) * 0.3)
        widths = (2 * HARMONICS + CLASS_WIDTH + LATENT, *HIDDEN, OUTPUTS)
        self.layer = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.register_buffer("output_mean", mean)
        self.register_buffer("output_std", std)

    def forward(self, features: Tensor, class_index: Tensor, latent: Tensor) -> Tensor:
        """(B, 40), (B,), (B, 24) -> (B, 258) 6D rotations."""
        hidden: Tensor = self.layer[0](torch.cat([features, self.classes[class_index], latent], dim=1))
        for layer in list(self.layer)[1:]:
            hidden = layer(nn.functional.silu(hidden))
        return hidden * self.output_std + self.output_mean


class AutoDecoder:
    """A trained auto-decoder as a GestureSource; ``best`` is the decoder's nearest to a clip that it never saw."""

    def __init__(self, net: PhaseNet, clips: tuple[Clip, ...], class_names: list[str], steps: int, seed: int) -> None:
        self._net, self._names, self._steps, self._seed = net, class_names, steps, seed
        self._kinds = np.array([clip.info.gclass for clip in clips])
        self.clips: tuple[ClipInfo, ...] = tuple(clip.info for clip in clips)

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """Landmarks mixed like the latents."""
        first = self.clips[recipe.first].landmarks
        return first.mixed(self.clips[recipe.second].landmarks, recipe.mix)

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        latents = self._net.latents.detach()
        between = latents[recipe.first] + recipe.mix * (latents[recipe.second] - latents[recipe.first])
        noise = torch.from_numpy(recipe.noise * recipe.spread * NOISE_SCALE).float() * latents.std(dim=0)
        phase = self.landmarks(recipe).phase(seconds)
        return self._evaluate(phase, self.clips[recipe.first].gclass, between + noise)

    def best(self, clips: tuple[Clip, ...]) -> list[Array]:
        """Every clip as its best latent decodes it, at 30 fps from start to end: (n, 43, 3, 3) each. Latents are
        fitted by gradient from the class' mean, a fifth of the training's steps."""
        learned = self._net.latents
        starts = [learned.detach()[self._kinds == clip.info.gclass].mean(dim=0) for clip in clips]
        self._net.latents = nn.Parameter(torch.stack(starts))
        data = training_set(clips, self._names)
        optimiser = torch.optim.Adam([self._net.latents], lr=1e-2)
        _optimise(self._net, data, optimiser, max(1, self._steps // 5), np.random.default_rng(self._seed))
        found = [
            self._evaluate(clip.info.landmarks.phase(clip.span()), clip.info.gclass, self._net.latents.detach()[place])
            for place, clip in enumerate(clips)
        ]
        self._net.latents = learned
        return found

    def _evaluate(self, phase: Array, gclass: str, latent: Tensor) -> Array:
        with torch.no_grad():
            features = torch.from_numpy(phase_features(phase))
            kind = torch.full((len(phase),), self._names.index(gclass))
            six = self._net(features, kind, latent.expand(len(phase), -1)).numpy()
        return orthonormal_rows(six.reshape(len(six), len(MODEL_JOINTS), 6))


def train_autodecoder(clips: tuple[Clip, ...], steps: int, seed: int) -> AutoDecoder:
    """Train on clips; the same clips, steps, seed and machine give the same weights."""
    torch.manual_seed(seed)
    class_names = sorted({clip.info.gclass for clip in clips})
    data = training_set(clips, class_names)
    mean = data.targets.mean(dim=(0, 1))
    std = data.targets.std(dim=(0, 1)).clamp(min=0.02)
    net = PhaseNet(len(clips), len(class_names), mean, std)
    groups = [{"params": net.layer.parameters(), "lr": 1.5e-3}, {"params": [net.latents, net.classes], "lr": 4e-3}]
    _optimise(net, data, torch.optim.Adam(groups), steps, np.random.default_rng(seed))
    return AutoDecoder(net, clips, class_names, steps, seed)


def training_set(clips: tuple[Clip, ...], class_names: list[str]) -> TrainingSet:
    """The clips on the phase grid, with the tables that random moments are drawn from."""
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
    joints[:7] = TORSO_WEIGHT
    for arm in (7, 25):
        joints[arm : arm + 2], joints[arm + 2] = ARM_WEIGHT, WRIST_WEIGHT
    if info.hands == "right":
        joints[7:25] = IDLE_WEIGHT
    return np.repeat(joints, 6)


def _optimise(
    net: PhaseNet, data: TrainingSet, optimiser: torch.optim.Optimizer, steps: int, rng: np.random.Generator
) -> None:
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    for _ in range(steps):
        loss = _loss(net, data, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _rate(step: int, steps: int) -> float:
    """Warm-up over the first 2 %, then cosine to 1 %."""
    warm = max(1, steps // 50)
    return min(1.0, (step + 1) / warm) * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * step / steps))))


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
    out = net(torch.from_numpy(phase_features(phase.numpy())), data.classes[first], latent + noise)
    weights = data.weights[first]
    return torch.as_tensor((weights * (out - target) ** 2).sum() / weights.sum())


def _at(targets: Tensor, clip: NDArray[np.int64], phase: Tensor) -> Tensor:
    """(B, 258) targets of clips at phases, linear on the grid."""
    spot = ((phase - PHASE_RANGE[0]) / (PHASE_RANGE[1] - PHASE_RANGE[0]) * (GRID - 1)).clamp(0, GRID - 1.001)
    low = spot.long()
    part = (spot - low)[:, None]
    index = torch.from_numpy(clip)
    return targets[index, low] * (1.0 - part) + targets[index, low + 1] * part
