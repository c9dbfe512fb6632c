"""Our motion on a rig with a body of its own: the pelvis goes and stands as its legs allow."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..client.take_file import Take
from ..rig.convert import Array
from ..rig.rig_map import RigMap
from ..rig.skeleton import REST, standing_height

SAME_BODY = 1e-4  # m, by eye
LEG = (1, 4, 7)  # SMPL-X joints: hip, knee, ankle


def own_rest(rig: RigMap) -> Array | None:
    """The rig's rest joints (55, 3) where they are not those of our own skeleton."""
    return rig.rest if np.abs(rig.rest - REST).max() > SAME_BODY else None


def fitted(take: Take, rig: RigMap) -> Take:
    """A take made for our skeleton, on the rig: standing height by its legs, steps and sway by their length."""
    rest = own_rest(rig)
    if rest is None:
        return take
    scale = _leg_length(rest) / _leg_length(REST)
    trans = scale * take.trans.astype(np.float64)
    trans[:, 1] += standing_height(rest) - scale * standing_height(REST)
    return replace(take, trans=trans.astype(np.float32))


def _leg_length(rest: Array) -> float:
    return float(sum(np.linalg.norm(rest[b] - rest[a]) for a, b in pairwise(LEG)))
