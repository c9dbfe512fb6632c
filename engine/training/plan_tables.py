"""Tables of the gesture planner that are measured on the corpus: natural durations and hand use per gesture class."""

from __future__ import annotations

import csv
import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from engine.errors import CospeechError

_NEEDED = ("main", "group", "gclass", "hands_measured", "m_onset", "m_apex0", "m_apex1", "m_return")


def class_durations(clips_csv: Path) -> dict[str, dict[str, Any]]:
    """Median phase durations in seconds per gesture class of the main corpus.

    Per class: ``prep`` (m_onset..m_apex0), ``hold`` (m_apex0..m_apex1), ``retract`` (m_apex1..m_return), ``clips``, and
    how many of them use one hand (``one``) or ``both``. Clips whose hands hardly move (shrugs) count as ``both``.
    Raises CospeechError when the table is missing or is not the corpus's.
    """
    try:
        with clips_csv.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise CospeechError(f"{clips_csv} lacks the columns {', '.join(missing)}; give the corpus's clips.csv")
            rows = [row for row in reader if row["main"] == "1" and row["group"] == "gesture"]
    except OSError as error:
        raise CospeechError(f"{clips_csv} can't be read ({error.strerror}); give the folder of the corpus") from error
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if row["m_onset"] and row["m_return"]:
            groups[row["gclass"]].append(row)
    return {name: _summary(members) for name, members in sorted(groups.items())}


def _summary(rows: list[dict[str, str]]) -> dict[str, Any]:
    def median(first: str, last: str) -> float:
        return round(statistics.median(float(row[last]) - float(row[first]) for row in rows), 3)

    one = sum(row["hands_measured"] in ("left", "right") for row in rows)
    return {
        "prep": median("m_onset", "m_apex0"),
        "hold": median("m_apex0", "m_apex1"),
        "retract": median("m_apex1", "m_return"),
        "clips": len(rows),
        "one": one,
        "both": len(rows) - one,
    }


def write_durations(corpus: Path, target: Path) -> None:
    """Measure ``corpus``/clips.csv and write the planner's table (assets/gestures/durations.json)."""
    about = "Median seconds per gesture class, measured by engine.training.plan_tables on the gesture corpus."
    lines = [f'    "{name}": {json.dumps(entry)}' for name, entry in class_durations(corpus / "clips.csv").items()]
    text = f'{{\n  "about": {json.dumps(about)},\n  "classes": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
    target.write_text(text, encoding="utf-8")
