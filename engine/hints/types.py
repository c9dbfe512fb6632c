"""Hints: one way to say what must be true, for animator, planner and models (docs/sources/contracts.md, section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import ANKLES, HEAD, WRISTS
from engine.body.motion import Motion, arkit_names
from engine.body.skeleton import JOINT_COUNT, Skeleton, default_skeleton
from engine.errors import CospeechError

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

SUPPORT_SECONDS = 1.0  # a correction's end from its pin (docs/sources/contracts.md, section 2)
TOLERANCE_M = 0.0005  # of a target, p95 (docs/sources/editing.md, section 3)
REACHING = (*ANKLES, HEAD, *WRISTS)  # ankles and wrists by two-bone IK, the head by look-at


class HintsError(CospeechError):
    """Hints that can't be read, or do not fit the take; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class Target:
    """Where a joint shall be on a frame of the take.

    ``joint`` is an SMPL-X joint index, one of REACHING; ``xyz`` world metres, Y up: the joint's own position for wrists
    and ankles, the point to look at for the head. ``tolerance_m`` is how near is near enough.
    """

    joint: int
    frame: int
    xyz: tuple[float, float, float]
    tolerance_m: float = TOLERANCE_M


@dataclass(frozen=True, eq=False)
class Hints:
    """What is fixed in a take of T frames, and where it may change.

    ``base`` is the whole take as it stands: outside ``window`` (first, end; end exclusive) it comes back byte for byte.
    ``rotations`` (T, 55, 3) local axis-angle where ``rotation_mask`` (T, 55) is True; ``trans`` (T, 3) where
    ``trans_mask`` (T,); ``blendshapes`` (T, 52) where ``blendshape_mask`` (T, 52). ``targets`` as :class:`Target`.

    ``free_joints`` (55,), ``free_trans`` and ``free_face`` say which channels may change inside the window at all; the
    others come back as the base has them. ``rest`` (55, 3) are the rest joints of the rig that performs, metres in
    model space, None for our own skeleton: base and result are in its proportions. ``support_seconds`` is how far a
    pin's correction reaches at most. Wrong shapes and ranges raise HintsError.
    """

    base: Motion
    window: tuple[int, int] = (0, -1)
    rotations: Floats = field(default_factory=lambda: np.zeros((0, JOINT_COUNT, 3), np.float32))
    rotation_mask: Flags = field(default_factory=lambda: np.zeros((0, JOINT_COUNT), np.bool_))
    trans: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    trans_mask: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    blendshapes: Floats = field(default_factory=lambda: np.zeros((0, 52), np.float32))
    blendshape_mask: Flags = field(default_factory=lambda: np.zeros((0, 52), np.bool_))
    targets: tuple[Target, ...] = ()
    free_joints: Flags = field(default_factory=lambda: np.ones(JOINT_COUNT, np.bool_))
    free_trans: bool = True
    free_face: bool = True
    rest: NDArray[np.float64] | None = None
    support_seconds: float = SUPPORT_SECONDS

    def __post_init__(self) -> None:
        frames, shapes = self.base.frames, len(arkit_names())
        first, end = self.window if self.window[1] >= 0 else (self.window[0], frames)
        if not 0 <= first < end <= frames:
            raise HintsError(f"The edit window {first}..{end} is not inside the take's {frames} frames; choose another")
        put = object.__setattr__
        put(self, "window", (int(first), int(end)))
        for name, width in (("rotations", (JOINT_COUNT, 3)), ("trans", (3,)), ("blendshapes", (shapes,))):
            mask = {"rotations": "rotation_mask", "trans": "trans_mask", "blendshapes": "blendshape_mask"}[name]
            values = _full(getattr(self, name), (frames, *width), np.float32, name)
            flags = _full(getattr(self, mask), (frames, *width[: len(width) - (name != "blendshapes")]), np.bool_, mask)
            if not np.isfinite(values[flags]).all():
                raise HintsError(f"The hints' {name} hold values that are not numbers; pin those poses again")
            put(self, name, values)
            put(self, mask, flags)
        put(self, "free_joints", _full(self.free_joints, (JOINT_COUNT,), np.bool_, "free_joints"))
        if self.rest is not None:
            put(self, "rest", _full(self.rest, (JOINT_COUNT, 3), np.float64, "rest"))
        if not 0.05 <= self.support_seconds <= 10.0:
            raise HintsError(f"A pin's reach is {self.support_seconds:g} s; choose a value from 0.05 to 10 s")
        for target in self.targets:
            if target.joint not in REACHING:
                raise HintsError(f"Joint {target.joint} can't have a target; choose a wrist, an ankle or the head")
            if not 0 <= target.frame < frames:
                raise HintsError(f"A target lies on frame {target.frame}, outside the take's {frames} frames; move it")
            if not np.isfinite(target.xyz).all() or not target.tolerance_m > 0.0:
                raise HintsError(f"The target on frame {target.frame} is not a place; set it again")

    @property
    def frames(self) -> int:
        """Number of frames T of the take."""
        return self.base.frames

    @property
    def fps(self) -> float:
        """The take's frame rate."""
        return self.base.fps

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton that performs."""
        return default_skeleton() if self.rest is None else default_skeleton().with_rest(self.rest)


def _full(values: object, shape: tuple[int, ...], dtype: type, name: str) -> NDArray[np.generic]:
    """The array in its shape; one of no rows stands for "none given"."""
    array = np.asarray(values)
    if array.shape[:1] == (0,) and shape[0] > 0:
        return np.zeros(shape, dtype)
    if array.shape != shape:
        raise HintsError(f"The hints' {name} has shape {array.shape}, expected {shape}; make the hints for this take")
    return array.astype(dtype)
