"""Environments that hold a Blender and nothing else, in which the tests try the extension as its users have it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from logged_steps import ROOT, Step, say

NEWER = (3, 13)  # the Python of Blender 5.1 and later
LOCK = ROOT / "locks/bpy52.lock"
STAMP = "cospeech-lock.txt"
# What a distribution and those that it requires left at the top of site-packages; run by the Python that has them.
TOPS = """
import importlib.metadata as metadata, json, re, sys, sysconfig
from pathlib import Path
site, left, tops, seen = Path(sysconfig.get_paths()["purelib"]), [sys.argv[1]], set(), set()
while left:
    name = re.split(r"[^A-Za-z0-9_.-]", left.pop(), maxsplit=1)[0].lower()
    if name in seen:
        continue
    seen.add(name)
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        continue
    left += [need for need in found.requires or () if "extra ==" not in need]
    tops |= {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
print(json.dumps({"site": str(site), "tops": sorted(tops)}))
"""


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure_linked(source: Path, folder: Path) -> None:
    """An environment with the Blender of another one: its module and what that requires, linked; made anew each time
    that the other one is.
    """
    stamp = folder / STAMP
    wanted = (source.parents[1] / STAMP).read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    done = subprocess.run([source, "-I", "-c", TOPS, "bpy"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    subprocess.run([source, "-m", "venv", "--clear", "--without-pip", folder], check=True)
    site = next(folder.glob("[Ll]ib/**/site-packages"))
    for name in found["tops"]:
        _link(Path(found["site"]) / name, site / name)
    stamp.write_text(wanted, encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source, target_is_directory=source.is_dir())
    except OSError:  # Windows asks for a right to make links
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def ensure_newer(pip: Path, folder: Path) -> None:
    """The environment of Blender 5.2, where a Python that fits is installed; else one sentence, and its tests skip."""
    digest = f"{hashlib.sha256(LOCK.read_bytes()).hexdigest()} {NEWER}\n"
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest and python_of(folder).is_file():
        return
    python, name = find_python(), ".".join(map(str, NEWER))
    if python is None:
        say(f"There is no Python {name} here, so the tests in Blender 5.2 are skipped; install it to run them")
        return
    with Step(f"Setting up {folder.name}, a few minutes the first time", f"setup{folder.name}") as step:
        step.run([python, "-m", "venv", "--clear", "--without-pip", folder])
        words: list[str | Path] = [
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "-r",
            LOCK,
        ]
        step.run([pip, "-m", "pip", "--python", python_of(folder), *words])
        stamp.write_text(digest, encoding="utf-8")


def find_python() -> Path | None:
    """A Python of the newer version among those that are installed here."""
    for path in _places():
        try:
            done = subprocess.run(
                [path, "-c", "import ensurepip, sys, venv; print(sys.version_info[:2])"], capture_output=True, text=True
            )
        except OSError:
            continue
        if done.stdout.strip() == str(NEWER):  # pyenv's stand-ins say that they are not chosen
            return path
    return None


def _places() -> Iterable[Path]:
    """On PATH; where pyenv, uv and python.org's installers put them."""
    name = "python" + ".".join(map(str, NEWER))
    if (found := shutil.which(name)) is not None:
        yield Path(found)
    home, folder = Path.home(), ".".join(map(str, NEWER))
    yield from sorted(home.glob(f".pyenv/versions/{folder}*/bin/python3"), reverse=True)
    yield from sorted(home.glob(f".local/share/uv/python/cpython-{folder}*/bin/python3"), reverse=True)
    yield Path(f"/Library/Frameworks/Python.framework/Versions/{folder}/bin/python3")
    if sys.platform == "win32":
        yield home / f"AppData/Local/Programs/Python/Python{folder.replace('.', '')}/python.exe"
