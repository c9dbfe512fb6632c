"""The pins' test bed: ``build.py bench --pins [--windows N] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

DIVERSITY_EVERY = 7  # of so many windows one is made with 8 seeds, with its pins and without
MIN_FREE_SECONDS = 0.5


@dataclass(frozen=True)
class Reach:
    """What must be reached: a statistic of a figure, at most (or at least) a limit."""

    figure: str
    statistic: str  # median, p95, min, max
    limit: float
    at_least: bool = False

    def reached(self, row: dict[str, Any]) -> bool:
        """Whether it is."""
        value = float(row[self.statistic])
        return value >= self.limit if self.at_least else value <= self.limit


REACHES = (
    Reach("pins_rotation_blender_deg", "max", 0.01),
    Reach("pins_target_mm", "p95", 0.5),
    Reach("pins_target_mm", "max", 1.0),
    Reach("pins_target_blender_mm", "p95", 0.5),
    Reach("pins_target_blender_mm", "max", 1.0),
    Reach("pins_unreachable_untold", "max", 0.0),
    Reach("pins_outside_bytes", "max", 0.0),
    Reach("pins_outside_blender_bytes", "max", 0.0),
    Reach("pins_step", "p95", 1.0),
    Reach("pins_jerk_ratio", "p95", 1.25),
    Reach("pins_small_jerk_ratio", "median", 1.15),
    Reach("pins_slide_extra_cm_s", "p95", 0.5),
    Reach("pins_regenerate_s", "median", 0.7),
    Reach("pins_regenerate_s", "p95", 1.5),
    Reach("pins_regenerate_pin_deg", "max", 0.01),
    Reach("pins_regenerate_outside_bytes", "max", 0.0),
    Reach("pins_unequal_twice", "max", 0.0),
    Reach("pins_diversity", "median", 0.6, at_least=True),
    Reach("pins_diversity_pooled", "min", 0.6, at_least=True),
    Reach("pins_diversity_seed_band", "min", 70.0, at_least=True),  # docs/sources/bands.md, style explain
    Reach("pins_diversity_seed_band", "max", 140.0),
)


def work(folder: str, numbers: list[int], seconds: list[float], blender: bool, alone: bool) -> list[dict[str, Any]]:
    """One process: the figures of these cases."""
    from tests.bench import pin_takes
    from tests.bench.pin_cases import draw_case
    from tests.bench.pin_figures import free_frames, run_case, run_diversity

    scratch = Path(folder)
    maker = pin_takes.exact_pass(scratch) if alone else pin_takes.generator(scratch)

    def takes(line: int, seed: int, fps: float) -> Any:
        return pin_takes.take(scratch, line, seed, fps)

    rows = []
    if blender:
        from tests.bench.pin_keys import close_scene, open_scene, round_trip

        open_scene()
    for number in numbers:
        case = draw_case(number, seconds)
        figures, hints, result = run_case(case, takes, maker, len(seconds))
        row: dict[str, Any] = {**asdict(case), **asdict(figures)}
        if blender:
            row["blender_deg"], row["blender_mm"], row["blender_outside"] = round_trip(result, hints)
        enough = free_frames(case, hints.frames).sum() >= MIN_FREE_SECONDS * case.fps
        if number % DIVERSITY_EVERY < 2 and enough:
            row["diversity"] = run_diversity(case, takes, maker, len(seconds))
        rows.append(row)
    if blender:
        close_scene()
    return rows


def gather(folder: Path, windows: int, processes: int, blender: bool, alone: bool) -> list[dict[str, Any]]:
    """All cases, in order."""
    from tests.bench import pin_takes

    seconds = pin_takes.prepare(folder)
    parts = [list(range(part, windows, processes)) for part in range(processes)]
    if processes == 1:
        return work(str(folder), parts[0], seconds, blender, alone)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(work, str(folder), part, seconds, blender, alone) for part in parts]
        rows = [row for job in jobs for row in job.result()]
    return sorted(rows, key=lambda row: int(row["number"]))


def summary(values: list[float], unit: str) -> dict[str, float | int | str]:
    """Median, p95, range and count (docs/sources/contracts.md, section 6, with p95 beside)."""
    return {
        "median": round(statistics.median(values), 6),
        "p95": round(float(np.percentile(values, 95)), 6),
        "min": round(min(values), 6),
        "max": round(max(values), 6),
        "n": len(values),
        "unit": unit,
    }


def over(row: dict[str, Any]) -> list[float]:
    """Each place's velocity step over the one of the minimum-jerk correction."""
    steps, floor = row["pin_steps"] + row["border_steps"], row["pin_floor"] + row["border_floor"]
    return [step / max(least, 1e-6) for step, least in zip(steps, floor, strict=True)]


