#!/usr/bin/env python3
"""Cospeech's one door: set up, demo, test, lint, bench, package. Standard library only, Python 3.11.

Every command does the set-up it needs, inside this checkout, and a second run starts in seconds.
"""

from __future__ import annotations

import argparse
import ctypes
import ensurepip
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OUT = ROOT / "out"
TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Environment:
    """A virtual environment in the checkout and the lock it is made from."""

    folder: str
    lock: str
    torch: bool

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return ROOT / self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


MAIN = Environment(".venv", "locks/dev.lock", torch=True)
BPY50 = Environment(".venv-bpy50", "locks/bpy50.lock", torch=False)

# Debian package -> the library whose absence it cures (blender.md section 1).
SYSTEM_LIBRARIES = {
    "libx11-6": "libX11.so.6",
    "libxrender1": "libXrender.so.1",
    "libxfixes3": "libXfixes.so.3",
    "libxi6": "libXi.so.6",
    "libxkbcommon0": "libxkbcommon.so.0",
    "libsm6": "libSM.so.6",
    "libice6": "libICE.so.6",
    "libgl1": "libGL.so.1",
    "libegl1": "libEGL.so.1",
    "libegl-mesa0": "libEGL_mesa.so.0",
}


class BuildError(Exception):
    """A problem to be told in one sentence."""


def say(text: str) -> None:
    """Print a line at once, so that it stays in order with what child processes print."""
    print(text, flush=True)


def run(command: Sequence[str | Path], *, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command; BuildError with its name and status where it fails."""
    words = [str(word) for word in command]
    status = subprocess.run(words, cwd=cwd, env={**os.environ, **(env or {})}).returncode
    if status != 0:
        raise BuildError(f"'{' '.join(words[:6])}' ended with status {status}; its own output above says why")


# --- set-up -----------------------------------------------------------------------------------------------------


def missing_system_libraries() -> list[str]:
    """Debian packages whose library can't be loaded here (Linux only)."""
    if not sys.platform.startswith("linux"):
        return []
    missing = []
    for package, library in SYSTEM_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    return missing


def ensure_system_libraries() -> None:
    """Install what Blender needs of the system as root with apt; else say in one sentence what to install."""
    missing = missing_system_libraries()
    if not missing:
        return
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"Installing system libraries: {' '.join(missing)}")
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        wait = ["-o", "DPkg::Lock::Timeout=300"]
        run(["apt-get", *wait, "update", "-q"], env=quiet)
        run(["apt-get", *wait, "install", "-y", "-q", "--no-install-recommends", *missing], env=quiet)
        still = missing_system_libraries()
        if not still:
            return
        missing = still
    raise BuildError(
        f"Blender needs system libraries that are missing; install them with: apt install {' '.join(missing)}"
    )


def _stamp_text(environment: Environment) -> str:
    digest = hashlib.sha256((ROOT / environment.lock).read_bytes()).hexdigest()
    return f"{digest} {TORCH if environment.torch else '-'} {sys.version_info[:2]}\n"


