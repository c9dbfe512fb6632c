"""The set-up: an environment beside the old one, self-tested, then renamed into place. No bpy in here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from . import runtimes, wheelhouse
from .base_python import choose
from .claim import Claim
from .runtimes import python_of, site_packages
from .wheelhouse import CHUNK, WHEELS, SetUpError, Wheel, Wheelhouse
from .work import Work, WorkJob, plain_environment

STAGES = {
    "check": "Checking the archive",
    "python": "Looking for a Python",
    "unpack": "Unpacking packages",
    "environment": "Making the environment",
    "install": "Installing packages",
    "test": "Testing the engine",
    "place": "Putting it in place",
    "verify": "Verifying packages",
}
# By eye, where no source is named.
MARGIN_BYTES = 100_000_000  # that stay free on the disk
BYTECODE = 1.35  # times the installed files, by eye: compiled ones come with them
INSTALL_SECONDS = 3600.0  # that pip may take: gigabytes over a slow line
STATE = "cospeech-setup.json"
READY = "set up"  # what the engine's examination says of the networks then
# pip out of its wheel. On Linux it dies with Blender: else it would still write when the next Blender goes on.
PIP = """
import os, runpy, sys
blender = int(sys.argv.pop(1))
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != blender:
        sys.exit("Blender is gone")
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
TORCH = "torch==2.13.0"
ONLINE_BYTES = 8_000_000_000  # that CUDA's wheels take, installed


@dataclass(frozen=True)
class Plan:
    """What to set up: from an archive, or, where the user asked for it, online."""

    root: Path
    base: Path
    version: str
    archive: Path | None
    online: bool
    pythons: tuple[Path, ...]
    chosen: bool
    log: Path


