"""Small real wheels and runtime archives of them: pip installs them as any other."""

from __future__ import annotations

import base64
import hashlib
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

from addon.setup import wheelhouse
from addon.setup.install import Plan

PYTHON = ".".join(map(str, sys.version_info[:2]))


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A wheel with these files in site-packages."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def make_archive(
    folder: Path, packages: dict[str, dict[str, str]], *, python: str = PYTHON, platform: str = ""
) -> Path:
    """A runtime archive of these packages (version 1.0) and of the pip that comes with Python."""
    wheels = folder / "made wheels"
    wheels.mkdir(parents=True)
    for name, files in packages.items():
        make_wheel(wheels, name, "1.0", files)
    pip = wheelhouse.bundled_pip()
    shutil.copyfile(pip, wheels / pip.name)
    path = folder / "runtime archive.zip"
    here = platform or wheelhouse.platform_name(sysconfig.get_platform())
    wheelhouse.write(path, wheels, version="1.0", platform=here, python=python)
    return path


def linked(packages: Path) -> dict[str, dict[str, str]]:
    """A package that makes those of another environment importable: the whole engine without its gigabyte."""
    return {"cospeech_linked": {"cospeech_linked.pth": f"{packages}\n"}}


def small_plan(folder: Path, root: Path, packages: dict[str, dict[str, str]]) -> Plan:
    """What Set Up Engine is given for an extension at ``root``: these packages, and no network."""
    return Plan(
        root=root,
        base=folder / "runtime",
        version="1.0",
        archive=make_archive(folder, packages),
        online=False,
        pythons=(Path(sys.executable),),
        chosen=False,
        log=folder / "setup.log",
    )
