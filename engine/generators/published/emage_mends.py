"""What is mended in EMAGE's motion on its way to a take, and for which body (docs/emage.md has the effects)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from engine.body.cleanup import foot_lock
from engine.body.joints import ANKLES, FIRST_FINGER, HIPS, KNEES, TOES
from engine.body.motion import Motion, hand_mean
from engine.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from engine.body.skeleton import Skeleton, default_skeleton
from engine.models.emage_motion import DecodedMotion
from engine.models.emage_windows import FRAME_RATE, MENDED, PUBLISHED, Cutting

Array = NDArray[np.float64]

RATE = float(FRAME_RATE)
LEG = (HIPS[0], KNEES[0], ANKLES[0])
CONTACT = 0.5  # 0..1, the network's word for a planted foot: more likely than not
ANCHOR_SECONDS = 0.2  # deviation of the low pass, by eye: sway of the body, not single frames


@dataclass(frozen=True)
class EmageOptions:
    """Which of the release's faults are mended; :meth:`published` mends none, for parity.

    ``resting_seed``: the line starts from a standing rest, not from a T-pose with arms spread (docs/sources/emage.md,
    Q5). ``cutting``: no lost tail (Q9), no drift of the speech against the motion (Q4), windows faded into each other.
    ``floor``: the soles are brought to the floor; the network's height is that of its training data's bodies.
    ``anchor``: the root does not drift away over planted feet; the network sums up velocities, and so their errors.
    ``lock_feet``: planted feet, by the network's own contacts, stand still.
    ``clean_speech``: the network hears the line as the rest of the engine does, without offset and clipping; else as
    librosa loads the file.
    """

    resting_seed: bool = True
    cutting: Cutting = MENDED
    floor: bool = True
    anchor: bool = True
    lock_feet: bool = True
    clean_speech: bool = True

    @staticmethod
    def published() -> EmageOptions:
        """The release to the letter."""
        return EmageOptions(
            resting_seed=False, cutting=PUBLISHED, floor=False, anchor=False, lock_feet=False, clean_speech=False
        )


@dataclass(frozen=True)
class Proportions:
    """Root translation (T, 3) of our skeleton against that of a rig with legs of its own: steps and sway by the legs'
    length, height by where the rig stands. The add-on fits whole takes in the same way (addon/takes/proportions.py).
    """

    scale: float
    lift: float

    @staticmethod
    def of(skeleton: Skeleton) -> Proportions:
        """The rig's proportions; our own skeleton's change nothing."""
        ours = default_skeleton()
        scale = _leg(skeleton) / _leg(ours)
        return Proportions(scale, skeleton.standing_height - scale * ours.standing_height)

    def to_rig(self, trans: ArrayLike) -> Array:
        """From our skeleton to the rig."""
        out = self.scale * np.asarray(trans, dtype=np.float64)
        out[..., 1] += self.lift
        return out

    def to_ours(self, trans: ArrayLike) -> Array:
        """From the rig to our skeleton."""
        out = np.array(trans, dtype=np.float64)
        out[..., 1] -= self.lift
        return np.asarray(out / self.scale, dtype=np.float64)


def _leg(skeleton: Skeleton) -> float:
    return float(sum(np.linalg.norm(skeleton.rest[low] - skeleton.rest[high]) for high, low in pairwise(LEG)))


def mended(found: DecodedMotion, trans: Array, skeleton: Skeleton, options: EmageOptions, in_place: bool) -> Motion:
    """The network's motion, with its root ``trans`` (T, 3) in our proportions, on ``skeleton``: 30 frames a second.

    ``in_place``: the pelvis stays over its first place, and both feet where they stand on the average.
    """
    poses = found.axis_angle[0].cpu().numpy().astype(np.float64)
    poses[:, FIRST_FINGER:] += hand_mean()
    place = Proportions.of(skeleton).to_rig(trans)
    if in_place:
        place[:, [0, 2]] = place[:1, [0, 2]]
    if options.anchor or options.lock_feet or options.floor:
        local = axis_angle_to_matrix(poses)
        planted = planted_by(found.lower[0, :, -4:].cpu().numpy())
        if options.anchor and not in_place:
            place = anchored(local, place, planted, skeleton)
        if options.lock_feet:
            local, place = foot_lock(local, place, RATE, skeleton, None if in_place else planted)
            poses = matrix_to_axis_angle(local)
        if options.floor:
            points, _ = skeleton.forward_matrices(local, place)
            place[:, 1] += skeleton.toe_height - float(np.median(points[:, list(TOES), 1].min(axis=1)))
    return Motion(
        poses=poses.astype(np.float32),
        trans=place.astype(np.float32),
        fps=RATE,
        expressions=found.expression[0].cpu().numpy(),
    )


def planted_by(contacts: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(T, 2) left and right foot, from the network's contacts (T, 4) of both ankles, then both toe bases."""
    flags = contacts > CONTACT
    return filled_contacts(flags[:, :2] | flags[:, 2:])


def anchored(local: Array, trans: Array, planted: NDArray[np.bool_], skeleton: Skeleton) -> Array:
    """The root (T, 3) without the drift that planted feet (T, 2) would make with it, metres.

    What the planted feet slide on the floor, on their average, is taken off the root, low-passed: the legs take up the
    rest when the feet are locked. While no foot stands the root goes as it did.
    """
    points, _ = skeleton.forward_matrices(local, trans)
    ankles = points[:, list(ANKLES)][..., [0, 2]]
    both = (planted[1:] & planted[:-1])[..., None]
    slide = (np.diff(ankles, axis=0) * both).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(slide, axis=0)])
    reach = min(len(path) - 1, round(4.0 * ANCHOR_SECONDS * RATE))
    longer = np.pad(path, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")  # a drift goes on at the ends
    smooth = gaussian_filter1d(longer, ANCHOR_SECONDS * RATE, axis=0)[reach : reach + len(path)]
    out = trans.copy()
    out[:, [0, 2]] -= smooth - smooth[0]
    return out


def filled_contacts(contacts: NDArray[np.bool_], gap: int = 3) -> NDArray[np.bool_]:
    """Contacts (T, 2) without gaps and flickers of up to ``gap`` frames."""
    out = contacts.copy()
    for side in (0, 1):
        for value in (False, True):
            edges = np.flatnonzero(np.diff(np.concatenate([[not value], out[:, side], [not value]]).astype(int)))
            for begin, end in zip(edges[::2], edges[1::2], strict=False):
                if end - begin <= gap and begin > 0 and end < len(out):
                    out[begin:end, side] = not value
    return out
