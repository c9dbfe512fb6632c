#!/usr/bin/env python3
"""Cospeech's one door: set up, demo, test, lint, bench, package. Standard library only, Python 3.11.

Every command does the set-up it needs, inside this checkout, and a second run starts in seconds. What the tools print
goes into out/logs; the user sees a line a step and, where one fails, the sentence that says why.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / ".ci"))

import builtin_wheels
import extension_zip
import plain_blenders
from logged_steps import ROOT, BuildError, Step, run, say

TORCH = "torch==2.13.0"
PYTHON = (3, 11)  # Blender's modules in the locks are for this one
ZIP_TESTED = "linux-x64"  # the platform whose zip the tests build
NOTHING_RAN = 5  # pytest's status where no test was chosen
# Tests that cannot differ between the two Blenders: of processes, files, plain numpy, and of what the networks compute,
# whose keys are written as the default's are. They run in the main one only.
NO_BLENDER = (
    "tests/addon/client",
    "tests/addon/generate/test_generators.py",
    "tests/addon/generate/test_published_generators.py",
    "tests/addon/setup",
    "tests/addon/layers/test_simplify_fit.py",
    "tests/addon/plan/test_semantic_score.py",
    "tests/addon/rig/mannequin/test_face_landmarks.py",
    "tests/addon/rig/mannequin/test_mannequin.py",
)


@dataclass(frozen=True)
class Environment:
    """A virtual environment in the checkout and the lock it is made from."""

    folder: str
    lock: str
    torch: bool
    blender: str

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return plain_blenders.python_of(ROOT / self.folder)


MAIN = Environment(".venv", "locks/dev.lock", torch=True, blender="4.5")
BPY50 = Environment(".venv-bpy50", "locks/bpy50.lock", torch=False, blender="5.0")

# Debian package -> the library whose absence it cures (docs/sources/blender.md, section 1).
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
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        wait = ["-o", "DPkg::Lock::Timeout=300"]
        with Step(f"Installing system libraries ({' '.join(missing)})", "system") as step:
            step.run(["apt-get", *wait, "update", "-q"], quiet)
            step.run(["apt-get", *wait, "install", "-y", "-q", "--no-install-recommends", *missing], quiet)
        missing = missing_system_libraries()
    if missing:
        raise BuildError(
            f"Blender needs system libraries that are missing; as root, install them: apt install {' '.join(missing)}"
        )


def _stamp_text(environment: Environment) -> str:
    digest = hashlib.sha256((ROOT / environment.lock).read_bytes()).hexdigest()
    return f"{digest} {TORCH if environment.torch else '-'} {sys.version_info[:2]}\n"


def ensure_environment(environment: Environment) -> None:
    """Create or refresh a virtual environment from its lock; nothing happens where it is up to date."""
    stamp = ROOT / environment.folder / "cospeech-lock.txt"
    wanted = _stamp_text(environment)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted and environment.python.is_file():
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise BuildError("This Python can't make environments; install what it lacks: apt install python3.11-venv")
    with Step(f"Setting up {environment.folder}, a few minutes the first time", f"setup{environment.folder}") as step:
        if not environment.python.is_file():
            step.run([sys.executable, "-m", "venv", "--clear", ROOT / environment.folder])
        pip: list[str | Path] = [environment.python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        step.run([*pip, "--no-deps", "--require-hashes", "-r", ROOT / environment.lock])
        if environment.torch:
            step.run([*pip, TORCH])
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
    with Step("Making a take of the demo line", "check") as step:
        lines = step.run([MAIN.python, "-m", "engine", "doctor", "--json"])
        report = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
    say(f"  engine {report['engine']}, torch {report['packages']['torch']}, devices: {', '.join(report['devices'])}")
    for environment in (MAIN, BPY50):
        with Step(f"Starting Blender {environment.blender}", f"check{environment.folder}") as step:
            step.run([environment.python, "-c", "import bpy; print(bpy.app.version_string)"])


def command_test(options: argparse.Namespace) -> None:
    """All tests that run without a GPU, in an order drawn from a seed: engine, add-on on Blender 4.5 and 5.0, end to
    end on the built zip. Paths choose among them; everything else goes to pytest (-k, -x, --randomly-seed=N).

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
    chosen = [word for word in extra if not word.startswith("-") and (ROOT / word.partition("::")[0]).exists()]
    extra = [word for word in extra if word not in chosen]
    of_blender = [word for word in chosen if word.startswith("tests/addon")]
    suites = {BPY50: of_blender, MAIN: chosen} if chosen else {BPY50: ["tests/addon"], MAIN: ["tests"]}
    suites = {environment: paths for environment, paths in suites.items() if paths}
    setup(old_blender_too=BPY50 in suites)
    if any(path.startswith("tests/e2e") or path.rstrip("/") == "tests" for paths in suites.values() for path in paths):
        _setup_of_the_zip()
    seed = _seed(extra)
    say(f"The tests run in the order of seed {seed}; the same again: python build.py test --randomly-seed={seed}")
    good = (0, NOTHING_RAN) if chosen else (0,)  # a file may be for the other environment only
    left_out = {BPY50: [f"--ignore={path}" for path in NO_BLENDER], MAIN: []}
    failed = [at for at, paths in suites.items() if not _tested(at, [*paths, *left_out[at], *extra], seed, good)]
    if failed:
        raise BuildError(f"tests failed in {' and '.join(at.folder for at in failed)}")


