"""Put a regenerated window into its take, into a copy of it, or into a copy for each variation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..client.provenance import Provenance, TakeMeta
from ..client.take_file import Take
from ..pins.collect import search_pins
from ..rig.recognise import recognise
from ..takes.apply import (
    NAME_LENGTH,
    ApplyError,
    check_ready,
    lay_aside,
    put_aside,
    set_meta,
    take_meta,
    take_name,
    take_written,
    write_markers,
)
from ..takes.curves import Performance, read_frames
from ..takes.inside import same_span, whole_meta
from ..takes.reference import remember_window
from ..takes.slots import slot_in
from ..takes.span import TakeSpan, whole_span
from ..takes.stack import owners
from ..takes.window import Window, write_window
from .request import Ticket
from .variations import mark_variation

# What the engine needs to know of a take to make a window of it anew as if nothing had been tried there before, and the
# meaning that a network found in its words.
LASTING = ("life_seed", "life", "remade", "semantic")


@dataclass(frozen=True, eq=False)
class Made:
    """One result of the engine: the whole take, its ``seed``, and the ``window`` (first, end) of its frames that is
    new; None where nothing had to change.
    """

    take: Take
    seed: int
    window: tuple[int, int] | None


def find_span(scene: bpy.types.Scene, action: bpy.types.Action, ticket: Ticket) -> TakeSpan:
    """The take as it lies now; ApplyError where it is no longer the one that was asked about."""
    meta = take_meta(action)
    if not meta or not action.is_editable:
        raise ApplyError(f"'{action.name}' is no longer a take that can be changed")
    span = same_span(whole_span(action, meta, 0.0), ticket.first, ticket.frames)
    if (span.start, span.frames) != (ticket.first, ticket.frames) or not span.fits(scene):
        raise ApplyError(f"'{action.name}' has other frames than when the engine was asked")
    return span


def apply_made(
    context: bpy.types.Context, armature: bpy.types.Object, action: bpy.types.Action, made: Made, ticket: Ticket
) -> bpy.types.Action:
    """Write one result; returns the Action that has it now. RigError, ApplyError: nothing has changed then."""
    check_ready(armature)
    span = find_span(context.scene, action, ticket)
    if ticket.into_take:
        write_made(armature, span, made, ticket)
        return action
    copy = copy_take(armature, action, made)
    for owner in owners_of(armature, action):
        slot = copy.slots[slot_in(owner, action).identifier]
        put_aside(owner)
        compat.assign(owner, copy, slot)
    write_made(armature, replace(span, action=copy), made, ticket)
    return copy


def apply_variations(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    action: bpy.types.Action,
    made: Sequence[Made],
    ticket: Ticket,
    group: str,
) -> list[bpy.types.Action]:
    """Each result as a take of its own in a muted NLA track; the active take stays. RigError, ApplyError as above."""
    check_ready(armature)
    span = find_span(context.scene, action, ticket)
    copies = []
    for result in made:
        copy = copy_take(armature, action, result)
        for owner in owners_of(armature, action):
            lay_aside(owner, copy, copy.slots[slot_in(owner, action).identifier])
        write_made(armature, replace(span, action=copy), result, ticket)
        mark_variation(copy, action, group)
        copies.append(copy)
    return copies


def owners_of(armature: bpy.types.Object, action: bpy.types.Action) -> list[compat.Owner]:
    """The armature and the face's shape keys, as far as the take animates them."""
    return [owner for owner in owners(armature) if slot_in(owner, action) is not None]


def copy_take(armature: bpy.types.Object, action: bpy.types.Action, made: Made) -> bpy.types.Action:
    """A copy of a take, named with the seed that changes it."""
    copy = action.copy()
    source = {**(take_meta(action).provenance.data or made.take.provenance or {}), "seed": made.seed}
    copy.name = take_name(armature, replace(made.take, provenance=source))[:NAME_LENGTH]
    copy.use_fake_user = True
    return copy


def write_made(armature: bpy.types.Object, span: TakeSpan, made: Made, ticket: Ticket) -> None:
    """The window's keys, the plan with its list and markers, and what the take says of itself."""
    take = made.take
    if made.window is not None:
        first, end = made.window
        rows = slice(first, end)
        shapes = None if take.blendshapes is None else take.blendshapes[rows]
        window = Window(span.start + first, take.poses[rows], take.trans[rows], shapes)
        rig = recognise(armature)
        kept = search_pins(armature, rig, span).kept  # as they are now: also what was pinned while the engine worked
        write_window(armature, rig, span, window, ticket.free, kept)
        remember_window(armature, span.action, span.start + first, span.start + end, kept)
    meta = whole_meta(span, _meta(span, made, ticket))
    if take.plan is not None:
        write_markers(span.action, TakeMeta({**meta, "fps": span.fps}))
    if ticket.whole and "lines" not in meta:
        _rename(armature, span, made)
    set_meta(span.action, meta)
    take_written(span.action)


def _rename(armature: bpy.types.Object, span: TakeSpan, made: Made) -> None:
    """A take that is all new carries its new seed in its name, unless the animator named it herself."""
    old, new = (
        take_name(armature, replace(made.take, provenance={**span.provenance.data, **seed}))[:NAME_LENGTH]
        for seed in ({}, {"seed": made.seed})
    )
    if span.action.name == old and new != old:
        span.action.name = new


def _meta(span: TakeSpan, made: Made, ticket: Ticket) -> dict[str, Any]:
    """The take's story after this: where all of it is new, it is a take of the new seed and settings."""
    meta, new = dict(span.meta.data), dict(made.take.provenance or {})
    for passing in ("hints", "window", "plan_changed"):
        new.pop(passing, None)
    old = span.provenance.data
    source = new if ticket.whole or not old else old
    meta["provenance"] = {**source, **{name: new[name] for name in LASTING if new.get(name) is not None}}
    if made.take.plan is not None:
        meta["plan"] = made.take.plan
    if ticket.words:
        meta["words"] = [list(word) for word in ticket.words]
    if made.window is not None:
        entry: dict[str, Any] = {"first": made.window[0], "end": made.window[1], "seed": made.seed}
        if (by := Provenance(new).generator) != Provenance(meta["provenance"]).generator:
            entry["generator"] = by
        meta["regenerated"] = [*meta.get("regenerated", ()), entry]
    return meta


def changed_meanwhile(armature: bpy.types.Object, ticket: Ticket, base: Performance, window: tuple[int, int]) -> bool:
    """Whether the take was changed just outside the window while the engine worked: the new motion may step there.

    ``base`` is the take as it was asked about, ``window`` (first, end) in its frames.
    """
    action = armature.animation_data.action if armature.animation_data is not None else None
    if action is None or str(action.session_uid) != ticket.action:
        return False
    rows = np.array([row for row in (window[0] - 1, window[1]) if 0 <= row < ticket.frames], int)
    now = read_frames(armature, recognise(armature), rows + ticket.first)
    return not (np.array_equal(now.poses, base.poses[rows]) and np.array_equal(now.trans, base.trans[rows]))


WANTED = ("take", "seed", "window")


def results_of(result: dict[str, Any]) -> str:
    """The engine's answer as JSON for an operator's property: path, seed and window of each take."""
    takes = result.get("takes") or [{"take": result["take"], "seed": 0}]
    window = result.get("window")
    return json.dumps([{"window": window, **{name: take[name] for name in take if name in WANTED}} for take in takes])


__all__ = ["Made", "apply_made", "apply_variations", "changed_meanwhile", "find_span", "results_of"]
