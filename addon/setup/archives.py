"""Where the archive with PyTorch and the networks' packages lies. No bpy in here."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from pathlib import Path

from .wheelhouse import platform_name


def usual_folders() -> tuple[Path, ...]:
    """Where browsers put what is downloaded."""
    home = Path.home()
    return home / "Downloads", home / "Desktop", home


def found_archive(folders: Iterable[Path], version: str) -> Path | None:
    """The newest archive for this version and system in the first folder that has one."""
    pattern = f"cospeech-runtime-{version}-{platform_name(sysconfig.get_platform())}*-py*.zip"
    for folder in folders:
        try:
            found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
        except OSError:
            continue
        if found:
            return found[-1]
    return None
