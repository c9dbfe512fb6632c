"""The engine process: started once, polled without blocking, never left behind (design.md section 6)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LAST_WORDS_BYTES = 2000
STOP_SECONDS = 1.0


class EngineError(Exception):
    """The engine can't be started or has died; ``str(error)`` is one sentence for the user."""


class EngineProcess:
    """``python -m engine serve`` with pipes. JSON messages, one a line; stderr goes to the log file."""

    def __init__(self, python: Path, root: Path, log: Path) -> None:
        if not python.is_file():
            raise EngineError(f"There is no Python at {python}; set the engine's Python in Cospeech's preferences")
        self.python, self.log = python, log
        self._buffer = b""
        self._next_id = 0
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        # By path, not by working directory: the chosen Python may be a wrapper that changes it.
        environment.update(
            PYTHONPATH=str(root), PYTHONNOUSERSITE="1", PYTHONIOENCODING="utf-8", PYTHONDONTWRITEBYTECODE="1"
        )
        try:
            with log.open("ab") as stderr:
                self._log_start = stderr.tell()
                self._process = subprocess.Popen(
                    [str(python), "-u", "-m", "engine", "serve"],
                    cwd=root,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=environment,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            raise EngineError(
                f"The engine's Python {python} does not start ({error.strerror}); choose another in the preferences"
            ) from error
        assert self._process.stdout is not None
        self._stdout = self._process.stdout.fileno()
        if sys.platform != "win32":
            os.set_blocking(self._stdout, False)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Send a request; returns its id. EngineError where the engine no longer listens."""
        self._next_id += 1
        message = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            stdin.flush()
        except (OSError, ValueError) as error:
            raise EngineError(self.obituary()) from error
        return self._next_id

    def poll(self) -> list[dict[str, Any]]:
        """Messages that have arrived, without waiting. Lines that are no messages go to the log."""
        self._buffer += self._read_available()
        *lines, self._buffer = self._buffer.split(b"\n")
        messages = []
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
                messages.append(message)
            elif line.strip():
                self._log(f"not a message on the engine's output: {line[:200]!r}")
        return messages

    def _read_available(self) -> bytes:
        chunks = []
        while available := _available(self._stdout):
            try:
                chunk = os.read(self._stdout, available)
            except BlockingIOError:
                break
            except OSError:
                break
            if not chunk:
                break
            chunks.append(chunk)
        return b"".join(chunks)

    def _log(self, text: str) -> None:
        with self.log.open("ab") as stream:
            stream.write(f"cospeech: {text}\n".encode())

    def obituary(self) -> str:
        """One sentence on how the engine ended: exit code, last words, log."""
        code = self._process.poll()
        how = "stopped answering" if code is None else f"stopped (exit code {code})"
        words = self.last_words()
        if code and "No module named" in words:
            return f"The engine's Python {self.python} lacks packages ({words}); choose another in the preferences"
        said = f"; its last words: {words}" if words else ""
        return f"The engine {how}{said}. Its log: {self.log}. Try again; the next job starts a new one"

    def last_words(self) -> str:
        """The last non-empty line that this process left in the log."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(self._log_start, stream.tell() - LAST_WORDS_BYTES))
                lines = [line.strip() for line in stream.read().decode("utf-8", "replace").splitlines()]
        except OSError:
            return ""
        return next((line for line in reversed(lines) if line), "")[:300].rstrip(".")

    def kill(self) -> None:
        """End the process at once and wait until it is gone."""
        self._process.kill()
        self._reap()

    def stop(self) -> None:
        """End the process: end of input, then terminate, then kill; each with a short wait."""
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                self._log("the engine's input was already closed")
        for end in (self._process.terminate, self._process.kill):
            if self._waited(STOP_SECONDS):
                break
            end()
        self._reap()

    def _waited(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.alive

    def _reap(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    self._log("a pipe to the engine was already closed")


if sys.platform == "win32":  # untested here: a pipe can't be made non-blocking on Windows before Python 3.12
    import ctypes
    import msvcrt

    def _available(descriptor: int) -> int:
        """Bytes that can be read from the pipe without waiting."""
        count = ctypes.c_ulong(0)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        ok = ctypes.windll.kernel32.PeekNamedPipe(handle, None, 0, None, ctypes.byref(count), None)
        return int(count.value) if ok else 0

else:

    def _available(_: int) -> int:
        """How much to ask for: the pipe itself does not block."""
        return 65536
