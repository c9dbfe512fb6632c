"""Keeps one engine process alive between jobs, starts a new one where there is none, and sees off the old ones."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .generators import Generator, declared, read_generators
from .process import EngineError, EngineProcess, Workplace

# By eye.
CANCEL_SECONDS = 1.3  # from a cancel to the engine's answer
FAILURES = 3  # in a row, after which a Python is left alone
PAUSE_SECONDS = 30.0  # for which it is
IDLE_SECONDS = 600.0  # after which a process that does nothing ends


class Engine:
    """The engine as jobs see it. Nothing here waits, but :meth:`close`; :meth:`tend` moves on what takes time."""

    def __init__(self, root: Path, protocol: int) -> None:
        self._root, self._protocol = root, protocol
        self._process: EngineProcess | None = None
        self._leaving: list[EngineProcess] = []
        self._owed: tuple[int, float] | None = None
        self._failures: list[str] = []
        self._failed_at = 0.0
        self._failed_python: Path | None = None
        self._used_at = 0.0
        self._generators = declared()

    @property
    def protocol(self) -> int:
        """The protocol version that the engine must speak."""
        return self._protocol

    @property
    def generators(self) -> Mapping[str, Generator]:
        """What performs, by name: as the last engine said in its ``hello``, else as it is declared."""
        return self._generators

    @property
    def process(self) -> EngineProcess | None:
        """The process as it is now; None before the first job and after :meth:`close`."""
        return self._process

    @property
    def state(self) -> str:
        """What the process does, for the panel and diagnostics."""
        if self._process is None or not self._process.alive:
            return "not running"
        return f"process {self._process.pid}, {'ending a cancelled job' if self._owed else 'running'}"

    def ensure(self, where: Workplace) -> EngineProcess:
        """A living process of this Python with these packages; EngineError where it can't be started."""
        process = self._process
        if process is not None and not (process.alive and process.is_at(where)):
            self.retire()
        if self._process is None:
            self._process = EngineProcess(where, self._root)
        self._used_at = time.monotonic()
        return self._process

    def refuse(self, python: Path) -> None:
        """EngineError where this Python's engine failed several times in a row a moment ago."""
        if len(self._failures) < FAILURES or python != self._failed_python:
            return
        left = PAUSE_SECONDS - (time.monotonic() - self._failed_at)
        if left > 0:
            raise EngineError(
                f"The engine failed {len(self._failures)} times in a row. Press Test Engine or Repair, "
                f"or try again in {left:.0f} s. The last time: {self._failures[-1]}"
            )

    def note_failure(self, python: Path, cause: str) -> None:
        """The engine died, hung or made no sense."""
        if python != self._failed_python:
            self._failures.clear()
        self._failures.append(cause)
        self._failed_at, self._failed_python = time.monotonic(), python

    def note_hello(self, hello: Mapping[str, Any]) -> None:
        """The engine says what it is. One that only names its generators, or is silent of them, is as declared."""
        entries: Sequence[Any] = hello.get("generators") or ()
        self._generators = {**declared(), **read_generators(entry for entry in entries if isinstance(entry, dict))}

    def note_answer(self) -> None:
        """The engine works: it answered a request."""
        self._failures.clear()
        self._used_at = time.monotonic()

    def rest(self) -> bool:
        """End a process that had nothing to do for IDLE_SECONDS: its memory, the graphics card's too, is Blender's.

        For times when no job runs; True while there is a process.
        """
        if self._process is not None and time.monotonic() - self._used_at > IDLE_SECONDS:
            self.retire()
        return self._process is not None

    def abandon(self, process: EngineProcess, request: int) -> None:
        """A job was cancelled before the engine answered. It has CANCEL_SECONDS to do so; then it is ended."""
        if process is self._process and process.alive:
            self._owed = (request, time.monotonic() + CANCEL_SECONDS)

    def tend(self) -> bool:
        """Go on with what takes time; True while a cancelled job or an ending process is left. Never waits."""
        process = self._process
        if self._owed is not None:
            request, deadline = self._owed
            if process is None or not process.alive:
                self._owed = None
            elif any(message.get("id") == request for message in process.poll()):
                self._owed = None
                self.note_answer()
            elif time.monotonic() > deadline:
                self.retire(at_once=True)
        self._leaving = [leaving for leaving in self._leaving if leaving.tend()]
        return self._owed is not None or bool(self._leaving)

    @property
    def is_free(self) -> bool:
        """Whether a new request would be answered at once."""
        return self._owed is None

    def retire(self, *, at_once: bool = False) -> None:
        """Begin to end the process; the next job starts a new one."""
        self._owed = None
        if self._process is not None:
            self._process.end(at_once=at_once)
            self._leaving.append(self._process)
            self._process = None

    def close(self) -> None:
        """For the end of Blender: end the process now, within half a second each."""
        self._owed = None
        for process in (self._process, *self._leaving):
            if process is not None:
                process.stop()
        self._process = None
        self._leaving.clear()