def _setup_of_the_zip() -> None:
    """What the tests of the zip with wheels need: the wheels, and environments with a Blender alone."""
    if extension_zip.this_platform() == ZIP_TESTED:
        builtin_wheels.fetch(MAIN.python, ZIP_TESTED)
    for environment in (MAIN, BPY50):
        if environment.python.is_file():
            plain_blenders.ensure_linked(environment.python, ROOT / f"{environment.folder}-plain")
    plain_blenders.ensure_newer(MAIN.python, ROOT / ".venv-bpy52")


def _seed(extra: list[str]) -> int:
    """The seed in pytest's own options, which leaves them; drawn where there is none."""
    given = [word for word in extra if word.startswith("--randomly-seed=")]
    for word in given:
        extra.remove(word)
    number = given[-1].partition("=")[2] if given else str(random.randrange(1, 10**6))
    if not number.isdecimal():
        raise BuildError(f"The seed '{number}' is not a whole number; give for instance --randomly-seed=7")
    return int(number)


def _tested(environment: Environment, words: list[str], seed: int, good: Sequence[int]) -> bool:
    """Run tests; tell pytest's closing line, and where some failed their names and the log."""
    calm = {
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "PYTHONDONTWRITEBYTECODE": "",  # what is compiled is kept, whatever this machine's Python is told
        "BLENDER_USER_RESOURCES": str(extension_zip.fresh_folder("blender-user")),
    }
    order = [f"--randomly-seed={seed}", f"--hypothesis-seed={seed}"]
    title = f"Tests with Blender {environment.blender} ({' '.join(words)})"
    try:
        with Step(title, f"test{environment.folder}") as step:
            # A file stays with one worker, so what its tests share is made once; tests/conftest.py says which begin.
            split = ["-n", "2", "--dist=loadfile", "--no-loadscope-reorder"]
            step.run([environment.python, "-m", "pytest", *split, *order, *words], calm, good=good)
    except BuildError as error:
        _tell_results(step.log)
        say(f"  {error}")
        return False
    _tell_results(step.log)
    return True


def _tell_results(log: Path) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in [line for line in lines if line.startswith(("FAILED", "ERROR"))][:40]:
        say(f"  {line}")
    closing = re.compile(r"(no tests ran|\d+ (passed|failed|error|skipped|deselected).*) in [\d.]+s")
    for line in [line for line in lines if closing.search(line)][-1:]:
        say(line.strip("= "))


def command_lint(_: argparse.Namespace) -> None:
    """Ruff (lint and format) and mypy, strict but where bpy's types make that senseless (pyproject.toml)."""
    setup(old_blender_too=False)
    run([MAIN.python, "-m", "ruff", "check", "."])
    run([MAIN.python, "-m", "ruff", "format", "--check", "."])
    run([MAIN.python, "-m", "mypy"])


