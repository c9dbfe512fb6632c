"""The host's side: builds the zip, starts Blender with the session's script, and judges what it left behind.

Standard library only. $BLENDER is a command line that starts Blender in a window, split like a shell splits it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from build import ROOT, BuildError, build_zip

SESSION = Path(__file__).resolve().parent / "session"
SIZES = ("960x600", "1600x900")
LIMIT_SECONDS = 900
# What Blender itself prints on a machine without a desktop, or with a user folder that is new.
HARMLESS = re.compile(r"list of mounted file-systems|EGL_BAD_MATCH|MESA|libGL|Xvfb|XDG_RUNTIME_DIR")
TROUBLE = re.compile(
    r"Traceback|^\w*Error\b|\bError:|\| ERROR|segmentation|Not freed memory|EXCEPTION|UILayout\.", re.IGNORECASE
)


class WindowError(Exception):
    """The session failed; ``str(error)`` says how and where to look."""


def main() -> int:
    """Run the session at every size; status 1 with one sentence a failure."""
    parser = argparse.ArgumentParser(prog="build.py test --window", description=__doc__)
    parser.add_argument("--size", action="append", default=[], help="WIDTHxHEIGHT; default: 960x600 and 1600x900")
    parser.add_argument("--chapters", default="", help="only these, comma separated, after the ones they need")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder (user resources, logs)")
    parser.add_argument("--zip", type=Path, help="an extension that is built already; default: build it")
    options = parser.parse_args()
    blender = shlex.split(os.environ.get("BLENDER", ""))
    if not blender:
        print("build.py test --window: set BLENDER to the command that starts Blender in a window")
        return 1
    try:
        package = options.zip or build_zip(ROOT / "out" / "window")
    except BuildError as error:
        print(f"build.py test --window: {error}")
        return 1
    failed = 0
    for size in options.size or SIZES:
        try:
            run_session(blender, package, size, options.chapters, options.keep)
        except WindowError as error:
            failed = 1
            print(f"build.py test --window: {size}: {error}", flush=True)
    return failed


def run_session(blender: list[str], package: Path, size: str, chapters: str, keep: bool) -> None:
    """One Blender, one window of that size, a fresh user folder. WindowError where anything is not as it should be."""
    shots = ROOT / "out" / "window" / size
    shutil.rmtree(shots, ignore_errors=True)
    shots.mkdir(parents=True)
    # Under the temporary directory, because a Blender in a root of its own shares only that with us.
    work = Path(tempfile.mkdtemp(prefix="cospeech_window_"))
    try:
        place = stage(work, package, size, chapters)
        started = time.monotonic()
        status = start(blender, work, size, place)
        for path in sorted((work / "shots").iterdir()):
            shutil.copyfile(path, shots / path.name)
        judge(work, status, shots)
        print(f"{size}: {time.monotonic() - started:.0f} s, screenshots in {shots}", flush=True)
    finally:
        if keep:
            print(f"{size}: kept {work}", flush=True)
        else:
            shutil.rmtree(work, ignore_errors=True)


def stage(work: Path, package: Path, size: str, chapters: str) -> Path:
    """Put all that the session needs under ``work``; returns the file with its settings."""
    shutil.copytree(SESSION, work / "session", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(package, work / package.name)
    for name in ("shots", "user", "temporary"):
        (work / name).mkdir()
    settings = {
        "work": str(work),
        "zip": str(work / package.name),
        "size": size,
        "chapters": chapters,
        "python": os.environ.get("COSPEECH_PYTHON") or str(ROOT / ".venv/bin/python"),
        "weights": str(work / "emage audio"),
    }
    write_weights(settings["python"], work / "emage audio")
    place = work / "settings.json"
    place.write_text(json.dumps(settings), encoding="utf-8")
    return place


def write_weights(python: str, folder: Path) -> None:
    """A small release in the layout of EMAGE's published one, made by the engine's Python."""
    code = (
        "import sys, pathlib; from tests.support.small_emage import standing_release;"
        "standing_release(pathlib.Path(sys.argv[1]))"
    )
    try:
        subprocess.run([python, "-c", code, str(folder)], check=True, cwd=ROOT, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        raise WindowError(f"small weights for EMAGE can't be made with {python} ({error})") from error


def start(blender: list[str], work: Path, size: str, place: Path) -> int:
    """Blender from start to quit; returns its exit status. Output goes to ``blender.log``."""
    width, height = size.split("x")
    window = ["--window-geometry", "0", "0", width, height, "--enable-event-simulate", "--python-exit-code", "7"]
    command = [*blender, *window, "--python", str(work / "session" / "run.py"), "--", str(place)]
    environment = {
        **os.environ,
        "SIZE": size,
        "LIMIT": str(LIMIT_SECONDS),
        "BLENDER_USER_RESOURCES": str(work / "user"),
    }
    environment.pop("COSPEECH_PYTHON", None)
    with (work / "blender.log").open("wb") as log:
        try:
            done = subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=LIMIT_SECONDS + 30)
        except subprocess.TimeoutExpired as error:
            raise WindowError(f"Blender was still there after {error.timeout:.0f} s") from error
        except OSError as error:
            raise WindowError(f"'{command[0]}' does not start ({error.strerror}); check BLENDER") from error
    return done.returncode


def judge(work: Path, status: int, shots: Path) -> None:
    """WindowError with what the session, Blender's output, the Info log and the engine's log tell of trouble."""
    output = (work / "blender.log").read_text(encoding="utf-8", errors="replace")
    (shots / "blender.log").write_text(output, encoding="utf-8")
    result = work / "result.json"
    told = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else {}
    for line in told.get("notes", ()):
        print(f"  {line}", flush=True)
    if status != 0 or not told.get("finished"):
        why = told.get("failure") or "\n".join(output.splitlines()[-15:])
        raise WindowError(f"the session failed (status {status}), screenshots and blender.log in {shots}\n{why}")
    bad = [line for line in output.splitlines() if TROUBLE.search(line) and not HARMLESS.search(line)]
    bad += [f"report: {line}" for line in told.get("errors", ())]
    for log in sorted((work / "user").rglob("engine-*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        bad += [f"{log.name}: {line}" for line in lines if "Traceback" in line or re.match(r"\w+Error\b", line)]
    if bad:
        raise WindowError("the error log is not empty:\n" + "\n".join(bad[:20]))


if __name__ == "__main__":
    sys.exit(main())
