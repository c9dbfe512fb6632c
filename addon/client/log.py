"""Log files that stay small: read from their end, and cut where they have grown too long."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# By eye: days of work, and what a bug report needs.
LOG_BYTES = 4_000_000
KEPT_BYTES = 200_000


def write(log: Path, text: str) -> None:
    """Append a line of ours; nothing happens where the disk is full."""
    with suppress(OSError), log.open("ab") as stream:
        stream.write(f"cospeech: {text}\n".encode())


def tail(log: Path, lines: int, begin: int = 0) -> list[str]:
    """The last ``lines`` lines of what follows byte ``begin``; empty where there is no log."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            begin = begin if begin <= size else 0  # the log was cut meanwhile
            stream.seek(max(begin, size - 400 * lines))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]


def bound(log: Path) -> None:
    """Keep only the end of a log that has grown past LOG_BYTES. Those who append to it go on at its new end."""
    with suppress(OSError):
        if log.stat().st_size <= LOG_BYTES:
            return
        with log.open("r+b") as stream:
            stream.seek(-KEPT_BYTES, os.SEEK_END)
            kept = stream.read()
            stream.seek(0)
            stream.write(b"cospeech: what came before was cut\n" + kept)
            stream.truncate()
