"""What a take shall perform: the plan given, made, edited, corrected or made anew in a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.body.joints import ARMS, LOOKING, SIDES
from engine.errors import CospeechError
from engine.generators.abilities import SPEAK
from engine.generators.base import BaseOrigin
from engine.plan.emphasis_record import asks_for_other, kept_emphasis, recorded
from engine.plan.history import (
    LIFE,
    STEPS,
    Past,
    Step,
    apart_from,
    life_record,
    lived_plan,
    rewound,
    step_between,
    steps_of,
)
from engine.plan.links import USER
from engine.plan.types import GesturePlan
from engine.speech.types import Speech

if TYPE_CHECKING:
    from engine.hints.types import Hints
    from engine.take.options import TakeOptions

EVERYWHERE = (-np.inf, np.inf)  # seconds


@dataclass(frozen=True, eq=False)
class Decision:
    """The ``plan`` to perform; the ``hints`` with the window to make anew; how the base was made; phrases that pins
    must not move; sentences for the user; the plan that was given. ``untouched``: no frame of the base is to change.
    ``past``: the plan from which the window is made anew; None after edits, from where all counts anew; ``born`` is
    its body life, ``steps`` what was made anew elsewhere."""

    plan: GesturePlan
    hints: Hints | None = None
    origin: BaseOrigin | None = None
    fixed: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    given: GesturePlan | None = None
    untouched: bool = False
    past: Past | None = None
    born: BaseOrigin | None = None
    steps: tuple[Step, ...] = ()

    def record(self, plan: GesturePlan) -> dict[str, Any]:
        """What a take with this ``plan`` keeps in its provenance, so that its windows can be made anew."""
        if self.hints is None or self.origin is None:
            return {}
        steps = list(self.steps)
        whole = self.hints.window == (0, self.hints.frames)
        if self.past is not None and self.past.plan != plan and not (whole and self._all_new()):
            step = step_between(self.past.plan, plan, self.hints.window)
            before = {LIFE: {**life_record(self.born.plan), "life_seed": self.born.seed}} if whole and self.born else {}
            steps.append({**step, **before})
        return {"life_seed": self.origin.seed, LIFE: life_record(self.origin.plan), STEPS: steps}

    def _all_new(self) -> bool:
        """Whether nothing of the plan before stays in a window that is the whole take."""
        before = None if self.past is None else self.past.plan
        free = self.hints is not None and self.hints.free_joints.all() and self.hints.free_trans
        return before is None or bool(free and all(phrase.rule != USER for phrase in before.phrases))


def decide(options: TakeOptions, speech: Speech, given: GesturePlan | None, hints: Hints | None) -> Decision:
    """The plan for these options: of ``given``, else of the hints' base, else made now. CospeechError in a sentence."""
    from engine.plan.edit import affected_window, edit_plan
    from engine.plan.retime import retimed

    if given is None and hints is not None and hints.base.plan is not None:
        given = GesturePlan.from_dict(hints.base.plan)
    if given is None and options.edits:
        raise CospeechError("Plan edits need the plan that they change; give the take's plan with them")
    if given is not None:
        span = EVERYWHERE if hints is None or options.window == "auto" else _span(hints)
        options = replace(options, emphasis=kept_emphasis(given, options.emphasis, options.words, span))
    steps = () if hints is None else steps_of(hints.base.provenance)
    past = Past(given) if given is None or hints is None else rewound(given, steps, hints.window)
    emphasis_changes = given is not None and asks_for_other(given, options.emphasis, options.words)
    if given is None or (past.plan is None and not (options.edits or options.words or emphasis_changes)):
        plan = new_plan(options, speech)
        if hints is None:
            return Decision(plan)
        plan = _inside(plan, _span(hints))
        return Decision(plan, hints, BaseOrigin(plan, options.seed), given=given, past=Past(None))
    timed = retimed(given, speech) if options.words else given
    edited = edit_plan(timed, options.edits, speech)
    if options.gaze != edited.plan.look_at and (options.gaze is not None or hints is not None):  # a plan alone is kept
        edited = replace(edited, plan=replace(edited.plan, look_at=options.gaze))
    if emphasis_changes or timed is not given:
        edited = replace(edited, plan=_emphasised(edited.plan, options, speech, given))
    if hints is None:
        return Decision(edited.plan, fixed=edited.ids, notes=edited.notes, given=given)
    if options.edits or timed is not given or (emphasis_changes and not _is_reseeded(options, given, hints)):
        origin = _origin_of(given, hints.base.provenance or {})
        untouched = False
        if options.window == "auto":
            window = affected_window(given, edited.plan, hints.fps, hints.frames, not options.abilities.plans)
            window = None if window is None else _common(window, hints.window)
            untouched = window is None
            hints = replace(hints, window=window or hints.window)
        steps = steps if untouched else apart_from(steps, hints.window)
        return Decision(edited.plan, hints, origin, edited.ids, edited.notes, given, untouched, steps=steps)
    root = given if past.plan is None else past.plan
    born = _origin_of(root, hints.base.provenance or {} if past.life is None else {**past.life, LIFE: past.life})
    plan = _anew(options, speech, root, hints)
    anew = hints.window == (0, hints.frames) and plan is not root
    origin = BaseOrigin(plan, options.seed) if anew else born
    return Decision(plan, hints, origin, given=given, past=Past(root), born=born, steps=past.steps)


