"""The phase-functioned gesture network: (phase, class, latent) -> upper body and both hands. Inference is plain numpy.

Canonical form: one-handed gestures are right-handed. Rotations are local, of SMPL-X joints, in the joint order of
``MODEL_JOINTS``. Phase runs through a clip's landmarks (Landmarks.phase_knots); seconds enter only through them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from engine.errors import CospeechError

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

TORSO = (3, 6, 9, 12, 15, 13, 14)
LEFT_ARM = (16, 18, 20, *range(25, 40))
RIGHT_ARM = (17, 19, 21, *range(40, 55))
MODEL_JOINTS = (*TORSO, *LEFT_ARM, *RIGHT_ARM)
OUTPUTS = len(MODEL_JOINTS) * 6
HARMONICS = 20
PHASE_PERIOD = 8.0
PHASE_RANGE = (-1.0, 5.0)
FORMAT = 1
MIRROR_CLASS = {"indicate_left": "indicate_right", "indicate_right": "indicate_left"}
BEAT_CLASSES = frozenset(["beat_low", "beat_mid", "beat_high", "beat_forward", "beat_flip", "chop"])


@dataclass(frozen=True)
class Landmarks:
    """Times of a clip's events, seconds on the clip, ascending from ``start`` to ``end``.

    ``start`` and ``end``: first and last movement of the used wrists. ``onset``, ``apex0``, ``apex1``, ``back``: the
    corpus' measured phases (10 %, above 90 %, 10 % left). ``settle``..``leave``: the quiet part of the hold.
    ``beat``: the reversal (arrival after the strike, where there is one).
    """

    start: float
    onset: float
    apex0: float
    apex1: float
    back: float
    end: float
    settle: float
    leave: float
    beat: float

    def phase_knots(self) -> tuple[Array, Array]:
        """(6,) seconds and (6,) phases: start -0.5, onset 0, apex0 1, apex1 2, back 3, end 4, kept apart by 20 ms."""
        times = np.array([self.start, self.onset, self.apex0, self.apex1, self.back, self.end])
        spread = 0.02 * np.arange(len(times))
        return np.maximum.accumulate(times - spread) + spread, np.array([-0.5, 0.0, 1.0, 2.0, 3.0, 4.0])

    def phase(self, seconds: ArrayLike) -> Array:
        """Phase at clip times (any shape), monotone and C1; linear outside start..end, within PHASE_RANGE."""
        times, phases = self.phase_knots()
        lead = 0.4
        times = np.concatenate([[times[0] - lead], times, [times[-1] + lead]])
        phases = np.concatenate([[PHASE_RANGE[0]], phases, [PHASE_RANGE[1]]])
        inside = np.clip(np.asarray(seconds, dtype=np.float64), times[0], times[-1])
        return np.asarray(PchipInterpolator(times, phases)(inside), dtype=np.float64)

    def mixed(self, other: Landmarks, share: float) -> Landmarks:
        """Landmarks ``share`` of the way towards ``other``."""
        mine, theirs = asdict(self), asdict(other)
        return Landmarks(**{name: mine[name] + share * (theirs[name] - mine[name]) for name in mine})


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a corpus clip: canonical class, hands ("right" or "both"), landmarks, size of the movement.

    ``excursion`` is the largest way of the used wrists, metres; ``rest`` (left xyz, right xyz) where the wrists start,
    metres from the chest joint in its frame; ``shared`` whether the clip may be drawn for new gestures.
    """

    name: str
    gclass: str
    hands: str
    landmarks: Landmarks
    excursion: float
    rest: tuple[float, ...]
    shared: bool = True


@dataclass(frozen=True, eq=False)
class Recipe:
    """Which performance to decode: clip ``first``, moved by ``mix`` towards clip ``second``, plus ``noise`` standard
    normal values (24,) scaled by ``spread`` times the latents' own spread."""

    first: int
    second: int
    mix: float
    noise: Array
    spread: float


