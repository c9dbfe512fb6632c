"""A place to look at: eyes on it wherever the body carries them, head and trunk towards it, away while thinking."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.body.kinematics import rotation_y
from engine.body.motion import Motion
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.errors import CospeechError
from engine.generators.life.body import head_on
from engine.generators.life.footsteps import choose_feet
from engine.generators.life.headgaze import FURTHEST_YAW, NEAREST, centre_of, place_for, resting_eyes
from engine.generators.life.stance import Stance, default_stance
from engine.hints import Hints
from engine.plan.types import GesturePlan
from engine.serve import options_in
from engine.take.make import make_take
from engine.take.options import TakeOptions
from engine.take.plan_file import read_plan
from tests.support.regen import OPTIONS, base, line, regenerated, silent_progress

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


def test_plan_edits_look_where_the_scene_has_it_now(tmp_path: Path) -> None:
    motion = looking_at(PLACES["left"])
    phrase = GesturePlan.from_dict(motion.plan or {}).phrases[2]
    edits = ({"op": "amplitude", "id": phrase.id, "amplitude": 1.2},)
    kept = regenerated(tmp_path, Hints(base=motion), edits=edits, window="auto", gaze=PLACES["left"])
    assert GesturePlan.from_dict(kept.plan or {}).look_at == PLACES["left"]
    cleared = regenerated(tmp_path, Hints(base=motion), edits=edits, window="auto")
    assert GesturePlan.from_dict(cleared.plan or {}).look_at is None


def test_a_place_behind_is_looked_at_as_far_as_the_body_turns() -> None:
    motion = looking_at((0.3, 1.6, -1.5))
    head = motion.poses[:, [12, 15], 1].astype(np.float64)
    assert np.degrees(np.abs(head)).max() < 60.0


def yaws_of(place: tuple[float, float, float], sway: float) -> np.ndarray:
    """(T,) yaw of the gaze on a place while the eyes go ``sway`` metres to either side of where they rest."""
    plan = GesturePlan(4.0, "calm", 1, 1.0, (), look_at=place)
    head, times = head_on(plan, 2), np.linspace(0.0, 4.0, 121)
    away = np.array(place) - resting_eyes() - np.outer(sway * np.sin(7.0 * times), [1.0, 0.0, 0.0])
    return np.asarray(head.gaze_along(times, away)[:, 0])


@pytest.mark.parametrize("side", [0.004, -0.004, 0.0])
def test_a_place_straight_behind_has_one_side_whatever_the_sway(side: float) -> None:
    yaws = yaws_of((side, 1.6, -2.0), 0.05)
    assert np.ptp(yaws) < 5.0
    assert np.abs(np.median(yaws)) > 65.0
    assert np.sign(np.median(yaws)) == (np.sign(side) or 1.0)
    motion = looking_at((side, 1.6, -2.0))
    _, world = SKELETON.forward(motion.poses.astype(np.float64), motion.trans.astype(np.float64))
    heads = np.degrees(np.arctan2(world[:, 15, 0, 2], world[:, 15, 2, 2]))
    assert len(set(np.sign(heads))) == 1
    assert np.abs(heads).max() < FURTHEST_YAW + 12.0


def test_a_place_above_the_head_turns_nobody_round() -> None:
    eyes = resting_eyes()
    for x, z in ((0.0, -0.004), (0.004, 0.004), (0.0, 0.0)):
        yaws = yaws_of((float(eyes[0] + x), float(eyes[1] + 1.0), float(eyes[2] + z)), 0.03)
        assert np.ptp(yaws) < 20.0
        assert np.abs(yaws).max() < 15.0


@pytest.mark.parametrize("away", [(0.0, 0.0, 0.0), (0.0, 0.05, -0.1), (0.0, 0.0, NEAREST - 0.01)])
def test_a_place_in_the_head_is_told_and_one_at_arm_s_length_is_not(tmp_path: Path, away: tuple[float, ...]) -> None:
    near = tuple((resting_eyes() + np.array(away)).tolist())
    with pytest.raises(CospeechError, match=r"from the eyes, and must be 0.25 m away at least; move it further away"):
        TakeOptions(audio="x.wav", gaze=near).checked()  # type: ignore[arg-type]
    (tmp_path / "plan.json").write_text(json.dumps(GesturePlan(2.0, "calm", 1, 1.0, (), look_at=near).to_dict()))  # type: ignore[arg-type]
    with pytest.raises(CospeechError, match="can't be performed: what is looked at is"):
        read_plan(str(tmp_path / "plan.json"))
    far = tuple((resting_eyes() + np.array([0.0, 0.0, NEAREST + 0.01])).tolist())
    assert TakeOptions(audio="x.wav", gaze=far).checked().gaze == far  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1.2, 0.8])
def test_a_body_of_another_size_looks_at_the_same_place_of_its_own(tmp_path: Path, size: float) -> None:
    body = SKELETON.with_rest(SKELETON.rest * size)
    place = PLACES["low right"]
    own = place_for(body, np.array(place))
    assert np.allclose((own - resting_eyes(body)) / size, np.array(place) - resting_eyes(), atol=0.02)
    assert place_for(SKELETON, np.array(place)) is not own
    took = base()
    lift = body.standing_height - size * SKELETON.standing_height
    stands = replace(took, trans=(size * took.trans + np.array([0.0, lift, 0.0])).astype(np.float32))
    made = regenerated(tmp_path, Hints(base=stands, window=(40, 160), rest=body.rest), gaze=place)
    points, world = body.forward(made.poses.astype(np.float64), made.trans.astype(np.float64))
    away = own - points[:, [23, 24]].mean(axis=1)
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    off = np.degrees(np.arccos(np.clip(np.sum(away * world[:, 23, :, 2], axis=-1), -1.0, 1.0)))
    (tmp_path / "own").mkdir()
    ours = misses(regenerated(tmp_path / "own", Hints(base=took, window=(40, 160)), gaze=place), place)
    assert np.quantile(off[70:130], 0.3) < 2.0  # she thinks for a second in between
    assert np.abs(off - ours)[70:130].max() < 1.5


def test_frames_of_a_take_that_was_turned_find_the_place(tmp_path: Path) -> None:
    took, turn = base(), rotation_y(np.array(1.9))
    local = axis_angle_to_matrix(took.poses[:, 0].astype(np.float64))
    poses = took.poses.copy()
    poses[:, 0] = matrix_to_axis_angle(turn @ local)
    place = took.trans.astype(np.float64) + SKELETON.rest[0]
    turned = replace(took, poses=poses, trans=(place @ turn.T - SKELETON.rest[0]).astype(np.float32))
    eyes = resting_eyes()
    target = tuple((turn @ (eyes + np.array([0.6, 0.0, 1.2]))).tolist())
    made = regenerated(tmp_path, Hints(base=turned, window=(40, 160)), gaze=target)
    off = misses(made, target)[70:130]
    assert np.quantile(off, 0.3) < 2.0
    assert off.max() < 20.0
    _, world = SKELETON.forward(made.poses.astype(np.float64), made.trans.astype(np.float64))
    ahead = (turn.T @ world[70:130, 15])[:, :, 2]
    assert np.degrees(np.arctan2(ahead[:, 0], ahead[:, 2])).mean() > 8.0  # the head is turned there, not the eyes alone


def test_a_body_that_is_turned_sees_the_place_from_where_it_stands() -> None:
    place = (2.0, 1.6, 0.0)  # at its left; a body turned to it has it in front
    stance = default_stance(choose_feet(SKELETON, 1, 1))
    quarter = replace(stance, yaw=(np.pi / 2,) * 2)
    assert isinstance(quarter, Stance)
    assert centre_of(place)[0] > 70.0
    assert abs(centre_of(place, quarter)[0]) < 8.0
    moved = replace(stance, offset=((1.0, 0.0), (1.0, 0.0)))
    assert 50.0 < centre_of((2.0, 1.6, 0.5), moved)[0] < centre_of((2.0, 1.6, 0.5))[0]


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
