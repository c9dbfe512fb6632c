"""The extension's zip, built once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT


@pytest.fixture(scope="session")
def built(kept) -> Path:
    """The zip of the working tree."""

    def build(folder: Path) -> None:
        command = [sys.executable, "build.py", "package", "--allow-dirty", "--out", str(folder)]
        done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return next(kept("zip with space", build).glob("cospeech-*.zip"))
