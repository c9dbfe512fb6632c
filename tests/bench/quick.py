"""How long small steps take: keys read and written, pins collected and drawn, a plan, a face, a body's life.

Run in a process of its own (``python -m tests.bench.quick RUNS``), whose first run of each step warms up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np

from tests.bench.runs import figures, timed

DRAWS = 100
WINDOW = slice(900, 1020)  # frames, at 30 a second

# name -> at most
REACH = {
    "read_60s_s": 0.2,
    "write_window_4s_s": 0.2,
    "collect_pins_60s_s": 0.2,
    "draw_pins_60s_ms": 0.1,
    "plan_16min_s": 1.0,
    "plan_16min_over_3min_ratio": 1.5,
    "face_60s_s": 0.5,
    "face_4min_over_1min_ratio": 1.5,
    "base_motion_60s_s": 0.5,
}


def measure(runs: int) -> dict[str, list[float]]:
    """Every figure's values, from a fresh process."""
    return figures("tests.bench.quick", runs)


def warm(action: Callable[[], object], runs: int) -> list[float]:
    """Seconds of each run but the first, which warms up."""
    return timed(action, runs + 1)[1:]


def engine_steps(runs: int) -> dict[str, list[float]]:
    """Plan, face and body life, and how the first two grow: time for a second of speech, long over short."""
    from engine.face.curves import face_curves
    from engine.generators.life.body import base_motion
    from engine.plan.planner import plan_gestures
    from tests.support.face_speech import frames, phones_of, plan_of, speech_of
    from tests.support.plan_speech import TALK, say

    def planned(repeats: int) -> tuple[list[float], float]:
        speech = say(" ".join([TALK] * repeats))
        return warm(lambda: plan_gestures(speech, "excited", 1.0, 0), runs), speech.seconds

    def faced(repeats: int) -> tuple[list[float], float]:
        sounds = [("M", 0.07), ("AA", 0.12), ("S", 0.09), ("T", 0.06), ("IY", 0.1), ("V", 0.06)] * repeats
        phones = phones_of(sounds)
        seconds = phones[-1].end
        speech, times = speech_of(phones), frames(seconds, 60.0)
        return warm(lambda: face_curves(speech, plan_of(seconds), times, 1), runs), seconds

    def growth(long: tuple[list[float], float], short: tuple[list[float], float]) -> list[float]:
        return [min(long[0]) / long[1] / (min(short[0]) / short[1])]

    quarter, three, four, minute = planned(10), planned(2), faced(480), faced(120)
    plan = plan_gestures(say(TALK), "explain", 1.0, 4)
    return {
        "plan_16min_s": quarter[0],
        "plan_16min_over_3min_ratio": growth(quarter, three),
        "face_60s_s": minute[0],
        "face_4min_over_1min_ratio": growth(four, minute),
        "base_motion_60s_s": warm(lambda: base_motion(plan, np.arange(1800) / 30.0, 1, False), runs),
    }


def blender_steps(runs: int) -> dict[str, list[float]]:
    """Keys of a minute's take on our own character: read, a window of them written, pins collected and drawn."""
    import bpy

    from addon.pins.counts import COUNTS
    from addon.rig.recognise import recognise
    from addon.takes.apply import apply_take
    from addon.takes.curves import read_curves
    from addon.takes.span import take_span
    from addon.takes.window import Free, Window, write_window
    from tests.bench.blender import character_at
    from tests.bench.write_keys import moving_take
    from tests.support.collected import collect

    with character_at(30) as scene:
        armature, take = scene.cospeech.character, moving_take()
        apply_take(bpy.context, armature, take, start_frame=1)
        rig, span, free = recognise(armature), take_span(scene, armature), Free(np.ones(55, bool))
        window = Window(WINDOW.start + 1, 0.9 * take.poses[WINDOW], take.trans[WINDOW], take.blendshapes[WINDOW])
        COUNTS.update(bpy.context)
        draws = warm(lambda: [COUNTS.get(bpy.context) for _ in range(DRAWS)], runs)
        return {
            "read_60s_s": warm(lambda: read_curves(armature, rig, span), runs),
            "collect_pins_60s_s": warm(lambda: collect(bpy.context, armature, span), runs),
            "draw_pins_60s_ms": [1000.0 * seconds / DRAWS for seconds in draws],
            "write_window_4s_s": warm(lambda: write_window(armature, rig, span, window, free, {}), runs),
        }


def main() -> None:
    """Print one JSON object."""
    runs = int(sys.argv[1])
    print(json.dumps(engine_steps(runs) | blender_steps(runs)))


if __name__ == "__main__":
    main()
