"""``evaluate``: a folder of generated takes against a folder of real ones, as a table and as JSON.

Figures of the published evaluation stand beside ours. What needs files that the user has not given (the feature
network's weights, audio, semantic labels, the SMPL-X model) is left out and named.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CospeechError
from engine.evaluation.metrics import foot_slide, hand_tracks, mean_jerk, planted_feet
from engine.evaluation.published import (
    FPS,
    MARGIN,
    L1Diversity,
    beat_consistency,
    frechet_distance,
    motion_beats,
)
from engine.motion import Motion
from engine.rotations import axis_angle_to_matrix, matrix_to_6d
from engine.skeleton import ASSETS, default_skeleton

Array = NDArray[np.float64]

SHIFTS = (-7.0, -4.0, 4.0, 7.0)  # seconds by which audio is shifted for the baseline
TIGHT_SIGMA = 0.1
KINETIC_WINDOW = 30
HEAD_AND_FACE = (22, 23, 24)
SEMANTIC_DISTANCE, SEMANTIC_SCALE = 0.1, 0.165


@dataclass(frozen=True)
class Row:
    """One figure: ``name``, ``value`` (None where it can't be had), ``unit``, and what is to be known of it."""

    name: str
    value: float | None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Pair:
    """A generated take and the real one, cut to the shorter, at 30 frames a second; ``onsets`` in the audio, s."""

    name: str
    predicted: Motion
    real: Motion
    onsets: Array | None


def evaluate(
    predicted: Path, real: Path, audio: Path | None = None, extractor: Path | None = None, labels: Path | None = None
) -> list[Row]:
    """All rows for two folders of .npz takes, matched by name (``<id>.npz`` with ``<id>...npz``)."""
    pairs = read_pairs(predicted, real, audio)
    rows = [Row("clips", float(len(pairs)))]
    rows += feature_rows(pairs, extractor)
    rows += beat_rows(pairs)
    rows += motion_rows(pairs)
    rows += label_rows(pairs, labels)
    rows.append(Row("LVD", None, note="needs the SMPL-X model's vertices; give --smplx when it is supported here"))
    rows.append(Row("MSE (face)", None, note="needs the SMPL-X model's vertices"))
    return rows


def as_json(rows: list[Row]) -> dict[str, Any]:
    """Name -> value, unit, note."""
    return {row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in rows}


def table(rows: list[Row]) -> list[str]:
    """Lines to print."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        value = "-" if row.value is None else f"{row.value:.4g}"
        lines.append(f"{row.name:{width}}  {value:>10} {row.unit:6} {row.note}".rstrip())
    return lines


def read_pairs(predicted: Path, real: Path, audio: Path | None) -> list[Pair]:
    """The takes of both folders that belong together; CospeechError where none do."""
    for folder in (predicted, real):
        if not folder.is_dir():
            raise CospeechError(f"There is no folder {folder}; give folders of .npz takes")
    pairs = []
    for path in sorted(predicted.glob("*.npz")):
        match = _partner(path, real)
        if match is None:
            continue
        first, second = (_at_rate(Motion.load(file)) for file in (path, match))
        frames = min(first.frames, second.frames)
        times = np.arange(frames) / FPS
        onsets = None if audio is None else _onsets(audio, match.stem)
        pairs.append(Pair(match.stem, first.sampled(times, FPS), second.sampled(times, FPS), onsets))
    if not pairs:
        raise CospeechError(f"No take in {predicted} has a partner of the same name in {real}; check the two folders")
    return pairs


def _partner(path: Path, folder: Path) -> Path | None:
    exact = folder / path.name
    if exact.is_file():
        return exact
    stem = path.stem.removeprefix("res_").removesuffix("_output")
    found = folder / f"{stem}.npz"
    return found if found.is_file() else None


def _at_rate(motion: Motion) -> Motion:
    return motion if motion.fps == FPS else motion.resampled(FPS)


def _onsets(folder: Path, name: str) -> Array | None:
    """Seconds of the audio's onsets by librosa's detector at 16 kHz and hop 512, as the published evaluation."""
    import librosa

    from engine.speech.audio import load_audio

    path = next(
        (found for found in folder.glob(f"{name}.*") if found.suffix.lower() in {".wav", ".flac", ".mp3"}), None
    )
    if path is None:
        return None
    wave, _ = load_audio(path)
    return np.asarray(librosa.onset.onset_detect(y=wave, sr=16000, hop_length=512, units="time"), dtype=np.float64)


def local_positions(motion: Motion) -> Array:
    """(T, 165) joints without place and turn of the root, and with the face at rest: our own skeleton's."""
    poses = motion.poses.astype(np.float64)
    poses[:, [0, *HEAD_AND_FACE]] = 0.0
    points, _ = default_skeleton().forward(poses, np.zeros((motion.frames, 3)))
    return points.reshape(motion.frames, -1)


def feature_rows(pairs: list[Pair], extractor: Path | None) -> list[Row]:
    """FGD by the published network where its weights are given; and surrogates that need none."""
    rows = [Row("FGD", None, note="needs the published extractor's weights (--extractor AESKConv_240_100.bin)")]
    if extractor is not None:
        rows = [Row("FGD", _published_fgd(pairs, extractor), note="published extractor")]
    kinetic = [kinetic_features(motion) for motion in (pair.predicted for pair in pairs)]
    wanted = [kinetic_features(pair.real) for pair in pairs]
    first, second = np.concatenate(kinetic), np.concatenate(wanted)
    if len(first) > first.shape[1] and len(second) > second.shape[1]:
        scale = second.std(axis=0) + 1e-6
        rows.append(
            Row("FGD-kin", frechet_distance(first / scale, second / scale), note="surrogate, hand-made features")
        )
        half = len(second) // 2
        if half > second.shape[1]:
            floor = frechet_distance(second[:half] / scale, second[half:] / scale)
            rows.append(Row("FGD-kin real/real", floor, note="first half against second half: the floor"))
    else:
        rows.append(Row("FGD-kin", None, note="needs more seconds of takes"))
    return rows


def _published_fgd(pairs: list[Pair], extractor: Path) -> float:
    import torch

    from engine.models.checkpoints import load_feature_network

    network = load_feature_network(extractor)
    features = []
    with torch.inference_mode():
        for side in ("predicted", "real"):
            rows = []
            for pair in pairs:
                motion: Motion = getattr(pair, side)
                six = matrix_to_6d(axis_angle_to_matrix(motion.poses)).reshape(1, motion.frames, -1)
                rows.append(network(torch.from_numpy(six.astype(np.float32)))[0].numpy())
            features.append(np.concatenate(rows))
    return frechet_distance(features[0], features[1])


def kinetic_features(motion: Motion) -> Array:
    """(windows, 11) of a second each: speed of wrists, elbows and head (mean and spread), wrist height and distance,
    extent of the hands' space, share of still frames."""
    points = local_positions(motion).reshape(motion.frames, -1, 3)
    speed = np.linalg.norm(np.gradient(points, 1.0 / FPS, axis=0), axis=-1)
    rows = []
    for start in range(0, motion.frames - KINETIC_WINDOW + 1, KINETIC_WINDOW // 2):
        part = slice(start, start + KINETIC_WINDOW)
        hands, pace = points[part][:, [20, 21]], speed[part]
        rows.append(
            [
                *pace[:, [20, 21]].mean(axis=0),
                *pace[:, [20, 21]].std(axis=0),
                pace[:, [18, 19]].mean(),
                pace[:, 15].mean(),
                *hands[..., 1].mean(axis=0),
                np.linalg.norm(hands[:, 0] - hands[:, 1], axis=-1).mean(),
                np.ptp(hands, axis=0).max(),
                float((pace[:, [20, 21]] < 0.05).mean()),
            ]
        )
    return np.array(rows).reshape(-1, 11)


def beat_rows(pairs: list[Pair]) -> list[Row]:
    """BC as published and with a tight sigma, each beside what shifted audio scores by chance."""
    heard = [pair for pair in pairs if pair.onsets is not None and pair.predicted.frames > 2 * MARGIN + 30]
    if not heard:
        return [Row("BC", None, note="needs the audio (--audio FOLDER) and takes longer than 5 s")]
    mean_speed = np.array(json.loads((ASSETS / "evaluation" / "mean_speed.json").read_text())["mean_speed"])
    rows = []
    for side, label in (("predicted", "BC"), ("real", "BC real")):
        for sigma, tag in ((0.3, ""), (TIGHT_SIGMA, " sigma 0.1")):
            scores, shifted, weights = [], [], []
            for pair in heard:
                motion: Motion = getattr(pair, side)
                span = (MARGIN, motion.frames - MARGIN)
                beats = motion_beats(local_positions(motion), mean_speed, span)
                length = (span[1] - span[0]) / FPS
                assert pair.onsets is not None
                own = pair.onsets - MARGIN / FPS
                inside = own[(own >= 0.0) & (own < length)]
                scores.append(beat_consistency(beats, inside, sigma))
                shifted.append(np.mean([beat_consistency(beats, (inside + by) % length, sigma) for by in SHIFTS]))
                weights.append(length)
            rows.append(Row(label + tag, float(np.average(scores, weights=weights))))
            rows.append(Row(f"{label}{tag} shifted", float(np.average(shifted, weights=weights)), note="chance level"))
    return rows


def motion_rows(pairs: list[Pair]) -> list[Row]:
    """Spread, jerk and foot slide of both sides."""
    rows = []
    skeleton = default_skeleton()
    for side, label in (("predicted", ""), ("real", " real")):
        spread, jerks, slides = L1Diversity(), [], []
        for pair in pairs:
            motion: Motion = getattr(pair, side)
            spread.add(local_positions(motion))
            jerks.append(mean_jerk(hand_tracks(motion.poses, motion.trans, skeleton), FPS))
            points, _ = skeleton.forward(motion.poses, motion.trans)
            slides.append(foot_slide(points, planted_feet(points, FPS), FPS))
        rows.append(Row(f"L1div{label}", spread.value, "m"))
        rows.append(Row(f"jerk{label}", float(np.mean(jerks)), "m/s3", "wrists and fingertips"))
        rows.append(Row(f"foot slide{label}", float(np.mean(slides)), "cm/s", "while planted"))
    pinned = [
        entry["residual_mm"]
        for pair in pairs
        for entry in ((pair.predicted.provenance or {}).get("hints", {}) or {}).get("targets", ())
        if entry.get("reached")
    ]
    if pinned:
        rows.append(Row("target error", float(np.max(pinned)), "mm", f"largest of {len(pinned)} reached targets"))
    return rows


def label_rows(pairs: list[Pair], labels: Path | None) -> list[Row]:
    """SRGR where semantic labels are given: ``<id>.txt`` with name, start, end, duration, score, ... a line (BEAT2)."""
    if labels is None:
        return [Row("SRGR", None, note="needs BEAT2's semantic labels (--labels FOLDER)")]
    scores = []
    for pair in pairs:
        path = labels / f"{pair.name}.txt"
        if not path.is_file():
            continue
        weight = semantic_weight(path, pair.real.frames)
        apart = np.abs(pair.predicted.poses[:, :, :] - pair.real.poses[:, :, :]).sum(axis=-1)
        hit = (apart < SEMANTIC_DISTANCE) * weight[:, None]
        scores.append(float(hit.mean() / SEMANTIC_SCALE))
    if not scores:
        return [Row("SRGR", None, note=f"{labels} holds no label of these takes")]
    return [
        Row("SRGR", float(np.mean(scores)), note="on axis-angle of 55 joints; the published one on 47 Euler joints")
    ]


def semantic_weight(path: Path, frames: int) -> Array:
    """(T,) the semantic score of every frame from a label file of BEAT2; 0 outside all labels."""
    out = np.zeros(frames)
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = line.split("\t")
        try:
            start, end, score = float(cells[1]), float(cells[2]), float(cells[4])
        except (IndexError, ValueError):
            continue
        out[max(0, int(start * FPS)) : max(0, int(end * FPS))] = score
    return out
