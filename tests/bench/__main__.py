"""Run the benchmarks and write their JSON (docs/sources/contracts.md, section 6)."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import soundfile

from tests.bench import control, emage, quick, semtalk
from tests.bench.machine import machine
from tests.bench.runs import timed
from tests.bench.speech import ROOT, make_line

# name -> what must be reached (design: at most)
REACH = {
    "generate_60s_s": 8.0,
    "cold_cli_10s_s": 8.0,
    "write_keys_60s_s": 0.5,
    "peak_rss_mb": 1500.0,
    "peak_rss_16min_mb": 1500.0,
    "scaling_16min_over_1min": 1.2,
    **emage.REACH,
    **semtalk.REACH,
    **quick.REACH,
    **control.REACH,
}
BEDS = {"pins": "pins", "face": "face", "emage": "emage_mends"}
ONE_RUN = """
import resource, sys, time
from engine.pipeline import TakeOptions, make_take
from pathlib import Path
options = TakeOptions(audio=sys.argv[1], transcript=sys.argv[2])
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    make_take(options, lambda *_: None).save(Path(sys.argv[1]).with_suffix(".npz"))
    print("seconds", time.perf_counter() - start)
print("rss", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)
"""


def in_process(audio: Path, transcript: Path, runs: int) -> tuple[list[float], float]:
    """Seconds of each run in one fresh engine process, and its peak memory in MB."""
    command = [sys.executable, "-c", ONE_RUN, str(audio), str(transcript), str(runs)]
    out = subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True).stdout.split()
    values = [(out[i], float(out[i + 1])) for i in range(0, len(out), 2)]
    return [value for name, value in values if name == "seconds"], next(v for name, v in values if name == "rss")


def result(values: list[float], unit: str) -> dict[str, float | int | str]:
    """Median, range and count."""
    return {
        "median": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
        "n": len(values),
        "unit": unit,
    }


def measure(folder: Path, runs: int) -> dict[str, dict[str, float | int | str]]:
    """All figures."""
    minute, ten, quarter = (make_line(folder, seconds) for seconds in (60.0, 10.0, 960.0))
    lengths = {audio: soundfile.info(audio).duration for audio, _ in (minute, quarter)}
    seconds, memory = in_process(*minute, runs + 1)
    long_seconds, long_memory = in_process(*quarter, 1)
    warm = seconds[1:]
    per_second = statistics.median(warm) / lengths[minute[0]]

    def cold() -> None:
        words = ["generate", str(ten[0]), "--transcript", str(ten[1]), "--out", str(folder / "cold.npz")]
        subprocess.run([sys.executable, "-m", "engine", *words], cwd=ROOT, check=True, capture_output=True)

    cold()  # the first process after install compiles bytecode; the second one is what counts
    keys = subprocess.run(
        [sys.executable, "-m", "tests.bench.write_keys", str(runs)],
        cwd=ROOT,
        check=True,
        text=True,
        capture_output=True,
    )
    key_seconds = [float(line.split()[1]) for line in keys.stdout.splitlines() if line.startswith("seconds ")]
    scale = [value * 60.0 / lengths[minute[0]] for value in warm]
    emage.write_weights(folder / "emage")
    others = emage.measure(folder / "emage", runs) | semtalk.measure(runs)
    others |= quick.measure(runs) | control.measure(runs)
    return {
        **{name: result(values, name.rsplit("_", 1)[-1]) for name, values in others.items()},
        "generate_60s_s": result(scale, "s"),
        "cold_cli_10s_s": result(timed(cold, runs), "s"),
        "write_keys_60s_s": result(key_seconds, "s"),
        "peak_rss_mb": result([memory], "MB"),
        "peak_rss_16min_mb": result([long_memory], "MB"),
        "scaling_16min_over_1min": result([long_seconds[0] / lengths[quarter[0]] / per_second], "ratio"),
    }


def main() -> None:
    """Print a table; write JSON where asked."""
    for name in BEDS:
        if f"--{name}" in sys.argv[1:]:
            bed = import_module(f"tests.bench.{BEDS[name]}")
            bed.main([word for word in sys.argv[1:] if word != f"--{name}"])
            return
    parser = argparse.ArgumentParser(prog="build.py bench")
    parser.add_argument("--pins", action="store_true", help="the test bed of pins instead; takes --windows N too")
    parser.add_argument("--face", action="store_true", help="the spoken face on the mesh instead; takes --clips N too")
    parser.add_argument("--emage", action="store_true", help="what each mend of EMAGE does; takes --weights DIR too")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cospeech_bench_") as folder:
        results = measure(Path(folder), options.runs)
    for name, row in results.items():
        told = ""
        if name in REACH:
            verdict = "reached" if float(row["median"]) <= REACH[name] else "MISSED"
            told = f"  reach <= {REACH[name]:g}: {verdict}"
        print(f"{name:28} {row['median']:>10} {row['unit']:6} ({row['min']} .. {row['max']}, n {row['n']}){told}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
