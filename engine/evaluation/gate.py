"""How well a network's semantic gate agrees with the annotated meaning: precision and recall over frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.pairs import Pair, Row, partner
from engine.training.beat2_text import label_scores

OPEN = 0.5  # share above which the gate shows meaning: the likelier of two classes
LEAST_SCORE = 0.1  # 0..1; at or below it an annotated stretch counts as none, as in SemTalk's training
NAMES = ("gate precision", "gate recall")


def gate_rows(pairs: list[Pair], labels: Path | None) -> list[Row]:
    """Precision and recall of the gate over all frames of the takes that carry semantic scores, against BEAT2's labels
    ``<id>.txt`` in ``labels``; the share of labelled frames is the precision of a gate that is always open."""
    if labels is None:
        return [Row(name, None, note="needs BEAT2's semantic labels (--labels FOLDER)") for name in NAMES]
    opened: list[NDArray[np.bool_]] = []
    meant: list[NDArray[np.bool_]] = []
    for pair in pairs:
        path = partner(Path(pair.name), labels, ".txt")
        scores = np.asarray((pair.predicted.provenance or {}).get("semantic", {}).get("frames", []), dtype=np.float64)
        if path is None or not len(scores):
            continue
        frames = min(len(scores), pair.frames)
        opened.append(scores[:frames] > OPEN)
        meant.append(label_scores(path, frames) > LEAST_SCORE)
    if not opened:
        return [Row(name, None, note="no labelled take carries semantic scores, as SemTalk's do") for name in NAMES]
    shown, wanted = np.concatenate(opened), np.concatenate(meant)
    both = float((shown & wanted).sum())
    share, open_share = 100 * wanted.mean(), 100 * shown.mean()
    note = f"{share:.1f} % of {len(wanted)} frames are labelled, the gate is open on {open_share:.1f} %"
    return [
        Row(name, both / float(mask.sum()) if mask.any() else None, note=note)
        for name, mask in zip(NAMES, (shown, wanted), strict=True)
    ]
