"""The zip with wheels in environments that hold a Blender and nothing else, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.limits import HANG_SECONDS
from tests.places import LINE, ROOT

# Blender -> its environment (build.py makes them)
BLENDERS = {"4.5.15": ".venv-plain", "5.0.1": ".venv-bpy50-plain", "5.2.3": ".venv-bpy52"}
WELCOME = ROOT / "assets/demo/welcome.flac"
SRT = "1\n00:00:00,300 --> 00:00:02,200\nHello everyone, and welcome!\n"
WORDS = (("Hello", 0.355, 0.633), ("everyone", 0.633, 1.24), ("and", 1.365, 1.533), ("welcome", 1.533, 2.12))

START = """
import bpy, json, os, sys
from pathlib import Path
zip_path, out = sys.argv[1], Path(sys.argv[2])
name = "bl_ext.user_default.cospeech"
def told(operator, **arguments):
    try:
        return sorted(operator(**arguments))
    except RuntimeError as error:
        return str(error)
def install():
    assert bpy.ops.extensions.package_install_files(
        filepath=zip_path, repo="user_default", enable_on_install=True) == {"FINISHED"}
install()
from bl_ext.user_default.cospeech.setup import engine, interpreters, panel, runtime_ops
from bl_ext.user_default.cospeech.paths import root
own = interpreters.built_in(root())
report = {"problem": panel.engine_problem(), "packages": str(own.packages)}
scene = bpy.context.scene
settings = scene.cospeech
def generate(audio, transcript):
    settings.audio, settings.transcript = audio, transcript
    assert bpy.ops.cospeech.generate() == {"FINISHED"}, engine.SESSION.note
"""
END = """
assert bpy.ops.preferences.addon_disable(module=name) == {"FINISHED"}
print("REPORT" + json.dumps(report))
"""
TAKES = """
report["kind"] = engine.interpreter().kind
report["networks"] = engine.networks_problem()
assert bpy.ops.cospeech.test_engine() == {"FINISHED"}, engine.SESSION.note
report["test"] = engine.SESSION.note
assert bpy.ops.cospeech.add_character() == {"FINISHED"}
scene.render.fps, scene.render.fps_base = 24, 1.001
scene.frame_set(11)
def frames():
    return scene.frame_start, scene.frame_end, scene.frame_current, scene.render.fps, scene.render.fps_base
before = frames()
for kind, audio, transcript in json.loads(sys.argv[3]):
    generate(audio, transcript)
    assert frames() == before
    assert bpy.ops.cospeech.save_take(filepath=str(out / f"{kind}.npz")) == {"FINISHED"}
action = settings.character.animation_data.action
report |= {"slots": len(action.slots), "range": list(action.frame_range), "markers": len(action.pose_markers)}
strips = [strip for strip in scene.sequence_editor.strips if strip.type == "SOUND"]
report["strips"] = [int(strip.frame_start) for strip in strips]
scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 90, 160
settings.seed = 5
assert bpy.ops.cospeech.regenerate() == {"FINISHED"}, engine.SESSION.note
assert bpy.ops.cospeech.save_take(filepath=str(out / "again.npz")) == {"FINISHED"}
assert bpy.ops.cospeech.export_fbx(filepath=str(out / "take.fbx"), preset="UNREAL") == {"FINISHED"}
report["folders"] = sorted(name for name in os.listdir(bpy.app.tempdir) if name.startswith("cospeech_"))
"""
BROKEN = """
def gone(package):
    import shutil
    for path in own.packages.glob(f"{package}-*.dist-info"):
        shutil.rmtree(path)
    shutil.rmtree(own.packages / package)
bpy.ops.cospeech.add_character()
gone("praatio")
report["missing"] = panel.engine_problem()
report["job without"] = told(bpy.ops.cospeech.test_engine)
report["repaired"] = told(bpy.ops.cospeech.repair_engine), engine.SESSION.note
report["problem after"] = panel.engine_problem()
library = next(own.packages.glob("soxr/*.so"))
library.unlink()  # as a virus scanner does
engine.SESSION.let_go()
settings.audio = json.loads(sys.argv[3])[0][1]
report["robbed"] = told(bpy.ops.cospeech.generate)
report["repaired again"] = told(bpy.ops.cospeech.repair_engine), engine.SESSION.note
report["works"] = told(bpy.ops.cospeech.generate)
"""


def run(blender: str, code: str, resources: Path, *words: str) -> dict:
    """A script in an environment's Blender, with no network where this machine lets us take it away."""
    python = ROOT / BLENDERS[blender] / "bin/python"
    if not python.is_file():
        pytest.skip(
            f"there is no {BLENDERS[blender]}; python build.py test makes it where a Python for it is installed"
        )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COSPEECH"))}
    offline = (
        ["unshare", "-n"] if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0 else []
    )
    done = subprocess.run(
        [*offline, python, "-c", code, *words],
        text=True,
        capture_output=True,
        env={**kept, "BLENDER_USER_RESOURCES": str(resources)},
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return json.loads(done.stdout.split("REPORT")[1].splitlines()[0])


def lines(folder: Path) -> list[tuple[str, str, str]]:
    """Audio with its transcript in every form."""
    from praatio import textgrid

    (folder / "w.srt").write_text(SRT)
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("words", [(start, end, word) for word, start, end in WORDS], 0.0, 2.45))
    grid.save(str(folder / "w.TextGrid"), format="short_textgrid", includeBlankSpaces=True)
    (folder / "digits.txt").write_text(LINE.with_suffix(".txt").read_text().replace("three", "3"))
    welcome = str(WELCOME)
    return [
        ("srt", welcome, str(folder / "w.srt")),
        ("grid", welcome, str(folder / "w.TextGrid")),
        ("txt", welcome, str(WELCOME.with_suffix(".txt"))),
        ("digits", str(LINE), str(folder / "digits.txt")),
    ]


