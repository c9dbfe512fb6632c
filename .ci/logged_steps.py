"""How build.py runs things: a line a step for the user, everything else in a log that a failure names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "out"
LOGS = OUT / "logs"
# A child process speaks to the user by lines that begin so; what follows is shown.
NEWS, REASON = "build.py: ", "build.py failed: "


class BuildError(Exception):
    """A problem to be told in one sentence."""


def say(text: str) -> None:
    """Print a line at once, so that it stays in order with what child processes print."""
    print(text, flush=True)


def run(command: Sequence[str | Path]) -> None:
    """Run a command whose output is what the user asked for; BuildError with its name and status where it fails."""
    words = [str(word) for word in command]
    status = subprocess.run(words, cwd=ROOT).returncode
    if status != 0:
        raise BuildError(f"'{' '.join(words[:6])}' ended with status {status}; its own output above says why")


class Step:
    """A piece of work: what its commands print goes into one log, and the user sees one line with its time."""

    def __init__(self, title: str, log: str) -> None:
        self.title, self.log = title, LOGS / f"{log}.log"

    def __enter__(self) -> Step:
        self._began = time.monotonic()
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        _live(f"{self.title} ...")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _live("")
        say(f"{self.title}: {'FAILED after' if kind else 'done in'} {time.monotonic() - self._began:.0f} s")

    def run(
        self, command: Sequence[str | Path], env: dict[str, str] | None = None, *, good: Sequence[int] = (0,)
    ) -> list[str]:
        """Run a command; returns the lines that it printed. BuildError where its status is not ``good``, with its
        reason and the log."""
        words = [str(word) for word in command]
        lines: list[str] = []
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        with process, self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(words)}\n")
            for line in process.stdout or ():
                log.write(line)
                lines.append(line.rstrip())
                self._show(lines[-1])
        if process.returncode not in good:
            raise BuildError(self._why(words, process.returncode, lines))
        return lines

    def _show(self, line: str) -> None:
        if line.startswith(NEWS):
            _live("")
            say(f"  {line.removeprefix(NEWS)}")
        elif share := re.search(r"\[ *(\d+%)\]$", line):  # pytest's progress
            _live(f"{self.title} ... {share[1]}")

    def _why(self, words: list[str], status: int, lines: list[str]) -> str:
        if os.environ.get("CI"):  # where nobody can open the log later
            say("\n".join(lines))
        if reasons := [line.removeprefix(REASON) for line in lines if line.startswith(REASON)]:
            return reasons[-1]
        spoken = [line for line in lines if line.startswith("ERROR")] or [line for line in lines if line.strip()]
        last = f", last words: {spoken[-1].strip()}" if spoken else ""
        return f"'{' '.join(words[:4])}' ended with status {status}{last}; the log is {self.log.relative_to(ROOT)}"


def _live(text: str) -> None:
    """What goes on now: on a terminal only, in a line that the next one replaces."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)
