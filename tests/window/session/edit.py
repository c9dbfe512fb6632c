"""Chapters of the animator's corrections: pins, edited keys, regeneration around them, variations, the plan."""

from __future__ import annotations

import bpy
import look
import numpy as np
from hands import TAB, override, view, window
from stepper import Steps, Until
from steps import Session, click_and_wait, from_the_front, undo_and_redo, wait_for_job

PINNED, EDITED = "right_elbow", "left_shoulder"
PIN_FRAME, EDIT_FRAME = 120, 150
WINDOW = (90, 190)
VARIATIONS = 3

AUTHORED = "Hand on heart", "HAND_ON_HEART"


def pin(session: Session) -> Steps:
    """In Pose Mode: one bone is pinned by its button, another turned with auto-key, which is a pin as well."""
    hands = session.hands
    scene = bpy.context.scene
    with override():
        bpy.ops.object.mode_set(mode="POSE")
    scene.tool_settings.use_keyframe_insert_auto = True
    yield from from_the_front(PIN_FRAME)
    yield from choose(PINNED)
    before = look.document()
    yield from hands.open("COSPEECH_PT_pins")
    yield from hands.shot("pins_none")
    yield from hands.click(r"cospeech\.pin\(")
    yield Until(lambda: look.extremes(look.active_action()), 5, "keys are pinned")
    pinned = look.extremes(look.active_action())
    assert all(PINNED in path for _, path, _ in pinned), pinned
    assert {frame for frames in pinned.values() for frame in frames} == {PIN_FRAME}, pinned
    yield from hands.shot("pinned")
    yield from undo_and_redo(session, before)
    bpy.context.scene.frame_set(EDIT_FRAME)
    yield from choose(EDITED)
    kept = look.bone_keys(look.active_action(), EDITED)
    yield from turn(session)
    changed = look.bone_keys(look.active_action(), EDITED)
    assert any(keys.at(EDIT_FRAME) != kept[spot].at(EDIT_FRAME) for spot, keys in changed.items())
    yield from hands.open("COSPEECH_PT_pins")
    yield from hands.shot("pinned_and_edited")
    yield from hands.open("COSPEECH_PT_pins", opened=False)


def choose(bone: str) -> Steps:
    """Select one bone, as a click in the outliner does."""
    actor = look.character()
    with override():
        bpy.ops.pose.select_all(action="DESELECT")
    actor.data.bones.active = actor.data.bones[bone]
    chosen = actor.pose.bones[bone] if bpy.app.version >= (5, 0, 0) else actor.data.bones[bone]
    chosen.select = True
    with override():
        bpy.ops.ed.undo_push(message="Select")
    yield 0.1


def turn(session: Session) -> Steps:
    """Turn the selected bone by 20 degrees: R 2 0 Return over the view."""
    hands = session.hands
    yield from hands.to_view()
    yield from hands.press("R")
    yield from hands.type("20")
    yield from hands.press("RET")
    yield 0.3


def preview_range(first: int, last: int) -> None:
    """The scene's preview range, which is then the range to regenerate."""
    scene = bpy.context.scene
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = first, last
    look.settings().edit_range = "PREVIEW"
    with override():
        bpy.ops.ed.undo_push(message="Preview range")


def regenerate(session: Session) -> Steps:
    """Around the pins in a preview range: pins come back to the bit, so does all outside, the rest is new."""
    hands = session.hands
    preview_range(*WINDOW)
    document, before = look.document(), look.keys_of(look.active_action())
    pinned = look.extremes(look.active_action())
    edited = look.bone_keys(look.active_action(), EDITED)
    yield from click_and_wait(session, r"cospeech\.regenerate\(", "regenerating")
    action = look.active_action()
    after = look.keys_of(action)
    assert before.keys() == after.keys()
    for spot, keys in after.items():
        assert keys.outside(*WINDOW) == before[spot].outside(*WINDOW), f"{spot} changed outside {WINDOW}"
    for spot, frames in pinned.items():
        for frame in frames:
            assert after[spot].at(frame) == before[spot].at(frame), f"the pin {spot} on {frame} has changed"
    for spot, keys in edited.items():
        assert after[spot].at(EDIT_FRAME)[0] == keys.at(EDIT_FRAME)[0], f"the edit {spot} has changed"
    differing = [spot for spot in after if not np.array_equal(after[spot].values, before[spot].values)]
    assert len(differing) > 30, f"only {len(differing)} curves have changed"
    session.notes.append(f"regenerated {len(differing)} of {len(after)} curves in frames {WINDOW[0]}-{WINDOW[1]}")
    yield from hands.shot("regenerated")
    yield from undo_and_redo(session, document)


