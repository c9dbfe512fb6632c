"""Jobs: plain objects with ``step()``, driven by a loop in background and by a timer in the UI."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .process import EngineError, EngineProcess

STARTING, RUNNING, DONE, FAILED, CANCELLED = "STARTING", "RUNNING", "DONE", "FAILED", "CANCELLED"
FINISHED = frozenset({DONE, FAILED, CANCELLED})

HELLO_SECONDS = 60.0
SILENT_SECONDS = 180.0
CANCEL_GRACE_SECONDS = 2.0
CANCELLED_CODE = -32001

JobFiles = Mapping[str, Callable[[Path], None]]


@dataclass(frozen=True)
class Workplace:
    """Where a job runs: the engine's Python, its log file, and the folder for job folders."""

    python: Path
    log: Path
    temporary: Path


class Engine:
    """Keeps one engine process alive between jobs, and starts a new one where there is none."""

    def __init__(self, root: Path, protocol: int) -> None:
        self._root, self._protocol = root, protocol
        self._process: EngineProcess | None = None

    @property
    def protocol(self) -> int:
        """The protocol version that the engine must speak."""
        return self._protocol

    @property
    def process(self) -> EngineProcess | None:
        """The process as it is now; None before the first job and after :meth:`close`."""
        return self._process

    def ensure(self, python: Path, log: Path) -> EngineProcess:
        """A living process of this Python; EngineError where it can't be started."""
        process = self._process
        if process is not None and (not process.alive or process.python != python):
            self.close()
            process = None
        if process is None:
            process = self._process = EngineProcess(python, self._root, log)
        return process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.stop()
            self._process = None


class Job:
    """One request to the engine. Call :meth:`step` until ``state`` is in FINISHED; then :meth:`clean_up`."""

    def __init__(
        self, engine: Engine, where: Workplace, method: str, params: dict[str, Any], files: JobFiles | None = None
    ) -> None:
        self.id = uuid.uuid4().hex
        self.state = STARTING
        self.stage, self.fraction = "start", 0.0
        self.message = ""
        self.result: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="cospeech_", dir=where.temporary))
        self._engine, self._method = engine, method
        self._params = {**params, "job": self.id, "folder": str(self.folder)}
        self._request = 0
        self._cancel_at: float | None = None
        self._heard = self._started = time.monotonic()
        self._process: EngineProcess | None = None
        try:
            for name, write in (files or {}).items():
                write(self.folder / name)
        except BaseException:  # a full disk: nothing was asked for yet, so nothing stays behind
            self.clean_up()
            raise
        try:
            self._process = engine.ensure(where.python, where.log)
            self._hello = self._process.send("hello", {})
        except EngineError as error:
            self._end(FAILED, str(error))

    @property
    def seconds(self) -> float:
        """Time since the job began."""
        return time.monotonic() - self._started

    def step(self) -> bool:
        """Take what has arrived; True while the job goes on. Never waits."""
        process = self._process
        if self.state in FINISHED or process is None:
            return False
        for message in process.poll():
            self._heard = time.monotonic()
            self._take(message)
            if self.state in FINISHED:
                return False
        self._watch(process)
        return self.state not in FINISHED

    def wait(self, tick: Callable[[Job], None] | None = None, interval: float = 0.02) -> None:
        """Step until the end: for background mode and tests."""
        while self.step():
            if tick is not None:
                tick(self)
            time.sleep(interval)

    def cancel(self) -> None:
        """Ask the engine to stop; a second call, or two seconds without an answer, ends the process."""
        process = self._process
        if self.state in FINISHED or process is None:
            return
        if self._cancel_at is not None:
            self._kill(process)
            return
        self._cancel_at = time.monotonic()
        try:
            process.send("cancel", {"job": self.id})
        except EngineError:
            self._end(CANCELLED, "Cancelled")

    def clean_up(self) -> None:
        """Remove the job's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take(self, message: dict[str, Any]) -> None:
        try:
            self._understand(message)
        except (AttributeError, TypeError, ValueError):  # fields of other types than the protocol's
            text = "The engine says what this add-on does not understand; install both from one version of Cospeech"
            self._end(FAILED, text)

    def _understand(self, message: dict[str, Any]) -> None:
        if message.get("method") == "progress":
            params = message.get("params", {})
            if params.get("job") == self.id:
                self.stage, self.fraction = str(params.get("stage")), float(params.get("fraction", 0.0))
        elif message.get("id") == self._hello and self.state == STARTING:
            self._greeted(message.get("result") or {})
        elif message.get("id") == self._request and self.state == RUNNING:
            self._answered(message)

    def _greeted(self, hello: dict[str, Any]) -> None:
        if hello.get("protocol") != self._engine.protocol:
            self._engine.close()
            self._end(
                FAILED,
                f"The engine speaks protocol {hello.get('protocol')} and this add-on {self._engine.protocol}; "
                "install the two from the same version of Cospeech",
            )
            return
        assert self._process is not None
        try:
            self._request = self._process.send(self._method, self._params)
            self.state = RUNNING
        except EngineError as error:
            self._end(FAILED, str(error))

    def _answered(self, message: dict[str, Any]) -> None:
        error = message.get("error")
        if error is None:
            self.result = dict(message.get("result") or {})
            self.stage, self.fraction = "done", 1.0
            self._end(DONE, "")
        elif error.get("code") == CANCELLED_CODE:
            self._end(CANCELLED, "Cancelled")
        else:
            self._end(FAILED, str(error.get("message")))

    def _watch(self, process: EngineProcess) -> None:
        now = time.monotonic()
        if self._cancel_at is not None and now - self._cancel_at > CANCEL_GRACE_SECONDS:
            self._kill(process)
        elif not process.alive:
            for message in process.poll():  # what it said before it died
                self._take(message)
            if self.state not in FINISHED:
                self._end(FAILED, process.obituary())
        elif now - self._heard > (HELLO_SECONDS if self.state == STARTING else SILENT_SECONDS):
            text = process.obituary()
            self._kill(process)
            self._end(FAILED, text)

    def _kill(self, process: EngineProcess) -> None:
        process.kill()
        self._end(CANCELLED, "Cancelled")

    def _end(self, state: str, message: str) -> None:
        if self.state not in FINISHED or state == FAILED:
            self.state, self.message = state, message
