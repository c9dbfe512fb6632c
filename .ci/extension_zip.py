"""The extension's zip and the runtime's archive, made from this checkout."""

from __future__ import annotations

import platform as platform_module
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

import builtin_wheels
from logged_steps import OUT, ROOT, BuildError, run, say

# README and what it links, so that no link of the zip's pages leads nowhere.
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs")
PACKED = ("addon", "engine", "assets", "locks/engine.lock", "blender_manifest.toml", *PAGES)
# Only developers train and evaluate; the command line says where they find that.
LEFT_OUT = ("engine/training/", "engine/evaluation/", "assets/evaluation/", "assets/demo/make_demo.py")
WANTED = {
    "__init__.py",
    "blender_manifest.toml",
    "locks/engine.lock",
    "engine/cli.py",
    "assets/skeleton.json",
    "README.md",
}
MOST_BYTES = 165_000_000  # bytes, a limit of our own; the largest zip, of Linux, has 161 MB


def refuse_changes() -> None:
    """BuildError where the working tree is not what was committed."""
    if changed := _git("status", "--porcelain"):
        first = changed.splitlines()[0].strip()
        raise BuildError(f"The working tree has uncommitted changes (first: {first}); commit them, then package again")


def this_platform() -> str:
    """This machine's platform as Blender calls it, for instance linux-x64."""
    system, machine = platform_module.system().lower(), platform_module.machine().lower()
    machines = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}
    return f"{'macos' if system == 'darwin' else system}-{machines.get(machine, machine)}"


def build_zip(python: Path, out: Path, platform: str | None = None) -> Path:
    """Stage the extension, build the zip with Blender's own tool, validate it; returns its path.

    With a platform the zip carries the default engine's wheels for it; without one it carries none.
    """
    wheels = builtin_wheels.fetch(python, platform) if platform else []
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="package-", dir=OUT) as name:  # another packaging may run beside this one
        folder = Path(name)
        stage = _staged(folder / "stage")
        if platform:
            _add_wheels(stage, platform, wheels)
        made = _built(python, stage, folder, platform)
        target = out.resolve() / made.name
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{folder.name}-{target.name}")
        shutil.copyfile(made, partial)
        partial.replace(target)
    return target


def version() -> str:
    """The version in the manifest."""
    import tomllib

    return str(tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"])


def _staged(stage: Path) -> Path:
    """The folder with what every zip holds, as it lies in the zip."""
    for name in _packed_files():
        staged = stage / name.removeprefix("addon/")
        staged.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, staged)
    return stage


def _add_wheels(stage: Path, platform: str, wheels: list[Path]) -> None:
    """Put the wheels into the stage and name them, and the platform, in its manifest."""
    (stage / "wheels").mkdir()
    for wheel in wheels:
        shutil.copyfile(wheel, stage / "wheels" / wheel.name)
    manifest = stage / "blender_manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    listed = "".join(f'    "./wheels/{wheel.name}",\n' for wheel in wheels)
    top, table, rest = text.partition("\n[")  # keys of the top level end where the first table begins
    added = f'\nplatforms = ["{platform}"]\nwheels = [\n{listed}]\n'
    manifest.write_text(top + added + table + rest, encoding="utf-8")


def _built(python: Path, stage: Path, folder: Path, platform: str | None) -> Path:
    """The valid zip of a stage, made in the folder."""
    tool, name = _extension_tool(python), f"cospeech-{version()}"
    made = folder / f"{name}-bare.zip"
    words: list[str | Path] = ["--output-filepath", made]
    if platform:
        made = folder / f"{name}-{platform.replace('-', '_')}.zip"  # the tool adds the platform to the name
        words = ["--output-filepath", folder / f"{name}.zip", "--split-platforms"]
    run([python, tool, "build", "--source-dir", stage, *words])
    run([python, tool, "validate", made])
    with zipfile.ZipFile(made) as archive:
        absent = WANTED - set(archive.namelist())
    if absent:
        raise BuildError(f"The built zip lacks {', '.join(sorted(absent))}; are they in this checkout?")
    if (size := made.stat().st_size) > MOST_BYTES:
        raise BuildError(f"{made.name} has {size / 1e6:.0f} MB, more than the {MOST_BYTES / 1e6:.0f} MB it may have")
    return made


def _packed_files() -> list[str]:
    """What goes into the zip: what git tracks or would track; in a copy without git, all but what Python leaves."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        names = _git("ls-files", "--cached", "--others", "--exclude-standard", *PACKED).splitlines()
    else:
        found = [
            path for top in PACKED for path in ((ROOT / top).rglob("*") if (ROOT / top).is_dir() else [ROOT / top])
        ]
        names = [path.relative_to(ROOT).as_posix() for path in sorted(found) if "__pycache__" not in path.parts]
    return [name for name in names if (ROOT / name).is_file() and not name.startswith(LEFT_OUT)]


def build_runtime(python: Path, torch: str, out: Path) -> Path:
    """Make the archive that Set Up Engine installs offline: every wheel of the engine's lock, torch and pip."""
    from addon.setup import wheelhouse

    wheels = fresh_folder("runtime-wheels")
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    # What exists as source only becomes a wheel here; the archive's own lock has the hash of that wheel.
    built: list[str | Path] = ["--no-build-isolation", "--wheel-dir", wheels]
    run([*pip, "wheel", "--no-deps", "--require-hashes", *built, "-r", ROOT / "locks/engine.lock"])
    pinned = OUT / "runtime-pins.txt"
    pinned.write_text("".join(f"{line}\n" for line in _pins(wheels)), encoding="utf-8")
    # With what this machine's torch needs beyond the lock (nothing for the CPU's, NVIDIA's wheels for CUDA's).
    run([*pip, "wheel", "--only-binary", ":all:", "--find-links", wheels, "-c", pinned, "--wheel-dir", wheels, torch])
    try:
        bundled = wheelhouse.bundled_pip()
    except wheelhouse.SetUpError as error:
        raise BuildError(str(error)) from error
    shutil.copyfile(bundled, wheels / bundled.name)
    tag = ".".join(map(str, sys.version_info[:2]))
    platform = wheelhouse.platform_name(sysconfig.get_platform())
    out.mkdir(parents=True, exist_ok=True)
    target = out.resolve() / f"cospeech-runtime-{version()}-{platform}-py{tag.replace('.', '')}.zip"
    house = wheelhouse.write(target, wheels, version=version(), platform=platform, python=tag)
    size, installed = target.stat().st_size / 1e6, house.installed_bytes / 1e6
    say(f"{target}: {len(house.wheels)} packages, {size:.0f} MB, {installed:.0f} MB installed")
    return target


def fresh_folder(name: str) -> Path:
    """An empty folder in out/."""
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _pins(wheels: Path) -> list[str]:
    names = [file.name.split("-")[:2] for file in sorted(wheels.glob("*.whl"))]
    return [f"{name.replace('_', '-')}=={number}" for name, number in names]


def _extension_tool(python: Path) -> Path:
    inside = "lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
    found = sorted(python.parents[1].glob(inside))
    if not found:
        raise BuildError("Blender's extension tool is not in .venv; run: python build.py setup")
    return found[0]


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BuildError("git is not installed; install it, or package with --allow-dirty") from error
    if done.returncode != 0:
        raise BuildError(f"git {words[0]} failed: {done.stderr.strip()}; package from a git checkout")
    return done.stdout.strip()
