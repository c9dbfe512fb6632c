"""Precision and recall of the semantic gate against annotated stretches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.body.motion import Motion
from engine.evaluation.gate import NAMES, gate_rows
from engine.evaluation.pairs import Pair

HEADING = "name\tstart\tend\tduration\tscore\n"


def pair(name: str, scores: list[float] | None, frames: int = 90) -> Pair:
    still = Motion(poses=np.zeros((frames, 55, 3), np.float32), trans=np.zeros((frames, 3), np.float32), fps=30.0)
    provenance = None if scores is None else {"semantic": {"fps": 30.0, "frames": scores, "words": []}}
    made = Motion(poses=still.poses, trans=still.trans, fps=30.0, provenance=provenance)
    return Pair(name, made, still, None, Path(name))


def values(rows) -> list[float | None]:
    assert tuple(row.name for row in rows) == NAMES
    return [row.value for row in rows]


def test_precision_and_recall_are_over_the_frames_of_all_labelled_takes(tmp_path):
    (tmp_path / "a.txt").write_text(f"{HEADING}metaphoric\t1.0\t2.0\t1.0\t0.8\nbeat\t2.2\t2.9\t0.7\t0.1\n")
    (tmp_path / "b.txt").write_text(f"{HEADING}nothing\t9.0\t9.5\t0.5\t0.8\n")
    half = [0.9 if 15 <= frame < 45 else 0.2 for frame in range(90)]
    found = values(gate_rows([pair("a", half), pair("b", [0.1] * 90), pair("c", [0.9] * 90)], tmp_path))
    assert found == pytest.approx([15 / 30, 15 / 31])  # frames 30 to 60 are labelled, both ends inside
    assert values(gate_rows([pair("b", [0.9] * 90)], tmp_path)) == [0.0, None]


def test_without_labels_or_scores_there_is_no_figure_and_a_reason(tmp_path):
    for rows in (gate_rows([pair("a", [0.9] * 90)], None), gate_rows([pair("a", None)], tmp_path)):
        assert values(rows) == [None, None]
        assert all(row.note for row in rows)
