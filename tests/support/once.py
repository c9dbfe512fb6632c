"""Things that are dear to make, made once for all of pytest's workers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.limits import HANG_SECONDS


def once(folder: Path, make: Callable[[Path], object]) -> Path:
    """``folder``, filled by the first process that asks for it; the others wait. It is read only from then on."""
    busy, fresh = folder.with_name(f"{folder.name}.busy"), folder.with_name(f"{folder.name}.new")
    latest = time.monotonic() + HANG_SECONDS
    while not folder.is_dir():
        try:
            busy.mkdir()
        except FileExistsError:
            if time.monotonic() > latest:
                raise
            time.sleep(0.1)
            continue
        try:
            if not folder.is_dir():
                shutil.rmtree(fresh, ignore_errors=True)
                fresh.mkdir()
                make(fresh)
                fresh.rename(folder)
        finally:
            busy.rmdir()
    return folder
