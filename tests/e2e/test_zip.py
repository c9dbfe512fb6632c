"""The built zip: what is in it, its pages, its command line, and that a changed tree is not packed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.limits import HANG_SECONDS
from tests.places import ENGINE_PYTHON, ROOT

LINK = re.compile(r"\]\(([^)#\s]+)")  # of Markdown, without the part after #


def test_the_zip_holds_the_extension_and_no_rubbish(built):
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert {"__init__.py", "blender_manifest.toml", "README.md", "LICENSE", "engine/__main__.py"} <= set(names)
    assert any(name.startswith("assets/weights/") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
    checkout_only = ("engine/training", "engine/evaluation", "assets/evaluation", "assets/demo/make_demo.py")
    assert not [name for name in names if name.startswith(checkout_only)]


def test_no_link_of_a_page_in_the_zip_leads_nowhere(built, tmp_path):
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path)
    pages = sorted(tmp_path.rglob("*.md"))
    assert {"README.md", "docs/engine.md"} <= {page.relative_to(tmp_path).as_posix() for page in pages}
    dead = [
        f"{page.relative_to(tmp_path)}: {link}"
        for page in pages
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).is_file()
    ]
    assert not dead, "\n".join(dead)


def test_the_command_line_of_the_zip_says_where_training_is(built, tmp_path):
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path)

    def engine(*words):
        command = [ENGINE_PYTHON, "-m", "engine", *words]
        return subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, timeout=HANG_SECONDS)

    for name, words in (("train", ["default", "--corpus", "x"]), ("train", ["--help"]), ("evaluate", ["--realism"])):
        done = engine(name, *words)
        assert done.returncode == 1
        said = f"cospeech: The extension has no '{name}'; run it in a checkout of Cospeech's repository\n"
        assert done.stderr == said
        assert not done.stdout
    done = engine("--help")
    assert done.returncode == 0, done.stderr
    assert "generate" in done.stdout
    assert "Train" not in done.stdout


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="this is no git checkout")
def test_a_dirty_tree_is_refused(tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    (clone / "README.md").write_text("changed")
    for name in (".venv", ".venv-bpy50"):
        (clone / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "build.py", "package", "--out", str(tmp_path / "zip")],
        cwd=clone,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    assert "uncommitted changes" in done.stdout
    assert not (tmp_path / "zip").exists()
