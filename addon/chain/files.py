"""The file that tells the engine what stands around the gaps of a chain. No bpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..rig.convert import Array
from .merge import Chain


def write_base(path: Path, chain: Chain, fps: float, rest: Array | None) -> None:
    """The chain as the base of a hints file (design.md section 4), inline; its window is the first gap."""
    arrays = {
        "base_poses": chain.poses,
        "base_trans": chain.trans,
        "window": np.array(chain.gaps[0], np.int64),
        "fps": np.array(fps),
    }
    if rest is not None:
        arrays["rest"] = np.asarray(rest, np.float64)
    if chain.blendshapes is not None:
        arrays["base_blendshapes"] = chain.blendshapes
    np.savez(path, **arrays)
