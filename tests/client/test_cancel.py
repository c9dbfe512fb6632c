"""Cancel at every stage of the real engine: control at once, the process's state known within three seconds."""

from __future__ import annotations

import time

import pytest
from faults import ENGINE_PYTHON, OPTIONS, PROTOCOL, ROOT, faulty, gone, needs_engine, posix, run_until

from addon.client.engine import Engine
from addon.client.jobs import CANCELLED, Job, Workplace

CONTROL, KNOWN = 0.5, 3.0


@pytest.fixture
def place(tmp_path):
    return Workplace(ENGINE_PYTHON, tmp_path / "engine.log", tmp_path)


@pytest.fixture
def engine():
    engine = Engine(ROOT, PROTOCOL)
    yield engine
    engine.close()


def cancelled(engine: Engine, job: Job) -> tuple[float, float]:
    """Seconds until the job is over for Blender, and until the engine either answered or is gone."""
    began = time.monotonic()
    job.cancel()
    while job.step():
        time.sleep(0.01)
    control = time.monotonic() - began
    while engine.tend():
        time.sleep(0.01)
    return control, time.monotonic() - began


@needs_engine
def test_cancel_at_every_stage_of_the_real_engine(engine, place):
    stages: list[str] = []
    whole = Job(engine, place, "generate", {"options": OPTIONS})
    whole.wait(lambda job: stages.append(job.stage))
    whole.clean_up()
    engine.close()  # what it heard it would not listen to again
    seen = []
    for stage in ["start", *dict.fromkeys(name for name in stages if name not in ("start", "done"))]:
        job = Job(engine, place, "generate", {"options": OPTIONS})
        pid = engine.process.pid
        if stage != "start" and not run_until(job, stage):
            job.clean_up()  # a stage too short to be seen this time
            continue
        seen.append(stage)
        control, known = cancelled(engine, job)
        assert job.state == CANCELLED, stage
        assert control < CONTROL, stage
        assert known < KNOWN, stage
        assert engine.process is None or engine.process.alive
        assert engine.process is not None or gone(pid, 0.5)
        job.clean_up()
        assert not job.folder.exists()
    assert {"start", "speech", "body"} <= set(seen)


@posix
def test_an_engine_that_does_not_heed_a_cancel_is_replaced_by_the_next_job(engine, place):
    stubborn = faulty(place.temporary, """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say(method="progress", params={"job": hear()["params"]["job"], "stage": "body", "fraction": 0.5})
time.sleep(600)
""")  # fmt: skip
    where = Workplace(stubborn, place.log, place.temporary)
    job = Job(engine, where, "generate", {})
    assert run_until(job, "body")
    pid = engine.process.pid
    began = time.monotonic()
    job.cancel()
    while job.step():
        time.sleep(0.01)
    assert time.monotonic() - began < CONTROL
    again = Job(engine, where, "generate", {})  # pressed at once: waits for the old one without blocking
    assert again.state == "STARTING"
    assert run_until(again, "body")
    assert engine.process.pid != pid
    while time.monotonic() - began < KNOWN and not gone(pid, 0.01):
        again.step()
    assert gone(pid, 0.01)
    again.cancel()
    again.cancel()


@posix
def test_a_job_that_is_given_up_does_not_reach_the_next(engine, place):
    slow = faulty(place.temporary, """
first = hear()["id"]
hear()  # the cancel
time.sleep(0.8)
say(id=first, result={"whose": "old"})
say(id=hear()["id"], result={"protocol": %d})
say(id=hear()["id"], result={"whose": "new"})
sys.stdin.read()
""" % PROTOCOL)  # fmt: skip  # noqa: UP031
    where = Workplace(slow, place.log, place.temporary)
    job = Job(engine, where, "generate", {})
    while job.step() and job.state == "STARTING":
        time.sleep(0.01)
    job.abandon()
    again = Job(engine, where, "generate", {})
    again.wait()
    assert again.result == {"whose": "new"}, again.message


@posix
def test_an_answer_that_crosses_the_cancel_changes_nothing(engine, place):
    quick = faulty(place.temporary, "say(id=hear()['id'], result={'take': 'x'}); sys.stdin.read()")
    job = Job(engine, Workplace(quick, place.log, place.temporary), "generate", {})
    while job.step() and job.state == "STARTING":
        time.sleep(0.01)
    time.sleep(0.3)  # it is in the pipe by now
    job.cancel()
    job.wait()
    assert (job.state, job.result) == (CANCELLED, {})
