"""Speech and plan to ARKit curves: the face of the default generator, and of models that give expressions only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.body.motion import arkit_names
from engine.errors import CospeechError
from engine.face.coarticulation import GRID_HOP, blend, covered, sample, segments
from engine.face.contacts import contacts
from engine.face.emotions import NEUTRAL, feel, find_emotion
from engine.face.envelope import envelope_mouth
from engine.face.eyes import gaze_angles, turn_eyes
from engine.face.mouth import apply_contacts, open_vowels, spread_channels
from engine.face.upper import blink_weight, brows, close_lids, rest_face, smiles
from engine.face.visemes import viseme_table
from engine.plan.types import GesturePlan
from engine.speech.types import SILENCE, Phone, Speech

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

# By eye.
ROUGH_LIPS = 0.85  # share of a lip shape to trust when phones were decoded without a transcript
ROUGH_JAW = 0.45  # and share of the jaw that then follows the energy instead
GRID_MARGIN = 0.25  # s beyond the frames: more than smoothing and interpolation reach
JAW_OF_STYLE = {"calm": 0.92, "explain": 1.0, "narrate": 1.0, "excited": 1.10}  # times the opening


def face_curves(
    speech: Speech,
    plan: GesturePlan,
    times: NDArray[np.floating[Any]],
    seed: int,
    energy: float = 1.0,
    eye_angles: NDArray[np.floating[Any]] | None = None,
    emotion: str = NEUTRAL,
    strength: float = 1.0,
) -> Floats:
    """ARKit-52 weights (T, 52) 0..1, order of assets/arkit52.json, at frame ``times`` (T,), ascending seconds.

    Mouth from the phones (from the energy where there are none), brows, blinks and smiles from the plan. The eyes look
    along ``eye_angles`` (T, 2, 2): left and right eye by yaw and pitch in degrees against the head, yaw positive to the
    character's left, pitch positive up; without it they follow ``plan.gaze``. ``energy`` 0.5..1.5 widens the mouth's
    movement; ``emotion`` (assets/emotions.json) lies over it with a ``strength`` 0..1. Same arguments, same values.
    Raises CospeechError for times that do not ascend, angles that don't fit and unknown emotions.
    """
    mood = find_emotion(emotion, strength)
    frames = np.asarray(times, dtype=np.float64)
    _check(frames, eye_angles)
    rng = [np.random.default_rng([seed, stream]) for stream in range(6)]
    curves = np.zeros((len(frames), len(arkit_names())))
    if len(frames) == 0:
        return curves.astype(np.float32)
    phones = [phone for phone in speech.phones if phone.end > phone.start]
    jaw, lips = mood.scales(strength)
    spread_channels(_mouth(speech, phones, plan.style, frames, energy, jaw, lips), curves, rng[0])
    smiles(curves, plan, frames, rng[1])
    feel(curves, mood, strength, frames, rng[5])
    touch = contacts(phones, frames)
    apply_contacts(curves, touch)
    open_vowels(curves, phones, frames, touch)
    brows(curves, plan, frames, rng[2])
    rest_face(curves, plan.style, energy, frames, rng[3])
    angles = gaze_angles(plan, frames, rng[4]) if eye_angles is None else np.asarray(eye_angles, dtype=np.float64)
    turn_eyes(curves, angles)
    close_lids(curves, blink_weight(plan, frames))
    return np.clip(curves, 0.0, 1.0).astype(np.float32)


def _check(frames: Array, eye_angles: NDArray[np.floating[Any]] | None) -> None:
    if frames.ndim != 1 or not np.isfinite(frames).all() or (np.diff(frames) <= 0.0).any():
        raise CospeechError("Face frames need ascending times in seconds; pass one time per output frame")
    if eye_angles is not None and np.shape(eye_angles) != (len(frames), 2, 2):
        raise CospeechError(f"eye_angles has shape {np.shape(eye_angles)}, expected {(len(frames), 2, 2)}")


def _mouth(
    speech: Speech, phones: Sequence[Phone], style: str, frames: Array, energy: float, jaw: float, lips: float
) -> Array:
    """(T, C) table channels at the frames; ``jaw`` and ``lips`` are the mood's scales."""
    jaw *= (0.75 + 0.25 * energy) * JAW_OF_STYLE.get(style, 1.0)
    lips *= 0.9 + 0.1 * energy
    grid, first = _grid_for(frames, speech.seconds)
    if all(phone.label == SILENCE for phone in phones):
        return sample(envelope_mouth(speech.prosody, grid, jaw), frames, first)
    trust = 1.0 if speech.transcribed else ROUGH_LIPS
    mouth = blend(segments(covered(phones, speech.seconds), speech.prosody, jaw, lips * trust), grid)
    if not speech.transcribed:
        opening = viseme_table().column("jawOpen")
        from_envelope = envelope_mouth(speech.prosody, grid, jaw)[:, opening]
        mouth[:, opening] = (1.0 - ROUGH_JAW) * mouth[:, opening] + ROUGH_JAW * from_envelope
    return sample(mouth, frames, first)


def _grid_for(frames: Array, seconds: float) -> tuple[Array, int]:
    """The part of the line's grid that the frames need, and the number of its first point: a short window of a long
    line costs what the window costs, and gives what the whole line would."""
    grid = np.arange(0.0, seconds + 0.5, GRID_HOP)
    first = int(np.clip((frames[0] - GRID_MARGIN) / GRID_HOP, 0, len(grid) - 1))
    last = int(np.clip((frames[-1] + GRID_MARGIN) / GRID_HOP, first, len(grid) - 1))
    return grid[first : last + 1], first


def silent(speech: Speech) -> Speech:
    """The line as it moves the mouth of somebody who only listens: not at all."""
    nothing = np.zeros(0, np.float32)
    return replace(speech, words=(), phones=(), prosody=replace(speech.prosody, energy=nothing, f0=nothing))