class SetUpJob(WorkJob):
    """Makes ``base/<version>``. An interrupted one is gone on with; an old runtime stays until the new one works."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.final = plan.base / plan.version
        self.partial = plan.base / f"{plan.version}{runtimes.PARTIAL}"
        self._wheels = plan.base / f"{plan.version}.wheels"
        plan.base.mkdir(parents=True, exist_ok=True)
        self._claim: Claim | None = None
        super().__init__(plan.base, plan.log)

    def work(self) -> Work:
        """All steps, the finished ones of an earlier try skipped."""
        self._claim = Claim(self.plan.base)
        house = None if self.plan.online else wheelhouse.read(self._archive_path())
        yield
        yield from self._begin(house.digest if house else self._online_digest())
        self._check_space(house)
        self.stage = "python"
        python = yield from choose(self, self.plan, house)
        if house is not None:
            yield from self._unpack(house, house.wheels)
        yield from self._make_environment(python, with_pip=house is None)
        self.stage, self.fraction = "install", 0.4
        if house is not None:
            yield from self._install(house, house.wheels, self.partial)
        else:
            yield from self._install_online()
        report = yield from self.self_test(self.partial)
        yield from self._place(house, python, report)

    def _archive_path(self) -> Path:
        if self.plan.archive is None:
            raise SetUpError("Choose the runtime archive in Cospeech's preferences, then set up")
        return self.plan.archive

    def left(self) -> None:
        """Let another Blender try."""
        if self._claim is not None:
            self._claim.release()

    def check_cancel(self) -> None:
        """StoppedError where the user has cancelled; else show that somebody works here."""
        super().check_cancel()
        if self._claim is not None:
            self._claim.renew()

    def _begin(self, digest: str) -> Work:
        """Keep what an earlier try of the same made; remove any other."""
        if self._state().get("digest") != digest:
            for folder in (self.partial, self._wheels):
                if folder.exists():
                    yield from self.remove(folder)
            self._wheels.mkdir()
            self._remember({"digest": digest})

    def _state(self) -> dict[str, str]:
        try:
            state = json.loads((self._wheels / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def _remember(self, state: dict[str, str]) -> None:
        (self._wheels / STATE).write_text(json.dumps(state), encoding="utf-8")

    def _online_digest(self) -> str:
        lock = self.plan.root / "locks/engine.lock"
        return f"online {TORCH} {hashlib.sha256(lock.read_bytes()).hexdigest()}"

    def _check_space(self, house: Wheelhouse | None) -> None:
        there = sum(file.stat().st_size for file in self._wheels.glob("*.whl"))
        wanted = house.wheel_bytes + house.installed_bytes * BYTECODE - there if house else ONLINE_BYTES
        packages = site_packages(self.partial)
        if packages is not None and any(packages.iterdir()):
            wanted = 0.0  # partly installed already; how much is not worth a walk
        free = shutil.disk_usage(self.plan.base).free
        if free < wanted + MARGIN_BYTES:
            raise SetUpError(
                f"The set-up needs {(wanted + MARGIN_BYTES) / 1e9:.1f} GB in {self.plan.base} and "
                f"{free / 1e9:.1f} GB are free; free some disk space, then set up again"
            )

    def _unpack(self, house: Wheelhouse, wheels: tuple[Wheel, ...]) -> Work:
        """Wheels out of the archive, each under its name only when its hash is right."""
        self.stage = "unpack"
        total, done = house.wheel_bytes + house.pip.size, 0
        with zipfile.ZipFile(house.path) as archive:
            for wheel in (house.pip, *wheels):
                target = self._wheels / wheel.name
                whole = target.is_file() and target.stat().st_size == wheel.size
                whole = whole and (yield from self._digest(target)) == wheel.sha256
                if not whole:
                    partial = target.with_suffix(".part")
                    with archive.open(WHEELS + wheel.name) as source, partial.open("wb") as stream:
                        yield from self._copy(house, wheel, source, stream)
                    partial.replace(target)
                done += wheel.size
                self.fraction = 0.3 * done / total

    def _copy(self, house: Wheelhouse, wheel: Wheel, source: IO[bytes], stream: IO[bytes]) -> Work:
        digest = hashlib.sha256()
        try:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                stream.write(chunk)
                self.check_cancel()
                yield
        except zipfile.BadZipFile:  # its checksum
            digest = hashlib.sha256()
        if digest.hexdigest() != wheel.sha256:
            raise SetUpError(f"{wheel.name} in {house.path.name} is damaged; {wheelhouse.ADVICE}")

    def _digest(self, file: Path) -> Generator[None, None, str]:
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                self.check_cancel()
                yield
        return digest.hexdigest()

    def _make_environment(self, python: Path, *, with_pip: bool) -> Work:
        self.stage, self.fraction = "environment", 0.32
        state = self._state()
        if state.get("python") == str(python) and python_of(self.partial).is_file():
            return
        pip = [] if with_pip else ["--without-pip"]
        words = [str(python), "-I", "-m", "venv", "--clear", *pip, str(self.partial)]
        status, _ = yield from self.run(words, seconds=300.0, watch=self.check_cancel)
        if status != 0:
            raise SetUpError(
                f"{python} can't make an environment ({self.last_words(status)}); choose another Base Python in the "
                "preferences"
            )
        self._remember({**state, "python": str(python)})

    def _install(self, house: Wheelhouse, wheels: tuple[Wheel, ...], folder: Path, *extra: str) -> Work:
        """pip of the archive, offline, each file by its hash. Packages that are there already are kept."""
        self._forget_halves(folder)
        lock = self._wheels / "wanted.lock"
        lock.write_text("".join(f"{wheel.requirement}\n" for wheel in wheels), encoding="utf-8")
        begun = self.fraction

        def watch() -> None:
            self.check_cancel()
            packages = site_packages(folder)
            count = len(list(packages.glob("*.dist-info/INSTALLER"))) if packages else 0
            self.fraction = begun + (0.85 - begun) * min(1.0, count / max(1, len(house.wheels)))

        flags = "--isolated --no-index --require-hashes --no-deps --no-input --no-cache-dir --disable-pip-version-check"
        words = [
            str(python_of(folder)),
            "-c",
            PIP,
            str(os.getpid()),
            str(self._wheels / house.pip.name),
            "install",
            *flags.split(),
            *extra,
        ]
        words += ["--only-binary", ":all:", "--find-links", str(self._wheels), "-r", str(lock)]
        environment = plain_environment({"PIP_CONFIG_FILE": os.devnull})
        status, _ = yield from self.run(words, seconds=INSTALL_SECONDS, environment=environment, watch=watch)
        if status != 0:
            raise SetUpError(f"The packages could not be installed ({self.last_words(status)}); try again")

    def _install_online(self) -> Work:
        """The lock's packages by their hashes, then torch as this machine's pip finds it."""
        pip = [str(python_of(self.partial)), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
        for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"):
            kept.pop(name, None)
        environment = plain_environment(kept)
        for words in (
            ["--no-deps", "--require-hashes", "-r", str(self.plan.root / "locks/engine.lock")],
            [TORCH],
        ):
            status, _ = yield from self.run(
                [*pip, *words], seconds=INSTALL_SECONDS, environment=environment, watch=self.check_cancel
            )
            if status != 0:
                raise SetUpError(f"The packages could not be fetched ({self.last_words(status)}); try again")
            self.fraction = 0.6

    def _forget_halves(self, folder: Path) -> None:
        """pip takes a package for installed that it was interrupted at; INSTALLER is what it writes last but one."""
        packages = site_packages(folder)
        for info in packages.glob("*.dist-info") if packages else ():
            if not (info / "INSTALLER").is_file() or not (info / "RECORD").is_file():
                shutil.rmtree(info, ignore_errors=True)

    def self_test(self, folder: Path) -> Generator[None, None, dict[str, Any]]:
        """The engine's own examination, run by the environment; SetUpError where it is not ready."""
        self.stage, self.fraction = "test", 0.86
        try:
            report = yield from self.examined(python_of(folder), self.plan.root)
            if report.get("networks", READY) != READY:
                raise SetUpError(f"PyTorch does not work there: {report['networks']}")
        except SetUpError as error:
            raise SetUpError(f"{error}. The runtime that was there before is still used; press Repair") from None
        return report

    def _place(self, house: Wheelhouse | None, python: Path, report: dict[str, object]) -> Work:
        """The swap. Until here nothing that worked was touched."""
        self.stage, self.fraction = "place", 0.96
        info = {
            "version": self.plan.version,
            "archive": str(house.path) if house else "",
            "digest": house.digest if house else "",
            "base_python": str(python),
            "devices": report.get("devices"),
            "made": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        (self.partial / runtimes.INFO).write_text(json.dumps(info, indent=1), encoding="utf-8")
        old = self.plan.base / f"{self.plan.version}{runtimes.OLD}"
        if self.final.exists():
            if old.exists():
                yield from self.remove(old)
            self.check_cancel()
            self.final.rename(old)
        self.partial.rename(self.final)
        status, _ = yield from self.run([python_of(self.final), "-c", "import numpy"], seconds=120.0)
        if status != 0:
            raise SetUpError(f"The environment does not start in its place ({self.last_words(status)}); press Repair")
        for folder in sorted(self.plan.base.iterdir()):
            if folder.is_dir() and folder != self.final:
                yield from self.remove(folder)
        self.result, self.fraction = dict(report), 1.0
