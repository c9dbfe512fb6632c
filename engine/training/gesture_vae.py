"""A rival of the default gesture model, kept for ``evaluate-gestures``: a variational auto-encoder with a
phase-functioned decoder, (phase, kind, latent) -> pose, and the standard normal as the prior that is drawn from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.phase_gesture import MODEL_JOINTS, PHASE_RANGE, ClipInfo, Landmarks, Recipe, orthonormal_rows
from engine.training.corpus import Clip
from engine.training.gesture_autodecoder import (
    GRID,
    HARMONICS,
    OUTPUTS,
    TrainingSet,
    phase_features,
    training_set,
)

Array = NDArray[np.float64]

LATENT = 24
WIDTH = 384
CLIPS_A_STEP, MOMENTS = 48, 16
CODED = 12  # every twelfth of the grid's 301 moments goes into the encoder
RATE = 1.5e-3
KL_WEIGHT = 2e-4
FIT_STEPS = 200


class PhaseVae(nn.Module):
    """Encoder: 26 poses of a clip and its kind -> mean and log variance; decoder: phase, kind, latent -> pose."""

    output_mean: Tensor
    output_std: Tensor

    def __init__(self, kinds: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.kinds = kinds
        coded = len(range(0, GRID, CODED)) * OUTPUTS
        self.encoder = nn.Sequential(nn.Linear(coded + kinds, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 2 * LATENT))
        self.decoder = nn.Sequential(
            nn.Linear(2 * HARMONICS + kinds + LATENT, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, OUTPUTS),
        )
        self.register_buffer("output_mean", mean)
        self.register_buffer("output_std", std)

    def encode(self, coded: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 26, 258), (B,) -> mean and log variance (B, 24)."""
        poses = (coded - self.output_mean) / self.output_std
        both = self.encoder(torch.cat([poses.flatten(1), self._hot(kind)], dim=1))
        return both[:, :LATENT], both[:, LATENT:]

    def decode(self, features: Tensor, kind: Tensor, latent: Tensor) -> Tensor:
        """(B, 40), (B,), (B, 24) -> (B, 258) 6D rotations."""
        out: Tensor = self.decoder(torch.cat([features, self._hot(kind), latent], dim=1))
        return out * self.output_std + self.output_mean

    def _hot(self, kind: Tensor) -> Tensor:
        return nn.functional.one_hot(kind, self.kinds).float()


class Vae:
    """A trained VAE as a GestureSource: a recipe's noise is the latent; its two clips give kind and timing."""

    def __init__(self, net: PhaseVae, clips: tuple[Clip, ...], kinds: list[tuple[str, str]]) -> None:
        self._net, self._kinds = net, kinds
        self.clips: tuple[ClipInfo, ...] = tuple(clip.info for clip in clips)

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """Landmarks between the two clips'."""
        first = self.clips[recipe.first].landmarks
        return first.mixed(self.clips[recipe.second].landmarks, recipe.mix)

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        phase = self.landmarks(recipe).phase(seconds)
        return self._evaluate(phase, self._kind(self.clips[recipe.first]), torch.from_numpy(recipe.noise).float())

    def best(self, clips: tuple[Clip, ...]) -> list[Array]:
        """Every clip as its best latent decodes it, at 30 fps from start to end: (n, 43, 3, 3) each. Latents are
        fitted by gradient from the encoder's mean."""
        data = training_set(clips, sorted({gclass for gclass, _ in self._kinds}))
        kinds = torch.tensor([self._kind(clip.info) for clip in clips])
        with torch.no_grad():
            latents = self._net.encode(data.targets[:, ::CODED], kinds)[0]
        latents = nn.Parameter(latents.clone())
        optimiser = torch.optim.Adam([latents], lr=0.05)
        rng = np.random.default_rng(0)
        for _ in range(FIT_STEPS):
            every = np.arange(len(clips))
            loss = _error(self._net, data, every, kinds, latents, rng)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return [
            self._evaluate(clip.info.landmarks.phase(clip.span()), int(kinds[place]), latents.detach()[place])
            for place, clip in enumerate(clips)
        ]

    def _kind(self, info: ClipInfo) -> int:
        wanted = (info.gclass, info.hands)
        alike = [place for place, kind in enumerate(self._kinds) if kind[0] == info.gclass]
        return self._kinds.index(wanted) if wanted in self._kinds else alike[0]

    def _evaluate(self, phase: Array, kind: int, latent: Tensor) -> Array:
        with torch.no_grad():
            features = torch.from_numpy(phase_features(phase))
            six = self._net.decode(features, torch.full((len(phase),), kind), latent.expand(len(phase), -1)).numpy()
        return orthonormal_rows(six.reshape(len(six), len(MODEL_JOINTS), 6))


def train_vae(clips: tuple[Clip, ...], steps: int, seed: int) -> Vae:
    """Train on clips; the same clips, steps, seed and machine give the same weights."""
    torch.manual_seed(seed)
    names = sorted({clip.info.gclass for clip in clips})
    kinds = sorted({(clip.info.gclass, clip.info.hands) for clip in clips})
    data = training_set(clips, names)
    net = PhaseVae(len(kinds), data.targets.mean(dim=(0, 1)), data.targets.std(dim=(0, 1)).clamp(min=0.02))
    kind = torch.tensor([kinds.index((clip.info.gclass, clip.info.hands)) for clip in clips])
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    rng = np.random.default_rng(seed)
    coded = data.targets[:, ::CODED].contiguous()
    for _ in range(steps):
        chosen = rng.integers(len(clips), size=CLIPS_A_STEP)
        mean, log_variance = net.encode(coded[chosen], kind[chosen])
        unit = torch.from_numpy(rng.standard_normal(mean.shape).astype(np.float32))
        latent = mean + torch.exp(0.5 * log_variance) * unit
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(dim=1).mean()
        loss = _error(net, data, chosen, kind[chosen], latent, rng) + KL_WEIGHT * divergence
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return Vae(net, clips, kinds)


def _error(
    net: PhaseVae, data: TrainingSet, clips: NDArray[np.int64], kind: Tensor, latent: Tensor, rng: np.random.Generator
) -> Tensor:
    """Weighted squared 6D error at MOMENTS random grid moments of every clip (k,)."""
    spots = rng.integers(GRID, size=(len(clips), MOMENTS))
    phases = np.linspace(*PHASE_RANGE, GRID)[spots].ravel()
    target = data.targets[clips[:, None], spots].flatten(0, 1)
    weights = data.weights[clips].repeat_interleave(MOMENTS, dim=0)
    features = torch.from_numpy(phase_features(phases))
    out = net.decode(features, kind.repeat_interleave(MOMENTS), latent.repeat_interleave(MOMENTS, dim=0))
    return torch.as_tensor((weights * (out - target) ** 2).sum() / weights.sum())
