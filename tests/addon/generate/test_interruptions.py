"""What an animator may do while the engine works, and what the engine may do: in a Blender of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.limits import HANG_SECONDS
from tests.places import ROOT, needs_engine

pytestmark = needs_engine


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, dict]:
    """What is left after each case; the process ended well, its engine with it."""
    folder = tmp_path_factory.mktemp("interruptions") / "Zoë's shots 日本"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.interruptions", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * HANG_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    found: dict[str, dict] = {}
    for part in done.stdout.split("REPORT")[1:]:
        found |= json.loads(part.splitlines()[0])
    assert not [case for case, report in found.items() if report["job"] or report["folder"]]
    return found


@pytest.mark.parametrize("case", ["load", "disable"])
def test_a_file_load_and_disabling_the_add_on_end_the_job(reports, case):
    report = reports[case]
    assert report["result"] == ["CANCELLED"]
    assert report["actions"] == []
    assert report["same file"]
    assert report["again"] == ["FINISHED"]


def test_renaming_and_saving_are_no_matter(reports):
    report = reports["rename"]
    assert report["result"] == ["FINISHED"]
    assert [name.startswith("Zoë_") for name in report["actions"]] == [True]
    assert report["again"] == ["FINISHED"]


def test_the_take_of_a_deleted_character_is_kept_as_a_file(reports):
    report = reports["delete"]
    assert report["result"] == ["CANCELLED"]
    assert "The take was kept as" in report["note"]
    assert report["failed"]
    assert report["same file"]


def test_a_killed_engine_is_a_sentence_and_the_next_take_works(reports):
    report = reports["kill"]
    assert report["result"] == ["CANCELLED"]
    (said,) = report["reports"]
    assert said.startswith("ERROR: The engine stopped (ended by SIGKILL")
    assert "Try again" in said
    assert "engine-" in said
    assert report["note"] in said
    assert report["actions"] == []
    assert report["same file"]
    assert report["again"] == ["FINISHED"]
