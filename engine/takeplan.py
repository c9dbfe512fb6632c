"""What a take shall perform: the plan given, made, edited, corrected or made anew in a window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import CospeechError
from engine.generators.base import Standing
from engine.plan.types import GesturePlan
from engine.speech.types import Speech

if TYPE_CHECKING:
    from engine.hints.types import Hints
    from engine.pipeline import TakeOptions

ARM_JOINTS = {"left": (16, 18, 20), "right": (17, 19, 21)}
HEAD_JOINTS = (12, 15, 23, 24)


@dataclass(frozen=True, eq=False)
class Decision:
    """The ``plan`` to perform; the ``hints`` with the window to make anew; how the base was made; phrases that pins
    must not move; sentences for the user; the plan that was given. ``untouched``: no frame of the base is to change."""

    plan: GesturePlan
    hints: Hints | None = None
    standing: Standing | None = None
    fixed: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    given: GesturePlan | None = None
    untouched: bool = False


def decide(options: TakeOptions, speech: Speech, given: GesturePlan | None, hints: Hints | None) -> Decision:
    """The plan for these options: of ``given``, else of the hints' base, else made now. CospeechError in a sentence."""
    from engine.plan.edit import affected_window, edit_plan
    from engine.plan.retime import retimed

    if given is None and hints is not None and hints.base.plan is not None:
        given = GesturePlan.from_dict(hints.base.plan)
    if given is None and options.edits:
        raise CospeechError("Plan edits need the plan that they change; give the take's plan with them")
    if given is None:
        plan = new_plan(options, speech)
        return Decision(plan if hints is None else _inside(plan, _span(hints)), hints)
    timed = retimed(given, speech) if options.words else given
    edited = edit_plan(timed, options.edits, speech)
    if hints is None:
        return Decision(edited.plan, fixed=edited.ids, notes=edited.notes, given=given)
    standing = Standing(given, _life_seed(given, hints))
    if options.edits or timed is not given:
        untouched = False
        if options.window == "auto":
            window = affected_window(given, edited.plan, hints.fps, hints.frames)
            window = None if window is None else _common(window, hints.window)
            untouched = window is None
            hints = replace(hints, window=window or hints.window)
        return Decision(edited.plan, hints, standing, edited.ids, edited.notes, given, untouched)
    plan = _anew(options, speech, given, hints)
    if hints.window == (0, hints.frames) and plan is not given:
        standing = Standing(plan, options.seed)
    return Decision(plan, hints, standing, given=given)


def without_gestures(decision: Decision) -> Decision:
    """The same for a generator that follows no plan: no gestures and nods where it moves arms and head."""
    plan, given, hints = decision.plan, decision.given, decision.hints
    if hints is None or given is None:
        return replace(decision, plan=replace(plan, phrases=(), head=()))
    from engine.plan.links import linked

    first, end = _span(hints)
    free = hints.free_joints
    arms, head = (free[list(joints)].any() for joints in ((*ARM_JOINTS["left"], *ARM_JOINTS["right"]), HEAD_JOINTS))
    phrases = [phrase for phrase in given.phrases if not (arms and first <= phrase.apex < end)]
    nods = tuple(nod for nod in given.head if not (head and first <= nod.apex < end))
    return replace(decision, plan=linked(replace(plan, phrases=given.phrases, head=nods), phrases))


def new_plan(options: TakeOptions, speech: Speech) -> GesturePlan:
    """A plan of the whole line for the options' role, style, energy and seed."""
    if options.role == "speak":
        from engine.plan.planner import plan_gestures

        return plan_gestures(speech, options.style, options.energy, options.seed)
    from engine.plan.listener import plan_idle, plan_listener

    make = plan_listener if options.role == "listen" else plan_idle
    return make(speech, options.style, options.energy, options.seed)


def _anew(options: TakeOptions, speech: Speech, given: GesturePlan, hints: Hints) -> GesturePlan:
    """The given plan with the gestures inside the window planned for the options' seed; the same where they are."""
    from engine.plan.revise import Parts, planned_anew, planned_with

    span = _span(hints)
    alike = (options.style, options.energy) == (given.style, given.energy)
    if alike and planned_with(given, span, options.seed):
        return given
    arms = [side for side, joints in ARM_JOINTS.items() if hints.free_joints[list(joints)].any()]
    parts = Parts(
        arms=frozenset(arms if "upper" in options.parts else ()),
        head=bool(hints.free_joints[list(HEAD_JOINTS)].any()),
        face=hints.free_face and "face" in options.parts,
    )
    if (
        hints.window == (0, hints.frames) and len(parts.arms) == 2 and hints.free_trans
    ):  # nothing of the base stays: another take
        given = replace(given, seed=options.seed, style=options.style, energy=options.energy)
    return planned_anew(given, new_plan(options, speech), span, options.seed, parts)


def _span(hints: Hints) -> tuple[float, float]:
    """The window in seconds; one that ends with the take has no end."""
    first, end = hints.window
    return first / hints.fps if first > 0 else -np.inf, end / hints.fps if end < hints.frames else np.inf


def _common(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int] | None:
    both = max(first[0], second[0]), min(first[1], second[1])
    return both if both[0] < both[1] else None


def _inside(plan: GesturePlan, span: tuple[float, float]) -> GesturePlan:
    """The plan without gestures that cross the window's borders: nobody knows what the base does there."""
    from engine.plan.links import linked

    inside = [phrase for phrase in plan.phrases if phrase.onset >= span[0] and phrase.apex + 0.3 <= span[1]]
    return plan if len(inside) == len(plan.phrases) else linked(plan, inside)


def _life_seed(given: GesturePlan, hints: Hints) -> int:
    """The seed of the base's body life: what its file says, else the plan's own."""
    known: dict[str, Any] = hints.base.provenance or {}
    seed = known.get("life_seed", known.get("seed"))
    return seed if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 else given.seed
