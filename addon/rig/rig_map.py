"""RigMap: how an armature's bones stand for the SMPL-X joints, and the conversion of whole clips. No bpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .convert import (
    Array,
    bone_axes,
    continuous,
    matrix_to_quaternion,
    quaternion_to_axis_angle,
    turn_axes,
)
from .skeleton import PARENTS, PELVIS


class RigError(Exception):
    """The armature can't perform; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True, eq=False)
class RigMap:
    """An armature that performs SMPL-X motion.

    ``bones`` (55) bone names, "" where the rig lacks an optional joint (jaw, eyes); ``root_bone`` the bone above the
    pelvis, or ""; ``rest`` (55, 3) the rig's own rest joints in SMPL-X model space, metres; ``basis`` (55, 3, 3) B_j;
    ``pelvis_head`` (3,) h0 in armature space; ``axes`` (3, 3) C_a; ``unit`` armature units a metre; ``lift`` how high
    the object itself was put, metres, to bring the rest pose's feet to the floor.
    """

    bones: tuple[str, ...]
    root_bone: str
    rest: Array
    basis: Array
    pelvis_head: Array
    axes: Array
    unit: float
    lift: float = 0.0

    @cached_property
    def present(self) -> tuple[int, ...]:
        """The joints that have a bone."""
        return tuple(joint for joint, bone in enumerate(self.bones) if bone)

    @cached_property
    def turn(self) -> Array:
        """K_j (55, 3, 3): a bone's axes for SMPL-X axes."""
        return bone_axes(self.basis, self.axes)

    def bone_quaternions(self, quaternions: ArrayLike) -> Array:
        """SMPL-X local rotations (T, 55, 4) -> pose-bone rotations (T, 55, 4), continuous along time."""
        return continuous(turn_axes(self.turn, quaternions))

    def pelvis_location(self, trans: ArrayLike) -> Array:
        """``trans`` (T, 3) metres -> pose-bone location (T, 3): B0^T (C (J0 + t) - h0)."""
        target = (self.rest[PELVIS] + np.asarray(trans, dtype=np.float64)) @ self.axes.T * self.unit
        return (target - self.pelvis_head) @ self.basis[PELVIS]

    def poses_from_bones(self, quaternions: ArrayLike) -> Array:
        """Inverse of :meth:`bone_quaternions`: pose-bone quaternions (T, 55, 4) -> axis-angle (T, 55, 3)."""
        return quaternion_to_axis_angle(turn_axes(np.swapaxes(self.turn, -1, -2), quaternions))

    def trans_from_location(self, location: ArrayLike) -> Array:
        """Inverse of :meth:`pelvis_location`."""
        target = np.asarray(location, dtype=np.float64) @ self.basis[PELVIS].T + self.pelvis_head
        return target / self.unit @ self.axes - self.rest[PELVIS]

    def poses_from_matrices(self, rotations: ArrayLike) -> Array:
        """Armature-space pose rotations (T, 55, 3, 3) of the bones -> local axis-angle (T, 55, 3).

        G_j = C^T (M_j B_j^T) C, R_j = G_parent^T G_j; joints without a bone stay at rest.
        """
        pose = np.asarray(rotations, dtype=np.float64)
        world = self.axes.T @ (pose @ np.swapaxes(self.basis, -1, -2)) @ self.axes
        parents = list(PARENTS)
        above = world[:, parents]
        above[:, PELVIS] = np.eye(3)
        local = np.swapaxes(above, -1, -2) @ world
        poses = quaternion_to_axis_angle(matrix_to_quaternion(local))
        absent = [joint for joint, bone in enumerate(self.bones) if not bone]
        poses[:, absent] = 0.0
        return poses

    def trans_from_heads(self, heads: ArrayLike) -> Array:
        """Armature-space pelvis positions (T, 3) -> ``trans`` (T, 3)."""
        return np.asarray(heads, dtype=np.float64) / self.unit @ self.axes - self.rest[PELVIS]
