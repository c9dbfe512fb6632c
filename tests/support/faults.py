"""Engines with one fault each, as Python programs; where they run, and what a job leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.client.jobs import STARTING, Job
from addon.client.process import EngineProcess, Workplace
from addon.setup.install import SetUpJob
from tests.limits import HANG_SECONDS
from tests.places import DEMO, ROOT, TRANSCRIPT

PROTOCOL = int(json.loads((ROOT / "assets/protocol.json").read_text())["protocol"])
OPTIONS = {"audio": str(DEMO), "transcript": str(TRANSCRIPT)}

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for Python are shell scripts")
hang_limit = pytest.mark.timeout(HANG_SECONDS)  # ends a step that blocks, too
# Work that is certain not to be done while a test looks: a minute of it on a fast machine.
LONG_WORK = {"options": OPTIONS, "variations": 64}

TOOLS = f"""
import json, os, subprocess, sys, time
def say(**message): print(json.dumps({{"jsonrpc": "2.0", **message}}), flush=True)
def hear(): return json.loads(sys.stdin.readline())
def hang(): time.sleep({6 * HANG_SECONDS})
def wait_for(path):
    while not os.path.exists(path): time.sleep(0.01)
"""
GREETING = f"""
say(id=hear()["id"], result={{"protocol": {PROTOCOL}}})
"""


def at(place: Workplace, python: Path) -> Workplace:
    """The same place with another Python."""
    return replace(place, python=python)


def faulty(folder: Path, code: str, *, greets: bool = True) -> Path:
    """A "Python" that runs this program instead of the engine."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "engine of its own.py"
    program.write_text(TOOLS + (GREETING if greets else "") + code)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}"\n')
    python.chmod(0o755)
    return python


def processes_with(text: str) -> list[int]:
    """Living processes whose command line or environment holds ``text``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if text.encode() in said and state not in "ZX" and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def group_of(leader: int) -> list[int]:
    """Living processes of the group that this process led."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == leader and state not in "ZX":
            found.append(int(folder.name))
    return found


def gone(pid: int) -> bool:
    """Whether the process has ended, even where nobody has asked for its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def until(happened: Callable[[], object]) -> None:
    """Wait for it, however long it takes here; what hangs is an error."""
    limit = time.monotonic() + HANG_SECONDS
    while not happened():
        assert time.monotonic() < limit, "it hangs"
        time.sleep(0.01)


def finished(job: Job) -> None:
    """Step to the end as Blender's timer does."""
    until(lambda: not job.step())


def run_until(job: Job | SetUpJob, stage: str) -> bool:
    """Step until the job reports this stage; False where it ends before."""
    until(lambda: not job.step() or job.stage == stage)
    return job.stage == stage


def begun(job: Job) -> None:
    """Step until the engine has said the first word about its work."""
    until(lambda: not job.step() or job.stage != "start")


def greeted(job: Job) -> None:
    """Step until the engine has been asked for its work."""
    until(lambda: not job.step() or job.state != STARTING)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give jobs one message a step, so that a look after each step sees every stage, however late the step comes."""
    everything = EngineProcess.poll
    waiting: dict[EngineProcess, list[dict[str, Any]]] = {}

    def poll(process: EngineProcess) -> list[dict[str, Any]]:
        messages = waiting.setdefault(process, [])
        messages += everything(process)
        return [messages.pop(0)] if messages else []

    monkeypatch.setattr(EngineProcess, "poll", poll)


def mounted(folder: Path, size: str) -> None:
    """Put a file system of this size there; skips where this user may not."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"there is no mount here: {error}")
    if done.returncode != 0:
        pytest.skip(f"a small disk needs root and mount: {done.stderr.strip()}")


def unmounted(folder: Path) -> None:
    """Take it away, whoever still looks at it."""
    subprocess.run(["umount", "-l", str(folder)], check=False)