@pytest.fixture(scope="session")
def made(kept, wheeled):
    """What a Blender reports of its takes, and the folder with them."""

    def of(blender: str) -> tuple[dict, Path]:
        def make(folder: Path) -> None:
            resources = folder / "Zoë's profile"
            resources.mkdir()
            said = run(blender, START + TAKES + END, resources, str(wheeled), str(folder), json.dumps(lines(folder)))
            (folder / "report.json").write_text(json.dumps(said))
            shutil.rmtree(resources)

        folder = kept(f"built in {blender}", make)
        return json.loads((folder / "report.json").read_text()), folder

    return of


@pytest.mark.parametrize("blender", BLENDERS)
def test_install_generate_regenerate_and_export_with_no_set_up(made, blender):
    report, folder = made(blender)
    assert report["problem"] == ""
    assert report["kind"] == "built in"
    assert report["networks"] == "The networks need PyTorch, which is not built in; press Set Up Networks"
    assert report["test"].startswith("Ready: engine")
    assert report["slots"] == 2
    assert report["range"][0] == 11.0
    assert report["range"][1] > 250.0
    assert report["markers"] > 20
    assert set(report["strips"]) == {11}
    assert report["folders"] == []  # no job has left its folder
    plans = {}
    for kind in ("srt", "grid", "txt", "digits", "again"):
        with np.load(folder / f"{kind}.npz") as take:
            assert np.abs(np.diff(take["poses"], axis=0)).max() > 0.01, kind
            plans[kind] = json.loads(str(take["plan"]))
    for kind in ("srt", "grid", "txt"):
        assert [word[0].strip("!,") for word in plans[kind]["words"]] == [word for word, _, _ in WORDS]
    assert "3" in [word[0] for word in plans["digits"]["words"]]
    assert plans["again"] != plans["digits"]
    assert (folder / "take.fbx").stat().st_size > 100_000


@pytest.mark.parametrize("blender", list(BLENDERS)[1:])
def test_takes_agree_between_blenders(made, blender):
    """Two Pythons and two numpys, one take."""
    _, first = made("4.5.15")
    _, second = made(blender)
    for kind in ("srt", "grid", "txt", "digits", "again"):
        with np.load(first / f"{kind}.npz") as one, np.load(second / f"{kind}.npz") as other:
            for name in ("poses", "trans", "blendshapes", "expressions"):
                assert np.abs(one[name] - other[name]).max() < 1e-6, (kind, name)
            plans = [json.loads(str(take["plan"])) for take in (one, other)]
        assert plans[0] == plans[1], kind


def test_a_package_that_is_missing_or_broken_is_named_and_repaired(wheeled, tmp_path):
    report = run("4.5.15", START + BROKEN + END, tmp_path, str(wheeled), str(tmp_path), json.dumps(lines(tmp_path)))
    assert report["missing"] == "The built-in engine lacks praatio; press Repair"
    assert "The built-in engine lacks praatio; press Repair" in report["job without"]
    assert report["repaired"][0] == ["FINISHED"]
    assert report["repaired"][1].startswith("Ready: engine unpacked praatio again in")
    assert report["problem after"] == ""
    assert "The engine's Python can't load soxr; press Repair" in report["robbed"]
    assert report["repaired again"][0] == ["FINISHED"]
    assert "unpacked soxr again" in report["repaired again"][1]
    assert report["works"] == ["FINISHED"]


def test_a_bare_zip_says_what_it_needs(built, tmp_path):
    code = START + 'report["job"] = told(bpy.ops.cospeech.test_engine)\n' + END
    report = run("5.0.1", code, tmp_path, str(built), str(tmp_path))
    assert report["problem"] == "Cospeech's engine is not set up yet; press Set Up Engine"
    assert report["problem"] in report["job"]
