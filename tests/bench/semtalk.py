"""How fast SemTalk performs here, with weights by rule: seconds for a minute of speech beside the matmul floor.

Run in a process of its own (``python -m tests.bench.semtalk RUNS``), so that the peak memory is its own. HuBERT is not
in it: its features are made once an audio, and kept.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.bench.runs import figures

SECONDS = 60
CORES = 2
REPEATS = 5

# name -> at most (issue "SemTalk and SemGes, the networks")
REACH = {"semtalk_over_floor_ratio": 2.0}
ROWS = ("semtalk_60s_s", "semtalk_peak_rss_mb", "semtalk_floor_60s_s", "semtalk_over_floor_ratio")


def measure(runs: int) -> dict[str, list[float]]:
    """Every figure's values, from a fresh process."""
    return figures("tests.bench.semtalk", runs)


def main() -> None:
    """Perform; prints one JSON object."""
    import torch

    torch.set_num_threads(CORES)
    perform, runs = performer(), int(sys.argv[1])
    seconds = []
    with torch.inference_mode():
        for _ in range(runs + 1):
            start = time.perf_counter()
            perform()
            seconds.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    floor = matmul_floor(perform)
    print(
        json.dumps(
            {
                "semtalk_60s_s": seconds[1:],
                "semtalk_peak_rss_mb": [memory],
                "semtalk_floor_60s_s": [floor],
                "semtalk_over_floor_ratio": [min(seconds[1:]) / floor],
            }
        )
    )


def performer() -> Callable[[], object]:
    """A minute of speech through both networks and the codecs."""
    import torch

    from engine.models.semtalk_windows import MENDED, LineStart, Networks, SpeechFeatures, decode_line, roll_out
    from tests.support import semtalk_rule

    networks = Networks(semtalk_rule.base(), semtalk_rule.sparse(), semtalk_rule.codecs())
    draw, frames = torch.Generator().manual_seed(0), SECONDS * 30
    features = SpeechFeatures(
        torch.randn(1, frames, 1024, generator=draw),
        torch.rand(1, frames, 3, generator=draw),
        torch.randint(0, 11195, (1, frames), generator=draw),
        torch.randn(1, SECONDS, 512, generator=draw),
    )
    begin = LineStart(torch.randn(1, 4, 337, generator=draw), torch.zeros(1, 3), torch.tensor([1]))

    def perform() -> object:
        return decode_line(networks.codecs, roll_out(networks, features, begin, MENDED), begin.start, MENDED)

    return perform


def matmul_floor(perform: Callable[[], object]) -> float:
    """Seconds of the products and convolutions in ``perform`` alone, as plain matrix products of their shapes."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    counts: Counter[tuple[int, int, int]] = Counter()

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            name = func.overloadpacket.__name__
            if name in ("addmm", "mm"):
                left, right = args[-2:]
                counts[left.shape[0], left.shape[1], right.shape[1]] += 1
            elif name == "convolution":
                weight = args[1]
                counts[out.shape[0] * out.shape[2], weight[0].numel(), weight.shape[0]] += 1
            return out

    with torch.no_grad(), Recorder():
        perform()
    total = 0.0
    for (rows, inner, columns), count in counts.items():
        left, right = torch.randn(rows, inner), torch.randn(columns, inner).t()
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - start)
        total += count * statistics.median(times)
    return total


if __name__ == "__main__":
    main()
