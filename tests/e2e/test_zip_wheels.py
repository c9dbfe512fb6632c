"""The zip with wheels: what is in it, and that Blender unpacks what a default take needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.limits import HANG_SECONDS
from tests.places import ROOT

sys.path.insert(0, str(ROOT / ".ci"))

import builtin_wheels
import extension_zip

IMPORTED = (
    "num2words parselmouth pocketsphinx praatio.textgrid pysubs2 safetensors.numpy scipy.signal soundfile soxr".split()
)

# Blender ends at once: disabling the extension takes its packages away again.
INSTALL = """
import bpy, os, sys
assert bpy.ops.extensions.package_install_files(
    filepath=sys.argv[-1], repo="user_default", enable_on_install=True) == {"FINISHED"}
print("PACKAGES" + next(path for path in sys.path if ".local" in path and path.endswith("site-packages")))
sys.stdout.flush()
os._exit(0)
"""


def manifest_of(zip_file: Path) -> tuple[dict, set[str]]:
    """A zip's manifest, and the wheels in the zip."""
    with zipfile.ZipFile(zip_file) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    return manifest, {name for name in names if name.endswith(".whl")}


def test_the_zip_carries_the_locked_wheels_of_its_platform_and_no_numpy(wheeled):
    manifest, wheels = manifest_of(wheeled)
    assert wheeled.name == f"cospeech-{manifest['version']}-linux_x64.zip"
    assert wheeled.stat().st_size <= extension_zip.MOST_BYTES
    assert manifest["platforms"] == ["linux-x64"]
    assert {name.removeprefix("./") for name in manifest["wheels"]} == wheels
    locked = builtin_wheels.read_lock()["linux-x64"]
    assert wheels == {f"wheels/{wheel.name}" for packages in locked.values() for wheel in packages.values()}
    assert not [name for name in wheels if "numpy" in name]


def test_the_bare_zip_is_for_every_platform(built):
    manifest, wheels = manifest_of(built)
    assert built.name == f"cospeech-{manifest['version']}-bare.zip"
    assert not wheels
    assert not {"platforms", "wheels"} & set(manifest)


def test_both_zips_hold_the_same_extension(built, wheeled):
    with zipfile.ZipFile(built) as bare, zipfile.ZipFile(wheeled) as full:
        assert set(full.namelist()) - set(bare.namelist()) == manifest_of(wheeled)[1]
        assert set(bare.namelist()) <= set(full.namelist())


def test_blender_unpacks_what_a_default_take_imports(wheeled, tmp_path):
    resources = tmp_path / "Zoë's profile"
    resources.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", INSTALL, str(wheeled)],
        text=True,
        capture_output=True,
        env={**os.environ, "BLENDER_USER_RESOURCES": str(resources)},
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    packages = done.stdout.split("PACKAGES")[1].splitlines()[0]
    assert packages.startswith(str(resources))
    # numpy is the only package that this process finds anywhere else.
    code = f"""
import importlib, sys
import numpy
sys.path[:] = [path for path in sys.path if "site-packages" not in path] + [{packages!r}]
for name in {IMPORTED}:
    importlib.import_module(name)
print(numpy.__file__)
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=HANG_SECONDS)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith(packages)
    shutil.rmtree(resources)  # 350 MB, of which pytest would keep three


@pytest.mark.parametrize("words", [["--bare", "--platform", "linux-x64"], ["--platform", "linux-arm64"]])
def test_a_platform_that_there_is_not_is_refused(words):
    done = subprocess.run(
        [sys.executable, "build.py", "package", "--allow-dirty", *words], cwd=ROOT, text=True, capture_output=True
    )
    assert done.returncode == 2
    assert "--platform" in done.stderr
