"""Whatever the engine does, Blender goes on: a sentence with cause, next step and log, and no process left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from addon.client import jobs
from addon.client import log as logs
from addon.client.engine import PAUSE_SECONDS, Engine
from addon.client.jobs import CANCELLED, DONE, FAILED, Job, Workplace
from addon.client.process import NEXT_STEP, POLL_BYTES, EngineError, EngineProcess
from tests.limits import HANG_SECONDS
from tests.places import ENGINE_PYTHON, ROOT, needs_engine
from tests.support.faults import (
    GREETING,
    LONG_WORK,
    OPTIONS,
    PROTOCOL,
    at,
    begun,
    faulty,
    finished,
    gone,
    greeted,
    group_of,
    hang_limit,
    mounted,
    posix,
    unmounted,
    until,
)

pytestmark = [posix, hang_limit]


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "Zoë's läb 日本"
    folder.mkdir()
    return Workplace(ENGINE_PYTHON, folder / "log" / "engine.log", folder)


@pytest.fixture
def most_read(monkeypatch):
    """Ends a test in which one step reads more than it may, however fast the engine talks."""
    sizes: list[int] = []
    read = EngineProcess._read_available

    def measured(process: EngineProcess) -> bytes:
        data = read(process)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(EngineProcess, "_read_available", measured)
    yield
    assert 0 < max(sizes) < 2 * POLL_BYTES


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
    job = Job(engine, place, "generate", LONG_WORK)
    begun(job)
    os.kill(engine.process.pid, signal.SIGKILL)
    finished(job)
    is_told(job, place, "ended by SIGKILL", "short of memory", "Try again")
    works_again(engine, place)


def test_an_engine_that_hangs_is_ended_and_told(engine, place, monkeypatch):
    monkeypatch.setattr(jobs, "SILENT_SECONDS", 0.5)
    hang = faulty(place.temporary / "a", "hear(); hang()")
    job = Job(engine, at(place, hang), "generate", {"options": OPTIONS})
    greeted(job)
    pid = engine.process.pid
    finished(job)
    is_told(job, place, "stopped answering", "Try again")
    until(lambda: not engine.tend())
    assert gone(pid)


def test_an_engine_that_never_greets_is_ended_and_told(engine, place, monkeypatch):
    monkeypatch.setattr(jobs, "HELLO_SECONDS", 0.4)
    job = Job(engine, at(place, faulty(place.temporary, "hang()", greets=False)), "doctor", {})
    finished(job)
    is_told(job, place, "stopped answering")


def test_a_blender_that_was_busy_itself_does_not_blame_the_engine(engine, place, monkeypatch):
    passed = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0], sleep=time.sleep)
    monkeypatch.setattr(jobs, "time", clock)
    answer = "say(id=hear()['id'], result={'fine': 1}); sys.stdin.read()"
    late = faulty(place.temporary, f"wait_for({str(place.temporary / 'go')!r})\n{GREETING}{answer}", greets=False)
    job = Job(engine, at(place, late), "generate", {})
    passed[0] = 3600.0  # a long render, say
    assert job.step()
    (place.temporary / "go").touch()
    finished(job)
    assert (job.state, job.result) == (DONE, {"fine": 1}), job.message


def test_junk_half_lines_and_giant_lines_on_its_output(engine, place, most_read):
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
    finished(job)
    assert (job.state, job.result) == (DONE, {"take": "é"}), job.message
    said = place.log.read_text(encoding="utf-8", errors="replace")
    assert "Loading... 50%" in said
    assert len(said) < 20_000


def test_nothing_but_junk_is_told(engine, place, most_read):
    babble = faulty(place.temporary, "while True: print('a' * 100)")
    job = Job(engine, at(place, babble), "generate", {"options": OPTIONS})
    finished(job)
    is_told(job, place, "no message of Cospeech's engine", "preferences")
    assert place.log.stat().st_size < 20_000


def test_another_protocol_is_told_and_its_process_goes(engine, place):
    other = faulty(place.temporary, GREETS_WRONGLY, greets=False)
    job = Job(engine, at(place, other), "doctor", {})
    pid = engine.process.pid
    finished(job)
    is_told(job, place, "protocol 99", "same version")
    until(lambda: not engine.tend())
    assert gone(pid)


GREETS_WRONGLY = """
sys.stdin.readline()
print('{"jsonrpc": "2.0", "id": 1, "result": {"protocol": 99}}', flush=True)
hang()
"""


def test_what_the_engine_started_ends_with_it(engine, place):
    children = faulty(place.temporary, """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(%d)"])
