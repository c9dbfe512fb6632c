"""The version, read from the one place that states it: blender_manifest.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

__version__: str = str(
    tomllib.loads((Path(__file__).resolve().parents[1] / "blender_manifest.toml").read_text(encoding="utf-8"))[
        "version"
    ]
)
