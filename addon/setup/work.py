"""A long piece of work as a plain job with ``step()``: a generator that yields often. No bpy in here."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from ..client import log as logs
from ..client.children import Child, clean_environment, ending_of, engine_environment
from ..client.jobs import CANCELLED, DONE, FAILED, FINISHED, RUNNING
from .wheelhouse import SetUpError

TEST_SECONDS = 600.0  # that the engine's self-test may take, by eye
TICK_SECONDS = 0.05  # of work in one step, by eye: Blender goes on drawing
Work = Generator[None, None, None]


class StoppedError(Exception):
    """The user cancelled."""


class WorkJob:
    """What :class:`addon.client.jobs.Job` is for the engine, for other work. Subclasses give ``work()``."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.state, self.message = RUNNING, ""
        self.stage, self.fraction = "check", 0.0
        self.result: dict[str, Any] = {}
        self.quiet_seconds = 0.0
        self.log = log
        self.folder = folder
        self._child: Child | None = None
        self._cancelled = False
        self._started = time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        logs.bound(log)
        self._log_start = log.stat().st_size if log.is_file() else 0
        self._work = self.work()

    def work(self) -> Work:
        """The work; SetUpError ends it with a sentence, OSError with one about the file."""
        raise NotImplementedError

    def left(self) -> None:
        """Called once when the work has ended in any way."""

    @property
    def seconds(self) -> float:
        """Time since the job began."""
        return time.monotonic() - self._started

    @property
    def is_cancelling(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancelled

    def step(self) -> bool:
        """Work for a moment; True while the job goes on."""
        deadline = time.monotonic() + TICK_SECONDS
        while self.state not in FINISHED:
            try:
                next(self._work)
            except StopIteration:
                self._end(DONE, "")
            except StoppedError:
                self._end(CANCELLED, "Cancelled; press the button again to go on from here")
            except SetUpError as error:
                self._end(FAILED, f"{error}. Log: {self.log}")
            except OSError as error:
                text = f"{error.filename or self.folder} can't be read or written ({error.strerror or error})"
                self._end(FAILED, f"{text}; free some disk space or check its permissions. Log: {self.log}")
            if self._child is not None or time.monotonic() > deadline:
                break
        return self.state not in FINISHED

    def wait(self, tick: Callable[[WorkJob], None] | None = None, interval: float = 0.02) -> None:
        """Step until the end: for background mode and tests."""
        while self.step():
            if tick is not None:
                tick(self)
            time.sleep(interval)

    def cancel(self) -> None:
        """Stop at the next step; a second call ends a running process at once."""
        if self._cancelled:
            self.abandon()
        self._cancelled = True

    def abandon(self) -> None:
        """End now, with whatever process runs."""
        if self.state in FINISHED:
            return
        if self._child is not None:
            self._child.kill()
        self._work.close()
        self._end(CANCELLED, "Cancelled; press the button again to go on from here")

    def clean_up(self) -> None:
        """Nothing: what is done so far is what the next try goes on from."""

    def _end(self, state: str, message: str) -> None:
        if self.state in FINISHED:
            return
        self.state, self.message = state, message
        logs.write(self.log, f"{self.stage}: {state} {message}")
        self.left()

    def check_cancel(self) -> None:
        """StoppedError where the user has cancelled."""
        if self._cancelled:
            raise StoppedError

    def run(
        self,
        command: Sequence[str | Path],
        *,
        seconds: float,
        environment: dict[str, str] | None = None,
        watch: Callable[[], None] | None = None,
    ) -> Generator[None, None, tuple[int, str]]:
        """Run a program to its end without waiting for it; returns its status and what it printed.

        Its complaints go to the log. Where it takes longer than ``seconds`` it is ended: SetUpError.
        """
        words = [str(word) for word in command]
        logs.write(self.log, f"runs {' '.join(' '.join(words).split())[:500]}")
        with tempfile.TemporaryFile() as printed, self.log.open("ab") as log:
            child = self._child = Child(
                words, folder=self.folder, environment=environment or plain_environment(), stdout=printed, stderr=log
            )
            deadline = time.monotonic() + seconds
            try:
                while child.tend():
                    if self._cancelled or time.monotonic() > deadline:
                        child.end(at_once=True)
                    elif watch is not None:
                        watch()
                    yield
            finally:
                if child.alive:
                    child.kill()
                self._child = None
            self.check_cancel()
            status = child.popen.returncode
            if time.monotonic() > deadline and status != 0:
                raise SetUpError(f"{Path(words[0]).name} took longer than {seconds / 60:.0f} minutes; try again")
            printed.seek(0)
            return status, printed.read().decode("utf-8", "replace")

    def examined(self, python: Path, root: Path, packages: str = "") -> Generator[None, None, dict[str, Any]]:
        """The examination of the engine at ``root``, run by this Python; SetUpError where it is not ready."""
        status, printed = yield from self.run(
            [python, "-m", "engine", "doctor", "--json"],
            seconds=TEST_SECONDS,
            environment=plain_environment(engine_environment(root, self.log.parent, packages)),
            watch=self.check_cancel,
        )
        try:
            report: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
            ready = bool(report.get("ready"))
        except (IndexError, ValueError, AttributeError):
            raise SetUpError(f"The engine's self-test failed ({self.last_words(status)})") from None
        if not ready:
            raise SetUpError(str(report.get("problem")))
        return report

    def last_words(self, status: int) -> str:
        """How the last program ended, and its last line in the log."""
        lines = [line.strip() for line in logs.tail(self.log, 20, self._log_start)]
        said = next((line for line in reversed(lines) if line and not line.startswith("cospeech:")), "")
        return f"{ending_of(status)}: {said[:300]}" if said else ending_of(status)

    def remove(self, folder: Path) -> Work:
        """Remove a folder little by little."""
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
            return
        for parent, _, files in os.walk(folder, topdown=False):
            for number, name in enumerate(files):
                (Path(parent) / name).unlink(missing_ok=True)
                if number % 100 == 99:
                    yield
            yield
        shutil.rmtree(folder, ignore_errors=True)  # what are left are folders and links to them


def plain_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """An environment in which neither Python nor pip is led elsewhere by the user's settings."""
    kept = clean_environment(extra or {})
    return {key: value for key, value in kept.items() if not key.startswith("PIP_") or key in (extra or {})}
