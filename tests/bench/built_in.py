"""How soon the zip makes takes once it is installed: a Blender that holds nothing else, the engine that comes with it.

Each session is a fresh process of a Blender alone (.venv-plain, which ``build.py`` links from .venv).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.speech import make_line
from tests.places import ROOT

PLAIN = ROOT / ".venv-plain/bin/python"
PLATFORM = "linux-x64"  # of the largest zip
LINE_SECONDS = 10.0
NEXT_TAKES = 2  # after a process's first; every one with a seed of its own

# name -> at most (docs/sources/contracts.md, section 6)
REACH = {"first_generate_s": 6.0, "next_generate_s": 1.5, "test_engine_s": 3.0, "zip_mb": 165.0}
TAKES = ("first_ever_generate_s", "first_generate_s", "next_generate_s")

# Installs where a zip is named. It ends without disabling the extension, which would take its packages away.
SESSION = """
import bpy, json, os, sys, time
zip_path, audio, takes = sys.argv[1], sys.argv[2], int(sys.argv[3])
if zip_path:
    bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
else:
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.cospeech")
from bl_ext.user_default.cospeech.setup import engine
seconds = []
def clocked(operator):
    start = time.perf_counter()
    assert operator() == {"FINISHED"}, engine.SESSION.note
    seconds.append(time.perf_counter() - start)
assert engine.interpreter().kind == "built in"
if not takes:
    clocked(bpy.ops.cospeech.test_engine)
else:
    assert bpy.ops.cospeech.add_character() == {"FINISHED"}
    settings = bpy.context.scene.cospeech
    settings.audio, settings.transcript = audio, audio.removesuffix(".wav") + ".txt"
    for seed in range(takes):
        settings.seed = seed
        clocked(bpy.ops.cospeech.generate)
engine.SESSION.close()
print("SECONDS" + json.dumps(seconds), flush=True)
os._exit(0)
"""


def problem() -> str:
    """Why there are no sessions here; empty where there are."""
    if (sys.platform, os.uname().machine) != ("linux", "x86_64"):
        return f"the zip of {PLATFORM} installs on that platform only"
    return "" if PLAIN.is_file() else "there is no .venv-plain; python build.py bench makes it"


def packaged(folder: Path) -> Path:
    """The zip of this working tree, built once a folder."""
    out = folder / "zip"
    if not out.is_dir():
        command = [sys.executable, "build.py", "package", "--platform", PLATFORM, "--allow-dirty", "--out", str(out)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("cospeech-*.zip"))


def session(resources: Path, audio: Path, takes: int, zip_path: Path | str = "") -> list[float]:
    """Seconds of each take in a fresh Blender with this user folder; without takes those of Test Engine."""
    dropped = ("PYTHON", "COSPEECH", "OMP_NUM_THREADS")  # as for a user: nothing set, all cores
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    done = subprocess.run(
        [PLAIN, "-c", SESSION, str(zip_path), str(audio), str(takes)],
        text=True,
        capture_output=True,
        env={**kept, "BLENDER_USER_RESOURCES": str(resources)},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SECONDS")]
    if done.returncode or not lines:
        raise RuntimeError(f"the session in Blender failed: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    seconds: list[float] = json.loads(lines[0].removeprefix("SECONDS"))
    return seconds


@contextmanager
def profile(folder: Path) -> Iterator[Path]:
    """A new user folder, removed at the end: an installation has 350 MB."""
    resources = Path(tempfile.mkdtemp(prefix="profile-", dir=folder))
    try:
        yield resources
    finally:
        shutil.rmtree(resources)


def take_seconds(folder: Path, runs: int) -> dict[str, list[float]]:
    """Each run is a new installation: its very first take, then another process's first and following ones."""
    found: dict[str, list[float]] = {name: [] for name in TAKES}
    zip_path, (audio, _) = packaged(folder), make_line(folder, LINE_SECONDS)
    for _ in range(runs):
        with profile(folder) as resources:
            found["first_ever_generate_s"] += session(resources, audio, 1, zip_path)
            first, *following = session(resources, audio, 1 + NEXT_TAKES)
        found["first_generate_s"].append(first)
        found["next_generate_s"] += following
    return found


def test_seconds(folder: Path, runs: int) -> dict[str, list[float]]:
    """Test Engine in fresh processes; the first, which compiles bytecode, is left out."""
    zip_path, (audio, _) = packaged(folder), make_line(folder, LINE_SECONDS)
    with profile(folder) as resources:
        session(resources, audio, 0, zip_path)
        return {"test_engine_s": [session(resources, audio, 0)[0] for _ in range(runs)]}


def zip_size(folder: Path, _: int) -> dict[str, list[float]]:
    """Megabytes of the zip."""
    return {"zip_mb": [packaged(folder).stat().st_size / 1e6]}
