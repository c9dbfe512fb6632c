"""Whatever the engine does, Blender goes on: a sentence with cause, next step and log, and no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import (
    ENGINE_PYTHON,
    OPTIONS,
    PROTOCOL,
    ROOT,
    faulty,
    gone,
    group_of,
    mounted,
    needs_engine,
    posix,
    unmounted,
)

from addon.client import jobs
from addon.client import log as logs
from addon.client.engine import PAUSE_SECONDS, Engine
from addon.client.jobs import CANCELLED, DONE, FAILED, Job, Workplace
from addon.client.process import EngineProcess

LONGEST_STEP = 1.0

pytestmark = posix


@pytest.fixture
def engine():
    engine = Engine(ROOT, PROTOCOL)
    yield engine
    engine.close()


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "Zoë's läb 日本"
    folder.mkdir()
    return Workplace(ENGINE_PYTHON, folder / "log" / "engine.log", folder)


def at(place: Workplace, python: Path) -> Workplace:
    return Workplace(python, place.log, place.temporary)


def finished(job: Job, seconds: float = 30.0) -> float:
    """Step to the end as Blender's timer does; returns the longest that a step took."""
    longest, deadline = 0.0, time.monotonic() + seconds
    going = True
    while going:
        assert time.monotonic() < deadline, (job.state, job.stage)
        began = time.monotonic()
        going = job.step()
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.01)
    return longest


def works_again(engine: Engine, place: Workplace) -> None:
    """The next job finds a good engine."""
    job = Job(engine, place, "generate", {"options": {"audio": "/nowhere.wav"}})
    job.wait()
    assert "/nowhere.wav" in job.message
    job.clean_up()


def is_told(job: Job, place: Workplace, *words: str) -> None:
    assert job.state == FAILED
    for word in (*words, str(place.log)):
        assert word in job.message, job.message
    assert "Traceback" not in job.message


@needs_engine
def test_killed_in_the_middle_of_its_work(engine, place):
    job = Job(engine, place, "generate", {"options": OPTIONS})
    while job.step() and job.stage == "start":
        time.sleep(0.005)
    os.kill(engine.process.pid, signal.SIGKILL)
    finished(job)
    is_told(job, place, "ended by SIGKILL", "short of memory", "Try again")
    works_again(engine, place)


def test_an_engine_that_hangs_is_ended_and_told(engine, place, monkeypatch):
    monkeypatch.setattr(jobs, "SILENT_SECONDS", 0.5)
    hang = faulty(place.temporary / "a", "hear(); time.sleep(600)")
    job = Job(engine, at(place, hang), "generate", {"options": OPTIONS})
    while job.step() and job.state == jobs.STARTING:
        time.sleep(0.01)
    pid = engine.process.pid
    assert finished(job) < LONGEST_STEP
    is_told(job, place, "stopped answering", "Try again")
    deadline = time.monotonic() + 3.0
    while engine.tend() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(pid, 0.1)


def test_an_engine_that_never_greets_is_ended_and_told(engine, place, monkeypatch):
    monkeypatch.setattr(jobs, "HELLO_SECONDS", 0.4)
    job = Job(engine, at(place, faulty(place.temporary, "time.sleep(600)", greets=False)), "doctor", {})
    finished(job)
    is_told(job, place, "stopped answering")


def test_a_blender_that_was_busy_itself_does_not_blame_the_engine(engine, place, monkeypatch):
    monkeypatch.setattr(jobs, "HELLO_SECONDS", 1.5)
    slow = faulty(place.temporary, "say(id=hear()['id'], result={'fine': 1}); sys.stdin.read()")
    job = Job(engine, at(place, slow), "generate", {})
    time.sleep(2.0)
    finished(job)
    assert (job.state, job.result) == (DONE, {"fine": 1}), job.message


def test_junk_half_lines_and_giant_lines_on_its_output(engine, place):
    junk = faulty(place.temporary, """
print("Loading... 50%"); print("\\x00\\xff{not json}"); print("[" * 5000); print('{"id": 2, "result": {"a": 1}}')
sys.stdout.write("x" * 9_000_000 + "\\n"); sys.stdout.flush()
request = hear()["id"]
whole = json.dumps({"jsonrpc": "2.0", "id": request, "result": {"take": "é"}})
sys.stdout.write(whole[:20]); sys.stdout.flush(); time.sleep(0.2)
sys.stdout.write(whole[20:] + "\\n"); sys.stdout.flush()
sys.stdin.read()
""")  # fmt: skip
    job = Job(engine, at(place, junk), "generate", {"options": OPTIONS})
    assert finished(job) < LONGEST_STEP
    assert (job.state, job.result) == (DONE, {"take": "é"}), job.message
    said = place.log.read_text(encoding="utf-8", errors="replace")
    assert "Loading... 50%" in said
    assert len(said) < 20_000


