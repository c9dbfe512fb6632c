"""A small data set in BEAT2's layout from our own motion and our own speech, for tests and miniature trainings."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.body.motion import Motion
from engine.body.skeleton import ASSETS
from engine.generators.base import Progress
from engine.plan.types import GesturePlan
from engine.speech.types import SAMPLE_RATE
from engine.take.make import hear, make_take
from engine.take.options import TakeOptions
from engine.training.beat2 import FPS
from engine.training.sample_text import write_text

SPEAKER = 2  # BEAT2's number of the one that the release knows
STYLES = ("explain", "narrate", "excited", "calm")


def write_sample(folder: Path, clips: int, progress: Progress) -> list[str]:
    """Write ``clips`` takes of the demo line by the default generator, each another style and seed; returns their ids.

    Of every five one is for validation and one for testing, the first always for training.
    """
    import soundfile

    demo = next(iter(sorted((ASSETS / "demo").glob("demo.[fw]*"))))
    options = TakeOptions(audio=str(demo), transcript=str(ASSETS / "demo" / "demo.txt"), fps=float(FPS))
    speech = hear(options, progress)
    for name in ("smplxflame_30", "wave16k"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(clips):
        name = f"{SPEAKER}_sample_0_{index + 1}_{index + 1}"
        style = STYLES[index % len(STYLES)]
        motion = make_take(replace(options, style=style, seed=index), progress, speech)
        _with_expressions(motion).to_beat2(folder / "smplxflame_30" / f"{name}.npz")
        soundfile.write(folder / "wave16k" / f"{name}.wav", speech.waveform, SAMPLE_RATE, subtype="PCM_16")
        write_text(folder, name, speech, GesturePlan.from_dict(motion.plan or {}))
        rows.append((name, {3: "val", 4: "test"}.get(index % 5, "train")))
    with (folder / "train_test_split.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "type"])
        writer.writerows(rows)
    return [name for name, _ in rows]


def _with_expressions(motion: Motion) -> Motion:
    """Our curves stand in for FLAME expressions, which our motion has not: enough for a codec to have something to
    learn, and no claim to look like a face."""
    expressions = np.zeros((motion.frames, 100), np.float32)
    if motion.blendshapes is not None:
        expressions[:, :52] = motion.blendshapes
    poses = motion.poses.copy()
    if motion.blendshapes is not None:
        poses[:, 22, 0] = 0.3 * motion.blendshapes[:, 24]
    return replace(motion, expressions=expressions, poses=poses)
