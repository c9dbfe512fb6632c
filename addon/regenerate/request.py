"""What Regenerate asks of the engine: the take as it stands, what is fixed in it, and what may change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import bpy
import numpy as np

from ..client.hints_file import HintsData, HintsFileError, write_hints
from ..client.jobs import JobFiles
from ..client.provenance import SPEAK
from ..client.take_file import Take, TakeFileError, write_take
from ..generate.options import line_options
from ..pins.collect import Search, search_pins
from ..pins.targets import sample_targets
from ..plan.inside import chosen_line, span_edits, span_emphasis, span_words
from ..plan.stale import count_changed, count_emphasised
from ..rig.recognise import recognise
from ..rig.rig_map import RigMap
from ..rig.skeleton import PART_JOINTS
from ..scene import plan_of
from ..setup.ops import RequestError
from ..speakers.choice import Choice, chosen, edits_blocker, emphasis_blocker
from ..takes.apply import check_ready
from ..takes.curves import Performance, read_curves
from ..takes.inside import clear_of_ends
from ..takes.line import find_line
from ..takes.proportions import own_rest
from ..takes.scope import Range, ScopeError, find_range, free_channels
from ..takes.span import TakeSpan, take_span
from ..takes.window import Free

HINTS, BASE = "hints.npz", "base.npz"
NEXT_SEED = -1  # no unit: in the place of a seed
PENDING_EDIT_SLACK = 1  # frames: an apex on the border is inside


@dataclass(frozen=True)
class Asked:
    """What the user asks for. ``range`` and ``scope`` are items of RANGES and SCOPES; ``seed`` NEXT_SEED takes the
    next one, or with ``same_seed`` the take's own; ``edited``: the plan has edits that were not performed yet.
    """

    range: str = "AUTO"
    first: int = 1
    last: int = 1
    scope: str = "PARTS"
    parts: frozenset[str] = frozenset(PART_JOINTS)
    seed: int = NEXT_SEED
    same_seed: bool = False
    into_take: bool = True
    variations: int = 1
    edited: bool = False


@dataclass(frozen=True)
class Ticket:
    """What the result needs to find its place, although the scene may change while the engine works.

    Data-blocks by session id, as text: names change, and undo makes new data-blocks of the same id. ``first`` is the
    scene frame on which the take began, ``seed`` the first take's.
    """

    character: str
    scene: str
    action: str
    line: str
    first: int
    frames: int
    seed: int
    joints: tuple[int, ...]
    trans: bool
    face: bool
    into_take: bool
    words: tuple[tuple[int, float, float], ...]
    whole: bool

    def to_text(self) -> str:
        """As JSON, for an operator's property."""
        return json.dumps(vars(self))

    @staticmethod
    def from_text(text: str) -> Ticket:
        """Inverse of :meth:`to_text`."""
        data = json.loads(text)
        data["words"] = tuple(tuple(word) for word in data["words"])
        return Ticket(**{**data, "joints": tuple(data["joints"])})

    @property
    def free(self) -> Free:
        """The channels that may change."""
        flags = np.zeros(55, np.bool_)
        flags[list(self.joints)] = True
        return Free(flags, self.trans, self.face)


@dataclass(frozen=True, eq=False)
class Order:
    """A job's parameters and files, and the ticket for its result; ``pinned``, ``edited`` count what is kept in the
    range, ``base`` is the take as it stood.
    """

    params: dict[str, object]
    files: JobFiles
    ticket: Ticket
    range: Range
    pinned: int
    edited: int
    base: Performance
    notes: tuple[str, ...] = ()


def make_order(context: bpy.types.Context, armature: bpy.types.Object, asked: Asked) -> Order:
    """Everything the engine needs. ApplyError, RigError, SpanError, LineError, ScopeError and
    HintsFileError say what is in the way.
    """
    scene = context.scene
    check_ready(armature)
    rig, span = recognise(armature), take_span(scene, armature)
    frames = find_range(context, armature, span, asked)
    span = chosen_line(span, frames.first, frames.last, frames.source, scene.frame_current)
    frames = _inside(span, find_range(context, armature, span, asked))
    line = find_line(scene, span.provenance)
    free = free_channels(armature, rig, span.action, asked.scope, asked.parts)
    choice, edits = chosen(scene, line.role), span_edits(span)
    if edits and (reason := edits_blocker(choice)):
        raise ScopeError(reason)
    if asked.edited and frames.source != "PLAN":
        _check_edits(span.action, frames)
    base, fixed = read_curves(armature, rig, span), search_pins(armature, rig, span)
    targets = sample_targets(context, armature, rig, span, (frames.first, frames.last + 1))
    free = Free(free.joints, free.trans, free.face and base.blendshapes is not None)
    words = _words(span)
    seed = seed_for(span, asked)
    options = {
        **line_options(context, armature, line, span.start, _parts(free), choice),
        "fps": span.fps,
        "seed": seed,
        "hints": HINTS,
        "edits": edits,
        "words": words,
        "emphasis": _emphasis(span, line.role, choice),
        "window": "auto" if frames.source == "PLAN" else "",
    }
    window = (frames.first - span.start, frames.last + 1 - span.start)
    ticket = Ticket(
        character=str(armature.session_uid),
        scene=str(scene.session_uid),
        action=str(span.action.session_uid),
        line=line.audio.stem if line.audio else line.role,
        first=span.start,
        frames=span.frames,
        seed=seed,
        joints=tuple(int(joint) for joint in np.flatnonzero(free.joints)),
        trans=free.trans,
        face=free.face,
        into_take=asked.into_take,
        words=tuple(words),
        whole=frames.source != "PLAN" and window == (0, span.frames) and asked.scope == "PARTS",
    )
    params: dict[str, object] = {"options": options, "variations": asked.variations}
    hints = _hints(base, span, rig, fixed, free, window)
    files = _files(base, span, replace(hints, targets=targets.entries))
    return Order(params, files, ticket, frames, *counts(fixed, window), base, (*fixed.notes(), *targets.notes))


