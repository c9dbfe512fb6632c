"""A runtime archive: the engine's wheels, their lock and a manifest in one zip. Read here, written by build.py."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1  # number of the archive's layout
MANIFEST, LOCK, WHEELS = "manifest.json", "requirements.lock", "wheels/"
CHUNK = 1 << 20  # bytes read at once, by eye
ADVICE = "get the archive of this version of Cospeech again, or make it with: python build.py package --runtime"


class SetUpError(Exception):
    """The engine can't be set up as things are; ``str(error)`` is one sentence for the user."""


@dataclass(frozen=True)
class Wheel:
    """A file of the archive, by which it is recognised."""

    name: str
    size: int
    sha256: str

    @property
    def requirement(self) -> str:
        """Its line in the lock."""
        project, version = self.name.split("-")[:2]
        return f"{project.replace('_', '-').lower()}=={version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True)
class Wheelhouse:
    """What an archive holds. ``pip`` is the tool that installs, and no part of the environment."""

    path: Path
    version: str
    platform: str
    python: str
    pip: Wheel
    wheels: tuple[Wheel, ...]
    installed_bytes: int
    digest: str

    @property
    def wheel_bytes(self) -> int:
        """The wheels' size together."""
        return sum(wheel.size for wheel in self.wheels)


def platform_name(sysconfig_platform: str) -> str:
    """A platform's short name: linux-x86_64, windows-x86_64, macos-arm64."""
    name = sysconfig_platform.lower().replace("win-amd64", "windows-x86_64")
    return re.sub(r"^macosx-[\d.]+-", "macos-", name)


def read(path: Path) -> Wheelhouse:
    """An archive's manifest; SetUpError where the file is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(MANIFEST)
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        house = _parsed(path, text)
    except FileNotFoundError:
        raise SetUpError(f"There is no runtime archive at {path}; choose another") from None
    except OSError as error:
        raise SetUpError(f"The runtime archive {path} can't be read ({error.strerror}); choose another") from error
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SetUpError(f"{path.name} is no runtime archive of Cospeech, or is damaged; {ADVICE}") from error
    for wheel in (house.pip, *house.wheels):
        if sizes.get(WHEELS + wheel.name) != wheel.size:
            raise SetUpError(f"{path.name} lacks {wheel.name}; {ADVICE}")
    return house


def _parsed(path: Path, text: bytes) -> Wheelhouse:
    table: dict[str, Any] = json.loads(text)
    if table["format"] != FORMAT:
        raise SetUpError(f"{path.name} is of another version of Cospeech (format {table['format']}); {ADVICE}")
    wheels = [Wheel(str(row["name"]), int(row["size"]), str(row["sha256"])) for row in table["wheels"]]
    if any(not re.fullmatch(r"[\w.+-]+\.whl", wheel.name) for wheel in wheels):
        raise ValueError("a wheel's name is a path")
    pip = [wheel for wheel in wheels if wheel.name.startswith("pip-")]
    return Wheelhouse(
        path=path,
        version=str(table["version"]),
        platform=str(table["platform"]),
        python=str(table["python"]),
        pip=pip[0],
        wheels=tuple(wheel for wheel in wheels if wheel is not pip[0]),
        installed_bytes=int(table["installed_bytes"]),
        digest=hashlib.sha256(text).hexdigest(),
    )


def write(path: Path, folder: Path, *, version: str, platform: str, python: str) -> Wheelhouse:
    """Make an archive of all wheels in ``folder`` (one of them pip's). Same wheels, same bytes."""
    wheels, installed = [], 0
    for file in sorted(folder.glob("*.whl")):
        wheels.append(Wheel(file.name, file.stat().st_size, file_digest(file)))
        with zipfile.ZipFile(file) as inside:
            installed += sum(entry.file_size for entry in inside.infolist())
    table = {
        "format": FORMAT,
        "version": version,
        "platform": platform,
        "python": python,
        "installed_bytes": installed,
        "wheels": [{"name": wheel.name, "size": wheel.size, "sha256": wheel.sha256} for wheel in wheels],
    }
    lock = "".join(f"{wheel.requirement}\n" for wheel in wheels if not wheel.name.startswith("pip-"))
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        _put(archive, MANIFEST, json.dumps(table, indent=1).encode())
        _put(archive, LOCK, lock.encode())
        for wheel in wheels:
            entry = zipfile.ZipInfo(WHEELS + wheel.name)
            with (folder / wheel.name).open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
    partial.replace(path)
    return read(path)


def bundled_pip() -> Path:
    """The wheel of pip that comes with this Python: inside ensurepip, or where a Linux distribution keeps such wheels.

    SetUpError where there is none.
    """
    spec = importlib.util.find_spec("ensurepip")
    folders = [Path(spec.origin).parent / "_bundled"] if spec and spec.origin else []
    if elsewhere := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        folders.append(Path(elsewhere))
    found = [wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl"))]
    if not found:
        raise SetUpError("This Python has no bundled pip (ensurepip); install its venv module, or use another Python")
    return found[-1]


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), data)  # with a fixed date


def file_digest(path: Path) -> str:
    """The sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
