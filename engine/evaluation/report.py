"""``evaluate``: a folder of generated takes against a folder of real ones, as a table and as JSON.

Figures of the published evaluation stand beside ours. What needs files that the user has not given (the feature
network's weights, audio, semantic labels, hints, the SMPL-X model) is left out and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import FIRST_FINGER
from engine.body.motion import Motion, hand_mean
from engine.body.rotations import axis_angle_to_matrix, matrix_to_6d
from engine.body.skeleton import default_skeleton
from engine.evaluation.bodies import OWN_JOINTS, face_rows, local_positions
from engine.evaluation.gate import gate_rows
from engine.evaluation.held import pin_rows
from engine.evaluation.metrics import foot_slide, hand_tracks, mean_jerk, planted_feet
from engine.evaluation.pairs import Pair, Row, as_json, read_pairs, table
from engine.evaluation.published import (
    BEAT_SIGMA,
    FPS,
    MARGIN,
    SHIFTS,
    TIGHT_SIGMA,
    L1Diversity,
    beat_consistency,
    frechet_distance,
    mean_speeds,
    motion_beats,
)
from engine.evaluation.semantic import label_rows
from engine.evaluation.surrogates import surrogate_rows

if TYPE_CHECKING:
    from engine.body.smplx_model import BodyModel

Array = NDArray[np.float64]

SHORTEST = 2 * MARGIN + 30  # frames of a take that has a middle to measure beats in, by eye

__all__ = ["Given", "Row", "as_json", "evaluate", "table"]


@dataclass(frozen=True)
class Given:
    """What the user gives beside the takes; each opens rows of its own.

    Folders of speech (``audio``), of BEAT2's semantic ``labels``, of ``hints``, of the SMPL-X model (``smplx``); the
    file of the published feature network (``extractor``).
    """

    audio: Path | None = None
    extractor: Path | None = None
    labels: Path | None = None
    smplx: Path | None = None
    hints: Path | None = None


def evaluate(predicted: Path, real: Path, audio: Path | None = None, **given: Any) -> list[Row]:
    """All rows for two folders of .npz takes, matched by name; ``given`` are the other fields of :class:`Given`.

    CospeechError says which folder or file is missing or unfit.
    """
    extra = Given(audio, **given)
    model = _model(extra.smplx)
    pairs = read_pairs(predicted, real, extra.audio)
    posed = tuple([local_positions(pair.sides[side][0], pair.real.betas, model) for pair in pairs] for side in (0, 1))
    body = OWN_JOINTS if model is None else "joints of the SMPL-X model in the speakers' shapes"
    return [
        Row("clips", float(len(pairs))),
        *feature_rows(pairs, extra.extractor),
        *surrogate_rows([pair.predicted for pair in pairs], [pair.real for pair in pairs]),
        *beat_rows(pairs, posed, body),
        *spread_rows(posed, body),
        *motion_rows(pairs),
        *face_rows(pairs, model),
        *label_rows(pairs, extra.labels),
        *gate_rows(pairs, extra.labels),
        *pin_rows(pairs, extra.hints),
    ]


def _model(folder: Path | None) -> BodyModel | None:
    if folder is None:
        return None
    from engine.body.smplx_model import load_body_model

    return load_body_model(folder)


def feature_rows(pairs: list[Pair], extractor: Path | None) -> list[Row]:
    """FGD by the published network, where its weights are given, beside what real takes score against each other."""
    if extractor is None:
        return [Row("FGD", None, note="needs the published extractor's weights (--extractor AESKConv_240_100.bin)")]
    import torch

    from engine.models.checkpoints import load_feature_network
    from engine.models.fgd import MULTIPLE

    network = load_feature_network(extractor)
    long_enough = [pair for pair in pairs if pair.frames >= MULTIPLE]
    features: list[list[Array]] = [[], []]
    with torch.inference_mode():
        for pair in long_enough:
            for rows, (motion, _) in zip(features, pair.sides, strict=True):
                rows.append(network(torch.from_numpy(stored_rotations(motion))[None])[0].numpy())
    first, second = (np.concatenate(rows) if rows else np.zeros((0, 1)) for rows in features)
    half = len(second) // 2
    if min(len(first), half) < 2:
        return [Row("FGD", None, note="needs more seconds of takes")]
    scarce = "" if half > second.shape[1] else "; fewer than its dimensions, so of little worth"
    return [
        Row("FGD", frechet_distance(first, second), note=f"published extractor, {len(second)} rows{scarce}"),
        Row("FGD real/real", frechet_distance(second[:half], second[half:]), note="half against half: the floor"),
    ]


def stored_rotations(motion: Motion) -> NDArray[np.float32]:
    """(T, 330): all joints as 6D as BEAT2's files hold them, hands against smplx's mean hand: so the network knows
    them."""
    poses = motion.poses.astype(np.float64)
    poses[:, FIRST_FINGER:] -= hand_mean()
    return matrix_to_6d(axis_angle_to_matrix(poses)).reshape(motion.frames, -1).astype(np.float32)


def beat_rows(pairs: list[Pair], posed: tuple[list[Array], ...], body: str) -> list[Row]:
    """BC as published and with a tight sigma, each beside what shifted audio scores by chance."""
    with_audio = [index for index, pair in enumerate(pairs) if pair.onsets is not None and pair.frames > SHORTEST]
    if not with_audio:
        return [Row("BC", None, note="needs the audio (--audio FOLDER) and takes longer than 5 s")]
    speeds, rows = mean_speeds(), []
    for side, label in enumerate(("BC", "BC real")):
        beats = [motion_beats(posed[side][i], speeds, (MARGIN, pairs[i].frames - MARGIN)) for i in with_audio]
        weights = [pairs[i].frames - 2 * MARGIN for i in with_audio]
        for sigma, tag in ((BEAT_SIGMA, ""), (TIGHT_SIGMA, f" sigma {TIGHT_SIGMA:g}")):
            scores, shifted = [], []
            for found, index, frames in zip(beats, with_audio, weights, strict=True):
                onsets = np.asarray(pairs[index].onsets)
                scores.append(beat_consistency(found, onsets, sigma))
                moved = [(onsets + by) % (frames / FPS) for by in SHIFTS]
                shifted.append(np.mean([beat_consistency(found, there, sigma) for there in moved]))
            rows.append(Row(label + tag, float(np.average(scores, weights=weights)), note=body))
            chance = float(np.average(shifted, weights=weights))
            rows.append(Row(f"{label}{tag} shifted", chance, note="chance level: the same speech, shifted"))
    return rows


def spread_rows(posed: tuple[list[Array], ...], body: str) -> list[Row]:
    """L1 diversity of both sides, frames of all takes pooled."""
    rows = []
    for clips, label in zip(posed, ("", " real"), strict=True):
        spread = L1Diversity()
        for clip in clips:
            spread.add(clip)
        rows.append(Row(f"L1div{label}", spread.value, "m", body))
    return rows


def motion_rows(pairs: list[Pair]) -> list[Row]:
    """Jerk and foot slide of both sides, means over the takes."""
    skeleton, rows = default_skeleton(), []
    for side, label in enumerate(("", " real")):
        jerks, slides = [], []
        for pair in pairs:
            motion, _ = pair.sides[side]
            jerks.append(mean_jerk(hand_tracks(motion.poses, motion.trans, skeleton), FPS))
            points, _ = skeleton.forward(motion.poses, motion.trans)
            slides.append(foot_slide(points, planted_feet(points, FPS), FPS))
        rows.append(Row(f"jerk{label}", float(np.mean(jerks)), "m/s3", "wrists and fingertips"))
        rows.append(Row(f"foot slide{label}", float(np.mean(slides)), "cm/s", "while planted"))
    return rows
