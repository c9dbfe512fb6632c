"""What a bug report needs, as text without the user's paths. No bpy in here."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ..client import log as logs
from .runtimes import Runtime

# By eye.
LOG_LINES = 200  # lines of each log
DRIVER_SECONDS = 3.0  # that the graphics driver's tool may take


def describe(facts: Mapping[str, object], runtime: Runtime | None, folder: Path, files: tuple[Path, ...]) -> str:
    """Versions, system, device, disk, runtime and the ends of the logs; home folders are written ~."""
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines.append(f"System: {platform.platform()}, {os.cpu_count()} processors, Python {sys.version.split()[0]}")
    lines.append(f"Graphics driver: {driver()}")
    lines.append(f"Free disk: {free_disk(folder)} in {folder}")
    lines.append(f"Runtime: {json.dumps(runtime.info) if runtime else 'none'}")
    for file in files:
        lines += ["", f"--- last lines of {file.name}", *logs.tail(file, LOG_LINES)]
    return without_home("\n".join(lines))


def driver() -> str:
    """NVIDIA's card and driver as its tool names them, or that there is none."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "no NVIDIA driver found"
    words = [tool, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=DRIVER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return "nvidia-smi does not answer"
    return done.stdout.strip() or "nvidia-smi found no card"


def free_disk(folder: Path) -> str:
    """Free space in words."""
    try:
        return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB"
    except OSError:
        return "unknown"


def without_home(text: str) -> str:
    """The text with ~ for home folders: this user's, and any other's."""
    for home in {str(Path.home()), os.path.expanduser("~"), os.environ.get("USERPROFILE", "")}:  # noqa: PTH111
        if len(home) > 1:
            text = text.replace(home, "~").replace(json.dumps(home)[1:-1], "~")
    return re.sub(r"(?i)(?:/home/|/Users/|[a-z]:(?:\\\\|\\|/)Users(?:\\\\|\\|/))[^/\\\s\"']+", "~", text)
