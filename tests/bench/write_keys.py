"""Seconds to write 55 joints and 52 shape keys of 1800 frames into an Action, on Blender's module."""

from __future__ import annotations

import sys
import time

import bpy
import numpy as np

from addon.client.take_file import Take
from addon.takes.apply import apply_take
from tests.bench.blender import character_at

FRAMES = 1800


def moving_take() -> Take:
    """A minute in which every channel moves."""
    time_axis = np.arange(FRAMES)[:, None, None] / 30.0
    poses = 0.3 * np.sin(time_axis * 2.0 + np.arange(55)[None, :, None] + np.arange(3))
    shapes = 0.5 + 0.5 * np.sin(time_axis[:, 0] * 4.0 + np.arange(52))
    trans = np.zeros((FRAMES, 3))
    trans[:, 1] = 1.3
    return Take(poses=poses.astype(np.float32), trans=trans.astype(np.float32), fps=30.0, blendshapes=shapes)


def main() -> None:
    """Print one line a run; the first, which warms up, is left out."""
    with character_at(30) as scene:
        armature = scene.cospeech.character
        take = moving_take()
        for run in range(int(sys.argv[1]) + 1):
            armature.animation_data_clear()
            start = time.perf_counter()
            apply_take(bpy.context, armature, take, start_frame=1)
            if run:
                print("seconds", time.perf_counter() - start)


if __name__ == "__main__":
    main()
