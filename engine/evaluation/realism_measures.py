"""What one clip shows of every row of docs/sources/bands.md: raw values, pooled over clips by :func:`pooled`.

Metres, seconds, degrees; 30 frames a second. Apexes and onsets are measured on the wrists of the finished motion,
accents and pauses come from :mod:`engine.evaluation.accents`. What a clip cannot say (a corpus has no audio) is left
empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch
from scipy.spatial.transform import Rotation

from engine.body.joints import CHEST, FEET, HEAD, PELVIS, SHOULDERS, WRISTS
from engine.body.motion import Motion, arkit_names
from engine.body.rotations import axis_angle_to_matrix
from engine.body.skeleton import default_skeleton
from engine.evaluation.accents import SpeechSound
from engine.evaluation.clearance import ALLOWED_M, penetration
from engine.evaluation.metrics import low_passed, planted_feet, rough_jerk, without_shake
from engine.generators.gestures.timing import arrival_time, reversal_time

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# By eye, where no source is named.
FPS = 30.0  # Hz (docs/sources/bands.md)
NEAR_ACCENT = 0.3  # s, half the time between two accents: a stroke further from every one has none
NEAR_PAUSE = 0.15  # s, of a blink (docs/sources/bands.md, section 1)
SEEN_WAY = 0.02  # m a wrist must go for a phrase to be seen
FIRST_MOVE = 0.35  # s before its onset at which a follower may lift the hand out of a hold
ONSET_SHARE = 0.1  # of the way to the apex: where a movement begins to show
SWAY_SECONDS = 6.0  # the shortest stretch without shift or step in which sway is measured
STEP_SPEED = 0.3  # m/s of an ankle: a step
WELCH = 512  # frames of a spectrum: 0.06 Hz apart
BLINK = 0.5  # weight 0..1 from which lids are shut


@dataclass(frozen=True)
class Stroke:
    """A gesture of a clip: seconds of ``onset``, ``apex``, ``hold_end`` and ``back``; ``sides`` 0 left, 1 right.

    ``beat``: its apex is a reversal, or the end of a strike; ``stress`` the start of its word's stressed syllable,
    where it has a meaning. Its first ``windup`` seconds only bring the hand to where the stroke begins, and one that
    ``goes_on`` still moves after its apex (a wave).
    """

    onset: float
    apex: float
    hold_end: float
    back: float
    sides: tuple[int, ...]
    beat: bool = False
    semantic: bool = False
    stress: float | None = None
    windup: float = 0.0
    goes_on: bool = False


@dataclass(frozen=True, eq=False)
class Subject:
    """A clip at 30 frames a second and what is known of it. ``shifts`` (n, 2) seconds of planned weight shifts;
    ``planned``: a plan says what the strokes are; ``restless``: all frames count as active."""

    motion: Motion
    strokes: tuple[Stroke, ...] = ()
    sound: SpeechSound | None = None
    shifts: Array = field(default_factory=lambda: np.zeros((0, 2)))
    planned: bool = False
    restless: bool = False


@dataclass(frozen=True, eq=False)
class Measures:
    """Raw values of one clip or of many: one-dimensional arrays unless said otherwise."""

    speech_seconds: Array
    resting_seconds: Array
    voice_seconds: Array
    phrases: Array
    semantic: Array
    wrist_speed: Array
    jerk: Array
    raw_jerk: Array
    smooth_jerk: Array
    spectrum: Array  # (n, frequencies): power, times the clip's frames
    heights: Array
    above_shoulder: Array
    head_speed: Array
    head_angles: Array  # (n, 3) yaw, pitch, roll
    sway: Array  # (n, 2) metres from the middle of its stretch
    slide: Array
    planted: Array
    blinks: Array
    blinks_at_pause: Array
    clip_seconds: Array
    blink_seconds: Array
    offsets: Array
    alone: Array
    leads: Array
    depth: Array


def pooled(parts: list[Measures]) -> Measures:
    """All clips as one."""
    return Measures(*(np.concatenate([getattr(part, entry.name) for part in parts]) for entry in fields(Measures)))


def measure(subject: Subject) -> Measures:
    """Every raw value of a clip."""
    motion = subject.motion
    local = axis_angle_to_matrix(motion.poses.astype(np.float64))
    trans = motion.trans.astype(np.float64)
    points, world = default_skeleton().forward_matrices(local, trans)
    return Measures(
        **_rates(subject, points),
        **_wrists(subject, points),
        **_head(world),
        **_stand(subject, points),
        **_blinks(subject),
        **_timing(subject, points, world),
        clip_seconds=np.array([motion.seconds]),
        depth=penetration(local, trans, default_skeleton()),
    )


def _rates(subject: Subject, points: Array) -> dict[str, Array]:
    sound = subject.sound
    if sound is None or not subject.planned:
        nothing = np.zeros(0)
        names = ("speech_seconds", "resting_seconds", "voice_seconds", "phrases", "semantic")
        return dict.fromkeys(names, nothing)
    first, last = sound.voice
    moments = np.arange(first, last, 0.01)
    busy = np.zeros(len(moments), dtype=bool)
    for stroke in subject.strokes:
        busy |= (moments >= stroke.onset) & (moments < stroke.back)
    seen = [stroke for stroke in subject.strokes if _way(stroke, points) >= SEEN_WAY]
    return {
        "speech_seconds": np.array([sound.speech_seconds]),
        "resting_seconds": np.array([0.01 * float((~busy).sum())]),
        "voice_seconds": np.array([last - first]),
        "phrases": np.array([float(len(seen))]),
        "semantic": np.array([float(sum(stroke.semantic for stroke in seen))]),
    }


def _way(stroke: Stroke, points: Array) -> float:
    part = _frames(stroke.onset - 0.2, stroke.hold_end + 0.1, len(points))
    away = [np.linalg.norm(np.ptp(points[part, WRISTS[side]] - points[part, CHEST], axis=0)) for side in stroke.sides]
    return float(max(away, default=0.0))


def _frames(start: float, end: float, count: int) -> slice:
    low = min(max(0, round(start * FPS)), max(count - 1, 0))
    return slice(low, max(low + 1, min(count, round(end * FPS) + 1)))


def _active(subject: Subject, frames: int) -> Flags:
    """(T, 2): left and right hand between a phrase's onset and return."""
    if subject.restless:
        return np.ones((frames, 2), dtype=bool)
    out = np.zeros((frames, 2), dtype=bool)
    for stroke in subject.strokes:
        for side in stroke.sides:
            out[_frames(stroke.onset, stroke.back, frames), side] = True
    return out


