"""Cases for the pins' test bed, drawn from a seed: windows of real lines with pins, moved keys and wrist targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.body.joints import COLLARED_ARMS, COLLARS, HANDS, HEAD, NECK, PART_JOINTS
from engine.body.motion import Motion
from engine.body.skeleton import default_skeleton
from engine.hints.types import Hints, Target

Array = NDArray[np.float64]
Takes = Callable[[int, int, float], Motion]  # (line, seed, fps) -> the unpinned take

# Drawn by eye, to cover what animators ask for.
RATES = (24.0, 30.0, 24000.0 / 1001.0, 60.0)  # Hz of scenes
KINDS = ("other take", "moved key", "target", "mixed")
APART_SECONDS = 0.25  # from pin to pin
WINDOW_SECONDS = (1.5, 6.0)
MOVED_SECONDS = 1.0 / 3.0  # by which a key moves, either way
LARGEST_TURN = np.radians(90.0)  # rad, of a moved key
SMALL_TURN = np.radians(20.0)  # rad, of a pin beside what is there
MOST_PINS = 8  # in a case
SEEDS = 4  # so many takes of a line at a rate are made, and shared between the cases
TOO_FAR_EVERY = 8  # of so many target cases one asks for a place beyond the arm

SINGLE = tuple(joint for joint in PART_JOINTS["upper"] if joint not in COLLARS)


@dataclass(frozen=True)
class PinCase:
    """One window of one take: what is generated, and what is pinned in it.

    ``pins`` are take frames with a pinned pose of ``joints``; ``targets`` are (wrist joint, frame, too far).
    """

    number: int
    kind: str
    line: int
    fps: float
    base_seed: int
    new_seed: int
    window: tuple[int, int]
    joints: tuple[int, ...]
    pins: tuple[int, ...]
    targets: tuple[tuple[int, int, bool], ...]


def draw_case(number: int, seconds: Sequence[float], seed: int = 0) -> PinCase:
    """Case ``number`` of the bed with this seed, over lines of these lengths; the same call gives the same case."""
    rng = np.random.default_rng([seed, number])
    fps = RATES[number % len(RATES)]
    kind = KINDS[(number // len(RATES)) % len(KINDS)]
    weights = np.sqrt(np.asarray(seconds, dtype=np.float64))
    line = int(rng.choice(len(seconds), p=weights / weights.sum()))
    frames = max(1, round(seconds[line] * fps))
    length = min(frames, max(4, round(rng.uniform(*WINDOW_SECONDS) * fps)))
    first = int(rng.integers(0, frames - length + 1))
    window = (first, first + length)
    places = _places(rng, window, fps, number)
    side = int(rng.integers(2))
    joints = _group(rng, side) if kind in ("other take", "moved key") else ()
    targets: tuple[tuple[int, int, bool], ...] = ()
    if kind in ("target", "mixed"):
        far = (number // (len(RATES) * len(KINDS))) % TOO_FAR_EVERY == 3
        targets = tuple((COLLARED_ARMS[side][3], frame, far) for frame in places)
    if kind == "mixed":  # the hand keeps a shape while its wrist reaches, and the head or the other arm is posed
        joints = (*HANDS[side], *((NECK, HEAD) if rng.random() < 0.5 else COLLARED_ARMS[1 - side]))
    seeds = rng.choice(SEEDS, 2, replace=False)
    pins = () if kind == "target" else places
    return PinCase(number, kind, line, fps, int(seeds[0]), int(seeds[1]), window, joints, pins, targets)


def _group(rng: np.random.Generator, side: int) -> tuple[int, ...]:
    """One joint, a hand, an arm or the upper body."""
    choices = (
        (int(rng.choice(SINGLE)),),
        (*HANDS[side], COLLARED_ARMS[side][3]),
        COLLARED_ARMS[side],
        PART_JOINTS["upper"],
    )
    return choices[int(rng.integers(len(choices)))]


def _places(rng: np.random.Generator, window: tuple[int, int], fps: float, number: int) -> tuple[int, ...]:
    """1 to 8 frames at least 0.25 s apart, and from the window's borders."""
    gap = int(np.ceil(APART_SECONDS * fps))
    room = (window[1] - window[0]) // gap - 1
    count = int(min(1 + (number * 5 + int(rng.integers(2))) % MOST_PINS, max(1, room)))
    slack = (window[1] - window[0]) - (count + 1) * gap
    cuts = np.sort(rng.integers(0, max(1, slack + 1), count))
    return tuple(int(window[0] + cuts[i] + (i + 1) * gap) for i in range(count))


def bare_hints(case: PinCase, takes: Takes) -> Hints:
    """The case's base take and window, with nothing pinned in it."""
    return Hints(base=takes(case.line, case.base_seed, case.fps), window=case.window)


