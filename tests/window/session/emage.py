"""The chapter of EMAGE: its weights in the preferences, tested, chosen, performed, and made anew around a pin."""

from __future__ import annotations

import sys
from collections.abc import Generator

import bpy
import edit
import look
import numpy as np
from hands import Spot, override, view, window
from look import MODULE
from stepper import StepError, Steps, Until
from steps import JOB_SECONDS, Session, click_and_wait, from_the_front, undo_and_redo

START = 1200  # behind the takes of the other chapters
PINNED = "left_elbow"
RANGE = (START + 60, START + 150)
PIN_FRAME = START + 105
BUTTON_STEP = 12


def emage(session: Session) -> Steps:
    """A small release in the published layout: Test Weights by a click in the preferences, then a take by EMAGE."""
    hands = session.hands
    yield from without_weights(session)
    preferences = bpy.context.preferences.addons[MODULE].preferences
    preferences.emage_weights = session.settings["weights"]
    yield from test_weights(session)
    if bpy.context.mode != "OBJECT":
        with override():
            bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.scene.use_preview_range = False
    bpy.context.scene.frame_set(START)
    with override():
        bpy.ops.ed.undo_push(message="Start")
    before = look.document()
    yield from click_and_wait(session, r"cospeech\.generate\(", "emage_progress")
    action = look.active_action()
    assert source_of(action)["generator"] == "emage", source_of(action)
    moving = [
        spot for spot, keys in look.bone_keys(action, PINNED).items() if "rotation" in spot[1] and np.ptp(keys.values)
    ]
    assert moving, "the elbow does not move"
    yield from undo_and_redo(session, before)
    for frame in (START, START + 20, START + 90):
        yield from from_the_front(frame)
        yield from hands.shot(f"emage_take_{frame - START}")
    yield from pin_and_regenerate(session)
    look.settings().generator, look.settings().in_place = "default", False
    look.settings().edit_range = "TAKE"
    bpy.context.scene.use_preview_range = False
    with override():
        bpy.ops.object.mode_set(mode="OBJECT")
        bpy.ops.ed.undo_push(message="Default again")


def without_weights(session: Session) -> Steps:
    """EMAGE chosen in Performance by the wheel over its menu, while no folder is set: Generate is grey and says why."""
    hands = session.hands
    yield from hands.open("COSPEECH_PT_performance")
    yield from hands.find(r"scene.*cospeech\.generator$")
    yield from hands.wheel("DOWN", 1, ctrl=True)
    yield Until(lambda: look.settings().generator == "emage", 5, "EMAGE is chosen")
    look.settings().in_place = True
    with override():
        bpy.ops.ed.undo_push(message="In place")
    yield from hands.shot("emage_chosen")
    yield from hands.open("COSPEECH_PT_performance", opened=False)
    assert not look.grey_without_reason(), look.grey_without_reason()
    assert not poll_generate(), "Generate can be used without weights"
    yield from hands.shot("emage_without_weights")


def poll_generate() -> bool:
    """Whether Generate can be used."""
    with override("UI"):
        return bool(bpy.ops.cospeech.generate.poll())


def test_weights(session: Session) -> Steps:
    """The preferences in the place of the 3D view, and a true click on Test Weights there."""
    hands, area = session.hands, view()
    area.type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Cospeech"
    yield 0.5
    yield from hands.move(area.x + area.width * 0.6, area.y + area.height * 0.5)
    yield from hands.wheel("DOWN", 20)
    spot = yield from find_in(session, area, "cospeech.test_weights")
    yield from hands.shot("weights_untested")
    told = look.note()[0]
    yield from hands.move(spot.x, spot.y)
    yield from hands.press("LEFTMOUSE")
    yield Until(lambda: look.running() or look.note()[0] is not told, 10, "the weights are tested")
    yield Until(lambda: not look.running(), JOB_SECONDS, "the weights are tested to the end")
    text, failed = look.note()
    session.notes.append(text)
    assert not failed, text
    assert text.startswith("EMAGE: "), text
    assert "3 speakers" in text, text
    yield from hands.shot("weights_tested")
    area.type = "VIEW_3D"
    yield 0.3


def find_in(session: Session, area: bpy.types.Area, wanted: str) -> Generator[float | Until, None, Spot]:
    """The place of an operator's button in another editor than the 3D view."""
    region = next(found for found in area.regions if found.type == "WINDOW")
    manager = bpy.context.window_manager
    for y in range(region.y + 6, region.y + region.height - 6, BUTTON_STEP):
        x = int(region.x + region.width * 0.6)
        yield from session.hands.move(x, y)
        manager.clipboard = ""
        with bpy.context.temp_override(window=window(), area=area, region=region):
            try:
                bpy.ops.ui.copy_python_command_button()
            except RuntimeError:
                continue
        if wanted in manager.clipboard:
            return Spot(x, y, manager.clipboard)
    raise StepError(f"no button of {wanted} in the {area.type.lower()}")


def pin_and_regenerate(session: Session) -> Steps:
    """A turned and pinned elbow, and the frames around it by EMAGE again: the pin and all outside stay to the bit."""
    hands, scene = session.hands, bpy.context.scene
    with override():
        bpy.ops.object.mode_set(mode="POSE")
    scene.tool_settings.use_keyframe_insert_auto = True
    yield from from_the_front(PIN_FRAME)
    yield from edit.choose(PINNED)
    yield from edit.turn(session)
    yield from hands.open("COSPEECH_PT_pins")
    yield from hands.click(r"cospeech\.pin\(")
    yield Until(lambda: look.extremes(look.active_action()), 5, "keys are pinned")
    yield from hands.open("COSPEECH_PT_pins", opened=False)
    edit.preview_range(*RANGE)
    document, before = look.document(), look.keys_of(look.active_action())
    pinned = look.extremes(look.active_action())
    yield from click_and_wait(session, r"cospeech\.regenerate\(", "emage_regenerating")
    after = look.keys_of(look.active_action())
    for spot, keys in after.items():
        assert keys.outside(*RANGE) == before[spot].outside(*RANGE), f"{spot} changed outside {RANGE}"
    for spot, frames in pinned.items():
        for frame in frames:
            assert after[spot].at(frame) == before[spot].at(frame), f"the pin {spot} on {frame} has changed"
    differing = [spot for spot in after if not np.array_equal(after[spot].values, before[spot].values)]
    assert len(differing) > 30, f"only {len(differing)} curves have changed"
    session.notes.append(f"EMAGE made {len(differing)} of {len(after)} curves anew around {len(pinned)} pinned ones")
    yield from undo_and_redo(session, document)
    for frame in (PIN_FRAME - 20, PIN_FRAME, PIN_FRAME + 20):
        bpy.context.scene.frame_set(frame)  # undo has made the scene anew
        yield from hands.shot(f"emage_pinned_{frame - START}")


def source_of(action: bpy.types.Action) -> dict[str, object]:
    """Where a take came from."""
    found = sys.modules[f"{MODULE}.takes.apply"].action_meta(action)["provenance"]
    assert isinstance(found, dict)
    return found
