"""What each mend of EMAGE's generator does: the same lines with it and without it (``build.py bench --emage``).

Without --weights the weights are those by rule, which show faults of the method (borders, seed, floor) and move as no
person does. Lines are real speech where ../shared is there, else our demo line.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.body.joints import TOES
from engine.body.motion import Motion
from engine.body.rotations import matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.evaluation.metrics import foot_slide, hand_tracks, rotation_error_degrees
from engine.generators.base import Request
from engine.generators.life.body import base_motion
from engine.generators.published.emage import EmageGenerator
from engine.generators.published.emage_mends import RATE, EmageOptions
from engine.models.checkpoints import load_emage
from engine.models.emage_windows import FRAME_RATE, HOP, MENDED, PUBLISHED, SEED, line_frames, plan_windows
from engine.plan.listener import plan_idle
from engine.speech.audio import load_audio
from engine.speech.load import silence
from engine.speech.types import SAMPLE_RATE
from engine.take.options import TakeOptions
from tests.bench import emage
from tests.bench.pin_takes import lines

Array = NDArray[np.float64]
FIRST = 15  # frames
ARMS = (16, 17, 18, 19)
BODY = ("hands", "upper", "lower", "root")


@dataclass(frozen=True)
class Row:
    """One figure without and with a mend."""

    mend: str
    figure: str
    unit: str
    without: float
    with_it: float


def request(audio: Path, in_place: bool = False) -> Request:
    """The line as heard, without its words: EMAGE knows none."""
    wave, digest = load_audio(audio)
    speech = replace(silence(1.0), waveform=wave, audio_hash=digest, source=str(audio))
    plan = plan_idle(speech, "explain", 1.0, 0)
    return Request(speech, plan, TakeOptions(audio="", fps=RATE, parts=BODY, in_place=in_place))


def standing(line: Request) -> Motion:
    """The body with which the default generator would start the line."""
    local, trans = base_motion(line.plan, np.zeros(1), line.seed)
    poses = matrix_to_axis_angle(local).astype(np.float32)
    return Motion(poses=poses, trans=trans.astype(np.float32), fps=RATE)


def turns(motion: Motion) -> Array:
    """(T-1,) degrees a second: how fast the joints turn between two frames, on their average."""
    return np.asarray(rotation_error_degrees(motion.poses[1:], motion.poses[:-1]).mean(axis=1) * motion.fps)


def hand_speeds(motion: Motion) -> Array:
    """(T-1,) m/s of the fastest wrist or fingertip between two frames."""
    tracks = hand_tracks(motion.poses, motion.trans, default_skeleton())
    return np.asarray(np.linalg.norm(np.diff(tracks, axis=0), axis=-1).max(axis=1) * motion.fps)


def border_steps(frames: int) -> NDArray[np.bool_]:
    """(T-1,) the steps into and over the frames that two windows share."""
    flags = np.zeros(frames - 1, np.bool_)
    for start in range(HOP, frames - 1, HOP):
        flags[start - 1 : start + SEED] = True
    return flags


def border_ratios(speeds: Array) -> Array:
    """Speeds at the borders of windows over the 99th percentile of those inside windows."""
    at = border_steps(len(speeds) + 1)
    return np.asarray(speeds[at] / np.percentile(speeds[~at], 99))


def first_ratio(speeds: Array) -> float:
    """The fastest of a line's first half second over the 99th percentile of the rest."""
    return float(speeds[:FIRST].max() / np.percentile(speeds[FIRST:], 99))


def border_share(motions: list[Motion], speed: Callable[[Motion], Array]) -> float:
    """Percent of border steps faster than the 99th percentile inside."""
    return float(100.0 * np.mean(np.concatenate([border_ratios(speed(motion)) for motion in motions]) > 1.0))


def border_high(motions: list[Motion], speed: Callable[[Motion], Array]) -> float:
    """The 95th percentile of border speeds over the 99th inside."""
    return float(np.percentile(np.concatenate([border_ratios(speed(motion)) for motion in motions]), 95))


def arms_at_start(motions: list[Motion], rest: Motion) -> float:
    """Degrees between the arms on the first frame and hanging ones."""
    found = [rotation_error_degrees(motion.poses[0, ARMS], rest.poses[0, ARMS]).mean() for motion in motions]
    return float(np.mean(found))


def travel(motions: list[Motion]) -> float:
    """Metres that the root goes on the floor, at most in a line."""
    return float(max(np.ptp(motion.trans[:, [0, 2]], axis=0).max() for motion in motions))


def slide(motions: list[Motion]) -> float:
    """cm/s of both feet over the floor."""
    skeleton = default_skeleton()
    found = []
    for motion in motions:
        points = skeleton.forward(motion.poses, motion.trans)[0]
        found.append(foot_slide(points, np.ones((motion.frames, 2), np.bool_), motion.fps))
    return float(np.mean(found))


