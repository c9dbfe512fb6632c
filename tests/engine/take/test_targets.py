"""Where a take may be written: told before the work, and the old file whole whatever happens."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
from typer.testing import CliRunner

from addon.client.take_file import Take, TakeFileError, read_take, write_take
from engine.body.motion import Motion
from engine.cli import app
from engine.errors import CospeechError, TakeError
from engine.take.make import make_take
from engine.take.options import TakeOptions
from engine.take.plan_file import read_plan
from tests.places import DEMO


def refused(*words: object) -> str:
    """The sentence with which ``generate`` refuses before it listens to anything."""
    done = CliRunner().invoke(app, ["generate", *map(str, words)])
    assert isinstance(done.exception, CospeechError), done.output
    return str(done.exception)


@contextmanager
def full_disk():
    """Files that can't grow beyond 20 kB: what writes more fails as on a full disk."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_take_never_replaces_what_it_is_made_from(tmp_path):
    line, text = tmp_path / "line.flac", tmp_path / "line.txt"
    shutil.copyfile(DEMO, line)
    text.write_text("Hello")
    assert "would replace line.flac" in refused(line, "--out", line)
    assert "would replace line.txt" in refused(line, "--transcript", text, "--out", tmp_path / "." / "line.txt")
    assert line.read_bytes() == DEMO.read_bytes()


@pytest.mark.parametrize(("out", "said"), [
    ("", "not a file name"),
    (".", "not a file name"),
    ("pipe", "not a file name"),
    ("file.txt/take.npz", "takes no files"),
    ("n" * 300 + ".npz", "too long"),
])  # fmt: skip
def test_a_place_that_takes_no_file_is_a_sentence_before_the_work(tmp_path, monkeypatch, out, said):
    (tmp_path / "file.txt").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    assert said in refused("/nowhere.wav", "--out", out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # Python's complaints on stderr
def test_a_full_disk_keeps_the_old_file_and_python_quiet(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"old")
    poses = np.random.default_rng(0).normal(size=(300, 55, 3))
    motion, take = Motion(poses, np.zeros((300, 3)), 30.0), Take(poses, np.zeros((300, 3)), 30.0)
    with full_disk():
        with pytest.raises(TakeError, match="Could not write"):
            motion.save(tmp_path / "a.npz")
        with pytest.raises(TakeFileError, match="Could not write"):
            write_take(tmp_path / "a.npz", take)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    assert (tmp_path / "a.npz").read_bytes() == b"old"


def test_variations_are_heard_once(tmp_path, monkeypatch):
    import soundfile

    import engine.speech.load as load

    heard, really = [], load.load_speech
    monkeypatch.setattr(load, "load_speech", lambda *words, **options: heard.append(1) or really(*words, **options))
    waveform, rate = soundfile.read(DEMO, frames=16000)
    soundfile.write(tmp_path / "line.wav", waveform, rate)
    out = tmp_path / "out" / "v.npz"
    words = ["generate", str(tmp_path / "line.wav"), "--out", str(out), "--variations", "2", "--seed", "4"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert len(heard) == 1
    first, second = (read_take(out.with_name(name)) for name in ("v_4.npz", "v_5.npz"))
    assert (first.provenance["seed"], second.provenance["seed"]) == (4, 5)
    assert not np.array_equal(first.poses, second.poses)


def test_a_frame_rate_that_can_t_be_one_is_a_sentence(tmp_path):
    for rate in (1e-5, 1e9, np.nan):
        with pytest.raises(TakeError, match="it must be from 1 to 1000"):
            Motion(np.zeros((3, 55, 3)), np.zeros((3, 3)), rate)
        with pytest.raises(TakeFileError, match="it must be from 1 to 1000"):
            Take(np.zeros((3, 55, 3)), np.zeros((3, 3)), rate)


PHRASE = {
    "id": 0, "onset": 0.5, "apex": 1.0, "hold_end": 1.2, "retract_end": 1.8, "lexeme": "beat", "gclass": "beat",
    "hands": "right", "amplitude": 1.0, "word": 0, "semantic": False, "accent": 1.0, "stress_onset": 1.0,
}  # fmt: skip
PLAN = {"seconds": 3.0, "style": "explain", "seed": 0, "energy": 1.0, "phrases": [PHRASE]}


@pytest.mark.parametrize(("change", "said"), [
    ({"apex": 0.5}, "onset before its apex"),
    ({"hold_end": 0.2}, "onset before its apex"),
    ({"apex": float("nan")}, "not a number"),
    ({"apex": "soon"}, "not a number"),
    ({"amplitude": None}, "not a number"),
    ({"join": "soon"}, "rest, partial, next"),
])  # fmt: skip
def test_a_plan_edited_into_nonsense_is_a_sentence(tmp_path, change, said):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN))
    assert read_plan(str(path)).phrases[0].apex == 1.0
    path.write_text(json.dumps({**PLAN, "phrases": [{**PHRASE, **change}]}))
    with pytest.raises(CospeechError, match=said):
        read_plan(str(path))


def test_a_plan_s_events_are_looked_at_too(tmp_path):
    path = tmp_path / "plan.json"
    nod = {"kind": "nod", "start": 0.1, "apex": 0.2, "end": "later", "amount": 5.0}
    path.write_text(json.dumps({**PLAN, "head": [nod]}))
    with pytest.raises(CospeechError, match="head 0 has a value that is not a number"):
        read_plan(str(path))


def test_a_wrong_plan_or_seed_is_told_before_the_audio_is_read(tmp_path):
    with pytest.raises(CospeechError, match=r"plan /nowhere\.json can't be opened"):
        make_take(TakeOptions(audio="/nowhere.wav", plan="/nowhere.json"), lambda *_: None)
    assert "seed is -1" in refused("/nowhere.wav", "--out", tmp_path / "a.npz", "--seed", "-1")
