"""The installed zip: set up the engine from an archive, two Blenders at once, a read-only extension, diagnostics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import HANG_SECONDS
from tests.places import DATA, ENGINE_PYTHON, ROOT, needs_engine
from tests.support.faults import mounted, processes_with, unmounted, until
from tests.support.wheels import linked, make_archive

LINE = DATA / "known_awb_05.flac"
pytestmark = needs_engine

INSTALL = """
import bpy, sys
assert bpy.ops.extensions.package_install_files(
    filepath=sys.argv[-1], repo="user_default", enable_on_install=True) == {"FINISHED"}
print("FOLDER" + sys.modules["bl_ext.user_default.cospeech"].__path__[0])
bpy.ops.preferences.addon_disable(module="bl_ext.user_default.cospeech")
"""

START = """
import bpy, json, os, sys
bpy.ops.preferences.addon_enable(module="bl_ext.user_default.cospeech")
from bl_ext.user_default.cospeech.setup import engine, runtime_ops
prefs = bpy.context.preferences.addons["bl_ext.user_default.cospeech"].preferences
def take():
    bpy.ops.cospeech.add_character()
    bpy.context.scene.cospeech.audio = sys.argv[1]
    assert bpy.ops.cospeech.generate() == {"FINISHED"}
    return len(bpy.data.actions)
def told(operator, **arguments):
    try:
        return sorted(operator(**arguments))
    except RuntimeError as error:
        return str(error)
report = {}
"""

END = """
print("REPORT" + json.dumps(report))
bpy.ops.preferences.addon_disable(module="bl_ext.user_default.cospeech")
"""

SET_UP = """
os.environ.pop("COSPEECH_PYTHON", None)
report["before"] = told(bpy.ops.cospeech.test_engine)
report["no archive"] = told(bpy.ops.cospeech.set_up_engine)
report["no runtime"] = told(bpy.ops.cospeech.repair_engine)
prefs.runtime_source = "ONLINE"
report["online"] = told(bpy.ops.cospeech.set_up_engine)
prefs.runtime_source, prefs.runtime_archive = "ARCHIVE", sys.argv[2]
report["set up"] = told(bpy.ops.cospeech.set_up_engine)
report["note"] = engine.SESSION.note
report["python"] = str(engine.interpreter().python)
report["actions"] = take()
report["repair"] = told(bpy.ops.cospeech.repair_engine) and engine.SESSION.note
report["diagnostics"] = runtime_ops.diagnostics()
report["copy"] = told(bpy.ops.cospeech.copy_diagnostics)
report["log"] = told(bpy.ops.cospeech.open_log)
report["help"] = told(bpy.ops.cospeech.open_help)
report["texts"] = [text.lines[0].body for text in bpy.data.texts if text.name == "README.md"], len(bpy.data.texts)
"""

TAKE = """
report["actions"] = take()
report["log"] = str(engine.log_file())
"""


def started(code: str, resources: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "BLENDER_USER_RESOURCES": str(resources), **environment},
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0, out[-3000:] + err[-3000:]
    assert "Traceback" not in err
    return out


def reported(process: subprocess.Popen[str]) -> dict:
    return json.loads(ended(process).split("REPORT")[1].splitlines()[0])


def files_under(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.stat().st_size) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Resources of a user with the extension; and the extension's folder."""
    resources = tmp_path_factory.mktemp("Zoë's profile 日本")
    said = ended(started(INSTALL, resources, str(built)))
    return resources, Path(said.split("FOLDER")[1].splitlines()[0])


def test_two_blenders_work_at_once_and_nothing_is_written_into_the_extension(installed):
    resources, extension = installed
    before = files_under(extension)
    read_only = [
        ["mount", "--bind", str(extension), str(extension)],
        ["mount", "-o", "remount,ro,bind", str(extension)],
    ]
    locked = all(subprocess.run(command, capture_output=True).returncode == 0 for command in read_only)
    try:
        if locked:
            with pytest.raises(OSError, match="Read-only"):
                (extension / "x").write_text("x")
        code = START + TAKE + END
        both = [started(code, resources, str(LINE), COSPEECH_PYTHON=str(ENGINE_PYTHON)) for _ in range(2)]
        reports = [reported(process) for process in both]
    finally:
        if locked:
            unmounted(extension)
    assert [report["actions"] for report in reports] == [1, 1]
    assert reports[0]["log"] != reports[1]["log"]
    written = [name for name, _ in files_under(extension) if "__pycache__" not in name]
    assert written == [name for name, _ in before if "__pycache__" not in name]
    until(lambda: not processes_with(str(resources)))


def test_set_up_engine_from_an_archive_then_a_take_then_repair_and_diagnostics(installed, tmp_path):
    resources, _ = installed
    packages = next((ROOT / ".venv/lib").glob("python*/site-packages"))
    archive = make_archive(tmp_path, linked(packages))
    report = reported(started(START + SET_UP + END, resources, str(LINE), str(archive)))
    assert "press Set Up Engine" in report["before"]
    assert "needs the runtime archive" in report["no archive"]
    assert "No engine was set up here" in report["no runtime"]
    assert "Online access is off" in report["online"]
    assert report["set up"] == ["FINISHED"], report["set up"]
    assert report["note"].startswith("Ready: engine set up in")
    assert report["python"].startswith(str(resources))
    assert "/runtime/" in report["python"]
    assert ".partial" not in report["python"]
    assert report["actions"] == 1
    assert "nothing broken" in report["repair"]
    for word in ("Cospeech: ", "Blender: ", "Graphics driver: ", "Free disk: ", "last lines of engine-", "setup-"):
        assert word in report["diagnostics"]
    assert str(Path.home()) + "/" not in report["diagnostics"]
    assert report["copy"] == report["log"] == report["help"] == ["FINISHED"]
    assert report["texts"] == [["# Cospeech"], 2]


def test_a_full_disk_for_the_job_is_a_sentence_in_blender_and_the_next_take_works(installed, tmp_path):
    resources, _ = installed
    disk = tmp_path / "small"
    mounted(disk, "256k")
    code = """
good = bpy.app.tempdir
engine.temporary_folder = lambda: engine.Path(sys.argv[2])
bpy.ops.cospeech.add_character()
bpy.context.scene.cospeech.audio = sys.argv[1]
open(os.path.join(sys.argv[2], "filler"), "wb").write(b"x" * 240_000)
report["full"] = told(bpy.ops.cospeech.generate)
report["actions"] = len(bpy.data.actions)
os.remove(os.path.join(sys.argv[2], "filler"))
engine.temporary_folder = lambda: engine.Path(good)
report["again"] = take()
"""
    try:
        report = reported(
            started(START + code + END, resources, str(LINE), str(disk), COSPEECH_PYTHON=str(ENGINE_PYTHON))
        )
    finally:
        unmounted(disk)
    assert "No space left" in report["full"]
    assert "free some disk space" in report["full"]
    assert report["actions"] == 0
    assert report["again"] == 1
