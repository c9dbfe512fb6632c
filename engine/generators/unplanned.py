"""What a take's plan may still claim where a generator performed that follows none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.body.joints import BOTH_ARMS, LOOKING
from engine.plan.types import GesturePlan

if TYPE_CHECKING:
    from engine.hints.types import Hints


def unplanned(plan: GesturePlan, hints: Hints | None, nods_stay: bool = False) -> GesturePlan:
    """``plan`` without gestures, and without nods unless they stay.

    With hints those of their base stay outside the window, and inside of it where arms or head stay closed.
    """
    if hints is None or hints.base.plan is None:
        return replace(plan, phrases=(), head=plan.head if nods_stay else ())
    from engine.plan.links import linked

    before = GesturePlan.from_dict(hints.base.plan)
    first, end = (frame / hints.fps for frame in hints.window)
    arms, head = (bool(hints.free_joints[list(joints)].any()) for joints in (BOTH_ARMS, LOOKING))
    phrases = [phrase for phrase in before.phrases if not (arms and first <= phrase.apex < end)]
    nods = plan.head if nods_stay else tuple(nod for nod in before.head if not (head and first <= nod.apex < end))
    return linked(replace(plan, phrases=before.phrases, head=nods), phrases)
