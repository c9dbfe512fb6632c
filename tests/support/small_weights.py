"""Small weights for the add-on's tests, written by the engine's Python: Blender's has no torch."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.limits import HANG_SECONDS
from tests.places import ENGINE_PYTHON, ROOT

WRITE = """
import sys
from importlib import import_module
from pathlib import Path
import_module("tests.support.small_" + sys.argv[1]).small_release(Path(sys.argv[2]))
"""


def write_weights(system: str, folder: Path) -> Path:
    """A small release of "emage", "semtalk" or "semges" in its published layout; returns its folder."""
    command = [str(ENGINE_PYTHON), "-c", WRITE, system, str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=HANG_SECONDS)
    return folder
