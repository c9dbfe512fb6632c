"""Nothing is loaded while a read of standard input waits: on Windows that hangs (engine/stdin.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.hints import Hints, save_hints
from engine.imports import DEFAULT_PATH
from engine.stdin import polled_lines
from tests.places import LINE, ROOT
from tests.support.faults import hang_limit
from tests.support.regen import base as take_of_line

fcntl = pytest.importorskip("fcntl", reason="what a pipe holds is asked by ioctl")
termios = pytest.importorskip("termios", reason="what a pipe holds is asked by ioctl")
pytestmark = hang_limit

TEXTS = {
    "line.txt": "Hello everyone and welcome. There are 3 things I love about gestures in 2024.",
    "line.srt": "1\n00:00:00,100 --> 00:00:02,400\nHello everyone, and welcome!\n",
    "line.TextGrid": """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 12.8
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 12.8
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = ""
        intervals [2]:
            xmin = 0.3
            xmax = 0.8
            text = "hello"
        intervals [3]:
            xmin = 0.8
            xmax = 12.8
            text = ""
""",
}


def held(descriptor: int) -> int | None:
    """What the pipe holds, as PeekNamedPipe says it on Windows; one that has ended holds nothing either."""
    count = bytearray(4)
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    size = int.from_bytes(count, sys.byteorder)
    return size or (None if ENDED.is_set() else 0)


ENDED = threading.Event()


class Talk:
    """A watched engine, asked one thing after the other."""

    def __init__(self, file: Path, *words: str) -> None:
        self._file = file
        command = [sys.executable, "-m", "tests.support.late_imports", str(file), *words]
        self._child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._number = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._number += 1
        message = {"id": self._number, "method": method, "params": {"job": "j", **params}}
        self._child.stdin.write(json.dumps(message) + "\n")
        self._child.stdin.flush()
        for line in self._child.stdout:
            answer = json.loads(line)
            if answer.get("id") == self._number:
                assert "result" in answer, answer
                return answer["result"]
        raise AssertionError("the engine has ended")

    def late(self) -> list[str]:
        """What was imported late and may not be: all but the standard library's modules in Python."""
        self._child.communicate()
        found = json.loads(self._file.read_text())
        return [
            name
            for name, file in found.items()
            if file.endswith((".so", ".pyd")) or name.partition(".")[0] not in sys.stdlib_module_names
        ]


def test_a_default_job_imports_nothing_once_the_reader_runs(tmp_path):
    engine = Talk(tmp_path / "late.json")
    engine.ask("hello")
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text)
        options = {"audio": str(LINE), "transcript": str(tmp_path / name)}
        engine.ask("generate", folder=str(tmp_path), options=options)
    base = take_of_line()
    save_hints(tmp_path / "hints.npz", Hints(base=base, window=(90, 150)))
    (tmp_path / "plan.json").write_text(json.dumps(base.plan))
    again = {**options, "hints": "hints.npz", "plan": "plan.json", "seed": 3, "emphasis": [[1.0, 2.0, 0.8]]}
    edits = [{"op": "move", "id": 1, "apex": 3.6}]
    for more in ({}, {"edits": edits, "window": "auto"}, {"words": [[0, 0.3, 0.9]]}, {"emotion": "happy"}):
        engine.ask("generate", folder=str(tmp_path), options={**again, **more})
    for role in ("listen", "idle"):
        engine.ask("generate", folder=str(tmp_path), options={**options, "role": role, "gaze": [1.0, 1.5, 2.0]})
    engine.ask("bridge", folder=str(tmp_path), options={"hints": "hints.npz", "fps": 30.0})
    assert engine.ask("lexemes")["lexemes"]
    assert engine.late() == []


def test_the_doctor_imports_torch_at_most(tmp_path):
    pytest.importorskip("torch")
    engine = Talk(tmp_path / "late.json", "TORCH")
    engine.ask("hello")
    assert engine.ask("doctor")["ready"]
    assert engine.late() == []


def test_the_default_path_needs_no_network_s_package():
    code = "import sys; from engine.imports import import_default_path; import_default_path(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    loaded = set(done.stdout.split())
    assert set(DEFAULT_PATH) <= loaded
    assert not loaded & {
        "torch",
        "transformers",
        "librosa",
        "numba",
        "smplx",
        "typer",
        "rich",
        "pydantic",
        "scipy.signal",
    }


@pytest.fixture
def pipe():
    ENDED.clear()
    out, into = os.pipe()
    yield out, into
    os.close(out)


def test_a_polled_pipe_gives_lines_as_they_come_and_is_never_read_when_empty(pipe):
    out, into = pipe
    os.set_blocking(out, False)  # a read that would wait is an error
    lines = polled_lines(out, held)
    os.write(into, b"one\nt")
    assert next(lines) == "one"
    os.write(into, "wö\nthree\n".encode())
    assert next(lines) == "twö"
    assert next(lines) == "three"
    threading.Timer(0.1, lambda: os.write(into, b"late\nno end")).start()
    assert next(lines) == "late"
    os.close(into)
    ENDED.set()
    assert list(lines) == ["no end"]


def test_a_line_longer_than_any_read_arrives_whole(pipe):
    out, into = pipe
    writer = threading.Thread(target=lambda: (os.write(into, b"x" * 300_000 + b"\n"), ENDED.set()))
    writer.start()
    assert list(polled_lines(out, held)) == ["x" * 300_000]
    writer.join()
    os.close(into)
