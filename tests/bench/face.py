"""The spoken face on the evaluated mannequin: ``build.py bench --face [--clips N] [--json FILE]``.

Speech is synthesised, so that phone times are known. Each clip becomes a take twice: from audio and text as the user's
lines do ("heard": aligner and face), and with the synthesiser's own phones ("known": the face alone). Both are put onto
the character in Blender and measured on its mesh, at 24 and 30 frames per second, against the synthesiser's phones.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.face_figures import Tally, count, wants_teeth
from tests.bench.face_speech import phones_of, synthesise, truth_of
from tests.bench.machine import machine
from tests.bench.pins import Reach, summary

RATES = (24.0, 30.0)

REACHES = tuple(
    Reach(f"face_{name}_{source}_{rate:g}", statistic, limit, at_least)
    for source in ("heard", "known")
    for rate in RATES
    for name, statistic, limit, at_least in (
        ("lips_meet_share", "median", 0.98, True),
        ("lip_on_teeth_share", "median", 0.90, True),
        ("shut_vowels_share", "median", 0.02, False),
        ("pause_mm_s", "p95", 1.0, False),
        ("lag_pooled_ms", "min", -33.0, True),
        ("lag_pooled_ms", "max", 33.0, False),
    )
)


def measure(folder: Path, clips: int) -> tuple[dict[str, Any], list[str]]:
    """All figures, and a line for every contact that was missed."""
    from engine.take.make import hear, make_take
    from engine.take.options import TakeOptions
    from tests.bench.face_mesh import Parts, close_scene, open_scene, perform
    from tests.bench.pin_keys import as_take

    tallies = {(source, rate): Tally() for source in ("heard", "known") for rate in RATES}
    slow: dict[float, list[float]] = {}
    armature, parts = open_scene(), Parts()
    for wav in synthesise(folder, clips):
        truth = truth_of(wav)
        phones = phones_of(truth)
        options = TakeOptions(audio=str(wav), transcript=str(_text(folder, truth)), parts=("face",))
        speech = hear(options, _quiet)
        for (source, rate), tally in tallies.items():
            spoken = replace(speech, phones=phones) if source == "known" else speech
            motion = make_take(replace(options, fps=rate), _quiet, spoken)
            times = np.arange(motion.frames) / rate
            mouth = perform(armature, as_take(motion), parts, wants_teeth(phones, times, rate))
            before = len(tally.vowel_mm)
            count(tally, wav.stem, phones, speech.waveform, rate, mouth.gap, mouth.bite, mouth.lips)
            if source == "known":
                slow.setdefault(float(truth["rate"]), []).extend(tally.vowel_mm[before:])
    close_scene()
    rows: dict[str, Any] = {}
    for (source, rate), tally in tallies.items():
        rows |= {f"face_{name}_{source}_{rate:g}": row for name, row in _rows(tally).items()}
    rows |= {f"face_vowel_opening_at_{stretch:g}_mm": summary(found, "mm") for stretch, found in sorted(slow.items())}
    missed = [f"{source}: {line}" for (source, _), tally in tallies.items() for line in tally.missed]
    return rows, missed


def _quiet(*_: object) -> None:
    """Progress that nobody reads."""


def _text(folder: Path, truth: dict[str, Any]) -> Path:
    path = folder / "line.txt"
    path.write_text(str(truth["text"]), encoding="utf-8")
    return path


def _rows(tally: Tally) -> dict[str, Any]:
    return {
        "lips_meet_share": _share(tally.closed),
        "lip_on_teeth_share": _share(tally.bitten),
        "shut_vowels_share": _share(tally.shut_vowels),
        "pause_mm_s": summary(tally.pause_mm_s, "mm/s"),
        "lag_pooled_ms": summary([tally.pooled_lag_ms()], "ms"),
        "lag_clip_ms": summary(tally.lag_ms, "ms"),
    }


def _share(hits: list[bool]) -> dict[str, Any]:
    return {**summary([float(np.mean(hits))], "share"), "n": len(hits)}


def main(words: list[str]) -> None:
    """Print a table; write JSON where asked."""
    parser = argparse.ArgumentParser(prog="build.py bench --face")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--clips", type=int, default=18, help="lines of two sentences to synthesise")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="cospeech_bench_") as folder:
        rows, missed = measure(Path(folder), options.clips)
    for name, row in rows.items():
        told = "; ".join(
            f"{reach.statistic} {'>=' if reach.at_least else '<='} {reach.limit:g}: "
            f"{'reached' if reach.reached(row) else 'MISSED'}"
            for reach in REACHES
            if reach.figure == name
        )
        print(f"{name:34} {row['median']:>9} p95 {row['p95']:>9} {row['unit']:5} (n {row['n']})  {told}")
    print(*missed, sep="\n")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        found = {"machine": machine(), "results": rows, "missed": missed}
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
