"""Hints as EMAGE takes them: the take's channels at the network's rate, and which of them are hidden from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from engine.body.joints import FIRST_FINGER
from engine.body.motion import Motion, hand_mean
from engine.generators.published.emage_mends import RATE, Proportions
from engine.models.emage_motion import CHANNELS, whole_body
from engine.models.emage_windows import MENDED, WINDOW, line_frames

if TYPE_CHECKING:
    from engine.hints.types import Hints

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

CONTEXT = 16  # frames of the base before a window, by eye: the decoders look 9 frames to each side


@dataclass(frozen=True, eq=False)
class Piece:
    """What the network performs: ``wave`` (N,) of speech, the motion that it sees, (t, 337), of which ``hidden`` is
    not shown (None: all is), and the root's first place (3,) in our proportions. ``seen`` None: the published start.
    """

    wave: NDArray[np.float32]
    seen: Array | None
    hidden: NDArray[np.bool_] | None
    start: Array


def piece_around(hints: Hints, wave: NDArray[np.float32]) -> tuple[Piece, int]:
    """The piece of a line (N,) at 16 kHz that a window needs, and its first frame at the network's rate.

    The network sees the base around the window and the pins in it; at least one whole window is performed.
    """
    base, body = hints.base, Proportions.of(hints.skeleton)
    slow = base.resampled(RATE) if abs(base.fps - RATE) > 1e-6 else base
    slow = replace(slow, trans=body.to_ours(slow.trans).astype(np.float32))
    total = min(slow.frames, line_frames(len(wave)))
    first, end = (hints.window[0] / base.fps * RATE, hints.window[1] / base.fps * RATE)
    begin = max(0, int(first) - CONTEXT)
    until = min(total, int(np.ceil(end)) + WINDOW // 2)
    begin = max(0, min(begin, until - WINDOW))
    samples = slice(MENDED.sample(begin), MENDED.sample(until) + 1)  # rounded down twice, a frame would be lost
    seen = network_channels(with_pins(slow, hints, body))[begin:until]
    hidden = hidden_channels(hints, slow.frames, (first, end))[begin:until]
    return Piece(wave[samples], seen, hidden, slow.trans[begin].astype(np.float64)), begin


def network_channels(motion: Motion) -> Array:
    """(T, 337) as the network sees a take at 30 frames a second: hands against the mean pose, planted feet."""
    poses = motion.poses.astype(np.float64)
    poses[:, FIRST_FINGER:] -= hand_mean()
    angles = torch.from_numpy(poses.astype(np.float32))[None]
    place = torch.from_numpy(motion.trans)[None]
    return whole_body(angles, place, torch.ones(1, motion.frames, 4))[0].numpy().astype(np.float64)


def hidden_channels(hints: Hints, frames: int, window: tuple[float, float]) -> NDArray[np.bool_]:
    """(T, 337) of a take at 30 frames a second: True inside the window where nothing is pinned or closed."""
    at = np.arange(frames)
    inside = (at >= window[0]) & (at < window[1])
    hidden = np.repeat(inside[:, None], CHANNELS, axis=1)
    closed = np.repeat(~hints.free_joints, 6)
    hidden[:, : len(closed)] &= ~closed
    if not hints.free_trans:
        hidden[:, len(closed) :] = False
    frame, joint = np.nonzero(hints.rotation_mask)
    for channel in range(6):
        hidden[nearest(frame, hints, frames), 6 * joint + channel] = False
    rooted = nearest(np.flatnonzero(hints.trans_mask), hints, frames)
    hidden[rooted, len(closed) : len(closed) + 3] = False
    return hidden


def with_pins(slow: Motion, hints: Hints, body: Proportions) -> Motion:
    """The base at the network's rate and in our proportions, with each pin on the frame nearest to it."""
    poses, trans = slow.poses.copy(), slow.trans.copy()
    frame, joint = np.nonzero(hints.rotation_mask)
    poses[nearest(frame, hints, slow.frames), joint] = hints.rotations[frame, joint]
    rooted = np.flatnonzero(hints.trans_mask)
    trans[nearest(rooted, hints, slow.frames)] = body.to_ours(hints.trans[rooted])
    return replace(slow, poses=poses, trans=trans)


def nearest(frames: Indices, hints: Hints, count: int) -> Indices:
    """Frames of the take as frames of the network's ``count``."""
    found: Indices = np.clip(np.round(frames / hints.fps * RATE).astype(np.intp), 0, count - 1)
    return found
