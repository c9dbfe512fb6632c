"""Seconds from the click on Regenerate to the keys: the real operator, a warm engine, a window of 4 s with pins."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from engine.body.skeleton import default_skeleton
from tests.bench.speech import make_line
from tests.places import ROOT

WINDOW_SECONDS = 4.0
LINE_SECONDS = 20.0
PINNED = ("right_shoulder", "right_elbow", "right_wrist")
FIRST = 150  # the window's first frame in the take
PINNED_FRAMES = (190, 220)
START = 1  # the take's first scene frame


def regenerated(runs: int, folder: Path) -> dict[str, tuple[list[float], str]]:
    """Figures of each run with their unit, in a fresh Blender; the first run, which warms up, is left out.

    Wall-clock seconds, the largest change of a pinned rotation in degrees, changed bytes of keys outside the window.
    """
    make_line(folder, LINE_SECONDS)
    command = [sys.executable, "-m", "tests.bench.regenerate", str(runs), str(folder)]
    quiet = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "blender")}
    quiet.pop("OMP_NUM_THREADS", None)  # the engine shall use the cores it finds, as for a user
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, env=quiet)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("run ")]
    if done.returncode or len(lines) != runs:
        raise RuntimeError(f"the operator did not run {runs} times: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    units = {"pins_regenerate_s": "s", "pins_regenerate_pin_deg": "deg", "pins_regenerate_outside_bytes": "bytes"}
    return {name: ([float(line[place]) for line in lines], unit) for place, (name, unit) in enumerate(units.items(), 1)}


def pin(armature: object, frame: int) -> None:
    """Turn the right arm by ten degrees or so on ``frame``, as an animator with auto-key would, and make it a pin."""
    from addon import compat
    from addon.rig.recognise import recognise
    from addon.takes.keys import bone_path

    rig = recognise(armature)
    for path in [bone_path(rig.bones[default_skeleton().index(name)], "rotation_quaternion") for name in PINNED]:
        curves = [curve for curve in compat.current_channels(armature).fcurves if curve.data_path == path]
        values = np.add([curve.evaluate(frame) for curve in curves], [0.0, 0.08, 0.0, 0.05])
        for curve, value in zip(curves, values / np.linalg.norm(values), strict=True):
            key = curve.keyframe_points.insert(frame, value, options={"FAST"})
            key.type = "EXTREME"
            curve.update()


def main() -> None:
    """Print one line a run."""
    import bpy

    from tests.bench.blender import character_at

    runs, folder = int(sys.argv[1]), Path(sys.argv[2])
    audio = folder / f"line_{round(LINE_SECONDS)}.wav"
    with character_at(30) as scene:
        scene.cospeech.audio, scene.cospeech.transcript = str(audio), str(audio.with_suffix(".txt"))
        scene.cospeech.use_current_frame = False
        scene.cospeech.start_frame = START
        assert bpy.ops.cospeech.generate() == {"FINISHED"}
        for run in range(runs + 1):
            measure(run)


def measure(run: int) -> None:
    """Regenerate the window once, with a new seed, and print what it took and what it left alone."""
    import bpy

    from engine.evaluation.metrics import rotation_error_degrees
    from tests.bench.pin_keys import evaluated, keys_outside
    from tests.bench.pin_metrics import changed_bytes_outside

    armature = bpy.context.scene.cospeech.character
    if run == 0:
        for frame in PINNED_FRAMES:
            pin(armature, START + frame)
    joints = [default_skeleton().index(name) for name in PINNED]
    window = (FIRST, FIRST + round(WINDOW_SECONDS * 30.0))
    poses, outside = evaluated(armature, list(PINNED_FRAMES))[0], keys_outside(armature, window)
    start = time.perf_counter()
    answer = bpy.ops.cospeech.regenerate(
        first=START + window[0], last=START + window[1] - 1, seed=run + 1, in_place=True
    )
    seconds = time.perf_counter() - start
    assert answer == {"FINISHED"}
    now, after = evaluated(armature, list(PINNED_FRAMES))[0], keys_outside(armature, window)
    moved = rotation_error_degrees(poses[:, joints], now[:, joints]).max()
    changed = sum(changed_bytes_outside(values, after[name], (0, 0)) for name, values in outside.items())
    if run:
        print("run", seconds, moved, changed)


if __name__ == "__main__":
    main()
