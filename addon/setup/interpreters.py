"""Which Python runs the engine: one that was chosen, Blender's own with the extension's packages, or a set-up one.

No bpy in here.
"""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .runtimes import Runtime, python_of

CHOSEN, NETWORKS, BUILT_IN, CHECKOUT = "chosen", "networks", "built in", "checkout"
OWN_TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"


@dataclass(frozen=True)
class Interpreter:
    """A Python that can run the engine, where it comes from, and the folder of packages that it is given, or ""."""

    python: Path
    kind: str
    packages: str = ""

    @property
    def remedy(self) -> str:
        """What a user does where its packages are missing or broken."""
        if self.kind == CHOSEN:
            return "choose another Python in the preferences, or clear Engine's Python there"
        return "run python build.py setup in the checkout" if self.kind == CHECKOUT else "press Repair"


@dataclass(frozen=True)
class BuiltIn:
    """The extension's own packages beside Blender's Python: where they lie, and which of its wheels are not there."""

    python: Path | None
    packages: Path
    wheels: tuple[Path, ...]
    missing: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it can run the engine."""
        return bool(self.wheels) and not self.missing and self.python is not None

    @property
    def problem(self) -> str:
        """Why it can't, and what to do; "" where it can, and where this zip has no packages inside."""
        if not self.wheels or self.is_whole:
            return ""
        if self.missing:
            return f"The built-in engine lacks {', '.join(self.missing)}; press Repair"
        return "Blender's own Python was not found; choose Engine's Python in Cospeech's preferences"


def built_in(root: Path) -> BuiltIn:
    """What the extension at ``root`` brings along. A checkout and a bare zip bring nothing."""
    packages = root.parents[1] / ".local/lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    wheels = tuple(root / name for name in _wheels(root) if _fits(name))
    found = _installed(packages) if wheels else frozenset()
    missing = tuple(name for name in map(package_of, wheels) if _plain(name) not in found)
    return BuiltIn(own_python(), packages, wheels, missing)


@cache
def _wheels(root: Path) -> tuple[str, ...]:
    """The wheels that the manifest names. It is this session's: another version brings modules anew."""
    manifest = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))
    return tuple(str(name) for name in manifest.get("wheels", ()))


def _fits(wheel: str) -> bool:
    """Whether a wheel is for this Python: for it alone, for any, or for all from an older one on (abi3)."""
    *_, pythons, abi, _ = wheel.rpartition("/")[2].removesuffix(".whl").split("-")
    if abi == "abi3":
        return any(tag[:3] == "cp3" and int(tag[3:]) <= sys.version_info[1] for tag in pythons.split("."))
    return any(tag in {OWN_TAG, "py3"} for tag in pythons.split("."))


def package_of(wheel: Path) -> str:
    """``praat_parselmouth`` of ``praat_parselmouth-0.4.7-cp311-....whl``."""
    return wheel.name.split("-")[0]


def _installed(packages: Path) -> frozenset[str]:
    """Packages that left their description, whichever extension brought them and in which version."""
    try:
        names = os.listdir(packages)  # noqa: PTH208  # drawn with every panel: three times as fast
    except OSError:
        return frozenset()
    return frozenset(_plain(name.split("-")[0]) for name in names if name.endswith(".dist-info"))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


@cache
def own_python() -> Path | None:
    """The Python beside Blender. Where ``sys.executable`` is Blender itself, it lies under ``sys.prefix``."""
    given = Path(sys.executable or "")
    if given.name.lower().startswith("python") and given.is_file():
        return given
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    names = ("bin/python.exe", "python.exe") if os.name == "nt" else (f"bin/python{version}", "bin/python3")
    return next((path for path in (Path(sys.prefix) / name for name in names) if path.is_file()), None)


def choose(
    chosen: str, runtime: Runtime | None, own: BuiltIn, checkout: Path, version: str, *, networks: bool
) -> Interpreter | None:
    """The Python for a job, or None. ``networks``: it needs PyTorch, which is not built in.

    What the user chose comes first. A runtime of this version is for the networks, and for all where nothing is built
    in; one of another version is for the worst case.
    """
    if chosen:
        return Interpreter(Path(chosen), CHOSEN)
    fits = runtime is not None and runtime.version == version
    if not networks and own.is_whole:
        assert own.python is not None
        return Interpreter(own.python, BUILT_IN, str(own.packages))
    if fits or (runtime is not None and not networks):
        assert runtime is not None
        return Interpreter(runtime.python, NETWORKS)
    python = python_of(checkout / ".venv")
    return Interpreter(python, CHECKOUT) if python.is_file() else None
