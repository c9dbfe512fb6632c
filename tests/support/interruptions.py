"""What an animator may do while the engine works, and what the engine may do, one case after the other.

Prints a JSON report of each: python -m tests.support.interruptions FOLDER
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import wave
from pathlib import Path

import bpy
import numpy as np
import pytest

import addon
from addon.generate.ops import COSPEECH_OT_generate
from addon.setup.engine import SESSION
from addon.setup.ops import EngineJobOperator
from tests.places import DATA
from tests.support.faults import gone, one_by_one, until

LINE = DATA / "known_awb_05.flac"
CASES = ("load", "rename", "delete", "kill", "disable")
LONG_SECONDS = 20 * 60  # of sound, on which the engine certainly still works when it is killed


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


def ticks(hand: Hand, *, to_first_word: bool = False) -> set[str]:
    """Let the job go on; to its end, or to the engine's first word about its work."""
    result: set[str] = set()

    def far_enough() -> bool:
        result.clear()
        result.update(hand.modal(bpy.context, Tick()))
        working = SESSION.job is not None and SESSION.job.stage != "start"
        return bool(result & {"FINISHED", "CANCELLED"}) or (to_first_word and working)

    until(far_enough)
    return result


def long_line(folder: Path) -> Path:
    """Noise of LONG_SECONDS."""
    path = folder / "long.wav"
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(16000)
        noise = np.random.default_rng(0).normal(0.0, 2000.0, LONG_SECONDS * 16000)
        stream.writeframes(noise.astype("<i2").tobytes())
    return path


def prepare(folder: Path, line: Path) -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.cospeech.add_character()
    bpy.context.scene.cospeech.audio = str(line)
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


def report_of(case: str, folder: Path) -> dict[str, object]:
    """What is left after this case."""
    folder.mkdir()
    armature = prepare(folder, long_line(folder) if case == "kill" else LINE)
    hand = Hand()
    hand._job = hand.begin(bpy.context)
    job, before = hand._job, hashlib.sha256((folder / "shot.blend").read_bytes()).hexdigest()
    ticks(hand, to_first_word=True)
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
    return report


def main(folder: Path) -> None:
    """All cases; the engine ends with the add-on."""
    one_by_one(pytest.MonkeyPatch())
    addon.register()
    for case in CASES:
        print("REPORT" + json.dumps({case: report_of(case, folder / case)}))
    engine = SESSION._engine.process.pid
    addon.unregister()
    until(lambda: gone(engine))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
