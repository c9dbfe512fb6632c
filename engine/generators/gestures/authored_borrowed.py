"""What key poses can't say of a gesture is borrowed from a recorded one with as many hands that go to a place near by.

Beside recorded gestures an authored one gave itself away by its still trunk, and by arms that go their ways too
cleanly. So spine, neck and head go as the recording's did; and arms and fingers leave the way between their keys as the
recorded ones left the way between theirs. At the apex and at the end of the hold they are as they were written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.body.joints import CHEST, WRISTS
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import default_skeleton
from engine.generators.gestures.authored_track import eased
from engine.generators.life.postures import spine_rest
from engine.models.phase_gesture import (
    BEAT_CLASSES,
    MODEL_JOINTS,
    TORSO,
    VARIATIONS,
    GestureSource,
    Landmarks,
    Recipe,
)

Array = NDArray[np.float64]

# Places in the model's joints; by eye from KINDRED on: shares, where no other unit is named.
FIRST_ARM = len(TORSO)  # of MODEL_JOINTS, the left one's shoulder
UPPER = 5  # of TORSO: spine 1 to 3, neck, head
KINDRED = 6  # recordings that come into question
# A hand that has come to the head, or lies on the other one, keeps its place: neck and head move less.
TOUCHED = np.array([1.3, 1.3, 1.3, 0.3, 0.3])
# Performing takes half of a recorded head, and authored arms are tidier than recorded ones: beside them a trunk that is
# borrowed only whole looks still.
FREE = np.array([1.45, 1.45, 1.45, 1.45, 1.6])
# Of what recorded arms do beside their keys, for a hand that touches; and how far it may turn a joint (soft, rad).
TOUCHED_LOOSE, DETAIL_MOST = 0.35, np.radians(16.0)
LEAST_SHARE, MOST_SHARE = 0.75, 1.2  # by size, own over recorded


@dataclass(frozen=True, eq=False)
class Borrowed:
    """What recording ``recipe`` lends to a gesture with landmarks ``mine``, on its times: ``share`` (5,) of the trunk,
    ``loose`` of what its arms do beside their keys."""

    source: GestureSource
    recipe: Recipe
    mine: Landmarks
    share: Array
    loose: float

    def turns(self, seconds: Array) -> tuple[Array, Array]:
        """At clip times (n,): rotation vectors (n, 5, 3) of spine, neck and head beside the upright pose, and turns
        (n, 36, 3, 3) to be laid over both arms and their fingers."""
        marks = self.source.landmarks(self.recipe)
        at = np.concatenate([[marks.start, marks.apex0, marks.apex1, marks.end], self.mine.warped(seconds, marks)])
        own = self.source.decode(self.recipe, at)
        trunk = np.swapaxes(own[:1, :UPPER], -1, -2) @ own[4:, :UPPER]
        arms = self._beside(own[:4, FIRST_ARM:], own[4:, FIRST_ARM:], seconds)
        return matrix_to_axis_angle(trunk) * self.share[:, None], arms

    def _beside(self, keys: Array, moving: Array, seconds: Array) -> Array:
        """(n, 36, 3, 3) what recorded arms do beside going smoothly from rest to the apex, to the end of the hold and
        back: ``keys`` (4, 36, 3, 3) are those four poses."""
        mine, smooth = self.mine, np.repeat(keys[:1], len(seconds), axis=0)
        ways = ((mine.start, mine.apex0), (mine.apex0, mine.apex1), (mine.apex1, mine.end))
        for number, (begin, end) in enumerate(ways):
            step = matrix_to_axis_angle(np.swapaxes(keys[number], -1, -2) @ keys[number + 1])
            part = eased((seconds - begin) / max(end - begin, 0.05))
            smooth = smooth @ axis_angle_to_matrix(part[:, None, None] * step)
        beside = matrix_to_axis_angle(np.swapaxes(smooth, -1, -2) @ moving)
        size = np.linalg.norm(beside, axis=-1, keepdims=True) / DETAIL_MOST
        return axis_angle_to_matrix(self.loose * beside * np.tanh(size) / np.maximum(size, 1e-9))


def borrow(
    source: GestureSource, hands: str, apex: Array, mine: Landmarks, excursion: float, touch: bool, noise: Array
) -> Borrowed:
    """One of the recordings nearest to ``apex`` (43, 3, 3), the rotations at a gesture's apex; ``noise`` draws it."""
    clips, places = _recorded(source, hands)  # type: ignore[arg-type]  # any object is hashable
    used = slice(0, 2) if hands == "both" else slice(1, 2)
    away = np.linalg.norm(places[:, used] - _wrists(apex[None])[0, used], axis=-1).sum(axis=1)
    near = np.argsort(away, kind="stable")[:KINDRED]
    rng = np.random.default_rng(np.frombuffer(np.ascontiguousarray(noise, dtype=np.float64).tobytes(), dtype=np.uint32))
    clip = clips[int(near[int(rng.integers(len(near))) if noise.any() else 0])]
    size = float(np.clip(excursion / max(source.clips[clip].excursion, 0.05), LEAST_SHARE, MOST_SHARE))
    share = size * (TOUCHED if touch else FREE)
    recipe = Recipe(clip, clip, 0.0, np.zeros(VARIATIONS), 0.0)
    return Borrowed(source, recipe, mine, share, TOUCHED_LOOSE if touch else 1.0)


@lru_cache(maxsize=4)
def _recorded(source: GestureSource, hands: str) -> tuple[list[int], Array]:
    """The recordings of gestures with meaning and as many hands, and their wrists at the apex (n, 2, 3)."""
    clips = [i for i, clip in enumerate(source.clips) if clip.gclass not in BEAT_CLASSES and clip.hands == hands]
    poses = []
    for clip in clips:
        recipe = Recipe(clip, clip, 0.0, np.zeros(VARIATIONS), 0.0)
        poses.append(source.decode(recipe, np.array([source.landmarks(recipe).apex0]))[0])
    return clips, _wrists(np.array(poses))


def _wrists(rotations: Array) -> Array:
    """(n, 2, 3) left and right wrist from the chest in its frame, metres, for rotations (n, 43, 3, 3)."""
    skeleton = default_skeleton()
    local = np.repeat(axis_angle_to_matrix(spine_rest())[None], len(rotations), axis=0)
    local[:, list(MODEL_JOINTS)] = rotations
    points, world = skeleton.forward_matrices(local, np.zeros((len(rotations), 3)))
    return np.asarray((points[:, list(WRISTS)] - points[:, CHEST, None]) @ world[:, CHEST])
