"""How soon Blender has control again: a cancel at every stage, and engines that hang, babble or are deaf.

Run in a process of its own (``python -m tests.bench.control RUNS``); each value is the worst of a run.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.runs import figures
from tests.places import ROOT

STAGES = ("start", "speech", "body")
SET_UP_STAGES = ("environment", "install")
STEPS = 40

# name -> at most (docs/engine.md)
REACH = {
    "cancel_control_s": 0.5,
    "cancel_known_s": 2.5,
    "longest_step_s": 0.5,
    "close_hanging_s": 0.6,
    "set_up_cancel_s": 1.0,
}
GIANT = 'sys.stdout.write("x" * 9_000_000 + "\\n"); say(id=hear()["id"], result={}); sys.stdin.read()'
BABBLE = "while True: print('a' * 100)"


def measure(runs: int) -> dict[str, list[float]]:
    """Every figure's values, from a fresh process."""
    return figures("tests.bench.control", runs)


def cancelled(folder: Path) -> tuple[float, float]:
    """Seconds until a job of the real engine is over for Blender, and until the engine has answered or is gone."""
    from addon.client.engine import Engine
    from addon.client.jobs import Job, Workplace
    from tests.support.faults import LONG_WORK, PROTOCOL, finished, run_until, until

    engine, where = Engine(ROOT, PROTOCOL), Workplace(Path(sys.executable), folder / "engine.log", folder)
    control, known = [], []
    try:
        for stage in STAGES:
            job = Job(engine, where, "generate", LONG_WORK)
            if stage != "start":
                run_until(job, stage)
            start = time.perf_counter()
            job.cancel()
            finished(job)
            control.append(time.perf_counter() - start)
            assert job.state == "CANCELLED"
            until(lambda: not engine.tend())
            known.append(time.perf_counter() - start)
            job.clean_up()
    finally:
        engine.close()
    return max(control), max(known)


def longest_step(folder: Path) -> float:
    """The longest step of jobs whose engine says too much, or reads nothing of a large message."""
    from addon.client.engine import Engine
    from addon.client.jobs import Job, Workplace
    from tests.support.faults import PROTOCOL, faulty

    large, longest = {"edits": ["x" * 1000] * 2000}, 0.0
    for name, code, params in (("giant", GIANT, {}), ("babble", BABBLE, {}), ("deaf", "hang()", large)):
        engine = Engine(ROOT, PROTOCOL)
        where = Workplace(faulty(folder / name, code), folder / "engine.log", folder)
        job, going, steps = Job(engine, where, "generate", params), True, 0
        while going and (name != "deaf" or steps < STEPS):
            start = time.perf_counter()
            going = job.step()
            longest = max(longest, time.perf_counter() - start)
            steps += job.state == "RUNNING"
            time.sleep(0.01)
        engine.close()
        job.clean_up()
    return longest


def closed(folder: Path) -> float:
    """Seconds to close an engine that hangs."""
    from addon.client.process import EngineProcess, Workplace
    from tests.support.faults import faulty

    process = EngineProcess(
        Workplace(faulty(folder / "hanging", "hang()", greets=False), folder / "engine.log", folder), ROOT
    )
    start = time.perf_counter()
    process.stop()
    return time.perf_counter() - start


def set_up_cancelled(folder: Path) -> float:
    """Seconds until Set Up Engine is over after a cancel."""
    from addon.setup.install import SetUpJob
    from tests.support.faults import finished, run_until
    from tests.support.wheels import small_plan

    packages = {f"small_{n}": {f"small_{n}/__init__.py": f"value = {n}\n"} for n in range(4)}
    plan = small_plan(folder, ROOT, packages)
    seconds = []
    for stage in SET_UP_STAGES:
        job = SetUpJob(plan)
        run_until(job, stage)
        start = time.perf_counter()
        job.cancel()
        finished(job)
        seconds.append(time.perf_counter() - start)
        assert (job.stage, job.state) == (stage, "CANCELLED")
    return max(seconds)


def main() -> None:
    """Print one JSON object."""
    found: dict[str, list[float]] = {name: [] for name in REACH}
    for _ in range(int(sys.argv[1])):
        with tempfile.TemporaryDirectory(prefix="cospeech_bench_") as name:
            folder = Path(name)
            control, known = cancelled(folder)
            values = (control, known, longest_step(folder), closed(folder), set_up_cancelled(folder))
            for figure, value in zip(REACH, values, strict=True):
                found[figure].append(value)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
