"""build.py: what its user sees, and the sentences that say what a machine lacks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.places import ROOT

sys.path.insert(0, str(ROOT / ".ci"))


import build
import extension_zip
import logged_steps

CHATTER = "WARNING: Location 'file:///somewhere/' is ignored"


@pytest.fixture(autouse=True)
def logs(tmp_path, monkeypatch):
    """Logs of the test's own, below a root of its own; no CI, whose logs are printed."""
    monkeypatch.setattr(logged_steps, "LOGS", tmp_path / "out/logs")
    monkeypatch.setattr(logged_steps, "ROOT", tmp_path)
    monkeypatch.delenv("CI", raising=False)
    return tmp_path / "out/logs"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_step_is_one_line_with_its_time_and_the_rest_is_in_the_log(logs, capsys):
    with logged_steps.Step("Setting up", "setup") as step:
        lines = step.run(python(f"print({CHATTER!r}); print('build.py: half-way'); import sys; sys.stderr.write('no')"))
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "  half-way"
    assert shown[1].startswith("Setting up: done in ")
    assert len(shown) == 2
    assert lines[0] == CHATTER
    kept = (logs / "setup.log").read_text()
    assert CHATTER in kept
    assert "no" in kept


def test_a_failure_names_the_log_and_the_last_words(capsys):
    with pytest.raises(build.BuildError) as told, logged_steps.Step("Setting up", "setup") as step:
        step.run(python(f"print({CHATTER!r}); print('ERROR: No space left'); print('see above'); raise SystemExit(3)"))
    assert "status 3, last words: ERROR: No space left; the log is out/logs/setup.log" in str(told.value)
    assert CHATTER not in capsys.readouterr().out


def test_a_reason_that_a_child_gives_is_the_sentence():
    with (
        pytest.raises(build.BuildError, match=r"^there is no audio x\.wav; check the path$"),
        logged_steps.Step("x", "x") as s,
    ):
        s.run(python("print('build.py failed: there is no audio x.wav; check the path'); raise SystemExit(1)"))


def test_where_nobody_can_open_the_log_it_is_printed(monkeypatch, capsys):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(build.BuildError), logged_steps.Step("x", "x") as step:
        step.run(python(f"print({CHATTER!r}); raise SystemExit(1)"))
    assert CHATTER in capsys.readouterr().out


def test_another_python_is_found_or_asked_for(monkeypatch, tmp_path):
    assert build.fitting_python() is None or sys.version_info[:2] != build.PYTHON
    monkeypatch.setattr(build, "PYTHON", (3, 99))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.BuildError, match=r"want Python 3\.99 and this is 3\.\d+; install Python 3\.99"):
        build.fitting_python()
    other = tmp_path / "python3.99"
    other.write_text("#!/bin/sh\nexit 127\n")  # as pyenv's stand-in for a Python that is not chosen
    other.chmod(0o755)
    with pytest.raises(build.BuildError, match="install Python"):
        build.fitting_python()
    other.write_text("#!/bin/sh\necho '(3, 99)'\n")
    assert build.fitting_python() == str(other)


def test_what_the_system_lacks_is_one_sentence(monkeypatch):
    monkeypatch.setattr(build, "missing_system_libraries", lambda: ["libx11-6", "libgl1"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(build.BuildError, match=r"as root, install them: apt install libx11-6 libgl1$"):
        build.ensure_system_libraries()


def test_a_python_without_its_venv_module_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None)
    environment = build.Environment(str(tmp_path / "none"), "locks/dev.lock", torch=False, blender="4.5")
    with pytest.raises(build.BuildError, match=r"apt install python3\.11-venv"):
        build.ensure_environment(environment)


def test_the_seed_is_taken_out_of_the_words_for_pytest_or_drawn():
    words = ["-k", "pins", "--randomly-seed=7"]
    assert build._seed(words) == 7
    assert words == ["-k", "pins"]
    assert build._seed(words) > 0
    with pytest.raises(build.BuildError, match="'soon' is not a whole number"):
        build._seed(["--randomly-seed=soon"])


def test_results_and_failures_are_told(logs, capsys):
    logs.mkdir(parents=True)
    log = logs / "test.log"
    log.write_text(
        "...F [100%]\nE   assert 1\nFAILED tests/x.py::test_y - assert 1\n1 failed, 3 passed in 2.01s (0:00:02)\n"
    )
    build._tell_results(log)
    assert capsys.readouterr().out.splitlines() == [
        "  FAILED tests/x.py::test_y - assert 1",
        "1 failed, 3 passed in 2.01s (0:00:02)",
    ]


def test_the_same_files_are_packed_where_there_is_no_git(monkeypatch):
    if not (ROOT / ".git").exists() or extension_zip.shutil.which("git") is None:
        pytest.skip("no git checkout to compare with")
    tracked = sorted(extension_zip._packed_files())
    monkeypatch.setattr(extension_zip.shutil, "which", lambda name: None)
    assert sorted(extension_zip._packed_files()) == tracked


def test_the_door_opens_without_a_word_too_many():
    done = subprocess.run([sys.executable, str(ROOT / "build.py"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert not done.stderr
    assert "setup" in done.stdout