def test_nothing_but_junk_is_told_soon(engine, place):
    babble = faulty(place.temporary, "while True: print('a' * 100)")
    job = Job(engine, at(place, babble), "generate", {"options": OPTIONS})
    assert finished(job) < LONGEST_STEP
    is_told(job, place, "no message of Cospeech's engine", "preferences")
    assert place.log.stat().st_size < 20_000


def test_another_protocol_is_told_and_its_process_goes(engine, place):
    other = faulty(place.temporary, GREETS_WRONGLY, greets=False)
    job = Job(engine, at(place, other), "doctor", {})
    pid = engine.process.pid
    finished(job)
    is_told(job, place, "protocol 99", "same version")
    deadline = time.monotonic() + 3.0
    while engine.tend() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(pid, 0.1)


GREETS_WRONGLY = """
sys.stdin.readline()
print('{"jsonrpc": "2.0", "id": 1, "result": {"protocol": 99}}', flush=True)
time.sleep(600)
"""


def test_a_large_message_to_an_engine_that_does_not_read_never_blocks(engine, place):
    deaf = faulty(place.temporary, "time.sleep(600)")
    job = Job(engine, at(place, deaf), "generate", {"options": {"edits": ["x" * 1000] * 2000}})
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        began = time.monotonic()
        job.step()
        assert time.monotonic() - began < LONGEST_STEP
        time.sleep(0.05)
    began = time.monotonic()
    job.cancel()
    assert time.monotonic() - began < 0.5
    finished(job, 3.0)
    assert job.state == CANCELLED


def test_a_large_message_arrives_whole_in_pieces(engine, place):
    slow = faulty(place.temporary, """
time.sleep(0.5)
message = hear()
say(id=message["id"], result={"edits": len(message["params"]["edits"])})
sys.stdin.read()
""")  # fmt: skip
    job = Job(engine, at(place, slow), "generate", {"edits": ["x" * 1000] * 2000})
    assert finished(job) < LONGEST_STEP
    assert job.result == {"edits": 2000}, job.message


def test_what_the_engine_started_ends_with_it(engine, place):
    children = faulty(place.temporary, """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
say(method="progress", params={"job": hear()["params"]["job"], "stage": str(child.pid), "fraction": 0.1})
time.sleep(600)
""")  # fmt: skip
    python = place.temporary / "wrapper"
    python.write_text(f'#!/bin/sh\n"{children}" "$@"\nexit $?\n')  # a wrapper that stays between us and the engine
    python.chmod(0o755)
    job = Job(engine, at(place, python), "generate", {})
    while job.step() and job.stage == "start":
        time.sleep(0.01)
    wrapper, grandchild = engine.process.pid, int(job.stage)
    job.cancel()
    job.cancel()
    assert gone(wrapper, 1.0)
    assert gone(grandchild, 1.0)


def test_a_wrapper_that_dies_takes_the_engine_with_it(engine, place):
    children = faulty(place.temporary, "hear(); time.sleep(600)")
    python = place.temporary / "wrapper"
    python.write_text(f'#!/bin/sh\n"{children}" "$@" &\nread nothing\nwait\n')
    python.chmod(0o755)
    job = Job(engine, at(place, python), "generate", {})
    job.step()
    wrapper = engine.process.pid
    os.kill(wrapper, signal.SIGKILL)
    finished(job)
    assert job.state == FAILED
    deadline = time.monotonic() + 2.0
    while group_of(wrapper) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not group_of(wrapper)


def test_after_three_failures_it_waits_and_says_why(engine, place, monkeypatch):
    broken = at(place, faulty(place.temporary, "print('no licence', file=sys.stderr); sys.exit(4)"))
    for _ in range(3):
        job = Job(engine, broken, "generate", {})
        finished(job)
        assert "exit code 4" in job.message
    starts = place.log.read_text().count("no licence")
    job = Job(engine, broken, "generate", {})
    finished(job)
    is_told(job, place, "3 times in a row", "Press Test Engine", "no licence")
    assert place.log.read_text().count("no licence") == starts
    examination = Job(engine, broken, "doctor", {})  # may always be asked for
    finished(examination)
    assert "exit code 4" in examination.message
    works = at(place, faulty(place.temporary / "good", "say(id=hear()['id'], result={}); sys.stdin.read()"))
    other = Job(engine, works, "generate", {})
    finished(other)
    assert other.state == DONE
    engine.note_failure(broken.python, "x")
    later = time.monotonic() + PAUSE_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    engine.refuse(broken.python)


