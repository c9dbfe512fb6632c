"""One Blender at a time sets up the engine; a Blender that crashed does not keep the others out. No bpy in here."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path

from .wheelhouse import SetUpError

NAME = "setup.lock"
# By eye: a set-up that lives renews its claim far oftener than it grows stale.
STALE_SECONDS = 600.0
RENEW_SECONDS = 5.0


class Claim:
    """A lock file in the folder of runtimes; SetUpError where another living Blender holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._renewed = time.monotonic()
        if not self._taken() and not (self._is_stale() and self._retaken()):
            raise SetUpError("Another Blender sets up the engine right now; wait until it is done")

    def renew(self) -> None:
        """Show that we are alive."""
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self._renewed = time.monotonic()
            with suppress(OSError):
                os.utime(self._path)

    def release(self) -> None:
        """Let others in."""
        self._path.unlink(missing_ok=True)

    def _taken(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"pid": os.getpid(), "host": platform.node()}, stream)
        return True

    def _retaken(self) -> bool:
        self._path.unlink(missing_ok=True)
        return self._taken()

    def _is_stale(self) -> bool:
        try:
            age = time.time() - self._path.stat().st_mtime
            holder = json.loads(self._path.read_text(encoding="utf-8"))
            pid, host = int(holder["pid"]), str(holder["host"])
        except (OSError, ValueError, KeyError, TypeError):
            return True
        if age > STALE_SECONDS:
            return True
        # On Windows os.kill would end the process instead of asking for it.
        return sys.platform != "win32" and host == platform.node() and not _runs(pid)


def _runs(pid: int) -> bool:
    if pid == os.getpid():  # this Blender, whose job was lost with an exception
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
