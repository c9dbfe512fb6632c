"""SRGR: how much of the real take comes back where it means something (Liu et al. 2022, section 5;
docs/sources/metrics.md, section 4).

BEAT2's takes are SMPL-X, which has 41 of BEAT's 47 joints; the six metacarpals of BEAT's hands are left out, and the
joints' angles are SMPL-X's own, so figures stand beside each other here, not beside tables on BEAT.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix
from engine.errors import CospeechError
from engine.evaluation.pairs import Pair, Row, partner
from engine.evaluation.published import (
    BEAT_AS_SMPLX,
    NO_JOINT,
    SEMANTIC_DEGREES,
    SEMANTIC_RADIANS,
    SEMANTIC_SCALE,
    euler_xyz,
    semantic_recall,
)
from engine.training.beat2_text import label_scores

Array = NDArray[np.float64]

JOINTS = [joint for joint in BEAT_AS_SMPLX if joint != NO_JOINT]


def label_rows(pairs: list[Pair], labels: Path | None) -> list[Row]:
    """SRGR where semantic labels are given: ``<id>.txt`` in BEAT2's form for any of the takes."""
    if labels is None:
        return [Row("SRGR", None, note="needs BEAT2's semantic labels (--labels FOLDER)")]
    if not labels.is_dir():
        raise CospeechError(f"There is no folder {labels}; give BEAT2's folder 'sem'")
    scores, wide, weights, frames = [], [], [], []
    for pair in pairs:
        path = partner(Path(pair.name), labels, ".txt")
        if path is None:
            continue
        weight = label_scores(path, pair.frames).astype(np.float64)
        one, two = _angles(pair.predicted), _angles(pair.real)
        scores.append(semantic_recall(np.degrees(one), np.degrees(two), weight, SEMANTIC_DEGREES))
        wide.append(semantic_recall(one, two, weight, SEMANTIC_RADIANS))
        weights.append(weight.mean() / SEMANTIC_SCALE)
        frames.append(pair.frames)
    if not scores:
        return [Row("SRGR", None, note=f"{labels} holds no label of these takes")]
    perfect = float(np.average(weights, weights=frames))
    kind = (
        f"Euler angles of {len(JOINTS)} of BEAT's {len(BEAT_AS_SMPLX)} joints; a copy of the real takes: {perfect:.4g}"
    )
    return [
        Row("SRGR", float(np.average(scores, weights=frames)), note=f"within {SEMANTIC_DEGREES:g} degrees; {kind}"),
        Row("SRGR 0.1 rad", float(np.average(wide, weights=frames)), note=f"within {SEMANTIC_RADIANS:g} rad"),
    ]


def _angles(motion: Motion) -> Array:
    """(T, 41, 3) Euler angles in radians."""
    return euler_xyz(axis_angle_to_matrix(motion.poses[:, JOINTS]))
