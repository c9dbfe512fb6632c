"""The phase-domain gesture model: recorded clips as tracks of eigenposes, and learned ways in which gestures differ.

A performance is a clip's own track, warped in time, plus a smooth displacement that a low-dimensional latent decodes
through a basis over *phase*: latents of two clips give what differs between them, learned directions what differs
within a kind of gesture. So the fast detail of real motion stays, and only form and timing vary. Plain numpy.

Canonical form: one-handed gestures are right-handed. Rotations are local, of SMPL-X joints, in the joint order of
``MODEL_JOINTS``. Phase runs through a clip's landmarks (Landmarks.phase_knots); seconds enter only through them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import idct
from scipy.interpolate import BSpline, PchipInterpolator, make_interp_spline

from engine.body.joints import ARMS_WITH_HANDS, COLLARS, HEAD, NECK, SPINE
from engine.body.rotations import axis_angle_to_matrix
from engine.errors import CospeechError

Array = NDArray[np.float64]

# SMPL-X joint numbers.
TORSO = (*SPINE, NECK, HEAD, *COLLARS)
LEFT_ARM, RIGHT_ARM = ARMS_WITH_HANDS
MODEL_JOINTS = (*TORSO, *LEFT_ARM, *RIGHT_ARM)
# As the bundled weights were trained (engine/training/default.py).
RATE = 30.0  # Hz of the tracks
PHASE_RANGE = (-1.0, 5.0)  # of a clip with what lies before its onset and after its end (Landmarks.phase_knots)
GRID = np.linspace(*PHASE_RANGE, 61)
LEAD = 0.4  # s before a clip's start and after its end, by eye
LEAST_GAP = 0.02  # s between two landmarks, by eye
FORMAT = 2  # number of the weights' layout
VARIATIONS = 24  # directions in which a kind of gesture varies, by eye
# No unit, on a rotation: its mirror image in the plane x = 0.
MIRROR_SIGNS = np.outer([-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0])
# Bands of the tracks' cosine transform, Hz, by eye: each has its own step, so that rounding stays far below the motion.
BAND_EDGES = (0.0, 0.01, 0.4, 0.8, 1.6, 3.2, 6.4, 20.0)
# A share of the way to another clip drawn from here keeps the spread of real gestures: an average alone would be tamer.
# Chosen with the spread of noise (standard deviations) on the folds of docs/gesture-models.md.
LEAST_MIX, MOST_MIX = -0.3, 0.4
SPREAD, LONE_SPREAD = 0.2, 0.3
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
        spread = LEAST_GAP * np.arange(len(times))
        return np.maximum.accumulate(times - spread) + spread, np.array([-0.5, 0.0, 1.0, 2.0, 3.0, 4.0])

    def phase(self, seconds: ArrayLike) -> Array:
        """Phase at clip times (any shape), monotone and C1; linear outside start..end, within PHASE_RANGE."""
        times, phases = self._padded()
        inside = np.clip(np.asarray(seconds, dtype=np.float64), times[0], times[-1])
        return np.asarray(PchipInterpolator(times, phases)(inside), dtype=np.float64)

    def warped(self, seconds: ArrayLike, other: Landmarks) -> Array:
        """Times on ``other`` of the moments ``seconds`` on this clip, monotone and C1; seconds themselves where both
        are the same."""
        times = self._padded()[0]
        inside = np.clip(np.asarray(seconds, dtype=np.float64), times[0], times[-1])
        return np.asarray(PchipInterpolator(times, other._padded()[0])(inside), dtype=np.float64)

    def mixed(self, other: Landmarks, share: float) -> Landmarks:
        """Landmarks ``share`` of the way towards ``other`` (below 0: away from it): ratios of durations, so that every
        phase keeps a length; the moments of the hold keep their place in its phase."""
        mine, theirs = (marks.phase_knots()[0] for marks in (self, other))
        logs = [np.log(np.diff(times)) for times in (mine, theirs)]
        gaps = np.exp(logs[0] + share * (logs[1] - logs[0]))
        times = mine[0] + np.concatenate([[0.0], np.cumsum(gaps)])
        inner = (
            np.interp([marks.settle, marks.leave, marks.beat], knots, np.arange(6.0))
            for marks, knots in ((self, mine), (other, theirs))
        )
        first, second = inner
        places = np.interp(first + share * (second - first), np.arange(6.0), times)
        places[0] = min(places[0], places[1])
        return Landmarks(*times.tolist(), *places.tolist())

    def _padded(self) -> tuple[Array, Array]:
        times, phases = self.phase_knots()
        times = np.concatenate([[times[0] - LEAD], times, [times[-1] + LEAD]])
        return times, np.concatenate([[PHASE_RANGE[0]], phases, [PHASE_RANGE[1]]])


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
    normal values (24,) times ``spread`` along the learned directions in which gestures of a kind differ."""

    first: int
    second: int
    mix: float
    noise: Array
    spread: float