def build_hints(case: PinCase, takes: Takes, lines: int, free: Motion, seed: int = 0) -> Hints:
    """The case's hints: base take, window, pins and targets. ``free`` is what is generated without any."""
    rng = np.random.default_rng([seed, case.number, 1])
    bare = bare_hints(case, takes)
    rotations, mask = _blank(bare.frames)
    for frame in case.pins:
        if case.kind == "moved key":
            shift = int(np.round(rng.uniform(-MOVED_SECONDS, MOVED_SECONDS) * case.fps))
            wanted = bare.base.poses[int(np.clip(frame + shift, 0, bare.frames - 1))]
        else:
            wanted = _other_frame(rng, takes, case, lines)[0]
        _pin(rotations, mask, free, frame, case.joints, wanted, LARGEST_TURN)
    targets = tuple(_target(rng, takes, case, lines, free, *target) for target in case.targets)
    return replace(bare, rotations=rotations, rotation_mask=mask, targets=targets)


def small_hints(case: PinCase, takes: Takes, free: Motion, seed: int = 0) -> Hints:
    """One pin in the same window, each of its joints 5 to 20 degrees off what is generated there without it."""
    rng = np.random.default_rng([seed, case.number, 2])
    bare = bare_hints(case, takes)
    frame = int(rng.choice(case.pins or [target[1] for target in case.targets]))
    joints = _group(rng, int(rng.integers(2)))
    rotations, mask = _blank(bare.frames)
    axes = rng.normal(size=(55, 3))
    axes *= rng.uniform(np.radians(5.0), SMALL_TURN, 55)[:, None] / np.linalg.norm(axes, axis=-1, keepdims=True)
    wanted = (Rotation.from_rotvec(free.poses[frame].astype(np.float64)) * Rotation.from_rotvec(axes)).as_rotvec()
    _pin(rotations, mask, free, frame, joints, np.asarray(wanted), 2.0 * SMALL_TURN)
    return replace(bare, rotations=rotations, rotation_mask=mask)


def _blank(frames: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    return np.zeros((frames, 55, 3), np.float32), np.zeros((frames, 55), np.bool_)


def _other_frame(
    rng: np.random.Generator, takes: Takes, case: PinCase, lines: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Poses (55, 3) and trans (3,) of a random frame of another line's take."""
    line = int((case.line + 1 + rng.integers(max(1, lines - 1))) % lines)
    other = takes(line, int(rng.integers(SEEDS)), 30.0)
    frame = int(rng.integers(other.frames))
    return other.poses[frame], other.trans[frame]


def _pin(
    rotations: NDArray[np.float32],
    mask: NDArray[np.bool_],
    free: Motion,
    frame: int,
    joints: tuple[int, ...],
    wanted: NDArray[np.float32] | Array,
    most: float,
) -> None:
    """Pin ``joints`` to ``wanted`` (55, 3), turned back to ``most`` radians from ``free`` where further off."""
    chosen = list(joints)
    here = Rotation.from_rotvec(free.poses[frame, chosen].astype(np.float64))
    turn = np.asarray((here.inv() * Rotation.from_rotvec(wanted[chosen].astype(np.float64))).as_rotvec())
    angle = np.linalg.norm(turn, axis=-1, keepdims=True)
    turn *= np.minimum(1.0, most / np.maximum(angle, 1e-9))
    rotations[frame, chosen] = (here * Rotation.from_rotvec(turn)).as_rotvec()
    mask[frame, chosen] = True


def _target(
    rng: np.random.Generator,
    takes: Takes,
    case: PinCase,
    lines: int,
    free: Motion,
    wrist: int,
    frame: int,
    too_far: bool,
) -> Target:
    """Where another take's wrist is, seen from the chest, up to 10 cm beside it and within the arm's reach."""
    skeleton = default_skeleton()
    _, shoulder, elbow, _ = COLLARED_ARMS[0] if wrist == COLLARED_ARMS[0][3] else COLLARED_ARMS[1]
    poses, trans = _other_frame(rng, takes, case, lines)
    there, there_world = skeleton.forward(poses[None], trans[None])
    here, here_world = skeleton.forward(free.poses[frame : frame + 1], free.trans[frame : frame + 1])
    seen = there_world[0, 9].T @ (there[0, wrist] - there[0, shoulder]) + rng.uniform(-0.1, 0.1, 3)
    length = np.linalg.norm(skeleton.offsets[[elbow, wrist]], axis=-1)
    distance = float(np.linalg.norm(seen))
    reach = float(length.sum())
    kept = 1.3 * reach if too_far else float(np.clip(distance, 0.35 * reach, 0.95 * reach))
    place = here[0, shoulder] + here_world[0, 9] @ seen * (kept / max(distance, 1e-6))
    return Target(joint=wrist, frame=frame, xyz=(float(place[0]), float(place[1]), float(place[2])))
