"""Lines of standard input, read so that no read of it waits where that would stop an import.

On Windows libraries ask what standard input is when they are loaded, and for a pipe the answer comes only after a read
of it that waits elsewhere: an import hangs until the next message (docs/sources/windows.md, section 1). So there the
pipe is asked how much it holds, and read when it holds something.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator

# By eye.
LOOK_INTERVAL = 0.01  # s from look to look at a pipe that holds nothing
READ_BYTES = 65536  # of one read at most


def lines_of_stdin() -> Iterator[str]:
    """Lines as they come, until the input ends."""
    if sys.platform == "win32":
        return polled_lines(sys.stdin.fileno(), _held)
    return iter(sys.stdin)


def polled_lines(descriptor: int, held: Callable[[int], int | None]) -> Iterator[str]:
    """Lines of a pipe that is only read when it holds something; the last one may lack its end.

    ``held`` says how many bytes can be read without waiting, None where the input has ended.
    """
    begun = b""
    while (size := held(descriptor)) is not None:
        if not size:
            time.sleep(LOOK_INTERVAL)
            continue
        piece = os.read(descriptor, min(size, READ_BYTES))
        if not piece:
            break
        *lines, begun = (begun + piece).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    if begun:
        yield begun.decode(errors="replace")


if sys.platform == "win32":
    import ctypes
    import msvcrt

    # winerror.h: the other end is closed, or no longer connected.
    ENDED = frozenset({109, 232, 233})
    _KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)

    def _held(descriptor: int) -> int | None:
        """Bytes that the pipe holds; a file or a console, which are no pipes, are read as they come."""
        count = ctypes.c_ulong(0)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        if _KERNEL.PeekNamedPipe(handle, None, 0, None, ctypes.byref(count), None):
            return int(count.value)
        return None if ctypes.get_last_error() in ENDED else READ_BYTES
