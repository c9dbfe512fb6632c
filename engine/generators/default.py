"""The default generator: plan -> body life -> learned gestures -> cleanup -> planted feet, and the face beside it.

It works in continuous time and is evaluated on the output's frames directly; it needs no weights from anyone.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.body.cleanup import clean
from engine.body.joints import PART_JOINTS
from engine.body.motion import Motion, frame_count
from engine.body.rotations import matrix_to_axis_angle
from engine.body.skeleton import ASSETS, default_skeleton
from engine.generators.abilities import DEFAULT
from engine.generators.base import Progress, Request
from engine.generators.face import perform_face
from engine.generators.gestures.perform import perform
from engine.generators.life.body import aim_eyes, base_motion
from engine.models.phase_gesture import GestureModel

if TYPE_CHECKING:
    from engine.hints.types import Hints

BUNDLED_WEIGHTS = ASSETS / "weights" / "default.safetensors"


class DefaultGenerator:
    """Generates from the plan alone, with the realiser's weights; the same request gives the same bytes."""

    abilities = DEFAULT

    def __init__(self, model: GestureModel, weights_hash: str) -> None:
        self.model = model
        self._weights_hash = weights_hash

    @staticmethod
    def bundled() -> DefaultGenerator:
        """With the weights that come with Cospeech."""
        return DefaultGenerator.from_file(BUNDLED_WEIGHTS)

    @staticmethod
    def from_file(weights: Path) -> DefaultGenerator:
        """With weights from ``engine train default``."""
        model = GestureModel.load(weights)
        return DefaultGenerator(model, hashlib.sha256(weights.read_bytes()).hexdigest()[:16])

    def generate(self, request: Request, progress: Progress) -> Motion:
        """The motion of the request; joints of parts not asked for stay at the standing rest, or as the base has them.

        With hints only their window is made anew, and the pins hold in what comes back.
        """
        if request.hints is not None:
            return self._regenerate(request, request.hints, progress)
        options, plan, skeleton = request.options, request.plan, default_skeleton()
        frames = frame_count(request.speech.seconds, options.fps)
        times = np.arange(frames) / options.fps
        progress("body", 0.0)
        local, trans = base_motion(plan, times, options.seed, options.in_place)
        progress("body", 0.3)
        local = perform(local, plan.phrases, times, options.seed, options.style, self.model, plan.accents)
        progress("body", 0.7)
        local, trans = clean(local, trans, options.fps, skeleton)
        local = aim_eyes(local, plan, times, options.seed, trans)  # gestures and cleanup turned the head
        progress("face", 0.0)
        shapes = None
        if "face" in options.parts:
            shapes = perform_face(request, plan, times, local)
        progress("write", 0.0)
        poses = matrix_to_axis_angle(local)
        for part, joints in PART_JOINTS.items():
            if part not in options.parts:
                poses[:, joints] = 0.0
        if "root" not in options.parts:
            trans = np.broadcast_to([0.0, skeleton.standing_height, 0.0], trans.shape)
        return Motion(
            poses=poses.astype(np.float32),
            trans=trans.astype(np.float32),
            fps=options.fps,
            blendshapes=shapes,
            provenance={"weights": self._weights_hash},
        )

    def _regenerate(self, request: Request, hints: Hints, progress: Progress) -> Motion:
        from engine.generators.window import make_window
        from engine.hints import satisfy

        hints = for_parts(hints, request.options.parts)
        made = make_window(request, hints, self.model, progress)
        progress("pins", 0.0)
        motion = satisfy(replace(made, provenance={"weights": self._weights_hash}), hints)
        return replace(motion, plan=made.plan)


def for_parts(hints: Hints, parts: tuple[str, ...]) -> Hints:
    """The hints with the channels of other body parts closed."""
    open_joints = np.zeros(len(hints.free_joints), np.bool_)
    for part in parts:
        open_joints[list(PART_JOINTS[part])] = True
    return replace(
        hints,
        free_joints=hints.free_joints & open_joints,
        free_trans=hints.free_trans and "root" in parts,
        free_face=hints.free_face and "face" in parts,
    )
