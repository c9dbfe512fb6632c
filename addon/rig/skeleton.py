"""The SMPL-X joint tree as the add-on sees it, from assets/skeleton.json. No bpy.

Positions are metres in model space: Y up, facing +Z, the body's left is +X.
"""

from __future__ import annotations

import numpy as np

from ..paths import asset_table

_TABLE = asset_table("skeleton.json")

JOINTS: tuple[str, ...] = tuple(_TABLE["names"])
PARENTS: tuple[int, ...] = tuple(_TABLE["parents"])
REST = np.array(_TABLE["rest_joints"], dtype=np.float64)
TOE_HEIGHT = float(_TABLE["toe_height"])
# SMPL-X's joint numbers (docs/sources/smplx.md, section 1).
PELVIS, JAW, LEFT_EYE, RIGHT_EYE = 0, 22, 23, 24
LEFT_HAND, RIGHT_HAND = range(25, 40), range(40, 55)
TOES = (10, 11)

# Turning and moving the pelvis moves the whole body, so it is "root"; "lower" is what hangs below it.
PART_JOINTS: dict[str, tuple[int, ...]] = {
    "face": (JAW, LEFT_EYE, RIGHT_EYE),
    "hands": (*LEFT_HAND, *RIGHT_HAND),
    "upper": (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    "lower": (1, 2, 4, 5, 7, 8, 10, 11),
    "root": (PELVIS,),
}
PARTS: tuple[str, ...] = tuple(PART_JOINTS)


def standing_height(rest: np.ndarray) -> float:
    """``trans`` y at which rest joints (55, 3) stand with their toe bases TOE_HEIGHT above the floor."""
    return float(TOE_HEIGHT - rest[list(TOES), 1].min())
