"""A session as a generator, driven by one timer: every step yields a pause in seconds or a condition to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

POLL_SECONDS = 0.05


class StepError(Exception):
    """A condition did not come true in time, or the interface has not what a step looks for."""


@dataclass(frozen=True)
class Until:
    """Go on when ``condition()`` is true; StepError, naming ``what``, after ``seconds``."""

    condition: Callable[[], object]
    seconds: float
    what: str


Steps = Generator["float | Until", None, None]


class Stepper:
    """``tick`` is what a timer calls: it returns the next delay, or None when the session is over."""

    def __init__(self, steps: Steps, at_end: Callable[[BaseException | None], None]) -> None:
        self._steps, self._at_end = steps, at_end
        self._waiting: Until | None = None
        self._deadline = 0.0

    def tick(self) -> float | None:
        """Go on as far as possible without waiting."""
        try:
            return self._advance()
        except StopIteration:
            self._at_end(None)
        except BaseException as error:
            self._at_end(error)
        return None

    def _advance(self) -> float:
        wait = self._waiting
        if wait is not None:
            if wait.condition():
                self._waiting = None
            elif time.monotonic() > self._deadline:
                self._waiting = None
                return self._take(self._steps.throw(StepError(f"{wait.what}: not within {wait.seconds:g} s")))
            else:
                return POLL_SECONDS
        return self._take(next(self._steps))

    def _take(self, step: float | Until) -> float:
        if isinstance(step, Until):
            self._waiting, self._deadline = step, time.monotonic() + step.seconds
            return POLL_SECONDS
        return step
