"""Joints and groups of joints by their SMPL-X index: the one table of them. Pairs are left, then right."""

from __future__ import annotations

SIDES = ("left", "right")

# SMPL-X's numbers (docs/sources/smplx.md, section 1): trunk, head and face.
PELVIS = 0
SPINE = (3, 6, 9)
CHEST = 9  # the upper one of the spine
TRUNK = (PELVIS, *SPINE)
NECK, HEAD = 12, 15
JAW = 22
EYES = (23, 24)
LOOKING = (NECK, HEAD, *EYES)
FACE_JOINTS = (JAW, *EYES)

# Legs.
HIPS, KNEES, ANKLES, TOES = (1, 2), (4, 5), (7, 8), (10, 11)  # toes: the toe base
LEG_JOINTS = (*HIPS, *KNEES, *ANKLES, *TOES)
FOOT_JOINTS = (*ANKLES, *TOES)
FEET = ((7, 10), (8, 11))  # ankle and toe base

# Arms.
COLLARS, SHOULDERS, ELBOWS, WRISTS = (13, 14), (16, 17), (18, 19), (20, 21)
ARMS = ((16, 18, 20), (17, 19, 21))  # shoulder, elbow, wrist
COLLARED_ARMS = ((13, 16, 18, 20), (14, 17, 19, 21))  # collar, shoulder, elbow, wrist
BOTH_ARMS = (*SHOULDERS, *ELBOWS, *WRISTS)

# Hands.
FIRST_FINGER = 25  # from here to the end: 15 joints of the left hand, 15 of the right
HANDS = (tuple(range(25, 40)), tuple(range(40, 55)))  # index, middle, little, ring, thumb; each from its root on
FINGERS = (*HANDS[0], *HANDS[1])
ARMS_WITH_HANDS = ((*ARMS[0], *HANDS[0]), (*ARMS[1], *HANDS[1]))

# What a part of the body is, in options and hints.
PART_JOINTS: dict[str, tuple[int, ...]] = {
    "face": FACE_JOINTS,
    "hands": FINGERS,
    "upper": (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    "lower": (1, 2, 4, 5, 7, 8, 10, 11),
    "root": (PELVIS,),
}
