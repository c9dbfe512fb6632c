"""The engine's environments on this machine, one folder a version. No bpy in here."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFO = "cospeech-runtime.json"
PARTIAL, OLD = ".partial", ".old"


@dataclass(frozen=True)
class Runtime:
    """An environment that passed its self-test, and what it was made from."""

    folder: Path
    info: dict[str, Any]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_of(self.folder)

    @property
    def version(self) -> str:
        """The version of Cospeech that it was made for."""
        return str(self.info.get("version", ""))


def python_of(folder: Path) -> Path:
    """The interpreter of an environment's folder."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(folder: Path) -> Path | None:
    """Where the packages of an environment lie; None where there is none yet."""
    pattern = "Lib/site-packages" if os.name == "nt" else "lib/python3*/site-packages"
    return next(iter(folder.glob(pattern)), None)


def load(folder: Path) -> Runtime | None:
    """The finished runtime in this folder, or None."""
    try:
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Runtime(folder, info) if isinstance(info, dict) else None


def current(base: Path, version: str) -> Runtime | None:
    """The runtime of this version; where there is none, the newest of another one, which its packages may well fit.

    ``<version>.old`` is looked at too: a power cut between the two renames of a swap leaves only that.
    """
    for folder in (base / version, base / f"{version}{OLD}"):
        runtime = load(folder)
        if runtime is not None:
            return runtime
    try:
        others = [load(folder) for folder in base.iterdir() if folder.suffix != PARTIAL]
    except OSError:
        return None
    found = [runtime for runtime in others if runtime is not None]
    return max(found, key=lambda runtime: str(runtime.info.get("made", "")), default=None)
