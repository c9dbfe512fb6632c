"""Child processes in a group of their own: ending one ends whatever it started, and no wait is without a limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    from .windows import Tree

# Seconds after the end was asked for, by eye: a cancel is over within a second and a half.
TERMINATE_AFTER = 0.5
KILL_AFTER = 1.0

Stream = int | IO[bytes]


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without Blender's or the user's Python settings, plus ``extra``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "PYTHONNOUSERSITE": "1", "PYTHONIOENCODING": "utf-8", **extra}


def engine_environment(
    root: Path, caches: Path, packages: str = "", extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """An environment in which ``python -m engine`` is the extension's own at ``root``, with a folder of ``packages``.

    Blender unpacks packages without compiling them, and their folder is not ours to write into: what Python compiles of
    them is kept in ``caches``, else each start takes twice as long. Nothing is written into the extension's folder.
    """
    path = os.pathsep.join(filter(None, (str(root), packages)))
    kept = {"PYTHONPYCACHEPREFIX": str(caches / "bytecode")} if packages else {"PYTHONDONTWRITEBYTECODE": "1"}
    return clean_environment({"PYTHONPATH": path, **kept, **(extra or {})})


class Child:
    """A process that is ended in steps, with its group: end of input, then terminate, then kill. Never waits long."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: dict[str, str],
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.DEVNULL,
        stderr: Stream = subprocess.DEVNULL,
    ) -> None:
        """Start ``command``; OSError where the system refuses."""
        self._ending: float | None = None
        self._group_ended = False
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        self.popen = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            creationflags=flags,
            start_new_session=sys.platform != "win32",
        )
        if sys.platform == "win32":
            self._tree = Tree(self.popen)

    @property
    def pid(self) -> int:
        """The process id, which is the group's too."""
        return self.popen.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs. Once it does not, what is left of its group is ended too."""
        if self.popen.poll() is None:
            return True
        if not self._group_ended:
            self._group_ended = True
            self._signal(kill=True)
        return False

    def end(self, *, at_once: bool = False) -> None:
        """Begin to end the process; :meth:`tend` goes on. ``at_once`` skips the time to end by itself."""
        if self._ending is None:
            self._ending = time.monotonic() - (TERMINATE_AFTER if at_once else 0.0)
            if self.popen.stdin is not None:
                with suppress(OSError):
                    self.popen.stdin.close()
        self.tend()

    def tend(self) -> bool:
        """Take the next step of the ending where one is due; True while the process is still there."""
        if not self.alive:
            self._close_pipes()
            return False
        if self._ending is not None:
            passed = time.monotonic() - self._ending
            if passed >= TERMINATE_AFTER:
                self._signal(kill=passed >= KILL_AFTER)
        return True

    def kill(self, patience: float = 0.25) -> None:
        """End the group now, and look for at most ``patience`` seconds whether it is gone."""
        if self.popen.poll() is None:
            self._signal(kill=True)
            deadline = time.monotonic() + patience
            while self.popen.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
        if not self.alive:
            self._close_pipes()

    def _signal(self, *, kill: bool) -> None:
        if sys.platform == "win32":  # nothing there asks a process without a window to end
            with suppress(OSError):
                self._tree.end()
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL if kill else signal.SIGTERM)

    def _close_pipes(self) -> None:
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def ending_of(code: int) -> str:
    """How a process ended, in words: its exit code, or the signal that ended it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = "; the system may be short of memory" if name == "SIGKILL" else ""
    return f"ended by {name}{memory}"