def _wrists(subject: Subject, points: Array) -> dict[str, Array]:
    wrists = points[:, list(WRISTS)]
    active = _active(subject, len(points))
    jerk, speed = low_passed(wrists, FPS)
    heights = wrists[..., 1] - points[:, PELVIS, None, 1]
    above = wrists[..., 1] > points[:, list(SHOULDERS), 1]
    return {
        "wrist_speed": speed[active],
        "jerk": jerk[active],
        "raw_jerk": rough_jerk(wrists, FPS)[active],
        "smooth_jerk": rough_jerk(without_shake(wrists, FPS), FPS)[active],
        "spectrum": _spectrum(wrists - points[:, PELVIS, None]),
        "heights": heights.ravel(),
        "above_shoulder": above.ravel().astype(np.float64),
    }


def _spectrum(track: Array) -> Array:
    """(1, WELCH // 2 + 1) power of both wrists' velocity, times the frames, so that clips pool by length."""
    if len(track) < 32:
        return np.zeros((0, WELCH // 2 + 1))
    velocity = np.gradient(track, 1.0 / FPS, axis=0)
    length = min(WELCH, len(track))
    _, power = welch(velocity, FPS, nperseg=length, nfft=WELCH, axis=0, detrend="constant")
    return np.asarray(len(track) * power.sum(axis=(1, 2)))[None]


def power_limit(spectrum: Array, share: float = 0.95) -> float:
    """Hz below which ``share`` of the pooled power (n, frequencies) lies."""
    power = np.cumsum(spectrum.sum(axis=0))
    frequencies = np.arange(len(power)) * FPS / WELCH
    return float(np.interp(share, power / power[-1], frequencies))


def _head(world: Array) -> dict[str, Array]:
    turns = Rotation.from_matrix(world[:, HEAD])
    steps = (turns[:-1].inv() * turns[1:]).magnitude() if len(world) > 1 else np.zeros(0)
    yaw, pitch, roll = np.asarray(turns.as_euler("YXZ")).T
    return {
        "head_speed": np.degrees(steps) * FPS,
        "head_angles": np.degrees(np.stack([np.unwrap(yaw), pitch, roll], axis=1)),
    }


def _stand(subject: Subject, points: Array) -> dict[str, Array]:
    planted = planted_feet(points, FPS)
    slides = []
    for side, joints in enumerate(FEET):
        step = np.linalg.norm(np.diff(points[:, list(joints)][..., [0, 2]], axis=0), axis=-1).mean(axis=-1)
        both = planted[1:, side] & planted[:-1, side]
        slides.append(step[both] * 1000.0)
    return {
        "slide": np.concatenate(slides),
        "planted": planted.ravel().astype(np.float64),
        "sway": _sway(subject, points),
    }


def _sway(subject: Subject, points: Array) -> Array:
    """(n, 2) metres of the pelvis sideways and forward from its mean in every stretch without shift or step."""
    frames = len(points)
    moving = np.zeros(frames, dtype=bool)
    for start, end in subject.shifts:
        moving[_frames(start - 0.1, end + 0.1, frames)] = True
    ankles = points[:, [FEET[0][0], FEET[1][0]]]
    if frames > 1:
        speed = np.linalg.norm(np.gradient(ankles, 1.0 / FPS, axis=0), axis=-1).max(axis=1)
        moving |= speed > STEP_SPEED
    edges = np.flatnonzero(np.diff(np.concatenate([[True], moving, [True]]).astype(np.int8))).reshape(-1, 2)
    parts = [
        points[low:high, PELVIS][:, [0, 2]] - points[low:high, PELVIS][:, [0, 2]].mean(axis=0)
        for low, high in edges
        if high - low >= SWAY_SECONDS * FPS
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 2))


def _blinks(subject: Subject) -> dict[str, Array]:
    shapes, sound = subject.motion.blendshapes, subject.sound
    if shapes is None or sound is None:
        return dict.fromkeys(("blinks", "blinks_at_pause", "blink_seconds"), np.zeros(0))
    names = arkit_names()
    lids = shapes[:, [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]].min(axis=1).astype(np.float64)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lids > BLINK, [False]]).astype(np.int8))).reshape(-1, 2)
    times = np.array([(low + int(np.argmax(lids[low:high]))) / FPS for low, high in edges])
    far = [
        float(np.maximum(np.maximum(sound.pauses[:, 0] - time, time - sound.pauses[:, 1]), 0.0).min(initial=np.inf))
        for time in times
    ]
    return {
        "blinks": np.array([float(len(times))]),
        "blinks_at_pause": np.array([float(np.sum(np.array(far) <= NEAR_PAUSE))]),
        "blink_seconds": np.array([subject.motion.seconds]),
    }