def counts(fixed: Search, window: tuple[int, int]) -> tuple[int, int]:
    """How many poses -- a bone, or a shape, on a frame -- are pinned in a window, and how many edited otherwise."""
    pinned = sum(window[0] <= row < window[1] for _, row in fixed.pinned)
    return pinned, sum(window[0] <= row < window[1] for _, row in fixed.edited - fixed.pinned)


def _hints(
    base: Performance, span: TakeSpan, rig: RigMap, fixed: Search, free: Free, window: tuple[int, int]
) -> HintsData:
    return HintsData(
        base=BASE,
        window=window,
        rotations=base.poses,
        rotation_mask=fixed.rotation_mask,
        trans=base.trans,
        trans_mask=fixed.trans_mask,
        blendshapes=base.blendshapes,
        blendshape_mask=fixed.blendshape_mask if base.blendshapes is not None else None,
        free_joints=free.joints,
        free_trans=free.trans,
        free_face=free.face,
        rest=own_rest(rig),
        fps=span.fps,
    )


def _files(base: Performance, span: TakeSpan, hints: HintsData) -> JobFiles:
    """What is written into the job's folder: the hints, and beside them the take as it stands."""
    stands = Take(
        poses=base.poses,
        trans=base.trans,
        fps=span.fps,
        blendshapes=base.blendshapes,
        plan=span.plan or None,
        provenance=dict(span.provenance.data) or None,
    )
    return {BASE: partial(_write_base, take=stands), HINTS: partial(_write_hints, hints=hints)}


def _write_base(path: Path, take: Take) -> None:
    try:
        write_take(path, take, compress=False)
    except TakeFileError as error:
        raise RequestError(str(error)) from error


def _write_hints(path: Path, hints: HintsData) -> None:
    try:
        write_hints(path, hints)
    except HintsFileError as error:
        raise RequestError(str(error)) from error


def _parts(free: Free) -> set[str]:
    """The body parts that have a channel which may change."""
    found = {part for part, joints in PART_JOINTS.items() if free.joints[list(joints)].any()}
    return found | ({"root"} if free.trans else set()) | ({"face"} if free.face else set())


def seed_for(span: TakeSpan, asked: Asked) -> int:
    """The seed asked for; by default the next that this take has not seen, for edits of the plan its present one."""
    if asked.seed != NEXT_SEED:
        return asked.seed
    own = [span.provenance.seed or 0, *span.meta.seeds]
    return own[-1] if asked.same_seed or asked.edited else max(own) + 1


def _inside(span: TakeSpan, frames: Range) -> Range:
    """The range, clear of the ends of a line in a chain."""
    first, last = clear_of_ends(span, frames.first, frames.last)
    return replace(frames, first=first, last=last)


def _words(span: TakeSpan) -> list[tuple[int, float, float]]:
    """All corrected word times of the take, those of earlier regenerations included."""
    known = span.meta.corrected | {index: (start, end) for index, start, end in span_words(span)}
    return [(index, *times) for index, times in sorted(known.items())]


def _emphasis(span: TakeSpan, role: str, choice: Choice) -> list[tuple[float, float, float]]:
    """Emphasis as the engine is told of it; ScopeError where it was changed and the generator can't hear it."""
    reason = emphasis_blocker(choice)
    if reason and count_emphasised(plan_of(span.action).words):
        raise ScopeError(reason)
    return span_emphasis(span) if role == SPEAK and not reason else []


def has_edits(action: bpy.types.Action) -> bool:
    """Whether gestures or words were edited, or emphasised, and not performed yet."""
    group = plan_of(action)
    return bool(count_changed(group.phrases) + count_changed(group.words) + count_emphasised(group.words))


def _check_edits(action: bpy.types.Action, frames: Range) -> None:
    group = plan_of(action)
    places = [place for phrase in group.phrases if phrase.changed for place in (phrase.apex, phrase.made_apex)]
    places += [place for word in group.words if word.changed for place in (word.start, word.made_start)]
    places += [place for word in group.words if word.emphasis_changed for place in (word.start, word.end)]
    low, high = frames.first - PENDING_EDIT_SLACK, frames.last + PENDING_EDIT_SLACK
    if outside := _outside(places, low, high):
        raise ScopeError(
            f"The plan has an edit on frame {outside[0]:.0f}, outside {frames.text.lower()}; "
            "regenerate with the range Automatic, or reset the edit"
        )


def _outside(places: Iterable[float], low: float, high: float) -> list[float]:
    return [place for place in places if not low <= place <= high]
