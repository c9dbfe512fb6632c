"""Which scene frames a take covers: what its Action says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import bpy

from ..client.provenance import Provenance, TakeMeta
from ..scene import scene_rate
from .apply import META_KEY, parse_meta, take_meta
from .stack import shown_reason

SAME_RATE = 1e-4  # share of a rate, by eye


class SpanError(Exception):
    """The active Action is not a take that can be worked on; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class TakeSpan:
    """A take on the time line: Motion frame i is scene frame ``start + i``; ``frames`` of them at ``fps``.

    ``meta`` is what the Action says of itself.
    """

    action: bpy.types.Action
    start: int
    frames: int
    fps: float
    meta: TakeMeta

    @property
    def end(self) -> int:
        """The scene frame after the last one."""
        return self.start + self.frames

    def index(self, scene_frame: float) -> int:
        """Take frame of a scene frame, not clamped."""
        return round(scene_frame) - self.start

    @property
    def plan(self) -> dict[str, Any]:
        """The gesture plan of the take; empty where it has none."""
        return self.meta.plan

    @property
    def provenance(self) -> Provenance:
        """From what the take was made."""
        return self.meta.provenance

    def fits(self, scene: bpy.types.Scene) -> bool:
        """Whether the scene still runs at the take's rate."""
        return abs(self.fps - scene_rate(scene)) <= SAME_RATE * self.fps


def whole_span(action: bpy.types.Action, meta: TakeMeta, rate: float) -> TakeSpan:
    """The span of any take by what it says of itself; the rest comes from its Action's frames and from ``rate``."""
    start = round(action.frame_start) if meta.start is None else meta.start
    frames = meta.frames or round(action.frame_end) - start + 1
    return TakeSpan(action, start, max(1, frames), meta.fps or rate, meta)


def take_span(scene: bpy.types.Scene, armature: bpy.types.Object) -> TakeSpan:
    """The span of the active take of a character; SpanError says why there is none to work on."""
    return action_span(scene, armature, _active(armature))


def action_span(scene: bpy.types.Scene, armature: bpy.types.Object, action: bpy.types.Action | None) -> TakeSpan:
    """The span of any take of a character; SpanError as above."""
    return _span(scene, armature, action, take_meta(action))


def glanced_span(scene: bpy.types.Scene, armature: bpy.types.Object) -> TakeSpan:
    """The same without the plan, for panels that ask at every redraw: a long plan takes its time to read."""
    action = _active(armature)
    text = action.get(META_KEY, "") if action is not None else ""
    return _span(scene, armature, action, TakeMeta(_without_plan(text)) if isinstance(text, str) else TakeMeta())


@lru_cache(maxsize=8)
def _without_plan(text: str) -> dict[str, Any]:
    return {name: value for name, value in parse_meta(text).items() if name != "plan"}


def _active(armature: bpy.types.Object) -> bpy.types.Action | None:
    reason = shown_reason(armature)
    if reason:
        raise SpanError(reason)
    data = armature.animation_data
    return data.action if data is not None else None


def _span(
    scene: bpy.types.Scene, armature: bpy.types.Object, action: bpy.types.Action | None, meta: TakeMeta
) -> TakeSpan:
    if action is None or meta.start is None:
        raise SpanError(
            f"The active Action of '{armature.name}' is not a Cospeech take; generate or choose a take first"
        )
    span = whole_span(action, meta, scene_rate(scene))
    if not span.fits(scene):
        raise SpanError(
            f"The take was made at {span.fps:g} frames per second and the scene runs at {scene_rate(scene):g}; "
            "set the scene's rate back, or generate the take again"
        )
    return span
