"""The same request on another processor: the same plan, and motion that nobody can tell apart.

On one machine a take comes back byte for byte. Another processor rounds otherwise: libraries pick code by what it can
do, and sum in another order. Here the plainest code that torch, oneDNN, MKL, numpy and OpenBLAS have stands for the
oldest machine, and one thread for the smallest; the other side is this machine as it is, with two threads.

Measured with that code, with AVX2's and with AVX-512's over 20 default takes (four lines, four styles): plans equal to
the letter, joints within 0.0003 degrees and 0.0011 mm, face curves within 6e-8. EMAGE with weights by rule, where it
chose the same codes: 0.035 degrees (the published conversion from float32 matrices is as fine as sqrt(2 eps) = 0.028
degrees) and 0.19 mm. Random weights leave ties, which any rounding breaks: one of two lines chose other codes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import rotation_error_degrees
from engine.plan.types import STYLES
from tests.places import ROOT
from tests.support.small_emage import standing_release

# Thirty times the largest difference that was measured; a pixel of a whole figure in HD is 2 mm.
DEFAULT_DEGREES, DEFAULT_MM, SHAPES = 0.01, 0.05, 1e-5
EMAGE_DEGREES, EMAGE_MM = 0.2, 1.0
TIE = 4e-4  # logits nearer than this are a tie: twice the tolerance of the parity tests (tests/golden/test_emage.py)
MAKE = """
import sys
from pathlib import Path
import numpy as np
import torch
from engine.models.checkpoints import load_emage
from engine.models.emage import BODY
from engine.models.emage_windows import choose_codes, infer, joined, line_frames
from engine.take.make import hear, make_take
from engine.take.options import TakeOptions
from engine.plan.types import STYLES

out, weights = Path(sys.argv[1]), sys.argv[2]
line = {"audio": sys.argv[3], "transcript": sys.argv[4]}
quiet = lambda *_: None
speech = hear(TakeOptions(**line), quiet)
for style in STYLES:
    make_take(TakeOptions(**line, style=style, seed=3), quiet, speech).save(out / f"{style}.npz")
make_take(TakeOptions(**line, generator="emage", weights=weights, device="cpu"), quiet, speech).save(out / "emage.npz")
models, wave = load_emage(Path(weights)), torch.from_numpy(speech.waveform)[None]
with torch.inference_mode():
    pieces = infer(models.model, models.codecs, wave, torch.zeros(1, dtype=torch.int64))
    found = joined(pieces, line_frames(wave.shape[1]))
    codes = choose_codes(models.codecs, found)
best = {part: found.logits[part][0].topk(2).values for part in BODY}
np.savez(
    out / "codes.npz",
    codes=np.stack([codes[part][0].numpy() for part in BODY]),
    margins=np.stack([(values[:, 0] - values[:, 1]).numpy() for values in best.values()]),
)
"""


def plainest() -> dict[str, str]:
    """What makes the libraries choose their plainest code; where one doesn't know such a switch, it stays as it is."""
    import platform

    named = {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])),
        "OMP_NUM_THREADS": "1",
    }
    if platform.machine().lower() in ("x86_64", "amd64"):
        named["OPENBLAS_CORETYPE"] = "Nehalem"
    return named


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[Path, Path]:
    """Takes of the demo line in every style and by EMAGE: as this machine computes, and as the plainest one would."""
    weights = tmp_path_factory.mktemp("weights")
    standing_release(weights)
    demo = ROOT / "assets" / "demo"
    folders = []
    for name, switches in (("here", {"OMP_NUM_THREADS": "2"}), ("plain", plainest())):
        folder = tmp_path_factory.mktemp(name)
        words = [str(folder), str(weights), str(next(demo.glob("demo.[fw]*"))), str(demo / "demo.txt")]
        subprocess.run([sys.executable, "-c", MAKE, *words], cwd=ROOT, env={**os.environ, **switches}, check=True)
        folders.append(folder)
    return folders[0], folders[1]


def differences(one: Motion, other: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Per frame the largest difference of a joint's rotation in degrees, and of a joint's place in millimetres."""
    turned = [axis_angle_to_matrix(take.poses.astype(np.float64)) for take in (one, other)]
    places = [
        default_skeleton().forward_matrices(matrices, take.trans.astype(np.float64))[0]
        for matrices, take in zip(turned, (one, other), strict=True)
    ]
    return rotation_error_degrees(*turned).max(axis=1), 1000.0 * np.linalg.norm(np.subtract(*places), axis=-1).max(1)


@pytest.mark.parametrize("style", STYLES)
def test_the_default_plans_the_same_and_moves_the_same(both, style):
    one, other = (Motion.load(folder / f"{style}.npz") for folder in both)
    assert one.plan
    assert json.dumps(one.plan, sort_keys=True) == json.dumps(other.plan, sort_keys=True)
    degrees, millimetres = differences(one, other)
    assert degrees.max() <= DEFAULT_DEGREES
    assert millimetres.max() <= DEFAULT_MM
    assert np.abs(one.blendshapes - other.blendshapes).max() <= SHAPES


def test_emage_moves_the_same_until_rounding_breaks_a_tie(both):
    one, other = (np.load(folder / "codes.npz") for folder in both)
    differs = (one["codes"] != other["codes"]).any(axis=0)
    first = int(differs.argmax()) if differs.any() else len(differs)
    if first < len(differs):
        parts = one["codes"][:, first] != other["codes"][:, first]
        assert (one["margins"][parts, first] <= TIE).all()
    degrees, millimetres = differences(*(Motion.load(folder / "emage.npz") for folder in both))
    alike = max(first - 64, 0)  # a decoder sees less than a window of 64 frames around a code
    assert alike > 0
    assert degrees[:alike].max() <= EMAGE_DEGREES
    assert millimetres[:alike].max() <= EMAGE_MM
