"""What an animator may do while the engine works, and what the engine may do: each in a Blender of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import HANG_SECONDS
from tests.places import ROOT, needs_engine

pytestmark = needs_engine


def after(case: str, folder: Path) -> dict:
    """What is left after this case; the process ended well, its engine with it."""
    folder = folder / "Zoë's shots 日本"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.interruptions", case, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * HANG_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout.split("REPORT")[1].splitlines()[0])
    assert not report["job"]
    assert not report["folder"]
    return report


@pytest.mark.parametrize("case", ["load", "disable"])
def test_a_file_load_and_disabling_the_add_on_end_the_job(case, tmp_path):
    report = after(case, tmp_path)
    assert report["result"] == ["CANCELLED"]
    assert report["actions"] == []
    assert report["same file"]
    assert report["again"] == ["FINISHED"]


def test_renaming_and_saving_are_no_matter(tmp_path):
    report = after("rename", tmp_path)
    assert report["result"] == ["FINISHED"]
    assert [name.startswith("Zoë_") for name in report["actions"]] == [True]
    assert report["again"] == ["FINISHED"]


def test_the_take_of_a_deleted_character_is_kept_as_a_file(tmp_path):
    report = after("delete", tmp_path)
    assert report["result"] == ["CANCELLED"]
    assert "The take was kept as" in report["note"]
    assert report["failed"]
    assert report["same file"]


def test_a_killed_engine_is_a_sentence_and_the_next_take_works(tmp_path):
    report = after("kill", tmp_path)
    assert report["result"] == ["CANCELLED"]
    (said,) = report["reports"]
    assert said.startswith("ERROR: The engine stopped (ended by SIGKILL")
    assert "Try again" in said
    assert "engine-" in said
    assert report["note"] in said
    assert report["actions"] == []
    assert report["same file"]
    assert report["again"] == ["FINISHED"]