def ensure_environment(environment: Environment) -> None:
    """Create or refresh a virtual environment from its lock; nothing happens where it is up to date."""
    if sys.version_info[:2] != (3, 11):
        found = ".".join(map(str, sys.version_info[:2]))
        raise BuildError(f"Blender's Python modules want Python 3.11 and this is {found}; run: python3.11 build.py ...")
    stamp = ROOT / environment.folder / "cospeech-lock.txt"
    wanted = _stamp_text(environment)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and environment.python.is_file():
        return
    say(f"Setting up {environment.folder} (a few minutes the first time)")
    if not environment.python.is_file():
        venv.EnvBuilder(with_pip=True, clear=True).create(ROOT / environment.folder)
    pip: list[str | Path] = [environment.python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--no-deps", "--require-hashes", "-r", ROOT / environment.lock])
    if environment.torch:
        run([*pip, TORCH])
    stamp.write_text(wanted, encoding="utf-8")


def setup(*, old_blender_too: bool = True) -> None:
    """Everything a fresh machine needs."""
    ensure_system_libraries()
    ensure_environment(MAIN)
    if old_blender_too:
        ensure_environment(BPY50)


# --- commands ---------------------------------------------------------------------------------------------------


def command_setup(_: argparse.Namespace) -> None:
    """Set up both environments and check that the engine and both Blenders start."""
    setup()
    run([MAIN.python, "-m", "engine", "doctor"])
    for environment in (MAIN, BPY50):
        run([environment.python, "-c", "import bpy; print('Blender', bpy.app.version_string, 'starts')"])


def command_test(options: argparse.Namespace) -> None:
    """All tests that run without a GPU: engine, add-on on Blender 4.5 and 5.0, end to end on the built zip.

    With --window: a scripted session in the Blender that $BLENDER starts in a window, and nothing else.
    """
    extra = list(options.rest)
    if "--window" in extra:
        extra.remove("--window")
        if not os.environ.get("BLENDER"):
            raise BuildError(
                "--window needs the command that starts Blender in a window; set it, for instance: BLENDER=blender"
            )
        setup(old_blender_too=False)
        run([MAIN.python, "-m", "tests.window", *extra])
        return
    setup()
    calm = {"OMP_NUM_THREADS": "1", "BLENDER_USER_RESOURCES": str(_fresh_folder("blender-user"))}
    failed = []
    suites: list[tuple[Environment, list[str]]] = [
        (BPY50, ["tests/addon", "tests/e2e"]),
        (MAIN, ["tests"]),
    ]
    for environment, folders in suites:
        say(f"--- tests in {environment.folder}: {' '.join(folders)}")
        try:
            run([environment.python, "-m", "pytest", "-n", "2", *folders, *extra], env=calm)
        except BuildError as error:
            failed.append(str(error))
    if failed:
        raise BuildError("; ".join(failed))


def command_lint(_: argparse.Namespace) -> None:
    """Ruff (lint and format) and mypy strict."""
    setup(old_blender_too=False)
    run([MAIN.python, "-m", "ruff", "check", "."])
    run([MAIN.python, "-m", "ruff", "format", "--check", "."])
    run([MAIN.python, "-m", "mypy"])


def command_bench(options: argparse.Namespace) -> None:
    """Measure; prints a table and writes JSON (design.md section 9)."""
    setup(old_blender_too=False)
    run([MAIN.python, "-m", "tests.bench", *options.rest])


def command_demo(options: argparse.Namespace) -> None:
    """Speech -> take.npz, demo.blend, demo.fbx, preview.mp4, contact_sheet.png in out/demo."""
    setup(old_blender_too=False)
    run([MAIN.python, "-m", "addon.demo", *options.rest], env={"OMP_NUM_THREADS": "2"})


def command_package(options: argparse.Namespace) -> None:
    """Build and validate the extension zip with Blender's own tool, from a clean tree; or the runtime's archive."""
    setup(old_blender_too=False)
    if options.runtime:
        build_runtime(Path(options.out))
        return
    changed = _git("status", "--porcelain")
    if changed and not options.allow_dirty:
        first = changed.splitlines()[0].strip()
        raise BuildError(f"The working tree has uncommitted changes (first: {first}); commit them, then package again")
    say(str(build_zip(Path(options.out))))


def build_zip(out: Path) -> Path:
    """Stage the extension, build the zip, validate it; returns its path."""
    version = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="package-", dir=OUT) as folder:  # another packaging may run beside this one
        return _built_zip(Path(folder), out.resolve() / f"cospeech-{version}.zip")


