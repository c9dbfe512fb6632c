"""How figures are taken: a process of their own, and a clock around a step."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from tests.places import ROOT


def lines_of(*words: object) -> list[str]:
    """What a fresh Python with these words prints."""
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True).stdout.splitlines()


def figures(module: str, *words: object) -> dict[str, list[float]]:
    """Every figure's values, from a fresh process of this module, whose last line is a JSON object of them."""
    found: dict[str, list[float]] = json.loads(lines_of("-m", module, *words)[-1])
    return found


def timed(action: Callable[[], object], runs: int) -> list[float]:
    """Wall-clock seconds of each run."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return seconds