def variations(session: Session) -> Steps:
    """Several takes at once, as muted tracks; all hold the pins; one is used by its button."""
    hands = session.hands
    look.settings().edit_variations = VARIATIONS
    with override():
        bpy.ops.ed.undo_push(message="Variations")
    document, tracks = look.document(), look.tracks()
    pinned = look.extremes(look.active_action())
    before = look.keys_of(look.active_action())
    yield from hands.open("COSPEECH_PT_regenerate")
    yield from click_and_wait(session, r"cospeech\.variations\(", "varying")
    yield from hands.shot("varied")
    yield from hands.open("COSPEECH_PT_regenerate", opened=False)
    new = [track for track in look.tracks() if track not in tracks]
    assert len(new) >= VARIATIONS - 1, new
    assert all(muted for _, muted in new), new
    fresh = [bpy.data.actions[name] for name, _ in new if name in bpy.data.actions]
    assert len({look.fingerprint(action) for action in fresh}) == len(fresh)
    for action in fresh:
        keys = look.keys_of(action)
        for spot, frames in pinned.items():
            for frame in frames:
                assert keys[spot].at(frame)[0] == before[spot].at(frame)[0], f"{action.name}: {spot} on {frame}"
    yield from undo_and_redo(session, document)
    yield from hands.open("COSPEECH_PT_takes")
    yield from hands.shot("takes_of_variations")
    yield from hands.open("COSPEECH_PT_takes", opened=False)


def plan(session: Session) -> Steps:
    """A gesture is moved by its button, becomes one that no recording holds, and is performed; the rest of the take
    stays."""
    hands = session.hands
    yield from hands.open("COSPEECH_PT_plan")
    yield from hands.shot("plan")
    yield from show_markers(session)
    group = look.active_action().cospeech_plan
    apex = group.phrases[group.active].apex
    yield from hands.click(r"cospeech\.plan_nudge\(.*frames=5")
    group = look.active_action().cospeech_plan
    assert group.phrases[group.active].apex == apex + 5
    yield from hands.click(r"\.gesture$")  # the search opens
    yield 0.3
    bpy.context.window_manager.clipboard = AUTHORED[0]
    yield from hands.press("A", ctrl=True)
    yield from hands.press("V", ctrl=True)
    yield 0.5
    hands.picture("plan_search")
    yield from hands.press("RET")
    yield 0.5
    group = look.active_action().cospeech_plan
    assert group.phrases[group.active].lexeme == AUTHORED[1], group.phrases[group.active].lexeme
    yield from hands.shot("plan_edited")
    document = look.document()
    yield from click_and_wait(session, r"cospeech\.regenerate\(.*AUTO", "performing_the_plan")
    yield from hands.shot("plan_performed")
    yield from undo_and_redo(session, document)
    yield from hands.open("COSPEECH_PT_plan", opened=False)


def show_markers(session: Session) -> Steps:
    """With an Action Editor below the view, the panel has the switch that shows words and apexes in it."""
    below = next(area for area in window().screen.areas if area.type == "DOPESHEET_EDITOR")
    kind, space = below.ui_type, below.spaces.active
    below.ui_type = "DOPESHEET"
    space.mode = "ACTION"
    was = space.show_pose_markers
    yield 0.3
    yield from session.hands.click(r"show_pose_markers")
    yield Until(lambda: space.show_pose_markers != was, 5, "the markers are switched")
    yield from session.hands.shot("plan_markers")
    space.show_pose_markers = was
    below.ui_type = kind
    yield 0.3


def dope_sheet(session: Session) -> Steps:
    """The same in the Dope Sheet, in the place of the 3D view: coloured keys, markers, our tab."""
    area = view()
    area.type = "DOPESHEET_EDITOR"
    area.spaces.active.mode = "ACTION"
    area.spaces.active.show_region_ui = True
    yield 0.5
    bar = next(found for found in area.regions if found.type == "UI")
    bar.active_panel_category = TAB
    body = next(found for found in area.regions if found.type == "WINDOW")
    with bpy.context.temp_override(window=window(), area=area, region=body):
        bpy.ops.action.view_all()
    yield 0.5
    yield from session.hands.shot("dope_sheet")
    area.type = "VIEW_3D"
    yield 0.3


def chain(session: Session) -> Steps:
    """Two takes become one, with a transition between; the takes themselves stay."""
    hands = session.hands
    document, names = look.document(), {name for name, _ in look.tracks()}
    yield from hands.open("COSPEECH_PT_dialogue")
    yield from hands.shot("dialogue")
    yield from hands.click(r"cospeech\.chain_dialog\(")
    yield 0.5
    yield from hands.press("O")  # One After Another, by its underlined letter
    hands.picture("chain_dialog")
    yield from hands.press("RET")
    yield from wait_for_job(session, "chaining")
    assert look.active_action().name not in names | {document[1]}
    yield from hands.shot("chained")
    yield from hands.open("COSPEECH_PT_dialogue", opened=False)
    yield from undo_and_redo(session, document)