def _built_zip(folder: Path, target: Path) -> Path:
    """Stage and build in the folder, and put the valid zip at ``target``."""
    stage, made = folder / "stage", folder / target.name
    stage.mkdir()
    packed = ("addon", "engine", "assets", "locks/engine.lock")
    tracked = _git("ls-files", "--cached", "--others", "--exclude-standard", *packed).splitlines()
    for name in tracked:
        staged = stage / (name.removeprefix("addon/"))
        if (ROOT / name).is_file():
            staged.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, staged)
    for name in ("blender_manifest.toml", "LICENSE", "README.md"):
        shutil.copyfile(ROOT / name, stage / name)
    tool = _extension_tool()
    run([MAIN.python, tool, "build", "--source-dir", stage, "--output-filepath", made])
    run([MAIN.python, tool, "validate", made])
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
    absent = {
        "__init__.py",
        "blender_manifest.toml",
        "locks/engine.lock",
        "engine/cli.py",
        "assets/skeleton.json",
    } - names
    if absent:
        raise BuildError(f"The built zip lacks {', '.join(sorted(absent))}; are they in this checkout?")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{folder.name}-{target.name}")
    shutil.copyfile(made, partial)
    partial.replace(target)
    return target


def build_runtime(out: Path) -> Path:
    """Make the archive that Set Up Engine installs offline: every wheel of the engine's lock, torch and pip."""
    from addon.setup import wheelhouse

    wheels = _fresh_folder("runtime-wheels")
    pip: list[str | Path] = [MAIN.python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    # What exists as source only becomes a wheel here; the archive's own lock has the hash of that wheel.
    built: list[str | Path] = ["--no-build-isolation", "--wheel-dir", wheels]
    run([*pip, "wheel", "--no-deps", "--require-hashes", *built, "-r", ROOT / "locks/engine.lock"])
    pinned = OUT / "runtime-pins.txt"
    pinned.write_text("".join(f"{line}\n" for line in _pins(wheels)), encoding="utf-8")
    # With what this machine's torch needs beyond the lock (nothing for the CPU's, NVIDIA's wheels for CUDA's).
    run([*pip, "wheel", "--only-binary", ":all:", "--find-links", wheels, "-c", pinned, "--wheel-dir", wheels, TORCH])
    bundled = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not bundled:
        raise BuildError("This Python has no bundled pip (ensurepip); make the archive with a complete Python 3.11")
    shutil.copyfile(bundled[-1], wheels / bundled[-1].name)
    version = str(tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"])
    python = ".".join(map(str, sys.version_info[:2]))
    platform = wheelhouse.platform_name(sysconfig.get_platform())
    out.mkdir(parents=True, exist_ok=True)
    target = out.resolve() / f"cospeech-runtime-{version}-{platform}-py{python.replace('.', '')}.zip"
    house = wheelhouse.write(target, wheels, version=version, platform=platform, python=python)
    size, installed = target.stat().st_size / 1e6, house.installed_bytes / 1e6
    say(f"{target}: {len(house.wheels)} packages, {size:.0f} MB, {installed:.0f} MB installed")
    return target


def _pins(wheels: Path) -> list[str]:
    names = [file.name.split("-")[:2] for file in sorted(wheels.glob("*.whl"))]
    return [f"{name.replace('_', '-')}=={version}" for name, version in names]


def _extension_tool() -> Path:
    found = sorted(
        (ROOT / MAIN.folder).glob("lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    )
    if not found:
        raise BuildError("Blender's extension tool is not in .venv; run: python build.py setup")
    return found[0]


def _fresh_folder(name: str) -> Path:
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildError(f"git {words[0]} failed: {done.stderr.strip()}; package from a git checkout")
    return done.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors are one sentence and status 1."""
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, action, passes_on in (
        ("setup", command_setup, False),
        ("demo", command_demo, True),
        ("test", command_test, True),
        ("lint", command_lint, False),
        ("bench", command_bench, True),
    ):
        sub = commands.add_parser(name, help=action.__doc__)
        sub.set_defaults(action=action, passes_on=passes_on)
    package = commands.add_parser("package", help=command_package.__doc__)
    package.add_argument("--out", default=str(ROOT / "dist"))
    package.add_argument("--allow-dirty", action="store_true", help="for tests: package uncommitted changes too")
    package.add_argument("--runtime", action="store_true", help="make the runtime's archive for this system instead")
    package.set_defaults(action=command_package, passes_on=False)
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        options.action(options)
    except BuildError as error:
        say(f"build.py: {error}")
        return 1
    except KeyboardInterrupt:
        say("build.py: stopped")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
