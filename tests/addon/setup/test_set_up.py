"""Set Up Engine and Repair: real pip, real environments; small wheels. What works stays until the new one works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from addon.client.engine import Engine
from addon.client.jobs import CANCELLED, DONE, FAILED, Job, Workplace
from addon.setup import runtimes, wheelhouse, work
from addon.setup.install import Plan, SetUpJob
from addon.setup.repair import RepairJob
from tests.limits import HANG_SECONDS
from tests.places import DATA, ROOT, needs_engine
from tests.support.faults import PROTOCOL, hang_limit, mounted, posix, processes_with, run_until, unmounted, until
from tests.support.wheels import PYTHON, linked, make_archive, small_plan

pytestmark = [posix, hang_limit]
NUMPY = {"numpy": {"numpy/__init__.py": "value = 1\n"}}
PACKAGES = {**NUMPY, **{f"small_{n}": {f"small_{n}/__init__.py": f"value = {n}\n"} for n in range(4)}}
# An engine whose examination is fast: it is ready where all packages can be imported.
QUICK = """
import json
try:
    import numpy, small_0, small_1, small_2, small_3
    print(json.dumps({"ready": True, "devices": ["cpu"], "self_test": "imported"}))
except ImportError as error:
    print(json.dumps({"ready": False, "problem": f"The engine can't make a take here: {error}"}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An archive, an extension with the quick engine, and a runtime that was set up from them."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "extension/engine").mkdir(parents=True)
    (folder / "extension/engine/__main__.py").write_text(QUICK)
    (folder / "extension/engine/__init__.py").write_text("")
    plan = small_plan(folder, folder / "extension", PACKAGES)
    with pytest.MonkeyPatch.context() as patch:  # the user's own settings, which must lead nothing astray
        for name, value in {"PIP_TARGET": str(folder / "t"), "PIP_USER": "1", "PYTHONHOME": "/nowhere"}.items():
            patch.setenv(name, value)
        patch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
        set_up(plan)
    assert not (folder / "t").exists()
    return plan


@pytest.fixture
def plan(made, tmp_path):
    """The same on a machine where nothing was set up yet."""
    return changed(made, base=tmp_path / "Zoë's läb" / "runtime", log=tmp_path / "setup.log")


@pytest.fixture
def ready(made, plan):
    """The same where the runtime was set up."""
    shutil.copytree(made.base, plan.base, symlinks=True)
    return plan


def changed(plan: Plan, **fields: object) -> Plan:
    return Plan(**{**plan.__dict__, **fields})


def set_up(plan: Plan) -> SetUpJob:
    job = SetUpJob(plan)
    job.wait()
    assert job.state == DONE, job.message
    return job


def value_in(folder: Path, name: str) -> str:
    code = f"import {name}; print({name}.value)"
    return subprocess.run(
        [runtimes.python_of(folder), "-I", "-c", code], text=True, capture_output=True, check=True
    ).stdout.strip()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@needs_engine
def test_the_engine_that_was_set_up_makes_a_take(tmp_path, plan):
    packages = next((ROOT / ".venv/lib").glob("python*/site-packages"))
    real = changed(plan, root=ROOT, archive=make_archive(tmp_path / "real", linked(packages)))
    job = set_up(real)
    assert job.result["ready"]
    runtime = runtimes.current(real.base, "1.0")
    assert runtime.folder == real.base / "1.0"
    assert names(real.base) == ["1.0"]
    engine = Engine(ROOT, PROTOCOL)
    try:
        where = Workplace(runtime.python, tmp_path / "engine.log", tmp_path)
        line = {"audio": str(DATA / "known_awb_05.flac")}
        take = Job(engine, where, "generate", {"options": line})
        take.wait()
        assert take.state == DONE, take.message
    finally:
        engine.close()


def test_an_interrupted_set_up_goes_on_where_it_was(plan):
    job = SetUpJob(plan)
    assert run_until(job, "install")
    until(lambda: not job.step() or list(job.partial.glob("lib/*/site-packages/*.dist-info/INSTALLER")))
    job.abandon()
    assert job.state == CANCELLED
    assert runtimes.current(plan.base, "1.0") is None
    packages = runtimes.site_packages(job.partial)
    installed = sorted(packages.glob("*.dist-info/INSTALLER"))  # the kill itself may have left another one half written
    installed[0].unlink()  # as if the power had gone while it was written
    wheels = plan.base / "1.0.wheels"
    before = {path.name: path.stat().st_mtime_ns for path in wheels.glob("*.whl")}
    made = (job.partial / "pyvenv.cfg").stat().st_mtime_ns
    damaged = next(name for name in before if name.startswith("small_2"))
    (wheels / damaged).write_bytes(b"x" * (wheels / damaged).stat().st_size)
    again = SetUpJob(plan)
    assert run_until(again, "install")
    after = {path.name: path.stat().st_mtime_ns for path in wheels.glob("*.whl")}
    assert {name for name in before if after[name] != before[name]} == {damaged}
    again.wait()
    assert again.state == DONE, again.message
    assert (again.final / "pyvenv.cfg").stat().st_mtime_ns == made
    assert [value_in(again.final, f"small_{n}") for n in range(4)] == list("0123")
    assert names(plan.base) == ["1.0"]


CRASHING = """
import sys, time
from pathlib import Path
sys.path.insert(0, {repo!r})
from addon.setup.install import Plan, SetUpJob
job = SetUpJob(Plan(root=Path({root!r}), base=Path({base!r}), version="1.0", archive=Path({archive!r}), online=False,
    pythons=(Path(sys.executable),), chosen=False, log=Path({log!r})))
while job.step() and not (job.stage == "install" and job._child):
    time.sleep(0.002)
print("here", flush=True)
time.sleep({seconds})
"""


def test_a_blender_that_crashed_does_not_keep_the_next_one_out(plan):
    code = CRASHING.format(
        repo=str(ROOT),
        root=str(plan.root),
        base=str(plan.base),
        archive=str(plan.archive),
        log=str(plan.log),
        seconds=6 * HANG_SECONDS,
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "here\n"
    job = SetUpJob(plan)
    job.wait()
    assert job.state == FAILED
    assert "Another Blender sets up the engine right now" in job.message
    other.kill()
    other.wait()
    until(lambda: not processes_with(str(plan.base)))
    job = SetUpJob(plan)
    assert run_until(job, "install")
    job.abandon()


def test_a_damaged_wheel_is_named_and_nothing_that_worked_is_touched(ready):
    plan = ready
    before = (plan.base / "1.0" / runtimes.INFO).read_bytes()
    data = plan.archive.read_bytes()
    at = data.index(b"small_3/__init__.py")
    archive = plan.log.with_name("damaged.zip")
    archive.write_bytes(data[:at] + b"X" + data[at + 1 :])
    job = SetUpJob(changed(plan, archive=archive))
    job.wait()
    assert job.state == FAILED
    assert "small_3-1.0-py3-none-any.whl in damaged.zip is damaged; get the archive" in job.message
    assert str(plan.log) in job.message
    assert (plan.base / "1.0" / runtimes.INFO).read_bytes() == before
    assert value_in(plan.base / "1.0", "small_3") == "3"


@pytest.mark.parametrize(("kind", "said"), [
    ("none", "There is no runtime archive at"),
    ("junk", "is no runtime archive of Cospeech, or is damaged"),
    ("cut", "is no runtime archive of Cospeech, or is damaged"),
    ("python", r"needs Python 3\.99.*is 3\.\d+\. Install Python 3\.99 and choose it as Base Python"),
    ("platform", "is for plan9-mips and this machine is"),
    ("unset", "Choose the runtime archive"),
])  # fmt: skip
def test_what_is_no_fit_is_a_sentence(plan, tmp_path, kind, said):
    archive = tmp_path / "other.zip"
    if kind == "junk":
        archive.write_bytes(b"junk")
    elif kind == "cut":
        archive.write_bytes(plan.archive.read_bytes()[:-5000])
    elif kind == "python":
        archive = make_archive(tmp_path / "a", NUMPY, python="3.99")
    elif kind == "platform":
        archive = make_archive(tmp_path / "a", NUMPY, platform="plan9-mips")
    job = SetUpJob(changed(plan, archive=None if kind == "unset" else archive))
    job.wait()
    assert job.state == FAILED
    assert re.search(said, job.message), job.message
    assert not (plan.base / "1.0").exists()
    assert not (plan.base / "setup.lock").exists()


def test_a_failed_self_test_leaves_the_old_runtime_in_use(ready, tmp_path):
    plan = ready
    job = SetUpJob(changed(plan, archive=make_archive(tmp_path / "less", NUMPY)))
    job.wait()
    assert job.state == FAILED
    assert "No module named 'small_0'" in job.message
    runtime = runtimes.current(plan.base, "1.0")
    assert value_in(runtime.folder, "small_0") == "0"
    newer = changed(plan, version="1.1")  # an update of the extension: the old one serves until there is a new one
    assert runtimes.current(newer.base, "1.1").version == "1.0"
    job = SetUpJob(newer)
    assert run_until(job, "place")
    job.wait()
    assert names(plan.base) == ["1.1"]


def test_cancel_at_every_stage_gives_control_back_and_leaves_no_process(ready, monkeypatch):
    plan = ready
    monkeypatch.setattr(work, "TICK_SECONDS", 0.0)  # to see every stage, however short
    for stage in ("check", "python", "unpack", "environment", "install", "test", "place"):
        job = SetUpJob(plan)
        if stage != "check":
            assert run_until(job, stage), stage
        job.cancel()
        job.wait()
        assert job.state == CANCELLED, (stage, job.message)
        until(lambda: not processes_with(str(plan.base)))
        assert value_in(runtimes.current(plan.base, "1.0").folder, "small_1") == "1"
    set_up(plan)


def test_no_disk_space_is_told_before_the_work(plan, tmp_path):
    disk = tmp_path / "small disk"
    mounted(disk, "2m")
    try:
        job = SetUpJob(changed(plan, base=disk / "runtime"))
        job.wait()
        assert job.state == FAILED
        assert "needs 0.1 GB in" in job.message
        assert "0.0 GB are free; free some disk space" in job.message
        (disk / "filler").write_bytes(b"x" * 1_700_000)  # what is left is less than any pip
        with pytest.MonkeyPatch.context() as patch:  # the disk fills up later
            patch.setattr("addon.setup.install.MARGIN_BYTES", -1e9)
            job = SetUpJob(changed(plan, base=disk / "runtime"))
            job.wait()
        assert job.state == FAILED
        assert "No space left" in job.message
        assert "free some disk space" in job.message
    finally:
        unmounted(disk)


def test_repair_finds_what_is_broken_and_mends_it(ready, tmp_path):
    plan = changed(ready, archive=Path(shutil.copy(ready.archive, tmp_path / "moved.zip")))
    info = plan.base / "1.0" / runtimes.INFO
    info.write_text(info.read_text().replace(str(ready.archive), "/nowhere/archive.zip"))
    runtime = runtimes.current(plan.base, "1.0")

    def repaired() -> str:
        job = RepairJob(plan, runtimes.current(plan.base, "1.0"))
        job.wait()
        assert job.state == DONE, job.message
        return str(job.result["repaired"])

    assert repaired() == "nothing broken"
    packages = runtimes.site_packages(runtime.folder)
    (packages / "small_1/__init__.py").write_text("value = 'wrong'\n")
    (packages / "small_2/__init__.py").unlink()
    assert repaired() == "2 packages installed again"
    assert [value_in(runtime.folder, f"small_{n}") for n in range(4)] == list("0123")
    assert names(plan.base) == ["1.0"]
    runtime.python.unlink()
    job = RepairJob(plan, runtime)
    job.wait()
    assert job.state == DONE, job.message
    assert job.result["repaired"] == "made anew"
    assert value_in(runtime.folder, "small_3") == "3"
    plan.archive.rename(plan.archive.with_name("elsewhere.zip"))
    (packages / "small_1/__init__.py").unlink()
    job = RepairJob(plan, runtime)
    job.wait()
    assert job.state == FAILED
    assert "There is no runtime archive at" in job.message


def test_the_same_wheels_make_the_same_archive(plan, tmp_path):
    assert make_archive(tmp_path / "again", PACKAGES).read_bytes() == plan.archive.read_bytes()
    house = wheelhouse.read(plan.archive)
    assert house.python == PYTHON
    assert len(house.wheels) == len(PACKAGES)
    assert wheelhouse.platform_name("win-amd64") == "windows-x86_64"
    assert wheelhouse.platform_name("macosx-11.0-arm64") == "macos-arm64"


@pytest.mark.timeout(10 * HANG_SECONDS)
@pytest.mark.skipif(
    not os.environ.get("COSPEECH_RUNTIME_ARCHIVE"),
    reason="COSPEECH_RUNTIME_ARCHIVE names no archive (python build.py package --runtime); it takes minutes",
)
def test_the_whole_archive_with_torch(plan):
    job = set_up(changed(plan, root=ROOT, archive=Path(os.environ["COSPEECH_RUNTIME_ARCHIVE"]), version="whole"))
    assert job.result["ready"]
    runtime = runtimes.current(plan.base, "whole")
    repair = RepairJob(changed(plan, root=ROOT, version="whole"), runtime)
    repair.wait()
    assert repair.result["repaired"] == "nothing broken", repair.message
