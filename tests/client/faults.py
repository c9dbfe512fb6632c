"""Engines with one fault each, as Python programs; where they run, and what a job leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from addon.client.jobs import Job

ROOT = Path(__file__).resolve().parents[2]
ENGINE_PYTHON = ROOT / ".venv/bin/python"
PROTOCOL = int(json.loads((ROOT / "assets/protocol.json").read_text())["protocol"])
DEMO = next((ROOT / "assets/demo").glob("demo.[fw]*"))
OPTIONS = {"audio": str(DEMO), "transcript": str(ROOT / "assets/demo/demo.txt")}

needs_engine = pytest.mark.skipif(not ENGINE_PYTHON.is_file(), reason="the engine's environment .venv is not set up")
posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for Python are shell scripts")

GREETING = f"""
import json, os, subprocess, sys, time
def say(**message): print(json.dumps({{"jsonrpc": "2.0", **message}}), flush=True)
def hear(): return json.loads(sys.stdin.readline())
say(id=hear()["id"], result={{"protocol": {PROTOCOL}}})
"""


def faulty(folder: Path, code: str, *, greets: bool = True) -> Path:
    """A "Python" that runs this program instead of the engine."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "engine of its own.py"
    program.write_text((GREETING if greets else "import os, subprocess, sys, time\n") + code)
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


def gone(pid: int, seconds: float) -> bool:
    """Whether the process ends within this time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def run_until(job: Job, stage: str) -> bool:
    """Step until the job reports this stage; False where it ends before."""
    while job.step():
        if job.stage == stage:
            return True
        time.sleep(0.002)
    return False


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
