"""A place to look at: eyes on it wherever the body carries them, head and trunk towards it, away while thinking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from regen import OPTIONS, base, line, regenerated, silent_progress

from engine.errors import CospeechError
from engine.generators.headgaze import resting_eyes
from engine.hints import Hints
from engine.motion import Motion
from engine.pipeline import TakeOptions, make_take
from engine.plan.types import GesturePlan
from engine.serve import options_in
from engine.skeleton import default_skeleton

SKELETON = default_skeleton()
PLACES = {"left": (1.2, 1.5, 1.4), "low right": (-0.6, 0.9, 1.0), "near": (0.1, 1.6, 0.7)}


def looking_at(place: tuple[float, float, float], **options: object) -> Motion:
    return make_take(replace(OPTIONS, gaze=place, **options), silent_progress, line())


def misses(motion: Motion, place: tuple[float, float, float]) -> np.ndarray:
    """(T,) degrees between where the left eye looks and where the place is."""
    points, world = SKELETON.forward(motion.poses.astype(np.float64), motion.trans.astype(np.float64))
    away = np.array(place) - points[:, [23, 24]].mean(axis=1)
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    return np.degrees(np.arccos(np.clip(np.sum(away * world[:, 23, :, 2], axis=-1), -1.0, 1.0)))


@pytest.mark.parametrize("name", PLACES)
def test_the_eyes_are_on_the_place_most_of_the_time_and_leave_it_for_thoughts(name: str) -> None:
    motion = looking_at(PLACES[name])
    off = misses(motion, PLACES[name])
    assert (off < 4.0).mean() > 0.6
    assert np.median(off) < 3.0
    assert 0.02 < (off > 5.0).mean() < 0.4
    assert (misses(base(), PLACES[name]) < 4.0).mean() < 0.2  # nobody told it to


def test_head_and_trunk_turn_towards_a_place_at_the_side() -> None:
    yaws = {}
    for name, place in PLACES.items():
        motion = looking_at(place)
        _, world = SKELETON.forward(motion.poses.astype(np.float64), motion.trans.astype(np.float64))
        yaws[name] = [float(np.degrees(np.arctan2(world[:, j, 0, 2], world[:, j, 2, 2])).mean()) for j in (15, 9)]
    assert yaws["left"][0] > 22.0
    assert yaws["left"][1] > 4.0
    assert yaws["low right"][0] < -14.0
    assert abs(yaws["near"][0]) < 12.0


def test_the_eyes_stay_on_a_near_place_while_the_weight_shifts() -> None:
    place = tuple((resting_eyes() + np.array([0.0, 0.0, 0.5])).tolist())
    off = misses(looking_at(place, style="excited", energy=1.4), place)
    # At half a metre a body that sways by two centimetres would miss by more than two degrees on its own.
    assert np.quantile(off, 0.5) < 2.0


def test_a_listener_looks_at_the_place_too() -> None:
    motion = looking_at(PLACES["left"], role="listen")
    assert (misses(motion, PLACES["left"]) < 4.0).mean() > 0.6


def test_the_take_remembers_it_and_a_window_of_the_same_seed_gives_the_takes_bytes(tmp_path: Path) -> None:
    motion = looking_at(PLACES["left"])
    plan = GesturePlan.from_dict(motion.plan or {})
    assert plan.look_at == PLACES["left"]
    assert GesturePlan.from_dict(plan.to_dict()) == plan
    assert "look_at" not in (base().plan or {})
    again = regenerated(tmp_path, Hints(base=motion, window=(40, 120)), gaze=PLACES["left"])
    assert again.poses.tobytes() == motion.poses.tobytes()
    other = regenerated(tmp_path, Hints(base=motion, window=(40, 160)), gaze=PLACES["low right"])
    assert other.poses[:40].tobytes() == motion.poses[:40].tobytes()
    assert misses(other, PLACES["low right"])[75:125].min() < 4.0


def test_a_place_behind_is_looked_at_as_far_as_the_body_turns() -> None:
    motion = looking_at((0.3, 1.6, -1.5))
    head = motion.poses[:, [12, 15], 1].astype(np.float64)
    assert np.degrees(np.abs(head)).max() < 60.0


@pytest.mark.parametrize("wrong", [(1.0, 2.0), (1.0, float("nan"), 2.0), ("a", 1.0, 2.0)])
def test_what_is_no_place_is_told(wrong: tuple[object, ...]) -> None:
    with pytest.raises(CospeechError, match="three numbers"):
        TakeOptions(audio="x.wav", gaze=wrong).checked()  # type: ignore[arg-type]


def test_a_job_brings_it_as_json_does(tmp_path: Path) -> None:
    assert options_in(tmp_path, {"audio": "x.wav", "gaze": [0.5, 1.5, 2.0]}).gaze == (0.5, 1.5, 2.0)
    assert options_in(tmp_path, {"audio": "x.wav"}).gaze is None


def test_the_command_line_takes_it() -> None:
    from engine.cli import _place

    assert _place("0.5, 1.5,2") == (0.5, 1.5, 2.0)
    assert _place("") is None
    with pytest.raises(CospeechError, match="x,y,z"):
        _place("left")
