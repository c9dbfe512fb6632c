"""Code that numba compiles for librosa is written by one process at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from engine.speech import librosa_once
from tests.places import ROOT


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A folder for compiled code that is not the environment's, and the folders that were used, in their order."""
    used: list[tuple[Path, bool]] = []

    def note(folder: Path) -> None:
        try:
            with FileLock(tmp_path / "cospeech.lock", timeout=0.0):
                used.append((folder, False))
        except Timeout:
            used.append((folder, True))

    monkeypatch.setenv(librosa_once.CHOSEN_FOLDER, str(tmp_path))
    monkeypatch.setattr(librosa_once, "_import_with", note)
    return tmp_path, used


def test_the_import_holds_the_lock(shared):
    folder, used = shared
    librosa_once._import_alone()
    assert used == [(folder, True)]


def test_who_waits_too_long_compiles_alone(shared, monkeypatch):
    folder, used = shared
    monkeypatch.setattr(librosa_once, "PATIENCE", 0.0)
    with FileLock(folder / "cospeech.lock"):
        librosa_once._import_alone()
    [(private, locked)] = used
    assert private not in (folder, *folder.parents)
    assert locked  # by the neighbour that hangs
    assert private.is_dir()


def test_a_folder_that_can_not_be_written_is_passed_over(shared, monkeypatch):
    folder, used = shared
    (folder / "file").write_text("")
    monkeypatch.setenv(librosa_once.CHOSEN_FOLDER, str(folder / "file" / "below"))
    librosa_once._import_alone()
    assert used[0][0] != folder


def test_its_parts_compile_all_that_onsets_need():
    """What is called later finds every function compiled: nothing is written once the lock is given back."""
    code = """
import numpy, numba
from pathlib import Path
from engine.speech.librosa_once import librosa
library = librosa()
def compiled(): return sorted(str(path) for path in Path(numba.config.CACHE_DIR).rglob("*.nb*"))
before = compiled()
wave = numpy.random.default_rng(0).normal(size=16000).astype(numpy.float32)
assert len(library.onset.onset_detect(y=wave, sr=16000, hop_length=512, units="time")) > 0
library.resample(wave, orig_sr=16000, target_sr=15000)
assert before and compiled() == before
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
