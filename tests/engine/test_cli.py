"""The command line: as a process where that is what counts, else called as a process calls it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from functools import cache
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest

from engine import cli
from engine.body.motion import Motion
from engine.hints import Hints, Target, save_hints
from engine.speech.types import Speech
from engine.take.make import TakeOptions, hear
from tests.limits import HANG_SECONDS
from tests.places import DEMO, ROOT, TRANSCRIPT


class Done(NamedTuple):
    """What a command said, and its status."""

    returncode: int
    stdout: str
    stderr: str


def engine(*words: object) -> Done:
    """The command line with these words, in this process."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    here = mock.patch.multiple(sys, argv=["engine", *map(str, words)], stdout=out, stderr=err)
    with here, mock.patch.object(cli, "hear", lambda options, _: heard(options.audio, options.transcript)):
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
    return Done(status, out.getvalue(), err.getvalue())


@cache
def heard(audio: str, transcript: str) -> Speech:
    """Heard once: what the processes below make of it shows that it is the same each time."""
    return hear(TakeOptions(audio=audio, transcript=transcript), lambda *_: None)


def process(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine", *map(str, words)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=HANG_SECONDS,
    )


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "take.npz"
    done = process("generate", DEMO, "--transcript", TRANSCRIPT, "--out", path, "--fps", 24, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["takes"][0]["path"] == str(path)
    return path


def test_a_take_moves_and_says_where_it_came_from(take):
    motion = Motion.load(take)
    assert motion.fps == 24.0
    assert np.abs(np.diff(motion.poses[:, 16:22], axis=0)).max() > 0.01
    assert motion.blendshapes.max() > 0.2
    assert {"engine", "generator", "seed", "audio_hash", "weights", "options"} <= set(motion.provenance)
    assert motion.plan["words"]


def test_the_same_request_gives_the_same_bytes_in_another_process_and_another_seed_another_take(take, tmp_path):
    words = ("generate", DEMO, "--transcript", TRANSCRIPT, "--fps", 24)
    assert engine(*words, "--out", tmp_path / "again.npz").returncode == 0
    assert engine(*words, "--out", tmp_path / "other.npz", "--seed", 5).returncode == 0
    first, again, other = (Motion.load(path) for path in (take, tmp_path / "again.npz", tmp_path / "other.npz"))
    assert first.poses.tobytes() == again.poses.tobytes()
    assert first.blendshapes.tobytes() == again.blendshapes.tobytes()
    assert np.abs(first.poses - other.poses).max() > 0.1


def test_inspect_reads_takes_and_speech(take):
    report = json.loads(engine("inspect", take, "--json").stdout)
    assert report["kind"] == "take"
    plan = json.loads(engine("inspect", take, "--plan").stdout)
    assert plan["phrases"]
    heard = json.loads(engine("inspect", DEMO, "--transcript", TRANSCRIPT, "--json").stdout)
    assert [word[0] for word in heard["words"]] == TRANSCRIPT.read_text().split()


def test_a_plan_can_be_given_back(take, tmp_path):
    plan = json.loads(engine("inspect", take, "--plan").stdout)
    plan["phrases"] = plan["phrases"][:1]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    words = ("generate", DEMO, "--transcript", TRANSCRIPT, "--plan", tmp_path / "plan.json")
    done = engine(*words, "--out", tmp_path / "one.npz")
    assert done.returncode == 0, done.stderr
    assert len(Motion.load(tmp_path / "one.npz").plan["phrases"]) == 1


def test_hints_give_the_rate_the_window_and_every_variation(take, tmp_path):
    base = Motion.load(take)
    save_hints(tmp_path / "hints.npz", Hints(base=base, window=(260, 360), targets=(Target(20, 300, (3.0, 1.0, 0.0)),)))
    plan = json.loads(engine("inspect", take, "--plan").stdout)
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    words = ("generate", DEMO, "--transcript", TRANSCRIPT, "--hints", tmp_path / "hints.npz", "--seed", 3)
    done = engine(*words, "--plan", tmp_path / "plan.json", "--variations", 2, "--out", tmp_path / "new.npz")
    assert done.returncode == 0, done.stderr
    assert "left_wrist on frame 300 is out of reach" in done.stdout
    for seed in (3, 4):
        made = Motion.load(tmp_path / f"new_{seed}.npz")
        assert made.fps == 24.0
        assert made.poses[:260].tobytes() == base.poses[:260].tobytes()
        assert made.poses[360:].tobytes() == base.poses[360:].tobytes()
        assert made.poses.tobytes() != base.poses.tobytes()
    wrong = engine(*words, "--fps", 30, "--out", tmp_path / "x.npz")
    assert wrong.returncode == 1
    assert "24 frames per second" in wrong.stderr


def test_a_listener_is_a_take_too(tmp_path):
    words = ("generate", DEMO, "--transcript", TRANSCRIPT, "--role", "listen", "--out", tmp_path / "listens.npz")
    assert engine(*words).returncode == 0
    assert Motion.load(tmp_path / "listens.npz").plan["phrases"] == []


def test_a_take_looks_at_the_place_it_is_told(tmp_path):
    words = ("generate", DEMO, "--transcript", TRANSCRIPT, "--gaze", "1.2,1.5,1.4", "--out", tmp_path / "looks.npz")
    assert engine(*words).returncode == 0
    assert Motion.load(tmp_path / "looks.npz").plan["look_at"] == [1.2, 1.5, 1.4]


def test_convert_goes_to_beat2_and_back(take, tmp_path):
    assert engine("convert", take, "--out", tmp_path / "beat2.npz", "--to", "beat2", "--fps", 30).returncode == 0
    assert engine("convert", tmp_path / "beat2.npz", "--out", tmp_path / "ours.npz").returncode == 0
    assert np.allclose(Motion.load(tmp_path / "ours.npz").poses, Motion.load(take).resampled(30.0).poses, atol=1e-5)


@pytest.mark.parametrize(("words", "said"), [
    (("generate", "/nowhere.wav", "--out", "x.npz"), "/nowhere.wav"),
    (("generate", DEMO, "--out", "x.npz", "--style", "grand"), "no style 'grand'"),
    (("generate", DEMO, "--out", "x.npz", "--generator", "magic"), "no generator 'magic'"),
    (("generate", DEMO, "--out", "x.npz", "--parts", "tail"), "tail"),
    (("generate", DEMO, "--out", "x.npz", "--energy", "9"), "energy"),
    (("generate", DEMO, "--out", "x.npz", "--fps", "0"), "frame rate"),
    (("generate", DEMO, "--out", "x.npz", "--gaze", "left"), "--gaze is 'left'"),
    (("generate", DEMO, "--out", "x.npz", "--role", "sing"), "no role 'sing'"),
    (("generate", DEMO, "--out", "x.npz", "--hints", "/nowhere.npz"), "/nowhere.npz"),
    (("inspect", "/nowhere.npz"), "no file /nowhere.npz"),
    (("convert", "/nowhere.npz", "--out", "/tmp/x.npz"), "no file /nowhere.npz"),
])  # fmt: skip
def test_bad_input_is_one_sentence_on_stderr(words, said, tmp_path):
    one_sentence(engine(*words), said)


def test_bad_input_is_one_sentence_of_the_process_too():
    one_sentence(process("generate", "/nowhere.wav", "--out", "x.npz"), "/nowhere.wav")


def one_sentence(done, said: str) -> None:
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_doctor_makes_motion():
    report = json.loads(process("doctor", "--json").stdout)
    assert report["ready"]
    assert "frames made" in report["self_test"]
