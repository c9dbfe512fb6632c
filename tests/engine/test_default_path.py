"""A default job needs the packages that the zip brings along, and no others."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.limits import HANG_SECONDS
from tests.places import ROOT

CODE = """
import json, sys
from engine.imports import import_default_path
from engine.inspection import WELCOME
from engine.take.make import make_take
from engine.take.options import TakeOptions
import_default_path()
make_take(TakeOptions(audio=str(WELCOME), transcript=str(WELCOME.with_suffix(".txt"))), lambda *_: None)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
HEAVY = {"docopt", "librosa", "numba", "pydantic", "rich", "smplx", "sklearn", "torch", "transformers", "typer"}


def test_no_network_s_package_and_none_of_the_command_line_is_imported():
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert not imported & HEAVY
    assert {"numpy", "scipy", "soundfile", "pocketsphinx", "parselmouth"} <= imported


def test_the_command_line_without_its_packages_is_a_sentence(tmp_path):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')")
    code = f"import runpy, sys; sys.path[:0] = [{str(tmp_path)!r}, '.']; sys.argv[1:] = ['inspect', 'x.npz']\n"
    code += "runpy.run_module('engine', run_name='__main__', alter_sys=True)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.returncode == 1
    assert done.stderr == "cospeech: The command line needs the package typer; install it with pip, or use Blender\n"
