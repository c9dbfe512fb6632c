"""From a network's clip at its own rate to a take: the output's frames, the parts asked for, the window, the face."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.body.curves import smooth_step
from engine.body.joints import PART_JOINTS
from engine.body.motion import Motion, frame_count
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.errors import CospeechError
from engine.generators.base import Request
from engine.generators.face import perform_face
from engine.generators.life.body import base_motion
from engine.generators.published.emage_mends import RATE
from engine.generators.published.network_hints import network_channels
from engine.generators.window import BESIDE
from engine.models.emage_windows import SEED

if TYPE_CHECKING:
    from engine.hints.types import Hints

FADE_SECONDS = 0.8  # of a window at both ends, at most a third of it; by eye


def speaker_number(system: str, name: str, count: int, plain: int = 0) -> int:
    """A speaker's row in weights that have ``count``; "default" is row ``plain``. CospeechError for another one."""
    number = min(plain, count - 1) if name == "default" else int(name) if name.isdigit() else -1
    if not 0 <= number < count:
        known = "only 0" if count == 1 else f"0 to {count - 1}"
        raise CospeechError(f"These {system} weights have no speaker '{name}'; choose {known}")
    return number


def standing_seed(request: Request) -> NDArray[np.float64]:
    """(4, 337) channels of the standing body with which the default generator would start this line."""
    local, trans = base_motion(request.plan, np.arange(SEED) / RATE, request.options.seed, request.options.in_place)
    poses = matrix_to_axis_angle(local).astype(np.float32)
    return network_channels(Motion(poses=poses, trans=trans.astype(np.float32), fps=RATE))


def face_of(request: Request, motion: Motion) -> NDArray[np.float32]:
    """ARKit curves (T, 52) for a take whose network knows none."""
    local = axis_angle_to_matrix(motion.poses.astype(np.float64))
    return perform_face(request, request.plan, np.arange(motion.frames) / motion.fps, local)


def take_of(request: Request, clip: Motion) -> Motion:
    """A whole line's clip as a take: the output's frames, the parts asked for, and a face where it is one of them."""
    options = request.options
    motion = only_parts(fitted(clip, options.fps, frame_count(request.speech.seconds, options.fps)), options.parts)
    return replace(motion, blendshapes=face_of(request, motion) if "face" in options.parts else None)


def window_filled(request: Request, hints: Hints, made: Motion) -> Motion:
    """The hints' base with what was ``made`` in their window and BESIDE frames about it, body and face, before the pins
    are enforced: :func:`engine.hints.satisfy` sees there how far the new motion is from what it must meet."""
    made, base = _faded_into_base(made, hints), hints.base
    inside = slice(max(0, hints.window[0] - BESIDE), min(base.frames, hints.window[1] + BESIDE))
    poses, trans = base.poses.copy(), base.trans.copy()
    poses[inside], trans[inside] = made.poses[inside], made.trans[inside]
    expressions = base.expressions.copy()
    expressions[inside] = made.expressions[inside]
    motion = replace(base, poses=poses, trans=trans, expressions=expressions, plan=request.plan.to_dict())
    if base.blendshapes is None or not hints.free_face:
        return motion
    shapes = base.blendshapes.copy()
    shapes[inside] = face_of(request, motion)[inside]
    return replace(motion, blendshapes=shapes)


def _faded_into_base(made: Motion, hints: Hints) -> Motion:
    """What was ``made`` on the take's frames, passing over from the base after the window's start and back at its end.

    The base's own frames in the window are what it goes on with there, so that nothing has to jump; pins are enforced
    afterwards.
    """
    base, (first, end), at = hints.base, hints.window, np.arange(hints.frames)
    reach = min(FADE_SECONDS * hints.fps, (end - first) / 3.0) + 1.0
    away = np.full(hints.frames, np.inf)
    if first > 0:
        away = np.minimum(away, at - first + 1)
    if end < hints.frames:
        away = np.minimum(away, end - at)
    way = np.clip(away / reach, 0.0, 1.0)
    rows = np.flatnonzero(way < 1.0)
    share = smooth_step(way)[rows]
    old, new = (axis_angle_to_matrix(motion.poses[rows].astype(np.float64)) for motion in (base, made))
    turn = share[:, None, None] * matrix_to_axis_angle(np.swapaxes(old, -1, -2) @ new)
    poses, trans, expressions = made.poses.copy(), made.trans.copy(), made.expressions.copy()
    poses[rows] = matrix_to_axis_angle(old @ axis_angle_to_matrix(turn))
    for out, before in ((trans, base.trans), (expressions, base.expressions)):
        out[rows] = before[rows] + share[:, None] * (out[rows] - before[rows])
    return replace(made, poses=poses, trans=trans, expressions=expressions)


def only_parts(motion: Motion, parts: tuple[str, ...]) -> Motion:
    """The clip with the joints of other parts at the standing rest, as the default generator leaves them."""
    poses, trans, expressions = motion.poses.copy(), motion.trans, motion.expressions
    for part, joints in PART_JOINTS.items():
        if part not in parts:
            poses[:, joints] = 0.0
    if "root" not in parts:
        trans = np.zeros_like(trans)
        trans[:, 1] = default_skeleton().standing_height
    if "face" not in parts:
        expressions = np.zeros_like(expressions)
    return replace(motion, poses=poses, trans=trans, expressions=expressions)


def fitted(clip: Motion, fps: float, frames: int, offset: float = 0.0) -> Motion:
    """A clip that starts ``offset`` seconds into a take, on the take's ``frames`` frames at ``fps``, ends held.

    At the clip's own rate its frames come back to the bit.
    """
    shift = round(offset * fps)
    if abs(fps - clip.fps) > 1e-9 or abs(offset * fps - shift) > 1e-6:
        return clip.sampled(np.arange(frames) / fps - offset, fps)
    rows = np.clip(np.arange(frames) - shift, 0, clip.frames - 1)
    return replace(clip, poses=clip.poses[rows], trans=clip.trans[rows], expressions=clip.expressions[rows])
