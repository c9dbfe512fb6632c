"""Cancel at every stage of the real engine: control comes back, and the process's state is known.

How soon is measured by ``build.py bench`` (``cancel_control_s``, ``cancel_known_s``).
"""

from __future__ import annotations

import select

import pytest

from addon.client.jobs import CANCELLED, Job, Workplace
from tests.limits import HANG_SECONDS
from tests.places import ENGINE_PYTHON, needs_engine
from tests.support.faults import (
    OPTIONS,
    PROTOCOL,
    faulty,
    finished,
    gone,
    greeted,
    hang_limit,
    one_by_one,
    posix,
    run_until,
    until,
)

pytestmark = hang_limit


@pytest.fixture
def place(tmp_path):
    return Workplace(ENGINE_PYTHON, tmp_path / "engine.log", tmp_path)


@needs_engine
def test_cancel_at_every_stage_of_the_real_engine(engine, place, monkeypatch):
    one_by_one(monkeypatch)
    stages: list[str] = []
    whole = Job(engine, place, "generate", {"options": OPTIONS})
    whole.wait(lambda job: stages.append(job.stage))
    whole.clean_up()
    engine.close()  # what it heard it would not listen to again
    seen = []
    for stage in ["start", *dict.fromkeys(name for name in stages if name not in ("start", "done"))]:
        job = Job(engine, place, "generate", {"options": OPTIONS})
        pid = engine.process.pid
        assert stage == "start" or run_until(job, stage)
        seen.append(stage)
        job.cancel()
        finished(job)
        until(lambda: not engine.tend())
        assert job.state == CANCELLED, stage
        assert engine.process is None or engine.process.alive
        assert engine.process is not None or gone(pid)
        job.clean_up()
        assert not job.folder.exists()
    assert {"start", "speech", "body"} <= set(seen)


@posix
def test_an_engine_that_does_not_heed_a_cancel_is_replaced_by_the_next_job(engine, place):
    stubborn = faulty(place.temporary, """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say(method="progress", params={"job": hear()["params"]["job"], "stage": "body", "fraction": 0.5})
hang()
""")  # fmt: skip
    where = Workplace(stubborn, place.log, place.temporary)
    job = Job(engine, where, "generate", {})
    assert run_until(job, "body")
    pid = engine.process.pid
    job.cancel()
    finished(job)
    assert job.state == CANCELLED
    assert not gone(pid)  # control came first
    again = Job(engine, where, "generate", {})  # pressed at once: waits for the old one without blocking
    assert again.state == "STARTING"
    assert engine.process.pid == pid
    assert run_until(again, "body")
    assert engine.process.pid != pid
    until(lambda: not engine.tend())
    assert gone(pid)
    again.cancel()
    again.cancel()


@posix
def test_a_job_that_is_given_up_does_not_reach_the_next(engine, place, monkeypatch):
    monkeypatch.setattr("addon.client.engine.CANCEL_SECONDS", HANG_SECONDS)  # it answers in time, however slow it is
    slow = faulty(place.temporary, """
first = hear()["id"]
hear()  # the cancel
wait_for("%s")
say(id=first, result={"whose": "old"})
say(id=hear()["id"], result={"protocol": %d})
say(id=hear()["id"], result={"whose": "new"})
sys.stdin.read()
""" % (place.temporary / "late", PROTOCOL))  # fmt: skip  # noqa: UP031
    where = Workplace(slow, place.log, place.temporary)
    job = Job(engine, where, "generate", {})
    greeted(job)
    job.abandon()
    again = Job(engine, where, "generate", {})
    for _ in range(5):
        assert again.step()
        assert not engine.is_free
    (place.temporary / "late").touch()
    again.wait()
    assert again.result == {"whose": "new"}, again.message


@posix
def test_an_answer_that_crosses_the_cancel_changes_nothing(engine, place):
    quick = faulty(place.temporary, "say(id=hear()['id'], result={'take': 'x'}); sys.stdin.read()")
    job = Job(engine, Workplace(quick, place.log, place.temporary), "generate", {})
    greeted(job)
    select.select([engine.process._stdout], [], [])  # it is in the pipe by now
    job.cancel()
    job.wait()
    assert (job.state, job.result) == (CANCELLED, {})
