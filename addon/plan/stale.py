"""Why a take is no longer what its inputs say. Nothing regenerates by itself; panels show these sentences."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..face.emotion import emotion_differs
from ..gaze.place import look_differs
from ..scene import plan_of, settings_of
from ..speakers.choice import chosen
from ..speakers.props import same_speaker
from ..speech.transcript import find_transcript
from .made import file_changed
from .pinprint import WATCH, target_print
from .props import SAME_EMPHASIS

SAME_ENERGY = 1e-3  # no unit, by eye: less nobody sees


def stale_reasons(context: bpy.types.Context, armature: bpy.types.Object | None) -> list[str]:
    """Short sentences: what changed since the character's active take was made; empty where it holds.

    The seed is none of them: Regenerate takes the next one anyway, and a take of another seed is as good as ever.
    Cheap enough for every redraw: flags and numbers kept with the Action, and the disk once a second at most.
    """
    data = armature.animation_data if armature is not None else None
    action = data.action if data is not None else None
    if action is None or not plan_of(action).synced:
        return []
    made = _made(action)
    reasons = [*_plan_reasons(plan_of(action)), *_file_reasons(context.scene, made)]
    if look_differs(context.scene, armature, int(plan_of(action).start_frame), made):
        reasons.append("Look At differs")
    return [*reasons, *_setting_reasons(context.scene, made), *_pin_reasons(action, made)]


def stale_text(reasons: list[str]) -> str:
    """The reasons as one sentence."""
    first, *others = reasons
    return f"Out of date: {'; '.join([first, *(other[0].lower() + other[1:] for other in others)])}"


def maker(action: bpy.types.Action) -> str:
    """By which generator the take was made; empty where it does not say."""
    return str(_made(action).get("generator") or "")


def _made(action: bpy.types.Action) -> dict[str, Any]:
    text = plan_of(action).made
    return dict(json.loads(text)) if text else {}


def count_changed(collection: Any) -> int:
    """How many phrases or words were edited."""
    flags = np.zeros(len(collection), bool)
    collection.foreach_get("changed", flags)
    return int(flags.sum())


def count_emphasised(words: Any) -> int:
    """How many words have other emphasis than when they were performed."""
    now, made = np.zeros(len(words), np.float32), np.zeros(len(words), np.float32)
    words.foreach_get("emphasis", now)
    words.foreach_get("made_emphasis", made)
    return int((np.abs(now - made) > SAME_EMPHASIS).sum())


def _plan_reasons(group: Any) -> list[str]:
    gestures, words = count_changed(group.phrases), count_changed(group.words)
    emphasised = count_emphasised(group.words)
    reasons = []
    if gestures:
        reasons.append(f"{gestures} gesture{'s' if gestures > 1 else ''} of the plan edited")
    if words:
        reasons.append(f"{words} word{'s' if words > 1 else ''} corrected")
    if emphasised:
        reasons.append(f"{emphasised} word{'s' if emphasised > 1 else ''} emphasised")
    return reasons


def _file_reasons(scene: bpy.types.Scene, made: dict[str, Any]) -> list[str]:
    settings = settings_of(scene)
    audio, transcript = made.get("audio") or {}, made.get("transcript") or {}
    reasons = []
    if not audio.get("path"):
        return []
    chosen = bpy.path.abspath(settings.audio) if settings.audio else str(audio["path"])
    if file_changed({**audio, "path": chosen}):
        if Path(chosen) != Path(audio["path"]):
            return ["Another audio file is chosen"]
        reasons.append("The audio file changed")
    named = bpy.path.abspath(settings.transcript) if settings.transcript else ""
    present = _transcript(chosen, named, int(time.monotonic()))
    if bool(present) != ("size" in transcript):
        reasons.append("A transcript was added" if present else "The transcript is gone")
    elif file_changed({**transcript, "path": present}):
        reasons.append("The transcript changed" if present == transcript["path"] else "Another transcript is chosen")
    return reasons


@lru_cache(maxsize=8)
def _transcript(audio: str, named: str, _: int) -> str:
    """The transcript's path; asked of the disk once a second at most."""
    found = find_transcript(Path(audio), named)
    return str(found) if found is not None and found.is_file() else ""


def _setting_reasons(scene: bpy.types.Scene, made: dict[str, Any]) -> list[str]:
    settings = settings_of(scene)
    reasons = []
    if settings.generator != made.get("generator", settings.generator):
        reasons.append("Generator differs")
    elif "generator" in made and not same_speaker(chosen(scene).speaker, str(made.get("speaker"))):
        reasons.append("Speaker differs")
    if "style" in made and settings.style != made["style"]:
        reasons.append("Style differs")
    if "energy" in made and abs(settings.energy - float(made["energy"])) > SAME_ENERGY:
        reasons.append("Energy differs")
    if "style" in made and emotion_differs(settings, made):
        reasons.append("Emotion differs")
    return reasons


def _pin_reasons(action: bpy.types.Action, made: dict[str, Any]) -> list[str]:
    reasons = []
    if "pins" in made and WATCH.print_of(action) != made["pins"]:
        reasons.append("Pins or edited keys differ")
    if made.get("targets") is not None and target_print(action) not in {None, made["targets"]}:
        reasons.append("Targets differ")
    return reasons
