"""All that is fixed in a character's take, pins and targets together, as the tests of pins look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from addon.pins.collect import search_pins
from addon.pins.targets import sample_targets
from addon.rig.recognise import recognise
from addon.takes.span import TakeSpan

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Collected:
    """What must stay in a take of T frames.

    ``rotation_mask`` (T, 55), ``trans_mask`` (T,) and ``blendshape_mask`` (T, 52) are the fixed channels; their values
    are those of the take as it stands. ``targets`` as in the hints file: joint, frame, xyz, tolerance_m. ``kept``:
    (owner, data path, array index) -> scene frames (n,), sorted, whose keys must not be touched; the owner is
    "ARMATURE" or the name of the shape-key data. ``pinned`` and ``edited`` count poses: a bone, or a shape, on a frame;
    ``target_count`` the targets that are on. ``notes`` are sentences on what could not be used.
    """

    rotation_mask: Flags
    trans_mask: Flags
    blendshape_mask: Flags
    targets: tuple[dict[str, Any], ...] = ()
    kept: dict[tuple[str, str, int], NDArray[np.float64]] = field(default_factory=dict)
    pinned: int = 0
    edited: int = 0
    target_count: int = 0
    notes: tuple[str, ...] = ()


def collect(context: bpy.types.Context, armature: bpy.types.Object, span: TakeSpan) -> Collected:
    """What the animator fixed in the take ``span``, the character's active one.

    One pinned or edited channel of a bone at a frame fixes all its rotation channels there; a key between two frames
    fixes the nearer one, and is kept itself. Keys outside the take fix nothing. A take without a reference has pins
    only. RigError says why an armature can't be read.
    """
    rig = recognise(armature)
    search = search_pins(armature, rig, span)
    targets = sample_targets(context, armature, rig, span)
    notes = (*search.notes(), *targets.notes)
    return Collected(
        rotation_mask=search.rotation_mask,
        trans_mask=search.trans_mask,
        blendshape_mask=search.blendshape_mask,
        targets=targets.entries,
        kept=search.kept,
        pinned=len(search.pinned),
        edited=len(search.edited - search.pinned),
        target_count=targets.count,
        notes=notes,
    )
