"""Chapters of what else may happen: undo while the engine works, comparing variations, keys thinned out, a layer."""

from __future__ import annotations

import bpy
import edit
import look
from hands import override
from stepper import Steps, Until
from steps import JOB_SECONDS, Session, undo_and_redo


def undo_during_job(session: Session) -> Steps:
    """Ctrl Z while the engine works: the take still arrives, as one step of its own, and nothing is harmed."""
    hands = session.hands
    look.settings().seed = 3
    with override():
        bpy.ops.ed.undo_push(message="Seed")
    names = {action.name for action in bpy.data.actions}
    look.end_engine()  # one that has heard the line already is done before the undo
    yield from hands.click(r"cospeech\.generate\(")
    yield Until(look.running, 10, "the job runs")
    yield from hands.to_view()
    yield from hands.press("Z", ctrl=True)
    undone = look.document()
    assert look.running(), "the undo has ended the job"
    yield Until(lambda: not look.running(), JOB_SECONDS, "the job is done")
    text, failed = look.note()
    session.notes.append(f"undo during a job: {text}")
    assert not failed, text
    assert {action.name for action in bpy.data.actions} - names
    yield from hands.shot("undone_meanwhile")
    yield from undo_and_redo(session, undone)
    yield from hands.press("Z", ctrl=True)  # back to the takes that the next chapters know
    yield 0.3
    assert look.document() == undone


def compare(session: Session) -> Steps:
    """Step through the variations, and keep one; undo gives all of them back."""
    hands = session.hands
    yield from hands.open("COSPEECH_PT_regenerate")
    first = look.active_action().name
    yield from hands.click(r"cospeech\.step_variation\(by=-1")
    yield Until(lambda: look.active_action().name != first, 5, "another variation is shown")
    yield from hands.shot("second_variation")
    before = look.document()
    tracks = len(look.tracks())
    yield from hands.click(r"cospeech\.keep_variation\(")
    yield Until(lambda: len(look.tracks()) < tracks, 5, "the other variations are gone")
    yield from hands.open("COSPEECH_PT_regenerate", opened=False)
    yield from undo_and_redo(session, before)


def keys(session: Session) -> Steps:
    """Simplify leaves few keys and the pins; undo gives the dense ones back."""
    hands = session.hands
    bpy.context.scene.use_preview_range = False  # else only its frames are thinned out
    with override():
        bpy.ops.ed.undo_push(message="Whole take")
    before, pinned = look.document(), look.extremes(look.active_action())
    count = sum(len(found.values) for found in look.keys_of(look.active_action()).values())
    yield from hands.open("COSPEECH_PT_keys")
    yield from hands.shot("keys")
    yield from hands.click(r"cospeech\.simplify\(")
    yield Until(lambda: look.document() != before, 30, "the keys are thinned out")
    left = sum(len(found.values) for found in look.keys_of(look.active_action()).values())
    assert left < count / 3, f"{left} of {count} keys are left"
    assert look.extremes(look.active_action()).keys() == pinned.keys()
    session.notes.append(f"simplified {count} keys to {left}")
    yield from hands.shot("simplified")
    yield from hands.open("COSPEECH_PT_keys", opened=False)
    yield from undo_and_redo(session, before)
    yield from hands.press("Z", ctrl=True)
    yield 0.3
    assert look.document() == before


def layer(session: Session) -> Steps:
    """The edit of an earlier chapter goes into a layer of its own and comes back."""
    hands = session.hands
    bpy.context.scene.frame_set(edit.EDIT_FRAME)
    before = look.document()
    yield from hands.open("COSPEECH_PT_keys")
    yield from hands.click(r"cospeech\.layer_edits\(")
    yield Until(lambda: look.document() != before, 10, "the edits are in a layer")
    yield from hands.shot("layered")
    yield from hands.click(r"cospeech\.merge_layer\(")
    yield 0.5
    yield from hands.shot("merged")
    yield from hands.open("COSPEECH_PT_keys", opened=False)
    assert look.bone_keys(look.active_action(), edit.EDITED)
