"""Before, between and after speech: the hands at rest and alive, feet planted, no gesture, eyes on the listener."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import soundfile

from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.face.lips import column
from engine.plan.types import GesturePlan
from engine.speech.load import silence
from engine.speech.types import Speech
from engine.take.make import hear, make_take
from engine.take.options import TakeOptions
from tests.places import DEMO
from tests.support.regen import OPTIONS, line, plan_of, silent_progress

SKELETON = default_skeleton()
PAD = 6.0
WRISTS, FEET = [20, 21], [7, 8, 10, 11]
SETTLED, READY = 2.0, 2.0  # seconds: a gesture may fall after the voice, and the next one rises before it
CASES = (("explain", 0), ("explain", 1), ("calm", 2), ("excited", 3))
LISTENER = 8.0  # degrees about the listener's face


@dataclass(frozen=True, eq=False)
class Stretch:
    """A silence of a take: its ``span`` in seconds, joint ``points`` (n, J, 3), ``off`` degrees of the eyes from
    straight ahead, ``lids``."""

    span: tuple[float, float]
    plan: GesturePlan
    points: np.ndarray
    off: np.ndarray
    lids: np.ndarray
    poses: np.ndarray


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    """The demo line with six seconds of silence before it, in its longest pause, and after it."""
    wave, rate = soundfile.read(DEMO)
    phrases = line().prosody.phrases
    inner = [p for p in line().prosody.pauses if phrases[0].end <= p.start and p.end <= phrases[-1].start]
    longest = max(inner, key=lambda pause: pause.end - pause.start)
    cut, nothing = round(rate * (longest.start + longest.end) / 2.0), np.zeros(round(rate * PAD))
    path = tmp_path_factory.mktemp("idle") / "padded.wav"
    soundfile.write(path, np.concatenate([nothing, wave[:cut], nothing, wave[cut:], nothing]), rate)
    return hear(TakeOptions(audio=str(path), transcript=OPTIONS.transcript), silent_progress)


def _silences(speech: Speech) -> list[tuple[float, float]]:
    phrases = speech.prosody.phrases
    edges = [0.0, *(time for phrase in phrases for time in (phrase.start, phrase.end)), speech.seconds]
    return [span for span in zip(edges[::2], edges[1::2], strict=True) if span[1] - span[0] > PAD - 1.0]


@cache
def _take(speech: Speech, style: str, seed: int) -> Motion:
    return make_take(replace(OPTIONS, style=style, seed=seed), silent_progress, speech)


def _stretches(speech: Speech, style: str, seed: int) -> list[Stretch]:
    motion = _take(speech, style, seed)
    points, world = SKELETON.forward(motion.poses.astype(np.float64), motion.trans.astype(np.float64))
    off = np.degrees(np.arccos(np.clip(world[:, 23, 2, 2], -1.0, 1.0)))
    assert motion.blendshapes is not None
    lids = motion.blendshapes[:, column("eyeBlinkLeft")]
    found = []
    for start, end in _silences(speech):
        part = slice(
            round((start + SETTLED * (start > 0.0)) * motion.fps),
            round((end - READY * (end < speech.seconds)) * motion.fps),
        )
        found.append(Stretch((start, end), plan_of(motion), points[part], off[part], lids[part], motion.poses[part]))
    return found


def _speeds(points: np.ndarray) -> np.ndarray:
    """(n - 1, k) metres a second."""
    return np.linalg.norm(np.diff(points, axis=0), axis=-1) * 30.0


def _longest_run(flags: np.ndarray) -> int:
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best


@pytest.fixture(scope="module")
def stretches(padded: Speech) -> dict[tuple[str, int], list[Stretch]]:
    found = {case: _stretches(padded, *case) for case in CASES}
    assert all(len(parts) == 3 for parts in found.values())  # before, between, after
    return found


Stretches = dict[tuple[str, int], list[Stretch]]


def test_nobody_gestures_into_silence(stretches: Stretches) -> None:
    for parts in stretches.values():
        for part in parts:
            low, high = part.span
            inside = [p for p in part.plan.phrases if p.apex > low + 0.5 and p.apex < high - 0.3]
            assert inside == []
            assert all(event.apex < low + 1.5 or event.apex > high - 0.5 for event in part.plan.head)


def test_hands_rest_and_never_freeze(stretches: Stretches) -> None:
    stirs, fast = [], 0
    for parts in stretches.values():
        for part in parts:
            speeds = _speeds(part.points[:, WRISTS])
            assert np.median(speeds) < 0.06
            for side in (0, 1):
                assert _longest_run(speeds[:, side] < 0.001) < 8
            stirs.append(float(np.median(speeds)))
            fast += int(np.count_nonzero(speeds.max(axis=1) > 0.15))
            fingers = np.degrees(part.poses[:, 25:55]).std(axis=0)
            assert 0.1 < fingers.mean() < 6.0
    assert min(stirs) > 0.004
    frames = sum(len(part.points) for parts in stretches.values() for part in parts)
    assert fast < 0.25 * frames  # a change of the rest posture now and then


def test_the_body_breathes_and_sways_on_planted_feet(stretches: Stretches) -> None:
    for parts in stretches.values():
        for part in parts:
            moving = _speeds(part.points[:, FEET]) > 0.02  # a step at a shift of the weight, of one foot
            assert not (moving[:, [0, 2]].any(axis=1) & moving[:, [1, 3]].any(axis=1)).any()
            assert np.count_nonzero(moving.any(axis=1)) <= 20 * len(part.plan.shifts)
            pelvis = 1e3 * part.points[:, 0]
            assert pelvis[:, [0, 2]].std(axis=0).max() > 0.8
            trunk = np.degrees(part.poses[:, [3, 6, 9]]).std(axis=0)
            assert 0.05 < trunk.mean() < 2.0
            low, high = part.span
            breaths = sum(low < event.apex < high for event in part.plan.breaths)
            assert 1 <= breaths <= 3


def test_shifts_and_fidgets_are_rare(stretches: Stretches) -> None:
    counts = [
        sum(part.span[0] - 0.5 < event.start < part.span[1] for event in part.plan.shifts)
        for parts in stretches.values()
        for part in parts
    ]
    assert max(counts) <= 2
    assert sum(counts) <= len(counts)


def test_blinks_go_on(stretches: Stretches) -> None:
    count = seconds = 0.0
    for parts in stretches.values():
        for part in parts:
            shut = part.lids > 0.75
            count += np.count_nonzero(np.diff(shut.astype(int)) == 1)
            seconds += len(part.lids) / 30.0
    assert 12.0 < 60.0 * count / seconds < 34.0


def test_the_eyes_wait_on_the_listener(stretches: Stretches) -> None:
    shares = [float((part.off < LISTENER).mean()) for parts in stretches.values() for part in parts]
    assert np.mean(shares) > 0.8
    assert min(shares) > 0.55
    assert min(shares) < 1.0  # glances elsewhere
    for parts in stretches.values():
        last = parts[-1]
        assert (last.off[-15:] < 20.0).all()


def test_the_eyes_are_on_the_listener_when_the_voice_ends(padded: Speech) -> None:
    for case in CASES:
        motion = _take(padded, *case)
        world = SKELETON.forward(motion.poses.astype(np.float64), motion.trans.astype(np.float64))[1]
        off = np.degrees(np.arccos(np.clip(world[:, 23, 2, 2], -1.0, 1.0)))
        end = round(padded.prosody.phrases[-1].end * 30.0)
        assert np.median(off[end : end + 20]) < LISTENER


def test_rests_differ_from_pause_to_pause_and_from_seed_to_seed(stretches: Stretches) -> None:
    """By the place of the hands from the pelvis, in metres, in the middle of a silence."""
    hands = {
        case: [part.points[len(part.points) // 2][WRISTS] - part.points[len(part.points) // 2][0] for part in parts]
        for case, parts in stretches.items()
    }
    pauses = [
        float(np.linalg.norm(one - other, axis=-1).max())
        for places in hands.values()
        for one, other in combinations(places, 2)
    ]
    seeds = [
        float(np.linalg.norm(one - other, axis=-1).max())
        for first, second in combinations(hands.values(), 2)
        for one, other in zip(first, second, strict=True)
    ]
    for distances in (pauses, seeds):
        assert min(distances) > 0.003
        assert np.mean(np.array(distances) > 0.05) > 0.6


@pytest.mark.parametrize("role", ["listen", "idle"])
def test_who_only_stands_there_stirs_all_the_time(role: str) -> None:
    motion = make_take(replace(OPTIONS, role=role, seed=5), silent_progress, silence(25.0))
    points, _ = SKELETON.forward(motion.poses.astype(np.float64), motion.trans.astype(np.float64))
    speeds = _speeds(points[:, WRISTS])
    assert _longest_run(speeds.max(axis=1) < 0.001) < 8
    assert np.median(speeds) < 0.06
    assert _speeds(points[:, FEET]).max() < 0.02
    assert motion.blendshapes is not None
    shut = motion.blendshapes[:, column("eyeBlinkLeft")] > 0.75
    assert 4 <= np.count_nonzero(np.diff(shut.astype(int)) == 1) <= 14
