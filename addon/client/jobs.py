"""Jobs: plain objects with ``step()``, driven by a loop in background and by a timer in the UI."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .engine import Engine
from .process import EngineError, EngineProcess, Workplace

__all__ = ["CANCELLED", "DONE", "FAILED", "FINISHED", "Engine", "Job", "JobFiles", "Workplace"]

STARTING, RUNNING, DONE, FAILED, CANCELLED = "STARTING", "RUNNING", "DONE", "FAILED", "CANCELLED"
FINISHED = frozenset({DONE, FAILED, CANCELLED})

# By eye.
HELLO_SECONDS = 60.0  # of silence at the start: Python and numpy from a cold disk
SILENT_SECONDS = 180.0  # of silence in a job
CONTROL_SECONDS = 0.3  # from a cancel until the panel is free again
QUIET_SECONDS = 10.0  # of silence that the panel speaks of
STEP_SECONDS = 1.0  # of silence that one step counts at most
# JSON-RPC 2.0: of its range for servers, and its internal error.
CANCELLED_CODE = -32001
PACKAGE_CODE = -32002
INTERNAL_CODE = -32603
EXAMINATION = "doctor"
REQUEST = "request.json"
# Bytes of a request; more goes as a file. Windows' pipes hold 4096, and one that is full refuses in ways that look like
# an engine's end there.
REQUEST_BYTES = 2000

JobFiles = Mapping[str, Callable[[Path], None]]


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
        self._engine, self._where, self._method = engine, where, method
        self._params: dict[str, Any] = {"job": self.id, "folder": str(self.folder)}
        self._hello = self._request = 0
        self._cancel_at: float | None = None
        self._started = self._stepped = time.monotonic()
        self._silence = 0.0
        self._process: EngineProcess | None = None
        try:
            for name, write in (files or {}).items():
                write(self.folder / name)
            self._hand_over(params)
        except BaseException:  # a full disk: nothing was asked for yet, so nothing stays behind
            self.clean_up()
            raise
        self._begin()

    @property
    def seconds(self) -> float:
        """Time since the job began."""
        return time.monotonic() - self._started

    @property
    def is_cancelling(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancel_at is not None

    @property
    def quiet_seconds(self) -> float:
        """How long the engine has said nothing, once that is worth a word; else 0."""
        return self._silence if self._silence > QUIET_SECONDS else 0.0

    def step(self) -> bool:
        """Take what has arrived; True while the job goes on. Never waits."""
        if self.state in FINISHED:
            return False
        now = time.monotonic()
        # A Blender that was busy itself (a render, a dialog) could not listen: that is not the engine's silence.
        self._silence += min(now - self._stepped, STEP_SECONDS)
        self._stepped = now
        self._engine.tend()
        process = self._process
        if process is None:
            self._begin()
            return self.state not in FINISHED
        for message in process.poll():
            self._silence = 0.0
            self._take(message)
            if self.state in FINISHED:
                return False
        self._watch(process)
        return self.state not in FINISHED

    def wait(self, tick: Callable[[Job], None] | None = None, interval: float = 0.02) -> None:
        """Step until the end, and until the engine's state is known: for background mode and tests."""
        while self.step():
            if tick is not None:
                tick(self)
            time.sleep(interval)
        while self._engine.tend():
            time.sleep(interval)

    def cancel(self) -> None:
        """Ask the engine to stop. A second call ends the engine's process."""
        process = self._process
        if self.state in FINISHED:
            return
        if process is None:
            self._end(CANCELLED, "Cancelled")
        elif self._cancel_at is not None:
            process.kill()
            self._end(CANCELLED, "Cancelled")
        else:
            self._cancel_at = time.monotonic()
            try:
                process.send("cancel", {"job": self.id})
            except EngineError:
                self._end(CANCELLED, "Cancelled")
            if self.state == STARTING:  # nothing was asked for yet
                self.abandon()

    def abandon(self) -> None:
        """Give control back now; the engine has a moment to end the work, then :class:`Engine` ends it."""
        if self.state in FINISHED:
            return
        if self._process is not None:
            if self._cancel_at is None:
                self.cancel()
            self._engine.abandon(self._process, self._request or self._hello)
        self._end(CANCELLED, "Cancelled")

    def clean_up(self) -> None:
        """Remove the job's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _hand_over(self, params: dict[str, Any]) -> None:
        """Ask with these parameters, or with a file in the folder that holds them."""
        text = json.dumps(params)
        if len(text) <= REQUEST_BYTES:
            self._params = {**params, **self._params}
            return
        (self.folder / REQUEST).write_text(text, encoding="utf-8")
        self._params["params_file"] = REQUEST

    def _begin(self) -> None:
        """Greet the engine, as soon as it has ended a job that was cancelled before."""
        if not self._engine.is_free:
            return
        python = self._where.python
        try:
            if self._method != EXAMINATION:  # Test Engine may always be pressed
                self._engine.refuse(python)
        except EngineError as error:
            self._end(FAILED, str(error))
            return
        try:
            process = self._engine.ensure(self._where)
            self._hello = process.send("hello", {})
        except EngineError as error:
            self._fail(str(error))
            return
        self._process = process
        self._silence = 0.0

    def _take(self, message: dict[str, Any]) -> None:
        try:
            self._understand(message)
        except (AttributeError, KeyError, TypeError, ValueError):  # fields of other types than the protocol's
            text = "The engine says what this add-on does not understand; install both from one version of Cospeech"
            self._fail(f"{text}. Log: {self._where.log}")

    def _understand(self, message: dict[str, Any]) -> None:
        if message.get("method") == "progress":
            params = message.get("params", {})
            if params.get("job") == self.id and self._cancel_at is None:
                self.stage, self.fraction = str(params.get("stage")), float(params.get("fraction", 0.0))
        elif message.get("id") == self._hello and self.state == STARTING:
            self._greeted(message.get("result") or {})
        elif message.get("id") == self._request and self.state == RUNNING:
            self._answered(message)

    def _greeted(self, hello: dict[str, Any]) -> None:
        if hello.get("protocol") != self._engine.protocol:
            self._fail(
                f"The engine speaks protocol {hello.get('protocol')} and this add-on {self._engine.protocol}; "
                f"install the two from the same version of Cospeech. Log: {self._where.log}"
            )
            return
        self._engine.note_hello(hello)
        assert self._process is not None
        try:
            self._request = self._process.send(self._method, self._params)
            self.state = RUNNING
        except EngineError as error:
            self._fail(str(error))

    def _answered(self, message: dict[str, Any]) -> None:
        error = message.get("error")
        if self._cancel_at is not None:  # the answer crossed the cancel: the scene stays as it is all the same
            self._end(CANCELLED, "Cancelled")
        elif error is None:
            self.result = dict(message.get("result") or {})
            self.stage, self.fraction = "done", 1.0
            self._end(DONE, "")
        elif error.get("code") == CANCELLED_CODE:
            self._end(CANCELLED, "Cancelled")
        elif error.get("code") == PACKAGE_CODE:
            self._end(FAILED, f"{error.get('message')}; {self._where.remedy}. Log: {self._where.log}")
        else:
            text = str(error.get("message"))
            self._end(FAILED, f"{text}. Log: {self._where.log}" if error.get("code") == INTERNAL_CODE else text)
        self._engine.note_answer()

    def _watch(self, process: EngineProcess) -> None:
        if not process.alive:
            for message in process.poll():  # what it said before it died
                self._take(message)
            if self.state not in FINISHED and self._cancel_at is not None:
                self._end(CANCELLED, "Cancelled")
            elif self.state not in FINISHED:
                self._fail(process.obituary())
        elif self._cancel_at is not None and time.monotonic() - self._cancel_at > CONTROL_SECONDS:
            self.abandon()
        elif process.is_babbling:
            self._fail(
                f"{process.where.python} prints what is no message of Cospeech's engine; {self._where.remedy}. "
                f"Log: {process.log}"
            )
        elif self._silence > (HELLO_SECONDS if self.state == STARTING else SILENT_SECONDS):
            self._fail(process.obituary())

    def _fail(self, message: str) -> None:
        """The engine itself is at fault: end its process."""
        self._engine.note_failure(self._where.python, message)
        self._engine.retire(at_once=True)
        self._end(FAILED, message)

    def _end(self, state: str, message: str) -> None:
        if self.state not in FINISHED:
            self.state, self.message = state, message
