"""How many keys a take has, and what Simplify said of them."""

from __future__ import annotations

import bpy

from .. import compat

SIMPLIFIED_KEY = "cospeech_simplified"


def key_count(action: bpy.types.Action) -> int:
    """All keys of an Action; cheap enough for every redraw."""
    bags = (compat.slot_channels(action, slot) for slot in action.slots)
    return sum(len(curve.keyframe_points) for bag in bags if bag is not None for curve in bag.fcurves)


def note_simplified(action: bpy.types.Action, text: str) -> None:
    """Keep what Simplify said, for the panel."""
    action[SIMPLIFIED_KEY] = {"text": text, "keys": key_count(action)}


def keys_text(action: bpy.types.Action) -> str:
    """What Simplify said, while the take has the keys that it left; else how many keys there are."""
    count, noted = key_count(action), action.get(SIMPLIFIED_KEY)
    if noted is not None and noted.get("keys") == count:
        return str(noted.get("text", ""))
    return f"{count:,} keys"
