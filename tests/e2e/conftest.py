"""The extension's zips, each built once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

sys.path.insert(0, str(ROOT / ".ci"))

import build
import extension_zip


def packaged(folder: Path, *words: str) -> None:
    command = [sys.executable, "build.py", "package", "--allow-dirty", "--out", str(folder), *words]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def built(kept) -> Path:
    """The zip of the working tree without wheels."""
    return next(kept("zip with space", lambda folder: packaged(folder, "--bare")).glob("cospeech-*.zip"))


@pytest.fixture(scope="session")
def wheeled(kept) -> Path:
    """The zip with the default engine's wheels, which ``build.py test`` has fetched."""
    if extension_zip.this_platform() != build.ZIP_TESTED:
        pytest.skip(f"the zip of {build.ZIP_TESTED} installs on that platform only")
    made = kept("zip with wheels", lambda folder: packaged(folder, "--platform", build.ZIP_TESTED))
    return next(made.glob("cospeech-*.zip"))