def apexes(subject: Subject, points: Array, world: Array) -> Array:
    """(n,) seconds at which the wrists of each stroke arrive (a beat: turn), from the chest, on the motion itself."""
    found = []
    for number, stroke in enumerate(subject.strokes):
        times, track = _track(stroke, points, world)
        if stroke.beat:
            found.append(reversal_time(track, times, stroke.apex))
        else:
            later = subject.strokes[number + 1 :]
            following = next((other.onset for other in later if set(other.sides) & set(stroke.sides)), np.inf)
            still = stroke.apex if stroke.goes_on else stroke.hold_end
            held = max(min(still, following - FIRST_MOVE), stroke.apex + 0.1)
            found.append(arrival_time(track, times, stroke.onset, held))
    return np.array(found)


def _track(stroke: Stroke, points: Array, world: Array) -> tuple[Array, Array]:
    part = _frames(stroke.onset - 0.5, max(stroke.hold_end, stroke.apex) + 0.6, len(points))
    away = points[part][:, [WRISTS[side] for side in stroke.sides]] - points[part, CHEST][:, None]
    return np.arange(len(points))[part] / FPS, np.asarray(away @ world[part, CHEST])


def stroke_onset(track: Array, times: Array, stroke: Stroke, apex: float) -> float:
    """When a movement begins to show: a tenth of the way to its apex is covered.

    The way is measured from the place furthest from the apex pose since the planned onset and a little before; in a
    stroke that is wound up, from where it begins.
    """
    early = stroke.onset + stroke.windup - 0.1 if stroke.windup else stroke.onset - 0.35
    window = (times >= early) & (times <= apex + 1e-9)
    if window.sum() < 3:
        return stroke.onset
    moments, path = times[window], track[window]
    away = np.linalg.norm(path - path[-1], axis=-1).max(axis=1)
    start = int(np.argmax(away))
    gone = np.linalg.norm(path[start:] - path[start], axis=-1).max(axis=1)
    level = ONSET_SHARE * gone[-1]
    index = int(np.argmax(gone >= level))
    if index == 0:
        return float(moments[start])
    part = (level - gone[index - 1]) / max(gone[index] - gone[index - 1], 1e-9)
    return float(moments[start + index - 1] + part / FPS)


def _timing(subject: Subject, points: Array, world: Array) -> dict[str, Array]:
    strokes = subject.strokes
    if subject.sound is None or not strokes:
        return dict.fromkeys(("offsets", "alone", "leads"), np.zeros(0))
    times = apexes(subject, points, world)
    offsets = nearest(times, subject.sound.accents)
    near = np.abs(offsets) <= NEAR_ACCENT
    leads = []
    for stroke, apex in zip(strokes, times, strict=True):
        if stroke.semantic and stroke.stress is not None:
            moments, track = _track(stroke, points, world)
            leads.append(stroke.stress - stroke_onset(track, moments, stroke, float(apex)))
    return {"offsets": offsets[near], "alone": (~near).astype(np.float64), "leads": np.array(leads)}


def nearest(times: Array, accents: Array) -> Array:
    """(n,) seconds from the nearest accent to each time, negative before it; infinite where there is no accent."""
    if not len(accents):
        return np.full(len(times), np.inf)
    apart = times[:, None] - accents
    return np.asarray(apart[np.arange(len(times)), np.abs(apart).argmin(axis=1)])


def deep_share(depth: Array) -> float:
    """Share of frames that are clear to within 5 mm."""
    return float((depth <= ALLOWED_M).mean())
