"""The engine process as the add-on drives it: real processes, real pipes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from addon.client.jobs import CANCELLED, DONE, FAILED, Engine, Job, Workplace
from addon.client.process import EngineError, EngineProcess
from engine.body.motion import Motion
from engine.hints import Hints, Target, save_hints
from engine.take.make import hear, make_take
from engine.take.options import TakeOptions
from tests.limits import HANG_SECONDS
from tests.places import DEMO, ROOT, TRANSCRIPT
from tests.support.faults import LONG_WORK, begun, gone, hang_limit, one_by_one, run_until, until
from tests.support.regen import base as take_of_line
from tests.support.regen import line

pytestmark = hang_limit
PROTOCOL = json.loads((ROOT / "assets/protocol.json").read_text())["protocol"]
OPTIONS = {"audio": str(DEMO), "transcript": str(TRANSCRIPT)}


@pytest.fixture
def engine(monkeypatch):
    one_by_one(monkeypatch)
    engine = Engine(ROOT, PROTOCOL)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def started():
    engine = Engine(ROOT, PROTOCOL)
    yield engine
    engine.close()


@pytest.fixture
def warm(started, monkeypatch):
    """An engine that other tests may have used before, for what is the same whatever it did."""
    one_by_one(monkeypatch)
    return started


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
    assert {"speech", "body"} <= set(stages)
    job.clean_up()
    assert not job.folder.exists()


def test_progress_is_one_way_through_all_stages_and_listening_is_no_part_of_a_second_job(engine, place):
    for variations, first in ((1, "speech"), (2, "plan")):
        told: list[tuple[str, float]] = []
        job = Job(engine, place, "generate", {"options": OPTIONS, "variations": variations})
        job.wait(lambda running, told=told: told.append((running.stage, running.fraction)), interval=0.001)
        assert job.state == DONE, job.message
        told = [entry for entry in told if entry[0] != "start"]
        fractions = [fraction for _, fraction in told]
        assert told[0][0] == first
        assert fractions == sorted(fractions)
        assert fractions[0] < 0.3
        assert fractions[-1] > 0.8
        job.clean_up()


def test_the_process_is_kept_for_the_next_job(warm, place):
    first = Job(warm, place, "generate", {"options": {"audio": "/nowhere.wav"}})
    first.wait()
    pid = warm.process.pid
    assert first.state == FAILED
    assert "/nowhere.wav" in first.message
    second = Job(warm, place, "doctor", {})
    second.wait()
    assert second.state == DONE
    assert second.result["ready"]
    assert warm.process.pid == pid


def test_cancel_answers_and_the_engine_goes_on(engine, place, monkeypatch):
    monkeypatch.setattr("addon.client.engine.CANCEL_SECONDS", HANG_SECONDS)  # it is not ended, however slow it is
    job = Job(engine, place, "generate", LONG_WORK)
    assert run_until(job, "speech")
    pid = engine.process.pid
    job.cancel()
    job.wait()
    assert job.state == CANCELLED
    assert len(list(job.folder.glob("take_*.npz"))) < LONG_WORK["variations"]
    again = Job(engine, place, "generate", {"options": {"audio": "/nowhere.wav"}})
    again.wait()
    assert "/nowhere.wav" in again.message
    assert engine.process.pid == pid


def test_a_killed_engine_is_a_message_and_the_next_job_starts_a_new_one(engine, place):
    job = Job(engine, place, "generate", LONG_WORK)
    begun(job)
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
        EngineProcess(Workplace(tmp_path / "python", tmp_path / "log", tmp_path), ROOT)


def test_a_python_that_cannot_start_is_one_sentence(tmp_path):
    python = tmp_path / "python"
    python.write_bytes(b"no program")
    python.chmod(0o755)
    with pytest.raises(EngineError, match=r"python does not start \(.+\); choose another in the preferences\. Log: "):
        EngineProcess(Workplace(python, tmp_path / "log", tmp_path), ROOT)


def test_end_of_input_ends_the_engine(tmp_path):
    process = EngineProcess(Workplace(Path(sys.executable), tmp_path / "log", tmp_path), ROOT)
    process.send("hello", {})
    until(process.poll)
    process._child.popen.stdin.close()
    until(lambda: not process.alive)
    assert process._child.popen.returncode == 0


@pytest.fixture(scope="module")
def demo_base(tmp_path_factory):
    """A take of the demo line, its plan, and hints that pin the right arm in a window of it."""
    folder = tmp_path_factory.mktemp("base")
    base = take_of_line()
    rotations, mask = base.poses.copy(), np.zeros((base.frames, 55), np.bool_)
    rotations[390, [17, 19]] += 0.2
    mask[390, [17, 19]] = True
    target = Target(20, 360, (3.0, 1.2, 0.4))
    hints = Hints(base=base, window=(330, 450), rotations=rotations, rotation_mask=mask, targets=(target,))
    save_hints(folder / "hints.npz", hints)
    (folder / "plan.json").write_text(json.dumps(base.plan))
    files = {name: lambda path, name=name: shutil.copy(folder / name, path) for name in ("hints.npz", "plan.json")}
    return base, hints, files


REGENERATE = {**OPTIONS, "hints": "hints.npz", "plan": "plan.json", "seed": 7}


def test_variations_honour_the_same_hints_and_come_in_one_answer(warm, place, demo_base):
    base, hints, files = demo_base
    fractions: list[float] = []
    job = Job(warm, place, "generate", {"options": REGENERATE, "variations": 3}, files)
    job.wait(lambda running: fractions.append(running.fraction) if running.stage != "speech" else None)
    assert job.state == DONE, job.message
    assert [take["seed"] for take in job.result["takes"]] == [7, 8, 9]
    assert job.result["take"] == job.result["takes"][0]["take"]
    assert job.result["window"] == [330, 450]
    assert job.result["plan_changed"]
    assert job.result["targets"][0]["joint"] == 20
    assert not job.result["targets"][0]["reached"]
    takes = [Motion.load(take["take"]) for take in job.result["takes"]]
    outside = np.r_[0:330, 450 : base.frames]
    for take in takes:
        assert take.poses[outside].tobytes() == base.poses[outside].tobytes()
        assert take.poses[hints.rotation_mask].tobytes() == hints.rotations[hints.rotation_mask].tobytes()
    assert takes[0].poses.tobytes() != takes[1].poses.tobytes()
    job.clean_up()


def test_a_warm_engine_gives_the_bytes_of_a_cold_one_and_does_not_listen_again(engine, place, demo_base):
    _, _, files = demo_base
    said: list[list[str]] = []
    bytes_of = []
    for _ in range(2):
        stages: list[str] = []
        job = Job(engine, place, "generate", {"options": REGENERATE}, files)
        job.wait(lambda running, stages=stages: stages.append(running.stage), 0.001)
        assert job.state == DONE, job.message
        bytes_of.append(Path(job.result["take"]).read_bytes())
        said.append(stages)
        job.clean_up()
    assert "speech" in said[0]
    assert "speech" not in said[1]
    assert bytes_of[0] == bytes_of[1]
    paths = {"hints": str(place.temporary / "hints.npz"), "plan": str(place.temporary / "plan.json")}
    for name, write in files.items():
        write(place.temporary / name)
    cold = make_take(TakeOptions(**{**REGENERATE, **paths}), lambda *_: None, line())
    (place.temporary / "warm.npz").write_bytes(bytes_of[1])
    warm = Motion.load(place.temporary / "warm.npz")
    assert np.array_equal(warm.poses, cold.poses)
    assert np.array_equal(warm.blendshapes, cold.blendshapes)


def test_plan_edits_choose_their_own_window(warm, place, demo_base):
    base, _, _ = demo_base
    files = {
        "hints.npz": lambda path: save_hints(path, Hints(base=base)),
        "plan.json": lambda path: path.write_text(json.dumps(base.plan)),
    }
    edits = [{"op": "move", "id": 1, "apex": 3.6}]
    job = Job(warm, place, "generate", {"options": {**REGENERATE, "edits": edits, "window": "auto"}}, files)
    job.wait()
    assert job.state == DONE, job.message
    first, end = job.result["window"]
    assert 0 < first < 3.2 * 30 < end < 200
    again = Job(warm, place, "generate", {"options": {**REGENERATE, "edits": [{"op": "x"}]}}, files)
    again.wait()
    assert again.state == FAILED
    assert "no plan edit 'x'" in again.message


def test_a_bridge_needs_no_speech_and_lexemes_are_told(warm, place, demo_base):
    _, _, files = demo_base
    job = Job(warm, place, "bridge", {"options": {"hints": "hints.npz", "fps": 30.0, "seed": 2}}, files)
    job.wait()
    assert job.state == DONE, job.message
    assert job.result["window"] == [330, 450]
    job.clean_up()
    bare = Job(warm, place, "bridge", {"options": {"fps": 30.0}})
    bare.wait()
    assert "needs hints" in bare.message
    names = Job(warm, place, "lexemes", {})
    names.wait()
    table = json.loads((ROOT / "assets/gestures/lexemes.json").read_text())
    assert names.result["lexemes"] == table["lexemes"]


def test_a_large_request_comes_by_file(warm, place):
    edits = [{"op": "move", "id": number, "apex": 1.0} for number in range(1000)]
    job = Job(warm, place, "generate", {"options": {**OPTIONS, "edits": edits, "audio": "/nowhere.wav"}})
    job.wait()
    assert (job.folder / "request.json").is_file()
    assert job.state == FAILED
    assert "/nowhere.wav" in job.message
    job.clean_up()


@pytest.mark.parametrize(("text", "said"), [
    (None, "can't be read"), ("{", "can't be read"), ("[1]", "is no object"), ('{"options": {"x": 1}}', "options")
])  # fmt: skip
def test_a_request_s_file_that_is_none_is_a_sentence(warm, place, text, said):
    files = {} if text is None else {"r.json": lambda path: path.write_text(text)}
    job = Job(warm, place, "generate", {"params_file": "r.json"}, files)
    job.wait()
    assert job.state == FAILED
    assert said in job.message
    job.clean_up()


def test_cancel_between_variations(engine, place, demo_base):
    _, _, files = demo_base
    job = Job(engine, place, "generate", {"options": REGENERATE, "variations": 40}, files)
    until(lambda: not job.step() or job.stage not in ("start", "speech"))
    job.cancel()
    job.wait()
    assert job.state == CANCELLED


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
    begun(job)
    pid = engine.process.pid
    os.kill(pid, signal.SIGSTOP)
    job.cancel()
    job.cancel()
    assert job.state == CANCELLED
    until(lambda: not engine.process.alive)
    assert gone(pid)


def test_listening_never_goes_back():
    fractions: list[float] = []
    hear(TakeOptions(**OPTIONS), lambda _, fraction: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