def command_bench(options: argparse.Namespace) -> None:
    """Measure; prints a table and writes JSON (docs/sources/contracts.md, section 6)."""
    setup(old_blender_too=False)
    plain_blenders.ensure_linked(MAIN.python, ROOT / f"{MAIN.folder}-plain")
    run([MAIN.python, "-m", "tests.bench", *options.rest])


def command_demo(options: argparse.Namespace) -> None:
    """Speech -> take.npz, demo.blend, demo.fbx, preview.mp4, contact_sheet.png in out/demo."""
    setup(old_blender_too=False)
    command = [MAIN.python, "-m", "addon.demo", *options.rest]
    if {"-h", "--help"} & set(options.rest):
        run(command)
        return
    with Step("The demo", "demo") as step:
        step.run(command, {"OMP_NUM_THREADS": "2"})


def command_package(options: argparse.Namespace) -> None:
    """Build and validate the extension zip with Blender's own tool, from a clean tree; or the runtime's archive.

    The zip is for one platform and carries the default engine's wheels; without wheels it is for every Blender.
    """
    setup(old_blender_too=False)
    if options.runtime:
        extension_zip.build_runtime(MAIN.python, TORCH, Path(options.out))
        return
    if not options.allow_dirty:
        extension_zip.refuse_changes()
    chosen = options.platform or extension_zip.this_platform()
    for platform in [None] if options.bare else builtin_wheels.PLATFORMS if chosen == "all" else [chosen]:
        made = build_zip(Path(options.out), platform)
        say(f"{made}: {made.stat().st_size / 1e6:.0f} MB")


def build_zip(out: Path, platform: str | None = None) -> Path:
    """The extension's zip for a platform, without one the zip without wheels, made in ``out``; returns its path."""
    return extension_zip.build_zip(MAIN.python, out, platform)


def command_lock(_: argparse.Namespace) -> None:
    """Write the lock of the zip's wheels anew, for every platform, from the versions in the engine's lock."""
    setup(old_blender_too=False)
    say(f"{builtin_wheels.relock(MAIN.python)} wheels in {builtin_wheels.LOCK.relative_to(ROOT)}")


# --- the door ---------------------------------------------------------------------------------------------------


def fitting_python() -> str | None:
    """None where this Python fits, else the path of one that does; BuildError where there is none."""
    if sys.version_info[:2] == PYTHON:
        return None
    name, found = ".".join(map(str, PYTHON)), ".".join(map(str, sys.version_info[:2]))
    other = shutil.which(f"python{name}")
    if other is not None:
        answer = subprocess.run(
            [other, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
        )
        if answer.stdout.strip() == str(PYTHON):
            return other
    raise BuildError(
        f"Blender's Python modules want Python {name} and this is {found}; install Python {name} with its venv module "
        f"(Debian 12 has it as python3.11 and python3.11-venv, other systems through pyenv or uv), then run "
        f"python{name} build.py"
    )


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
        ("lock", command_lock, False),
    ):
        sub = commands.add_parser(name, help=action.__doc__, add_help=name not in ("demo", "bench"))
        sub.set_defaults(action=action, passes_on=passes_on)
    package = commands.add_parser("package", help=command_package.__doc__)
    package.add_argument("--out", default=str(ROOT / "dist"))
    package.add_argument("--allow-dirty", action="store_true", help="for tests: package uncommitted changes too")
    kinds = package.add_mutually_exclusive_group()
    kinds.add_argument("--platform", choices=[*builtin_wheels.PLATFORMS, "all"], help="default: this machine's")
    kinds.add_argument("--bare", action="store_true", help="without wheels, for a Blender with another Python")
    kinds.add_argument("--runtime", action="store_true", help="make the runtime's archive for this system instead")
    package.set_defaults(action=command_package, passes_on=False)
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        if other := fitting_python():
            say(f"Going on with {other}")
            return subprocess.run([other, *sys.argv]).returncode
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