class GestureSource(Protocol):
    """Anything that can perform gestures: the model, or the model with authored gestures beside it."""

    @property
    def clips(self) -> tuple[ClipInfo, ...]:
        """The clips that recipes name by place."""
        ...

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The landmarks of a performance."""
        ...

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        ...


def alike(first: ClipInfo, second: ClipInfo) -> bool:
    """Whether two clips may be mixed: of one kind and size, so that what lies between is a gesture too."""
    ratio = max(first.excursion, 0.02) / max(second.excursion, 0.02)
    return first.gclass == second.gclass and first.hands == second.hands and 0.67 < ratio < 1.5


def vary(clips: tuple[ClipInfo, ...], first: int, among: list[int], rng: np.random.Generator) -> Recipe:
    """Draw a new performance around clip ``first``: a clip like it ``among`` the given ones to mix in, and noise."""
    others = [clip for clip in among if clip != first and alike(clips[clip], clips[first])]
    second = int(rng.choice(others)) if others else first
    mix = float(rng.uniform(LEAST_MIX, MOST_MIX)) if others else 0.0
    noise = np.clip(rng.standard_normal(VARIATIONS), -2.0, 2.0)
    return Recipe(first, second, mix, noise, SPREAD if others else LONE_SPREAD)


def orthonormal_rows(six: ArrayLike) -> Array:
    """(..., 6) -> (..., 3, 3) by Gram-Schmidt; values of a spline, so never degenerate."""
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


def band_of(frames: int) -> NDArray[np.intp]:
    """(frames,) which band of BAND_EDGES each coefficient of a clip's cosine transform lies in."""
    frequencies = 0.5 * RATE * np.arange(frames) / frames
    return np.asarray(np.searchsorted(BAND_EDGES, frequencies, side="right") - 1)


class GestureModel:
    """Eigenposes, tracks and variations, as ``engine train default`` writes them. P eigenposes, K latent dimensions.

    ``joint_means`` (43, 3, 3) rotations; ``eigenposes`` (P, 129) rotation vectors after them; ``track`` (frames, P)
    8-bit cosine coefficients of all clips in a row, in units of ``track_scale`` (clips, bands, P); ``track_places``
    (clips, 2) row and number of the first frame (frame i is at i / 30 s on the clip); ``latents`` (clips, K) around
    ``mean_curve`` (61, P) over GRID, which is not needed to perform; ``basis`` (K, 61, P) over GRID; ``variations``
    (2, 24, K) for one and for two hands, of unit noise.
    """

    def __init__(self, tensors: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> None:
        self._tensors = tensors
        self._means = orthonormal_rows(tensors["joint_means"][:, :2].reshape(-1, 6))
        self._poses = tensors["eigenposes"].astype(np.float64)
        self._latents = tensors["latents"].astype(np.float64)
        self._basis = tensors["basis"].astype(np.float32).reshape(len(tensors["basis"]), -1)
        self._tracks: dict[int, BSpline] = {}
        self.clips: tuple[ClipInfo, ...] = tuple(
            ClipInfo(**{**entry, "landmarks": Landmarks(**entry["landmarks"]), "rest": tuple(entry["rest"])})
            for entry in metadata["clips"]
        )
        self.metadata = metadata

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

    def landmarks(self, recipe: Recipe) -> Landmarks:
        """The landmarks of a performance, mixed like its latent."""
        first = self.clips[recipe.first].landmarks
        return first if recipe.mix == 0.0 else first.mixed(self.clips[recipe.second].landmarks, recipe.mix)

    def decode(self, recipe: Recipe, seconds: Array) -> Array:
        """Local rotations (n, 43, 3, 3) of MODEL_JOINTS at clip times (n,)."""
        marks, clip = self.landmarks(recipe), self.clips[recipe.first]
        own = marks.warped(seconds, clip.landmarks)
        track = self._track(recipe.first)
        vectors = track(np.clip(own, track.t[0], track.t[-1])) @ self._poses
        moved = self._displacement(recipe)
        if moved is not None:
            phase = clip.landmarks.phase(own)
            vectors = vectors + np.asarray(make_interp_spline(GRID, moved, k=3)(phase))
        return self._rotations(vectors)

    def _displacement(self, recipe: Recipe) -> Array | None:
        """(61, 129) rotation vectors over GRID on top of the first clip's; none for the clip itself.

        An arm that rests is left alone, and noise moves no finger: real ones hold their shape or change it as one.
        """
        two = self.clips[recipe.first].hands == "both"
        out = None
        if recipe.mix != 0.0 and recipe.second != recipe.first:
            way = recipe.mix * (self._latents[recipe.second] - self._latents[recipe.first])
            out = self._decoded(way) @ self._poses * _moving(two, fingers=True)
        if recipe.spread != 0.0:
            way = recipe.spread * (recipe.noise @ self._tensors["variations"][int(two)])
            noise = self._decoded(way) @ self._poses * _moving(two, fingers=False)
            out = noise if out is None else out + noise
        return out

    def _decoded(self, latent: Array) -> Array:
        """(K,) -> (61, P) smooth eigenpose curves over GRID."""
        return np.asarray(latent.astype(np.float32) @ self._basis, dtype=np.float64).reshape(len(GRID), -1)

    def _rotations(self, vectors: Array) -> Array:
        return np.asarray(self._means @ axis_angle_to_matrix(vectors.reshape(len(vectors), -1, 3)))

    def _track(self, clip: int) -> BSpline:
        """A clip's eigenpose values over its seconds, held outside."""
        if clip not in self._tracks:
            places = self._tensors["track_places"]
            row, begin = (int(value) for value in places[clip])
            until = int(places[clip + 1][0]) if clip + 1 < len(places) else len(self._tensors["track"])
            scale = self._tensors["track_scale"][clip].astype(np.float64)[band_of(until - row)]
            values = idct(self._tensors["track"][row:until] * scale, axis=0, norm="ortho")
            self._tracks[clip] = make_interp_spline((begin + np.arange(until - row)) / RATE, values, k=3)
        return self._tracks[clip]


def _moving(two: bool, fingers: bool) -> Array:
    """(129,) 1 for joints that a displacement may move: trunk, used arms, and ``fingers`` of used hands."""
    used = np.ones((len(MODEL_JOINTS), 3))
    for arm in (len(TORSO), len(TORSO) + len(LEFT_ARM)):
        idle = arm == len(TORSO) and not two
        used[arm if idle else arm + 3 : arm + len(LEFT_ARM)] = 0.0 if idle or not fingers else 1.0
    return used.ravel()
