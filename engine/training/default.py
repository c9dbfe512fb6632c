"""Train the default gesture model: eigenposes, clip tracks and a latent space over phase, in closed form."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.ndimage import gaussian_filter1d

from engine.body.rotations import geodesic_angle, matrix_from_6d, matrix_to_axis_angle
from engine.errors import CospeechError
from engine.models.phase_gesture import (
    BAND_EDGES,
    FORMAT,
    GRID,
    LEAD,
    MODEL_JOINTS,
    PHASE_RANGE,
    RATE,
    VARIATIONS,
    GestureModel,
    Recipe,
    band_of,
    orthonormal_rows,
)
from engine.training.corpus import PAD, Clip, read_corpus

Progress = Callable[[str, float], None]
Array = NDArray[np.float64]

# By eye. Eigenposes a part: all for trunk and arms; fingers move together. Parts stay apart, so that what rests stays
# at rest.
FINGER_POSES = 28
LATENT = 84  # principal components of the curves over phase
# Curves are smoothed by this much phase, by eye (0.08 s of a preparation), before GRID samples them.
PHASE_SMOOTHING = 0.2
FINE = 601  # points of phase at which curves are smoothed: ten for each of GRID
# No unit, by eye: errors of the arm chain move the hand most.
TORSO_WEIGHT, ARM_WEIGHT, WRIST_WEIGHT, FINGER_WEIGHT = 1.4, 2.0, 1.4, 1.0
# Places in MODEL_JOINTS.
GROUPS = {
    "torso": tuple(range(7)),
    "left_arm": (7, 8, 9),
    "left_fingers": tuple(range(10, 25)),
    "right_arm": (25, 26, 27),
    "right_fingers": tuple(range(28, 43)),
}


def train_default(corpus_dir: Path, out_dir: Path, progress: Progress) -> dict[str, Any]:
    """Fit all usable clips and write ``default.safetensors`` into ``out_dir``; returns the metrics.

    The same corpus and machine give the same bytes. ``progress(stage, fraction)`` may raise Cancelled.
    """
    progress("corpus", 0.0)
    clips = read_corpus(Path(corpus_dir))
    progress("fit", 0.0)
    tensors, config = fit(clips)
    progress("measure", 0.0)
    config["errors_degrees"] = errors(GestureModel(tensors, config), clips)
    _write(Path(out_dir), tensors, config)
    return {"clips": len(clips), **config["errors_degrees"]}


def fit(clips: tuple[Clip, ...]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Tensors and metadata of a GestureModel of these clips."""
    rotations = [orthonormal_rows(clip.six) for clip in clips]
    means = _joint_means(np.concatenate(rotations))
    vectors = [matrix_to_axis_angle(np.swapaxes(means, -1, -2) @ value) for value in rotations]
    poses, weighted = _eigenposes(vectors)
    tensors = {"joint_means": means.astype(np.float32), "eigenposes": poses.astype(np.float32)}
    tensors |= _tracks(clips, weighted)
    tensors |= _latent_space(clips, weighted)
    config = {
        "format": FORMAT,
        "clips": [asdict(clip.info) for clip in clips],
        "licence": "LGPL-2.1-or-later; derived from USC Institute for Creative Technologies, SmartBody",
    }
    return tensors, config


def _joint_means(rotations: Array) -> Array:
    """(n, 43, 3, 3) -> (43, 3, 3): the rotation nearest to the mean matrix."""
    left, _, right = np.linalg.svd(rotations.mean(axis=0))
    return np.asarray(left @ right)


def _eigenposes(vectors: list[Array]) -> tuple[Array, list[Array]]:
    """(P, 129) eigenposes, each of one part of the body, and every clip's values (n, P). Orthonormal under the joint
    weights, so that distances between values are weighted rotation errors."""
    weights = np.repeat(_joint_weights(), 3)
    flat = [value.reshape(len(value), -1) * weights for value in vectors]
    moment = np.sum([value.T @ value for value in flat], axis=0)
    chosen = []
    for joints in GROUPS.values():
        columns = np.concatenate([3 * joint + np.arange(3) for joint in joints])
        _, directions = np.linalg.eigh(moment[np.ix_(columns, columns)])
        own = np.zeros((min(len(columns), FINGER_POSES), len(weights)))
        own[:, columns] = _signed(directions[:, ::-1][:, : len(own)].T)
        chosen.append(own)
    poses = np.concatenate(chosen)
    return poses / weights, [value @ poses.T for value in flat]


def _joint_weights() -> Array:
    """(43,) weights of the joints."""
    weights = np.full(len(MODEL_JOINTS), FINGER_WEIGHT)
    weights[list(GROUPS["torso"])] = TORSO_WEIGHT
    for side in ("left", "right"):
        arm = list(GROUPS[f"{side}_arm"])
        weights[arm] = ARM_WEIGHT
        weights[arm[-1]] = WRIST_WEIGHT
    return weights


def _signed(rows: Array) -> Array:
    """Rows with their largest value positive: eigenvectors have no sign of their own."""
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return np.asarray(rows * np.sign(largest))


