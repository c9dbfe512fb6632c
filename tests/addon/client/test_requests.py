"""How requests reach the engine: small ones through the pipe, large ones as a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.client.jobs import CANCELLED, DONE, Job, Workplace
from addon.client.process import EngineProcess
from tests.places import ENGINE_PYTHON, ROOT
from tests.support.faults import at, faulty, finished, greeted, hang_limit, posix, until

pytestmark = [posix, hang_limit]
PIPE_BYTES = 4096  # that the smallest pipe holds, Windows'


@pytest.fixture
def place(tmp_path):
    return Workplace(ENGINE_PYTHON, tmp_path / "log" / "engine.log", tmp_path)


def test_a_large_message_to_an_engine_that_does_not_read_never_blocks(engine, place):
    deaf = faulty(place.temporary, "hang()")
    job = Job(engine, at(place, deaf), "generate", {"options": {"edits": ["x" * 1000] * 2000}})
    greeted(job)
    for _ in range(40):  # a step that waits for the engine does not come back before the limit
        assert job.step()
    job.cancel()
    finished(job)
    assert job.state == CANCELLED


def test_a_large_message_arrives_whole_in_pieces(place):
    slow = faulty(place.temporary, """
time.sleep(0.5)
message = hear()
say(id=message["id"], result={"edits": len(message["params"]["edits"])})
sys.stdin.read()
""", greets=False)  # fmt: skip
    process = EngineProcess(at(place, slow), ROOT)
    process.send("generate", {"edits": ["x" * 1000] * 2000})
    answers: list[dict[str, Any]] = []
    until(lambda: answers.extend(process.poll()) or answers)
    assert answers[0]["result"] == {"edits": 2000}
    process.stop()


@pytest.mark.parametrize(("many", "named"), [(1, []), (2000, ["request.json"])])
def test_a_large_request_is_a_file_in_the_job_s_folder(engine, place, many, named):
    seen = faulty(place.temporary, """
line = sys.stdin.readline()
message = json.loads(line)
folder = message["params"]["folder"]
say(id=message["id"], result={"bytes": len(line), "keys": sorted(message["params"]), "files": os.listdir(folder)})
sys.stdin.read()
""")  # fmt: skip
    job = Job(engine, at(place, seen), "generate", {"edits": ["x" * 1000] * many})
    finished(job)
    assert job.state == DONE, job.message
    assert job.result["bytes"] < PIPE_BYTES
    assert job.result["files"] == named
    assert job.result["keys"] == sorted(["job", "folder", "params_file" if named else "edits"])
    if named:
        assert json.loads((job.folder / named[0]).read_text()) == {"edits": ["x" * 1000] * many}
    job.clean_up()
