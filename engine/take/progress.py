"""How far a job is: one fraction over its listening, its takes and their stages, that never goes back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress

    from engine.generators.base import Progress

LISTENING = 1.5  # takes, by eye: a line heard anew takes about as long as so many takes of it
SPEECH = "speech"
# Shares 0..1 of a take's time at which its stages begin and end, by eye.
STAGES: dict[str, float] = {"plan": 0.0, "body": 0.05, "face": 0.7, "pins": 0.8, "write": 0.9}
ENDS: dict[str, float] = dict(zip(STAGES, [*list(STAGES.values())[1:], 1.0], strict=True))


class Course:
    """A ``progress(stage, fraction)`` for the parts of a job: what it passes on is the fraction of the whole job.

    Give one to listening and to all takes of a job. A line that was heard before sends no "speech", and takes no share.
    Raises what the progress it passes on to raises (Cancelled).
    """

    def __init__(self, progress: Progress, takes: int = 1) -> None:
        self._progress, self._takes = progress, max(takes, 1)
        self._begun = 0
        self._speech = 0.0  # the share of listening in the whole
        self._fraction = 0.0

    def begin_take(self) -> None:
        """The next take's stages follow."""
        self._begun += 1

    def __call__(self, stage: str, fraction: float) -> None:
        """Pass on the stage, with the fraction of the whole."""
        if stage == SPEECH:
            self._speech = LISTENING / (LISTENING + self._takes)
            done = self._speech * fraction
        else:
            start = STAGES.get(stage, 0.0)
            inside = start + fraction * (ENDS.get(stage, start) - start)
            taken = (max(self._begun - 1, 0) + inside) / self._takes
            done = self._speech + (1.0 - self._speech) * taken
        self._fraction = min(max(self._fraction, done), 1.0)
        self._progress(stage, self._fraction)


class Bar:
    """A progress callback that draws a rich progress bar on stderr, or nothing."""

    def __init__(self, quiet: bool) -> None:
        self._progress: rich.progress.Progress | None = None
        if quiet or not sys.stderr.isatty():  # nobody sees it, so it is not worth its import
            return
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=1.0)

    def __enter__(self) -> Bar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, stage: str, fraction: float) -> None:
        if self._progress is not None:
            self._progress.update(self._task, description=stage, completed=fraction)