def new_plan(options: TakeOptions, speech: Speech) -> GesturePlan:
    """A plan of the whole line for the options' role, style, energy and seed."""
    if options.role == SPEAK:
        from engine.plan.planner import plan_gestures

        plan = plan_gestures(speech, options.style, options.energy, options.seed, options.identity())
        return _emphasised(replace(plan, look_at=options.gaze), options, speech)
    from engine.plan.listener import plan_idle, plan_listener

    make = plan_listener if options.role == "listen" else plan_idle
    return replace(make(speech, options.style, options.energy, options.seed, options.identity()), look_at=options.gaze)


def _emphasised(
    plan: GesturePlan, options: TakeOptions, speech: Speech, before: GesturePlan | None = None
) -> GesturePlan:
    """The plan with the emphasis of the options; ``before``: the plan with the words to which its own belongs."""
    from engine.plan.emphasis import with_emphasis

    return with_emphasis(plan, options.emphasis, speech, before, options.abilities.plans)


def _is_reseeded(options: TakeOptions, given: GesturePlan, hints: Hints) -> bool:
    """Whether a window shall have another seed's gestures, which have their emphasis from the start."""
    from engine.plan.revise import planned_with

    return options.window != "auto" and not planned_with(given, _span(hints), options.seed)


def _anew(options: TakeOptions, speech: Speech, given: GesturePlan, hints: Hints) -> GesturePlan:
    """The given plan with the gestures inside the window planned for the options' seed; the same where they are."""
    from engine.plan.revise import Parts, planned_anew, planned_with

    span = _span(hints)
    speaker = options.identity()
    given = replace(given, look_at=options.gaze) if options.gaze != given.look_at else given
    alike = (options.style, options.energy, speaker) == (given.style, given.energy, given.speaker)
    if alike and planned_with(given, span, options.seed):
        return given
    arms = [side for side, joints in zip(SIDES, ARMS, strict=True) if hints.free_joints[list(joints)].any()]
    parts = Parts(
        arms=frozenset(arms if "upper" in options.parts else ()),
        head=bool(hints.free_joints[list(LOOKING)].any()),
        face=hints.free_face and "face" in options.parts,
    )
    fresh = new_plan(options, speech)
    if hints.window == (0, hints.frames) and len(parts.arms) == 2 and hints.free_trans:  # another take
        if parts.head and parts.face and all(phrase.rule != USER for phrase in given.phrases):
            return fresh
        given = replace(given, seed=options.seed, style=options.style, energy=options.energy, speaker=speaker)
    anew = planned_anew(given, fresh, span, options.seed, parts)
    if given.emphasis is None and fresh.emphasis is None:
        return anew
    from engine.plan.emphasis_undo import unemphasised

    plain = planned_anew(unemphasised(given), unemphasised(fresh), span, options.seed, parts)
    return recorded(anew, plain, options.emphasis)


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


def _origin_of(given: GesturePlan, known: Mapping[str, Any]) -> BaseOrigin:
    """How the base's body lives: what its file says, else as the plan has it."""
    seed = known.get("life_seed", known.get("seed"))
    sound = isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0
    return BaseOrigin(lived_plan(given, known.get(LIFE)), seed if sound else given.seed)
