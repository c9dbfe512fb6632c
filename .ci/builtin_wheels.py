"""The wheels of the default engine, which the extension's zip carries: their lock, and the folder they are kept in."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from logged_steps import OUT, ROOT, BuildError, Step

LOCK = ROOT / "locks/builtin.lock"
VERSIONS = ROOT / "locks/engine.lock"  # whose versions and hashes the lock of the wheels repeats
CACHE = OUT / "wheels"
RELOCK = "python build.py lock"

# What a default take imports. Never numpy: it is Blender's own, and all extensions share one folder of packages.
PACKAGES = (
    "cffi",
    "num2words",  # its docopt is for its command line alone
    "pocketsphinx",  # its sounddevice is for microphones alone
    "praat-parselmouth",
    "praatio",
    "pycparser",
    "pysubs2",
    "safetensors",
    "scipy",
    "soundfile",
    "soxr",
    "typing-extensions",
)
# The Pythons of the Blenders: 3.11 up to 5.0, 3.13 from 5.1 (docs/sources/blender.md).
PYTHONS = {"cp311": "3.11", "cp313": "3.13"}
# Blender's name of a platform -> what its wheels may be called, the best first. glibc 2.28 is what Blender's own module
# asks for, macOS 11 what Blender 4.5 does; of scipy no older one than macOS 12 is published for arm64.
PLATFORMS = {
    "linux-x64": (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)), "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_12_0_arm64",),
    "macos-x64": ("macosx_11_0_x86_64",),
}

LOCK_HEAD = f"""\
# The wheels in the extension's zip: a section a platform and Python, a line a package. Written by: {RELOCK}
"""


@dataclass(frozen=True)
class Wheel:
    """A wheel's file name and its hash."""

    name: str
    sha256: str

    @property
    def requirement(self) -> str:
        """The line of a requirements file that only this wheel fulfils."""
        package, version = self.name.split("-")[:2]
        return f"{package}=={version} --hash=sha256:{self.sha256}"


def read_lock() -> dict[str, dict[str, dict[str, Wheel]]]:
    """Platform -> Python (``cp311``) -> package -> its wheel."""
    import tomllib  # an older Python gets as far as build.py's sentence about that

    try:
        sections = tomllib.loads(LOCK.read_text(encoding="utf-8"))
        return {
            platform: {
                tag: {package: Wheel(entry["wheel"], entry["sha256"]) for package, entry in packages.items()}
                for tag, packages in pythons.items()
            }
            for platform, pythons in sections.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildError(f"{LOCK.name} can't be read ({error}); write it anew: {RELOCK}") from error


def fetch(python: Path, platform: str) -> list[Path]:
    """The platform's wheels for every Python, each once and in order; what the cache lacks is downloaded by its hash.

    ``python`` is an environment's interpreter, whose pip downloads.
    """
    pythons = read_lock().get(platform)
    if not pythons:
        raise BuildError(f"There are no wheels for {platform}; package for {', '.join(PLATFORMS)} or with --bare")
    absent = {tag: [wheel for wheel in packages.values() if not _is_kept(wheel)] for tag, packages in pythons.items()}
    if any(absent.values()):
        CACHE.mkdir(parents=True, exist_ok=True)
        with Step(f"Fetching the wheels of {platform}", f"wheels-{platform}") as step:
            for tag, wheels in absent.items():
                _keep(step, python, platform, tag, wheels)
    names = sorted({wheel.name for packages in pythons.values() for wheel in packages.values()})
    return [CACHE / name for name in names]


def relock(python: Path) -> int:
    """Write the lock anew from the versions and hashes of the engine's lock; returns how many wheels it names."""
    pins = _pins(VERSIONS.read_text(encoding="utf-8"))
    if lacking := [package for package in PACKAGES if package not in pins]:
        raise BuildError(f"{VERSIONS.name} has no {', '.join(lacking)}")
    text, names = LOCK_HEAD, set()
    with Step("Fetching the wheels of every platform, some minutes", "lock") as step:
        for platform in PLATFORMS:
            for tag in PYTHONS:
                found = _downloaded(step, python, platform, tag, [pins[package] for package in PACKAGES])
                text += f"\n[{platform}.{tag}]\n"
                for package, wheel in sorted(found.items()):
                    text += f'{package} = {{ wheel = "{wheel.name}", sha256 = "{wheel.sha256}" }}\n'
                    names.add(wheel.name)
    LOCK.write_text(text, encoding="utf-8")
    return len(names)


def _is_kept(wheel: Wheel) -> bool:
    path = CACHE / wheel.name
    return path.is_file() and _sha256(path) == wheel.sha256


def _keep(step: Step, python: Path, platform: str, tag: str, wheels: Sequence[Wheel]) -> None:
    """Put wheels into the cache; whoever else fetches them at the same time puts the same."""
    wheels = [wheel for wheel in wheels if not _is_kept(wheel)]  # the other Python may have brought it
    if not wheels:
        return
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=CACHE) as name:
        folder = Path(name)
        _download(step, python, platform, tag, [wheel.requirement for wheel in wheels], folder)
        for wheel in wheels:
            got = folder / wheel.name
            if not got.is_file() or _sha256(got) != wheel.sha256:
                raise BuildError(f"What came for {wheel.name} is not what {LOCK.name} names; write it anew: {RELOCK}")
            got.replace(CACHE / wheel.name)


def _downloaded(step: Step, python: Path, platform: str, tag: str, requirements: Iterable[str]) -> dict[str, Wheel]:
    """Package -> the wheel that pip takes for a platform and Python."""
    with tempfile.TemporaryDirectory(prefix="lock-", dir=OUT) as name:
        folder = Path(name)
        _download(step, python, platform, tag, requirements, folder)
        wheels = [Wheel(path.name, _sha256(path)) for path in folder.glob("*.whl")]
    return {wheel.name.split("-")[0].replace("_", "-"): wheel for wheel in wheels}


def _download(step: Step, python: Path, platform: str, tag: str, requirements: Iterable[str], folder: Path) -> None:
    """Let pip download wheels of exactly these hashes, for a platform and Python that need not be ours."""
    wanted = folder / "requirements.txt"
    wanted.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
    names = [word for one in PLATFORMS[platform] for word in ("--platform", one)]
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    exact = ["--no-deps", "--only-binary=:all:", "--require-hashes"]
    target = ["--implementation", "cp", "--python-version", PYTHONS[tag], *names]
    step.run([*pip, *exact, *target, "-r", wanted, "--dest", folder])


def _pins(lock: str) -> dict[str, str]:
    """Package -> its requirement with all hashes, of pip's lock file; the older where a lock has two, since that one
    is for every Python."""
    pins: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", lock):
        if fits := re.match(r"([\w.-]+)==([^\s;]+)", block):
            hashes = " ".join(re.findall(r"--hash=sha256:\w+", block))
            pins.setdefault(fits[1], f"{fits[1]}=={fits[2]} {hashes}")
    return pins


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
