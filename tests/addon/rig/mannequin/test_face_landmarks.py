"""The landmarks that other faces copy are those of the mannequin as it is."""

from __future__ import annotations

import numpy as np

from addon.paths import root
from addon.rig.mannequin.data import load, names_of_shapes
from addon.rig.mannequin.landmarks import FILE, make
from addon.rig.mannequin.mesh import FLIP

# each landmark's partner on the other side, in SMPL-X's order
PARTNER = [
    9,
    8,
    7,
    6,
    5,
    4,
    3,
    2,
    1,
    0,
    10,
    11,
    12,
    13,
    18,
    17,
    16,
    15,
    14,
    28,
    27,
    26,
    25,
    30,
    29,
    22,
    21,
    20,
    19,
    24,
    23,
]
PARTNER += [37, 36, 35, 34, 33, 32, 31, 42, 41, 40, 39, 38, 47, 46, 45, 44, 43, 50, 49, 48]


def test_the_file_is_what_the_mannequin_gives():
    made = make(load())
    with np.load(root() / "assets" / FILE, allow_pickle=False) as stored:
        assert set(stored.files) == set(made)
        for name, values in made.items():
            np.testing.assert_array_equal(stored[name], values, err_msg=name)


def test_landmarks_are_a_face_and_alike_on_both_sides():
    made = make(load())
    rest, moves = made["rest"], dict(zip(names_of_shapes(), made["moves"], strict=True))
    np.testing.assert_allclose(rest[PARTNER] * FLIP, rest, atol=5e-6)
    assert rest[:10, 1].min() > rest[19:31, 1].max() > rest[13, 1] > rest[14:19, 1].max() > rest[31:, 1].max()
    assert rest[13, 2] == rest[:, 2].max()
    np.testing.assert_allclose(moves["mouthSmileLeft"][PARTNER] * FLIP, moves["mouthSmileRight"], atol=1e-5)
    both = moves["jawOpen"] + moves["mouthClose"]
    np.testing.assert_allclose(both[[44, 45, 46]], both[[50, 49, 48]], atol=1e-4)
    assert np.abs(moves["eyeBlinkLeft"][25:31]).max() > 0.004
    assert np.abs(moves["browInnerUp"][[4, 5], 1]).min() > 0.004
