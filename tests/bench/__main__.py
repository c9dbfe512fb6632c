"""Run the benchmarks: a row as soon as it is taken, and their JSON (docs/sources/contracts.md, section 6)."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

import soundfile

from tests.bench import built_in, control, emage, quick, semtalk
from tests.bench.machine import machine
from tests.bench.runs import lines_of, timed
from tests.bench.speech import make_line
from tests.places import ROOT

# name -> what must be reached (design: at most)
REACH = {
    "generate_60s_s": 8.0,
    "cold_cli_10s_s": 3.0,
    "write_keys_60s_s": 0.5,
    "peak_rss_mb": 1500.0,
    "peak_rss_16min_mb": 1500.0,
    "scaling_16min_over_1min": 1.2,
    **emage.REACH,
    **semtalk.REACH,
    **quick.REACH,
    **control.REACH,
    **built_in.REACH,
}
UNITS = {"mb": "MB", "1min": "ratio"}  # by a name's last word, where that is not the unit itself
BEDS = {"pins": "pins", "face": "face", "emage": "emage_mends"}
ONE_RUN = """
import resource, sys, time
from engine.take.make import make_take
from engine.take.options import TakeOptions
from pathlib import Path
options = TakeOptions(audio=sys.argv[1], transcript=sys.argv[2])
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    make_take(options, lambda *_: None).save(Path(sys.argv[1]).with_suffix(".npz"))
    print("seconds", time.perf_counter() - start)
print("rss", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)
"""

Figures = dict[str, list[float]]


@dataclass(frozen=True)
class Measurement:
    """Rows that are taken together, of a folder for scratch and a number of runs. ``long`` ones only where asked."""

    rows: tuple[str, ...]
    take: Callable[[Path, int], Figures]
    long: bool = False


def in_process(folder: Path, seconds: float, runs: int) -> tuple[list[float], float, float]:
    """A line of about ``seconds`` in one fresh engine process: seconds of each run, peak memory in MB, its length."""
    audio, transcript = make_line(folder, seconds)
    out = lines_of("-c", ONE_RUN, audio, transcript, runs)
    memory = next(float(line.split()[1]) for line in out if line.startswith("rss "))
    return (
        [float(line.split()[1]) for line in out if line.startswith("seconds ")],
        memory,
        soundfile.info(audio).duration,
    )


def minute(folder: Path, runs: int) -> Figures:
    """A take of a minute; the first run, which warms up, is left out."""
    seconds, memory, length = in_process(folder, 60.0, runs + 1)
    return {"generate_60s_s": [value * 60.0 / length for value in seconds[1:]], "peak_rss_mb": [memory]}


def quarter(folder: Path, runs: int) -> Figures:
    """A take of 16 minutes, and how much more a second of it takes than a second of a minute's line."""
    seconds, memory, length = in_process(folder, 960.0, 1)
    short = statistics.median(minute(folder, runs)["generate_60s_s"]) / 60.0
    return {"peak_rss_16min_mb": [memory], "scaling_16min_over_1min": [seconds[0] / length / short]}


def cold(folder: Path, runs: int) -> Figures:
    """The command line from its start; the first process, which compiles bytecode, is left out."""
    audio, transcript = make_line(folder, 10.0)
    words = ["generate", str(audio), "--transcript", str(transcript), "--out", str(folder / "cold.npz")]
    command = [sys.executable, "-m", "engine", *words]
    # Kept, whatever this machine's Python is told.
    bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    run = partial(subprocess.run, command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, **bytecode})
    return {"cold_cli_10s_s": timed(run, runs + 1)[1:]}


def keys(_: Path, runs: int) -> Figures:
    """A minute's keys written."""
    out = lines_of("-m", "tests.bench.write_keys", runs)
    return {"write_keys_60s_s": [float(line.split()[1]) for line in out if line.startswith("seconds ")]}


def in_plain_blender(take: Callable[[Path, int], Figures], folder: Path, runs: int) -> Figures:
    """Figures of the installed zip; where it can't be installed, a line that says why."""
    if problem := built_in.problem():
        print(f"left out: {problem}", flush=True)
        return {}
    return take(folder, runs)


def by_emage(folder: Path, runs: int) -> Figures:
    """EMAGE, with weights by rule."""
    emage.write_weights(folder / "emage")
    return emage.measure(folder / "emage", runs)


MEASUREMENTS = (
    Measurement(("generate_60s_s", "peak_rss_mb"), minute),
    Measurement(("cold_cli_10s_s",), cold),
    Measurement(("write_keys_60s_s",), keys),
    Measurement(tuple(quick.REACH), lambda _, runs: quick.measure(runs)),
    Measurement(tuple(control.REACH), lambda _, runs: control.measure(runs)),
    Measurement(("zip_mb",), built_in.zip_size),
    Measurement(built_in.TAKES, partial(in_plain_blender, built_in.take_seconds)),
    Measurement(("test_engine_s",), partial(in_plain_blender, built_in.test_seconds)),
    Measurement(emage.ROWS, by_emage),
    Measurement(semtalk.ROWS, lambda _, runs: semtalk.measure(runs)),
    Measurement(("peak_rss_16min_mb", "scaling_16min_over_1min"), quarter, long=True),
)


def result(name: str, values: list[float]) -> dict[str, float | int | str]:
    """Median, range, count and unit."""
    last = name.rsplit("_", 1)[-1]
    return {
        "median": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
        "n": len(values),
        "unit": UNITS.get(last, last),
    }


def line_of(name: str, row: dict[str, float | int | str]) -> str:
    """A row as a line."""
    line = f"{name:28} {row['median']:>10} {row['unit']:6} ({row['min']} .. {row['max']}, n {row['n']})"
    if name not in REACH:
        return line
    return f"{line}  reach <= {REACH[name]:g}: {'reached' if float(row['median']) <= REACH[name] else 'MISSED'}"


def main() -> None:
    """Print a table, row by row; write JSON where asked."""
    for name in BEDS:
        if f"--{name}" in sys.argv[1:]:
            bed = import_module(f"tests.bench.{BEDS[name]}")
            bed.main([word for word in sys.argv[1:] if word != f"--{name}"])
            return
    names = [name for measurement in MEASUREMENTS for name in measurement.rows]
    parser = argparse.ArgumentParser(prog="build.py bench")
    parser.add_argument("--pins", action="store_true", help="the test bed of pins instead; takes --windows N too")
    parser.add_argument("--face", action="store_true", help="the spoken face on the mesh instead; takes --clips N too")
    parser.add_argument("--emage", action="store_true", help="what each mend of EMAGE does; takes --weights DIR too")
    parser.add_argument("--only", choices=names, metavar="NAME", help=f"one row: {', '.join(names)}")
    parser.add_argument("--long", action="store_true", help="also the rows of a line of 16 minutes")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory(prefix="cospeech_bench_") as folder:
        for measurement in MEASUREMENTS:
            if options.only not in measurement.rows if options.only else measurement.long and not options.long:
                continue
            for name, values in measurement.take(Path(folder), options.runs).items():
                if options.only in (None, name):
                    results[name] = result(name, values)
                    print(line_of(name, results[name]), flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