def reached_in_blender(row: dict[str, Any]) -> list[float]:
    """Millimetres of the reachable targets after the round trip; none where it was left out."""
    return [mm for mm, near in zip(row.get("blender_mm", []), row["reachable"], strict=False) if near]


def over_all(varied: list[dict[str, Any]]) -> list[float]:
    """Diversity under pins over that without, of all cases' sums; where seeds hardly differ a case's own is chance."""
    without = sum(float(entry["without"]) for entry in varied)
    return [sum(float(entry["under"]) for entry in varied) / without] if without > 0.0 else []


def pooled(bands: list[list[list[float]]]) -> list[float]:
    """A ratio a seed of sums of jerk and speed (cases, seeds, 2)."""
    if not bands:
        return []
    sums = np.asarray(bands).sum(axis=0)
    return [float(value) for value in sums[:, 0] / np.maximum(sums[:, 1], 1e-9)]


def tables(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The results of all cases."""

    def each(take: Callable[[dict[str, Any]], Any]) -> list[float]:
        found = [take(row) for row in rows]
        return [float(v) for value in found for v in (value if isinstance(value, list) else [value])]

    # A take that hardly moves has a p99 near zero, so beside each take's own p99 stands the median one of its rate.
    typical = {
        fps: statistics.median(r["usual_step"] for r in rows if r["fps"] == fps) for fps in {r["fps"] for r in rows}
    }

    def moves(row: dict[str, Any]) -> bool:
        return bool(row["usual_step"] >= 0.5 * typical[row["fps"]])

    def typically(row: dict[str, Any], kind: str) -> list[float]:
        scale = row["usual_step"] / typical[row["fps"]]
        return [step * scale for step in row[f"pin_{kind}"] + row[f"border_{kind}"]]

    varied = [row["diversity"] for row in rows if "diversity" in row]
    table: dict[str, tuple[list[float], str]] = {
        "pins_rotation_deg": (each(lambda r: r["rotation_deg"]), "deg"),
        "pins_rotation_blender_deg": (each(lambda r: r.get("blender_deg", [])), "deg"),
        "pins_target_mm": (each(lambda r: r["targets_mm"]), "mm"),
        "pins_target_blender_mm": (each(reached_in_blender), "mm"),
        "pins_unreachable_untold": (each(lambda r: [not told for told in r["far_told"]]), "share"),
        "pins_residual_told_wrong": (each(lambda r: [not right for right in r["told_right"]]), "share"),
        "pins_outside_bytes": (each(lambda r: r["outside_bytes"]), "bytes"),
        "pins_outside_blender_bytes": (each(lambda r: r.get("blender_outside", [])), "bytes"),
        "pins_step": (each(lambda r: r["pin_steps"] + r["border_steps"]), "ratio"),
        "pins_step_floor": (each(lambda r: r["pin_floor"] + r["border_floor"]), "ratio"),
        "pins_step_over_floor": (each(over), "ratio"),
        "pins_step_where_it_moves": (each(lambda r: r["pin_steps"] + r["border_steps"] if moves(r) else []), "ratio"),
        "pins_step_by_typical_p99": (each(lambda r: typically(r, "steps")), "ratio"),
        "pins_step_by_typical_p99_floor": (each(lambda r: typically(r, "floor")), "ratio"),
        "pins_step_at_pins": (each(lambda r: r["pin_steps"]), "ratio"),
        "pins_step_at_pins_floor": (each(lambda r: r["pin_floor"]), "ratio"),
        "pins_step_at_borders": (each(lambda r: r["border_steps"]), "ratio"),
        "pins_step_at_borders_floor": (each(lambda r: r["border_floor"]), "ratio"),
        "pins_step_in_window": (each(lambda r: r["window_step"]), "ratio"),
        "pins_step_in_window_no_pins": (each(lambda r: r["window_step_free"]), "ratio"),
        "pins_jerk_ratio": (each(lambda r: r["jerk_ratio"]), "ratio"),
        "pins_jerk_ratio_same_reach": (each(lambda r: r["jerk_ratio_same_reach"]), "ratio"),
        "pins_jerk_over_no_pins": (each(lambda r: r["jerk_over_free"]), "ratio"),
        "pins_small_jerk_ratio": (each(lambda r: r["small_jerk_ratio"]), "ratio"),
        "pins_slide_extra_cm_s": (each(lambda r: r["slide_extra_cm_s"]), "cm/s"),
        "pins_slide_cm_s": (each(lambda r: r["slide_cm_s"]), "cm/s"),
        "pins_unequal_twice": (each(lambda r: not r["same_bytes"]), "share"),
        "pins_diversity": ([float(entry["ratio"]) for entry in varied], "ratio"),
        "pins_diversity_pooled": (over_all(varied), "ratio"),
        "pins_diversity_seed_jerk": ([float(v) for entry in varied for v in entry["jerk"]], "ratio"),
        "pins_diversity_seed_band": (pooled([entry["band"] for entry in varied]), "1/s2"),
        "pins_diversity_seed_band_no_pins": (pooled([entry["band_free"] for entry in varied]), "1/s2"),
    }  # fmt: skip
    return {name: summary(values, unit) for name, (values, unit) in table.items() if values}


def show(results: dict[str, dict[str, Any]]) -> int:
    """Print the table; returns how many reaches are missed."""
    missed = 0
    for name, row in results.items():
        print(f"{name:36} median {row['median']:>10.4f}  p95 {row['p95']:>10.4f} {row['unit']:6}"
              f"({row['min']:g} .. {row['max']:g}, n {row['n']})")  # fmt: skip
        for reach in REACHES:
            if reach.figure == name:
                good = reach.reached(row)
                missed += not good
                sign = ">=" if reach.at_least else "<="
                print(f"{'':36} reach: {reach.statistic} {sign} {reach.limit:g}: {'reached' if good else 'MISSED'}")
    return missed


def main(arguments: list[str]) -> None:
    """Run the bed, print its figures, write JSON where asked."""
    from tests.bench.machine import machine
    from tests.bench.regenerate import regenerated

    parser = argparse.ArgumentParser(prog="build.py bench --pins")
    parser.add_argument("--windows", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--cases", type=Path, help="write the figures of every case here")
    parser.add_argument("--scratch", type=Path, help="keep takes here, for the next run of the same engine")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--without-blender", action="store_true", help="neither round trip nor latency")
    parser.add_argument("--exact-pass", action="store_true", help="satisfy alone, on takes that know of no pins")
    parser.add_argument("--runs", type=int, default=20, help="how often a window is regenerated for the latency")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the worker processes, which have a core each
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="cospeech_bench_") as temporary:
        scratch = options.scratch or Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        os.environ["BLENDER_USER_RESOURCES"] = str(Path(temporary) / "blender")
        rows = gather(scratch, options.windows, options.processes, not options.without_blender, options.exact_pass)
        results = tables(rows)
        if not options.without_blender:
            for name, (values, unit) in regenerated(options.runs, scratch).items():
                results[name] = summary(values, unit)
    print(f"{len(rows)} windows in {time.perf_counter() - start:.0f} s")
    missed = show(results)
    print(f"{missed} of {len(REACHES)} figures missed" if missed else "all figures reached")
    for path, content in ((options.json, {"machine": machine(), "results": results}), (options.cases, rows)):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, indent=1), encoding="utf-8")