say(method="progress", params={"job": hear()["params"]["job"], "stage": str(child.pid), "fraction": 0.1})
hang()
""" % (6 * HANG_SECONDS))  # fmt: skip  # noqa: UP031
    python = place.temporary / "wrapper"
    python.write_text(f'#!/bin/sh\n"{children}" "$@"\nexit $?\n')  # a wrapper that stays between us and the engine
    python.chmod(0o755)
    job = Job(engine, at(place, python), "generate", {})
    begun(job)
    wrapper, grandchild = engine.process.pid, int(job.stage)
    job.cancel()
    job.cancel()
    until(lambda: gone(wrapper) and gone(grandchild))
    assert job.state == CANCELLED


def test_a_wrapper_that_dies_takes_the_engine_with_it(engine, place):
    children = faulty(place.temporary, "hear(); hang()")
    python = place.temporary / "wrapper"
    python.write_text(f'#!/bin/sh\nexec 3<&0\n"{children}" "$@" <&3 &\nwait\n')  # & alone would give it no input
    python.chmod(0o755)
    job = Job(engine, at(place, python), "generate", {})
    greeted(job)
    wrapper = engine.process.pid
    assert len(group_of(wrapper)) == 2
    os.kill(wrapper, signal.SIGKILL)
    finished(job)
    assert job.state == FAILED
    until(lambda: not group_of(wrapper))


def test_after_three_failures_it_waits_and_says_why(engine, place, monkeypatch):
    now = [time.monotonic()]
    monkeypatch.setattr("addon.client.engine.time", SimpleNamespace(monotonic=lambda: now[0]))
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
    for _ in range(3):
        engine.note_failure(broken.python, "x")
    with pytest.raises(EngineError, match="3 times in a row"):
        engine.refuse(broken.python)
    now[0] += PAUSE_SECONDS
    engine.refuse(broken.python)


@needs_engine
def test_a_python_without_packages_or_without_torch(engine, place):
    subprocess.run([ENGINE_PYTHON, "-m", "venv", "--without-pip", place.temporary / "bare"], check=True)
    bare = place.temporary / "bare/bin/python"
    job = Job(engine, at(place, bare), "generate", {"options": OPTIONS})
    finished(job)
    assert job.state == FAILED
    assert job.message == f"The engine's Python lacks numpy; {NEXT_STEP}. Log: {place.log}"
    packages = next((ROOT / ".venv/lib").glob("python*/site-packages"))
    half = place.temporary / "half"
    half.mkdir()
    (half / "torch.py").write_text("raise ModuleNotFoundError('No module named \\'torch\\'', name='torch')")
    site = next((place.temporary / "bare/lib").glob("python*/site-packages"))
    (site / "all.pth").write_text(f"{half}\n{packages}\n")
    engine.retire()
    job = Job(engine, at(place, bare), "doctor", {})
    finished(job)
    assert job.state == DONE, job.message
    assert job.result["ready"], job.result["problem"]  # the default generator needs no torch
    assert job.result["networks"] == "torch can't be loaded (No module named 'torch')"
    assert job.result["devices"] == ["cpu"]
    (half / "soundfile.py").write_text("raise OSError('sndfile library not found')")
    (half / "soxr.py").write_text("raise ValueError('numpy.dtype size changed')")
    engine.retire()
    job = Job(engine, replace(at(place, bare), remedy="press Repair"), "generate", {"options": OPTIONS})
    finished(job)
    assert job.message == f"The engine's Python can't load soundfile; press Repair. Log: {place.log}"
    log = place.log.read_text()
    assert "not imported: soundfile: OSError: sndfile library not found" in log
    assert "not imported: soxr: ValueError: numpy.dtype size changed" in log
    names = Job(engine, at(place, bare), "lexemes", {})  # what needs no sound file goes on
    finished(names)
    assert names.state == DONE, names.message


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
    until(lambda: not engine.tend())
    assert gone(pid)


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
    process = EngineProcess(at(place, faulty(place.temporary, "hang()", greets=False)), ROOT)
    process.stop()
    until(lambda: not process.alive)
    assert gone(process.pid)


ORPHANING = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from addon.client.jobs import Engine, Job, Workplace
engine = Engine(Path({root!r}), {protocol})
job = Job(engine, Workplace(Path({python!r}), Path({log!r}), Path({folder!r})), "generate", {work!r})
while job.step() and job.stage == "start":
    time.sleep(0.005)
print(engine.process.pid, job.folder, flush=True)
time.sleep({seconds})
"""


@needs_engine
def test_an_engine_whose_blender_was_killed_ends_in_the_middle_of_its_work(place):
    code = ORPHANING.format(
        root=str(ROOT),
        protocol=PROTOCOL,
        python=str(ENGINE_PYTHON),
        log=str(place.log),
        folder=str(place.temporary),
        work=LONG_WORK,
        seconds=6 * HANG_SECONDS,
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid, folder = parent.stdout.readline().strip().split(" ", 1)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: gone(int(pid)))
    assert len(list(Path(folder).glob("take_*.npz"))) < LONG_WORK["variations"]
