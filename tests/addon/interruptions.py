"""One case a process: what an animator may do while the engine works. Prints a JSON report.

python interruptions.py CASE FOLDER
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import addon  # noqa: E402
from addon.generate.ops import COSPEECH_OT_generate  # noqa: E402
from addon.setup.engine import SESSION  # noqa: E402
from addon.setup.ops import EngineJobOperator  # noqa: E402

LINE = ROOT / "tests/engine/data/known_awb_05.flac"


class Hand(EngineJobOperator):
    """Presses Generate and then is the timer that Blender's window would be."""

    def __init__(self) -> None:
        self.reports: list[str] = []

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append(f"{next(iter(kind))}: {text}")


class Tick:
    """A timer's event."""

    type, value = "TIMER", "NOTHING"


for name, value in vars(COSPEECH_OT_generate).items():
    if callable(value) and not name.startswith("__") and name not in ("poll", "bl_rna"):
        setattr(Hand, name, value)


def ticks(hand: Hand, until: str = "") -> set[str]:
    """Let the job go on; to its end, or to its first word from this stage on."""
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline:
        result = hand.modal(bpy.context, Tick())
        if result & {"FINISHED", "CANCELLED"} or (until and SESSION.job is not None and SESSION.job.stage != "start"):
            return result
        time.sleep(0.01)
    raise TimeoutError


def prepare(folder: Path) -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.cospeech.add_character()
    bpy.context.scene.cospeech.audio = str(LINE)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    return bpy.context.scene.cospeech.character


def disturb(case: str, folder: Path, armature: bpy.types.Object) -> None:
    """What the animator does."""
    if case == "load":
        bpy.ops.wm.open_mainfile(filepath=str(folder / "shot.blend"))
    elif case == "rename":
        armature.name, bpy.context.scene.name = "Zoë", "Shot 12"
        bpy.ops.wm.save_mainfile()
    elif case == "delete":
        bpy.data.objects.remove(armature)
    elif case == "kill":
        os.kill(SESSION._engine.process.pid, signal.SIGKILL)
    elif case == "disable":
        addon.unregister()
        addon.register()


def main(case: str, folder: Path) -> None:
    addon.register()
    armature = prepare(folder)
    hand = Hand()
    hand._job = hand.begin(bpy.context)
    job, before = hand._job, hashlib.sha256((folder / "shot.blend").read_bytes()).hexdigest()
    ticks(hand, "speech")
    engine = SESSION._engine.process.pid
    disturb(case, folder, armature)
    result = ticks(hand)
    blend = hashlib.sha256((folder / "shot.blend").read_bytes()).hexdigest()
    characters = [obj for obj in bpy.data.objects if obj.type == "ARMATURE"]
    report = {
        "result": sorted(result),
        "reports": hand.reports,
        "note": SESSION.note,
        "failed": SESSION.failed,
        "job": SESSION.job is not None,
        "folder": job.folder.exists(),
        "same file": blend == before,
        "actions": [action.name for action in bpy.data.actions],
        "characters": [obj.name for obj in characters],
    }
    if SESSION.job is None and case != "delete" and characters:  # the UI is usable: another line at once
        bpy.context.scene.cospeech.character = characters[0]
        bpy.context.scene.cospeech.audio = str(LINE)
        report["again"] = sorted(bpy.ops.cospeech.generate())
    addon.unregister()
    deadline = time.monotonic() + 3.0
    while Path(f"/proc/{engine}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    report["orphan"] = Path(f"/proc/{engine}").exists()
    print("REPORT" + json.dumps(report))


main(sys.argv[1], Path(sys.argv[2]))
