"""The chapter of Look At: an empty and the camera by a click, a take that looks there, and one that is out of date."""

from __future__ import annotations

import bpy
import look
from hands import override
from stepper import Steps, Until
from steps import Session, click_and_wait, from_the_front

ASIDE = (0.9, -1.2, 1.4)


def looks(session: Session) -> Steps:
    """Both buttons, undo, and what the panel says before and after a take is made."""
    hands = session.hands
    yield from hands.open("COSPEECH_PT_performance")
    yield from hands.shot("look_at_nobody")
    yield from hands.hover(r"cospeech\.look_at_camera\(")
    hands.picture("look_at_camera_grey")
    yield from hands.click(r"cospeech\.look_at_new\(")
    yield Until(lambda: look.settings().look_at, 5, "there is something to look at")
    yield from from_the_front()
    yield from hands.shot("look_at_empty")
    yield from hands.to_view()
    yield from hands.press("Z", ctrl=True)
    yield Until(lambda: look.settings().look_at is None, 5, "undo takes it away")
    yield from hands.press("Z", ctrl=True, shift=True)
    yield Until(lambda: look.settings().look_at, 5, "redo brings it back")
    look.settings().look_at.location = ASIDE
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.location = (-1.5, -2.5, 1.6)
    with override():
        bpy.ops.ed.undo_push(message="Aside")
    yield from click_and_wait(session, r"cospeech\.generate\(", "look_progress")
    yield from from_the_front(look.settings().start_frame + 30)
    yield from hands.shot("look_at_taken")
    assert not stale(), stale()
    yield from hands.open("COSPEECH_PT_performance")
    yield from hands.click(r"cospeech\.look_at_camera\(")
    yield Until(lambda: look.settings().look_at == bpy.context.scene.camera, 5, "the camera is looked at")
    assert stale() == ["Look At differs"], stale()
    yield from hands.shot("look_at_camera")
    yield from hands.open("COSPEECH_PT_performance", opened=False)
    yield from hands.shot("look_out_of_date")
    assert not look.grey_without_reason(), look.grey_without_reason()


def stale() -> list[str]:
    """Why the take is out of date."""
    from importlib import import_module

    return import_module(f"{look.MODULE}.plan.stale").stale_reasons(bpy.context, look.character())
