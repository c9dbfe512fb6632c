"""The SMPL-X joint tree: names, parents, our rest positions, forward kinematics, mirroring.

Metres, Y up, facing +Z, the body's left is +X. Every joint frame is parallel to the model axes in the rest pose.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.body.rotations import axis_angle_to_matrix

ASSETS = Path(__file__).resolve().parents[2] / "assets"
JOINT_COUNT = 55  # SMPL-X's (docs/sources/smplx.md, section 1)

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A joint tree in SMPL-X order with its rest positions.

    ``rest`` is (55, 3) metres in model space (the pelvis lies about 0.35 m below the origin, as in SMPL-X).
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    mirror: tuple[int, ...]
    rest: Array
    toe_height: float

    def index(self, name: str) -> int:
        """Index of a joint by name; ValueError where there is none."""
        return self.names.index(name)

    @property
    def offsets(self) -> Array:
        """(55, 3) rest offset of every joint from its parent; the pelvis' is its rest position."""
        offsets = self.rest.copy()
        offsets[1:] -= self.rest[list(self.parents[1:])]
        return offsets

    @property
    def standing_height(self) -> float:
        """``trans`` y of the rest pose standing with its toe bases ``toe_height`` above the floor."""
        toes = self.rest[[self.index("left_foot"), self.index("right_foot")], 1]
        return float(self.toe_height - toes.min())

    def with_rest(self, rest: ArrayLike) -> Skeleton:
        """The same tree with other rest joints (55, 3), as a user's SMPL-X model brings them."""
        joints = np.asarray(rest, dtype=np.float64)
        if joints.shape != (JOINT_COUNT, 3):
            raise ValueError(f"rest joints must have shape (55, 3), got {joints.shape}")
        return Skeleton(self.names, self.parents, self.mirror, joints, self.toe_height)

    def forward(self, poses: ArrayLike, trans: ArrayLike) -> tuple[Array, Array]:
        """World joint positions (T, 55, 3) and orientations (T, 55, 3, 3).

        ``poses`` (T, 55, 3) local axis-angle, ``trans`` (T, 3) as SMPL-X ``transl``:
        p_0 = J_0 + t, p_j = p_parent + G_parent (J_j - J_parent).
        """
        return self.forward_matrices(axis_angle_to_matrix(poses), trans)

    def forward_matrices(self, local: ArrayLike, trans: ArrayLike) -> tuple[Array, Array]:
        """As :meth:`forward`, from local rotation matrices (T, 55, 3, 3)."""
        matrices = np.asarray(local, dtype=np.float64)
        offsets = self.offsets
        world = np.empty_like(matrices)
        points = np.empty((*matrices.shape[:2], 3))
        world[:, 0] = matrices[:, 0]
        points[:, 0] = offsets[0] + np.asarray(trans, dtype=np.float64)
        for joint in range(1, JOINT_COUNT):
            parent = self.parents[joint]
            world[:, joint] = world[:, parent] @ matrices[:, joint]
            points[:, joint] = points[:, parent] + world[:, parent] @ offsets[joint]
        return points, world


@cache
def default_skeleton() -> Skeleton:
    """Our own rest skeleton: SMPL-X's tree and proportions, symmetric (assets/skeleton.json)."""
    data = json.loads((ASSETS / "skeleton.json").read_text(encoding="utf-8"))
    return Skeleton(
        names=tuple(data["names"]),
        parents=tuple(data["parents"]),
        mirror=tuple(data["mirror"]),
        rest=np.array(data["rest_joints"], dtype=np.float64),
        toe_height=float(data["toe_height"]),
    )


def mirror_poses(poses: ArrayLike, trans: ArrayLike) -> tuple[Array, Array]:
    """Mirror (T, 55, 3) axis-angle and (T, 3) translation across the sagittal plane (x = 0)."""
    skeleton = default_skeleton()
    flipped = np.asarray(poses, dtype=np.float64)[:, list(skeleton.mirror)] * np.array([1.0, -1.0, -1.0])
    return flipped, np.asarray(trans, dtype=np.float64) * np.array([-1.0, 1.0, 1.0])
