"""The engine process as the add-on drives it: real processes, real pipes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from addon.client.jobs import CANCELLED, DONE, FAILED, Engine, Job, Workplace
from addon.client.process import EngineError, EngineProcess
from engine.pipeline import TakeOptions, hear

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = json.loads((ROOT / "assets/protocol.json").read_text())["protocol"]
DEMO = next((ROOT / "assets/demo").glob("demo.[fw]*"))
OPTIONS = {"audio": str(DEMO), "transcript": str(ROOT / "assets/demo/demo.txt")}


@pytest.fixture
def engine():
    engine = Engine(ROOT, PROTOCOL)
    yield engine
    engine.close()


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "with space and ü"
    folder.mkdir()
    return Workplace(Path(sys.executable), folder / "engine.log", folder)


def test_a_take_arrives_with_progress_and_its_folder_is_removed(engine, place):
    stages: list[str] = []
    job = Job(engine, place, "generate", {"options": {**OPTIONS, "fps": 23.976}})
    job.wait(lambda running: stages.append(running.stage))
    assert job.state == DONE, job.message
    assert Path(job.result["take"]).is_file()
    assert job.result["fps"] == 23.976
    assert {"speech", "body"} & set(stages)
    job.clean_up()
    assert not job.folder.exists()


def test_the_process_is_kept_for_the_next_job(engine, place):
    first = Job(engine, place, "generate", {"options": {"audio": "/nowhere.wav"}})
    first.wait()
    pid = engine.process.pid
    assert first.state == FAILED
    assert "/nowhere.wav" in first.message
    second = Job(engine, place, "doctor", {})
    second.wait()
    assert second.state == DONE
    assert second.result["ready"]
    assert engine.process.pid == pid


def test_cancel_answers_and_the_engine_goes_on(engine, place):
    job = Job(engine, place, "generate", {"options": OPTIONS})
    while job.step() and job.stage == "start":
        time.sleep(0.005)
    job.cancel()
    began = time.monotonic()
    job.wait()
    assert job.state == CANCELLED
    assert time.monotonic() - began < 3.0


def test_a_killed_engine_is_a_message_and_the_next_job_starts_a_new_one(engine, place):
    job = Job(engine, place, "generate", {"options": OPTIONS})
    while job.step() and job.stage == "start":
        time.sleep(0.005)
    engine.process.kill()
    job.wait()
    assert job.state == FAILED
    assert str(place.log) in job.message
    again = Job(engine, place, "generate", {"options": {"audio": "/nowhere.wav"}})
    again.wait()
    assert "/nowhere.wav" in again.message


def test_another_protocol_is_refused(place):
    engine = Engine(ROOT, PROTOCOL + 1)
    job = Job(engine, place, "doctor", {})
    job.wait()
    assert job.state == FAILED
    assert "same version" in job.message
    assert engine.process is None


def test_a_missing_python_is_one_sentence(tmp_path):
    with pytest.raises(EngineError, match="no Python at"):
        EngineProcess(tmp_path / "python", ROOT, tmp_path / "log")


def test_end_of_input_ends_the_engine(tmp_path):
    process = EngineProcess(Path(sys.executable), ROOT, tmp_path / "log")
    process.send("hello", {})
    while not process.poll():
        time.sleep(0.01)
    process.stop()
    assert not process.alive


def test_broken_messages_get_json_rpc_errors():
    lines = ["{", "[1]", json.dumps({"id": 7, "method": "nonsense"}), json.dumps({"id": 8, "method": "hello"})]
    done = subprocess.run(
        [sys.executable, "-m", "engine", "serve"],
        cwd=ROOT,
        input="\n".join(lines) + "\n",
        text=True,
        capture_output=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("error", {}).get("code") for answer in answers] == [-32700, -32600, -32601, None]
    assert answers[-1]["result"]["protocol"] == PROTOCOL
    assert done.returncode == 0


def wrapper(folder: Path, name: str, *lines: str) -> Path:
    """A "Python" that says and does what these lines of shell do."""
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


HELLO = f'read line; echo \'{{"jsonrpc": "2.0", "id": 1, "result": {{"protocol": {PROTOCOL}}}}}\''


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for Python are shell scripts")
@pytest.mark.parametrize(("lines", "said"), [
    ([HELLO, 'echo \'{"jsonrpc": "2.0", "method": "progress", "params": [1]}\''], "does not understand"),
    ([HELLO, "read line", 'echo \'{"jsonrpc": "2.0", "id": 2, "error": "boom"}\''], "does not understand"),
    (["read line", 'echo \'{"jsonrpc": "2.0", "id": 1, "result": null}\''], "same version"),
    (["echo \"ModuleNotFoundError: No module named 'numpy'\" >&2", "exit 1"], "lacks packages .*'numpy'.*preferences"),
    (["echo oh no >&2", "exit 3"], r"exit code 3\); its last words: oh no"),
])  # fmt: skip
def test_an_engine_that_is_none_is_a_sentence(engine, place, lines, said):
    place = Workplace(wrapper(place.temporary, "python", *lines, "cat > /dev/null"), place.log, place.temporary)
    job = Job(engine, place, "generate", {"options": OPTIONS})
    job.wait()
    assert job.state == FAILED
    assert re.search(said, job.message), job.message


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for Python are shell scripts")
def test_last_words_are_this_engine_s_own(engine, place):
    place.log.write_text("what another engine said\n")
    silent = Workplace(wrapper(place.temporary, "python", "exit 0"), place.log, place.temporary)
    job = Job(engine, silent, "doctor", {})
    job.wait()
    assert "exit code 0" in job.message
    assert "another engine" not in job.message


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows can't stop a process")
def test_a_hanging_engine_is_ended_by_cancel(engine, place):
    job = Job(engine, place, "generate", {"options": OPTIONS})
    while job.step() and job.stage == "start":
        time.sleep(0.005)
    pid = engine.process.pid
    os.kill(pid, signal.SIGSTOP)
    job.cancel()
    job.cancel()
    assert job.state == CANCELLED
    assert not engine.process.alive
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_listening_never_goes_back():
    fractions: list[float] = []
    hear(TakeOptions(**OPTIONS), lambda _, fraction: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
