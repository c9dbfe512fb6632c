"""``evaluate --realism``: every row of docs/sources/bands.md, per style, as a table with what is in and out, and as
JSON.

The corpus and a file of BEAT2 go through the same rows where they apply, against the widest of the styles' bands. The
bands are data (assets/evaluation/bands.json); what is measured and how is in :mod:`.realism_measures`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.skeleton import ASSETS, default_skeleton
from engine.errors import CospeechError
from engine.evaluation.realism_measures import (
    FPS,
    Measures,
    apexes,
    deep_share,
    measure,
    nearest,
    pooled,
    power_limit,
)
from engine.evaluation.realism_takes import (
    Clip,
    beat2_clip,
    corpus_clips,
    demo_lines,
    hear_lines,
    speech_lines,
    take_clips,
)
from engine.plan.types import STYLES

Array = NDArray[np.float64]
Band = tuple[float | None, float | None]

BANDS_FILE = ASSETS / "evaluation" / "bands.json"
# By eye, where no source is named.
MOST_SEEDS = 4  # takes of every line, where one of each is too little to pool
SIGMA = 0.1  # s: how near an apex must be to an accent to count as near
DRAWS = 400  # times that audio is shifted
LEAST_SHIFT = 0.8  # s, of audio
LEAST_VOICE = 4.0  # s of a line that is shifted
APEX_MS = (-300.0, 120.0)  # around an accent (docs/sources/bands.md, section 1)


@dataclass(frozen=True)
class Cell:
    """A figure under one heading, its band, and whether it is inside (None: no figure or no band)."""

    value: float | None
    band: Band | None

    @property
    def inside(self) -> bool | None:
        """Whether the value lies in its band."""
        if self.value is None or self.band is None:
            return None
        low, high = self.band
        return (low is None or self.value >= low) and (high is None or self.value <= high)


@dataclass(frozen=True)
class Row:
    """A line of the table: ``cells`` by heading."""

    name: str
    label: str
    unit: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Report:
    """All rows; ``notes`` are sentences about what was too little or missing."""

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def evaluate_realism(
    speech: Path | None,
    styles: tuple[str, ...] = STYLES,
    corpus: Path | None = None,
    beat2: Path | None = None,
    seed: int = 0,
    tell: Callable[[str, float], None] = lambda *_: None,
) -> Report:
    """Make takes of the speech (the demo line where none is given) in every style and hold them against the bands.

    CospeechError for an unknown style or a folder that holds nothing to measure.
    """
    unknown = [style for style in styles if style not in STYLES]
    if unknown or not styles:
        named = ", ".join(unknown) or "none"
        raise CospeechError(f"Styles asked for: {named}; choose from: {', '.join(STYLES)}")
    lines = hear_lines(speech_lines(speech) if speech is not None else demo_lines(), tell)
    clips: list[Clip] = []
    for style in styles:
        made: list[Clip] = []
        for extra in range(MOST_SEEDS):
            made += take_clips(lines, style, seed + extra, tell)
            strokes, minutes = sizes(made)
            if strokes >= least()["strokes"] and minutes >= least()["minutes"]:
                break
        clips += made
    clips += [] if corpus is None else corpus_clips(corpus)
    return report(clips if beat2 is None else [*clips, beat2_clip(beat2)])


def sizes(clips: list[Clip]) -> tuple[int, float]:
    """Strokes and minutes in these clips."""
    seconds = sum(clip.subject.motion.seconds for clip in clips)
    return sum(len(clip.subject.strokes) for clip in clips), seconds / 60.0


@cache
def bands() -> dict[str, Any]:
    """assets/evaluation/bands.json."""
    return dict(json.loads(BANDS_FILE.read_text(encoding="utf-8")))


def least() -> dict[str, float]:
    """How many strokes and minutes the bands are for."""
    return dict(bands()["least"])


def report(clips: list[Clip]) -> Report:
    """The rows of clips already at hand."""
    columns = tuple(dict.fromkeys(clip.column for clip in clips))
    measured = {
        column: pooled([measure(clip.subject) for clip in clips if clip.column == column]) for column in columns
    }
    values = {column: figures(part) for column, part in measured.items()}
    planned = [clip for clip in clips if clip.column in STYLES]
    values["pooled"] = {"closeness": closeness_above_chance(planned)}
    rows = tuple(
        Row(entry["name"], entry["label"], entry["unit"], _cells(entry, values, (*columns, "pooled")))
        for entry in bands()["rows"]
    )
    return Report(rows, columns, _notes(clips, columns))


def _cells(
    entry: dict[str, Any], values: dict[str, dict[str, float | None]], columns: tuple[str, ...]
) -> dict[str, Cell]:
    return {column: Cell(values[column].get(entry["name"]), band_of(entry, column)) for column in columns}


def band_of(entry: dict[str, Any], column: str) -> Band | None:
    """The band of a row under a heading; real motion is held against the widest of the styles'."""
    if column in entry or "all" in entry:
        low, high = entry[column if column in entry else "all"]
        return low, high
    bands = [entry[style] for style in STYLES if style in entry]
    if column == "pooled" or not bands:
        return None
    lows, highs = ([band[end] for band in bands] for end in (0, 1))
    return (None if None in lows else min(lows)), (None if None in highs else max(highs))


