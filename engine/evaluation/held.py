"""Pin error: how exactly a generated take holds what its hints fix (docs/sources/metrics.md, section 7), read off the
take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import Motion
from engine.errors import CospeechError
from engine.evaluation.metrics import rotation_error_degrees
from engine.evaluation.pairs import Pair, Row, partner
from engine.hints import Hints, load_hints
from engine.hints.targets import report

Array = NDArray[np.float64]

WITHOUT = "needs the hints that the takes were made with (--hints FOLDER)"


def pin_rows(pairs: list[Pair], hints: Path | None) -> list[Row]:
    """Largest and 95th percentile errors at pins inside the edit windows, and of targets; ``<id>.npz`` in ``hints``.

    Takes are read at their own rate, which is the hints'. CospeechError where a take has other frames than its hints.
    """
    if hints is None:
        return [Row("pin error", None, note=WITHOUT)]
    if not hints.is_dir():
        raise CospeechError(f"There is no folder {hints}; give the folder of the takes' hints")
    turns, places, targets, outside = [], [], [], []
    for pair in pairs:
        found = partner(pair.source, hints, ".npz")
        if found is None:
            continue
        motion, wanted = Motion.load(pair.source), load_hints(found)
        if (motion.frames, motion.fps) != (wanted.frames, wanted.fps):
            raise CospeechError(
                f"{pair.source.name} has {motion.frames} frames at {motion.fps:g} fps and its hints {wanted.frames} at "
                f"{wanted.fps:g}; give the hints that the take was made with"
            )
        turned, placed = _pins(motion, wanted)
        turns.append(turned)
        places.append(placed)
        targets.append(np.array([entry["residual_mm"] for entry in report(motion.poses, motion.trans, wanted)]))
        outside.append(_changed(motion, wanted))
    if not turns:
        return [Row("pin error", None, note=f"{hints} holds no hints of these takes")]
    rows = [
        *_rows("pin error", "deg", turns, "pinned rotations"),
        *_rows("root pin error", "mm", places, "pinned places of the root"),
        *_rows("target error", "mm", targets, "targets, also those out of reach"),
    ]
    return [*rows, Row("outside the window", float(np.sum(outside)), "values", "changed against the base; must be 0")]


def _pins(motion: Motion, hints: Hints) -> tuple[Array, Array]:
    """Errors (N,) in degrees of pinned rotations, and (M,) in millimetres of the pinned root, inside the window."""
    inside = np.zeros(hints.frames, np.bool_)
    inside[slice(*hints.window)] = True
    turned, placed = hints.rotation_mask & inside[:, None], hints.trans_mask & inside
    degrees = rotation_error_degrees(motion.poses[turned], hints.rotations[turned])
    apart = np.linalg.norm(motion.trans[placed].astype(np.float64) - hints.trans[placed], axis=-1)
    return degrees, 1000.0 * apart


def _changed(motion: Motion, hints: Hints) -> int:
    """How many values of poses and root differ from the base outside the window."""
    outside = np.ones(hints.frames, np.bool_)
    outside[slice(*hints.window)] = False
    both = ((motion.poses, hints.base.poses), (motion.trans, hints.base.trans))
    return sum(int(np.count_nonzero(one[outside] != two[outside])) for one, two in both)


def _rows(name: str, unit: str, errors: list[Array], note: str) -> list[Row]:
    together = np.concatenate(errors)
    if not len(together):
        return []
    largest, usual = float(together.max()), float(np.quantile(together, 0.95))
    return [Row(name, largest, unit, f"largest of {len(together)} {note}"), Row(f"{name} p95", usual, unit)]
