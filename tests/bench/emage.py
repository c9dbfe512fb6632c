"""How fast EMAGE loads and performs here, with weights by rule: seconds for a minute of speech beside the matmul floor.

Run in a process of its own (``python -m tests.bench.emage FOLDER RUNS``), so that the peak memory is its own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from tests.bench.runs import figures

SECONDS = 60
CORES = 2

# name -> at most (issue "EMAGE, the network")
REACH = {"emage_60s_s": 4.8, "emage_load_s": 1.0, "emage_peak_rss_mb": 1100.0}
ROWS = ("emage_load_s", "emage_60s_s", "emage_peak_rss_mb", "emage_floor_60s_s", "emage_floor_share")


def write_weights(folder: Path) -> None:
    """A folder in the published layout and size, filled by rule."""
    from safetensors.torch import save_file

    from tests.support import emage_rule

    modules = {"": emage_rule.emage()}
    modules |= {f"emage_vq/{part}": emage_rule.codec(part) for part in emage_rule.CODEC_SIZES}
    for name, module in modules.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        save_file(module.state_dict(), folder / name / "model.safetensors")


def measure(folder: Path, runs: int) -> dict[str, list[float]]:
    """Every figure's values, from a fresh process."""
    return figures("tests.bench.emage", folder, runs)


def main() -> None:
    """Load and perform; prints one JSON object."""
    import torch

    torch.set_num_threads(CORES)
    from engine.models.checkpoints import load_emage
    from engine.models.emage_windows import choose_codes, decode_line, infer, joined, line_frames

    folder, runs = Path(sys.argv[1]), int(sys.argv[2])
    start = time.perf_counter()
    models = load_emage(folder)
    loaded = time.perf_counter() - start
    wave = 0.1 * torch.randn(1, SECONDS * 16000, generator=torch.Generator().manual_seed(0))
    seconds = []
    with torch.inference_mode():
        for _ in range(runs + 1):
            start = time.perf_counter()
            pieces = infer(models.model, models.codecs, wave, torch.zeros(1, dtype=torch.int64))
            codes = choose_codes(models.codecs, joined(pieces, line_frames(wave.shape[1])))
            decode_line(models.codecs, codes, torch.zeros(1, 3))
            seconds.append(time.perf_counter() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        floor = matmul_floor(models.model)
    print(
        json.dumps(
            {
                "emage_load_s": [loaded],
                "emage_60s_s": seconds[1:],
                "emage_peak_rss_mb": [memory],
                "emage_floor_60s_s": [floor],
                "emage_floor_share": [floor / sorted(seconds[1:])[runs // 2]],
            }
        )
    )


def matmul_floor(model: object) -> float:
    """Seconds that the products of the linear and convolution layers alone take for a minute, one window at a time."""
    import torch
    from torch import nn

    assert isinstance(model, nn.Module)
    windows, frames = SECONDS * 30 // 60, 64
    total = 0.0
    lengths = {"audio_encoder": (6860, 1142, 1142, 189, 189, 64)}
    for name, module in model.named_modules():
        shape: tuple[int, int, int] | None = None
        if isinstance(module, nn.Linear):
            shape = (frames, module.in_features, module.out_features)
        elif type(module).__name__ == "Attention":
            width = module.in_proj_weight.shape[1]
            shape = (frames, width, 3 * width)
        elif isinstance(module, nn.Conv1d):
            block = int(name.split(".")[2]) if "audio_encoder" in name else 0
            length = lengths["audio_encoder"][block] if "audio_encoder" in name else frames
            shape = (length, module.in_channels * module.kernel_size[0], module.out_channels)
        if shape is None:
            continue
        first, second = torch.randn(shape[0], shape[1]), torch.randn(shape[1], shape[2])
        first @ second
        start = time.perf_counter()
        for _ in range(3):
            first @ second
        total += windows * (time.perf_counter() - start) / 3
    return total


if __name__ == "__main__":
    main()