def _tracks(clips: tuple[Clip, ...], values: list[Array]) -> dict[str, NDArray[Any]]:
    """The clips from LEAD before their start to LEAD after their end, as 8-bit cosine coefficients."""
    rows, scales, places = [], [], []
    row = 0
    for clip, value in zip(clips, values, strict=True):
        knots, _ = clip.info.landmarks.phase_knots()
        begin = max(int(np.floor((knots[0] - LEAD) * RATE)), -PAD)
        until = min(int(np.ceil((knots[-1] + LEAD) * RATE)) + 1, len(value) - PAD)
        coefficients = dct(value[begin + PAD : until + PAD], axis=0, norm="ortho")
        bands = band_of(len(coefficients))
        scale = np.zeros((len(BAND_EDGES) - 1, value.shape[1]))
        for band in range(len(scale)):
            scale[band] = np.abs(coefficients[bands == band]).max(axis=0, initial=0.0) / 127.0
        scale = np.maximum(scale, 1e-6).astype(np.float16).astype(np.float64)
        rows.append(np.clip(np.round(coefficients / scale[bands]), -127, 127).astype(np.int8))
        scales.append(scale.astype(np.float16))
        places.append((row, begin))
        row += len(coefficients)
    return {
        "track": np.concatenate(rows),
        "track_scale": np.array(scales),
        "track_places": np.array(places, dtype=np.int32),
    }


def _phase_curves(clips: tuple[Clip, ...], values: list[Array]) -> Array:
    """(clips, 61, P) smooth values over GRID."""
    fine = np.linspace(*PHASE_RANGE, FINE)
    sigma = PHASE_SMOOTHING * (FINE - 1) / (PHASE_RANGE[1] - PHASE_RANGE[0])
    curves = []
    for clip, value in zip(clips, values, strict=True):
        knots, _ = clip.info.landmarks.phase_knots()
        seconds = np.linspace(knots[0] - LEAD, knots[-1] + LEAD, 4096)
        spots = np.interp(fine, clip.info.landmarks.phase(seconds), seconds) * RATE + PAD
        low = np.clip(spots, 0.0, len(value) - 1.001)
        whole = low.astype(np.int64)
        between = value[whole] + (low - whole)[:, None] * (value[whole + 1] - value[whole])
        curves.append(gaussian_filter1d(between, sigma, axis=0, mode="nearest")[:: (FINE - 1) // (len(GRID) - 1)])
    return np.array(curves)


def _latent_space(clips: tuple[Clip, ...], values: list[Array]) -> dict[str, NDArray[Any]]:
    """Principal components of the clips' curves over phase, and of what differs within kinds."""
    curves = _phase_curves(clips, values)
    mean = curves.mean(axis=0)
    flat = (curves - mean).reshape(len(clips), -1)
    width = min(LATENT, len(clips) - 1)
    basis = _signed(np.linalg.svd(flat, full_matrices=False)[2][:width])
    latents = flat @ basis.T
    return {
        "mean_curve": mean.astype(np.float32),
        "basis": basis.reshape(width, *mean.shape).astype(np.float16),
        "latents": latents.astype(np.float32),
        "variations": np.array([_variations(clips, latents, hands) for hands in ("right", "both")], dtype=np.float32),
    }


def _variations(clips: tuple[Clip, ...], latents: Array, hands: str) -> Array:
    """(24, K): principal directions of the latents around their kind's mean, each one standard deviation long."""
    kinds: dict[str, list[int]] = {}
    for place, clip in enumerate(clips):
        if clip.info.hands == hands:
            kinds.setdefault(clip.info.gclass, []).append(place)
    out = np.zeros((VARIATIONS, latents.shape[1]))
    rows = [
        (latents[places] - latents[places].mean(axis=0)) * np.sqrt(len(places) / (len(places) - 1.0))
        for places in kinds.values()
        if len(places) > 2
    ]
    if rows:
        around = np.concatenate(rows)
        _, lengths, directions = np.linalg.svd(around, full_matrices=False)
        found = _signed(directions[:VARIATIONS]) * (lengths[:VARIATIONS] / np.sqrt(len(around)))[:, None]
        out[: len(found)] = found
    return out


def _write(out_dir: Path, tensors: dict[str, NDArray[Any]], config: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    target = out_dir / "default.safetensors"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        save_file(tensors, str(target), metadata={"config": json.dumps(config, sort_keys=True)})
        target.chmod(0o644)  # the library makes it readable by its owner only
    except OSError as error:
        raise CospeechError(f"Could not write {target} ({error.strerror}); choose another folder") from error


def errors(model: GestureModel, clips: tuple[Clip, ...]) -> dict[str, float]:
    """Mean joint angle error in degrees of the model's own clips, per joint group (used hands only) and over all."""
    sums = {name: [0.0, 0.0] for name in GROUPS}
    for index, clip in enumerate(clips):
        seconds = clip.span()
        decoded = model.decode(Recipe(index, index, 0.0, np.zeros(VARIATIONS), 0.0), seconds)
        angles = np.degrees(geodesic_angle(decoded, matrix_from_6d(clip.at(seconds))))
        for name, joints in GROUPS.items():
            if name.startswith("left") and clip.info.hands == "right":
                continue
            sums[name][0] += float(angles[:, list(joints)].sum())
            sums[name][1] += angles[:, list(joints)].size
    total = np.sum(list(sums.values()), axis=0)
    merged = {name: round(value / max(count, 1.0), 3) for name, (value, count) in sums.items()}
    return {**merged, "all": round(float(total[0] / total[1]), 3)}