class GestureSource(Protocol):
    """Anything that can perform gestures: the network, or the corpus itself."""

    clips: tuple[ClipInfo, ...]

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The landmarks of a performance."""
        ...

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        ...


def phase_features(phase: ArrayLike) -> Floats:
    """(n,) phases -> (n, 2 * HARMONICS) float32 Fourier features over PHASE_PERIOD."""
    angles = np.outer(np.asarray(phase, dtype=np.float64), np.arange(1, HARMONICS + 1)) * (2.0 * np.pi / PHASE_PERIOD)
    return np.asarray(np.concatenate([np.sin(angles), np.cos(angles)], axis=1), dtype=np.float32)


def orthonormal_rows(six: ArrayLike) -> Array:
    """(..., 6) -> (..., 3, 3) by Gram-Schmidt; network outputs, so never degenerate."""
    rows = np.asarray(six, dtype=np.float64)
    out = np.empty((*rows.shape[:-1], 3, 3))
    first, second = rows[..., :3], rows[..., 3:]
    x = first / np.sqrt(np.einsum("...i,...i->...", first, first))[..., None]
    y = second - np.einsum("...i,...i->...", x, second)[..., None] * x
    y /= np.sqrt(np.einsum("...i,...i->...", y, y))[..., None]
    out[..., 0, :], out[..., 1, :] = x, y
    for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        out[..., 2, axis] = x[..., i] * y[..., j] - x[..., j] * y[..., i]
    return out


class GestureModel:
    """The trained network with its clips. Weights: ``layer.N.weight`` (out, in), ``layer.N.bias``, ``classes``
    (K, 16), ``latents`` (clips, 24), ``output_mean`` and ``output_std`` (258,)."""

    def __init__(self, tensors: dict[str, Floats], metadata: dict[str, Any]) -> None:
        self._tensors = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()}
        depth = sum(name.startswith("layer.") and name.endswith(".weight") for name in tensors)
        self._layers = [
            (self._tensors[f"layer.{i}.weight"].T.copy(), self._tensors[f"layer.{i}.bias"]) for i in range(depth)
        ]
        self.class_names: tuple[str, ...] = tuple(metadata["classes"])
        self.clips: tuple[ClipInfo, ...] = tuple(
            ClipInfo(**{**entry, "landmarks": Landmarks(**entry["landmarks"]), "rest": tuple(entry["rest"])})
            for entry in metadata["clips"]
        )
        self.metadata = metadata
        self._spread = self._tensors["latents"].std(axis=0)

    @staticmethod
    def load(path: str | Path) -> GestureModel:
        """Read weights from ``engine train default``; CospeechError says why a file can't be used."""
        from safetensors import SafetensorError, safe_open

        file = Path(path)
        try:
            with safe_open(str(file), framework="np") as stream:
                metadata = json.loads((stream.metadata() or {}).get("config", "{}"))
                tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a dict
        except (OSError, SafetensorError, json.JSONDecodeError) as error:
            raise CospeechError(
                f"The gesture weights {file} can't be read ({error}); install Cospeech again or train them anew"
            ) from error
        if metadata.get("format") != FORMAT:
            raise CospeechError(
                f"The gesture weights {file.name} are of another version; use the ones that came with this engine"
            )
        return GestureModel(tensors, metadata)

    def latent_of(self, clip: int) -> Floats:
        """(24,) the learned latent of a clip."""
        return np.asarray(self._tensors["latents"][clip])

    def latent(self, recipe: Recipe) -> Floats:
        """(24,) the latent of a performance."""
        latents = self._tensors["latents"]
        between = latents[recipe.first] + np.float32(recipe.mix) * (latents[recipe.second] - latents[recipe.first])
        return np.asarray(between + recipe.noise * recipe.spread * self._spread, dtype=np.float32)

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The landmarks of a performance, mixed like its latent."""
        return self.clips[recipe.first].landmarks.mixed(self.clips[recipe.second].landmarks, recipe.mix)

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        gclass = self.clips[recipe.first].gclass
        phase = self.landmarks(recipe).phase(seconds)
        return self.evaluate(phase, self.class_names.index(gclass), self.latent(recipe))

    def evaluate(self, phase: ArrayLike, class_index: int, latent: ArrayLike) -> Array:
        """The network itself: phases (n,), one class, one latent (24,) -> rotations (n, 43, 3, 3)."""
        features = phase_features(phase)
        constant = np.concatenate([self._tensors["classes"][class_index], np.asarray(latent, dtype=np.float32)])
        weight, bias = self._layers[0]
        split = features.shape[1]
        hidden = features @ weight[:split] + (constant @ weight[split:] + bias)
        for weight, bias in self._layers[1:]:
            hidden = (hidden / (1.0 + np.exp(-hidden))) @ weight + bias
        six = hidden * self._tensors["output_std"] + self._tensors["output_mean"]
        return orthonormal_rows(six.reshape(len(six), len(MODEL_JOINTS), 6))
