"""librosa, imported by one process at a time.

Importing it compiles forty functions, and numba keeps the machine code in a folder that all processes share without a
lock: two that fill it at once (two Blenders, two test workers) leave an index that names other functions' code, and
whoever reads it later dies of a segmentation fault (measured: 1 of 6 cold starts of three processes).
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

CHOSEN_FOLDER = "NUMBA_CACHE_DIR"  # numba's own variable: who sets it has chosen the folder
PATIENCE = 300.0  # s; compiling takes 25 s on one slow core (measured), so whoever holds the lock longer hangs
PARTS = ("core.audio", "onset")  # librosa imports its parts when they are used; these, and what they need, are


def librosa() -> Any:
    """The package; its compiled functions come from a folder that is written under a lock."""
    if "librosa.onset" not in sys.modules:
        _import_alone()
    return import_module("librosa")


def _import_alone() -> None:
    folder = _shared_folder()
    if folder is not None:
        try:
            with FileLock(folder / "cospeech.lock", timeout=PATIENCE):
                _import_with(folder)
            return
        except (Timeout, OSError):
            pass  # a neighbour that hangs, or a folder that can't be locked: compile for this process alone
    private = Path(tempfile.mkdtemp(prefix="cospeech_numba_"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    _import_with(private)


def _import_with(folder: Path) -> None:
    import numba

    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # made when numba is imported
    for part in PARTS:
        import_module(f"librosa.{part}")


def _shared_folder() -> Path | None:
    """Where the processes of this Python keep compiled code: in its environment, else in the user's own cache."""
    chosen = os.environ.get(CHOSEN_FOLDER)
    of_environment = [Path(sys.prefix) / "cospeech-numba"] if sys.prefix != sys.base_prefix else []
    users = Path.home() / ".cache" / "cospeech" / "numba"
    for folder in [Path(chosen)] if chosen else [*of_environment, users]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None