@needs_engine
def test_a_python_without_packages_or_without_torch(engine, place):
    subprocess.run([ENGINE_PYTHON, "-m", "venv", "--without-pip", place.temporary / "bare"], check=True)
    bare = place.temporary / "bare/bin/python"
    job = Job(engine, at(place, bare), "generate", {"options": OPTIONS})
    finished(job)
    is_told(job, place, "lacks packages", "Set Up Engine")
    packages = next((ROOT / ".venv/lib").glob("python*/site-packages"))
    half = place.temporary / "half"
    half.mkdir()
    (half / "torch.py").write_text("raise ModuleNotFoundError('No module named \\'torch\\'', name='torch')")
    site = next((place.temporary / "bare/lib").glob("python*/site-packages"))
    (site / "all.pth").write_text(f"{half}\n{packages}\n")
    job = Job(engine, at(place, bare), "doctor", {})
    finished(job, 60.0)
    assert job.state == DONE, job.message
    assert not job.result["ready"]
    assert "torch" in job.result["problem"]


@needs_engine
def test_a_full_disk_in_the_job_s_folder_and_its_log(engine, place):
    disk = place.temporary / "small"
    mounted(disk, "64k")
    try:
        small = Workplace(ENGINE_PYTHON, disk / "engine.log", disk)
        job = Job(engine, small, "generate", {"options": {**OPTIONS, "fps": 30.0}})
        job.wait()
        assert job.state == FAILED
        assert "No space left" in job.message
        assert "free some disk space" in job.message
        assert not list(job.folder.glob("*.npz"))
        job.clean_up()
        assert not job.folder.exists()
        with pytest.raises(OSError, match="No space left"):
            Job(engine, small, "generate", {}, {"hints.npz": lambda path: path.write_bytes(b"x" * 200_000)})
        assert not list(disk.glob("cospeech_*"))
        (disk / "filler").write_bytes(b"x" * (4096 * 8))
        works_again(engine, small)
    finally:
        engine.close()
        unmounted(disk)


def test_an_idle_engine_gives_its_memory_back(engine, place, monkeypatch):
    good = at(place, faulty(place.temporary, "say(id=hear()['id'], result={}); sys.stdin.read()"))
    job = Job(engine, good, "generate", {})
    job.wait()
    pid = engine.process.pid
    assert engine.rest()
    monkeypatch.setattr("addon.client.engine.IDLE_SECONDS", 0.0)
    assert not engine.rest()
    deadline = time.monotonic() + 5.0
    while engine.tend() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(pid, 0.1)


def test_a_log_stays_small_and_its_end_is_kept(tmp_path):
    log = tmp_path / "engine.log"
    with log.open("ab") as stream:  # as the engine holds it
        stream.write(b"old\n" * 1_500_000)
        stream.flush()
        logs.bound(log)
        assert log.stat().st_size < 300_000
        stream.write(b"new\n")
    assert logs.tail(log, 2, begin=6_000_000) == ["old", "new"]
    assert logs.tail(tmp_path / "none", 5) == []


def test_closing_never_waits_for_an_engine_that_hangs(place):
    process = EngineProcess(faulty(place.temporary, "time.sleep(600)", greets=False), ROOT, place.log)
    began = time.monotonic()
    process.stop()
    assert time.monotonic() - began < 2.0
    assert not process.alive


ORPHANING = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from addon.client.jobs import Engine, Job, Workplace
engine = Engine(Path({root!r}), {protocol})
job = Job(engine, Workplace(Path({python!r}), Path({log!r}), Path({folder!r})), "generate", {{"options": {options!r}}})
while job.step() and job.stage == "start":
    time.sleep(0.005)
print(engine.process.pid, job.stage, flush=True)
time.sleep(600)
"""


@needs_engine
def test_an_engine_whose_blender_was_killed_ends_in_the_middle_of_its_work(place):
    code = ORPHANING.format(
        root=str(ROOT),
        protocol=PROTOCOL,
        python=str(ENGINE_PYTHON),
        log=str(place.log),
        folder=str(place.temporary),
        options=OPTIONS,
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline().split()[0])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(pid, 15.0)
