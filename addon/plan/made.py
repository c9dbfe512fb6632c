"""From what a take was made: recorded when it is written, compared later to see whether it still holds."""

from __future__ import annotations

import hashlib
import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy

from ..client.generators import declared
from ..client.provenance import SPEAK, Provenance, TakeMeta
from ..scene import plan_of
from .pinprint import WATCH, target_print

LARGEST_HASHED = 256 * 2**20  # bytes, by eye; of larger files only size and date count
CHUNK = 2**20  # bytes read at once, by eye


def record_made(action: bpy.types.Action, meta: TakeMeta) -> None:
    """Store in the Action's plan group what the take was made of, as it is now: pins, settings, input files.

    A chain is made of takes, not of settings and files.
    """
    made: dict[str, Any] = {"pins": WATCH.fingerprint(action), "targets": target_print(action)}
    if not meta.lines:
        made |= _inputs(meta.provenance)
    plan_of(action).made = json.dumps(made)


def _inputs(source: Provenance) -> dict[str, Any]:
    """Settings and files of a line."""
    options = source.options
    made: dict[str, Any] = {}
    for name in ("style", "energy", "emotion", "emotion_strength"):
        if name in options:
            made[name] = options[name]
    if source.role == SPEAK and source.generator:
        made |= {"generator": source.generator, "speaker": str(options.get("speaker", ""))}
        if declared()[source.generator].gaze:
            made["gaze"] = options.get("gaze")
    for name in ("audio", "transcript"):
        path = str(options.get(name) or "")
        made[name] = {"path": path, **file_facts(path)}
    return made


def file_facts(path: str) -> dict[str, Any]:
    """Size, date and hash of a file; empty where there is none."""
    stat = _stat(path, 0)
    if stat is None:
        return {}
    return {"size": stat[0], "date": stat[1], "hash": _digest(path, *stat)}


def file_changed(made: dict[str, Any], second: int | None = None) -> bool:
    """Whether a file is another one than when :func:`file_facts` looked. Looks at the disk once a second at most."""
    if "size" not in made:
        return False
    path = str(made["path"])
    stat = _cached_stat(path, int(time.monotonic()) if second is None else second)
    if stat is None or stat == (made["size"], made["date"]):
        return False  # a missing file is told when it is needed
    return stat[0] != made["size"] or _digest(path, *stat) != made["hash"]


def _stat(path: str, _: int) -> tuple[int, int] | None:
    try:
        found = Path(path).stat() if path else None
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found is not None else None


_cached_stat = lru_cache(maxsize=32)(_stat)


@lru_cache(maxsize=32)
def _digest(path: str, size: int, date: int) -> str:
    if size > LARGEST_HASHED:
        return str(date)
    digest = hashlib.blake2b(digest_size=16)
    try:
        with Path(path).open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()