def _notes(clips: list[Clip], columns: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    for column in columns:
        strokes, minutes = sizes([clip for clip in clips if clip.column == column])
        if column in STYLES and (strokes < least()["strokes"] or minutes < least()["minutes"]):
            notes.append(
                f"{column}: {strokes} strokes in {minutes:.1f} minutes; the bands are for at least "
                f"{least()['strokes']:.0f} in {least()['minutes']:.0f}, so give more speech"
            )
    return tuple(notes)


def figures(found: Measures) -> dict[str, float | None]:
    """Every row's figure from pooled measures; None where these clips can't say."""
    out: dict[str, float | None] = {"minutes": float(found.clip_seconds.sum()) / 60.0}
    out["strokes"] = float(len(found.alone)) if len(found.alone) else None
    if found.speech_seconds.sum() > 0.0:
        out["rate"] = 60.0 * float(found.phrases.sum() / found.speech_seconds.sum())
        out["resting"] = 100.0 * float(found.resting_seconds.sum() / found.voice_seconds.sum())
        out["semantic"] = 100.0 * float(found.semantic.sum() / max(found.phrases.sum(), 1.0))
    out |= _moving(found)
    if len(found.sway):
        out["sway"] = 1000.0 * float(np.sqrt((found.sway**2).sum(axis=1).mean()))
    if len(found.slide):
        out["slide"] = float(found.slide.mean())
    out["planted"] = 100.0 * float(found.planted.mean())
    if found.blink_seconds.sum() > 0.0:
        out["blinks"] = 60.0 * float(found.blinks.sum() / found.blink_seconds.sum())
        out["blinks_at_pause"] = 100.0 * float(found.blinks_at_pause.sum() / max(found.blinks.sum(), 1.0))
    out["clear"] = 100.0 * deep_share(found.depth)
    return out | _timing(found)


def _moving(found: Measures) -> dict[str, float | None]:
    out: dict[str, float | None] = {}
    if len(found.wrist_speed):
        out["wrist_speed"] = float(found.wrist_speed.mean())
        out["jerk_speed"] = float(found.jerk.mean() / max(found.wrist_speed.mean(), 1e-9))
        out["raw_jerk"] = float(found.raw_jerk.mean() / max(found.smooth_jerk.mean(), 1e-9))
    if len(found.spectrum):
        out["power_95"] = power_limit(found.spectrum)
    out["height_low"], out["height_high"] = (float(value) for value in np.quantile(found.heights, [0.05, 0.95]))
    out["above_shoulder"] = 100.0 * float(found.above_shoulder.mean())
    if len(found.head_speed):
        out["head_speed"] = float(found.head_speed.mean())
    for name, value in zip(("head_yaw", "head_pitch", "head_roll"), found.head_angles.std(axis=0), strict=True):
        out[name] = float(value)
    return out


def _timing(found: Measures) -> dict[str, float | None]:
    out: dict[str, float | None] = {}
    if len(found.offsets):
        late = 1000.0 * found.offsets
        out["apex_median"] = float(np.median(late))
        out["apex_share"] = 100.0 * float(((late >= APEX_MS[0]) & (late <= APEX_MS[1])).mean())
    if len(found.alone):
        out["apex_alone"] = 100.0 * float(found.alone.mean())
    if len(found.leads):
        out["lead_median"] = 1000.0 * float(np.median(found.leads))
        out["lead_latest"] = 1000.0 * float(found.leads.min())
    return out


def closeness_above_chance(clips: list[Clip]) -> float | None:
    """How much nearer the apexes are to the accents than to those of shifted audio, in its standard deviations.

    Closeness is the mean over apexes of exp(-d^2 / 2 sigma^2), d seconds to the nearest accent. Audio is shifted by
    turning a line's accents round within its voice by chance; one shift for all styles of a line, whose gestures fall
    on the same words. None where no line is long enough.
    """
    lines: dict[str, list[Clip]] = {}
    for clip in clips:
        sound = clip.subject.sound
        if sound is not None and sound.voice[1] - sound.voice[0] >= LEAST_VOICE and clip.subject.strokes:
            lines.setdefault(clip.name, []).append(clip)
    gathered = [_line(members) for members in lines.values()]
    if not gathered:
        return None
    own = float(np.mean(np.concatenate([_closeness(times, accents) for times, accents, _ in gathered])))
    rng = np.random.default_rng(5)
    chance = []
    for _ in range(DRAWS):
        parts = []
        for times, accents, (first, last) in gathered:
            by = rng.uniform(LEAST_SHIFT, last - first - LEAST_SHIFT)
            parts.append(_closeness(times, first + (accents - first + by) % (last - first)))
        chance.append(float(np.mean(np.concatenate(parts))))
    return (own - float(np.mean(chance))) / max(float(np.std(chance)), 1e-9)


def _line(members: list[Clip]) -> tuple[Array, Array, tuple[float, float]]:
    skeleton = default_skeleton()
    times = []
    for clip in members:
        motion = clip.subject.motion
        times.append(apexes(clip.subject, *skeleton.forward(motion.poses.astype(np.float64), motion.trans)))
    sound = members[0].subject.sound
    assert sound is not None
    return np.concatenate(times), sound.accents, sound.voice


def _closeness(times: Array, accents: Array) -> Array:
    return np.asarray(np.exp(-0.5 * (nearest(times, accents) / SIGMA) ** 2))


def as_json(found: Report) -> dict[str, Any]:
    """Row -> label, unit, and by heading value, band and in."""
    rows = {
        row.name: {
            "label": row.label,
            "unit": row.unit,
            **{
                column: {"value": cell.value, "band": cell.band, "in": cell.inside}
                for column, cell in row.cells.items()
                if cell.value is not None
            },
        }
        for row in found.rows
    }
    return {"fps": FPS, "rows": rows, "notes": list(found.notes)}


def table(found: Report) -> list[str]:
    """Lines to print: value and band under every heading, OUT where it is outside."""
    pooled_only = [row for row in found.rows if row.cells["pooled"].value is not None]
    width = max(len(_titled(row)) for row in found.rows)
    lines = [" " * width + "".join(f"  {column:>22}" for column in found.columns)]
    for row in found.rows:
        if row not in pooled_only:
            lines.append(_titled(row).ljust(width) + "".join(f"  {_text(row.cells[name])}" for name in found.columns))
    lines += [
        _titled(row).ljust(width) + f"  {_text(row.cells['pooled'])}  (all styles together)" for row in pooled_only
    ]
    judged = [(row, name, cell) for row in found.rows for name, cell in row.cells.items() if cell.inside is not None]
    outside = [f"{row.name} ({name})" for row, name, cell in judged if cell.inside is False]
    lines.append(
        f"{len(judged) - len(outside)} of {len(judged)} inside"
        + (f"; outside: {', '.join(outside)}" if outside else "")
    )
    return [*lines, *found.notes]


def _titled(row: Row) -> str:
    return f"{row.label}, {row.unit}" if row.unit else row.label


def _text(cell: Cell) -> str:
    if cell.value is None:
        return f"{'-':>22}"
    if cell.band is None:
        return f"{cell.value:>8.4g}{'':14}"
    low, high = ("" if end is None else f"{end:g}" for end in cell.band)
    verdict = "in " if cell.inside else "OUT"
    return f"{cell.value:>8.4g} {verdict} {low + '..' + high:>9}"
