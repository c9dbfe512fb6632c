"""The designs that ``evaluate-gestures`` compares, behind one face: fit clips, perform, recall an unseen clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from engine.body.rotations import axis_angle_to_matrix, matrix_to_6d
from engine.errors import CospeechError
from engine.models.phase_gesture import (
    LEFT_ARM,
    RATE,
    TORSO,
    ClipInfo,
    GestureModel,
    GestureSource,
    Landmarks,
    Recipe,
    orthonormal_rows,
)
from engine.training.corpus import Clip
from engine.training.default import fit, joint_weights, phase_curves

Array = NDArray[np.float64]

DESIGNS = ("basis", "autodecoder", "vae")
# Shorter than a product's training would be: both are flat by then.
STEPS = {"autodecoder": 1500, "vae": 3000}


class Fitted(GestureSource, Protocol):
    """A fitted design: a GestureSource that can also come as near as it can to clips it never saw."""

    def best(self, clips: tuple[Clip, ...]) -> list[Array]:
        """(n, 43, 3, 3) each, at the times of ``Clip.span``."""
        ...


Design = Callable[[tuple[Clip, ...]], Fitted]


@dataclass(frozen=True, eq=False)
class PhaseBasis:
    """The bundled design: GestureModel."""

    model: GestureModel

    @property
    def clips(self) -> tuple[ClipInfo, ...]:
        """The clips it knows."""
        return self.model.clips

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The landmarks of a performance."""
        return self.model.landmarks(recipe)

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        return self.model.decode(recipe, seconds)

    def best(self, clips: tuple[Clip, ...]) -> list[Array]:
        """Clips as their best latent decodes them, by least squares over GRID; an idle arm doesn't count."""
        found = []
        for clip in clips:
            weights = joint_weights()
            if clip.info.hands == "right":
                weights[len(TORSO) : len(TORSO) + len(LEFT_ARM)] = 0.0
            curve = phase_curves((clip,), [self.model.vectors(orthonormal_rows(clip.six))])[0]
            latent = self.model.nearest(curve, np.repeat(weights, 3))
            found.append(self.model.curve(latent, clip.info.landmarks.phase(clip.span())))
        return found


@dataclass(frozen=True, eq=False)
class Copies:
    """A control: plays the clips it knows, ``changed`` (n, 43, 3, 3) in a way that a classifier has to find, or not."""

    known: tuple[Clip, ...]
    changed: Callable[[Array], Array]

    @property
    def clips(self) -> tuple[ClipInfo, ...]:
        """The clips it knows."""
        return tuple(clip.info for clip in self.known)

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The clip's own."""
        return self.known[recipe.first].info.landmarks

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        return self.changed(orthonormal_rows(self.known[recipe.first].at(seconds)))

    def best(self, clips: tuple[Clip, ...]) -> list[Array]:
        """The known clip of the class that is nearest over phase, in the unseen one's time."""
        return [min(self._tries(clip), key=lambda pair: pair[0])[1] for clip in clips]

    def _tries(self, clip: Clip) -> list[tuple[float, Array]]:
        truth = orthonormal_rows(clip.at(clip.span()))
        used = slice(7, 43) if clip.info.hands == "both" else slice(25, 43)
        tries = []
        for other in self.known:
            if other.info.gclass == clip.info.gclass:
                seconds = clip.info.landmarks.warped(clip.span(), other.info.landmarks)
                played = orthonormal_rows(other.at(seconds))
                tries.append((float(np.mean((played[:, used] - truth[:, used]) ** 2)), played))
        return tries


def _smoothed(rotations: Array) -> Array:
    """Low-passed at 4 Hz."""
    sections = butter(2, 4.0, fs=RATE, output="sos")
    return orthonormal_rows(sosfiltfilt(sections, matrix_to_6d(rotations), axis=0))


def _shaken(rotations: Array) -> Array:
    """With half a degree of white noise; the same for the same clip."""
    noise = np.random.default_rng(len(rotations)).normal(0.0, np.radians(0.5), (*rotations.shape[:2], 3))
    return np.asarray(rotations @ axis_angle_to_matrix(noise))


CONTROLS: dict[str, Callable[[Array], Array]] = {
    "copies": lambda rotations: rotations,
    "smoothed": _smoothed,
    "shaken": _shaken,
}


def design(name: str, seed: int) -> Design:
    """The fitting function of a design or control; CospeechError for another name."""
    if name == "basis":
        return lambda clips: PhaseBasis(GestureModel(*fit(clips)))
    if name == "autodecoder":
        from engine.training.gesture_autodecoder import train_autodecoder

        return lambda clips: train_autodecoder(clips, STEPS[name], seed)
    if name == "vae":
        from engine.training.gesture_vae import train_vae

        return lambda clips: train_vae(clips, STEPS[name], seed)
    if name in CONTROLS:
        return lambda clips: Copies(clips, CONTROLS[name])
    raise CospeechError(f"There is no design '{name}'; choose one of: {', '.join((*DESIGNS, *CONTROLS))}")
