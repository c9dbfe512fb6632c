"""End to end on the built zip: install into a clean profile, add a character, generate, save, export."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.limits import HANG_SECONDS
from tests.places import ENGINE_PYTHON, ROOT

LINK = re.compile(r"\]\(([^)#\s]+)")  # of Markdown, without the part after #
INSTALLED = """
import json, os, sys, bpy
zip_path, audio, text, out = sys.argv[-4:]
assert bpy.ops.extensions.package_install_files(
    filepath=zip_path, repo="user_default", enable_on_install=True) == {"FINISHED"}
name = "bl_ext.user_default.cospeech"
prefs = bpy.context.preferences.addons[name].preferences
prefs.engine_python = os.environ["ENGINE_PYTHON"]
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 24, 1.001
scene.frame_set(11)
assert bpy.ops.cospeech.test_engine() == {"FINISHED"}
assert bpy.ops.cospeech.add_character() == {"FINISHED"}
settings = scene.cospeech
settings.audio, settings.transcript = audio, text
before = (scene.frame_start, scene.frame_end, scene.frame_current, scene.render.fps, scene.render.fps_base)
assert bpy.ops.cospeech.generate() == {"FINISHED"}
assert before == (scene.frame_start, scene.frame_end, scene.frame_current, scene.render.fps, scene.render.fps_base)
action = settings.character.animation_data.action
strips = [strip for strip in scene.sequence_editor.strips if strip.type == "SOUND"]
assert bpy.ops.cospeech.save_take(filepath=os.path.join(out, "take.npz")) == {"FINISHED"}
assert bpy.ops.cospeech.export_fbx(filepath=os.path.join(out, "take.fbx"), preset="UNREAL") == {"FINISHED"}
print("REPORT" + json.dumps({
    "action": action.name, "slots": len(action.slots), "range": list(action.frame_range),
    "markers": len(action.pose_markers), "strip": [int(strips[0].frame_start), len(strips)],
    "folders": sorted(n for n in os.listdir(bpy.app.tempdir) if n.startswith("cospeech_")),
}))
assert bpy.ops.preferences.addon_disable(module=name) == {"FINISHED"}
"""


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


def test_the_zip_installs_and_makes_and_exports_a_take(built, tmp_path):
    script = tmp_path / "installed.py"
    script.write_text(INSTALLED)
    demo = ROOT / "assets/demo"
    audio = next(demo.glob("demo.[fw]*"))
    resources = tmp_path / "user"
    resources.mkdir()
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(resources), "ENGINE_PYTHON": str(ENGINE_PYTHON)}
    environment.pop("COSPEECH_PYTHON", None)
    arguments = [str(built), str(audio), str(demo / "demo.txt"), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], text=True, capture_output=True, env=environment, timeout=HANG_SECONDS
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout.split("REPORT")[1].splitlines()[0])
    assert report["slots"] == 2
    assert report["range"][0] == 11.0
    assert report["range"][1] > 300.0
    assert report["markers"] > 20
    assert report["strip"] == [11, 1]
    assert report["folders"] == []
    assert (tmp_path / "take.npz").stat().st_size > 10_000
    assert (tmp_path / "take.fbx").stat().st_size > 100_000


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
