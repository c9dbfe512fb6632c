"""What Blender runs: the session, one timer, and an end that always comes (``blender --python run.py -- SETTINGS``)."""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hands import Hands
from look import MODULE, error_reports
from stepper import Stepper
from steps import Session
from story import story

FAILED = 9


def main(place: Path) -> None:
    """Prepare the preferences, then hand the session to a timer."""
    settings = json.loads(place.read_text(encoding="utf-8"))
    work = Path(settings["work"])
    preferences = bpy.context.preferences
    preferences.view.show_splash = False
    preferences.view.show_tooltips = True
    preferences.view.filebrowser_display_type = "SCREEN"
    preferences.filepaths.temporary_directory = str(work / "temporary")
    session = Session(Hands(work / "shots"), settings, work)

    def at_end(error: BaseException | None) -> None:
        if bpy.app.timers.is_registered(tick):
            bpy.app.timers.unregister(tick)
        finish(session, error)

    stepper = Stepper(story(session), at_end)

    def tick() -> float | None:
        return stepper.tick()

    bpy.app.timers.register(tick, first_interval=0.5, persistent=True)


def finish(session: Session, error: BaseException | None) -> None:
    """Write the result and leave: by quitting like an artist, or at once with a non-zero status."""
    told: dict[str, object] = {"finished": error is None, "notes": session.notes}
    if error is not None:
        told["failure"] = "".join(traceback.format_exception(error))[-6000:]
        print(told["failure"], file=sys.stderr, flush=True)
        _try(lambda: session.hands.picture("failure"))
    told["errors"] = _try(error_reports) or []
    _try(session.hands.forget_panels)
    (session.work / "result.json").write_text(json.dumps(told), encoding="utf-8")
    if error is None:
        bpy.ops.wm.quit_blender()  # the add-on is on: its engine must not keep Blender from ending
        return
    _try(lambda: bpy.ops.preferences.addon_disable(module=MODULE))
    sys.stdout.flush()
    os._exit(FAILED)


def _try(action: object) -> object:
    """The end comes whatever happens on the way."""
    try:
        return action()  # type: ignore[operator]
    except Exception:
        traceback.print_exc()
        return None


main(Path(sys.argv[-1]))
