"""Files that are there whole or not at all: written under another name, then put in their place in one step."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def replacing(target: Path, suffix: str = ".tmp") -> Iterator[Path]:
    """The path to write to, beside ``target``; it replaces ``target`` at the end, and is removed where an error comes
    instead. OSError where the disk refuses.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}{suffix}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_arrays(target: Path, arrays: Mapping[str, Any], *, compress: bool = False) -> None:
    """Write arrays as an .npz file; OSError where the disk refuses."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    # np.savez leaves its archive open when the disk is full, and Python then complains on stderr.
    with replacing(target) as path, path.open("wb") as stream, zipfile.ZipFile(stream, "w", method) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)  # type: ignore[no-untyped-call]
