"""Gestures laid over a body: exact outside, on time at the apex, smooth, mirrored, deterministic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.body.rotations import axis_angle_to_matrix, geodesic_angle
from engine.body.skeleton import ASSETS, default_skeleton
from engine.errors import CospeechError
from engine.generators.gestures.perform import perform
from engine.generators.gestures.timing import arrival_time, reversal_time
from engine.models.phase_gesture import BEAT_CLASSES, MODEL_JOINTS, GestureModel
from engine.plan.types import GesturePhrase
from tests.support.gesture_classes import known_classes

FPS = 30.0
SKELETON = default_skeleton()
LEFT, RIGHT = (16, 18, 20, *range(25, 40)), (17, 19, 21, *range(40, 55))
MIRROR_SIGNS = np.outer([-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model():
    return GestureModel.load(ASSETS / "weights" / "default.safetensors")


def frames(seconds, fps=FPS):
    return np.arange(round(seconds * fps)) / fps


def standing(times):
    """A symmetric body with hanging arms that sways and breathes a little."""
    poses = np.zeros((len(times), 55, 3))
    poses[:, 16], poses[:, 17] = (0.1, 0.0, -1.2), (0.1, 0.0, 1.2)
    poses[:, 18], poses[:, 19] = (0.0, -0.35, 0.0), (0.0, 0.35, 0.0)
    poses[:, 9, 0] = 0.01 * np.sin(1.6 * times)
    poses[:, 16, 2] -= 0.01 * np.sin(1.1 * times)
    poses[:, 17, 2] += 0.01 * np.sin(1.1 * times)
    return axis_angle_to_matrix(poses)


def phrase(number, apex, gclass, hands="right", hold=0.4, amplitude=1.0, join="rest", prep=0.42, back=0.6):
    return GesturePhrase(
        id=number, onset=apex - prep, apex=apex, hold_end=apex + hold, retract_end=apex + hold + back, lexeme="X",
        gclass=gclass, hands=hands, amplitude=amplitude, word=-1, semantic=gclass not in BEAT_CLASSES, accent=apex,
        stress_onset=apex - 0.1, join=join,
    )  # fmt: skip


def wrists(local):
    points, _ = SKELETON.forward_matrices(local, np.zeros((len(local), 3)))
    return points[:, [20, 21]] - points[:, [9]]


def sides_of(model, gclass):
    return "both" if all(clip.hands == "both" for clip in model.clips if clip.gclass == gclass) else "right"


def test_every_class_of_the_corpus_is_known(model):
    names = known_classes(model)
    assert len(names) == 33
    assert {"negation", "you", "me", "beat_low", "chop", "shrug", "frame", "aside", "indicate_left"} <= set(names)


def test_without_phrases_the_base_comes_back_bit_for_bit(model):
    base = standing(frames(2.0))
    assert np.array_equal(perform(base, (), frames(2.0), 0, "explain", model), base)


def test_outside_a_phrase_and_on_the_other_hand_the_base_stays_bit_for_bit(model):
    times = frames(6.0)
    base = standing(times)
    out = perform(base, (phrase(0, 3.0, "you", "right"),), times, 3, "explain", model)
    away = (times < 2.1) | (times > 5.0)
    assert np.array_equal(out[away], base[away])
    assert np.array_equal(out[:, LEFT], base[:, LEFT])
    rest = [joint for joint in range(55) if joint not in MODEL_JOINTS]
    assert np.array_equal(out[:, rest], base[:, rest])
    assert np.degrees(geodesic_angle(out[90, 19], base[90, 19])) > 20.0


def test_the_wrist_arrives_at_the_planned_apex_in_every_class(model):
    names = [name for name in known_classes(model) if name not in BEAT_CLASSES]
    times = frames(3.2 * len(names) + 2.0)
    plan = tuple(phrase(i, 2.0 + 3.2 * i, name, sides_of(model, name)) for i, name in enumerate(names))
    out = wrists(perform(standing(times), plan, times, 5, "explain", model))
    late = {}
    for entry in plan:
        used = [0, 1] if entry.hands == "both" else [1]
        measured = arrival_time(out[:, used], times, entry.onset, max(entry.hold_end, entry.apex + 0.1))
        late[entry.gclass] = (measured - entry.apex) * FPS
    values = np.array(list(late.values()))
    assert np.abs(np.median(values)) < 0.3
    assert np.mean(np.abs(values) <= 1.0) >= 0.95, late
    assert np.abs(values).max() < 2.5, late


@pytest.mark.parametrize("gclass", sorted(BEAT_CLASSES - {"beat_low"}))
def test_a_beats_apex_is_its_reversal(model, gclass):
    times = frames(18.0)
    plan = tuple(phrase(i, 2.0 + 3.0 * i, gclass) for i in range(5))
    out = wrists(perform(standing(times), plan, times, 2, "explain", model))[:, [1]]
    late = [(reversal_time(out, times, entry.apex) - entry.apex) * FPS for entry in plan]
    assert abs(float(np.median(late))) <= 1.0, late


def test_repeated_beats_move_and_turn_at_every_apex(model):
    times = frames(6.0)
    plan = tuple(
        phrase(i, 2.0 + 0.7 * i, "beat_mid", hold=0.25, back=0.05, join="next" if i < 3 else "rest", prep=0.4)
        for i in range(4)
    )
    out = wrists(perform(standing(times), plan, times, 4, "explain", model))[:, 1]
    speed = np.linalg.norm(np.gradient(out, 1.0 / FPS, axis=0), axis=1)
    for entry in plan:
        at = int(np.searchsorted(times, entry.apex))
        assert speed[at - 10 : at].max() > 0.35
        assert speed[at : at + 4].min() < 0.5 * speed[at - 10 : at].max()


@pytest.mark.parametrize("join", ["rest", "partial", "next"])
def test_joins_have_no_jump_in_position_or_velocity(model, join):
    times = frames(14.0)
    kinds = ["you", "negation", "beat_mid", "offer", "me", "chop", "stop", "beat_high"]
    gap = {"rest": 1.6, "partial": 1.5, "next": 1.0}[join]
    plan = tuple(
        phrase(i, 1.5 + gap * i, kind, "both" if kind == "negation" else "right", hold=0.3, join=join, back=gap - 0.7)
        for i, kind in enumerate(kinds)
    )
    for seed in range(3):
        out = perform(standing(times), plan, times, seed, "explain", model)
        steps = np.degrees(geodesic_angle(out[1:], out[:-1]))
        assert steps.max() < 32.0
        acceleration = np.linalg.norm(np.diff(wrists(out), 2, axis=0), axis=-1) * FPS**2
        assert acceleration.max() < 60.0
        assert np.percentile(acceleration, 99) < 25.0


def test_the_left_hand_mirrors_the_right_one(model):
    times = frames(5.0)
    base = standing(times)
    right = perform(base, (phrase(7, 2.5, "point_forward", "right"),), times, 9, "explain", model)
    left = perform(base, (phrase(7, 2.5, "point_forward", "left"),), times, 9, "explain", model)
    assert np.allclose(left, right[:, list(SKELETON.mirror)] * MIRROR_SIGNS, atol=1e-9)


def test_pointing_left_goes_left_with_either_hand(model):
    times = frames(5.0)
    for gclass, sign in (("indicate_left", 1.0), ("indicate_right", -1.0)):
        for side, column in (("left", 0), ("right", 1)):
            out = wrists(perform(standing(times), (phrase(0, 2.5, gclass, side),), times, 1, "explain", model))
            moved = out[[75, 80, 84], column, 0].mean() - out[0, column, 0]
            assert moved * sign > 0.1, (gclass, side, moved)


def test_a_one_handed_class_can_be_made_with_both_and_a_two_handed_with_one(model):
    times = frames(5.0)
    base = standing(times)
    doubled = wrists(perform(base, (phrase(0, 2.5, "receive", "both"),), times, 1, "explain", model))
    assert np.ptp(doubled[:, 0, 1]) > 0.08
    assert np.ptp(doubled[:, 1, 1]) > 0.08
    single = perform(base, (phrase(0, 2.5, "plea", "right"),), times, 1, "explain", model)
    assert np.array_equal(single[:, LEFT], base[:, LEFT])
    assert np.ptp(wrists(single)[:, 1, 1]) > 0.08


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_gesture(model):
    times = frames(12.0)
    base = standing(times)
    plan = tuple(phrase(i, 2.0 + 2.5 * i, kind) for i, kind in enumerate(["you", "negation", "beat_mid", "stop"]))
    first = perform(base, plan, times, 1, "explain", model)
    assert first.tobytes() == perform(base, plan, times, 1, "explain", model).tobytes()
    other = perform(base, plan, times, 2, "explain", model)
    assert np.linalg.norm(wrists(first) - wrists(other), axis=-1).max() > 0.05


def test_a_seed_varies_even_a_class_with_one_clip(model):
    times = frames(5.0)
    base = standing(times)
    one, two = (perform(base, (phrase(0, 2.5, "aside"),), times, seed, "explain", model)[:, RIGHT] for seed in (1, 2))
    assert 1.0 < np.degrees(geodesic_angle(one, two)).max() < 60.0


def test_amplitude_scales_the_displacement(model):
    times = frames(5.0)
    base = standing(times)
    reach = []
    for size in (0.7, 1.0, 1.3):
        out = wrists(perform(base, (phrase(0, 2.5, "offer", amplitude=size),), times, 1, "explain", model))[:, 1]
        reach.append(np.linalg.norm(out - out[0], axis=1).max())
    assert reach[0] < 0.93 * reach[1] < 0.93 * 0.99 * reach[2]


def test_a_hold_is_alive_and_the_frame_rate_does_not_matter(model):
    plan = (phrase(0, 2.5, "question", hold=2.0),)
    slow, fast = frames(7.0, 24.0), frames(7.0, 60.0)
    low = perform(standing(slow), plan, slow, 1, "explain", model)
    high = perform(standing(fast), plan, fast, 1, "explain", model)
    shared = geodesic_angle(low[::2], high[::5])
    assert np.degrees(shared).max() < 4.0
    held = wrists(high)[int(3.0 * 60) : int(4.2 * 60), 1]
    steps = np.linalg.norm(np.diff(held, axis=0), axis=1) * 60.0
    assert 0.002 < steps.mean() < 0.15


def test_active_wrist_speed_and_smoothness_are_in_the_band(model):
    from scipy.signal import butter, sosfiltfilt

    times = frames(120.0)
    kinds = ["beat_mid", "you", "beat_high", "negation", "chop", "beat_forward", "me", "stop", "offer", "plea"]
    rng = np.random.default_rng(0)
    plan = tuple(
        phrase(i, 1.5 + 2.6 * i, kinds[rng.integers(len(kinds))], ["right", "both", "left"][rng.integers(3)], hold=0.5)
        for i in range(45)
    )
    out = wrists(perform(standing(times), plan, times, 1, "explain", model))
    smooth = sosfiltfilt(butter(2, 10.0, fs=FPS, output="sos"), out, axis=0)
    speeds, jerks = [], []
    for column, side in ((0, "left"), (1, "right")):
        active = np.zeros(len(times), dtype=bool)
        for entry in plan:
            if entry.hands in (side, "both"):
                active |= (times >= entry.onset) & (times <= entry.retract_end)
        track = smooth[:, column]
        speeds.append(np.linalg.norm(np.gradient(track, 1.0 / FPS, axis=0), axis=1)[active])
        jerk = np.linalg.norm(np.gradient(np.gradient(np.gradient(track, axis=0), axis=0), axis=0), axis=1) * FPS**3
        jerks.append(jerk[active])
    mean = float(np.concatenate(speeds).mean())
    assert 0.3 < mean < 0.65
    assert 40.0 < np.concatenate(jerks).mean() / mean < 140.0


def test_elbows_stay_outside_the_body(model):
    names = known_classes(model)
    times = frames(2.8 * len(names) + 2.0)
    plan = tuple(phrase(i, 1.5 + 2.8 * i, name, sides_of(model, name)) for i, name in enumerate(names))
    out = perform(standing(times), plan, times, 8, "explain", model)
    points, world = SKELETON.forward_matrices(out, np.zeros((len(times), 3)))
    elbow = np.einsum("tji,tj->ti", world[:, 9], points[:, 19] - points[:, 9])
    assert np.hypot(elbow[:, 0] / 0.13, elbow[:, 2] / 0.10).min() > 1.0


def test_what_does_not_exist_is_named(model):
    times = frames(4.0)
    with pytest.raises(CospeechError, match="handstand"):
        perform(standing(times), (phrase(0, 2.0, "handstand"),), times, 0, "explain", model)
    with pytest.raises(CospeechError, match="left, right or both"):
        perform(standing(times), (replace(phrase(0, 2.0, "you"), hands="feet"),), times, 0, "explain", model)


def test_gestures_at_the_very_edges_of_a_line_are_cut_not_refused(model):
    times = frames(2.0)
    base = standing(times)
    plan = (phrase(0, 0.1, "you"), phrase(1, 1.95, "stop"), phrase(2, 9.0, "me"))
    out = perform(base, plan, times, 0, "explain", model)
    assert np.isfinite(out).all()
    assert np.allclose(np.linalg.det(out), 1.0, atol=1e-9)
    one = perform(base[:1], plan, times[:1], 0, "explain", model)
    assert one.shape == (1, 55, 3, 3)


def test_a_pose_that_is_held_beats_on_accents_until_the_next_gesture_begins(model):
    times = frames(7.0)
    held, following = phrase(0, 2.0, "stop", "right", hold=1.8), phrase(1, 4.5, "you", "right")
    shown = {}
    for name, accents in (("still", ()), ("beating", (2.6, 3.2)), ("late", (2.05, 4.2, 4.5))):
        shown[name] = perform(standing(times), (held, following), times, 1, "explain", model, accents)
    assert np.array_equal(shown["late"], shown["still"])
    away = np.linalg.norm(wrists(shown["beating"]) - wrists(shown["still"]), axis=-1)
    assert away[:, 0].max() == 0.0
    assert 0.01 < away[(times > 2.4) & (times < 3.8), 1].max() < 0.06
    assert away[(times < 2.2) | (times > 3.9), 1].max() < 1e-9
    assert away[np.argmin(np.abs(times - 2.6)), 1] > 0.008


def test_a_hand_on_the_chest_beats_on_nothing(model):
    times = frames(6.0)
    held = phrase(0, 2.0, "heart", "right", hold=1.8)
    still, accented = (
        perform(standing(times), (held,), times, 1, "explain", model, beats) for beats in ((), (2.6, 3.2))
    )
    assert np.array_equal(still, accented)
