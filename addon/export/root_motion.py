"""Where the pelvis' horizontal travel goes: onto the root bone, left on the pelvis, or nowhere. numpy only."""

from __future__ import annotations

import numpy as np

from ..rig.convert import Array


def move_root(matrices: Array, mode: str, root: int, pelvis: int, below: Array, rest: Array, up: Array) -> Array:
    """Pose matrices (T, bones, 4, 4), armature space, with the travel of ``pelvis`` put where ``mode`` says.

    ``root`` index of the root bone (-1: none, then ROOT is not possible); ``below`` (bones,) bool: bones that hang
    from the pelvis, itself included; ``rest`` (bones, 4, 4) rest matrices; ``up`` (3,) the floor's normal.

    ROOT: the root bone stands under the pelvis as it does at rest; every other bone keeps its place in the world.
    IN_PLACE: the root bone, the pelvis and all below it lose their horizontal travel.
    """
    out = matrices.copy()
    heads = out[..., :3, 3]
    floor = np.eye(3) - np.outer(up, up)
    if mode == "IN_PLACE":
        travel = (matrices[:, pelvis, :3, 3] - rest[pelvis, :3, 3]) @ floor
        heads[:, below] -= travel[:, None]
        if root >= 0:
            heads[:, root] -= (matrices[:, root, :3, 3] - rest[root, :3, 3]) @ floor
    elif mode == "ROOT":
        turned = matrices[:, root, :3, :3] @ rest[root, :3, :3].T
        stance = turned @ (rest[pelvis, :3, 3] - rest[root, :3, 3])
        wanted = matrices[:, pelvis, :3, 3] - stance
        heads[:, root] += (wanted - matrices[:, root, :3, 3]) @ floor
    return out
