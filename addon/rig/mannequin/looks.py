"""How a mannequin looks: colours and girth by name (assets/mannequin/looks.json). Numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...paths import asset_table
from ..skeleton import JOINTS
from .data import Mannequin, along_bones, bone_ends

PLAIN = "plain"
# Heads, hands and feet are as thick in everybody.
NOT_THICKER = ("neck", "head", "jaw", "eye", "wrist", "thumb", "index", "middle", "ring", "pinky", "ankle", "foot")


@dataclass(frozen=True)
class Look:
    """A name for the user, sRGB colours by material instead of the plain ones, thickness of trunk and limbs."""

    label: str
    girth: float
    colours: dict[str, tuple[float, float, float]]


def looks() -> dict[str, Look]:
    """All looks by name, the plain one first."""
    return {
        name: Look(row["label"], float(row["girth"]), {key: tuple(rgb) for key, rgb in row["colours"].items()})
        for name, row in asset_table("mannequin/looks.json")["looks"].items()
    }


def thick(figure: Mannequin, girth: float) -> Mannequin:
    """The figure with trunk and limbs ``girth`` times as thick about their bones; joints and face stay."""
    if girth == 1.0:
        return figure
    ends = bone_ends()
    points = figure.points.astype(np.float64)
    start, way = figure.rest[figure.bones], (figure.rest[ends] - figure.rest)[figure.bones]
    away = points[:, None] - start - along_bones(points, start, way) * way
    fixed = np.array([any(part in name for part in NOT_THICKER) for name in JOINTS])
    share = np.where(fixed[figure.bones], 0.0, figure.shares)[..., None]
    return replace(figure, points=(points + (girth - 1.0) * (share * away).sum(1)).astype(np.float32))
