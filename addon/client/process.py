"""The engine process: polled without blocking, never left behind (docs/sources/contracts.md, section 4)."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import log as logs
from .children import Child, ending_of, engine_environment

# By eye.
LINE_BYTES = 8_000_000  # of one message: arrays travel as files
POLL_BYTES = 1_000_000  # read in one poll
UNSENT_BYTES = 8_000_000  # that the engine has not taken
CHUNK_BYTES = 512 if sys.platform == "win32" else 65536  # of one write
JUNK_LOGGED = 20  # lines that are no message, written to the log
JUNK_LINES = 2000  # lines after which it is no engine
LOG_INTERVAL = 5.0  # s from check to check of the log's length
STOP_SECONDS = 0.25  # from the end of its input to a process's own end
FULL = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOSPC})
if sys.platform == "win32":
    FULL |= {errno.EINVAL}  # said of a full pipe as of one whose reader is gone
NEXT_STEP = "choose another Python in the preferences"


CACHE_VARIABLE = "COSPEECH_CACHE"


class EngineError(Exception):
    """The engine can't be started or has died; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class Workplace:
    """Where a job runs: the engine's Python, its log file, the folder for job folders; a folder of packages that the
    Python is given beside its own, or ""; and what a user does where packages are missing or broken.
    """

    python: Path
    log: Path
    temporary: Path
    packages: str = ""
    remedy: str = NEXT_STEP


class EngineProcess:
    """``python -m engine serve`` with pipes. JSON messages, one a line; stderr goes to the log file."""

    def __init__(self, where: Workplace, root: Path) -> None:
        python, log = where.python, where.log
        if not python.is_file():
            raise EngineError(f"There is no Python at {python}; set the engine's Python in Cospeech's preferences")
        self.where, self.log = where, log
        self._inbox, self._unsent = b"", bytearray()
        self._skipping = False
        self._next_id = 0
        self.junk = 0
        log.parent.mkdir(parents=True, exist_ok=True)
        logs.bound(log)
        self._log_checked = time.monotonic()
        # By path, not by working directory: the chosen Python may be a wrapper that changes it.
        features = os.environ.get(CACHE_VARIABLE) or str(log.parent / "features")  # costly ones, of lines heard before
        environment = engine_environment(root, log.parent, where.packages, {CACHE_VARIABLE: features})
        try:
            with log.open("ab") as stderr:
                self._log_start = stderr.tell()
                self._child = Child(
                    [str(python), "-u", "-m", "engine", "serve"],
                    folder=root,
                    environment=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                )
        except OSError as error:
            text = f"The engine's Python {python} does not start ({error.strerror})"
            raise EngineError(f"{text}; choose another in the preferences. Log: {log}") from error
        stdin, stdout = self._child.popen.stdin, self._child.popen.stdout
        assert stdin is not None
        assert stdout is not None
        self._stdin, self._stdout = stdin.fileno(), stdout.fileno()
        for descriptor in (self._stdin, self._stdout):
            _never_wait(descriptor)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child.alive

    def is_at(self, where: Workplace) -> bool:
        """Whether it is the process that a job at ``where`` would start."""
        return (self.where.python, self.where.packages) == (where.python, where.packages)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def is_babbling(self) -> bool:
        """Whether so much came that is no message that this can't be our engine."""
        return self.junk > JUNK_LINES

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Send a request; returns its id. What the pipe does not take now goes with later :meth:`poll` calls.

        EngineError where the engine no longer listens.
        """
        self._next_id += 1
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        self._unsent += json.dumps(message).encode() + b"\n"
        try:
            self._flush()
        except (OSError, ValueError) as error:
            raise EngineError(self.obituary()) from error
        if len(self._unsent) > UNSENT_BYTES:
            raise EngineError(f"The engine does not take what is sent to it; try again. Log: {self.log}")
        return self._next_id

    def _flush(self) -> None:
        if self._child.popen.stdin is None or self._child.popen.stdin.closed:
            raise ValueError("the engine's input is closed")
        while self._unsent:
            try:
                written = os.write(self._stdin, self._unsent[:CHUNK_BYTES])
            except OSError as error:
                if error.errno in FULL and self.alive:  # the engine is busy: later
                    return
                raise
            del self._unsent[:written]

    def poll(self) -> list[dict[str, Any]]:
        """Messages that have arrived, without waiting. Lines that are no messages go to the log."""
        with suppress(OSError, ValueError):  # a dead engine shows in `alive`
            self._flush()
        now = time.monotonic()
        if now - self._log_checked > LOG_INTERVAL:
            self._log_checked = now
            logs.bound(self.log)
        self._inbox += self._read_available()
        *lines, self._inbox = self._inbox.split(b"\n")
        if len(self._inbox) > LINE_BYTES:
            self._note_junk(self._inbox)
            self._inbox, self._skipping = b"", True
        messages = []
        for line in lines:
            if self._skipping:  # the rest of a line that was too long
                self._skipping = False
                continue
            message = _message(line)
            if message is not None:
                messages.append(message)
            elif line.strip():
                self._note_junk(line)
        return messages

    def _read_available(self) -> bytes:
        chunks, size = [], 0
        while size < POLL_BYTES and (available := _available(self._stdout)):
            try:
                chunk = os.read(self._stdout, available)
            except OSError:
                break
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks)

    def _note_junk(self, line: bytes) -> None:
        self.junk += 1
        if self.junk <= JUNK_LOGGED:
            logs.write(self.log, f"not a message on the engine's output: {line[:200]!r}")
        elif self.junk == JUNK_LOGGED + 1:
            logs.write(self.log, "more such lines are not written here")

    def obituary(self) -> str:
        """One sentence on how the engine ended: its end, its last words, the next step, its log."""
        code = None if self.alive else self._child.popen.poll()
        how = "stopped answering" if code is None else f"stopped ({ending_of(code)})"
        words = self.last_words()
        if code and "No module named" in words:
            lacks = f"The engine's Python {self.where.python} lacks packages ({words})"
            return f"{lacks}; {self.where.remedy}. Log: {self.log}"
        said = f"; its last words: {words}" if words else ""
        return f"The engine {how}{said}. Try again; the next job starts a new one. Log: {self.log}"

    def last_words(self) -> str:
        """The last non-empty line that this process left in the log."""
        lines = [line.strip() for line in logs.tail(self.log, 5, self._log_start)]
        return next((line for line in reversed(lines) if line), "")[:300].rstrip(".")

    def end(self, *, at_once: bool = False) -> None:
        """Begin to end the process: end of input, terminate, kill; :meth:`tend` takes the steps."""
        self._child.end(at_once=at_once)

    def tend(self) -> bool:
        """Go on with the ending; True while the process is still there."""
        return self._child.tend()

    def kill(self) -> None:
        """End the process and all it started, now."""
        self._child.kill()

    def stop(self) -> None:
        """For the end of Blender: close the input, give the engine a moment, then kill it. At most half a second."""
        self._child.end()
        deadline = time.monotonic() + STOP_SECONDS
        while self._child.tend() and time.monotonic() < deadline:
            time.sleep(0.005)
        self._child.kill()


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and message.get("jsonrpc") == "2.0" else None


if sys.platform == "win32":  # os.set_blocking knows no pipes on Windows before Python 3.12
    from .windows import available as _available
    from .windows import never_wait as _never_wait

else:

    def _never_wait(descriptor: int) -> None:
        """Make the pipe refuse (EAGAIN) instead of wait."""
        os.set_blocking(descriptor, False)

    def _available(_: int) -> int:
        """How much to ask for: the pipe itself does not block."""
        return 65536
