"""Where the extension's own files lie: beside this package in a checkout, around it in the installed zip."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

MANIFEST = "blender_manifest.toml"


def root() -> Path:
    """The folder that holds blender_manifest.toml, with ``assets`` and ``engine`` beside it."""
    package = Path(__file__).resolve().parent
    for folder in (package, package.parent):
        if (folder / MANIFEST).is_file():
            return folder
    raise FileNotFoundError(f"{MANIFEST} is neither in {package} nor above it; install Cospeech again")


def asset(name: str) -> Path:
    """A file of the assets folder; FileNotFoundError where the installation lacks it."""
    path = root() / "assets" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; install Cospeech again")
    return path


def asset_table(name: str) -> dict[str, Any]:
    """A JSON table of the assets folder."""
    table: dict[str, Any] = json.loads(asset(name).read_text(encoding="utf-8"))
    return table


@cache
def version() -> str:
    """Cospeech's version, from the one place that states it."""
    return str(tomllib.loads((root() / MANIFEST).read_text(encoding="utf-8"))["version"])
