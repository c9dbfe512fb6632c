"""Why Regenerate can't run now; asked at every redraw, so it only looks."""

from __future__ import annotations

import bpy

from ..client.provenance import SPEAK
from ..gaze.place import look_blocker
from ..plan.stale import count_changed, count_emphasised
from ..scene import character_blocker, plan_of, settings_of
from ..setup.engine import SESSION
from ..speakers.choice import alike_blocker, choice_blocker, chosen, edits_blocker, emphasis_blocker
from ..takes.line import LineError, find_line
from ..takes.span import SpanError, TakeSpan, glanced_span


def regenerate_blocker(context: bpy.types.Context) -> str:
    """One sentence; empty where Regenerate can run."""
    settings = settings_of(context.scene)
    armature = settings.character
    if SESSION.job is not None:
        return "Cospeech is already working; wait for it or cancel it first"
    missing = character_blocker(context)
    if missing:
        return missing
    if armature.animation_data is not None and armature.animation_data.use_tweak_mode:
        return f"An NLA strip of '{armature.name}' is being tweaked; leave Tweak Mode (Tab) first"
    try:
        span = glanced_span(context.scene, armature)
        if not span.meta.lines:  # a chain's lines are looked at one by one, when it is asked for
            find_line(context.scene, span.provenance)
    except (SpanError, LineError) as error:
        return str(error)
    if settings.edit_scope == "PARTS" and not settings.parts:
        return "Choose at least one body part"
    if not span.action.is_editable:
        return f"'{span.action.name}' is linked from another file; make it local first"
    return _generator_blocker(context.scene, span)


def _generator_blocker(scene: bpy.types.Scene, span: TakeSpan) -> str:
    chain = bool(span.meta.lines)
    choice = chosen(scene, SPEAK if chain else span.provenance.role)
    edits = "" if chain else edits_blocker(choice)
    if edits and count_changed(plan_of(span.action).phrases):
        return edits
    if count_emphasised(plan_of(span.action).words) and (reason := emphasis_blocker(choice)):
        return reason
    return choice_blocker(choice) or (look_blocker(scene, choice) if span.meta.speaks else "")


def variations_blocker(context: bpy.types.Context) -> str:
    """Why no variations can be made; empty where they can."""
    reason = regenerate_blocker(context)
    if reason:
        return reason
    span = glanced_span(context.scene, settings_of(context.scene).character)
    return alike_blocker(chosen(context.scene, span.provenance.role))