def off_the_floor(motions: list[Motion]) -> float:
    """Centimetres between the soles and the floor, on their median."""
    skeleton = default_skeleton()
    found = []
    for motion in motions:
        points = skeleton.forward(motion.poses, motion.trans)[0]
        low = np.median(points[:, list(TOES), 1].min(axis=1))
        found.append(abs(float(low) - skeleton.toe_height))
    return 100.0 * float(np.mean(found))


def compare(folder: Path, audio: list[Path]) -> list[Row]:
    """Every mend's figures, from the same weights and lines."""
    models = load_emage(folder)
    asked = [request(path) for path in audio]

    def perform(options: EmageOptions, in_place: bool = False) -> list[Motion]:
        generator = EmageGenerator(models, "", options)
        return [generator.generate(replace(line, in_place=in_place), lambda *_: None) for line in asked]

    full = EmageOptions()
    whole, cut = perform(full), perform(replace(full, cutting=replace(MENDED, fade=False)))
    spread = perform(replace(full, resting_seed=False))
    drifting = perform(replace(full, anchor=False, lock_feet=False))
    anchored = perform(replace(full, lock_feet=False))
    floating = perform(replace(full, floor=False))
    still = perform(full, in_place=True)
    rest = standing(asked[0])
    return [
        *_of_cutting([line_frames(len(line.speech.waveform)) for line in asked]),
        Row("resting seed", "arms on the first frame, from hanging", "deg", *_both(arms_at_start, spread, whole, rest)),
        Row("fades", "fastest of the first 0.5 s / p99 after, joints", "", *_first(turns, cut, whole)),
        Row("fades", "border steps above p99 inside, joints", "%", *_both(border_share, cut, whole, turns)),
        Row("fades", "border speed p95 / p99 inside, joints", "", *_both(border_high, cut, whole, turns)),
        Row("fades", "border steps above p99 inside, hands", "%", *_both(border_share, cut, whole, hand_speeds)),
        Row("fades", "border speed p95 / p99 inside, hands", "", *_both(border_high, cut, whole, hand_speeds)),
        Row("floor", "soles above or below the floor", "cm", *_both(off_the_floor, floating, whole)),
        Row("anchor", "root's travel in a line", "m", *_both(travel, drifting, anchored)),
        Row("foot lock", "feet over the floor", "cm/s", *_both(slide, anchored, whole)),
        Row("in place", "root's travel in a line", "m", *_both(travel, drifting, still)),
        Row("in place", "feet over the floor", "cm/s", *_both(slide, drifting, still)),
    ]


def _both(
    figure: Callable[..., float], first: list[Motion], second: list[Motion], *more: object
) -> tuple[float, float]:
    return figure(first, *more), figure(second, *more)


def _first(speed: Callable[[Motion], Array], first: list[Motion], second: list[Motion]) -> tuple[float, float]:
    found = [max(first_ratio(speed(motion)) for motion in motions) for motions in (first, second)]
    return found[0], found[1]


def _of_cutting(frames: list[int]) -> list[Row]:
    """What follows from the cutting alone: frames lost, and how far the speech runs from the motion in a minute."""
    lost = [
        float(sum(count - sum(window.kept for window in plan_windows(count, cutting)) for count in frames))
        for cutting in (PUBLISHED, MENDED)
    ]
    minute = [abs(cutting.sample(60 * FRAME_RATE) - 60 * SAMPLE_RATE) / 16.0 for cutting in (PUBLISHED, MENDED)]
    return [
        Row("whole", f"frames lost at the ends of {len(frames)} lines", "", lost[0], lost[1]),
        Row("exact", "speech against motion after a minute", "ms", minute[0], minute[1]),
    ]


def table(rows: list[Row]) -> str:
    """As in docs/emage.md."""
    head = ["| mend | figure | without | with |", "|---|---|---|---|"]
    return "\n".join(
        head
        + [
            f"| {r.mend} | {r.figure}{f', {r.unit}' if r.unit else ''} | {r.without:.3g} | {r.with_it:.3g} |"
            for r in rows
        ]
    )


def main(words: list[str]) -> None:
    """Print the table; JSON where asked."""
    parser = argparse.ArgumentParser(prog="build.py bench --emage")
    parser.add_argument("--weights", type=Path, help="a folder in the published layout; default: by rule")
    parser.add_argument("--lines", type=int, default=4, help="how many lines")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args(words)
    torch.set_num_threads(emage.CORES)
    found = sorted(lines(), key=lambda line: -line[0].stat().st_size)
    with tempfile.TemporaryDirectory(prefix="cospeech_mends_") as scratch:
        folder = options.weights
        if folder is None:
            folder = Path(scratch)
            emage.write_weights(folder)
        rows = compare(folder, [path for path, _ in found[: options.lines]])
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([row.__dict__ for row in rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
