"""Takes that could not be applied any more are kept as files: they may be minutes of work."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..setup.engine import user_folder


def keep_file(path: Path, line: str, seed: int) -> str:
    """Copy a take out of its job's folder; returns the sentence that says where it is."""
    kept = user_folder() / "kept" / f"{line}_{seed}.npz"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, kept)
    return f"The take was kept as {kept}; Load Take puts it onto a character"
